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
# # 05b Inside: who says the answer?
#
# A side trip from [lesson 05](05_full_model.ipynb); the lessons after it do not need it. There you assembled a Llama.
# Here you take one apart while it answers: which layer says the word, is there a single channel that knows it, and what
# would the model say if it stopped after the first layer, or the second?
#
# **You need** lesson 05: the residual stream, RMSNorm, SwiGLU. **Time:** about half an hour. Letters and terms:
# [TERMS](../TERMS.md). Where it says **Predict**, do so before you run on.

# %%
from llama_lessons.page import setup, stable

setup()
from copy import deepcopy
from itertools import islice

import torch
from torch import nn
from torch.nn.functional import cross_entropy, silu

from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.streams import streams
from llama_lessons.world import make_documents

_ = torch.set_grad_enabled(False)  # we look at a model; lesson 06 trains one
model = load(data_path("checkpoints/base"), dtype=torch.float32)
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
config = model.config
sentence = "Clara and Luis walked home together, and the llamas hummed behind them."

# %%
stories = [story.text for story in islice(make_documents(505, {"story": 1.0}), 4)]  # a seed that training never had
held_out = torch.tensor([tok.encode(story)[:101] for story in stories])  # (B, T + 1)


def rms(x):  # (..., C) -> (...)
    return x.square().mean(-1).sqrt()


def loss(model):
    """Mean loss on these stories, in nats per token."""
    return cross_entropy(model(held_out[:, :-1]).flatten(0, 1), held_out[:, 1:].flatten()).item()


print(config.n_layers, "layers; loss on four stories", stable(loss(model), 1), "nats a token")

# %% [markdown]
# ## 1. Who says the answer?
#
# The stream at the end is a sum of thirteen parts: the embedding, and for each of six layers what attention and the
# feed-forward layer wrote. A sum can be taken apart. We ask something that the model knows: the first of the valley's
# questions, in a wording that it was never trained on. And we take one of the thirteen parts by hand, what the last
# feed-forward layer wrote. How much of a word's logit is its doing?
#
# On its way to the logits the stream goes through two things. The last norm divides the whole row by one number, its
# root mean square, and multiplies each channel by a weight. Then the head takes the dot product with the word's row.
# The one number belongs to the whole row, so it is the same for each of the thirteen parts.

# %%
from llama_lessons.world import open_questions

question = open_questions()[0]
asked = tok.encode(question.prompt)
logits = model(torch.tensor([asked]))[0, -1]  # (V,)
[word] = tok.pieces([logits.argmax().item()])
print(question.prompt, word, "\n")

middle, ends = streams(model, asked)  # after each attention; the embedding, then after each layer; (T, C) each
wrote = ends[6][-1] - middle[5][-1]  # (C,): by the last feed-forward layer, for the last token
size = (rms(ends[6][-1]) ** 2 + config.norm_eps).sqrt()  # 1. the one number, of the whole row
normed = wrote / size * model.norm.weight  # 2. (C,): its part of what the head reads
adds = model.output.weight @ normed  # 3. (V,): what it adds to the logit of each word
for said in ("puppy", "calf", "bridge"):
    [token] = tok.encode(said, bos=False)
    print(f"it adds {stable(adds[token].item(), 1)} to the logit of {said}")
print("and to that of a word on average", stable(adds.mean().item(), 1))

# %% [markdown]
# What lifts all words alike changes no chance, since a softmax sees only differences. So what counts is how far a word
# is lifted *above the average*: that is the part's vote for it. All three steps at once are a dot product with one row,
# `direction`: the word's row of the head less the mean row, times the norm's weight, divided by the size.
#
# **Predict:** which part says the answer: the embedding, early layers, late ones? Attention or feed-forward?

# %%
written = {"embedding": ends[0][-1]}  # (C,), of the last token, as all that follow
for layer in range(config.n_layers):
    written[f"layer {layer}, attention"] = middle[layer][-1] - ends[layer][-1]
    written[f"layer {layer}, feed-forward"] = ends[layer + 1][-1] - middle[layer][-1]
