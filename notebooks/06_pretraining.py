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
# # 06 Pretraining: how does it learn?
#
# In lesson 05 you built a whole Llama. With random weights it said nothing of use; with those that came with this
# course it told stories. Nobody wrote those weights. They were found, by one exercise, done over and over: *here is a
# piece of text; say what comes next*. That is called *pretraining*, and it is where nearly all the work, the money and
# the electricity of a language model go.
#
# In this lesson you do it. You cut text into batches, write the training loop, AdamW, the schedule of the learning rate
# and the clipping of gradients, each by hand. Then you train a Llama before your eyes, from noise to words to
# sentences, let another learn a few pages by heart, and break it in five ways. At the end you know what more text, a
# longer context and a larger model bring, and what Meta paid for two million million tokens.
#
# You need a little PyTorch: tensors, and that `backward()` fills in gradients. Where it says **Predict**, do so before
# you run on.
#
# **Time:** about two hours, 40 minutes of them for the exercises; good places to pause are before sections 5 and 8.
# What is marked *optional* is not needed later, and takes another half an hour. Letters and terms:
# [TERMS](../TERMS.md).

# %%
from llama_lessons.page import setup, show, stable

setup()
import math
from itertools import islice

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import cross_entropy

from llama_lessons.checkpoints import load
from llama_lessons.device import pick_device
from llama_lessons.files import data_path, work_dir
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer

device = pick_device()
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
sentence = "Clara and Luis walked home together, and the llamas hummed behind them."
ids = tok.encode(sentence, eos=True)
pieces = tok.pieces(ids)
for k in range(4):
    print("after", " ".join(pieces[: k + 1]), "comes", pieces[k + 1])
print(f"... {len(ids) - 1} exercises in one sentence")

# %% [markdown]
# ## 1. From text to batches
#
# That is the whole trick. No teacher marks anything: the text itself holds the answers. And thanks to the causal mask
# (lesson 02) a single pass through the model does all exercises of a text at once.
#
# What shall it read? Llama 2 read "a new mix of data from publicly available sources, which does not include data from
# Meta's products or services", says the paper in section 2.1: two million million tokens. Sites known to hold much
# personal information were left out, and the most factual sources were read more often. Which sites those were, it does
# not say. It does say, in table 10, in which languages a program found the pages to be.
#
# **Predict:** of a hundred pieces of text, how many are English? Which comes second?

# %%
from llama_lessons import paper

shares = {language: fact.value for language, fact in paper.LANGUAGES.items()}  # in %
few = {language: share for language, share in shares.items() if language not in ("en", "unknown")}
print(f"English {shares['en']} %, unknown {shares['unknown']} %, all {len(few)} others {stable(sum(few.values()))} %")
figure, (all_of_it, others) = plt.subplots(1, 2, figsize=(7, 2.7), width_ratios=(1, 4))
all_of_it.bar(["en", "?", "others"], [shares["en"], shares["unknown"], sum(few.values())], color="#0072B2")
all_of_it.set_ylabel("% of the data")
others.bar(list(few), list(few.values()), color="#D55E00")
others.set_title("the others, on another scale", fontsize=10)
others.tick_params("x", labelsize=9, rotation=90)
what = "Left: nine tenths are English, most of the rest unknown. Right, enlarged: "
show(figure, alt=f"{what}{len(few)} other languages, from {shares['de']} % German down to {min(few.values())} %.")

# %% [markdown]
# **Answer:** Ninety, and no language comes second: it is *unknown*, a part of which is programs. German is the first of
# the others, with less than two in a thousand, and all of them together have less than two in a hundred. So the authors
# warn that the model "may not be suitable for use in other languages".
#
# Our model reads the Valley's pages, which are written on the fly from a seed. For a first model in half a minute, take
# the three simplest kinds: stories, entries of an encyclopaedia, and questions with answers.

# %%
from llama_lessons.world import make_documents

MIX = {"story": 0.5, "entry": 0.3, "question": 0.2}


def documents(seed):
    """Page after page without end, each as ids from <s> to </s>."""
    for page in make_documents(seed, MIX):
        yield tok.encode(page.text, eos=True)


for document in islice(documents(0), 3):
    print(len(document), "tokens:", tok.decode(document)[:160], "...\n")

# %% [markdown]
# A GPU, and a CPU too, wants rectangles: B rows of T tokens. But pages have every length. The obvious way is one page
# to a row, and filling up the short ones with a token that means nothing.
#
# **Predict:** of 200 pages padded to the length of the longest, how much of the rectangle is padding?

# %%
lengths = [len(document) for document in islice(documents(0), 200)]
full = len(lengths) * max(lengths)
print(f"shortest {min(lengths)}, longest {max(lengths)} tokens")
print(f"{stable(100 * (1 - sum(lengths) / full), 0)} % of {full} places are padding")

# %% [markdown]
# **Answer:** Two fifths: so much of the arithmetic would be spent on nothing, and nobody does that in pretraining. The
# pages are laid *end to end*, one long ribbon, and cut into rows wherever a row is full. This is called *packing*. A
# page may begin in the middle of a row and end in the next. `<s>` and `</s>` mark the seams, and the model learns that
# what stands before `<s>` has nothing to do with what comes after. Here are eight of the pages, both ways.

# %%
from llama_lessons.widgets.packing_picture import packing_picture

what = "Eight pages of different lengths: as one ribbon with a cut after every 128 tokens; padded, a page to a row, "
show(packing_picture(lengths[5:13], 128), alt=what + "with much of each row empty; and as the ribbon's rows, all full.")

# %% [markdown]
# Each row of T tokens needs T answers, and the last answer is one token further on. So a row takes T + 1 ids of the
# ribbon: the first T are read, the last T are the answers.
#
# ### Exercise 1 (5 minutes): tokens and targets
# The easiest line of pretraining, and the one with the most expensive mistakes. The check knows the usual ones.


