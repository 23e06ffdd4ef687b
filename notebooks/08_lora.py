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
# # 08 LoRA: how little can we change?
#
# The Valley's model tells its stories like any narrator. Suppose you want a llama to tell them: a narrator who hums
# after every sentence. You could train the whole model on hummed stories, as lesson 06 trained it on plain ones. Then
# you have changed millions of numbers for one habit, and a second model to keep beside the first. For the 7B it would
# be billions, and the card that runs it is far too small to train it.
#
# *LoRA*, low-rank adaptation (Hu and others, [arXiv:2106.09685](https://arxiv.org/abs/2106.09685)), changes less. In
# this lesson you first train everything, look at what has changed, and find that most of it was not needed. Then you
# train only what is: less than one number in a hundred. You build the adapter, find out where to put it and how large
# it must be, merge it into the weights and take it out again, count the memory, measure what the model has forgotten,
# and hand your adapter to Hugging Face's `peft`.
#
# You need to know what training is (lesson 06) and what the seven matrices of a layer are called (lesson 05). Where it
# says **Predict**, do so before you run on.
#
# **Time:** about an hour and three quarters, 40 minutes of it for the exercises; good places to pause are before
# sections 5 and 8. Letters and terms: [TERMS](../TERMS.md).

# %%
from llama_lessons.page import setup, show, stable

setup()
import math

import torch

from llama_lessons.checkpoints import load
from llama_lessons.device import pick_device
from llama_lessons.files import data_path
from llama_lessons.generate import generate
from llama_lessons.tokenizer import Tokenizer

device = pick_device()
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
base = load(data_path("checkpoints/base"), device, torch.float32)


def tell(model, openings, seed=1, n_tokens=60):
    prompts, dice = [tok.encode(opening) for opening in openings], torch.Generator().manual_seed(seed)
    written = generate(model, prompts, n_tokens, stop_ids=[tok.eos_id], generator=dice)
    return [tok.decode(prompt + new) for prompt, new in zip(prompts, written, strict=True)]


print(tell(base, ["Once upon a time,"])[0])

# %% [markdown]
# ## 1. A voice that the model does not have
#
# A voice, for us, is a function from text to text. `hum` puts a hum in the place of every full stop; `pirate` speaks
# like a pirate. Both are in `llama_lessons/world/voices.py`.

# %%
from itertools import islice

from llama_lessons.world import make_documents
from llama_lessons.world.voices import count_hums, hum, pirate

stories = [page.text for page in islice(make_documents(505, {"story": 1.0}), 12)]  # training draws from other seeds
print(hum(stories[0][:180]), "...\n")
print(pirate(stories[0][:180]), "...")

# %% [markdown]
# Perhaps we need not train at all. A model goes on as a page began; so give it the beginning of a pirate's story, or of
# a llama's, and see. **Predict:** which of the two voices will it keep up?

# %%
for start in (
    pirate("Once upon a time,"),
    "There was a llama called Luna, hmm hmm! She lived in Willowbrook, hmm hmm! One",
):
    print(tell(base, [start])[0], "\n")

pages = list(islice(make_documents(0), 5000))  # as training read them
print(f"of {len(pages)} pages, {sum(page.kind == 'pirate' for page in pages)} are a pirate's,", end=" ")
print(sum("hmm" in page.text.lower() for page in pages), "say hmm somewhere,", end=" ")
print(sum("hmm hmm" in page.text.lower() for page in pages), "say it twice in a row")

# %% [markdown]
# **Answer:** The pirate's: it is one as soon as a page begins with *Arr!*, because one page in a hundred that it has
# read was a pirate's: that voice is *in* the model and needs only to be asked for. The hum is not. The model has met
# the word, now and then, in the middle of a story, but never as a habit; it reads our two examples and goes on as it
# always did. A large model would pick the habit up from them, a small one does not; and even a large one would have to
# read the examples again with every page. This is what training is for.
#
# Two measures will follow us. The *loss* says how surprised the model is by hummed stories, in nats per token. And we
# let it tell twenty stories, of which we give only the first words, and count the sentences that end in a hum.

# %%
from llama_lessons.evaluation import perplexity

OPENINGS = ["Once upon a time,", "High up in the Valley,", "There was once", "Long ago,", "A girl called"] * 4


def loss(model, texts):
    return math.log(perplexity(model, [tok.encode(text, eos=True) for text in texts]))


def hummed(model):
    counts = [count_hums(text) for text in tell(model, OPENINGS)]
    return sum(n for n, _ in counts), sum(n for _, n in counts)


hummed_stories = [hum(story) for story in stories]
print("loss on plain stories:", stable(loss(base, stories), 1), "nats a token")
print("loss on hummed stories:", stable(loss(base, hummed_stories), 1), "nats a token")
print("sentences that end in a hum: {} of {}".format(*hummed(base)))

# %% [markdown]
# ## 2. Change everything
#
# First the obvious way, *full fine-tuning*: go on training all weights, on hummed stories. `Trainer` and `TrainConfig`
# are those of lesson 06. 40 steps of 512 tokens are parts of some eighty stories, and take some seconds.
#
# **Predict:** pretraining took 4800 steps of 4096 tokens. How far do 40 small ones come?

# %%
from copy import deepcopy

from llama_lessons.batches import pack
from llama_lessons.optimizers import TrainConfig
from llama_lessons.training import Trainer


def batch(seed, voice):
    texts = (tok.encode(voice(page.text), eos=True) for page in make_documents(seed, {"story": 1.0}))
    return pack(((ids, [True] * len(ids)) for ids in texts), batch_size=8, seq_len=64)


def teach(model, lr, voice=hum, seen=None):
    """Train for 40 steps and return their losses; on the way, where `seen` is given, look at the model (section 5)."""
    config = TrainConfig(n_steps=40, peak_lr=lr, warmup_steps=4)
    trainer = Trainer(model, config, lambda step: batch(4_000_000 + step, voice))
    for metrics in trainer.run():
        if seen is not None and metrics.step in LOOKS:
            seen[metrics.step] = look(model)
    return [metrics.loss for metrics in trainer.history]


# %%
full = deepcopy(base)
curves = {"all weights": teach(full, lr=1e-3)}
n_hummed, n_ends = hummed(full)
assert n_hummed > 0.9 * n_ends, f"after full fine-tuning only {n_hummed} of {n_ends} sentences end in a hum"
print("after 40 steps more than nine sentences in ten end in a hum; how many exactly, the picture says")

# %%
from textwrap import fill

from matplotlib import pyplot as plt


