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
# # 05 Full model: do the parts make a Llama?
#
# You have a tokenizer, attention, rotary positions, shared heads and a cache. Two parts are still missing, and they are
# the smallest: one that keeps numbers in size, and one that lets a token think for itself. And the wiring is missing
# that joins everything.
#
# In this lesson you write all three and assemble a Llama. You give it trained weights, by name, and compare every
# number that it says with this course's `Llama` and with Hugging Face's `transformers`. You build it wrongly in a dozen
# ways and see which mistakes cry out and which keep silent. You count the 7B by hand, down to the last of its 6 738 415
# 616 parameters. You write weights in the three formats that people use. What goes on inside a trained one while it
# answers is a side trip of its own, [05b](05b_inside.ipynb).
#
# You need to know Python, a little PyTorch, what attention is (lesson 02), that queries and keys are turned, in two
# layouts (lesson 03), and that heads share keys (lesson 04). Where it says **Predict**, do so before you run on. We
# follow the same sentence as in the lessons before, and the model is the course's own, trained on the stories and facts
# of a small valley.
#
# **Time:** about two hours, 55 minutes of it for the exercises; a good place to pause is before
# section 4. Letters and terms: [TERMS](../TERMS.md).

# %%
from llama_lessons.page import setup, show, stable

setup()
import math

import torch
from torch import nn
from torch.nn.functional import cross_entropy, silu

from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer

_ = torch.set_grad_enabled(False)  # we look at a model; lesson 06 trains one
model = load(data_path("checkpoints/base"), dtype=torch.float32)
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
config = model.config
sentence = "Clara and Luis walked home together, and the llamas hummed behind them."
ids = torch.tensor([tok.encode(sentence)])  # (B, T), with B = 1
print(" ".join(tok.pieces(ids[0].tolist())))
print("ids", tuple(ids.shape), "-> logits", tuple(model(ids).shape))
print(f"{config.n_layers} layers, {config.dim} channels, {config.vocab_size} pieces, {config.n_params:,} parameters")

# %% [markdown]
# Somewhere between the 15 ids and the 15 rows of scores, the *logits*, happens all that we want to understand. Here is
# the whole of it, with the shape of every tensor on its way up and of every matrix. Attention you know; by the end of
# section 4 you will have written all other boxes. (The largest numbers of a shape: 2048 pieces, 512 inner channels, 192
# channels.)

# %%
from llama_lessons.widgets.model_picture import model_picture

what = (
    "Bottom to top: ids (1, 15); embedding table (2048, 192); the stream (1, 15, 192), from which in each of 6 layers "
)
what += (
    "RMSNorm and attention read and to which they add, then RMSNorm and the feed-forward part; RMSNorm; head; logits "
)
show(
    model_picture(config, ids.shape[1]),
    alt=what + "(1, 15, 2048). wq, wo (192, 192), wk, wv (96, 192), w_gate, w_up (512, 192).",
)

# %% [markdown]
# ## 1. How large may a number get?
#
# Our Llama carries a row of 192 numbers, its *channels*, for each token from the bottom to the top. It starts as the
# token's row of the embedding table. Then each of six layers reads it and *adds* to it, twice: what attention found,
# and what the feed-forward layer of section 2 makes of that. Nothing is ever overwritten. What is added is a
# difference, in another word a *residual* (He and others, [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)), and so
# the rows of all tokens, on their way up, are called the *residual stream*.
#
# We measure the size of a row by its *root mean square*, RMS: square its numbers, take the mean, take the root. It says
# how large a typical number of the row is. (`streams` runs the model and writes down what flows by, with PyTorch's
# hooks.) **Predict:** are the numbers of the stream at the end about as large as at the beginning, ten times, or
# hundreds of times as large?

# %%
from llama_lessons.widgets.streams import streams


def rms(x):  # (..., C) -> (...)
    return x.square().mean(-1).sqrt()


_, stream = streams(model, ids[0].tolist())  # the embedding, then the stream after each layer; (T, C) each
sizes = [rms(x).mean().item() for x in stream]
print("RMS of the embedding, and after each layer:", stable(sizes, 1))
print("at the end, times what it was at the beginning:", stable(sizes[-1] / sizes[0], 0))

# %% [markdown]
# **Answer:** Hundreds of times: every layer finds another size. Attention compares rows by products, so rows ten times
# as large make scores a hundred times as large, and its softmax sees nothing but the largest. The feed-forward layer
# multiplies as well.
#
# **Break it:** let all layers read the stream as it is, and leave all else as it was. Beside it, the naive cure in one
# line: each layer reads a *copy* of the stream in which every row is divided by its RMS. We also ask for the *loss*,
# the mean surprise: for each token, minus the logarithm of the chance that the model gave it, in *nats*, which is to
# say by the natural logarithm. 0 would be perfect; who gives each of the V pieces the same chance pays ln V.
#
# **Predict:** after how many layers is a typical number beyond a million? Is the cure enough? And does it have a weak
# spot?

# %%
from llama_lessons.rope import rope_angles

angles = rope_angles(torch.arange(ids.shape[1]), config.head_dim, config.rope_theta)  # (T, D//2)


def naive_norm(x):  # (..., C) -> (..., C)
    return x / rms(x)[..., None]


for name, read in {"as it is": nn.Identity(), "divided by its RMS": naive_norm}.items():
    x, beyond = model.embedding(ids), []  # (B, T, C)
    for number, block in enumerate(model.blocks):
        x = x + block.attention(read(x), angles.cos(), angles.sin())
        x = x + block.feed_forward(read(x))
        if not rms(x).mean() < 1e6:  # `not <` and no `>`: every comparison with nan, "not a number", is false
            beyond.append(number)
    lost = cross_entropy(model.output(read(x))[0, :-1], ids[0, 1:]).item()
    print(f"layers read the stream {name}: beyond a million after the layers {beyond}, loss {stable(lost, 1)}")

# %%
trained = cross_entropy(model(ids)[0, :-1], ids[0, 1:]).item()
print("loss of the trained model:", stable(trained, 1), "- of no guess, ln V:", stable(math.log(config.vocab_size), 1))
print("RMS of the copies:", stable([rms(naive_norm(x)).mean().item() for x in stream], 1))
print("a row of zeros becomes", naive_norm(torch.zeros(1, 4)).tolist())