# %% tags=["exercise"]
def my_batch(ids, n_rows, n_columns):
    """What the model reads and what it should say.

    ids: a list of token ids, at least n_rows * (n_columns + 1) of them; what is over is left out.
    Returns (tokens, targets), both int64 tensors of shape (n_rows, n_columns). Each row uses n_columns + 1 ids.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.pretraining import check_batch

check_batch(my_batch)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# How many ids does a row of n_columns need, if each of its tokens has an answer?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Cut off what is over, make a rectangle of n_columns + 1, and take it twice: without its last column, and without its
# first.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_batch(ids, n_rows, n_columns):
    rows = torch.tensor(ids[: n_rows * (n_columns + 1)]).view(n_rows, n_columns + 1)
    return rows[:, :-1], rows[:, 1:]


check_batch(solved_batch)

# %% [markdown]
# The package's `pack` does the same for a stream of pages. It also takes a *loss mask*, a yes or no for each token: is
# the model asked for it? In pretraining the answer is always yes; lesson 09 will ask for the assistant's words only.
#
# One decision matters for later: **the batch of step 17 is drawn from a seed of its own.** Whoever wants to go on at
# step 17 needs no other memory than the number 17.

# %%
from llama_lessons.batches import Batch, pack

ROWS, SEQ_LEN = 8, 128


def batch_at(step):
    texts = ((ids, [True] * len(ids)) for ids in documents(1_000_000 + step))
    return pack(texts, ROWS, SEQ_LEN)


batch = batch_at(0)
print("tokens", tuple(batch.tokens.shape), "targets", tuple(batch.targets.shape), "- page ends among them:", end=" ")
print((batch.targets == tok.eos_id).sum().item())
print("reads:", tok.pieces(batch.tokens[0, :8].tolist()))
print("says: ", tok.pieces(batch.targets[0, :8].tolist()))
assert torch.equal(batch.tokens[:, 1:], batch.targets[:, :-1]), "each target should be the token one place further on"

# %% [markdown]
# ## 2. Where does the loss start?
#
# How wrong is a forecast? The *loss* is minus the logarithm of the chance that the model gave to the right token, on
# average: 0 for a certain and correct forecast, more for every surprise. With the natural logarithm its unit is the
# *nat*.
#
# **Predict:** a new model knows nothing. Its vocabulary has 2048 pieces. What is its loss, before any training?

# %%
from llama_lessons.config import LlamaConfig

ALIKE = {"n_heads": 4, "n_kv_heads": 2, "vocab_size": tok.vocab_size, "max_seq_len": 256, "tie_embeddings": True}


def shape(dim, n_layers, hidden_dim):
    return LlamaConfig(dim=dim, n_layers=n_layers, hidden_dim=hidden_dim, **ALIKE)


def new_model(config):
    torch.manual_seed(0)
    return Llama(config).to(device)


def loss_of(model, batch):
    logits = model(batch.tokens)  # (B, T, V)
    return cross_entropy(logits.flatten(0, 1), batch.targets.flatten())


TINY = shape(dim=64, n_layers=2, hidden_dim=176)
model = new_model(TINY)
start = loss_of(model, batch.to(device)).item()
print(f"{TINY.n_params:,} parameters, loss {stable(start, 1)}; ln 2048 = {stable(math.log(2048), 1)}")

# %% [markdown]
# **Answer:** ln V, here 7.6: who knows nothing gives each of V pieces the chance 1/V, and −ln(1/V) = ln V. If your
# model starts far above that, its first logits are too large: it is *sure* of nonsense, and something is wrong with its
# initial weights. So the first number that a training run prints is a test.
#
# Two more marks to measure by. Whoever has counted how often each piece occurs, and nothing else, can do better than ln
# V. And the model that comes with the course shows what there is to be won. It was made by this lesson's loop, but not
# by this lesson's settings: it read twenty million tokens, of all the Valley's kinds of pages where ours are three,
# computed in bfloat16, and its matrices were trained by Muon, of which section 3 speaks.

# %%
counts = torch.ones(tok.vocab_size, dtype=torch.float64)  # one for each, so that nothing is impossible
for step in range(100):
    counts += torch.bincount(batch_at(step).targets.flatten(), minlength=tok.vocab_size)
held_out = batch_at(-1)  # a batch that no step trains on
by_count = -(counts / counts.sum()).log()[held_out.targets].mean().item()
shipped = load(data_path("checkpoints/base"), dtype=torch.float32)
with torch.inference_mode():
    by_shipped = loss_of(shipped, held_out).item()
levels = {"knows nothing": math.log(2048), "knows how frequent pieces are": by_count, "shipped model": by_shipped}
print({name: stable(loss, 1) for name, loss in levels.items()})

# %% [markdown]
# ### Does a page see its neighbour?
# Packing has a catch. The causal mask hides what comes later, not what comes from another page: behind a seam, a token
# may look back across it. Llama 2's paper says of its pretraining neither that this is allowed nor that it is not;
# Llama 3's says that a mask forbids it, and adds that in ordinary pretraining it made little difference
# ([arXiv:2407.21783](https://arxiv.org/abs/2407.21783), section 3.2).
#
# Ask our shipped model, which was trained without such a mask. **Predict:** how much of its attention goes across the
# seam? Is it worse, or better, at a page that stands behind another?

# %%
from llama_lessons.evaluation import log_probs
from llama_lessons.model import record_attention

pages = [page for page in islice(documents(77), 120) if len(page) < 200][:60]
pairs = list(zip(pages[::2], pages[1::2], strict=True))
alone = -torch.cat([log_probs(shipped, [(page[:1], page[1:])])[0] for _, page in pairs]).mean()
behind = -torch.cat([log_probs(shipped, [(other + page[:1], page[1:])])[0] for other, page in pairs]).mean()
print("loss of a page alone", stable(alone.item()), "- behind another", stable(behind.item()))
other, page = pairs[0]
with torch.inference_mode(), record_attention(shipped) as maps:
    shipped(torch.tensor([other + page]))
across = [100 * maps[k][0, :, len(other) :, : len(other)].sum(-1).mean().item() for k in range(len(shipped.blocks))]
print("attention that goes across the seam, in % per layer:", stable(across, 0))

# %% [markdown]
# **Answer:** A few per cent, and to this precision the loss is the same: the model has learned by itself to leave alone
# what stands before `<s>`. On rows of many thousand tokens, Llama 3's authors found, the mask matters.

# %% [markdown]
# ## 3. The loop by hand
#
# Four steps: forecast, loss, gradients, update. (Before the third the old gradients are set to zero: `backward` adds to
# what it finds.) The gradient of a weight says how the loss changes if the weight grows; so move every weight a little
# against it. The simplest update is *stochastic gradient descent*, SGD: subtract the gradient times a number, the
# *learning rate*.
#
# We try it at four rates, and beside it AdamW, the optimizer of nearly all language models. **Predict:** can SGD keep
# up, if its rate is right?


# %%
def train(make_optimizer, lr, n_steps=30):
    model = new_model(TINY)
    optimizer = make_optimizer(model.parameters(), lr)
    losses = []
    for step in range(n_steps):
        loss = loss_of(model, batch_at(step).to(device))  # 1. and 2.: forecast and loss
        optimizer.zero_grad()
        loss.backward()  # 3.: gradients
        optimizer.step()  # 4.: update
        losses.append(loss.item())
    return losses


curves = {f"SGD, rate {rate}": train(torch.optim.SGD, rate) for rate in (0.1, 0.5, 1.0, 10.0)}
curves["AdamW, rate 0.005"] = train(torch.optim.AdamW, 0.005)
ends = {name: sum(losses[-5:]) / 5 for name, losses in curves.items()}
assert all(ends["AdamW, rate 0.005"] < end - 0.2 for end in list(ends.values())[:3]), f"AdamW should be ahead: {ends}"
assert not max(curves["SGD, rate 10.0"][1:]) < 100, "at a rate of 10, SGD should blow up"
print("AdamW is ahead of SGD by more than a fifth of a nat, at each of the rates")

# %%
figure, axes = plt.subplots(figsize=(7, 2.8))
for (name, losses), line in zip(curves.items(), (":", "-.", (0, (6, 1)), "--", "-"), strict=True):
    axes.plot(losses, linestyle=line, label=name + (f": ends at {ends[name]:.2f}" if ends[name] < 9 else ": blows up"))
axes.set(xlabel="step", ylabel="loss, nats", ylim=(5, 9))
axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
what = "Loss over 30 steps: AdamW falls fastest. SGD is slow at a rate of 0.1, less so at 0.5, leaps up and down at 1, "
show(figure, alt=what + "and at 10 leaves the picture at once.")

# %% [markdown]
# **Answer:** Not here: at its best rate, about 0.5, SGD is more than half a nat behind, below that it is slower, and a
# rate that is larger than that leaps about or blows up. The row of a frequent piece in the embedding table gets large
# gradients, the row of a rare one tiny ones; matrices and norms lie in between. One rate cannot fit all. AdamW gives
# each number a pace of its own:
#
# - it keeps a running **mean** of the gradient, a share β of the old mean and 1 − β of the new gradient: where does it
#   point, on the whole?
# - and, with a β of its own, a running **mean of its square**: how large is it usually?
# - and moves by the first divided by the root of the second (plus a tiny *eps*, here outside the root, against dividing
#   by 0). So a number moves by about the learning rate if its gradients agree, whatever their size, and by less if they
#   contradict each other. The step is measured in *weights*, not in gradients.
#
# Both means begin at 0, so early on they are too small. The mean after n steps has seen 1 − βⁿ of what it should;
# dividing by that puts it right. And besides, each weight shrinks by a tiny share, rate times *weight decay*, whatever
# its gradient is: that is the W. The decay is *decoupled*: it is taken off the weight itself. (The older way adds it to
# the loss, so that it comes with the gradient and is divided by that root as well. Then weights with large gradients
# hardly decay; that is what AdamW's authors mended.)
#
# ### Exercise 2 (15 minutes): a step of AdamW


# %% tags=["exercise"]
def my_adamw(weight, gradient, mean, square, step, rate, decay):
    """One step with Llama 2's betas, 0.9 for the mean and 0.95 for the mean of the squares; eps is 1e-8.

    weight, gradient, mean, square: tensors of the same shape. step: counted from 1.
    1. mean and square: keep the share beta, take 1 - beta of the new gradient, or of its square.
    2. divide each by 1 - beta**step (not in what you return).
    3. weight: shrink it by rate * decay of itself; subtract rate * mean / (eps + the root of square).
    Returns (weight, mean, square), new tensors.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.pretraining import check_adamw

