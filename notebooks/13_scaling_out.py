# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,slideshow,jupyter,-all
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 Scaling out: what if one machine is not enough?
#
# Everything so far has run on one device. Meta trained Llama 2 on very many of them at once, and not only to be done
# sooner: what training keeps of the 70B does not fit into any card that you can buy. So the work, and the model itself,
# must be shared out, by people who then want one thing above all: that the result is *the same* as if one enormous
# machine had done it.
#
# In this lesson you share out a training step in three ways, each by hand: the rows of a batch (data parallel), the
# numbers of the model (fully sharded), and the matrices themselves (tensor parallel). You see who holds which shard and
# who sends what, in bytes. Then the same functions run in two and in four real processes, and PyTorch's own tools do
# what you did by hand. Each time you compare with one process.
#
# **You need** lessons 04 (key-value heads), 05 (the parts of a Llama), 06 (gradients, AdamW, the batch) and the sum of
# bytes from 08. No GPU: several *processes* on one computer talk to each other as several machines do. **It takes**
# about an hour and three quarters; a good place to pause is after section 5. Letters and terms: [TERMS](../TERMS.md).
# Where it says **Predict**, do so before you run on.

# %%
from llama_lessons.page import setup, show, stable

setup()
import math

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import cross_entropy, silu

from llama_lessons.config import LlamaConfig

SIZES = {name: LlamaConfig.preset(f"llama2-{name.lower()}") for name in ("7B", "13B", "34B", "70B")}
print(", ".join(f"{name}: {config.n_params:,} numbers" for name, config in SIZES.items()))

# %% [markdown]
# ## 1. What does not fit
#
# Training keeps more than weights. The usual recipe is called *mixed precision* (Micikevicius and others,
# [arXiv:1710.03740](https://arxiv.org/abs/1710.03740), then with float16). The numbers that compute are bfloat16, 2
# bytes each, and so are their gradients. AdamW has two means for each number (lesson 06) in float32, and beside them
# lies a copy of the weight itself in float32. We count it as AdamW's, which steps it: 12 bytes more. That makes 16
# bytes for each number, as many as in lesson 08, where everything was float32 and no copy was needed.
#
# Why the copy? **Predict:** a weight of 1 is moved by 0.001, a thousand times. Where does it end in bfloat16, and where
# in float32?

# %%
short, long = torch.tensor(1.0, dtype=torch.bfloat16), torch.tensor(1.0)
for _ in range(1000):
    short, long = short + 0.001, long + 0.001
print("a thousand small steps from 1 lead, in bfloat16, to", short.item(), "and in float32 to", stable(long), end="; ")
print("the next bfloat16 after 1 is", stable(1 + torch.finfo(torch.bfloat16).eps, 3))

# %% [markdown]
# **Answer:** In bfloat16 it never moves: the next number after 1 is too far off, and each small step is rounded away.
# So steps are added up in float32, and rounded only for computing.
#
# Now to the bytes. A card "of 80 GB" has 80 GiB, which is 86 GB; we count in GB throughout, of 10⁹ bytes.
# **Predict:** how many such cards does it take to hold what training keeps of the 7B? Of the 70B?

# %%
from llama_lessons.arithmetic import CARDS

card = CARDS["A100 80GB"] / 1e9  # GB
for name, config in SIZES.items():
    weights, everything = 2 * config.n_params / 1e9, 16 * config.n_params / 1e9
    n_cards = math.ceil(everything / card)
    print(f"{name:<4} weights {stable(weights, 0):>4} GB, in training {stable(everything, 0):>5} GB: {n_cards} cards")

# %% [markdown]
# **Answer:** Not even the 7B fits into one: it takes two cards, and the 70B takes thirteen. That is before it has read
# a word: the backward pass needs what the forward pass has computed, its *activations*. There is a way to keep less of
# them. *Activation checkpointing* (Chen and others, [arXiv:1604.06174](https://arxiv.org/abs/1604.06174)) keeps only
# what enters each layer, and computes the rest a second time when the gradients come back. It costs one more forward
# pass. The backward pass is twice the work of the forward pass (a gradient for x, and one for W), so that is a third of
# a step's work again.
#
# The next cell asks PyTorch what it would keep of our `Block`: one layer at true shapes on the *meta* device, which has
# shapes and no memory (lesson 14 uses it more), times the number of layers. We leave out embedding and head, and the
# attention weights, T by T, which fused kernels (lesson 02) never write. **Predict:** 4096 tokens of the 7B, as two
# texts of 2048: more than its weights, or less?

# %%
from torch.utils.checkpoint import checkpoint

from llama_lessons.model import Block