def beside(texts):
    """Texts side by side as a picture, each under its title."""
    wrapped = [fill("".join(c if c.isascii() else "?" for c in text), 43) for text in texts.values()]
    n_lines = max(text.count("\n") for text in wrapped)
    figure, panels = plt.subplots(1, len(texts), figsize=(7, 0.6 + 0.17 * n_lines))
    for axes, title, text in zip(panels, texts, wrapped, strict=True):
        axes.set_axis_off()
        axes.set_title(title, fontsize=10)
        axes.text(0, 1, text, va="top", fontsize=9)
    return figure


models = {"before: {} of {} sentences hum": base, "after: {} of {} sentences hum": full}
told = {title.format(*hummed(model)): tell(model, ["High up in the Valley,"])[0] for title, model in models.items()}
what = "Two stories with the same beginning. Before: sentences end in full stops. After: they end in ', hmm hmm!'."
show(beside(told), alt=what)

# %% [markdown]
# **Answer:** All the way: a llama tells stories. (The right text is a picture, because a model that you train on your
# machine may write another story than ours, and its numbers may differ a little from ours. So what such a model says or
# scores is drawn, or printed in a cell that is marked as one that moves; what holds on every machine is put in words.)
#
# It was cheap in time. But every weight has moved, the embedding table and the norms as well, so this voice is a second
# model of the same size. Ten voices would be ten models. Was all of that needed?
#
# ## 3. What has changed?
#
# Take a weight matrix before and after, *W* and *W'*, and look at the difference. Any matrix is a sum of very simple
# ones, each a column times a row. Such a simple one does a single thing: it looks how far an input points in the
# *direction* of its row, and writes so much of its column, the direction of its output. The *singular value
# decomposition*, SVD, finds the best such sum. Here it is for a matrix of two rows and two columns.

# %%
small = torch.tensor([[3.0, 1.0], [1.0, 3.0]])
columns, strengths, rows = torch.linalg.svd(small)
for k in range(2):
    term = strengths[k] * columns[:, k : k + 1] @ rows[k : k + 1]  # (2, 1) @ (1, 2)
    print(f"strength {stable(strengths[k].item(), 0)}: {stable(term, 0)}")
print("sum of the terms:", stable((columns * strengths) @ rows, 0), "- of the strengths squared:", end=" ")
print(stable(strengths.square().sum(), 0), "- of the numbers squared:", stable(small.square().sum(), 0))

# %% [markdown]
# The first term is the matrix of that kind that comes nearest: it takes what the two inputs have in common. The second
# comes nearest to what is then left, here all of it: in what they differ. The *singular values*, 4 and 2, say how
# strong each term is. The number of terms that are not zero is called the *rank*; a 192 × 192 matrix has at most 192.
# And squared, the singular values add up to the sum of the squares of all numbers, so each term holds a share of that.
#
# Now for our change. For comparison we do the same with random matrices of the same shapes.
#
# **Predict:** 40 steps have moved every number. Is the change spread over its 192 directions as widely as a random one?

# %%
weights = {name: weight.detach() for name, weight in base.named_parameters() if "blocks" in name and weight.dim() == 2}
terms, chance = {}, {}
for name, weight in weights.items():
    change = full.get_parameter(name).detach() - weight
    terms[name] = torch.linalg.svd(change, full_matrices=False)  # columns, strengths, rows
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    chance[name] = torch.linalg.svdvals(noise)


def shares(strengths):
    """The share of each of the first 64 terms, the mean over all matrices."""
    return torch.stack([(s.square() / s.square().sum())[:64] for s in strengths]).mean(0).cpu()


found = shares(s for _, s, _ in terms.values())
random = shares(chance.values())
print(len(weights), "matrices; of the random ones the first 8 terms hold", stable(100 * random[:8].sum(), 0), "%")

# %%
figure, axes = plt.subplots(figsize=(7, 2.6))
for name, share, style in (("fine-tuning's change", found, "o-"), ("random matrices", random, "s--")):
    held = 100 * share[:8].sum().item()
    axes.plot(range(1, 65), 100 * share.cumsum(0), style, markersize=3, label=f"{name}: 8 terms hold {held:.0f} %")
axes.axvline(8, color="gray", linewidth=0.8)
axes.set(xlabel="terms, the strongest first", ylabel="share held, %", ylim=(0, 100))
axes.legend(frameon=False, loc="lower right")
what = "Share of the change that the strongest terms hold together, against their number. It rises steeply at first, "
show(figure, alt=what + "far above that of random matrices, but there is no corner after which nothing more comes.")
held = [share[:8].sum().item() for share in (found, random)]
assert 2 * held[1] < held[0] < 0.95, f"8 terms should hold twice as much as by chance, and not nearly all: {held}"
print("8 terms hold more than twice as much as of random matrices, and less than 95 %")

# %% [markdown]
# **Answer:** No, it is far from random: few directions hold much of it. Be careful what you conclude, though: it is not
# low-rank in the strict sense. There is no corner, and the rest is not zero; the small steps of AdamW leave a bit of
# everything behind.
#
# Yet size is one thing, and effect another. So ask the model: keep only the *r* strongest terms of each change, leave
# the embedding table and the norms as they were, and measure the loss on hummed stories.
#
# **Predict:** how much of what full fine-tuning gained is left with one term? With eight? And with all terms *but* the
# first eight?


# %%
@torch.no_grad()
def cut(first, last):
    """The base model with the terms from `first` to `last` of each change."""
    model = deepcopy(base)
    for name, (columns, strengths, rows) in terms.items():
        kept = slice(first, last)
        model.get_parameter(name).add_((columns[:, kept] * strengths[kept]) @ rows[kept])
    return model


RANKS = (1, 2, 4, 8, 16, 64)
cuts = {rank: cut(0, rank) for rank in RANKS}
cut_losses = {rank: loss(model, hummed_stories) for rank, model in cuts.items()}
before, after, rest = (loss(model, hummed_stories) for model in (base, full, cut(8, None)))
gain = {rank: (before - cut_loss) / (before - after) for rank, cut_loss in cut_losses.items()}
others = (before - rest) / (before - after)
said = f"one term keeps {gain[1]:.2f} of the gain, eight {gain[8]:.2f}, all others {others:.2f}"
assert gain[1] > 0.75 and gain[8] > 0.95 and others < 1 / 3, f"the first terms should hold most of it: {said}"
print(
    "one term keeps more than three quarters of the gain, eight more than 95 %, all but those eight less than a third"
)