scale = model.norm.weight / (rms(ends[-1][-1]) ** 2 + config.norm_eps).sqrt()  # (C,)
direction = scale * (model.output.weight[logits.argmax()] - model.output.weight.mean(0))  # (C,): part @ it = its share
votes = {name: (part @ direction).item() for name, part in written.items()}
for name, vote in votes.items():
    print(f"{name:<22} {stable(vote, 1):>5} {'█' * int(2 * float(stable(vote, 1)))}")
print("they add up:", abs(sum(votes.values()) - (logits.max() - logits.mean()).item()) < 1e-3)

# %% [markdown]
# **Answer:** A late one, and the feed-forward: the loudest voice is the last feed-forward layer's. The bars are the
# model's own arithmetic, rearranged, and nothing is left over. (They count only what is said *directly*: what an early
# layer notes down for a later one to read shows up in the later one's bar.)
#
# ### One channel that knows something
#
# A feed-forward layer can be read as a memory (Geva and others, [arXiv:2012.14913](https://arxiv.org/abs/2012.14913)):
# each hidden channel has rows of `w_gate` and `w_up` that say *when* it speaks, and a column of `w_down` that says
# *what* it adds. We look for the channel of the last layer that does most for the answer, and ask what it adds to each
# word's logit, as we did by hand above: its column times the norm's weight, times the head's rows. **Predict:** which
# words does it speak for, this one alone? And if we silence it, and then more and more of its like, how many of the
# layer's 512 can the answer spare? And how many, if we choose them blindly?

# %%
layer = model.blocks[-1]
copy = layer.feed_forward_norm(middle[-1][-1])  # (C,)
hidden = silu(layer.feed_forward.w_gate(copy)) * layer.feed_forward.w_up(copy)  # (F,)
columns = layer.feed_forward.w_down.weight * hidden  # (C, F): what each channel adds
order = (direction @ columns).argsort(descending=True)  # (F,): the most helpful channels first
speaks_for = model.output.weight @ (columns[:, order[0]] * model.norm.weight)  # (V,)
print("the channel speaks for:", " ".join(tok.pieces(speaks_for.topk(6).indices.tolist())))


def without(channels):
    """The chances of all words, (V,), when these channels are silent."""
    left = ends[-1][-1] - columns[:, channels].sum(1)  # (C,)
    return model.output(model.norm(left)).softmax(-1)


blindly = torch.randperm(len(order), generator=torch.Generator().manual_seed(0))
for n_cut in (0, 1, 4, 16):
    likely, other = without(order[:n_cut]), without(blindly[:n_cut])
    chance, control = (stable(x[logits.argmax()].item(), 1) for x in (likely, other))
    [said] = tok.pieces([likely.argmax().item()])
    print(f"{n_cut:>2} silent: {word} has {chance}, it says {said}; chosen blindly: {control}")

# %% [markdown]
# **Answer:** For the young of animals, and *puppy* is not even among its first six: that it is this one, others must
# say. Four right ones the answer can spare, sixteen it cannot, and of sixteen chosen blindly it misses none. So here,
# at least, knowledge has no single place. But it is not everywhere either.
#
# ### What each layer would say
#
# The same idea, without choosing a word: read the stream after *each* layer with the last norm and the head, as if the
# model ended there. This is the *logit lens*. **Predict:** what does it read in the embedding, before any layer, in a
# model whose table is its head? When does the answer come up? And does the lens need the last norm: what is the loss of
# the whole model without it?

# %%
for number, x in enumerate(ends):
    likely, words = model.output(model.norm(x[-1])).softmax(-1).topk(3)
    name = f"after layer {number - 1}" if number else "embedding"
    print(f"{name:<14} {'  '.join(tok.pieces(words.tolist())):<28} {'sure' if likely[0] > 0.5 else ''}")

shorter, losses_of_lens = deepcopy(model), []
for n_layers in range(config.n_layers + 1):
    shorter.blocks = model.blocks[:n_layers]  # to end after n layers is to have no more of them
    losses_of_lens.append(loss(shorter))