check_adamw(my_adamw)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# 0.9 × old + 0.1 × new is the first mean; the second is made in the same way, of the gradient's square.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Correct copies of both: what you return is uncorrected.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Decay and step both start from the weight as it was given.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_adamw(weight, gradient, mean, square, step, rate, decay):
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.95 * square + 0.05 * gradient**2
    move = (mean / (1 - 0.9**step)) / ((square / (1 - 0.95**step)).sqrt() + 1e-8)
    return weight * (1 - rate * decay) - rate * move, mean, square


check_adamw(solved_adamw)

# %% [markdown]
# **Your own Llama learns.** New weights, your batches and your AdamW; rate and clipping are the course's until you have
# written them. (`training=True` also tries whether gradients go through every part. A new model's loss is about 7.6.)

# %%
from llama_lessons.my_llama import assemble


def ids_at(step):
    pages = documents(2_000_000 + step)
    return [token for page in islice(pages, 16) for token in page]


own = assemble(training=True, device=device)
mine = own.like(new_model(TINY))
losses = own.train(mine, ids_at, 12, 5e-3, n_rows=4, n_columns=64, warmup=2)
print(own)
print("its loss has fallen:", losses[-1] < losses[0] - 0.3)

# %% [markdown]
# Back to a single step of AdamW. **Predict:** two weights get the gradients 0.001 and 1000. How far does each move at
# the very first step?

# %%
from llama_lessons.checks.pretraining import adamw

zero = torch.zeros(2)
weight, _, _ = adamw(torch.ones(2), torch.tensor([0.001, 1000.0]), zero, zero, step=1, rate=0.01, decay=0.0)
print("both were 1, and are now", stable(weight))

# %% [markdown]
# **Answer:** Equally far. Keep that in mind for section 8: with AdamW a large gradient does not make a large step.
#
# **Two groups.** Decay keeps matrices from growing without need. But the weights of the norms are scales around 1, and
# pulling them to 0 would turn down the signal. So matrices decay and vectors do not.
#
# **The price.** A weight in training is four numbers: itself, its gradient, and AdamW's two means, in float32 16 bytes.
# **Predict:** lesson 00 asked it: which of Meta's sizes could be trained on one H200?

# %%
from llama_lessons.arithmetic import CARDS
from llama_lessons.optimizers import TrainConfig, make_optimizers

[optimizer] = make_optimizers(model, TrainConfig(n_steps=1))
for group in optimizer.param_groups:
    numbers = sum(weight.numel() for weight in group["params"])
    print(f"{len(group['params'])} tensors, {numbers:>7,} numbers, weight decay {group['weight_decay']}")
for name in ("llama2-7b", "llama2-13b", "llama2-70b"):
    gigabytes = 16 * LlamaConfig.preset(name).n_params / 1e9
    enough = gigabytes < CARDS["H200"] / 1e9
    print(f"{name:<11} {gigabytes:>6.0f} GB to train, without activations; one H200 is enough: {enough}")

# %% [markdown]
# **Answer:** The 7B, just: what the layers must remember for the backward pass, the *activations*, comes on top. Lesson
# 13 spreads it over several machines; lesson 08 trains so few numbers that the problem goes away.
#
# **Muon** is what trained most of the shipped model, years after Llama 2. AdamW treats a matrix as a heap of numbers;
# Muon (Jordan and others, [2024](https://kellerjordan.github.io/posts/muon/)) takes its mean gradient as the matrix
# that it is, brings all its singular values near 1, so that the step is about as long in every direction, and keeps one
# mean where AdamW keeps two. Tables and norms stay with AdamW. In so short a training it was one of the things that it
# took for a model that keeps the names of its stories straight (`data/EXPERIMENTS.md` has the log of what was tried).
# Meta trained Llama 2 with AdamW, and so do we in this lesson.

# %%
from llama_lessons.pretrain import STEPS, train_config

shipped_config = train_config(STEPS)
print("steps:", shipped_config.n_steps, "- peak rates: Muon", shipped_config.muon_lr, "AdamW", shipped_config.peak_lr)
for optimizer in make_optimizers(shipped, shipped_config):
    numbers = sum(weight.numel() for group in optimizer.param_groups for weight in group["params"])
    print(
        f"{type(optimizer).__name__:<6}{numbers:>10,} numbers, {stable(100 * numbers / shipped.config.n_params, 0)} %"
    )

# %% [markdown]
# ## 4. The learning rate: up, then slowly down
#
# Large steps go far, small steps arrive. So the rate should be high first and low later. Llama 2 lets it fall along
# half a cosine, to a tenth of its peak. And before that it rises from next to nothing to the peak, in a straight line:
# *warm-up*. In the first steps AdamW's two means are made of one or two batches, and are poor advisers.
#
# ### Exercise 3 (10 minutes): the rate of a step
# The first of the `warmup` steps has the rate peak / warmup, the last of them the peak. The next step has the peak too:
# there the cosine begins. At the last step of all, n_steps − 1, the rate is a tenth of the peak.


# %% tags=["exercise"]
def my_learning_rate(step, n_steps, peak, warmup):
    """The learning rate of a step, which is counted from 0. (math.cos(0) is 1, math.cos(math.pi) is -1.)"""
    raise NotImplementedError("your turn")


from llama_lessons.checks.pretraining import check_learning_rate

check_learning_rate(my_learning_rate)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Two cases. In the first, step 0 has the rate peak / warmup, not 0.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Let `done` run from 0 to 1 between step `warmup` and step `n_steps - 1`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Half a cosine from 1 to 0 is (1 + cos(π · done)) / 2; stretch it so that it ends at a tenth.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_learning_rate(step, n_steps, peak, warmup):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / (n_steps - 1 - warmup)  # 0 at the end of warm-up, 1 at the last step
    return peak * (0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2)