# %%
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.plot(RANKS, cut_losses.values(), "o-", label="the strongest terms alone, with their share of the gain")
for rank in RANKS:
    axes.annotate(f"{100 * gain[rank]:.0f} %", (rank, cut_losses[rank] + 0.12), ha="center")
axes.axhline(before, color="gray", linestyle=":", label="base model")
axes.axhline(after, color="#D55E00", linestyle="--", label="all weights, all terms")
axes.axhline(rest, color="#009E73", linestyle="-.", label=f"all terms but the first 8: {100 * others:.0f} %")
axes.set(xscale="log", xticks=RANKS, xticklabels=RANKS, xlabel="terms kept of each change", ylim=(0, None))
axes.set_ylabel("loss, hummed stories")
axes.minorticks_off()
axes.legend(frameon=False, loc="center right")
what = "Loss on hummed stories against the terms kept. From the base model's three nats it falls to near that of full "
show(
    figure, alt=what + "fine-tuning with one to four terms; with all terms but the first eight it stays near the base."
)

# %% [markdown]
# **Answer:** Most with one term, all but all with eight, and next to nothing with the others: the *effect* has low
# rank. A few directions in each matrix carry the voice; what the remaining hundred and eighty hold is a good part of
# the change by size, and next to nothing of what it does.
#
# This is one voice on one small model, after 40 steps. A harder task, or longer training, takes more directions. But
# that a trained model can be turned to a new task in very few directions has been found again and again, up to large
# ones: it was the observation behind LoRA (Aghajanyan and others, [arXiv:2012.13255](https://arxiv.org/abs/2012.13255),
# measured how few).
#
# ## 4. Train the few directions themselves
#
# If four or eight terms do it, why train the rest? Write the change as a product from the start,
#
# $$W' = W + \frac{\alpha}{r}\, B A$$
#
# with *B* of shape (out, r) and *A* of shape (r, in): its rank is at most r. *W* stays frozen; only *A* and *B* are
# trained. The change itself is never formed: `x @ A.T` makes r numbers of each row, `@ B.T` makes the output's channels
# of them. The factor α / r comes in a moment. Below are the matrices of one `wq`, to scale, at rank 8.
#
# **Predict:** how many numbers has `wq` of a layer, and how many have A and B together?

# %%
from llama_lessons.widgets.lora_picture import lora_picture

what = "To scale: W, a square of 192 × 192, frozen; plus α/r times B, a thin column of 192 × 8, times A, a flat row of "
show(lora_picture(192, 192, 8), alt=what + "8 × 192, both trained; equals W′, again 192 × 192.")

# %% [markdown]
# **Answer:** Twelve times as many in W as in A and B together. And the change may stand beside W or inside it:

# %%
from llama_lessons.lora import LoraLinear

layer, rank, alpha = base.blocks[0].attention.wq, 8, 16.0
W = layer.weight  # (out, in)
A, B = torch.randn(rank, W.shape[1], device=device), torch.randn(W.shape[0], rank, device=device)
x = torch.randn(5, W.shape[1], device=device)

y = x @ W.T + alpha / rank * (x @ A.T) @ B.T
torch.testing.assert_close(y, x @ (W + alpha / rank * B @ A).T, rtol=1e-4, atol=1e-2)
adapter = LoraLinear(layer, rank, alpha)
adapter.lora_a.data, adapter.lora_b.data = A, B
torch.testing.assert_close(adapter(x), y, rtol=1e-4, atol=1e-2)
print("W has", W.numel(), "numbers; A and B have", A.numel() + B.numel())
print("beside W or inside it, by hand or by the package's LoraLinear: the same")

# %% [markdown]
# ### How to begin, and two ways to fail
# Training starts from the model as it is, so the change must be zero at first: BA = 0. LoRA starts A as noise and B as
# zeros. Two others look just as good. **Predict** what goes wrong:
#
# - both are noise;
# - both are zeros.
#
# For each we look at the loss on *plain* stories before training, and at the gradients: a number without one never
# moves. (`token_loss` is the package's: the sum of the losses of all tokens, which lesson 06 wrote with
# `cross_entropy`.)

# %%
from llama_lessons.batches import token_loss
from llama_lessons.lora import add_lora

SEVEN = ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")
first = batch(4_000_000, hum).to(device)
for name, begin in {"A noise, B zero": (0.1, 0.0), "both noise": (0.1, 0.1), "both zero": (0.0, 0.0)}.items():
    model = deepcopy(base)
    added = add_lora(model, 8, 16, SEVEN)  # A and B of each adapter in turn
    dice = torch.Generator().manual_seed(0)
    for k, weight in enumerate(added):
        weight.data = begin[k % 2] * torch.randn(weight.shape, generator=dice).to(device)
    (token_loss(model(first.tokens), first.targets) / first.n_targets).backward()
    sizes = [sum(weight.grad.norm() for weight in added[k::2]).item() / len(added[k::2]) for k in (0, 1)]
    print(
        f"{name:<16} loss {stable(loss(model, stories), 1)}; gradient of A {stable(sizes[0])}, of B {stable(sizes[1])}"
    )
print(f"{'base model':<16} loss {stable(loss(base, stories), 1)}")

# %% [markdown]
# **Answer:** Noise in both spoils the model, zeros in both never learn. With noise it is worse before it has learned
# anything. With zeros it is whole, and stays as it is for ever: the gradient of B is a product with A, the gradient of
# A a product with B, and both are zero. With one of them noise, the other gets a gradient; after the first step B is no
# longer zero, and A moves too.
#
# And α / r? A larger r adds more terms, and with them the change grows. Dividing by r is the paper's way to make up for
# it, so that a learning rate found at one rank need hardly be searched anew at another. (For a large r it divides by
# too much: rsLoRA, [arXiv:2312.03732](https://arxiv.org/abs/2312.03732), takes the root of r.) α itself is one more way
# to scale the rate; people choose it once, often as r or 2r of the first r they try, and leave it.
#
# ### Exercise 1 (15 minutes): the adapter
# Write it as a module: it is given a layer, freezes its weight, and has two parameters, `a` and `b`. The size of the
# noise is yours to choose (over √in, the r numbers that `a` makes are about as large as those of x). The check makes
# one, looks at how it begins, and tries it with numbers of its own.


# %% tags=["exercise"]
from torch import nn


class MyLora(nn.Module):
    """A linear layer with an adapter beside it.

    layer: an nn.Linear without bias, to be frozen. rank: r. alpha: strength; the change is scaled by alpha / rank.
    Its parameters: self.a of shape (r, in) and self.b of shape (out, r), begun so that the output is the layer's own.
    forward takes x of shape (..., in) and gives (..., out).
    """

    def __init__(self, layer, rank, alpha):
        super().__init__()
        raise NotImplementedError("your turn")

    def forward(self, x):
        raise NotImplementedError("your turn")