# %% [markdown]
# **Answer:** By the third, layer 2. (Layers are counted from 0, as Python counts.) Then comes *nan*, "not a number",
# which is neither large nor small, and its loss is nan as well. With the copies nothing runs away: a row keeps its
# direction and loses only its size. But the cure is not enough: the loss stays well above the trained model's, which
# has something more in its norms. And there is the weak spot. A row of zeros, such as an embedding that was never used,
# becomes nan, and whatever touches a nan becomes nan. So a small number, *eps*, is added **inside the root**, to the
# mean square. And what the trained model has more: since no layer should be condemned to rows of one size, every
# channel has a learned factor, the *weight*, applied at the end:
#
# $$y = \frac{x}{\sqrt{\mathrm{mean}(x^2) + \varepsilon}} \cdot w$$
#
# This is *RMSNorm* (Zhang and Sennrich, [arXiv:1910.07467](https://arxiv.org/abs/1910.07467)). Llama 2 has two in every
# layer and one at the end. The Transformer of 2017 had *LayerNorm*, which first subtracts the row's mean, and at the
# end adds a learned bias. RMSNorm drops both (without the bias, LayerNorm is RMSNorm of the row minus its mean). By its
# authors' measurements that costs no quality and saves 7 to 64 % of the time, depending on the model.
#
# ### The story of 1e-5 and 1e-6
#
# The settings that came with Llama 1 say eps = 1e-6 (all but the 65B's), those of Llama 2 say 1e-5. Many programs had
# 1e-6 built in, and when Llama 2 came out they ran it happily. One of them was llama.cpp, until its developers
# measured: a *perplexity* (e to the power of the loss; less is better) of 5.90 with the wrong eps and 5.83 with the
# right one, for a quantized 7B on pages of Wikipedia (pull request 2374). For a while even Meta's own 7B chat model
# came with a config that said 1e-6 (meta-llama/llama, issue 771). Nothing crashed.
#
# Now ours, on four whole stories. (There the loss is far lower than on our sentence, which stood alone: whoever has
# read the beginning is less surprised by the end.) **Predict:** for rows of which size does it matter which eps you
# take? And from which eps on does our model notice?

# %%
from copy import deepcopy
from itertools import islice

from llama_lessons.norm import RMSNorm
from llama_lessons.world import make_documents

stories = [story.text for story in islice(make_documents(505, {"story": 1.0}), 4)]  # a seed that training never had
held_out = torch.tensor([tok.encode(story)[:101] for story in stories])  # (B, T + 1)


def loss(model):
    """Mean loss on these stories, in nats per token."""
    return cross_entropy(model(held_out[:, :-1]).flatten(0, 1), held_out[:, 1:].flatten()).item()


for size in (0.003, 0.02, 1.0):
    ratio = math.sqrt((size**2 + 1e-5) / (size**2 + 1e-6))
    print(f"rows of RMS {size}: the copy is {stable(ratio)} times as large with 1e-6 as with 1e-5")
for eps in (1e-6, 1e-5, 1e-3, 1e-2, 1e-1):
    changed = deepcopy(model)
    for norm in (part for part in changed.modules() if isinstance(part, RMSNorm)):
        norm.eps = eps
    print(f"eps {eps}: loss {stable(loss(changed), 1)}")

# %% [markdown]
# **Answer:** Only for rows that are *small*; ours notices from 0.01 on. Small rows are found at the bottom, before
# anything has been added to them. Ours, of RMS 0.1, take 1e-6 without a blink; only an eps a thousand times too large,
# as large as their own mean square, hurts. That is the trap. Whether a wrong constant hurts depends on the weights, no
# program can notice it, and the answers merely get a little worse. Take eps from the settings that came with the
# weights, and where two copies differ, measure.
#
# ### Exercise 1 (10 minutes): RMSNorm
# Write the formula above, for rows in the last axis of a tensor of any shape. One catch: `x` may come in float16, whose
# largest number is 65504, and 300 squared is 90000. So square in float32 (`x.float()`), and go back to the type of `x`
# (`type_as`) before you apply the weight. The check knows the usual mistakes and names them.