check_learning_rate(solved_learning_rate)

# %% [markdown]
# Here is what Meta chose, from the paper's section 2.2. **Predict:** two million million tokens, in batches of four
# million. How many steps is that, and what share of them is warm-up?

# %%
n_steps = paper.TOKENS.value / paper.GLOBAL_BATCH.value
warmup = paper.OPTIMIZER["warmup_steps"].value
print(f"{n_steps:,.0f} steps, {warmup} of them warm-up: {stable(100 * warmup / n_steps, 1)} %")
for name, fact in paper.OPTIMIZER.items():
    print(f"{name:<15}{fact.value}")
print({name: fact.value for name, fact in paper.PEAK_LR.items()})

# %% [markdown]
# **Answer:** Half a million steps, and 0.4 % of them are warm-up. Here is the curve, for a run of our size.

# %%
from llama_lessons.checks.pretraining import learning_rate

figure, axes = plt.subplots(figsize=(6, 2.2))
axes.plot([learning_rate(step, 330, 5e-3, 16) for step in range(330)])
axes.set(xlabel="step", ylabel="learning rate", ylim=(0, 5.5e-3))
show(figure, alt="The learning rate rises in a straight line and falls along half a cosine to a tenth of its peak.")

# %% [markdown]
# Larger models take smaller rates: 3e-4 for the 7B and 13B, half of that for the 34B and 70B. Ours, ten thousand times
# smaller, takes 5e-3. (One more thing is ours: where Llama 2 has an eps of 1e-5, we take 1e-8, PyTorch's default.)
#
# ## 5. Clipping: no step counts too much
#
# Sometimes one batch has a gradient far larger than all others: a page of garbage, one character repeated for ever. All
# gradients together are one long vector. If its length, the *norm*, is above the limit of 1, Llama 2 scales the whole
# vector down to that length, with one factor for all numbers: so the step keeps its direction. (Against a number that
# overflowed it does not help: the factor is then 0, and 0 times infinity is no number.)
#
# ### Exercise 4 (10 minutes): clip by the norm of all