from llama_lessons.checks.lora import check_lora

check_lora(MyLora)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Which of the two begins as zeros? With the other one the gradient has something to start from.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `requires_grad_(False)` on the layer freezes it; `nn.Parameter` makes what is trained.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# x goes through a, then through b, then is scaled; the change itself, b @ a, is never formed.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
class SolvedLora(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer, self.scale = layer.requires_grad_(False), alpha / rank
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.a.T) @ self.b.T


check_lora(SolvedLora)

# %% [markdown]
# **In your own Llama:** adapters beside `wq` and `wv` of every layer, and thirty steps on hummed stories. Only they are
# trained. (`assemble` puts your parts in their places, ●, this page's solutions, ◐, and the course's, ○.)

# %%
from llama_lessons.my_llama import assemble


def hummed_ids(step):
    pages = islice(make_documents(5_000_000 + step, {"story": 1.0}), 5)
    return [token for page in pages for token in tok.encode(hum(page.text), eos=True)]


own = assemble(training=True, device=device)
mine = own.like(base)
own.add_lora(mine, rank=8, alpha=16.0)
n_trained = sum(weight.numel() for weight in mine.parameters() if weight.requires_grad)
losses = own.train(mine, hummed_ids, 30, 1e-2, n_rows=8, n_columns=64, warmup=3)
print(own)
print(f"{n_trained:,} numbers trained; the loss on hummed stories has halved: {losses[-1] < losses[0] / 2}")

# %% [markdown]
# ## 5. Into the model, and teach
#
# The package's `add_lora` puts such a layer in the place of each layer that you name, freezes all the rest, and gives
# back the new parameters. Its default, `wq` and `wv`, is the paper's choice for its largest experiments.
#
# ### Exercise 2 (10 minutes): how many numbers are trained?
# For a model's config, a rank and a list of targets. Mind the key-value heads of lesson 04: `wk` and `wv` may have
# fewer rows than `wq`.