# %% tags=["exercise"]
def my_rms_norm(x, weight, eps):
    """RMSNorm.

    x: rows, shape (..., C), in any floating-point type.
    weight: a factor for each channel, shape (C,), of the same type.
    eps: a float, added inside the root.
    Returns shape (..., C), in the type of x.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.model_parts import check_rms_norm

check_rms_norm(my_rms_norm)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Mean of what, along which axis? `keepdim=True` keeps it divisible.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# eps is added to the mean, before the root.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The order of types: to float32, compute, back to the type of x, and only then the weight.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_rms_norm(x, weight, eps):
    wide = x.float()
    scaled = wide / (wide.square().mean(-1, keepdim=True) + eps).sqrt()
    return scaled.type_as(x) * weight


check_rms_norm(solved_rms_norm)
gap = solved_rms_norm(stream[3], model.norm.weight, config.norm_eps) - model.norm(stream[3])
print("as llama_lessons.norm.RMSNorm does:", gap.abs().max().item() < 1e-4)

# %% [markdown]
# **In your own Llama.** `assemble` puts the parts that you have in their places (●), solutions that this page ran (◐),
# and the course's where there is neither (○), after trying each in a small model.

# %%
from llama_lessons.my_llama import assemble

own = assemble()
print(own)
opening = tok.encode("Clara and Luis walked home together, and")
print(tok.decode(opening + own.generate(own.like(model), opening, 12, temperature=0, stop=tok.eos_id)))

# %% [markdown]
# From here on we use the package's `RMSNorm`, which is the same as a module.
#
# ## 2. A token thinks for itself
#
# Attention mixes rows. Its softmax decides how much each token counts, but what is mixed, the values, is only rows
# times matrices: twice the row gives twice the value. The other half of a layer does the opposite: it looks at one row
# alone, and bends it.
#
# In 2017 it was two matrices with a kink between them, `w_down(relu(w_up(x)))`: up to four times as many channels (the
# *hidden* ones, F of them), set to zero what is negative, back down. Llama's has a third matrix, a *gate*:
#
# $$\mathrm{SwiGLU}(x) = W_\mathrm{down} \left( \mathrm{silu}(W_\mathrm{gate}\, x) \cdot W_\mathrm{up}\, x \right),
# \qquad \mathrm{silu}(g) = g \cdot \mathrm{sigmoid}(g)$$
#
# Every hidden channel gets two numbers: `w_up` proposes a value, and `w_gate` decides how much of it is let through.
# The classic gate is the sigmoid, between 0 and 1. **Predict:** how does silu differ from it for large positive
# numbers, and for negative ones? And on which side of zero are most gates of a trained model?

# %%
from matplotlib import pyplot as plt

middle, _ = streams(model, ids[0].tolist())  # the stream after each layer's attention; (T, C) each
layers = zip(model.blocks, middle, strict=True)
gates = [block.feed_forward.w_gate(block.feed_forward_norm(x)) for block, x in layers]  # (T, F) each
negative = [100 * (gate < 0).float().mean().item() for gate in gates]
print("gates below zero, in % per layer:", stable(negative, 0))

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6))
g = torch.linspace(-6, 4, 100)
for name, line, colour in (("silu", "-", "#0072B2"), ("relu", "--", "#D55E00"), ("sigmoid", ":", "#009E73")):
    left.plot(g, getattr(nn.functional, name)(g), line, color=colour, label=name)
left.legend(frameon=False)
left.set(xlabel="g", title="three gates")
right.hist(torch.cat(gates).flatten().clamp(-6, 6).numpy(), bins=48, color="#56B4E9", edgecolor="black", linewidth=0.3)
right.set(xlabel="g; beyond ±6 counted at ±6", title="gates on our sentence", yticks=[])
what = "Left: sigmoid rises from 0 to 1; relu is 0, then g; silu is near relu, with a dip below zero. Right: "
show(figure, alt=f"{what}how often each g occurs; {stable(sum(negative) / len(negative), 0)} % are below zero.")

# %% [markdown]
# **Answer:** It does not stop at 1, it may be negative, and most gates are below zero. Silu is no switch between 0 and
# 1. For large `g` it lets through `g` itself, so gate and value are multiplied; for clearly negative `g` almost
# nothing; just below zero a little, with the sign turned. More gates lie below zero than above it, and one well below
# is shut. The author of SwiGLU tried several such curves and found most of them better than the layer of 2017. Why? "We
# offer no explanation as to why these architectures seem to work; we attribute their success, as all else, to divine
# benevolence" (Shazeer, [arXiv:2002.05202](https://arxiv.org/abs/2002.05202)).
#
# ### Where 11008 comes from
#
# Three matrices instead of two would make the layer half as large again. To keep the number of parameters, the hidden
# width goes from 4 times `dim` to two thirds of that: 3 · C · (8/3 C) = 2 · C · 4 C. (C is `dim`; the choice is Llama
# 1's, [arXiv:2302.13971](https://arxiv.org/abs/2302.13971), section 2.2.) Then it is rounded up to a multiple of a
# number that suits the hardware, `multiple_of`. The 70B has a further factor of 1.3: its shared key and value heads
# (lesson 04) save parameters, and the feed-forward layer gets those and more (as in a trial with 30B: Llama 2, appendix
# A.2.1). For the 7B, 8/3 of 4096 is 10922.7, and the next multiple of 256 is 11008. **Predict,** on paper: the 13B has
# 5120 channels. How wide is its feed-forward layer?

# %%
from llama_lessons.config import LlamaConfig


def hidden_width(dim, multiple_of, factor=1.0):
    """Meta's rule for the hidden width, in channels."""
    width = int(factor * int(2 * (4 * dim) / 3))
    return multiple_of * math.ceil(width / multiple_of)


for name, settings in {
    "llama2-7b": (4096, 256),
    "llama2-13b": (5120, 256),
    "llama2-70b": (8192, 4096, 1.3),
    "stories15m": (288, 32),
    "valley": (192, 32),
}.items():
    width = hidden_width(*settings)
    print(f"{name:<10} {width:>6} = {width / settings[0]:.3f} * dim", width == LlamaConfig.preset(name).hidden_dim)

# %% [markdown]
# **Answer:** 13 824 channels, by Meta's own rule; and all the others come out as they should.
#
# ### Exercise 2 (10 minutes): SwiGLU
# Three matrices, as `nn.Linear` keeps them: a matrix that makes F channels of C has the shape (F, C), so you write `x @
# w.T`. `silu` was imported above.


# %% tags=["exercise"]
def my_feed_forward(x, w_gate, w_up, w_down):
    """SwiGLU.

    x: rows, shape (..., C).
    w_gate, w_up: shape (F, C).
    w_down: shape (C, F).
    Returns shape (..., C).
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.model_parts import check_feed_forward

check_feed_forward(my_feed_forward)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Two matrices read x. One of the two results goes through `silu`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# They meet by `*`, not by `@`; w_down comes last.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_feed_forward(x, w_gate, w_up, w_down):
    return (silu(x @ w_gate.T) * (x @ w_up.T)) @ w_down.T


check_feed_forward(solved_feed_forward)
layer, copy = model.blocks[2].feed_forward, naive_norm(stream[2])
gap = solved_feed_forward(copy, layer.w_gate.weight, layer.w_up.weight, layer.w_down.weight) - layer(copy)
print("as llama_lessons.feed_forward.FeedForward does:", gap.abs().max().item() < 1e-3)

# %%
own = assemble()  # your own Llama, with this part in its place
print("norm:", own.whose["norm"], "- feed_forward:", own.whose["feed_forward"])
print(tok.decode(opening + own.generate(own.like(model), opening, 12, temperature=0, stop=tok.eos_id)))

# %% [markdown]
# ## 3. The wire
#
# Now a layer, which the code calls a *block*. It has four parts, and they are wired like this:
#
#     x ──┬─────────────────────────(+)──┬────────────────────────────(+)──► x
#         └─► norm ─► attention ─────┘   └─► norm ─► feed-forward ─────┘
#
# In words: the stream runs through from left to right, and nothing stands in its way. Attention reads a normalised copy
# of it, and what it says is *added*. Then the feed-forward layer reads a normalised copy of the *new* stream, and what
# it says is added too. Each of the two has a norm of its own. To normalise what a part *reads* is called *pre-norm*. In
# 2017 one added first and normalised the sum, so that the norm stood in the stream itself: *post-norm*.
#
# ### Exercise 3 (10 minutes): the block
# The four parts are functions from (T, C) to (T, C). Two lines are enough.


# %% tags=["exercise"]
def my_block(x, attention, attention_norm, feed_forward, feed_forward_norm):
    """The stream after one block.

    x: the stream, shape (T, C).
    attention, attention_norm, feed_forward, feed_forward_norm: functions, (T, C) -> (T, C).
    Returns shape (T, C).
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.full_model import check_block