# %% tags=["exercise"]
def my_clip(gradients, limit):
    """The gradients, scaled by one factor so that their norm together is at most the limit.

    gradients: a list of tensors of any shapes. Their norm is the root of the sum of all squares, over all tensors.
    Returns a list of new tensors; below the limit they are as they were.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.pretraining import check_clip

check_clip(my_clip)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# One norm for all of them: add up the squares of all tensors before you take the root.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The factor is limit / norm, but never more than 1.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 4: click to unfold
def solved_clip(gradients, limit):
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    factor = (limit / norm).clamp(max=1)
    return [gradient * factor for gradient in gradients]


check_clip(solved_clip)

# %% [markdown]
# **Your own Llama,** with all four in their places: forty steps, from ln V down. (It will not tell a story yet: that
# takes a larger model and a longer run, which is section 7.)

# %%
own = assemble(training=True, device=device)
mine = own.like(new_model(TINY))
losses = own.train(mine, ids_at, 40, 5e-3, n_rows=8, n_columns=64, warmup=4)
print({name: own.whose[name] for name in ("batch", "adamw", "learning_rate", "clip")})
print("after forty steps its loss has fallen by more than one nat:", losses[-1] < losses[0] - 1)
assert losses[-1] < losses[0] - 1, f"from {losses[0]:.2f} it only came to {losses[-1]:.2f}"

# %% [markdown]
# ### How large a batch, and where to put it
# A gradient is a mean over the rows of the batch, and another batch would give another one. How far may it be trusted?
# We take the mean over 64 rows as the truth, and see how far off the mean of fewer, other rows is.
#
# Llama 2's batch, four million tokens, is a thousand rows of 4096. No card holds what so many rows must remember for
# the backward pass. So a batch is computed in parts. `backward` *adds* to the gradients that it finds: run it for each
# part, and take one step. This is *gradient accumulation*. **Predict:** how many rows does it take to halve the error?
# And of which loss must each of four parts run `backward`, so that the sum is the gradient of the whole?


# %%
def gradient(model, batch, share=1.0):
    parts = torch.autograd.grad(share * loss_of(model, batch), list(model.parameters()))
    return torch.cat([part.flatten() for part in parts])


texts = ((ids, [True] * len(ids)) for ids in documents(99))
model, many = new_model(TINY), pack(texts, 128, SEQ_LEN).to(device)
rows = torch.stack([gradient(model, row) for row in many.split(128)])  # one gradient a row
truth = rows[64:].mean(0)
for n in (1, 4, 16, 64):
    errors = [(mean - truth).norm() / truth.norm() for mean in rows[:64].view(64 // n, n, -1).mean(1)]
    print(f"rows {n:>2}: the error is {stable(torch.stack(errors).mean(), 1)} times as long as the gradient")
batch = batch_at(0).to(device)
whole = gradient(model, batch)
for share, said in ((1 / 4, "a quarter of each part's mean loss"), (1.0, "each part's mean loss")):
    added = sum(gradient(model, part, share) for part in batch.split(4))
    print(f"backward of {said}: the sum is {stable((added.norm() / whole.norm()).item(), 1)} times the whole's")
print("rows in a batch of Llama 2:", round(paper.GLOBAL_BATCH.value / paper.CONTEXT.value))

# %% [markdown]
# **Answer:** Four times as many: errors that do not know of each other shrink with the root of their number (at the end
# less, as our truth has an error of its own). So a batch is a trade: large ones waste text on a direction that was
# known well enough, small ones walk in zigzag. And each part must bring *its share* of the batch's mean; who forgets it
# takes a gradient four times as long. With clipping and AdamW one hardly notices. (Where parts ask for different
# numbers of tokens, the share is theirs of all tokens, not a quarter: lesson 09's masks need that.) `TrainConfig` has
# it as `grad_accum_steps`.

# %% [markdown]
# ## 6. All together
#
# Now the loop has all its parts. The package's `Trainer` is this loop, with a few things around it that you will want
# on a long run. **Predict:** five steps of the loop written out, and five steps of the `Trainer`: how far apart are the
# weights? (`adamw` and `clip` are the references that check your exercises, made of PyTorch's own; put `my_adamw` and
# `my_clip` in their place.)

# %%
from torch.testing import assert_close

from llama_lessons.checks.pretraining import clip
from llama_lessons.training import Trainer

train_config = TrainConfig(n_steps=5, peak_lr=5e-3, warmup_steps=2, eps=1e-8)
model = new_model(TINY)
weights = list(model.parameters())
means, squares = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
for step in range(5):
    loss = loss_of(model, batch_at(step).to(device))
    gradients = clip(list(torch.autograd.grad(loss, weights)), limit=1.0)
    rate = learning_rate(step, 5, train_config.peak_lr, 2)
    with torch.no_grad():
        for k, weight in enumerate(weights):
            decay = 0.1 if weight.dim() > 1 else 0.0  # the two groups
            new, means[k], squares[k] = adamw(weight, gradients[k], means[k], squares[k], step + 1, rate, decay)
            weight.copy_(new)

trainer = Trainer(new_model(TINY), train_config, batch_at)
list(trainer.run(bar=False))
assert_close(list(trainer.model.parameters()), weights, rtol=0, atol=1e-4)
print("five steps written out and five of the Trainer: the same weights, to within 0.0001")

# %% [markdown]
# **Answer:** No further than rounding explains: what the `Trainer` does, you have written.
#
# ## 7. From noise to sentences, live
#
# Now for a larger one, on all that we have: 0.6 million parameters, 340 000 tokens, half a minute or a little more. The
# view draws the loss at every step. At five moments it asks the model to go on with *Clara and Luis walked home*, by
# rolling dice (lesson 07), and shows what it writes.
#
# **Predict:** at which loss, between 7.6 and the shipped model's, do the words begin to fit their neighbours? When does
# the first whole sentence come? Sense?
#
# On a GPU, put `"classroom"` in place of `"laptop"`.

# %%
from llama_lessons.generate import generate
from llama_lessons.widgets.training import TrainingView

SIZES = {  # shape, steps
    "laptop": (shape(dim=96, n_layers=4, hidden_dim=256), 330),
    "classroom": (shape(dim=256, n_layers=8, hidden_dim=704), 4000),
}
size = "laptop"
config, n_steps = SIZES[size]
train_config = TrainConfig(n_steps=n_steps, peak_lr=5e-3 if size == "laptop" else 2e-3, warmup_steps=16, eps=1e-8)
trainer = Trainer(new_model(config), train_config, batch_at)


def say(model, opening="Clara and Luis walked home"):
    ids = tok.encode(opening)
    dice = torch.Generator().manual_seed(2)
    new = generate(model, [ids], 30, temperature=0.5, top_p=0.9, stop_ids=[tok.eos_id], generator=dice)
    return tok.decode(ids + new[0])


view = TrainingView(n_steps * ROWS * SEQ_LEN, levels)
print(f"{config.n_params:,} parameters, {n_steps} steps of {ROWS} rows of {SEQ_LEN} tokens")

# %% [markdown]
# While it runs, press the interrupt button, ■ in the tool bar, if you like: nothing is lost. Run the cell again, and it
# goes on where it stopped. (Section 9 says why.)

# %%
from IPython.display import display

display(view)
milestones = [0, n_steps // 16, n_steps // 4, n_steps // 2, n_steps]
view.follow(trainer, write=lambda: say(trainer.model), at=milestones)

# %% [markdown]
# The view lives as long as its kernel. Here is the run on a picture that stays (yours, if you ran the cell; ours, if
# you only read). Dotted lines mark when the texts below were written.

# %%
losses = [metrics.loss for metrics in trainer.history]
show(
    view.picture(),
    alt="The loss falls from 7.6 steeply at first, then ever more slowly; five texts, from noise to sentences.",
)
if len(losses) < n_steps:
    print(f"stopped after {len(losses)} of {n_steps} steps: run the cell with the view again, and then this one")
else:
    first, last = losses[0], sum(losses[-20:]) / 20
    assert abs(first - math.log(2048)) < 0.2, f"a model that knows nothing should begin at 7.6 nats, not {first:.2f}"
    assert last < by_count - 1, f"it ends at {last:.2f} nats, hardly better than by counting: did the rate change?"
    print("it began at ln V, and now it knows far more than how frequent pieces are")

# %% [markdown]
# **Answer:** Words begin to fit their neighbours between five nats and four; short sentences come at about three, and
# sense does not come. The order is always the same. In the first moments the model learns which pieces are frequent:
# full stops, *the*, quotation marks. That is the first steep fall, down to the second grey line, and there the curve
# hesitates. To go on it must look at the word before, then at more of them. Then come phrases of a few words, and at
# the end of this run short sentences that hold by themselves, beside others that do not. That *he* in one sentence is
# *she* in the next it does not mind. Sense across sentences comes last, and a model of this size and age does not have
# it.
#
# What does it now think of our sentence? How surprising is each word, before training, after it, and to the shipped
# model?

# %%
ids = torch.tensor([tok.encode(sentence, eos=True)], device=device)


@torch.inference_mode()
def surprise(model):
    return cross_entropy(model(ids[:, :-1])[0], ids[0, 1:], reduction="none").cpu()


figure, axes = plt.subplots(figsize=(7, 2.9))
positions = range(ids.shape[1] - 1)
axes.plot(positions, surprise(new_model(config)), "s:", color="#D55E00", label="before")
axes.plot(positions, surprise(trainer.model), "o-", color="#0072B2", label=f"after {trainer.step} steps")
axes.plot(positions, surprise(shipped.to(device)), "^--", color="#009E73", label="shipped model")
axes.set_xticks(positions, tok.pieces(ids[0, 1:].tolist()), rotation=60, fontsize=9)
axes.set_ylabel("surprise, nats")
axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.2))
what = "Surprise at each token of the sentence: flat before training, uneven and mostly lower after it; the shipped "
show(figure, alt=what + "model's is largest at 'walked', and next to nothing from 'home' on.")
means = [surprise(model).mean().item() for model in (new_model(config), trainer.model)]
assert trainer.step < n_steps or means[1] < means[0] - 1, f"training should lower the surprise; it went {means}"

# %% [markdown]
# The shipped model is certain from *home* on, and at *walked* more surprised than one that knows nothing. In what it
# read, this sentence *ends* a story, about two people whom one has met, and pages seldom begin like that. Who is sure
# of something else pays for it.
#
# ### Again and again: what a loss can hide
# Our run never read a page twice. Llama 1, says its paper ([arXiv:2302.13971](https://arxiv.org/abs/2302.13971),
# section 2.1), read most of its text once; Llama 2's says only that it read more from the most factual sources. What if
# text is scarce? Take four batches, and read them forty times. **Predict:** how far does the loss on these pages fall?
# And on pages that it does not read?

# %%
FEW = 4  # batches
often = TrainConfig(n_steps=40 * FEW, peak_lr=1e-2, warmup_steps=6, eps=1e-8)
again = Trainer(new_model(TINY), often, lambda step: batch_at(step % FEW))
unread, held_out = [], held_out.to(device)
for metrics in again.run(bar=False):
    if metrics.step % 8 == 0:
        with torch.inference_mode():
            unread.append((metrics.step, loss_of(again.model, held_out).item()))
steps, out = zip(*unread, strict=True)
read = [metrics.loss for metrics in again.history]
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.plot(range(1, len(read) + 1), read, color="#0072B2", label="the pages that it reads")
axes.plot(steps, out, "o--", color="#D55E00", markersize=4, label="held-out pages")
axes.axvline(steps[out.index(min(out))], color="gray", linestyle=":")
axes.set(xlabel="step", ylabel="loss, nats", ylim=(0, 8))
axes.legend(frameon=False, loc="lower left")
what = (
    "Loss on the pages read falls towards nothing. Loss on held-out pages falls with it at first, then turns, at the "
)
show(figure, alt=what + "dotted line, and rises ever higher.")
said = f"read {read[-1]:.2f}; held out at best {min(out):.2f}, at the end {out[-1]:.2f}"
assert read[-1] < 1.5 and min(out) > 4 and out[-1] > min(out) + 0.5, (
    f"it should learn by heart, and little else; {said}"
)
print("read pages: below 1.5 nats; held-out pages: at best above 4, and at the end half a nat worse than that or more")

# %% [markdown]
# **Answer:** On these pages it falls towards nothing; on others it falls, turns, and rises. This is *overfitting*: the
# model has learned its pages by heart, and is now certain of their words where others stand. The blue curve alone looks
# splendid. So **keep pages that no step reads, and draw their curve beside the other**; where it turns, stop, or get
# more text. While every page is new, as in our run, the two curves are nearly one: then the training loss itself is a
# test.
#
# ## 8. Break it
#
# Take the parts away, one at a time, on the small model, for a few seconds each: no warm-up; a rate a hundred times as
# high; no clipping; and targets that are not shifted, so that the model is asked for the token that it has just read.
#
# **Predict:** order the five curves by their end. Which of them is the lowest?

# %%
from dataclasses import replace

N_STEPS = 48
good = TrainConfig(n_steps=N_STEPS, peak_lr=5e-3, warmup_steps=6, eps=1e-8)


def unshifted(step):
    return Batch(batch_at(step).tokens, batch_at(step).tokens)


ways = {
    "as it should be": (good, batch_at),
    "no warm-up": (replace(good, warmup_steps=0), batch_at),
    "100 times the rate": (replace(good, peak_lr=0.5), batch_at),
    "no clipping": (replace(good, max_grad_norm=math.inf), batch_at),
    "targets not shifted": (good, unshifted),
}
broken, long_ones = TrainingView(N_STEPS * ROWS * SEQ_LEN, levels), {}
display(broken)
for name, (train_config, batches) in ways.items():
    run = Trainer(new_model(TINY), train_config, batches)
    broken.follow(run, name, lambda run=run: say(run.model), [N_STEPS] * (batches is unshifted))  # and what it writes
    if broken.stopped:
        break
    long_ones[name] = sum(metrics.grad_norm > 1 for metrics in run.history)  # steps whose gradient is longer than 1

# %%
curves = {run["name"]: run["losses"] for run in broken.runs}
figure, panels = plt.subplots(1, 4, figsize=(7, 2.5), sharey=True)
for axes, (name, losses) in zip(panels, list(curves.items())[1:], strict=False):
    axes.plot(curves["as it should be"], color="gray", linewidth=3, alpha=0.5)
    axes.plot(losses, color="#D55E00")
    axes.set_title(name, fontsize=10)
    axes.set(xlabel="step", ylim=(2, 10))
panels[0].set_ylabel("loss, nats")
wrote = broken.samples[-1]["text"].replace("$", r"\$") if broken.samples else "nothing yet"
figure.supxlabel("not shifted, it writes: " + wrote[:70] + " ...", fontsize=10)
what = "Four panels, in each the curve as it should be in grey. No warm-up falls a little sooner and ends on it, no "
what += "clipping lies on it, a hundred times the rate first leaps up and stays above it, "
show(figure, alt=what + "targets that are not shifted fall far below it.")

# %%
end = {run["name"]: sum(run["losses"][-8:]) / 8 for run in broken.runs if len(run["losses"]) == N_STEPS}
if len(end) < len(ways):
    print(f"{len(end)} of {len(ways)} runs are done: run the cell with the view again, to its end, for a verdict")
else:
    normal = end["as it should be"]
    ends = "the runs end at " + ", ".join(f"{loss:.2f} ({name})" for name, loss in end.items())
    assert end["100 times the rate"] > normal + 0.1, f"too high a rate should be worse; {ends}"
    assert end["targets not shifted"] < normal - 1, f"without a shift, the loss should be far too good; {ends}"
    for name in ("no warm-up", "no clipping"):
        assert abs(end[name] - normal) < 0.3, f"{name} should change hardly anything; {ends}"
    print("too high a rate is worse; without warm-up or clipping nothing happens; without a shift the loss is too good")
    print("without clipping, the gradient is longer than 1 in at most 3 of 48 steps:", long_ones["no clipping"] <= 3)

# %% [markdown]
# **Answer:** The lowest by far is the worst mistake; two of the five make no difference, and one is a little worse.
# **The loss that is too good to be true is the worst of all.** Without the shift the model learns to copy, which is
# easy, and when it writes, it says the same word again and again. No error, a beautiful curve, a useless model. If a
# loss falls much faster than you expected, do not celebrate: look at what the model writes.
#
# **Too high a rate** throws the weights about. It recovers when the schedule lowers the rate, but what it lost is lost.
#
# **Without warm-up nothing much happens here.** That is an honest result, and you should know it before you repeat that
# "training diverges without warm-up". A small model with norms before each layer is robust. **Without clipping nothing
# can happen**: the gradient is hardly ever longer than 1, so there was nothing to clip. In a model of many billions, in
# a run that costs millions, both are an insurance, and a cheap one: warm-up is 0.4 % of the steps.
#
# But what does clipping insure against? Let us make the accident: at step 16 the gradient that comes down from the top
# is a thousand times too large, as if one page had been counted a thousandfold. **Predict:** AdamW does not take a
# larger step for a larger gradient (section 3). So is it immune?


# %%
def spoil(trainer, at=16, factor=1000):
    def hook(module, inputs, output):
        if trainer.step == at:
            output.register_hook(lambda gradient: factor * gradient)

    trainer.model.norm.register_forward_hook(hook)


accident = TrainingView(N_STEPS * ROWS * SEQ_LEN)
display(accident)
for name, train_config in {"clipped": good, "not clipped": replace(good, max_grad_norm=math.inf)}.items():
    run = Trainer(new_model(TINY), train_config, batch_at)
    spoil(run)
    accident.follow(run, f"accident, {name}")
    if accident.stopped:
        break

# %%
figure = accident.picture()
figure.axes[0].set_ylim(5, 8)
what = "Both curves fall alike up to step 16. Then the clipped one goes on falling; the other stays where it was."
show(figure, alt=what)
end |= {run["name"]: sum(run["losses"][-8:]) / 8 for run in accident.runs if len(run["losses"]) == N_STEPS}
if len(end) < len(ways) + 2:
    print("one run or more was stopped: run the cells with the views again, to their end, for a verdict")
else:
    ends = [end["as it should be"], end["accident, clipped"], end["accident, not clipped"]]
    said = "the losses without accident, clipped, not clipped: " + ", ".join(f"{loss:.2f}" for loss in ends)
    assert abs(ends[1] - ends[0]) < 0.2, f"clipped, the accident should leave no trace; {said}"
    assert ends[2] > ends[1] + 0.2, f"not clipped, learning should stall; {said}"
    print("clipped, the accident leaves no trace; not clipped, learning stalls")

# %% [markdown]
# **Answer:** No: it does not explode, it *stalls*. A gradient that is a thousand times as long has a square that is a
# million times as large. AdamW's mean of squares takes 5 % of it, keeps 95 % of what it has at each step after that,
# and every step is divided by its root. How long does that last?

# %%
for later in (20, 100, 200):
    left = 0.05 * 1000**2 * 0.95**later  # of the accident in the mean of squares, where 1 is the usual
    pace = 1 / math.sqrt(1 + left)
    print(f"{later:>3} steps later the mean is {1 + left:>8,.0f} times the usual, so the pace is {stable(pace)} of it")

# %% [markdown]
# A hundred steps later the pace is still a small part of what it was. That is what clipping protects in AdamW: not the
# step, but the memory.
#
# ## 9. Stop it, and go on: nothing lost *(optional)*
#
# (This section interrupts a run on purpose, with threads and hooks, which are tools of engineers. To know that one can
# go on is enough; read on at section 10.)
#
# A long run will be interrupted: by you, by a power cut, by a machine that fails. What does it take to go on *exactly*,
# as if nothing had been?
#
# - the weights, and AdamW's two means for each,
# - the number of the step, for the schedule,
# - and the text that comes next. Because `batch_at(step)` needs nothing but the step, there is nothing to keep.
# - An update of the weights must be done as a whole or not at all. The `Trainer` holds an interrupt back while the
#   weights are being written, and lets it through right after.
#
# (One thing it will not go on from: if a loss or a gradient is no number, the `Trainer` stops before it changes a
# weight, and names the step. A single NaN would be in every weight one step later.)
#
# The interrupt button raises a `KeyboardInterrupt` wherever the program happens to be. So let us raise it at the worst
# moments: in the middle of the layers, and in the middle of an update. Then save, and go on with a new model from the
# file. **Predict:** are all weights equal to the bit, or only nearly?

# %%
import _thread

short = TrainConfig(n_steps=12, peak_lr=5e-3, warmup_steps=3, eps=1e-8)
# on the CPU: a GPU makes some sums in whatever order is quickest, so that no two runs are alike to the bit
straight, stopped, resumed = (Trainer(new_model(TINY).cpu(), short, batch_at) for _ in range(3))
list(straight.run(bar=False))

moments = {"in a layer": 4, "in an update": 7}  # at these steps


def interrupt(moment):
    if stopped.step == moments.get(moment):
        del moments[moment]  # once
        _thread.interrupt_main()  # what the interrupt button does


stopped.model.blocks[1].register_forward_hook(lambda *_: interrupt("in a layer"))
stopped.optimizers[0].register_step_pre_hook(lambda *_: interrupt("in an update"))
n_interrupts = 0
while stopped.step < 10:
    try:
        list(stopped.run(10 - stopped.step, bar=False))
    except KeyboardInterrupt:
        n_interrupts += 1
print(n_interrupts, "interrupts")

# %%
stopped.save(work_dir() / "lesson_06.pt")
resumed.load(work_dir() / "lesson_06.pt")
list(resumed.run(bar=False))
pairs = zip(straight.model.parameters(), resumed.model.parameters(), strict=True)
print("every weight equal to the bit:", all(torch.equal(a, b) for a, b in pairs))

# %% [markdown]
# **Answer:** To the bit, on a CPU. That is worth having: a run that goes on *nearly* as before is one whose mistakes
# you can never find.
#
# The same idea lets several processes train one model. Whoever knows the step knows the batch; so each process takes
# some of its rows and computes their gradients, the gradients are added up, and all take the same step. `make weights`,
# which trains the course's model anew, starts `llama_lessons/pretrain.py` in two processes, one for each core of a
# laptop. Lesson 13 opens that box.
#
# ## 10. More text, and a longer view
#
# Llama 2's two plainest changes against Llama 1: 40 % more tokens, and a context of 4096 tokens, twice as long. We can
# ask for the same on a small scale. A longer run than fits in here trained one model of 0.22 million parameters, with
# all kinds of the Valley's pages, on 160 000 tokens and on 1.4 times as many, with rows of 64, 256 and 512 tokens, each
# from two sets of first weights, and measured all on the same held-out pages. The command is `python -m
# tools.scaling_table`; what it wrote lies in `data/tables/more_data.csv`.
#
# **Predict:** what helps more, 40 % more text, or rows of 512 tokens in place of 256?

# %%
import csv
from collections import defaultdict


def table(name):
    with data_path(f"tables/{name}").open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


cells = defaultdict(list)
for row in table("more_data.csv"):
    cells[int(row["context"]), int(row["tokens"])].append(row["loss"])
contexts, amounts = (sorted({key[k] for key in cells}) for k in (0, 1))
print("tokens a row    ", *(f"{amount:>9,} tokens read" for amount in amounts), "   40 % more brings")
for context in contexts:
    few, many = (sum(cells[context, amount]) / len(cells[context, amount]) for amount in amounts)
    print(f"{context:>4}                {few:>14.3f}{many:>20.3f} {few - many:>20.3f} nats")
spread = max(max(losses) - min(losses) for losses in cells.values())
print("the two first weights differ by at most", f"{spread:.3f}")

# %% [markdown]
# **Answer:** The text: 40 % more brings about a third of a nat, in every row of the table. (It is also 40 % more steps,
# 56 in place of 40, and so early that is what counts: these models have not used up the text they had.) A longer
# context brings nothing that could be told from the luck of the first weights, not even from 64 tokens to 512. That is
# honest, and it need not surprise: the Valley's pages are short (section 1), and a model that is still at five nats has
# hardly learned to look further back than a few words. What Llama 2 gained from 4096 tokens, our small world cannot
# show.
#
# ## 11. Scaling in small
#
# If more text helps and a larger model helps, what should you buy with a given budget of computing? To answer it one
# needs the price of a token. Each parameter takes part in one multiplication and one addition, 2 operations, and
# training costs three times as much, because the backward pass computes two products where the forward pass computes
# one. So **training takes about 6 operations for each parameter and each token**. Is it true? PyTorch can count.

# %%
from torch.utils.flop_counter import FlopCounterMode

from llama_lessons.arithmetic import flops_per_token

batch = batch_at(0)
with FlopCounterMode(display=False) as counter:
    loss_of(new_model(config).cpu(), batch).backward()
counted = counter.get_total_flops() // batch.tokens.numel()
by_shape, with_attention = 3 * flops_per_token(config), 3 * flops_per_token(config, SEQ_LEN // 2)
print(f"6 for each of {config.n_params:,} parameters: {6 * config.n_params:,} operations a token")
print(f"6 for each number in a matrix: {by_shape:,}; counted by PyTorch: {counted:,}")
added = stable(100 * (with_attention / by_shape - 1), 0)
print(f"attention adds {added} %, as a token looks back at half a row on average")

# %% [markdown]
# Nearly: the rule counts the few weights of the norms, which are no matrices. What it leaves out is attention, in which
# every token compares itself with those before it. (On a CPU, PyTorch's counter leaves it out too: attention is one
# fused operation, of a kind that it does not know.)
#
# A longer run than fits in here trained three sizes on three budgets of text, with all kinds of the Valley's pages. The
# command is `python -m tools.scaling_table`, and what it wrote lies in `data/tables/scaling.csv`. Each point below is a
# run of its own, whose learning rate ends where the run ends, measured on pages that no run has read. **Predict:** with
# the same text, which size is best? And with the same amount of computing?

# %%
rows = [row for row in table("scaling.csv") if row["tokens"] == row["planned_tokens"]]
figure, axes = plt.subplots(figsize=(7, 3.4))
for n_params, style in zip(sorted({row["parameters"] for row in rows}), ("s:", "^--", "o-"), strict=True):
    line = [row for row in rows if row["parameters"] == n_params]
    axes.plot([row["flops"] for row in line], [row["loss"] for row in line], style, label=f"{n_params:,.0f} parameters")
axes.set(xscale="log", xlabel="operations, in all", ylabel="loss on held-out pages, nats")
axes.legend(frameon=False)
points = "; ".join(f"{row['parameters']:,.0f}: {row['flops']:.1e}, {row['loss']:.2f}" for row in rows)
show(figure, alt=f"Loss against operations (parameters: operations, loss): {points}.")
for row in rows:
    print(f"{row['parameters']:>9,.0f} parameters, {row['tokens']:>9,.0f} tokens: {row['loss']:.3f} nats")

# %% [markdown]
# **Answer:** With the same text the largest; with the same computing the smallest that reaches so far. **With the same
# text** the larger model is always better. **With the same computing**, that is on one vertical line, the *smaller*
# model on more text is better, wherever the curves overlap: it has made two or three times as many steps, and in runs
# of a hundred steps or so it is steps that are missing, not size. In longer runs the larger ones overtake the smaller;
# our table ends before that. To spend a budget well, parameters and tokens should grow together, in about equal
# measure: that is the result of the study called Chinchilla ([arXiv:2203.15556](https://arxiv.org/abs/2203.15556)).
# Llama 2's sizes all read the same two million million tokens, for the small ones far more than that rule says. It
# makes training dearer, and using the model cheaper, which happens more often.
#
# **Predict:** Chinchilla itself, of 70 billion parameters, read 1.4 million million tokens. How many is that for each
# parameter? And for Llama 2's 7B? For ours?

# %%
models = {
    "Chinchilla": (70e9, 1.4e12),
    **{name: (LlamaConfig.preset(name).n_params, paper.TOKENS.value) for name in paper.PEAK_LR},
    "the shipped model": (shipped.config.n_params, STEPS * 4096),
    "section 7's": (config.n_params, n_steps * ROWS * SEQ_LEN),
}
for name, (n_params, n_tokens) in models.items():
    print(f"{name:<18}{stable(n_tokens / n_params, 1):>7} tokens for each parameter")

# %% [markdown]
# **Answer:** Twenty for Chinchilla, which is the rule that people quote; about three hundred for the 7B, and for the
# 70B still half as many again as the rule says. Ours have read far less than it asks for: your minutes are few.
#
# ### Losses on the way *(optional)*
# One warning goes with such tables. It is tempting to train once, for long, and read the losses of the shorter budgets
# from the way. But on the way the learning rate is still high. Chinchilla's authors suspected this behind the other
# answer of the first famous study ([arXiv:2001.08361](https://arxiv.org/abs/2001.08361)); those who repeated it found
# other causes, such as a warm-up too long for small models and a last layer that was not counted
# ([arXiv:2406.19146](https://arxiv.org/abs/2406.19146)). **Predict:** is a run better or worse when it passes a budget
# than one that was planned to end there?

# %%
longest = max(row["planned_tokens"] for row in table("scaling.csv"))
for row in rows:
    for other in table("scaling.csv"):
        same = all(other[key] == row[key] for key in ("parameters", "tokens"))
        if same and other["planned_tokens"] == longest != row["planned_tokens"]:
            print(f"{row['parameters']:>9,.0f} parameters, {row['tokens']:>7,.0f} tokens:", end=" ")
            print(f"planned to end {row['loss']:.3f}, passing by {other['loss']:.3f}")

# %% [markdown]
# **Answer:** Better: not as they suspected, here whoever passes by is *ahead*. Our runs are so short that the models
# are still on the steep part of the curve. There a high rate is worth more than the calm at the end of a schedule, and
# the short schedule took it away too soon. In long runs it is the other way round. So take both warnings along: runs
# can only be compared if their schedules are alike, and what is true of small runs need not be true of large ones.
#
# ### What two million million tokens cost
# Now the real thing. With 6 operations for each parameter and token, and the hours that Meta published, we can see how
# well their machines were used. An A100 can do 312 million million operations a second in bfloat16.

# %%
A100 = 312e12  # operations per second, by its maker's data sheet
for name, hours in paper.GPU_HOURS.items():
    operations = 6 * LlamaConfig.preset(name).n_params * paper.TOKENS.value
    used = operations / (hours.value * 3600 * A100)
    print(
        f"{name:<11}{operations:.1e} operations, {hours.value:>9,} hours, {stable(100 * used, 0)} % of the peak;",
        end=" ",
    )
    print(f"{paper.TCO2[name].value:>6.2f} t CO2")
card_hours = sum(fact.value for fact in paper.CARD_GPU_HOURS.values())
print(f"trap 1: the card's rows sum to {card_hours:,} hours; its total says {paper.GPU_HOURS_TOTAL.value:,}")
gap = paper.GPU_HOURS_TOTAL.value - card_hours
print(f"        the gap is the 34B, to the hour: {gap == paper.GPU_HOURS['llama2-34b'].value}")
summed = sum(fact.value for fact in paper.TCO2.values())
print(f"trap 2: even all four rows of CO2 sum to {stable(summed, 2)}; the total says {paper.TCO2_TOTAL.value:.2f}")

# %% [markdown]
# 35 to 43 % of the peak (this share is known as *MFU*, model FLOPs utilization) is very good work; the rest goes into
# moving numbers between memory and processors, and between thousands of processors. The two traps you know from lesson
# 00: the model card leaves out the 34B, which was never released, but its total counts it; and the sum of rounded rows
# is not the rounded sum. Whoever computes "cost per model" by dividing the card's total among its three models comes
# out almost half too high.
#
# ## What you have, and where it goes
#
# - Text is its own teacher: tokens, and the same tokens one place on. Pack it; shift it by one, and only once.
# - A new model's loss is ln V. A loss that falls too fast is a bug: read what the model writes.
# - AdamW moves a number by the rate or less. Matrices decay, vectors do not. It takes 16 bytes for each parameter.
# - Four times as many rows halve a gradient's error; a batch may be computed in parts, each with its share.
# - Read again and again, pages are learned by heart: only held-out pages show it.
# - Warm-up, a cosine to a tenth, clipping at 1: cheap insurance. Clipping protects AdamW's memory.
# - A run that can go on to the bit needs weights, means, the step, and batches that depend on the step alone.
# - Training takes 6 operations for each parameter and token, and about 20 tokens for each parameter spend them well;
#   Llama 2 read far more. Compare runs that end where their schedule ends.
#
# **Read next** [`llama_lessons/training.py`](../llama_lessons/training.py), the loop;
# [`llama_lessons/schedule.py`](../llama_lessons/schedule.py), the learning rate;
# [`llama_lessons/optimizers.py`](../llama_lessons/optimizers.py), the two groups;
# [`llama_lessons/batches.py`](../llama_lessons/batches.py), packing; and
# [`llama_lessons/pretrain.py`](../llama_lessons/pretrain.py), how the shipped model came about, with the log of what
# failed in `data/EXPERIMENTS.md`.
#
# **More to try:** change `MIX` to stories only, and train again: how far does the loss fall, and why is it lower? Give
# section 7 twice the rate, or half of it. Leave out decay. Let the targets be two places on: does the loss tell you?
#
# **Next lesson,** [07 sampling](07_sampling.ipynb): the model gives a chance to each of 2048 pieces. Which one do you
# take?
#
# **Sources.** Llama 2: [arXiv:2307.09288](https://arxiv.org/abs/2307.09288), sections 2.1 and 2.2, tables 1, 2 and 10.
# Packed pages, masked: [arXiv:2407.21783](https://arxiv.org/abs/2407.21783), section 3.2. Muon: Jordan and others,
# [*Muon: An optimizer for hidden layers in neural networks*](https://kellerjordan.github.io/posts/muon/), 2024. AdamW:
# Loshchilov and Hutter, [arXiv:1711.05101](https://arxiv.org/abs/1711.05101) (PyTorch, as here, also multiplies the
# decay by the rate). Clipping: Pascanu and others, [arXiv:1211.5063](https://arxiv.org/abs/1211.5063). Scaling: Kaplan
# and others, [arXiv:2001.08361](https://arxiv.org/abs/2001.08361); Hoffmann and others,
# [arXiv:2203.15556](https://arxiv.org/abs/2203.15556); Porian and others,
# [arXiv:2406.19146](https://arxiv.org/abs/2406.19146).