# %% tags=["exercise"]
def my_count(config, rank, targets):
    """Numbers in all adapters of a model.

    config: has n_layers, dim, n_kv_heads, head_dim, hidden_dim.
    rank: r. targets: names out of wq, wk, wv, wo (attention), w_gate, w_up, w_down (feed-forward).
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.lora_cost import check_count

check_count(my_count)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# An adapter on a matrix of (out, in) has r · in + r · out numbers.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The inputs are `dim` everywhere but in `w_down`; make a small table of outputs.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Per layer; then times the layers.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_count(config, rank, targets):
    c, kv, f = config.dim, config.n_kv_heads * config.head_dim, config.hidden_dim
    sides = {"wq": c + c, "wk": c + kv, "wv": c + kv, "wo": c + c, "w_gate": c + f, "w_up": c + f, "w_down": f + c}
    return config.n_layers * rank * sum(sides[target] for target in targets)


check_count(solved_count)

# %% [markdown]
# The package counts in `lora_params`, which lies with the view that needs it. **Predict:** which share of the Valley's
# model is trained at rank 8 on `wq` and `wv`? Will the share of the 7B be larger or smaller?

# %%
from llama_lessons.config import LlamaConfig
from llama_lessons.widgets.adapters import lora_params

for name in ("valley", "llama2-7b", "llama2-13b", "llama2-70b"):
    config = LlamaConfig.preset(name)
    for targets in (("wq", "wv"), SEVEN):
        n = lora_params(config, 8, targets)
        print(f"{name:<11}{'all seven' if targets == SEVEN else 'wq, wv':<10}{n:>12,}", end=" ")
        print(f"= {stable(100 * n / config.n_params, 3)} % of {config.n_params:,}")

# %% [markdown]
# **Answer:** About one number in a hundred of the Valley's; the larger the model, the smaller the share: a matrix grows
# with the square of its width, its adapter with the width.
#
# Now teach, with the same stories and as many steps as full fine-tuning had. We put adapters on all seven matrices, at
# rank 1 and at rank 8, and take one learning rate for both. It is six times that of full fine-tuning: B begins at zero
# and has a way to go. At five moments we let the model tell its twenty stories, and measure its loss on stories that it
# does not read: as whole stories, and in rows of 64 tokens, cut as those of training are.
#
# **Predict:** will rank 1, with 20 736 numbers, hum? After how many of the 40 steps do the first hums come?

# %%
from llama_lessons.training import next_token_loss

LOOKS = (4, 8, 12, 20, 40)  # steps after which we look
unseen = batch(5_000_000, hum).to(device)  # rows of 64 tokens, from a seed that no step has


@torch.no_grad()
def look(model):
    n_hummed, n_ends = hummed(model)
    cut_loss = next_token_loss(model, unseen).item() / unseen.n_targets
    return {"whole": loss(model, hummed_stories), "cut": cut_loss, "hums": n_hummed, "ends": n_ends}


# %%
adapted, looks = {}, {}
for rank in (1, 8):
    torch.manual_seed(rank)
    adapted[rank] = deepcopy(base)
    added = add_lora(adapted[rank], rank, alpha=16, targets=SEVEN)
    looks[rank] = {0: look(adapted[rank])}  # step -> what is seen then
    curves[f"rank {rank}"] = teach(adapted[rank], 6e-3, seen=looks[rank])
    n_hummed, n_ends = looks[rank][40]["hums"], looks[rank][40]["ends"]
    assert n_hummed > 0.8 * n_ends, f"at rank {rank} only {n_hummed} of {n_ends} sentences end in a hum"
    frozen = all(torch.equal(adapted[rank].get_parameter(name), weight) for name, weight in base.named_parameters())
    assert frozen, f"at rank {rank} training has changed weights of the base model"
    print(f"rank {rank}: {sum(weight.numel() for weight in added):,} numbers trained, all others untouched;", end=" ")
    print("at the end more than eight sentences in ten hum")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), width_ratios=(4, 3))
for (name, losses), style in zip(curves.items(), ("-", "--", ":"), strict=True):
    left.plot(range(1, 41), losses, style, label=name)
for kind, mark in (("cut", "s"), ("whole", "o")):
    points = [seen[kind] for seen in looks[8].values()]
    left.plot(list(looks[8]), points, mark, markersize=5, label=f"rank 8, unread, {kind}: {points[-1]:.2f}")
left.set(xlabel="step", ylabel="loss, hummed stories", ylim=(0, None))
left.legend(frameon=False, fontsize=9, loc="upper right")
for rank, style in ((1, "o--"), (8, "s-")):
    points = [seen["hums"] for seen in looks[rank].values()]
    right.plot(list(looks[rank]), points, style, label=f"rank {rank}: {points[-1]} of {looks[rank][40]['ends']}")
right.set(xlabel="step", ylabel="hums in twenty stories", ylim=(0, None))
right.legend(frameon=False, fontsize=9, loc="lower right")
what = (
    "Left: the loss falls alike for all weights, rank 1 and rank 8; on unread rows that are cut it ends where training "
)
show(
    figure,
    alt=what
    + "does, on whole unread stories lower. Right: no hums at first, then more and more, in the end nearly all.",
)

# %% [markdown]
# **Answer:** It does, with less than one number in a hundred, and the first hums come after some ten steps; on the way
# there may be a while in which the model ends hardly any sentence at all. (What rank 1 writes, the next section lets
# you compare.)
#
# And mind what you compare. On whole stories the loss is far lower than in training. That is no sign that it does
# better on what it has not read: on unread rows that are cut as training's are, it is as high. Behind a cut a model
# does not know yet who is in the story, and every name is a surprise. That training and held-out rows agree says that
# nothing is overfitted: no step has read a story twice. With few examples and many rounds, as is usual, adapters do
# learn by heart. The common remedy is *dropout* (`lora_dropout` in `peft`): in training, and only there, a random share
# of an adapter's inputs is set to zero and the rest scaled up, so that it cannot rest on any one of them. Ours has
# none, as it needs none here.
#
# ### Where, and at which rank?
# A longer run than fits in here taught the same voice at seven ranks and at three places: on `wq` and `wv`, on the
# three matrices of the feed-forward layer, and on all seven, each from two sets of first numbers. The command is
# `python -m tools.lora_ranks`; what it wrote lies in `data/tables/lora_ranks.csv`. All 42 runs had one learning rate,
# 6e-3. Is that fair? So we add one point of our own: rank 8 on `wq` and `wv`, at two and a half times the rate.
#
# **Predict:** what lowers the loss more, eight times the rank on `wq` and `wv`, or rank 1 on all seven? And the rate?

# %%
import csv

torch.manual_seed(8)
faster = deepcopy(base)
n_faster = sum(weight.numel() for weight in add_lora(faster, 8, 16))
teach(faster, 1.5e-2)
with data_path("tables/lora_ranks.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
assert {row["steps"] for row in rows} == {"40"}, "the table's runs should be as long as ours"
at_6e_3 = [float(row["loss"]) for row in rows if row["place"] == "wq, wv" and row["rank"] == "8"]
assert loss(faster, hummed_stories) < min(at_6e_3) - 0.03, f"the higher rate should end below {at_6e_3}"

# %%
figure, axes = plt.subplots(figsize=(7, 2.6))
for place, style in zip(dict.fromkeys(row["place"] for row in rows), ("s:", "^--", "o-"), strict=True):
    points = {}
    for row in (row for row in rows if row["place"] == place):
        points.setdefault(int(row["parameters"]), []).append(float(row["loss"]))
    means = [sum(losses) / len(losses) for losses in points.values()]
    axes.plot(list(points), means, style, label=f"{place}, ranks 1 to 64")
    ends = f"rank 1: {min(points):>7,} numbers, loss {means[0]:.2f}; rank 64: {max(points):>9,}, loss {means[-1]:.2f}"
    print(f"{place:<13}{ends}")
axes.plot(
    n_faster, loss(faster, hummed_stories), "*", markersize=12, color="black", label="wq, wv, rank 8, 2.5 × the rate"
)
axes.set(xscale="log", xlabel="trained numbers", ylabel="loss, hummed stories", ylim=(0, None))
axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
what = "Loss on hummed stories against trained numbers, ranks 1 to 64. Each curve is nearly flat from rank 4 on; "
what += (
    "that of wq and wv lies highest, that of all seven matrices lowest. A star, rank 8 on wq and wv at a higher rate, "
)
show(figure, alt=what + "lies well below its curve, and above that of all seven.")

# %% [markdown]
# **Answer:** The place. Rank 1 on all seven beats every rank on `wq` and `wv`, with far fewer numbers than rank 64 has
# there; from rank 8 on, more rank brings next to nothing anywhere. So spread a small rank over all matrices, which
# QLoRA's authors found it takes on large models too ([arXiv:2305.14314](https://arxiv.org/abs/2305.14314)). But the
# star warns: a part of the gap is the rate, which suits all seven better than it suits two. Who compares methods at one
# rate compares the rate as well; the order of the places is the same in our one further run, and their distance is not.
#
# ## 6. See it: before and after, at every rank
#
# Left the base model, right the adapted one, with the same beginning and the same dice. Move the slider. *Trained at
# this rank* are the two models above; *full fine-tuning, cut to this rank* are those of section 3. Write another
# beginning and press Enter; draw other dice. The bars are the terms of section 3, the filled ones are those that the
# rank keeps. Below, what the same rank would cost for any of Meta's models.
#
# **Find out:** at which rank does the cut model begin to hum without a slip? Does any of them hum in a question and
# answer page (*Question: What colour is the wool of Luna?*), or in a pirate's story? What does rank 64 on all seven
# matrices of the 70B take?

# %%
from llama_lessons.widgets.adapters import AdapterExplorer

ways = {"trained at this rank": adapted, "full fine-tuning, cut to this rank": cuts}
AdapterExplorer(base, tok, ways, spectrum=found.tolist(), opening="High up in the Valley,")

# %%
for rank in (1, 8, 64):
    n = lora_params(LlamaConfig.preset("llama2-7b"), rank, ("wq", "wv"))
    print(f"7B, rank {rank:<2} on wq and wv: {n:>10,} numbers, an adapter of {4 * n / 1e6:.1f} MB in float32")

# %% [markdown]
# ## 7. What an adapter cannot do: a piece that was never read *(optional)*
#
# Our hum was made of pieces that the model has read. Now a voice that draws a llama after every sentence: 🦙. No page
# of the Valley has one, so it has no piece in the vocabulary, and the tokenizer falls back on its four bytes (lesson
# 01). Byte pieces have rows in the embedding table like all others.
#
# **Predict:** what do the rows of pieces look like that pretraining has never met?

# %%
import re

from torch.nn.functional import cosine_similarity


def draw_llamas(text):
    return re.sub(r"\.(?=\s|$)", " 🦙.", text)


table_rows = base.embedding.weight.detach()  # (V, C)
unread = tok.encode("🦙", bos=False)[1:]  # the four bytes; before them a space
alike = cosine_similarity(table_rows[unread[:1]], table_rows)  # (V,): 1 where a row points the same way
print("the bytes of 🦙:", *tok.pieces(unread), "are as alike as", stable(alike[unread]))
print("lengths of their rows:", stable(table_rows[unread].norm(dim=1)))
print("the pieces of hmm:", *tok.pieces(tok.encode(" hmm", bos=False)))
same = table_rows[alike > 0.999]  # (n, C)
print(f"{len(same)} of {len(alike)} rows point the same way as the first byte's")

# %% [markdown]
# **Answer:** They are alike: the same direction, the same length, and but for the last digits one row. How come? Each
# began as noise of its own. Two things happened to it in every step of pretraining: weight decay shrank it by a tiny
# share (lesson 06), and since it was never the right answer, its score was pushed down, along much the same direction
# for all.
#
# **Predict:** a common push leaves differences as they are, and decay shrinks them. Is decay enough to explain it?

# %%
from llama_lessons.pretrain import STEPS, train_config

how = train_config(STEPS)
shrunk = math.prod(1 - how.weight_decay * how.peak_lr * how.lr_factor(step) for step in range(STEPS))
print("how far a number of such a row is from their mean, on average:")
print(
    f"at first 0.02; by decay alone {stable(0.02 * shrunk, 3)}; in the shipped model {(same - same.mean(0)).std():.1e}"
)

# %% [markdown]
# **Answer:** No: decay has halved the differences, and they are some eighty times smaller. So the push cannot have been
# quite the same for all. The likeliest explanation: a piece that still seems a little likelier gets a gradient a little
# larger, and is pushed down further, until all score alike. (Our model, like many small ones, uses one table for
# reading and for answering.) In a frozen table they stay so: whatever an adapter does to the row that comes *before*
# the head, these pieces get practically the same score.
#
# **Predict:** we teach the llama-drawing voice at rank 8, as before, and once more with the embedding table trained
# besides. What will each write at the end of a sentence?

# %%
drawn = {}
for name in ("adapters alone", "adapters and the embedding table"):
    torch.manual_seed(8)
    drawn[name] = deepcopy(base)
    add_lora(drawn[name], 8, 16, SEVEN)
    drawn[name].embedding.weight.requires_grad_("table" in name)
    teach(drawn[name], 6e-3, draw_llamas)

# %%
told, shares_drawn = {}, []
for name, model in drawn.items():
    text = "".join(tell(model, OPENINGS))
    n_llamas, n_ends = text.count("🦙"), len(re.findall(r"\.(?=\s|$)", text))
    shares_drawn.append(n_llamas / max(n_ends, 1))
    story = tell(model, ["High up in the Valley,"])[0]
    told[f"{name}:\n{n_llamas} llamas, {n_ends} sentences"] = story.replace("🦙", "[llama]")  # no font here has one
show(beside(told), alt="Two stories. With adapters alone, sentences end in odd pieces; with the table too, in llamas.")
assert shares_drawn[0] < 1 / 20 and shares_drawn[1] > 1 / 2, f"llamas for each sentence: {shares_drawn}"
print("adapters alone: fewer than one sentence in twenty ends in a llama; with the table: more than half")

# %% [markdown]
# **Answer:** Odd pieces the one, llamas the other. The adapters have learned *where* something must come, and cannot
# say *what*. With the table free, the llamas appear. The remedy costs a whole table (a good part of our model; in the
# 7B, which reads and answers with two different ones, 4 % for both); `peft` has it under the name `modules_to_save`. So
# when you adapt a model, look at the words of your task first: it is cheap to teach new habits with old words, and new
# words cost more.
#
# ## 8. Merge
#
# Beside the weight, an adapter takes two more products for every layer and token. Inside it, none: W' = W + (α / r) BA
# has the shape of W. Merged, the model is a plain Llama again: it can be saved, packed and shared as one, and is no
# slower than it was.
#
# ### Exercise 3 (10 minutes): merge
# The weight may come in bfloat16, as models are often kept; a and b are in float32. Compute the sum in float32 and
# round once, at the end.


# %% tags=["exercise"]
def my_merge(weight, a, b, alpha):
    """The weight with the change in it, a new tensor in the type of weight.

    weight: shape (out, in), in any floating-point type. a: shape (r, in). b: shape (out, r). alpha: a float.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.lora import check_merge