check_block(my_block)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Each part reads a *normalised copy* and adds to the stream itself.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# What does the feed-forward part read: the stream from before attention, or after it?
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_block(x, attention, attention_norm, feed_forward, feed_forward_norm):
    x = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(x))


check_block(solved_block)

# %%
own = assemble()  # your own Llama, whose layers are now wired by this
print({name: own.whose[name] for name in ("attention", "norm", "feed_forward", "block")})
print(tok.decode(opening + own.generate(own.like(model), opening, 12, temperature=0, stop=tok.eos_id)))

# %% [markdown]
# As a module, the block takes the tables of angles (lesson 03) as well. `norm` and `feed_forward` are arguments, so
# that we can put wrong ones in later.

# %%
from llama_lessons.attention import Attention
from llama_lessons.feed_forward import FeedForward


class MyBlock(nn.Module):
    def __init__(self, config, norm=RMSNorm, feed_forward=FeedForward):
        super().__init__()
        self.attention_norm = norm(config.dim, config.norm_eps)
        self.attention = Attention(config)
        self.feed_forward_norm = norm(config.dim, config.norm_eps)
        self.feed_forward = feed_forward(config.dim, config.hidden_dim)

    def forward(self, x, cos, sin):  # (B, T, C) -> (B, T, C)
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.feed_forward(self.feed_forward_norm(x))


# %% [markdown]
# Does the wiring matter? Here are the wires of 2017, and none at all. To put them in, we need a class that is like
# `MyBlock` but for its `forward`. That is what inheritance is for: `with_forward` makes a class that has everything
# from another, and then gives it the new `forward`.


# %%
def with_forward(part, forward):
    """The class of a part, with another forward."""

    class Changed(part):
        pass

    Changed.forward = forward
    return Changed


def post_norm(self, x, cos, sin):
    x = self.attention_norm(x + self.attention(x, cos, sin))
    return self.feed_forward_norm(x + self.feed_forward(x))


def no_residual(self, x, cos, sin):
    x = self.attention(self.attention_norm(x), cos, sin)
    return self.feed_forward(self.feed_forward_norm(x))


wirings = {"pre-norm": MyBlock.forward, "post-norm": post_norm, "no residual": no_residual}

# %% [markdown]
# Training follows the *gradient*: how the loss would change if a weight changed a little. If it is a thousand times
# larger in one layer than in another, no one size of step suits both. (The optimiser of lesson 06 evens such
# differences out, up to a point.) We stack 32 untrained layers and compare the gradients of the first and the last. In
# 32 layers 64 parts write to the stream, two in each. If each writes numbers of size 1, their sum grows to the root of
# 64, to 8. So we do it twice: once as it is, and once with every write smaller by that root, *small writes*.
#
# **Predict:** which wiring keeps the two gradients closest, with large writes, and with small ones?

# %%
deep = LlamaConfig(dim=64, n_layers=32, n_heads=4, n_kv_heads=2, vocab_size=1, hidden_dim=168, max_seq_len=24)
turns = rope_angles(torch.arange(deep.max_seq_len), deep.head_dim)  # (T, D//2)


# %%
def first_to_last(forward, write):
    """The first layer's gradient over the last one's; `write` is the size of what each part adds."""
    noise = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}
    layers = nn.ModuleList(with_forward(MyBlock, forward)(deep) for _ in range(deep.n_layers)).double()
    for name, weight in layers.named_parameters():
        if weight.dim() == 2:
            size = write if name.endswith(("wo.weight", "w_down.weight")) else 1
            weight.data = size * deep.dim**-0.5 * torch.randn(weight.shape, **noise)
    x = torch.randn(2, deep.max_seq_len, deep.dim, **noise)  # (B, T, C)
    with torch.enable_grad():
        for layer in layers:
            x = layer(x, turns.cos(), turns.sin())
        (x * torch.randn(x.shape, **noise)).sum().backward()  # any loss will do
    first, last = (layers[k].feed_forward.w_down.weight.grad.norm().item() for k in (0, -1))
    return first / last


for name, forward in wirings.items():
    large, small = (stable(math.log10(first_to_last(forward, write)), 1) for write in (1, 64**-0.5))
    print(f"{name:<12} first / last gradient: 10 to the power of {large}, with small writes {small}")

# %% [markdown]
# **Answer:** Pre-norm with large writes; with small ones post-norm is as close, and here a little closer. Without a
# residual, what a layer hands back goes through all matrices of the next, and is each time somewhat more: after 32
# layers, hundreds of thousands of times more (with another seed it may be fewer). Small writes do not help, because the
# next norm scales them up again. With post-norm everything depends on how large the writes are at first. With pre-norm
# there is a way from the end to each layer on which the gradient meets no norm and no matrix, and it forgives most: one
# reason why deep models are wired like this. (Post-norm can be trained, but its first steps must be small: Xiong and
# others, [arXiv:2002.04745](https://arxiv.org/abs/2002.04745).)
#
# ## 4. The model
#
# A table, the blocks, one more norm, and a head that gives every piece of the vocabulary a score. The angles are made
# once and handed to all layers. Nothing has a bias. That is all of it.
#
# Putting it together is yours. The layers and norms are handed to it as classes, `block(config)` and `norm(dim, eps)`,
# so that the check can hand it others.
#
# ### Exercise 4 (15 minutes): assemble the model
# The names of its parts are given, because weights are handed over **by name**. `nn.ModuleList` is a list of modules
# that PyTorch sees; `rope_angles(positions, head_dim, theta)` gives the angles (T, D//2), of which the layers take
# cosines and sines. `start` is the position of the first token: 0, but behind a cache more. And where
# `config.tie_embeddings` says so, table and head are *one* parameter (why, the end of this section says).