print("\nloss on the stories with 0 to 6 layers:", stable(losses_of_lens, 1))
shorter.norm = nn.Identity()
same = (shorter(held_out).argmax(-1) == model(held_out).argmax(-1)).float().mean().item()
print(
    f"6 layers without the last norm: {stable(loss(shorter), 1)}; {stable(100 * same, 0)} % of the words are the same"
)

# %% [markdown]
# **Answer:** The last token itself: the embedding is its row. The answer leads late, and before it come words that have
# little to do with the question. The lens shows what the *head* can read; what a layer notes down for later layers, in
# directions that the head does not read, it does not show. So it is honest about the end and unfair to the middle.
# (Belrose and others, [arXiv:2303.08112](https://arxiv.org/abs/2303.08112), train a lens of its own for each layer.)
# Without the last norm most words stay the same, and still the loss is many times as large: the numbers of the stream
# have grown large (lesson 05, section 1), so the logits are too, and where the head is wrong, it is wrong with
# certainty. The last norm sets how sure the model is.
#
# ## 2. Type, and see
#
# The lens, live. Each column is a token, each row a layer, and the cell holds the word that the model would say next if
# it ended there. The bluer, the likelier; the diamond ◆ marks where the final word leads for the first time. Point at a
# cell, or walk there with Tab and the arrow keys, to see the five likeliest words. Read the stream after attention
# instead. Leave the last norm out. And pick one of the broken models, with mistakes as in lesson 05: loss and text
# change, and you see in which layer things go wrong. Try a question, on two lines, such as `Question: What is the
# opposite of hot?` and below it `Answer:`, and watch where the answer comes from.

# %%
from functools import partial

from llama_lessons.feed_forward import FeedForward
from llama_lessons.norm import RMSNorm
from llama_lessons.widgets.logit_lens import LogitLensView


# %%
def breaks(kind, forward):
    """The model with another forward in every part of a kind."""
    other = deepcopy(model)
    for part in other.modules():
        if isinstance(part, kind):
            part.forward = partial(forward, part)
    return other


broken = {
    "weight before scaling": breaks(RMSNorm, lambda norm, x: x * norm.weight / rms(x * norm.weight)[..., None]),
    "over the tokens": breaks(RMSNorm, lambda norm, x: x / x.square().mean(-2, keepdim=True).sqrt() * norm.weight),
    "gate and up swapped": breaks(FeedForward, lambda ff, x: ff.w_down(silu(ff.w_up(x)) * ff.w_gate(x))),
    "relu instead of silu": breaks(FeedForward, lambda ff, x: ff.w_down(ff.w_gate(x).relu() * ff.w_up(x))),
    "no gate": breaks(FeedForward, lambda ff, x: ff.w_down(silu(ff.w_up(x)))),
}
view = LogitLensView(model, tok, sentence, broken=broken)
view

# %%
for row in view.rows:
    here = [piece for piece, cell in zip(view.pieces, row["cells"], strict=True) if cell["first"]]
    print(f"{row['label']:<10}", " ".join(here))

# %% [markdown]
# Each token stands beside the layer in which the model's final word for what comes next, right or not, leads for the
# first time: some words come up early, others only at the end.
#
# ## What you have, and where it goes
#
# - The logit of a word is a sum of thirteen contributions: the model's own arithmetic, rearranged.
# - Knowledge has no single channel here, and is not everywhere either.
# - The logit lens shows what the *head* can read after each layer: honest about the end, unfair to the middle.
#
# **Read next** [`llama_lessons/widgets/streams.py`](../llama_lessons/widgets/streams.py), which listens in.
#
# **More to try:** leave out one layer after the other: which one does the model miss least? Look through the lens at a
# name that stands early in a story.
#
# **Back to the path:** [lesson 06, pretraining](06_pretraining.ipynb).
#
# **Sources.** Logit lens: nostalgebraist, [*interpreting GPT: the logit
# lens*](https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru/interpreting-gpt-the-logit-lens), 2020; the tuned lens:
# [arXiv:2303.08112](https://arxiv.org/abs/2303.08112). Feed-forward layers as memories:
# [arXiv:2012.14913](https://arxiv.org/abs/2012.14913).