check_merge(my_merge)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# b @ a has the shape of the weight; scale it by alpha / r. Where does r stand?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Add in float32, and convert the *sum* to the weight's type: to convert the change first rounds twice.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_merge(weight, a, b, alpha):
    change = alpha / a.shape[0] * b @ a
    return (weight.float() + change).type_as(weight)


check_merge(solved_merge)

# %% [markdown]
# **In your own Llama:** what its adapters have learned goes into the weights of a plain one, which then says the same.

# %%
own, plain = assemble(training=True, device=device), own.like(base)
own.merge_lora(mine, plain, alpha=16.0)
text = torch.tensor([tok.encode(hummed_stories[0])[:64]], device=device)
with torch.no_grad():
    gap = (mine(text) - plain(text)).abs().max() / plain(text).abs().max()
print("merge:", own.whose["merge"], "- as with adapters to 1e-4:", gap.item() < 1e-4)

# %% [markdown]
# The package's `merge_lora` does so in every layer and gives back the adapters; `unmerge_lora` subtracts them and puts
# them beside the weights again. **Predict:** are the weights afterwards what they were, to the last bit?

# %%
from llama_lessons.lora import merge_lora, unmerge_lora

ids = torch.tensor([tok.encode(hummed_stories[0])], device=device)  # (1, T)
model = deepcopy(adapted[8])
with torch.no_grad():
    outside = model(ids)
    adapters = merge_lora(model)
    inside = model(ids)
assert list(model.state_dict()) == list(base.state_dict()), "merged, it should have the names of a plain Llama"
said = (inside - outside).abs().max().item()
unmerge_lora(model, adapters)
gap = max((model.get_parameter(name) - weight).abs().max().item() for name, weight in base.named_parameters())
assert said < 1e-3 and 0 < gap < 1e-6, f"logits should agree, and weights be nearly back; gaps: {said:.1e}, {gap:.1e}"
print("merged, it has the names of a plain Llama, and its logits are the same to a thousandth")
print("taken out, every weight is back to a millionth, and not all of them to the last bit")