# %% tags=["exercise"]
class MyLlama(nn.Module):
    """Ids in, a score for every next token out.

    config: has dim, n_layers, head_dim, vocab_size, norm_eps, rope_theta, tie_embeddings.
    block, norm: block(config) makes a layer, called as layer(x, cos, sin); norm(dim, eps) makes a norm.
    Its parts: self.embedding (nn.Embedding), self.blocks, self.norm, and the head self.output (nn.Linear).
    """

    def __init__(self, config, block, norm):
        super().__init__()
        raise NotImplementedError("your turn")

    def forward(self, tokens, start=0):
        """Logits (B, T, V) of ids (B, T), the first of which has the position `start`."""
        raise NotImplementedError("your turn")


from llama_lessons.checks.llama import check_llama

check_llama(MyLlama)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Four parts in `__init__`: the table has vocab_size rows of dim numbers, the head makes vocab_size scores of dim
# channels, without a bias. What `forward` needs of the config, keep: `self.config = config`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Positions run from `start` on, as many as there are tokens in a row. Each layer reads what the last one gave.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Tying is an assignment: one module's `weight` becomes the other's. A copy would be two parameters again.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 4: click to unfold
class SolvedLlama(nn.Module):
    def __init__(self, config, block, norm):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.blocks = nn.ModuleList(block(config) for _ in range(config.n_layers))
        self.norm = norm(config.dim, config.norm_eps)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.output.weight = self.embedding.weight

    def forward(self, tokens, start=0):  # (B, T) -> (B, T, V)
        positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        angles = rope_angles(positions, self.config.head_dim, self.config.rope_theta)  # (T, D//2)
        x = self.embedding(tokens)  # (B, T, C)
        for block in self.blocks:
            x = block(x, angles.cos(), angles.sin())
        return self.output(self.norm(x))


check_llama(SolvedLlama)

# %% [markdown]
# Now it is whole. Is it a Llama? It is if it can use a Llama's weights: every name must be there on both sides, with
# the same shape, or `load_state_dict` refuses. Then all logits must agree. A float32 has about seven digits, and each
# sum may round the last. **Predict:** how far apart may the logits of two right programs be, as a share of the largest?

# %%
own = assemble()
print(own, "\n")
mine = own.build(config)
print(mine.load_state_dict(model.state_dict()))
gap = ((mine(ids) - model(ids)).abs().max() / model(ids).abs().max()).item()
print("mine and llama_lessons.model.Llama agree to 1e-5 of the largest logit:", gap < 1e-5)
print(f"{sum(weight.numel() for weight in mine.parameters()):,} parameters, as planned: {config.n_params:,}\n")
first = tok.encode("Once upon a time")
print(tok.decode(first + own.generate(mine, first, 200, temperature=0, stop=tok.eos_id)))

# %% [markdown]
# **Answer:** By less than a hundred-thousandth of it: sums are rounded in another order, and nothing else differs.
#
# It tells a story. What is yours of it, you may take home: `python -m llama_lessons.my_llama export`, in a terminal in
# the course's folder, writes it as one file of Python that runs without the course, with the course's parts where you
# have none, and a line above each that says whose it is.
#
# For what follows we build many Llamas, each with one part changed: from `MyBlock` and the course's `MyLlama`, which
# takes the same arguments as yours.

# %%
from functools import partial

from llama_lessons.my_llama.model import MyLlama as CourseLlama


def assembled(config, block=MyBlock, **parts):
    """A Llama of other layers, or of layers with other parts."""
    return CourseLlama(config, partial(block, **parts), parts.get("norm", RMSNorm))


# %% [markdown]
# So far our judge was a program of the same course. One that cannot be suspected of taking our side is `transformers`.
# We write the weights in its format (section 7 has more on that) and let it read them, with its own code, its own
# names, and its own layout of RoPE.

# %%
import os

from llama_lessons.checkpoints import save
from llama_lessons.files import work_dir

os.environ["HF_HUB_OFFLINE"] = "1"  # all it needs is in the folder
import transformers

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

folder = work_dir() / "05_full_model"
save(model, folder / "hf", "hf", tokenizer=tok)
theirs = transformers.AutoModelForCausalLM.from_pretrained(folder / "hf").eval()
for name, tokens in {"on our sentence": ids, "on the stories": held_out}.items():
    wanted = theirs(tokens).logits  # (B, T, V)
    gap = ((mine(tokens) - wanted).abs().max() / wanted.abs().max()).item()
    print(f"mine and {type(theirs).__name__} agree to 1e-5 {name}: {gap < 1e-5}")

# %% [markdown]
# Again five digits of seven. A mistake differs by far more, as section 5 shows. (Here it read each text at once. When
# it writes, `own.generate` gives every layer the cache of lesson 04, and `start` says where a new token stands; the
# words are the same.) So a page of Python is a Llama; the 7B differs from it in the numbers of its config, and in
# nothing else.
#
# Here is the whole way of our sentence, from bytes to logits; first one word, then all of them. **Predict:** after
# which words is the model sure what comes next (chance above a half)? Is it right where it is sure?

# %%
rows, (_, ends) = mine.embedding(ids)[0], streams(mine, ids[0].tolist())  # (T, C)
logits = mine(ids)[0]  # (T, V)
[piece] = tok.pieces([ids[0, 1].item()])
print(f"bytes {sentence[:5].encode().hex(' ')} -> piece {piece} -> id {ids[0, 1]} -> row {stable(rows[1, :4])} ...")
print(f"six layers -> {stable(ends[-1][1, :4])} ... -> {logits.shape[1]} logits, {stable(logits[1, :4])} ...\n")
likely, words = logits.softmax(-1).max(-1)  # (T,) each
for position in range(1, len(rows) - 1):
    so_far = tok.decode(ids[0, : position + 1].tolist())[-28:]
    said, came = tok.pieces([words[position].item(), ids[0, position + 1].item()])
    sure = "sure" if likely[position] > 0.5 else "not sure"
    print(f"{so_far:>28} | {sure:<8} {said:<10} {'right' if said == came else 'but it was ' + came}")