def kept_gb(config, recompute, n_tokens=2048):  # of two texts of so many tokens, all layers
    with torch.device("meta"):
        block = Block(config).bfloat16()
        x = torch.zeros(2, n_tokens, config.dim, dtype=torch.bfloat16, requires_grad=True)
        angles = torch.zeros(n_tokens, config.head_dim // 2)
    own, kept = {weight.untyped_storage()._cdata for weight in block.parameters()}, {}

    def keep(tensor):
        if tensor.shape[-2:] != (n_tokens, n_tokens):
            kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        given = (x, angles.cos(), angles.sin())
        checkpoint(block, *given, use_reentrant=False) if recompute else block(*given)
    n_bytes = sum(tensor.untyped_storage().nbytes() for key, tensor in kept.items() if key not in own)
    return config.n_layers * n_bytes / 1e9


# %%
kinds = {"weights": 2, "gradients": 2, "AdamW": 12}  # bytes a number
kept = {name: (kept_gb(config, False), kept_gb(config, True)) for name, config in SIZES.items()}
figure, axes = plt.subplots(figsize=(7, 2.8))
below = [0.0] * len(SIZES)
for (kind, each), colour, hatch in zip(kinds.items(), ("#0072B2", "#56B4E9", "#E69F00"), ("", "..", "//"), strict=True):
    heights = [each * config.n_params / 1e9 for config in SIZES.values()]
    axes.bar(list(SIZES), heights, bottom=below, label=kind, color=colour, hatch=hatch, edgecolor="black")
    below = [a + b for a, b in zip(below, heights, strict=True)]
heights = [all_of_it for all_of_it, _ in kept.values()]
axes.bar(list(SIZES), heights, bottom=below, label="activations", color="white", edgecolor="black")
axes.axhline(card, color="#D55E00", linestyle="--", label="one A100")
axes.set(ylabel="GB, 4096 tokens")
axes.legend(frameon=False, loc="upper left", fontsize=9)
for name, (all_of_it, inputs) in kept.items():
    print(
        f"{name:<4} activations of 4096 tokens {stable(all_of_it, 0):>4} GB; what enters layers: {stable(inputs, 1)} GB"
    )
what = "Stacked bars for four sizes: weights, gradients, AdamW, activations. AdamW is the largest part everywhere; "
show(figure, alt=what + "a dashed line at 86 GB, one A100, is below the top of all four.")

# %% [markdown]
# **Answer:** More than its weights, for a batch of two texts. With checkpointing there is little: what enters the
# layers, and for a moment everything of the one layer that is computed again. AdamW is the largest part by far.
# Remember that when we ask what to share first.
#
# ## 2. Ranks, and how they talk
#
# Several processes run *the same program*. Each is a *rank*: number 0, 1, 2 and so on, of `size`. A rank sees its own
# memory and nothing else. They talk in *collectives*, operations that all of them call together (two ranks can also
# send to each other alone; we need none of that):
#
# | collective | each rank brings | each rank gets |
# |---|---|---|
# | broadcast | a tensor | that of rank 0 |
# | all-gather | a shard | all shards, one after the other |
# | all-reduce | a tensor | the sum of all |
# | reduce-scatter | a tensor | its own share of the sum |
#
# Real ranks are processes, which a notebook cannot look into. So we begin with ranks *in this kernel*:
# `in_lockstep(size, function)` runs a function as all of them, one at a time, from collective to collective, always in
# the same order. What the function is given, `ranks`, has the four collectives. Later, the same function gets real
# ones.

# %%
from llama_lessons.parallel.lockstep import in_lockstep


def talk(ranks):
    own = torch.tensor([1.0, 2.0, 3.0]) * 10**ranks.rank
    return {
        "brings": own,
        "broadcast": ranks.broadcast(own),
        "all-gather": ranks.all_gather(own[:1]),
        "all-reduce": ranks.all_reduce(own),
        "reduce-scatter": ranks.reduce_scatter(own),
    }


results, record = in_lockstep(3, talk)
for what in results[0]:
    print(f"{what:<15}", *(f"{[round(x) for x in result[what].tolist()]!s:<18}" for result in results))

# %% [markdown]
# (A column for each rank.) Look at the last two rows: gather the shares of the last, and you have the row above it. An
# all-reduce is a reduce-scatter followed by an all-gather. That will be useful twice.
#
# **Predict:** rank 2 sees that it has nothing to do, and returns early. The others wait for it in an all-reduce. What
# happens?


# %%
def early(ranks):
    if ranks.rank == 2:
        return torch.zeros(3)
    return ranks.all_reduce(torch.ones(3))


try:
    in_lockstep(3, early)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# **Answer:** Our ranks stand in one kernel, and notice. Real ones would wait for minutes, until a timeout tells which
# operation did not end, and not who was missing or why. It is the usual accident of distributed programs: an `if` that
# depends on the rank, around something that all must do.
#
# ### Who sends what?
# How does one make a sum of everybody's tensors? Naively: all send to rank 0, which adds up and sends back. With n
# ranks, n − 1 tensors then come in through rank 0's cable, and n − 1 go out, while every other cable carries one each
# way.
#
# There is a better way (Patarasuk and Yuan, 2009). The ranks stand in a *ring*, and each cuts its tensor into n chunks.
# In each step every rank sends one chunk to its right neighbour, at the same time, and adds what it gets from the left.
# After n − 1 steps each has one chunk that is complete, and in n − 1 more steps the complete chunks go round. Here it
# is on four ranks, with ones: then each number says how many summands it has. **Predict:** how many tensors' worth does
# each rank send in all? And with a thousand ranks?


# %%
def ring(vectors):  # one for each rank; yields the ranks' chunks after every step
    n = len(vectors)
    chunks = [list(vector.chunk(n)) for vector in vectors]
    yield [torch.stack(own).mean(1) for own in chunks]
    for step in range(2 * (n - 1)):
        sent = [chunks[rank][(rank - step) % n] for rank in range(n)]  # all at once
        for rank in range(n):
            to, which = (rank + 1) % n, (rank - step) % n
            chunks[to][which] = chunks[to][which] + sent[rank] if step < n - 1 else sent[rank]
        yield [torch.stack(own).mean(1) for own in chunks]


steps = [torch.stack(state) for state in ring([torch.ones(4)] * 4)]  # (ranks, chunks) each
figure, panels = plt.subplots(1, len(steps), figsize=(7, 1.7), sharey=True)
for k, (axes, state) in enumerate(zip(panels, steps, strict=True)):
    axes.imshow(state, cmap="Blues", vmin=0, vmax=5)
    for (rank, chunk), summands in {(r, c): int(state[r, c]) for r in range(4) for c in range(4)}.items():
        colour = "white" if summands > 2 else "black"
        axes.text(chunk, rank, summands, ha="center", va="center", fontsize=9, color=colour)
    axes.set(title=f"step {k}", xticks=[], yticks=range(4))
    axes.title.set_fontsize(9)
panels[0].set_ylabel("rank")
assert (steps[-1] == 4).all(), "in the end every chunk should have four summands"
what = "Seven grids, rows are ranks and columns chunks; each number counts summands. All are 1 at first; a diagonal "
show(figure, alt=what + "grows to 2, 3 and 4 in three steps, then the 4s spread, until all sixteen are 4.")

# %% [markdown]
# **Answer:** Each of the six steps moves a chunk, a fourth of the tensor, over every cable of the ring at once: one and
# a half tensors. In general a rank sends 2 (n − 1) / n of the tensor, less than twice its size *however many ranks
# there are*, and gets as much. Only the number of steps grows; where that waiting counts, with small tensors or very
# many ranks, NVIDIA's library takes trees in place of rings.
#
# This is what the record counts, and what it means for a large gradient (through rank 0: what comes in and goes out):

# %%
print("bytes that go from rank to rank, for tensors of 12 bytes (of 4 in the all-gather):")
for one in record[1:]:
    print(f"   {one.kind:<15} {one.sends}")
gradient_gb = 2 * SIZES["7B"].n_params / 1e9
for n in (2, 8, 64):
    naive, round_ring = 2 * (n - 1) * gradient_gb, 2 * (n - 1) / n * gradient_gb
    print(f"a gradient of the 7B, {n:>2} ranks: naively {stable(naive, 0):>5} GB through rank 0", end="; ")
    print(f"in a ring every rank sends {stable(round_ring, 0)} GB")

# %% [markdown]
# ## 3. Data parallel
#
# The simplest way to share: every rank has the whole model and takes some rows of the batch. Each computes its
# gradient, they are averaged by an all-reduce, and all ranks take the same step.
#
# Our model is a small relative of the 70B: 8 heads, 2 key-value heads, random weights. Its batch has 8 rows, and as in
# lesson 09's chats not every token counts: the first row asks for 3 tokens, the last for 24.
#
# **Predict:** each rank takes the mean loss of its own tokens, as you would on one machine, and the gradients are
# averaged. Is that the gradient of one process with all rows?

# %%
from llama_lessons.batches import IGNORE
from llama_lessons.checks.parallel_trials import CONFIG, new_model, one_process, whole_batch
from llama_lessons.parallel.by_hand import flatten

batch = whole_batch()


def gradients_of(batch):
    model = new_model()  # the same weights each time
    logits = model(batch.tokens).flatten(0, 1)
    cross_entropy(logits, batch.targets.flatten(), ignore_index=IGNORE).backward()  # the mean
    return {name: weight.grad for name, weight in model.named_parameters()}


def naive(ranks):
    own = gradients_of(batch.split(ranks.size)[ranks.rank])
    return {name: ranks.all_reduce(gradient) / ranks.size for name, gradient in own.items()}


print("tokens that each row asks for:", (batch.targets != IGNORE).sum(1).tolist())
alone = flatten(gradients_of(batch))
for n in (2, 4, 8):
    found = flatten(in_lockstep(n, naive)[0][0])
    print(f"{n} ranks: the gradient is {stable(100 * (found - alone).norm() / alone.norm(), 0)} % off")

# %% [markdown]
# **Answer:** It is another gradient, and the more ranks there are, the further off. No error was raised, and the loss
# may well fall all the same: a mistake that one finds only by comparing. The mean of means is not the mean. A rank with
# few tokens speaks as loudly as one with many, so that each of *its* tokens counts more.
#
# ### Exercise 1 (10 minutes): the right average


# %% tags=["exercise"]
def my_average(gradients, n_tokens):
    """The gradient of the mean loss over the tokens of all ranks.

    gradients: a tensor for each rank, all of the same shape: the gradient of the mean loss over its own tokens.
    n_tokens: how many tokens each rank's loss was a mean of, whole numbers.
    Returns a tensor of the same shape.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.parallel import check_average

check_average(my_average)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A rank's mean loss times its number of tokens is the sum over its tokens. Sums may be added up.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Divide once, at the end, by the number of all tokens.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_average(gradients, n_tokens):
    summed = sum(gradient * n for gradient, n in zip(gradients, n_tokens, strict=True))
    return summed / sum(n_tokens)


check_average(solved_average)

# %% [markdown]
# In practice one does not multiply a mean by what it was divided by. Each rank calls `backward` on the *sum* of its
# losses; one all-reduce adds up the gradients, another one the numbers of tokens, and there is one division. That is
# the whole of `average_gradients`:
#
# ```python
# n_all = ranks.all_reduce(torch.tensor(float(n_own)), "number of tokens")
# ...
# weights[key].grad = gradient / n_all     # of the sum over all ranks
# ```
#
# (Gradients go round in *buckets*, here those of a layer in one tensor: a hundred small all-reduces would wait a
# hundred times.) `parallel_trials` takes a whole step with it, AdamW included, and `compare` looks at the weights of
# every rank afterwards. (AdamW divides a gradient by its own size. So the weights after a first step show at once a
# gradient that points elsewhere, but hardly one that is a per cent too long: in section 5 we compare the gradient
# itself.)

# %%
from llama_lessons.checks.parallel_trials import STRATEGIES, distance


def compare(name, sizes=(2, 4)):
    right = one_process()  # its loss, and all weights after a step
    for n in sizes:
        results, _ = in_lockstep(n, STRATEGIES[name])
        furthest = max(distance(result, right) for result in results)
        assert furthest < 1e-5, f"{name} on {n} ranks is {furthest} from one process"
        print(f"{name}, {n} ranks: loss and all weights after a step are one process's, to 1e-5, on every rank")


compare("data parallel")

# %% [markdown]
# ## 4. Everybody has everything
#
# Data parallel makes training faster, and nothing smaller: each rank holds all 16 bytes of each number. And they are
# the *same* bytes. *ZeRO* (Rajbhandari and others, [arXiv:1910.02054](https://arxiv.org/abs/1910.02054)) asks who needs
# what, and when, and goes in three stages:
#
# 1. Each rank keeps AdamW's numbers for its own share of the weights only, steps that share, and sends the new weights
#    to the others.
# 2. A rank that steps only its share needs only the gradient of its share: a reduce-scatter in place of the all-reduce.
# 3. The weights, too, are kept in shards, and are gathered just before a layer computes.
#
# ### Exercise 2 (10 minutes): GB on each rank


# %% tags=["exercise"]
def my_rank_gb(n_params, n_ranks, stage):
    """GB (10**9 bytes) that each rank keeps: weights, gradients and AdamW's numbers.

    Activations, and a layer that is gathered for a moment, are not counted.

    n_params: numbers in the model. Weights and gradients have 2 bytes each, AdamW keeps 12 for each number.
    n_ranks: how many ranks there are.
    stage: 0, nothing is shared out; 1, 2 or 3, as above. A stage shares all that those before it share.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.parallel import check_rank_gb

check_rank_gb(my_rank_gb)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Write the three parts down as bytes, and divide by n_ranks those that are shared out at this stage.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `optimizer = 12 * n_params / (n_ranks if stage >= 1 else 1)`
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_rank_gb(n_params, n_ranks, stage):
    optimizer = 12 * n_params / (n_ranks if stage >= 1 else 1)
    gradients = 2 * n_params / (n_ranks if stage >= 2 else 1)
    weights = 2 * n_params / (n_ranks if stage >= 3 else 1)
    return (optimizer + gradients + weights) / 10**9


check_rank_gb(solved_rank_gb)

# %% [markdown]
# **Predict:** the 70B on 64 cards of 80 GB: which stage does it take?

# %%
from llama_lessons.checks.parallel import rank_gb

figure, panels = plt.subplots(1, 2, figsize=(7, 2.8), sharey=True)
for axes, n_ranks in zip(panels, (8, 64), strict=True):
    for k, (name, colour) in enumerate({"7B": "#56B4E9", "70B": "#0072B2"}.items()):
        heights = [rank_gb(SIZES[name].n_params, n_ranks, stage) for stage in range(4)]
        places = [stage + 0.4 * k for stage in range(4)]
        bars = axes.bar(places, heights, 0.4, color=colour, edgecolor="black", label=name)
        axes.bar_label(bars, [f"{height:.0f}" for height in heights], fontsize=9)
    axes.axhline(card, color="#D55E00", linestyle="--", label="one A100")
    axes.set(title=f"{n_ranks} ranks", xlabel="stage of ZeRO", yscale="log", ylim=(1, 20_000))
    axes.set_xticks([stage + 0.2 for stage in range(4)], range(4))
panels[0].set_ylabel("GB on each rank")
panels[1].legend(frameon=False, loc="upper right", fontsize=9, ncols=3, columnspacing=0.8)
fits = {stage: rank_gb(SIZES["70B"].n_params, 64, stage) < card for stage in range(4)}
print("the 70B on 64 cards; what training keeps fits at stage:", fits)
what = "Two panels of bars on a logarithmic scale, GB on each rank by stage. With 64 ranks the 70B falls from 1104 to "
show(figure, alt=what + "17, below the dashed line of one A100 only at stage 3; the 7B fits from stage 1 on.")

# %% [markdown]
# **Answer:** Only the third, which shares everything; on eight cards not even that would do. (Figure 1 of the ZeRO
# paper shows a model of 7.5 billion numbers on 64 ranks; see whether your function gives its four bars.) PyTorch calls
# stage 3 *fully sharded data parallel*.
#
# ## 5. Fully sharded
#
# How can a rank compute with a layer of which it holds a quarter? It cannot; so for a moment it holds all of it:
# *gather, compute, free*. All the numbers of a layer stand one after the other in a long vector (`flatten`), which is
# cut into equal shards (`shard`). `functional_call` runs a module with weights that are given to it, in place of its
# own. Here is one layer's feed-forward, and a loss that has no meaning. **Predict:** which collective brings each rank
# the gradient of its shard?

# %%
from torch.func import functional_call

from llama_lessons.parallel.by_hand import shard, unflatten

layer = new_model().blocks[0].feed_forward
weights = {name: weight.detach() for name, weight in layer.named_parameters()}
rows = torch.randn(8, CONFIG.dim, generator=torch.Generator().manual_seed(5))


def one_layer(ranks):
    own, x = shard(flatten(weights), ranks), rows.chunk(ranks.size)[ranks.rank]  # all that a rank has
    whole = ranks.all_gather(own, "weights").requires_grad_()
    loss = functional_call(layer, unflatten(whole, weights), x).square().sum()
    gradient = torch.autograd.grad(loss, whole)[0]  # of all weights, from this rank's rows
    del whole  # freed: the next layer needs the room
    return ranks.reduce_scatter(gradient, "gradient")


shares, record = in_lockstep(4, one_layer)
right = torch.autograd.grad(layer(rows).square().sum(), list(layer.parameters()))
torch.testing.assert_close(torch.cat(shares), torch.cat([part.flatten() for part in right]), rtol=1e-4, atol=1e-4)
print(f"{sum(w.numel() for w in right):,} numbers; each rank keeps {len(shares[0]):,}, and the gradient of as many")
print("the four shares together are the gradient of one process")

# %% [markdown]
# **Answer:** The reduce-scatter: it adds up over the ranks, and leaves each with its own share.
#
# For a whole model, go through it unit by unit: embedding, each layer, head. Forward: gather, compute, free. Backward,
# from the end: gather again, compute again from what had entered, take the gradient, reduce-scatter, free. So our
# `fully_sharded` does activation checkpointing on its way. (PyTorch's tool does not by itself: there it is a choice of
# its own, the package's `recompute_blocks`.)
#
# **Predict:** each weight goes round three times: two all-gathers and a reduce-scatter. Compared with the all-reduce of
# data parallel, how many bytes does a rank send?

# %%
compare("fully sharded")
records = {name: in_lockstep(4, step)[1] for name, step in STRATEGIES.items()}
# the weights are gathered once more at the end, only to be compared: that does not count
records = {name: [one for one in record if "saved" not in one.what] for name, record in records.items()}
for name in ("data parallel", "fully sharded"):
    sent = sum(n_bytes for one in records[name] for (source, _), n_bytes in one.sends.items() if source == 0)
    most = max(sum(one.held[0].values()) for one in records[name])
    print(f"{name}: rank 0 sends {sent:,} bytes in a step, and holds at most {most:,}")

# %% [markdown]
# **Answer:** Half as much again is sent, and on four ranks a quarter is kept. Memory is what one runs out of, so the
# price is low, and it can even be hidden: a real program gathers the next layer while this one computes.
#
# A fair comparison says one thing more. This was a *first* step, where AdamW's means come into being at its end. From
# the second step on they lie there all the time, and a rank holds most in the backward pass, when one unit is whole,
# with its whole gradient, on top of all that is kept. Our units are a large part of a small model; a layer of the 70B
# is about an eightieth of it.
#
# A good place for a pause.
#
# ## 6. Tensor parallel
#
# Fully sharded still computes whole layers. There is a way to share out the matrices *in computing*: no rank ever has
# all of one (*Megatron-LM*, Shoeybi and others, [arXiv:1909.08053](https://arxiv.org/abs/1909.08053)). All ranks see
# the same tokens, and each computes a part of each product.
#
# Take the feed-forward: w_gate and w_up make hidden channels, silu and a product follow, and w_down goes back. A
# product `x @ W.T` may be cut in two ways. By rows of W, and each rank has some of the outputs; or by columns of W and
# channels of x, and each rank has a *part of the sum* for all outputs.
#
# **Predict:** which of the two would you take for w_gate and w_up? Try the second one first: is the sum over the ranks
# right?

# %%
w_gate, w_up, w_down = (weights[f"{name}.weight"] for name in ("w_gate", "w_up", "w_down"))
right = layer(rows).detach()


def by_columns(ranks):  # channels of x, and columns of w_gate and w_up
    x, gate, up = (tensor.chunk(ranks.size, 1)[ranks.rank] for tensor in (rows, w_gate, w_up))
    return ranks.all_reduce((silu(x @ gate.T) * (x @ up.T)) @ w_down.T)


def by_columns_and_back(ranks):  # add up before silu bends it
    x, gate, up = (tensor.chunk(ranks.size, 1)[ranks.rank] for tensor in (rows, w_gate, w_up))
    gate, up = ranks.all_reduce(x @ gate.T), ranks.all_reduce(x @ up.T)
    return (silu(gate) * up) @ w_down.T


for way in (by_columns, by_columns_and_back):
    results, record = in_lockstep(4, way)
    sent = sum(one.sends[0, 1] for one in record[1:])
    far = 100 * (results[0] - right).norm() / right.norm()
    print(f"{way.__name__:<20} {stable(far, 0):>3} % off, {sent:,} bytes sent by each rank")

# %% [markdown]
# **Answer:** No: the silu of a part of a sum is not a part of the silu. To cut by columns one must add up *before*
# every bend, and the hidden channels are wide, about three times the stream. Cut the other way: w_gate and w_up by
# rows, so that each rank has some hidden channels, complete. Silu and product work channel by channel. And then w_down
# by columns: each rank multiplies its channels with *their* columns, and has a part of the sum for all outputs. One
# all-reduce at the end, as wide as x: no more bytes than the wrong way above, and no rank has all of a matrix.
# (Megatron-LM writes x W where PyTorch writes x Wᵀ, and so calls our rows columns: "column parallel, then row
# parallel".)
#
# ### Exercise 3 (15 minutes): each rank's part


# %% tags=["exercise"]
def my_parts(x, w_gate, w_up, w_down, n_ranks):
    """What each rank adds to the output of a feed-forward.

    x: shape (T, C), the same on all ranks. w_gate, w_up: shape (F, C). w_down: shape (C, F).
    n_ranks: divides F; rank 0 has the first F / n_ranks hidden channels, and so on.
    Returns a list, for each rank a tensor of shape (T, C): their sum is (silu(x w_gate.T) * (x w_up.T)) w_down.T
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.parallel import check_parts

check_parts(my_parts)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `w_gate.chunk(n_ranks)` gives each rank its rows.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `w_down.chunk(n_ranks, 1)` gives each rank its columns, those of its own hidden channels.
#
# </details>
# <details><summary>Hint 3</summary>
#
# For one rank it is the same formula, with the smaller matrices: `(silu(x @ gate.T) * (x @ up.T)) @ down.T`.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_parts(x, w_gate, w_up, w_down, n_ranks):
    own = zip(w_gate.chunk(n_ranks), w_up.chunk(n_ranks), w_down.chunk(n_ranks, 1), strict=True)
    return [(silu(x @ gate.T) * (x @ up.T)) @ down.T for gate, up, down in own]


check_parts(solved_parts)

# %% [markdown]
# Attention is cut in the same way, by heads: wq, wk, wv by rows, a few heads to each rank, and wo by columns. Heads do
# not look at each other, so nothing need be sent before the end.
#
# Grouped-query attention has a catch (lesson 04): the 70B has 64 query heads and only 8 key-value heads, one for each
# GPU of a machine with eight and no more; our model has 8 and 2. **Predict:** on four ranks, each has two query heads,
# and there are two key-value heads. Who gets which? And when the gradients come back: has a rank all of the gradient of
# its key-value head?

# %%
from llama_lessons.parallel.ranks import Ranks
from llama_lessons.parallel.tensor_by_hand import cut

name = "blocks.0.attention.wk.weight"
whole = dict(new_model().named_parameters())[name].detach()
heads = list(whole.unflatten(0, (CONFIG.n_kv_heads, -1)))  # rows of each key-value head
for rank in range(4):
    part = cut(name, whole, Ranks(rank, 4), CONFIG)
    [has] = [k for k, head in enumerate(heads) if torch.equal(head, part)]
    print(f"rank {rank}: query heads {2 * rank} and {2 * rank + 1}, key-value head {has}")

# %% [markdown]
# **Answer:** Neighbours have copies of the same one, as they must: query heads 0 to 3 share key-value head 0. Each
# copy's gradient has heard only from the query heads of its own rank. If both ranks stepped by their own, the copies
# would drift apart and nobody would notice. So ranks with the same head add their gradients up (`shared_gradient`);
# without that, the comparison that closes this section fails.
#
# One thing is left, and it is the widest of all activations: the logits, one for each entry of the vocabulary. The head
# is cut by rows, so that each rank has the logits of its own part of the vocabulary. The loss needs log Σ exp over
# *all* of them. Gathering them would undo everything. But a sum of exponentials can be put together from parts.
#
# ### Exercise 4 (15 minutes): a loss without all logits
# Each rank knows the largest of its own logits, and the sum of exp(logit − that largest), which cannot overflow. One of
# them knows the target's logit. Three small tensors go round; make the loss of them.


# %% tags=["exercise"]
def my_shared_loss(tops, sums, said):
    """The cross-entropy of each token, log(sum of exp(all logits)) - the target's logit, in nats.

    tops: for each rank the largest of its own logits, shape (ranks, N).
    sums: for each rank the sum of exp(logit - its own largest), shape (ranks, N).
    said: the target's logit on the rank that has it, 0 on the others, shape (ranks, N).
    Returns shape (N,). It must work where one token's logits are about 200, and another's about -200.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.parallel import check_shared_loss

check_shared_loss(my_shared_loss)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Each rank's sum is relative to its own largest. Before they are added up, all must be relative to the same one.
#
# </details>
# <details><summary>Hint 2</summary>
#
# exp(logit − a) times exp(a − b) is exp(logit − b).
#
# </details>
# <details><summary>Hint 3</summary>
#
# With `top = tops.amax(0)`, the loss is log of the rescaled sum, plus `top`, minus the target's logit.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 4: click to unfold
def solved_shared_loss(tops, sums, said):
    top = tops.amax(0)
    return (sums * (tops - top).exp()).sum(0).log() + top - said.sum(0)


check_shared_loss(solved_shared_loss)

# %% [markdown]
# (FlashAttention, lesson 02, puts a softmax together from blocks by the same formula. The package asks for the largest
# logit of all ranks first, by an all-reduce that takes the maximum in place of the sum; the rest is alike.) With that,
# everything is cut, and a whole step can be compared. What ranks say to each other within the layers is two small
# functions, Megatron-LM's *f* and *g*: where all ranks begin to read the same x, the *gradients* are added up; where
# each has a part of a sum, the *parts* are.

# %%
compare("tensor parallel")
said = [one.what for one in records["tensor parallel"] if one.kind == "all_reduce"]
of_layers = [what for what in said if "attention " in what or "feed-forward " in what]
print(f"{len(said)} all-reduces in a step, {len(of_layers)} of them in its two layers:", *of_layers[:2], "...")
possible = [n for n in range(1, 10) if CONFIG.n_heads % n == CONFIG.hidden_dim % n == 0]
print("heads and channels can be shared out by", possible, "ranks")

# %% [markdown]
# ## 7. See it: who holds which shard, who sends what
#
# The view has recorded one training step of our model, on four ranks of this kernel, in each of the three ways. Every
# block is a real tensor, and its area is its bytes. Go through the collectives one by one.
#
# **Find out:** in *fully sharded*, when does a rank hold most? Which unit is gathered twice in a row, and what would
# you do about it? In *tensor parallel*, what is sent in the forward pass, and how does its size depend on the number of
# tokens?

# %%
from llama_lessons.widgets.shards import ShardsView

ShardsView(records, strategy="fully sharded", step=3)

# %%
for name, record in records.items():
    sent = sum(n_bytes for one in record for (source, _), n_bytes in one.sends.items() if source == 0)
    own = sum(n_bytes for (kind, _), n_bytes in record[0].held[0].items() if kind == "weights")
    fullest = max(record, key=lambda one: sum(one.held[0].values()))
    print(f"{name:<16} weights of its own {own:>9,} bytes; at most held {sum(fullest.held[0].values()):>9,},", end=" ")
    print(f"after '{fullest.what}'; sent {sent:>9,} in {len(record) - 1} collectives")

# %% [markdown]
# A rank of *fully sharded* holds most at the end, when AdamW has got its numbers (in a first step; later in the
# backward pass, as section 5 says). The head is gathered at the end of the forward pass, freed, and gathered again at
# once: real programs keep the last unit. Tensor parallel sends activations, tokens times channels, twice a layer and
# twice on the way back, and no weights (only the gradients of the key-value heads that two ranks have): with few tokens
# that is little, with many it is much.
#
# ## 8. Real processes
#
# Now the same functions, in processes that share no memory. `torchrun` starts a module several times and tells each
# copy its rank; the copies find each other through a port of this machine. Between CPUs a library called *gloo* carries
# the bytes, between NVIDIA's GPUs *NCCL* (`"nccl"` in code). The module must be a file: a new process cannot see what
# you have written in a cell. Ours is `parallel_trials`; its function `data_parallel(ranks)` is the one that you have
# just run, and only `ranks` is another.
#
# **Predict:** will two processes give exactly the numbers of two ranks in this kernel, to the last bit? Will four?

# %%
import os
import subprocess
import sys


def torchrun(size, module, *given, seconds=140):
    """Run a module in several processes and give what it printed."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size), "-m", module]
    env = os.environ | {"OMP_NUM_THREADS": "1"}  # one thread each: they share the cores
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, *command, *map(str, given)], env=env, **pipes) as run:
        try:
            said, trouble = run.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            run.terminate()  # torchrun stops its processes
            raise RuntimeError(f"{size} processes of {module} were not done in {seconds} seconds") from None
        except KeyboardInterrupt:
            run.terminate()
            raise
    if run.returncode:
        raise RuntimeError(f"{size} processes of {module} stopped:\n{trouble[-2000:]}")
    return said


# %%
for n in (2, 4):
    for line in torchrun(n, "llama_lessons.checks.parallel_trials").splitlines():
        name, to_one, to_lockstep = line.rsplit(maxsplit=2)
        assert float(to_one) < 1e-5 and float(to_lockstep) < 1e-5, f"{n} processes differ: {line}"
        same = f"; exactly {n} ranks of this kernel: {float(to_lockstep) == 0}" if n == 2 else ""
        print(f"{name:<16} in {n} processes: one process's step to 1e-5{same}")

# %% [markdown]
# **Answer:** Two processes agree to the last bit with two ranks in lockstep (the first process runs those too, and
# compares): a + b is b + a. With four it depends on who adds first, (a + b) + (c + d) or ((a + b) + c) + d, and floats
# round in between; so the last digits may differ from ours. That is what "equal" means from here on: *exact where the
# order of sums allows, to a stated tolerance where not*.
#
# If a process dies, `torchrun` notices and ends the others, which could only wait for it, and the training starts again
# from the last saved state. In large runs this is daily life: Meta's report on Llama 3
# ([arXiv:2407.21783](https://arxiv.org/abs/2407.21783), section 3.3.4) counts several unexpected interruptions a day.
#
# ## 9. PyTorch's own
#
# Nobody writes these functions anew. PyTorch has three tools:
#
# - `DistributedDataParallel` (DDP) wraps a model and sends each bucket of gradients while the rest is still being
#   computed. It *averages* over ranks, so that unequal numbers of tokens are the caller's affair.
# - `fully_shard` (FSDP2) puts hooks before and after each module that you name, here every block: gather, compute,
#   free. It cuts each weight by rows, where we cut a long vector, and averages too unless told otherwise.
# - `parallelize_module` cuts a module's matrices after a plan, `ColwiseParallel` or `RowwiseParallel` for each, in
#   Megatron-LM's words: the first cuts our rows.
#
# The package's `llama_lessons.parallel.shard(model, way)` calls the second or the third on our Llama (it is not the
# small `shard` of section 5, which cuts a vector). Afterwards a `Trainer` (lesson 06) trains it as ever; clipping is by
# the norm of *all* gradients, wherever they lie, and the tokens of all ranks count alike.
#
# ```python
# with process_group():                                  # gloo, or nccl with "cuda"
#     trainer = Trainer(shard(model, "fsdp"), config, batch_at)
#     ...
#     trainer.save("work/run")                           # every process writes what it holds
# ```
#
# Such a state is a folder with a file for each process (torch.distributed.checkpoint), and a list of what lies where.
# **Predict:** two processes write it. Can three take it up? Can one, here in the kernel, without any group?

# %%
import shutil

from llama_lessons.checks import parallel_engines as engines
from llama_lessons.files import work_dir

folder = work_dir() / "13_engines"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir()
for n, ways in ((2, ["fsdp", "tp"]), (3, ["fsdp"])):  # 3 do not divide 8 heads
    for line in torchrun(n, "llama_lessons.checks.parallel_engines", folder, *ways).splitlines():
        name, apart = line.rsplit(maxsplit=1)
        assert float(apart) < 1e-5, f"{n} processes differ from one: {line}"
        print(f"{name:<14} in {n} processes: one process's loss and weights, to 1e-5")
alone = engines.Trainer(new_model(), engines.CONFIG, engines.batch_at)
engines.trained(alone, engines.STEPS + engines.MORE)
for way in ("fsdp", "tp"):
    resumed = engines.Trainer(new_model(), engines.CONFIG, engines.batch_at)
    resumed.load(folder / way)
    begun = resumed.step
    after = engines.trained(resumed, engines.MORE)
    apart = distance(after, (alone.history[-1].loss, dict(alone.model.named_parameters())))
    assert apart < 1e-5, f"the run that went on differs by {apart}"
    print(
        f"{way}: written by 2 processes after step {begun}, taken up by one, trained on: as if it had always been one"
    )

# %% [markdown]
# **Answer:** Both can. The list says which rows of which weight lie in which file, and whoever reads takes the rows
# that it needs. So a run may lose half its machines at night and go on with the other half.
#
# Two traps these tools leave to you. Ranks that draw their own random numbers choose other rows than the others. That
# is wanted in data parallel, where each should have its own; under tensor parallel, where all must read the same
# tokens, it is a silent mistake. And nothing may be counted twice: the norm of the gradient takes shards once, and
# whole copies once, not once for each rank.
#
# **With GPUs** nothing changes but the carrier: one process for each GPU, `process_group("cuda")`, nccl.
# `torchrun --nproc-per-node 8 -m llama_lessons.pretrain --shard fsdp` trains the Valley on eight. This page measures no
# speed: processes that share the cores of one computer say nothing about GPUs.
#
# ## 10. The real thing
#
# Is the cable fast enough? An NVIDIA A100 does 312 million million operations a second in bfloat16, by its maker's data
# sheet, of which training reaches some 40 % (see below). The paper (section 2.2.1) says how fast the network's
# end-points were, in bits a second. That each GPU has one for itself is our *assumption*: change `LINK`.
#
# We count the same tokens a rank for each way. In tensor parallel all ranks read the tokens of all, so the activations
# that go round are those of eight ranks' tokens.
#
# **Predict:** data parallel and fully sharded send weights and gradients, whatever the batch is. From how many tokens
# on a rank is the arithmetic longer than the sending, for the 7B? And tensor parallel sends activations: does a larger
# batch help it?

# %%
from llama_lessons import paper

A100, REACHED = 312e12, 0.4  # operations per second, and the share that training reaches
LINK = paper.ENDPOINT.value / 8  # bytes a second that each rank can send: an assumption, of one end-point a GPU
RANKS = 8


def seconds(config, n_tokens):  # of a step: arithmetic, and sending in each way
    n, once = config.n_params, (RANKS - 1) / RANKS  # a gather, or a reduce-scatter, sends nearly all there is
    activations = 2 * n_tokens * config.dim  # bytes: bfloat16
    return {
        "arithmetic": 6 * n * n_tokens / (A100 * REACHED),
        "data parallel": 2 * once * 2 * n / LINK,
        "fully sharded": 3 * once * 2 * n / LINK,
        "tensor parallel, per rank": 4 * config.n_layers * 2 * once * activations * RANKS / LINK,
    }


# %%
n_tokens = [2**k for k in range(8, 18)]
figure, axes = plt.subplots(figsize=(7, 3))
for name, look in zip(seconds(SIZES["7B"], 1), ("k-", "C0--", "C1-.", "C2:"), strict=True):
    axes.plot(n_tokens, [seconds(SIZES["7B"], n)[name] for n in n_tokens], look, label=name)
axes.set(xscale="log", yscale="log", xlabel="tokens of the batch for each rank, 7B, 8 ranks", ylabel="seconds a step")
axes.legend(frameon=False, fontsize=9)
for name in ("data parallel", "fully sharded"):
    enough = seconds(SIZES["7B"], 1)[name] / seconds(SIZES["7B"], 1)["arithmetic"]
    print(f"{name}: sending is hidden behind arithmetic from {stable(enough / 1000, 1)} thousand tokens a rank on")
ratio = seconds(SIZES["7B"], 1)["tensor parallel, per rank"] / seconds(SIZES["7B"], 1)["arithmetic"]
print(f"tensor parallel: sending takes {stable(ratio, 1)} times as long as arithmetic, whatever the batch is")
what = "Seconds against tokens, both logarithmic. Arithmetic rises and crosses the flat lines of data parallel and of "
show(figure, alt=what + "fully sharded between 2,000 and 7,000 tokens; tensor parallel rises in parallel, above it.")

# %% [markdown]
# **Answer:** With one or two texts of 4096 tokens on each rank, sending weights can be hidden, at best: data parallel
# can send only while the backward pass runs, two thirds of the arithmetic, and no waiting is counted. Tensor parallel
# cannot be saved by a larger batch, and more ranks make it worse: it belongs where cables are short, inside one
# machine, where links are some ten times faster (put 300e9 for `LINK`: NVLink, by the data sheet, each way). So large
# runs do both, tensor parallel inside a machine and fully sharded between machines. Many add a way that we have not
# built, *pipeline parallel* (GPipe, [arXiv:1811.06965](https://arxiv.org/abs/1811.06965)): each rank has some of the
# layers, and passes activations on to the next.
#
# What did Meta reach? The paper gives the hours of all GPUs; arithmetic gives the operations, six for each parameter
# and token: a multiplication and an addition forward, and twice that backward (Kaplan and others,
# [arXiv:2001.08361](https://arxiv.org/abs/2001.08361); attention's scores, and what is computed twice, are left out).
# **Predict:** which share of the A100's peak is that? Does it fall for the larger models, which must be shared out
# more?

# %%
share = {}
for name, config in SIZES.items():
    operations = 6 * config.n_params * paper.TOKENS.value
    hours = paper.GPU_HOURS[f"llama2-{name.lower()}"].value
    share[name] = operations / (3600 * hours * A100)
    months = hours / 1000 / 24 / 30
    print(
        f"{name:<4}{operations:.1e} operations, {hours:>9,} GPU hours: with 1000 GPUs {stable(months, 1)} months;",
        end=" ",
    )
    print(f"{stable(100 * share[name], 0)} % of the peak")
figure, axes = plt.subplots(figsize=(7, 2.4))
bars = axes.bar(list(share), [100 * value for value in share.values()], color="#009E73", edgecolor="black")
axes.bar_label(bars, [f"{100 * value:.0f} %" for value in share.values()], fontsize=9)
axes.set(ylabel="% of the A100's peak", ylim=(0, 100))
what = "Four bars: 7B, 13B, 34B and 70B reach 39, 38, 35 and 43 % of the peak; "
show(figure, alt=what + "the largest the most.")

# %% [markdown]
# **Answer:** About 40 % throughout (hours: table 2 of the paper; the 34B ran on cards that were held to fewer watts).
# The 70B, which must be shared out most, shows no loss by it, though its larger matrices may make up for some. The
# share is called *model FLOPs utilization*, MFU (PaLM, [arXiv:2204.02311](https://arxiv.org/abs/2204.02311), section
# 4.1), and it is the measure of a training system: not how fast one card is, but how little a thousand of them wait for
# each other.
#
# ## What you have, and where it goes
#
# - Training keeps 16 bytes for each number, and AdamW has most of them; activations can be computed again.
# - Ranks talk in collectives that all must call. In a ring each sends less than twice the tensor, however many there
#   are.
# - The mean of means is not the mean: gradients are weighted by tokens.
# - Fully sharded: gather, compute, free. Half as much again is sent, and what is kept falls with the number of ranks.
# - Tensor parallel: rows, then columns, and one sum. Copies of a key-value head add up their gradients; a loss needs no
#   rank with all logits.
# - Equal to one process: exact where the order of sums allows, to a stated tolerance where not. Compare; no error is
#   raised otherwise.
#
# **Read next** [`llama_lessons/parallel/by_hand.py`](../llama_lessons/parallel/by_hand.py) and
# [`tensor_by_hand.py`](../llama_lessons/parallel/tensor_by_hand.py), then
# [`lockstep.py`](../llama_lessons/parallel/lockstep.py), where the ranks of one kernel take turns;
# [`fsdp.py`](../llama_lessons/parallel/fsdp.py) and [`tensor.py`](../llama_lessons/parallel/tensor.py) for the same on
# PyTorch's engines; [`llama_lessons/processes.py`](../llama_lessons/processes.py), what a Trainer asks of a group.
#
# **More to try:** keep the last unit of `fully_sharded` from the forward to the backward pass, and see what the record
# says. Write stage 2 of ZeRO: gradients sharded, weights whole. Cut w_down by rows instead, and count what must be
# sent. Share a batch out by tokens, not by rows, so that ranks have alike to do.
#
# **Next lesson,** [14 real Llama 2](14_real_llama_2.ipynb): can my code run Meta's weights?
#
# **Sources.** Llama 2, [arXiv:2307.09288](https://arxiv.org/abs/2307.09288), section 2.2 and table 2. Mixed precision:
# [arXiv:1710.03740](https://arxiv.org/abs/1710.03740). Rings: Patarasuk and Yuan, Bandwidth optimal all-reduce
# algorithms for clusters of workstations, Journal of Parallel and Distributed Computing 69 (2009). ZeRO:
# [arXiv:1910.02054](https://arxiv.org/abs/1910.02054), where section 3.1 has the sum of 16 bytes. PyTorch's DDP:
# [arXiv:2006.15704](https://arxiv.org/abs/2006.15704), and FSDP: [arXiv:2304.11277](https://arxiv.org/abs/2304.11277).
# Pipelines: GPipe, [arXiv:1811.06965](https://arxiv.org/abs/1811.06965). Six operations: Kaplan and others,
# [arXiv:2001.08361](https://arxiv.org/abs/2001.08361); MFU: PaLM, [arXiv:2204.02311](https://arxiv.org/abs/2204.02311).
# Interruptions: Llama 3, [arXiv:2407.21783](https://arxiv.org/abs/2407.21783). Megatron-LM:
# [arXiv:1909.08053](https://arxiv.org/abs/1909.08053). Activation checkpointing:
# [arXiv:1604.06174](https://arxiv.org/abs/1604.06174). The A100's peak: NVIDIA's data sheet of the A100 80GB SXM.