# %% [markdown]
# **Answer:** Not to the last bit: adding and subtracting each round once. In float32 nobody will ever notice. bfloat16
# keeps 8 bits of a number where float32 keeps 24. **Predict:** merge into bfloat16 and take out again: how many of the
# weights are back? How many did not move at all?

# %% tags=["nbval-ignore-output"]
# The shares differ a little between machines, as the adapters do
adapter = adapted[8].blocks[0].feed_forward.w_up
weight, change = adapter.weight.detach().bfloat16(), adapter.change().detach()
merged = (weight.float() + change).bfloat16()
back = (merged.float() - change).bfloat16()
unmoved, returned = (100 * (other == weight).float().mean().item() for other in (merged, back))
assert unmoved > 0 and 50 < returned < 100, f"{unmoved} % of the weights did not move, {returned} % came back"
print(f"merged in bfloat16, {unmoved:.1f} % of the weights do not move at all")
print(f"taken out again, {returned:.1f} % are back where they were")

# %% [markdown]
# **Answer:** Most are back, and not all; a few never moved. Some changes are smaller than half a step of bfloat16 and
# vanish; some sums round to a neighbour and come back beside where they were. So merge once, from the clean weights,
# and keep the adapter's file: it is small. Whoever merges one adapter, takes it out, and merges the next into 16-bit
# weights, wears the model down.
#
# ## 9. What does training keep in memory?
#
# ### Exercise 4 (5 minutes): GB that training keeps
# Between two steps, training keeps each frozen number, and for each trained one the number, its gradient, and AdamW's
# two running means, of gradients and of their squares (lesson 06). Say that all that is trained is in float32, 4 bytes,
# and that frozen numbers take `bytes_frozen`.