# %% [markdown]
# **Answer:** After the fourth word and all that follow, and there it is right. Before, it is sure twice, and wrong both
# times: at first it takes our sentence for the beginning of something else. To be sure is not to be right.
#
# ### How it begins, and what is shared
#
# Before training, the best guess is none: all pieces equally likely, a loss of ln V. PyTorch fills an embedding table
# with numbers of size 1. Our model is *tied*: the table that it reads from is also the head that it answers with, which
# saves a table (Press and Wolf, [arXiv:1608.05859](https://arxiv.org/abs/1608.05859)). **Predict:** what does an
# untrained tied model answer, and what is its loss? And is Llama 2 tied?

# %%
table = torch.randn(config.vocab_size, config.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
for size in (1.0, 0.02):
    fresh = assembled(config)
    fresh.embedding.weight.data = (size * table).float()
    echo = (fresh(held_out).argmax(-1) == held_out).float().mean().item()
    print(f"numbers of size {size}: loss {stable(loss(fresh), 1)}, repeats its input {stable(100 * echo, 0)} %")
print("no guess at all: ln V =", stable(math.log(config.vocab_size), 1))
for name in ("valley", "stories15m", "llama2-7b"):
    shape = LlamaConfig.preset(name)
    share = 100 * shape.vocab_size * shape.dim / shape.n_params
    print(f"{name:<10} tied: {shape.tie_embeddings!s:<5} one table is {stable(share, 1)} % of the model")

# %% [markdown]
# **Answer:** It repeats its input, at a loss far above ln V, if its numbers are large. With large numbers the token's
# own row, still in the stream, fits itself best: the untrained model repeats what it reads, is very sure of it, and
# very wrong. So a table begins small. The other matrices begin at a size that neither swells nor shrinks a row, and
# those that write to the stream smaller, as in section 3. (`Llama` in the package does it so; the papers on Llama do
# not say how Meta did.)
#
# Llama 2 is *not* tied. A table is next to nothing of the 7B, and much of a small model.
#
# ## 5. Break it, and see who notices
#
# Now the fun. We build the same model with one mistake at a time, give it the same trained weights, and ask for two
# things: its loss on the stories, and how it ends our sentence. As long as names and shapes fit, no mistake raises an
# error.
#
# **Predict:** sort these nine by the damage they do. Norms: the mean subtracted, as LayerNorm does; eps outside the
# root; the root forgotten; the weight applied before scaling; the mean taken over the tokens instead of the channels.
# Feed-forward: gate and up swapped; sigmoid instead of silu; relu instead of silu; no gate.


# %%
def say(model, text, n_tokens=12):
    """The likeliest continuation of a text."""
    ids = tok.encode(text)
    start = len(ids)
    while len(ids) < start + n_tokens:
        token = int(model(torch.tensor([ids]))[0, -1].argmax())
        if token == tok.eos_id:
            break
        ids.append(token)
    return tok.decode(ids).removeprefix(text)


def judge(name, block=MyBlock, **parts):
    """Build a model, give it the trained weights, and print how it fares."""
    broken[name] = assembled(config, block=block, **parts)
    broken[name].load_state_dict(model.state_dict())
    lost = loss(broken[name])
    losses[name] = math.inf if math.isnan(lost) else lost
    print(f"{name:<26} loss {stable(lost, 1):>4}  {say(broken[name], beginning)!r}")


beginning, broken, losses = "Clara and Luis walked home together, and", {}, {}
judge("as trained")

# %% [markdown]
# A mistake is one more `forward`. First those of the norm, which has its `weight` and its `eps`.


# %%
def mean_subtracted(self, x):
    return RMSNorm.forward(self, x - x.mean(-1, keepdim=True))


def eps_outside_the_root(self, x):
    return x / (rms(x)[..., None] + self.eps) * self.weight


def root_forgotten(self, x):
    return x / (rms(x)[..., None] ** 2 + self.eps) * self.weight


def weight_before_scaling(self, x):
    return naive_norm(x * self.weight)


def over_the_tokens(self, x):
    return x / (x.square().mean(-2, keepdim=True) + self.eps).sqrt() * self.weight


# %%
for forward in (mean_subtracted, eps_outside_the_root, root_forgotten, weight_before_scaling, over_the_tokens):
    judge(forward.__name__.replace("_", " "), norm=with_forward(RMSNorm, forward))

# %% [markdown]
# And those of the feed-forward part, which has its three matrices.


# %%
def gate_and_up_swapped(self, x):
    return self.w_down(silu(self.w_up(x)) * self.w_gate(x))


def sigmoid_instead_of_silu(self, x):
    return self.w_down(self.w_gate(x).sigmoid() * self.w_up(x))


def relu_instead_of_silu(self, x):
    return self.w_down(self.w_gate(x).relu() * self.w_up(x))


def no_gate(self, x):
    return self.w_down(silu(self.w_up(x)))


for forward in (gate_and_up_swapped, sigmoid_instead_of_silu, relu_instead_of_silu, no_gate):
    judge(forward.__name__.replace("_", " "), feed_forward=with_forward(FeedForward, forward))

# %% [markdown]
# **Answer:** Three of the nine do hardly any damage, and two are as bad as no guess. The mean of many numbers that
# point anywhere is small, and of a row's mean square only a small share is due to it (measured below), so there is
# hardly anything to subtract. And on this model's gates relu is close to silu. *Weight before scaling* ends our
# sentence as it should, with about ten times the loss: dividing by the RMS last undoes the size that the weights had
# given to the row. Others are a disaster: gate and up have the same shape and no relation (remember it for section 7,
# where Meta calls them `w1` and `w3`). The norm over the tokens is worth a second look: it mixes tokens, *later ones
# too*, so a model trained with it would have seen the answers, and could not write one token at a time.
#
# And the wiring? **Predict** again: post-norm; no residual; a feed-forward layer that reads the stream from before
# attention; the two norms of a block exchanged.


# %%
def both_read_the_old_stream(self, x, cos, sin):
    return x + self.attention(self.attention_norm(x), cos, sin) + self.feed_forward(self.feed_forward_norm(x))


def norms_exchanged(self, x, cos, sin):
    x = x + self.attention(self.feed_forward_norm(x), cos, sin)
    return x + self.feed_forward(self.attention_norm(x))


for forward in (post_norm, no_residual, both_read_the_old_stream, norms_exchanged):
    judge(forward.__name__.replace("_", " "), block=with_forward(MyBlock, forward))
share = [(x.mean(-1).square() / x.square().mean(-1)).mean().item() for x in stream]  # for each row, then their mean
print("share of the mean in the mean square, in % per layer:", stable([100 * part for part in share], 1))

# %%
no_guess = math.log(config.vocab_size)
names = sorted(losses, key=lambda name: (round(losses[name], 1), name))  # of equals the first in the alphabet
figure, axes = plt.subplots(figsize=(6, 3.3))
axes.barh(names, [min(losses[name], 20) for name in names], color="#56B4E9", edgecolor="black")
axes.axvline(no_guess, color="#D55E00", linestyle="--")
axes.text(no_guess + 0.1, 0, "no guess: ln V", color="#D55E00")
axes.set(xlabel="loss, nats per token")
show(figure, alt=f"Bars of the loss, from the least harmful to the worst: {', '.join(names)}. A line at ln V.")
print("worse than no guess at all:", ", ".join(name for name in names if losses[name] > no_guess))
silent = [name for name in names if losses[name] < losses["as trained"] + 0.05 and name != "as trained"]
print("hardly to be noticed:", ", ".join(silent))
gaps = [(broken[name](held_out) - model(held_out)).abs().max() / model(held_out).abs().max() for name in silent]
print("yet the logits of each are off by more than 1e-4 of the largest:", min(gaps).item() > 1e-4)

# %% [markdown]
# **Answer:** Exchanged norms are nearly silent, a feed-forward layer that reads the old stream is bad, and the other
# two are worse than no guess. (*No gate* and *root forgotten* stand at the line itself, to one decimal: such a model
# might as well not guess.)
#
# Keep the second list in mind: these are the mistakes that get published. A model that talks sense can still be wrong,
# and only a comparison with another implementation, number by number, finds it. That is what the comparison in section
# 4 was for, and what the checks of your exercises do.
#
# ## 6. Count the 7B by hand
#
# "7B" is a name. How many parameters are there, exactly? Its config: 4096 channels, 32 layers, 32 heads that share
# nothing, 11008 hidden channels, 32 000 pieces, not tied, no biases. **Predict:** which part holds the most? How many
# are in the norms?

# %%
C, F, V, L = 4096, 11_008, 32_000, 32
parts = {
    "embedding table": V * C,
    "wq, wk, wv, wo": L * 4 * C * C,
    "w_gate, w_up, w_down": L * 3 * C * F,
    "two norms a layer": L * 2 * C,
    "the last norm": C,
    "head": V * C,
}
for name, number in parts.items():
    print(f"{name:<22} {number:>13,}  {100 * number / sum(parts.values()):>6.3f} %")
print(f"{'in all':<22} {sum(parts.values()):>13,}")
assert sum(parts.values()) == 6_738_415_616, "a part is missing, or is counted wrongly"

# %% [markdown]
# **Answer:** The feed-forward layers, with nearly two thirds; nearly a third in attention, four percent in both tables
# together. The norms, without which nothing works, are four in a hundred thousand. RoPE has nothing to learn at all.
#
# ### Exercise 5 (10 minutes): count any Llama
# The 70B shares key and value heads, so its `wk` and `wv` have only `n_kv_heads * head_dim` rows. *stories15m* is tied.
# Write it for all of them: 13 015 864 320 for the 13B, 68 976 648 192 for the 70B. The check builds each model, without
# memory for its weights (on PyTorch's `meta` device), and counts what it finds. (`config.n_params` would be the answer;
# where is the fun in that?)


# %% tags=["exercise"]
def my_count(config):
    """The number of parameters of a Llama; a table that is used twice counts once.

    config: has dim, n_layers, n_heads, n_kv_heads, head_dim, hidden_dim, vocab_size, tie_embeddings.
    Returns an int.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.full_model import check_count

check_count(my_count)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Three kinds: tables, matrices of a layer, norms. Count one layer, multiply, add the rest.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `wq` and `wo` are dim × dim; `wk` and `wv` have n_kv_heads × head_dim rows.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Norms: two a layer, and one more at the end.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 5: click to unfold
def solved_count(config):
    attention = config.dim * (2 * config.dim + 2 * config.n_kv_heads * config.head_dim)
    feed_forward = 3 * config.dim * config.hidden_dim
    tables = config.vocab_size * config.dim * (1 if config.tie_embeddings else 2)
    return tables + config.n_layers * (attention + feed_forward + 2 * config.dim) + config.dim


check_count(solved_count)
print("ours:", solved_count(config), "and built:", sum(weight.numel() for weight in mine.parameters()))

# %% [markdown]
# ## 7. Three formats, one story
#
# Weights travel in three formats, and yours should open all of them: Meta's own (`params.json` and
# `consolidated.00.pth`), Hugging Face's (`config.json` and `model.safetensors`), and that of llama2.c (a small program
# in C, not the llama.cpp of section 1): one file with a header of seven numbers. We write our model in each and look at
# what was written. **Predict:** which of the three say what eps is?

# %%
import json
import struct

from llama_lessons.checkpoints.names import translate

save(model, folder / "meta", "meta", tokenizer=tok)
save(model, folder / "model.bin", "llama2c")
for kind in ("hf", "meta"):
    print(f"{kind:<5}", ", ".join(sorted(path.name for path in (folder / kind).glob("[!.]*"))))
print("meta, params.json:", json.loads((folder / "meta" / "params.json").read_text()))
with (folder / "model.bin").open("rb") as file:
    print("llama2.c: dim, hidden_dim, layers, heads, kv heads, pieces, tokens:", struct.unpack("<7i", file.read(28)))
print()
for name, _ in model.blocks[0].named_parameters():
    name = f"blocks.0.{name.removesuffix('.weight')}"
    print(f"{name:<30} {translate(name, 'ours', 'meta'):<28} {translate(name, 'ours', 'hf')}")

# %% [markdown]
# **Answer:** Two of them. Meta's `params.json` says eps, but not how wide the feed-forward layer is, only the rule of
# section 2 (any `multiple_of` that gives 512 will do). Hugging Face's `config.json` says everything. llama2.c's file
# says neither eps nor RoPE's base: its program has both built in, and has the right ones. The story of 1e-5 and 1e-6 is
# that of programs that had the wrong one built in.
#
# And one weight has three names. Meta's `w1`, `w2`, `w3` are gate, *down*, up. Hugging Face's
# `post_attention_layernorm` is no post-norm: it stands behind attention because it stands before the feed-forward
# layer. llama2.c's file has no names at all, only an order. **Predict:** do the three, and `transformers`, tell the
# same story to the last token? And how does it end?

# %%
from llama_lessons.generate import generate

once = "Once upon a time, there were two friends in Goldbeck, a girl called Clara and a boy called Luis."
told = {name: load(folder / name, dtype=torch.float32) for name in ("hf", "meta", "model.bin")}
for name, reader in told.items():
    pairs = zip(reader.parameters(), model.parameters(), strict=True)
    print(f"{name:<10} every weight as it was:", all(torch.equal(read, own) for read, own in pairs))
greedy = {"max_new_tokens": 200, "temperature": 0, "stop_ids": [tok.eos_id]}
texts = {name: tok.decode(generate(reader, [tok.encode(once)], **greedy)[0]) for name, reader in told.items()}
their_tok = transformers.AutoTokenizer.from_pretrained(folder / "hf")
prompt = their_tok(once, return_tensors="pt", return_token_type_ids=False)
answer = theirs.generate(**prompt, max_new_tokens=200, do_sample=False, pad_token_id=tok.eos_id)[0]
texts["transformers"] = their_tok.decode(answer, skip_special_tokens=True).removeprefix(once).strip()
print("the same story in", ", ".join(name for name, text in texts.items() if text == texts["hf"]), end=":\n\n")
print(once, texts["hf"])

# %% [markdown]
# **Answer:** They do, word for word, the model's slip (*Lu Luis?*) included; and it ends with our sentence.
#
# ### Break it: readings that raise no error
#
# Now we read Hugging Face's file by hand, into a Llama of ours. Hugging Face turns channel i with i + D/2 where Meta
# turns neighbours (lesson 03), so its files hold the rows of `wq` and `wk` in another order. **Predict:** what becomes
# of the model if we read them as they are? And if we put them in order, but by the number of *query* heads for `wk` as
# well?

# %%
from safetensors.torch import load_file

from llama_lessons.checkpoints.names import half_split_to_interleaved

stored = load_file(folder / "hf" / "model.safetensors")


def read_rows(heads_of_wq, heads_of_wk):
    """Our model with the stored weights; rows put in order for so many heads, None: left as they are."""
    weights = {}
    for name, weight in stored.items():
        heads = {"q_proj": heads_of_wq, "k_proj": heads_of_wk}.get(name.split(".")[-2])
        weights[translate(name, "hf", "ours")] = half_split_to_interleaved(weight, heads) if heads else weight
    weights["output.weight"] = weights["embedding.weight"]  # tied, so stored once
    reader = assembled(config)
    reader.load_state_dict(weights)
    return reader


for name, heads in {"rows as stored": (None, None), "wk by query heads": (6, 6), "right": (6, 3)}.items():
    reader = read_rows(*heads)
    print(f"{name:<18} loss {stable(loss(reader), 1)}  {say(reader, beginning)!r}")

# %% [markdown]
# **Answer:** It talks nonsense, either way. All names fit, all shapes fit, and no error says that something is wrong.
# When a model talks nonsense, suspect the loader first, and compare logits with a program that is known to be right.
#
# ## What you have, and where it goes
#
# - RMSNorm gives each layer a copy of the stream in one size. Its eps belongs inside the root, and to the checkpoint.
# - SwiGLU lets a token think for itself: one matrix proposes, one decides, one writes.
# - The stream runs through untouched; everything else reads a copy and adds. This helps training, and it is why logits
#   can be taken apart into who said what: the side trip does so.
# - Some mistakes ruin a model and some keep silent. Only number against number finds the silent ones.
# - 6 738 415 616, and you know where each of them is.
#
# **Read next** [`llama_lessons/model.py`](../llama_lessons/model.py), your `MyLlama` with a cache;
# [`llama_lessons/norm.py`](../llama_lessons/norm.py) and
# [`llama_lessons/feed_forward.py`](../llama_lessons/feed_forward.py), a page each; and
# [`llama_lessons/checkpoints/names.py`](../llama_lessons/checkpoints/names.py), one weight with three names.
#
# **More to try:** export your own Llama, and read it from top to bottom. Leave out one layer after the
# other: which one does the model miss least?
#
# **Side trip,** [05b, inside](05b_inside.ipynb): take a model apart while it answers. Who says the word?
#
# **Next lesson,** [06 pretraining](06_pretraining.ipynb): the weights come from somewhere. You train a Llama from
# noise.
#
# **Sources.** Residuals: [arXiv:1512.03385](https://arxiv.org/abs/1512.03385). RMSNorm:
# [arXiv:1910.07467](https://arxiv.org/abs/1910.07467). SwiGLU: [arXiv:2002.05202](https://arxiv.org/abs/2002.05202).
# Pre-norm: [arXiv:2002.04745](https://arxiv.org/abs/2002.04745). Llama:
# [arXiv:2302.13971](https://arxiv.org/abs/2302.13971), section 2.2. Llama 2:
# [arXiv:2307.09288](https://arxiv.org/abs/2307.09288), section 2.2 and appendix A.2.1. Tied tables:
# [arXiv:1608.05859](https://arxiv.org/abs/1608.05859). The eps: llama.cpp, pull request 2374; meta-llama/llama, issue
# 771.