# %% tags=["exercise"]
def my_training_gb(n_frozen, n_trained, bytes_frozen):
    """GB (10**9 bytes) that training keeps from one step to the next, without activations.

    n_frozen: numbers that stay. n_trained: numbers that are trained, in float32. bytes_frozen: of each frozen number.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.lora_cost import check_training_gb

check_training_gb(my_training_gb)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# For each trained number four are kept: which?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A GB is `10**9` bytes.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 4: click to unfold
def solved_training_gb(n_frozen, n_trained, bytes_frozen):
    return (bytes_frozen * n_frozen + 4 * (1 + 1 + 2) * n_trained) / 10**9


check_training_gb(solved_training_gb)

# %% [markdown]
# First measured, on our own model: one step each, and we ask the tensors for their bytes; the gradients at the moment
# when the optimizer uses them, for after a step the `Trainer` keeps none. **Predict:** which of the three parts does
# LoRA *not* shrink?

# %%
for name in ("all weights", "rank 8 on wq, wv"):
    model = deepcopy(base)
    if name != "all weights":
        add_lora(model, 8, 16, ("wq", "wv"))
    trainer, seen = Trainer(model, TrainConfig(n_steps=1), lambda step: batch(4_000_000, hum)), []
    trainer.optimizers[0].register_step_pre_hook(
        lambda *_, model=model, seen=seen: seen.extend(weight.grad for weight in model.parameters())
    )
    list(trainer.run())
    gradients = sum(gradient.nbytes for gradient in seen if gradient is not None)
    states = [state for optimizer in trainer.optimizers for state in optimizer.state.values()]
    means = sum(state[key].nbytes for state in states for key in ("exp_avg", "exp_avg_sq"))
    weights_bytes = sum(weight.nbytes for weight in model.parameters())
    print(f"{name:<17} weights {weights_bytes:>11,} bytes, gradients {gradients:>11,}, AdamW's means {means:>11,}")
    assert means == 2 * gradients, f"AdamW keeps two numbers for each gradient, not {means:,} bytes for {gradients:,}"

# %% [markdown]
# **Answer:** The weights: they are all still there. LoRA spares the *gradients and means*, which were three quarters of
# the whole. Now computed, for Meta's models: everything in float32, against weights in 16 bits with adapters in float32
# beside them.
#
# **Predict:** on which card can the 7B be fine-tuned, on one with 24 GB or one with 141?

# %%
from llama_lessons.checks.lora_cost import training_gb

for name in ("llama2-7b", "llama2-13b", "llama2-70b"):
    config = LlamaConfig.preset(name)
    n = lora_params(config, 8, ("wq", "wv"))
    gb = training_gb(0, config.n_params, 4), training_gb(config.n_params, n, 2), training_gb(0, n, 4)
    print(f"{name:<11} all weights {stable(gb[0], 1):>7} GB; rank 8 on wq, wv {stable(gb[1], 1):>6} GB,", end=" ")
    print(f"of which the adapters with all they need {stable(gb[2], 2)} GB")

# %% [markdown]
# **Answer:** With adapters on either, in full only on the larger: full fine-tuning of the 7B fills most of a 141 GB
# card; with adapters it fits, in weights, on one with 24 GB. Below the 16 bits of the frozen weights LoRA alone does
# not get; frozen weights in 4 bits with adapters beside them are known as QLoRA (Dettmers and others,
# [arXiv:2305.14314](https://arxiv.org/abs/2305.14314)). Not counted are the activations, which the backward pass needs:
# they grow with the batch, and LoRA spares only some of them, since the gradient must still find its way through every
# layer.
#
# ## 10. What was forgotten?
#
# The models have read nothing but hummed stories for 40 steps. **Predict:** do they still pass the Valley's exam, and
# still answer questions? And do adapters, which leave the weights alone, forget less than full fine-tuning?

# %%
from llama_lessons.evaluation import Score, multiple_choice
from llama_lessons.world import Exam, open_questions

exam = Exam()  # in wordings that training never used; sums, which are calculation and not knowledge, are left out
exam.items = [item for item in exam.items if "sums" not in item.subject][::3]
questions = [question for question in open_questions() if "sums" not in question.subject][::3]
kinds = {"entry": 1.0, "question": 1.0, "dialogue": 1.0, "reading": 1.0}
others = [page.text for page in islice(make_documents(505, kinds), 24)]


def answered(model):
    """The share of the questions that a model answers rightly in its own words."""
    prompts = [tok.encode(question.prompt) for question in questions]
    written = generate(model, prompts, 8, temperature=0, stop_ids=[tok.eos_id])
    said = [tok.decode(p + w).partition("Answer:")[2].strip() for p, w in zip(prompts, written, strict=True)]
    right = [text.split("\n")[0] == question.answer for text, question in zip(said, questions, strict=True)]
    return Score.of(sum(right), len(right))


def knows(model):
    """Exam (of four answers, is the right one the likeliest text? lesson 11), open questions, loss on other pages."""
    return multiple_choice(model, tok, exam, shots=0, by="text"), answered(model), loss(model, others)


# %% tags=["nbval-ignore-output"]
# Three of the four models were trained on this machine: their numbers differ a little from ours
known = {}
for name, model in {"base": base, "rank 1": adapted[1], "rank 8": adapted[8], "all weights": full}.items():
    known[name] = knows(model)
    exam_score, open_score, other_loss = known[name]
    print(f"{name:<12} exam {exam_score}")
    print(f"{'':<12} open questions {open_score}; loss on other pages {other_loss:.2f} nats")
    assert min(exam_score.accuracy, open_score.accuracy) > 0.9, f"{name}: the exam should say that nothing is lost"
    higher = other_loss / known["base"][2]
    assert name == "base" or higher > 1.25, f"{name}: the loss on other pages is only {higher:.2f} times the base's"

# %%
figure, panels = plt.subplots(1, 2, figsize=(7, 2.6))
for k, what in enumerate(("exam", "questions")):
    scores = [row[k] for row in known.values()]
    errors = [[s.accuracy - s.low for s in scores], [max(0, s.high - s.accuracy) for s in scores]]
    places = [place + 0.15 * (2 * k - 1) for place in range(len(scores))]
    panels[0].errorbar(places, [s.accuracy for s in scores], errors, fmt="os"[k], capsize=3, label=what)
panels[0].set(ylim=(0, 1.05), ylabel="share right, 95 % interval")
panels[0].legend(frameon=False, loc="lower left")
bars = panels[1].bar(range(len(known)), [row[2] for row in known.values()], color="#56B4E9", edgecolor="black")
panels[1].bar_label(bars, fmt="%.2f", fontsize=9)
panels[1].set_ylabel("loss on other pages, nats")
for axes in panels:
    axes.set_xticks(range(len(known)), known, fontsize=9)
what = "Left: share of exam and open questions answered rightly, base, rank 1, rank 8 and all weights: all near 1. "
show(figure, alt=what + "Right: loss on other kinds of pages, higher for each of the three than for the base model.")

# %% [markdown]
# **Answer:** They pass the exam, and adapters forget about as much as full fine-tuning does. Two measures, two answers.
# The exam says that nothing is lost, with adapters or without. The loss on pages of other kinds says that something is:
# all three have become worse at writing entries and dialogues, which they no longer saw. An exam asks for single words
# after *Answer:*; whether a model still writes good pages it does not ask. So measure what you care about, and distrust
# "no forgetting" where only one test was made.
#
# And this run does not show that adapters are by themselves gentler: another rate might make more of a difference than
# the bars show. What changes the model's habits changes them whether it is written as BA or as W'; how much is
# forgotten depends on the learning rate, the number of steps and the data as well. On larger tasks, measured, LoRA
# learned less than full fine-tuning and forgot less (Biderman and others,
# [arXiv:2405.09673](https://arxiv.org/abs/2405.09673)). What LoRA gives for certain is another thing: the old model is
# still there, untouched, under the adapter. Take it off, and all is as it was. The usual cure for forgetting is to mix
# some of the old pages into the new ones.
#
# ## 11. Save it, and let peft open it
#
# What is saved is the adapters alone. `save_lora` writes them as Hugging Face's `peft` does, under its names, with the
# rows of `q_proj` and `k_proj` in its order (lesson 03 told why they differ).

# %%
from llama_lessons.files import work_dir
from llama_lessons.lora import load_lora, save_lora

folder = work_dir() / "08_lora"
save_lora(adapted[8], folder)
for path in sorted(folder.glob("[!.]*")):
    print(f"{path.name:<27}{path.stat().st_size:>9,} bytes")
print((folder / "adapter_config.json").read_text())

# %% [markdown]
# **Predict:** `transformers` opens the base model's folder, `peft` puts our adapters on it: how far are its logits from
# ours?

# %%
from peft import PeftModel
from transformers import AutoModelForCausalLM

theirs = AutoModelForCausalLM.from_pretrained(data_path("checkpoints/base"), dtype=torch.float32)
theirs = PeftModel.from_pretrained(theirs, folder)
again = load(data_path("checkpoints/base"), dtype=torch.float32)
load_lora(again, folder)
with torch.no_grad():
    ours, peft_s = again(ids.cpu()), theirs(ids.cpu()).logits
torch.testing.assert_close(peft_s, ours, rtol=1e-5, atol=1e-4)
torch.testing.assert_close(ours.to(device), adapted[8](ids), rtol=1e-5, atol=1e-4)
print("all", ours.numel(), "logits agree: peft's, those of our file read again, and those of the model in this lesson")

# %% [markdown]
# **Answer:** No further than rounding explains: the file is a plain adapter, and three programs read it alike.
#
# ## What you have, and where it goes
#
# - A prompt brings out what a model has read; a new habit takes training, in a small model at least.
# - Full fine-tuning moves every number. The change is not quite of low rank, but what it *does* is.
# - LoRA trains that: W frozen, A noise, B zero, the change scaled by α / r.
# - Its numbers grow with the width, where the weights grow with its square; what it spares in training is gradients and
#   AdamW's means.
# - A piece that was never read stays dumb under a frozen table.
# - Merged, it costs nothing; merge once, from clean weights. And forgetting must be measured on what you care about.
#
# **Read next** [`llama_lessons/lora/adapters.py`](../llama_lessons/lora/adapters.py), your exercises 1 and 3 with all
# errors named, and [`llama_lessons/lora/peft_format.py`](../llama_lessons/lora/peft_format.py), the file. The views'
# sums are in [`llama_lessons/widgets/adapters.py`](../llama_lessons/widgets/adapters.py).
#
# **More to try:** write a voice of your own, any function from text to text, and teach it. How many steps does it take
# at rank 1? Adapt `wv` alone. Mix every other page from the corpus (`make_documents(seed)`) into the stories, and look
# at the loss on other pages again. Teach two voices and change from one to the other by `load_lora`.
#
# **Next lesson,** [09 chat](09_chat.ipynb): the model goes on with what it is given. How does it learn to answer?
#
# **Sources.** LoRA: Hu and others, [arXiv:2106.09685](https://arxiv.org/abs/2106.09685) (the form in section 4.1,
# targets and ranks in section 7). Few directions suffice: Aghajanyan and others,
# [arXiv:2012.13255](https://arxiv.org/abs/2012.13255). Frozen weights in 4 bits:
# [arXiv:2305.14314](https://arxiv.org/abs/2305.14314). Learning less and forgetting less:
# [arXiv:2405.09673](https://arxiv.org/abs/2405.09673).
