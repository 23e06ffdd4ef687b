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
# # 03 RoPE: how does a word know where it is?
#
# The attention of lesson 02 scores every pair of tokens by what they *are*: the row of one, turned into a query, meets
# the row of the other, turned into a key. Nothing in it says *where* they are. But for the mask it could not tell
# *Clara helped Luis* from *Luis helped Clara*, and our sentence
#
# > Clara and Luis walked home together, and the llamas hummed behind them.
#
# would be a bag of words to it. Attention is the only place in a Llama where tokens meet, so that is where order must
# come in: with the rows that go into it, or in the meeting itself.
#
# Llama 2 does the second, by turning. Queries and keys are turned like the hands of a clock (though anticlockwise, as
# angles are counted in mathematics), further and further along the text, and when two of them meet, all that matters is
# the angle between them: the distance of the two words. This is called *rotary position embedding*, RoPE
# ([arXiv:2104.09864](https://arxiv.org/abs/2104.09864)). It takes ten lines, has no weights, and is behind one of the
# best-known bugs that people meet when they carry a Llama from one program to another. You write it, look at the hands
# of a trained model, break it in eight ways, and reproduce the bug from beginning to end.
#
# You need to know Python, a little PyTorch, and what queries, keys and scores are (lesson 02). Where it says
# **Predict**, do so before you run on.
#
# **Time:** about two hours, 55 minutes of them for the exercises, without what is marked as optional; good places to
# pause are before sections 6 and 8 (*Run > Run All Above Selected Cell* brings back what they need). Letters and terms:
# [TERMS](../TERMS.md).

# %%
from llama_lessons.page import setup, show, stable

setup()
import torch

from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer

_ = torch.set_grad_enabled(False)  # we look at a model; lesson 06 trains one
model = load(data_path("checkpoints/base"), dtype=torch.float32)
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
config = model.config
sentence = "Clara and Luis walked home together, and the llamas hummed behind them."
ids = tok.encode(sentence)
pieces = tok.pieces(ids)
print(len(ids), "tokens:", " ".join(pieces))
print(f"{config.n_layers} layers of {config.n_heads} heads; queries and keys of {config.head_dim} numbers")

# %% [markdown]
# ## 1. Shuffle the words
#
# The package's attention takes, besides the rows, the cosines and sines of some angles. Those are the clocks: each
# token's queries and keys are turned by its angles. With all angles 0 (cosines 1, sines 0) the clocks stand still, and
# it is the attention of lesson 02. The first cell gives us the row of the last token, either after the first attention
# or after the whole model. The second shuffles the sentence, except for `<s>` at its start and the full stop at its
# end, and watches the row of the full stop, which sees all words.
#
# **Predict:** the weights are those of a trained model. Does the row of the full stop change, after the first layer's
# attention? After all six layers?

# %%
from llama_lessons.rope import rope_angles


def last_row(ids, running, whole):
    """The last token's row after the first attention, or after all layers, with clocks that run or stand still."""
    angles = rope_angles(torch.arange(len(ids)) * running, config.head_dim)  # (T, D//2)
    rows = model.embedding(torch.tensor([ids]))  # (1, T, C)
    if not whole:
        first = model.blocks[0]  # its norm brings every row to one size, see lesson 05
        return first.attention(first.attention_norm(rows), angles.cos(), angles.sin())[0, -1]
    for block in model.blocks:
        rows = block(rows, angles.cos(), angles.sin())
    return rows[0, -1]


# %%
order = torch.randperm(len(ids) - 2, generator=torch.Generator().manual_seed(3)) + 1
shuffled = [ids[0], *(ids[k] for k in order), ids[-1]]
print(" ".join(tok.pieces(shuffled)))
for running in (False, True):
    for whole in (False, True):
        same = torch.allclose(last_row(ids, running, whole), last_row(shuffled, running, whole), atol=1e-3)
        what = "after all layers" if whole else "after the first attention"
        print(f"clocks {'run' if running else 'stand still'}, {what}: {'unchanged' if same else 'changed'}")

# %% [markdown]
# **Answer:** after the first attention it changes only where the clocks run; after all layers it changes in any case.
#
# With clocks at a standstill the first attention cannot know that the sentence is nonsense: a weighted sum does not
# remember in which order it was added up. With running clocks it can.
#
# And why does the whole model notice, even when its clocks stand still? Because of the *mask*. The second word sees one
# word before it, the third sees two. So the rows of the words *before* the full stop do change when we shuffle, and in
# the next layer the full stop can read that from them. Some models live on that alone
# ([arXiv:2203.16634](https://arxiv.org/abs/2203.16634)). But "how many came before me" is a poor way to find the word
# next door. We want distance.
#
# ## 2. The obvious repair: add a number
#
# A token stands at place 0, 1, 2, ... Why not add the place to the token's row? Or, as the Transformer paper did, add
# the sines and cosines of some angles that grow with the place, which never become large?
#
# We let the first head of the first layer score *hummed* against *llamas*, the word next to it, and move the two
# through a long text. What the two words are does not change, and the distance does not change, so the score should not
# either. We add nothing, the place, or the sines. **Predict** for each: will the score change?

# %%
attention, width = model.blocks[0].attention, config.head_dim
WQ, WK = (w.weight[:width].double() for w in (attention.wq, attention.wk))  # (D, C): the first head's rows
llamas, hummed = model.embedding(torch.tensor(tok.encode("llamas hummed", bos=False))).double()  # (C,) each
size = llamas.std()  # we bring both rows to numbers of size 1


def sines(position):  # Attention Is All You Need, section 3.5
    angles = rope_angles(torch.tensor([position]), config.dim)[0]  # (C//2,)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten()  # (C,)


for name, mark in {"nothing": lambda position: 0, "the place": lambda position: position, "sines": sines}.items():
    queries = torch.stack([WQ @ (hummed / size + mark(position + 1)) for position in range(1000)])  # (1000, D)
    keys = torch.stack([WK @ (llamas / size + mark(position)) for position in range(1000)])
    scores = (queries * keys).sum(-1) / width**0.5
    print(f"add {name:<10} lowest score {stable(scores.min(), 0):>9}, highest {stable(scores.max(), 0):>9}")
bare = [float(sines(position + 1) @ sines(position)) for position in range(1000)]  # no words, and no matrix
print(f"two rows of sines and nothing else: lowest {stable(min(bare), 0)}, highest {stable(max(bare), 0)}")

# %% [markdown]
# **Answer:** it stays with nothing added, changes beyond all measure with the place, and by a good deal with the sines.
#
# The place, added, drowns the words: at place 1000 every word is a thousand with a trifle on top. (Dividing the place
# by the length of the text would keep it small, but then *next door* is 1/15 in our sentence and 1/4096 in a book.)
# Sines stay small, and the score still wanders. For when something is *added* to both rows, the score has four parts:
# word with word, word with place, place with word, place with place. The two in the middle depend on where one is, and
# the model must learn to live with them. Even the last depends on the distance alone only where no matrix stands
# between: the dot product of two rows of sines does (the last line: the same number wherever the two stand), but here
# `wq` and `wk` come first. (Our weights never saw such marks; a model trained with them finds its way. The four parts
# are there all the same.)
#
# GPT-2 *learned* a table of rows to add, one for each place. It has the same four parts, and an end: there is no row
# for the first place behind the table, and what it learned about places 5 and 6 it learns anew for 500 and 501.
#
# So here is what to wish for. *The row keeps its length*, so that nothing drowns. *A score depends on the distance*,
# not on where in the text the two words stand. *No last place.*
#
# ## 3. Do not add, turn
#
# Take a query and a key of just two numbers. They are arrows in a plane, and their dot product is
#
# > length of one × length of the other × cosine of the angle between them.
#
# Now turn each arrow by an angle that is its place: one radian (57°) for each token. **Predict:** in three of the four
# cases below the distance is 2, in one it is 1. Which scores are equal?

# %%
import math


def turn(arrow, angle):
    x, y = arrow
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1]


q, k = (2, 1), (1, 3)
positions = [(5, 3), (7, 5), (1005, 1003), (5, 4)]  # of the query, of the key
for m, n in positions:
    score = dot(turn(q, m), turn(k, n))
    print(f"q at {m}, k at {n}: score {stable(score)}, q is {stable(math.hypot(*turn(q, m)))} long")

# %%
from matplotlib import pyplot as plt

figure, panels = plt.subplots(1, 4, sharex=True, sharey=True, figsize=(7, 2.1))
for axes, (m, n) in zip(panels, positions, strict=True):
    for (x, y), name, style in ((turn(q, m), "q", "-"), (turn(k, n), "k", "--")):
        axes.plot([0, x], [0, y], style, color="#0072B2" if name == "q" else "#D55E00", linewidth=3)
        axes.text(1.25 * x, 1.25 * y, name, ha="center", va="center")
    axes.set(title=f"{m} and {n}", xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xticks=[], yticks=[])
what = "Two arrows, q and k. At places 5 and 3, 7 and 5, 1005 and 1003 the two are turned as a whole; "
show(figure, alt=what + "at 5 and 4 the angle between them is another.")

# %% [markdown]
# **Answer:** the first three are equal, and q is as long as ever.
#
# From panel to panel the whole picture has turned, like a photograph on a table. Only in the last one has an arrow been
# turned without the other.
#
# ### The proof
# Call S(m, n) the score of a query at place m and a key at place n. Let both places grow by one. Then both arrows are
# turned once more, by the same angle. Turning leaves lengths and angles as they are, so it leaves the score: S(m + 1, n
# + 1) = S(m, n). Read it backwards, n times, until the key stands at place 0: S(m, n) = S(m − n, 0). The score depends
# on m − n and on nothing else. That is all, and it holds for every query and every key.
#
# It rests on one thing, that a turn leaves dot products alone. And that rests on cos² + sin² = 1: (xc − ys)(x'c − y's)
# + (xs + yc)(x's + y'c) = (xx' + yy')(c² + s²).
#
# The proof needs no computer, but let one check it. A computer rounds, and *nearly equal* says little, so it shall
# calculate with fractions: the angle whose cosine is exactly 3/5 and whose sine is exactly 4/5 (yes, 9 + 16 = 25). The
# cell tries all pairs of places up to 60 and collects the scores that occur at each distance.

# %%
from fractions import Fraction

c, s = Fraction(3, 5), Fraction(4, 5)


def all_turns(arrow, n):
    """An arrow at places 0 ... n - 1, without any rounding."""
    found = [arrow]
    while len(found) < n:
        x, y = found[-1]
        found.append((x * c - y * s, x * s + y * c))
    return found


queries, keys = all_turns((2, 1), 60), all_turns((1, 3), 60)
scores = {}
for m in range(60):
    for n in range(m + 1):
        scores.setdefault(m - n, set()).add(dot(queries[m], keys[n]))
print(sum(range(61)), "pairs of places,", len(scores), "distances")
print("different scores at one distance:", max(map(len, scores.values())))
print("at distance 2:", *scores[2])

# %% [markdown]
# At every distance there is one score, exactly. (Turning the query by m and the key by n is the same, for their score,
# as turning the query alone by m − n, or the key alone by n − m.)
#
# ## 4. One hand is not enough
#
# A hand comes round. At one radian a token it is back where it was after 2π tokens, which is no whole number, but soon
# there is a place that comes close. **Predict:** at which distance does the hand of such a clock stand within 2 degrees
# of where it stood at distance 0?

# %%
full = 2 * math.pi
close = [d for d in range(1, 1000) if abs(d - full * round(d / full)) < math.radians(2)]
print(close)
print("44 tokens are", stable(44 / full, 3), "turns; 710 are", stable(710 / full, 3))

# %% [markdown]
# **Answer:** at 44, and then again and again.
#
# To this hand, 44 tokens back is nearly the same as here, and 710 all but exactly. (It is an old acquaintance: 355/113,
# a famous fraction for π.) A clock for all of the day has more than one hand: seconds to tell moments apart, hours to
# tell morning from evening.
#
# So a query of D numbers is cut into D/2 pairs, each an arrow of its own, and each turns at its own speed. Pair k turns
# by
#
# > θ to the power −2k/D radians for each token, with θ = 10 000.
#
# In programs, ours too, the speeds of these hands are called `inv_freq`.
#
# The score of the whole query is the sum of what its pairs score, and since each of these depends on the distance
# alone, so does their sum. The proof holds for all of it.
#
# Pair 0 has speed 1. From then on each pair is slower than the one before by the same factor, and the last one nearly
# stands: it is a little faster than 1/θ. **Predict:** the Valley's model has D = 32, so 16 pairs. How many tokens does
# the slowest need to come round?

# %%
for pair in range(width // 2):
    speed = config.rope_theta ** (-2 * pair / width)  # radians per token
    rounds = f"{stable(full / speed, 0):>6} tokens for a turn"
    print(f"pair {pair:<2} turns {stable(math.degrees(speed))} degrees a token, {rounds}")

figure, panels = plt.subplots(4, 1, sharex=True, sharey=True, figsize=(7, 2.8))
for axes, pair in zip(panels, (0, 3, 6, 9), strict=True):
    angles = torch.arange(0, 100, 0.25) * config.rope_theta ** (-2 * pair / width)
    axes.plot(torch.arange(0, 100, 0.25), angles.cos(), color="#0072B2")
    axes.set_ylabel(f"pair {pair}", rotation=0, ha="right", va="center")
    axes.set_yticks([])
panels[-1].set_xlabel("place in tokens")
show(
    figure, alt="Cosines over 100 places for pairs 0, 3, 6 and 9: each wave is several times as long as the one above."
)

# %% [markdown]
# **Answer:** more than 35 000, many times the 512 that this model reads at once.
#
# The picture shows cosines of the angles of pairs 0, 3, 6 and 9. From top to bottom each wave is more than five times
# as long as the one above, and the last one hardly moves in a hundred tokens. It is like the digits of a number: pair 0
# is the last digit, which changes at every step and tells neighbours apart; the last pair is the first digit, which
# hardly ever changes and tells the beginning of a book from its end. All together they tell the distances within a text
# apart.
#
# ### Exercise 1 (10 minutes): the angles
# For every place and every pair, the angle. Without loops, if you can. The check compares with loops, and knows the
# usual mistakes by name.


# %% tags=["exercise"]
def my_angles(positions, head_dim, theta):
    """Angle by which each pair of channels turns at each position.

    positions: an int tensor of shape (T,): the tokens' places, counted from 0.
    head_dim: channels of a query (D), an even number.
    theta: base of the speeds, such as 10 000.
    Returns a float32 tensor of shape (T, D//2), in radians.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.rope import check_angles

check_angles(my_angles)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Two steps: a speed for each pair, and then every place times every speed.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Pair i has the speed theta^(−2i / D): `torch.arange(0, head_dim, 2)` is 2i for all pairs.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# (T, 1) times (D//2,) makes (T, D//2).
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_angles(positions, head_dim, theta):
    inv_freq = theta ** (-torch.arange(0, head_dim, 2, device=positions.device) / head_dim)  # (D//2,)
    return positions[:, None].float() * inv_freq  # (T, D//2)


check_angles(solved_angles)

# %% [markdown]
# **In your own Llama.** From here on, what passes its check is kept: in your copy of the lessons its source goes to the
# folder `my_llama`, and nothing of it runs until a cell asks for it. This cell asks. `assemble` makes a Llama of your
# parts (●), of solutions that this page ran (◐), and of the course's (○) where there is neither. Each is first tried in
# a small model; one that fails there is named, and the course's stands in for it. With the trained weights, does it go
# on as it should?

# %%
from llama_lessons.my_llama import assemble

own = assemble()
print(own)
beginning = tok.encode("Clara and Luis walked home together,")
print(tok.decode(beginning + own.generate(own.like(model), beginning, 12, temperature=0, stop=tok.eos_id)))

# %% [markdown]
# `rope_angles`, which we have used already, is the package's version.
#
# ### Break it: count in bfloat16
# Models are often run in *bfloat16*, a number of 16 bits that keeps 8 binary digits. Weights do not mind. Do places?
# **Predict:** how many different places are there among 0 ... 4095, Llama 2's window, if one counts in bfloat16?

# %%
positions = torch.arange(4096)
print(len(positions.bfloat16().unique()), "different places of", len(positions))
print("place 1001 is rounded to", positions[1001].bfloat16().item())
print("the package's angles are", rope_angles(positions, width).dtype)

# %% [markdown]
# **Answer:** 769 of 4096. From 256 on, neighbours begin to share a place.
#
# Nothing fails, the model only gets vague about who stood where, in long texts. So angles are computed in float32
# whatever the model's type, and only what was turned is made narrow again.
#
# ## 5. Turn a whole query
#
# In a model, queries come as a tensor of shape (B, T, H, D): B texts, T tokens, H heads of D channels. (That is how
# `wq` makes them, token by token. Lesson 02 had (B, H, T, D), as scoring wants it: the two middle axes are exchanged
# after the turning, and the table of angles has a row for each *token*, so mind which is which.) Which channels
# make a pair? Meta's code takes *neighbours*: 0 with 1, 2 with 3, and so on. (There is another way; section 8.) Every
# head turns alike, and every text; only the token and the pair matter. The tables of cosines and sines, shape (T,
# D//2), are made once and used in every layer.
#
# ### Exercise 2 (15 minutes): the rotation


# %% tags=["exercise"]
def my_rotate(x, cos, sin):
    """Turn neighbouring channels (0, 1), (2, 3), ... of every head.

    x: queries or keys, a float tensor of shape (B, T, H, D).
    cos, sin: tables of shape (T, D//2): a row for each token, a column for each pair.
    Returns a tensor of shape (B, T, H, D), of the type of x.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.rope import check_rotate

check_rotate(my_rotate)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `x[..., 0::2]` are the first of all pairs, `x[..., 1::2]` the second.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A table has the shape (T, D//2), the halves (B, T, H, D//2): give the table an axis for the heads.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# To put pairs side by side again: `torch.stack(..., dim=-1)`, then join the last two axes.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_rotate(x, cos, sin):
    cos, sin = cos[:, None], sin[:, None]  # (T, 1, D//2): the same for every head
    first, second = x[..., 0::2], x[..., 1::2]
    turned = first * cos - second * sin, first * sin + second * cos
    return torch.stack(turned, dim=-1).flatten(-2).type_as(x)  # the two of a pair side by side again


check_rotate(solved_rotate)

# %% [markdown]
# And with your rotation in its place, beside the package's model: the same scores, and the same words?

# %%
own = assemble()
mine, text = own.like(model), torch.tensor([ids])
gap = (mine(text) - model(text)).abs().max() / model(text).abs().max()
print("rotation:", own.whose["rotation"], "- logits as the package's to 1e-5:", gap.item() < 1e-5)
print(tok.decode(beginning + own.generate(mine, beginning, 12, temperature=0, stop=tok.eos_id)))

# %% [markdown]
# There is a shorter way to write the same. A pair of numbers is a *complex number*, and to turn it by an angle is to
# multiply it by cos + i sin. The package's `rotate` does so, as Meta's code does.
#
# PyTorch has three functions for that: `torch.polar` makes complex numbers of lengths and angles; `view_as_complex`
# reads two neighbours x and y as one number, x + iy; `view_as_real` reads it as two again. Here they are under the
# names that they have in Meta's file `llama/model.py` (*cis* is short for cos + i sin), so that you can read it. We
# compare with the package's `rotate`, and for one pair with `turn` of section 3.

# %%
from llama_lessons.rope import rotate

angles = rope_angles(torch.arange(len(ids)), width)  # (T, D//2)
freqs_cis = torch.polar(torch.ones_like(angles), angles)  # (T, D//2), complex: length 1, turned by the angle


def apply_rotary_emb(xq, xk, freqs_cis):
    """Queries (B, T, H, D) and keys (B, T, Hkv, D), turned."""

    def turned(x):
        pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))  # (B, T, H, D//2): neighbours are one number
        return torch.view_as_real(pairs * freqs_cis[:, None]).flatten(-2).type_as(x)  # every head turns alike

    return turned(xq), turned(xk)


queries = torch.randn(2, len(ids), 6, width, generator=torch.Generator().manual_seed(1))
keys = torch.randn(2, len(ids), 3, width, generator=torch.Generator().manual_seed(2))
found = apply_rotary_emb(queries, keys, freqs_cis)
theirs = [rotate(x, angles.cos(), angles.sin()) for x in (queries, keys)]
print("freqs_cis:", tuple(freqs_cis.shape), freqs_cis.dtype)
print("as `rotate` turns them:", all(torch.allclose(*both, atol=1e-5) for both in zip(found, theirs, strict=True)))
by_hand = torch.tensor(turn(queries[1, 9, 4, 6:8].tolist(), float(angles[9, 3])))  # pair 3 of one head at place 9
print("as `turn` turns a pair:", torch.allclose(found[0][1, 9, 4, 6:8], by_hand, atol=1e-5))

# %% [markdown]
# The same. The package's `rotate` is these lines, with the cosines and sines given apart.
#
# What is turned: queries and keys, in every layer, after they have been made by `wq` and `wk`. What is not: the values.
# A score is made by *two* places, and where both are turned, the common part cancels. A value meets no partner. Turned,
# it would carry its absolute place into the sum, and nothing would ever turn it back.
#
# Now the whole model. We let its text begin at place 1000 in place of 0. **Predict:** does any of the logits, the
# scores of the next token, change?

# %%
from llama_lessons.widgets.rope_ways import Way, turning


def angles_later(positions, head_dim, theta):
    return rope_angles(positions + 1000, head_dim, theta)


tokens = torch.tensor([ids])
usual = model(tokens)
with turning(model, Way(angles=angles_later)):  # inside, the model turns in another way
    later = model(tokens)
print("the largest logit is", stable(usual.max(), 0), "- all equal to 1e-2:", torch.allclose(usual, later, atol=1e-2))

# %% [markdown]
# **Answer:** none of them, but for rounding. It does not notice.
#
# That is worth remembering for two reasons. The number of a place is nowhere in the model: it knows what stands how far
# from what, and from the mask how much came before. And if you make the mistake to count from 1, *no test of what the
# model says can find it*, for it is none: where all places move together, there is nothing to find. (People who seed
# programs with mistakes to try out their tests call this an *equivalent mutant*.) But woe if they do not move together.
#
# ## 6. The hands of a trained model
#
# Now look at the Valley's model, and break it. A `Way` says how to turn: which angles, what to do to a query, what to a
# key; what it does not say is done right. (One of them is about the *cache*: a model that writes reads its new tokens
# one at a time, and has kept the keys of all the old ones; more in section 7.) Here are nine ways: eight mistakes, and
# the one of section 5 that is none. Read them, and **predict**: which of the eight spares the text most?

# %%
from llama_lessons.checks.rope_mistakes import halves  # turns channel i with i + D/2 in place of its neighbour


def from_zero(positions, head_dim, theta):  # every call counts anew, whatever the cache holds
    return rope_angles(torch.arange(len(positions)), head_dim, theta)


def sign_forgotten(x, cos, sin):
    first, second, cos, sin = x[..., 0::2], x[..., 1::2], cos[:, None], sin[:, None]
    return torch.stack((first * cos + second * sin, first * sin + second * cos), dim=-1).flatten(-2)


ways = {
    "two halves in place of neighbours": Way(turn_query=halves, turn_key=halves),
    "keys not turned": Way(turn_key=lambda x, cos, sin: x),
    "offset of the cache ignored": Way(angles=from_zero),
    "every pair at one speed": Way(angles=lambda *given: rope_angles(*given)[:, :1].expand(-1, width // 2)),
    "speeds reversed": Way(angles=lambda *given: rope_angles(*given).flip(-1)),
    "turned the wrong way": Way(angles=lambda *given: -rope_angles(*given)),
    "a minus sign forgotten": Way(turn_query=sign_forgotten, turn_key=sign_forgotten),
    "clocks stand still": Way(angles=lambda *given: 0 * rope_angles(*given)),
    "all places 1000 further": Way(angles=angles_later),
}

# %% [markdown]
# We want a head that lives on places. Lesson 02 has met such heads: a *previous-token head* looks at the token before.
# We find the best one by its mean weight just below the diagonal of its map, and open the view there.
#
# Each clock is one pair of channels: the solid hand is that of the query, the dashed one of the key. The bar under it
# is what the pair adds to the score; an empty bar takes away. The curve is the score of these two vectors at any
# distance. The map is this head's attention, and beside it stands what the model writes. (The view lives in a notebook
# that runs. The still picture of a page that is only read has the clocks and the curve, no bars, map and text, and puts
# tokens before the text, so that the hands have turned.) Things to find:
#
# 1. *Tokens before the text*: all hands turn, the fast ones in a blur. Does the score change?
# 2. *Token that it looks at*: walk back through the text. Which clocks tell near distances, and which hardly move?
# 3. Where has the curve its peak? Compare with the map of the head.
# 4. *Turning*: choose each mistake. For *keys not turned*, move the text again and watch the curve. For *two halves*
#    and *a minus sign forgotten*, watch the length of the hands: the ring is as long as they should be.
# 5. For *offset of the cache ignored*, compare rows of the text with rows of new tokens, below the dashed line.

# %%
from llama_lessons.model import record_attention
from llama_lessons.widgets.rope import RopeView

with record_attention(model) as maps:
    model(tokens)
before = torch.stack([layer[0].diagonal(-1, 1, 2).mean(-1) for layer in maps])  # (layers, heads)
layer, head = divmod(before.argmax().item(), config.n_heads)
share = f"{stable(100 * before.max(), 0)} % of its attention to the token before"
print(f"layer {layer}, head {head} gives {share};", end=" ")
print(f"the median of all heads is {stable(100 * before.median(), 0)} %")

prompt = "Clara and Luis walked home together, and the llamas"
view = RopeView(model, tok, prompt, ways, layer=layer, head=head)
view

# %% [markdown]
# The next cells state in numbers what there is to see. First the curve: the head's query at each word of the sentence,
# against the key of the word before it, if that stood at other distances. What goes into the layer's attention,
# `read_turning` has noted while the model read. As the proof says, we may turn the query alone, by the distance.
# **Predict** the peak.

# %%
from llama_lessons.widgets.rope_ways import read_turning

x = read_turning(model, ids, max_new_tokens=0).inputs[layer]  # (T, C): what the layer's attention is given
group = config.n_heads // config.n_kv_heads  # query heads that share a key head
part = model.blocks[layer].attention
q = part.wq(x).unflatten(-1, (-1, width))[:, head]  # (T, D), not turned yet
k = part.wk(x).unflatten(-1, (-1, width))[:, head // group]


def parts(distance):
    """What each pair of channels adds to the score of a word with the one before it, at a distance: (T - 1, D//2)."""
    angle = rope_angles(torch.tensor([distance]), width)  # (1, D//2)
    turned = rotate(q[None, None, 1:], angle.cos(), angle.sin())[0, 0]  # (T - 1, D)
    return (turned * k[:-1]).unflatten(-1, (-1, 2)).sum(-1) / width**0.5


curve = torch.stack([parts(distance).sum(-1).mean() for distance in range(41)])  # a score is the sum of its parts
print("mean score at distance 0 ... 6: ", stable(curve[:7], 1))
print("the highest is at distance", curve.argmax().item())
gain = (parts(1) - parts(6)).mean(0)  # what each pair of channels does to prefer 1 to 6
order = gain.argsort(descending=True).tolist()
print("pairs that prefer distance 1 to distance 6, the strongest first:", order[:3])

# %% [markdown]
# **Answer:** at distance 1, where the head looks.
#
# Compare with the table of speeds above. Only a pair whose hand moves visibly in a few tokens can tell 1 from 6, so the
# work is done by fast ones. The slow pairs are nearly free of place, and a head may use them to ask *what* rather than
# *where*. The same was found in Gemma 7B, a model of another family that also turns
# ([arXiv:2410.06205](https://arxiv.org/abs/2410.06205)).
#
# Now the text. For each way: what does the model write, and which is the first token that differs? And how much do real
# stories *surprise* it, read at once? The surprise of a token is minus the logarithm of the probability that the model
# gave to it. With the natural logarithm it is counted in *nats*: 0 is *of course*, and 7.6, the logarithm of 2048, is
# any token to a model that gives each of the 2048 pieces the same chance. We print the mean over 24 stories.
#
# **Predict:** which mistake does not show in the surprise, though it ruins the text?

# %%
from itertools import islice

from torch.nn.functional import cross_entropy

from llama_lessons.widgets.rope_ways import first_difference
from llama_lessons.world import make_documents


def surprise(texts):
    """How much each token after the first surprises the model: (B, T) -> (B, T - 1), in nats."""
    return cross_entropy(model(texts[:, :-1]).mT, texts[:, 1:], reduction="none")  # mT: it wants (B, V, T)


stories = [tok.encode(story.text) for story in islice(make_documents(4242, {"story": 1.0}), 40)]
stories = torch.tensor([story[:129] for story in stories if len(story) > 128][:24])  # (24, 129)
print(f"{len(stories)} stories; knowing nothing would be {stable(math.log(config.vocab_size), 1)} nats")

# %%
opening = tok.encode(prompt)
wanted = read_turning(model, opening, 20, [tok.eos_id]).written
for name, way in {"as trained": Way(), **ways}.items():
    written = read_turning(model, opening, 20, [tok.eos_id], way).written
    same = first_difference(written, wanted)
    with turning(model, way):
        nats = surprise(stories).mean()
    where = "the same text" if written == wanted else f"differs from new token {same + 1} on"
    print(f"{name}: {stable(nats)} nats, {where}\n    {tok.decode(written)!r}")

# %% [markdown]
# **Answer:** an ignored offset does not show in the surprise, and ruins the text. And the mistake that spares the text
# most is the forgotten minus sign.
#
# Nothing crashed. Each mistake gives text, and most give English words. With an ignored offset, read at once, a story
# begins at place 0, as it should. *A minus sign forgotten* even gives the right four tokens, and yet stories surprise
# it several times as much: one good answer proves nothing.
#
# So how would you *notice*? Here are four tests that people write:
#
# - **length:** turning leaves every vector as long as it was;
# - **shift:** moving the whole text changes no logit;
# - **cache:** reading token by token gives the logits of reading at once;
# - **reference:** reading at once gives the logits of another program.
#
# **Predict:** which of them catches *two halves in place of neighbours*?

# %%
vectors = torch.randn(2, 5, 3, width, generator=torch.Generator().manual_seed(0))


def logits(way, shift=0, step=100):  # step: how many tokens are read at a time
    moved = Way(lambda positions, *rest: way.angles(positions + shift, *rest), way.turn_query, way.turn_key)
    with turning(model, moved):
        cache = model.new_cache()
        return torch.cat([model(part, cache) for part in tokens.split(step, dim=1)], dim=1)


print("length shift  cache  reference")
for name, way in ways.items():
    angles = way.angles(torch.arange(5), width, config.rope_theta)
    turned, at_once = way.turn_key(vectors, angles.cos(), angles.sin()), logits(way)
    tests = [
        (turned.norm(dim=-1), vectors.norm(dim=-1)),  # length
        (logits(way, shift=500), at_once),  # shift
        (logits(way, step=1), at_once),  # cache: token by token
        (usual, at_once),  # reference: our model, turned rightly, stands for another program
    ]
    passed = [torch.allclose(one, other, atol=1e-2) for one, other in tests]
    print(*(f"{'ok' if good else 'CAUGHT':<6}" for good in passed), name)

# %% [markdown]
# **Answer:** the reference alone.
#
# Read it by columns. No test catches all. *Length* is kept by everything that is a turn. *Shift* holds for two halves,
# for the wrong way, for any speeds: all of these are proper rotations, only not the ones that the weights were trained
# with. An ignored offset shows with a cache and nowhere else, not even in a comparison with another program, if one
# compares how they read a text at once. And two halves, like four others, are found by the *reference* alone. Keep this
# in mind for section 8.
#
# ## 7. With a cache
#
# When a model writes, the keys of old tokens are kept (lesson 04), and what is kept are keys that have been *turned*. A
# turned key never changes: its place is its place. A new token must only know that it stands behind them. With n tokens
# in the cache, the next one is at place n, not at 0.
#
# ### Exercise 3 (15 minutes): scores of new tokens
# `turn_rows` turns a stack of vectors of one head by their places. Use it for what needs to be turned.


# %% tags=["exercise"]
def turn_rows(x, positions):
    """Vectors (T, D), turned by their places (T,)."""
    angles = rope_angles(positions, x.shape[-1])
    return rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def my_scores(q, k, cached):
    """What every new query scores with all keys: the cached ones first, then the new ones.

    q, k: queries and keys of T new tokens, not turned yet, float tensors of shape (T, D).
    cached: keys of the S - T tokens before them, turned when they were new, shape (S - T, D).
    Returns the dot products, neither scaled nor masked, shape (T, S).
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.rope import check_scores

check_scores(my_scores)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Which vectors have been turned already, and which not?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The first new token stands at place `len(cached)`.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_scores(q, k, cached):
    positions = len(cached) + torch.arange(len(q))
    keys = torch.cat((cached, turn_rows(k, positions)))
    return turn_rows(q, positions) @ keys.T


check_scores(solved_scores)

# %% [markdown]
# With an empty cache an ignored offset is right, by chance: that is why such a mistake passes the first test and ruins
# the first chat.
#
# ## 8. Two layouts, and the classic bug
#
# Which channels make a pair is a matter of taste, as long as everybody has the same. They do not. Meta's code, and the
# paper, turn neighbours: 0 with 1, 2 with 3. Hugging Face's `transformers`, in which many people meet a Llama, turns
# channel i with i + D/2, the first half of a head with its second half, as the model GPT-NeoX does. In a head of 32,
# pair 0 is channels 0 and 1 for one, 0 and 16 for the other.
#
# Neither is wrong. A score is a sum over channels, and a sum does not mind the order. So one can *sort the channels* of
# queries and keys: first all that were first of their pair (0, 2, 4, ...), then all second ones (1, 3, 5, ...). Then
# the two of a pair stand D/2 apart, and turning halves does to them what turning neighbours did before. **Predict:**
# are the turned vectors the same then? Are the scores?


# %%
def rotate_halves(x, cos, sin):
    """As transformers does: channels (0, D/2), (1, D/2 + 1), ... turn together; (B, T, H, D)."""
    cos, sin = torch.cat((cos, cos), dim=-1)[:, None], torch.cat((sin, sin), dim=-1)[:, None]  # (T, 1, D)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


sorted_channels = [*range(0, width, 2), *range(1, width, 2)]
angles = rope_angles(torch.arange(len(ids)), width)
tables = angles.cos(), angles.sin()
a, b = torch.randn(2, 1, len(ids), 1, width, generator=torch.Generator().manual_seed(4))  # queries, keys: (1, T, 1, D)


def all_scores(turn, a, b):
    return turn(a, *tables)[0, :, 0] @ turn(b, *tables)[0, :, 0].T


ours = all_scores(rotate, a, b)
theirs = all_scores(rotate_halves, a[..., sorted_channels], b[..., sorted_channels])
turned, other = rotate(a, *tables), rotate_halves(a[..., sorted_channels], *tables)
print("vectors are equal:", torch.allclose(turned, other, atol=1e-4))
print("scores are equal: ", torch.allclose(ours, theirs, atol=1e-3))
mixed_up = all_scores(rotate_halves, a, b)
print("scores are equal if one forgets to sort:", torch.allclose(ours, mixed_up, atol=1e-3))

# %% [markdown]
# **Answer:** the vectors differ, by their order, and nobody ever sees them; the scores are the same. Without the
# sorting they are not.
#
# No one sorts queries while a model runs. A channel of a query is made by a *row* of `wq` (a PyTorch `Linear` keeps its
# matrix as outputs × inputs), so it is enough to sort the rows of `wq` and `wk` once, when the weights are written to a
# file. That is what Hugging Face's conversion script did to Meta's weights, and what our `save` and `load` do.
#
# ### Exercise 4 (15 minutes): sort the rows
# Two traps lie in wait. Each head is sorted by itself. And where query heads share keys (*grouped-query attention*,
# lesson 04), `wk` has fewer heads than `wq`: it has `n_kv_heads` of them. Cut it into `n_heads`, and where the numbers
# happen to come out even, no error tells you.


# %% tags=["exercise"]
def my_export(wq, wk, n_heads, n_kv_heads):
    """Rows of wq and wk from Meta's order to Hugging Face's.

    wq: rows of all query heads, one head after the other, shape (n_heads * D, C).
    wk: rows of all key heads, shape (n_kv_heads * D, C).
    Returns both matrices, with the rows of every head sorted: first the even ones, then the odd ones.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.rope import check_export

check_export(my_export)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Within a head, rows come in pairs: even, odd, even, odd. Wanted: all even ones, then all odd ones.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Cut the rows into (heads, D//2, 2), and exchange the last two of these axes.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The same for both matrices, but each by its own number of heads.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 4: click to unfold
def solved_export(wq, wk, n_heads, n_kv_heads):
    def sort_rows(weight, heads):
        by_pair = weight.unflatten(0, (heads, -1, 2))  # (heads, D//2, 2, C)
        return by_pair.transpose(1, 2).flatten(0, 2)  # first and second of the pairs move outwards

    return sort_rows(wq, n_heads), sort_rows(wk, n_kv_heads)


check_export(solved_export)

# %% [markdown]
# ### The bug, from beginning to end
# We write the Valley's model as a checkpoint of Hugging Face's and open it with `transformers`, another program by
# other people. Then we write it once more, in the way that looks right: every weight under its new name, and nothing
# else. And a third time, with rows that are sorted, but `wk` by the wrong number of heads.
#
# **Predict:** will `transformers` refuse the second and the third file?

# %%
import os

from safetensors.torch import load_file, save_file

from llama_lessons.checkpoints import save
from llama_lessons.checkpoints.names import interleaved_to_half_split, translate
from llama_lessons.files import work_dir

os.environ["HF_HUB_OFFLINE"] = "1"  # all it needs is in the folder
import transformers

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def export(folder, heads_of_wq=None, heads_of_wk=None):
    """Save the model for transformers, its rows sorted by so many heads; None: left as they are."""
    save(model, folder, "hf", tokenizer=tok)
    weights = load_file(folder / "model.safetensors")
    for name, ours in model.named_parameters():
        if name.endswith(("wq.weight", "wk.weight")):
            heads = heads_of_wq if "wq" in name else heads_of_wk
            rows = interleaved_to_half_split(ours.detach(), heads) if heads else ours.detach().clone()
            weights[translate(name, "ours", "hf")] = rows
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


# %%
folders = {name: work_dir() / "03_rope" / name.replace(" ", "_") for name in ("sorted", "not sorted", "wk by n_heads")}
export(folders["sorted"], config.n_heads, config.n_kv_heads)
export(folders["not sorted"])
export(folders["wk by n_heads"], config.n_heads, config.n_heads)

opening = tok.encode("Once upon a time")
texts = {}
for name, folder in folders.items():
    program = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    answer = program.generate(torch.tensor([opening]), max_new_tokens=50, do_sample=False, pad_token_id=0)
    texts[name] = answer[0, len(opening) :].tolist()
    same = first_difference(texts[name], texts["sorted"])
    where = f"differs from new token {same + 1} on" if texts[name] != texts["sorted"] else "the right one"
    print(f"{name} ({where}):\n    {tok.decode(texts[name])!r}\n")

# %% [markdown]
# **Answer:** it refuses neither.
#
# Names, shapes, types: everything fits, and there is nothing else that a program could check. The numbers lie in the
# wrong rows, that is all.
#
# Is the second one really our *two halves in place of neighbours*? **Predict:** does our own model, turning two halves,
# write the same as `transformers` does from the file that was not sorted, to the last token? And does our `load`, which
# sorts the rows back, read the first file as it was?

# %%
for name, way in (("sorted", Way()), ("not sorted", ways["two halves in place of neighbours"])):
    ours = read_turning(model, opening, 50, [tok.eos_id], way).written
    theirs = [token for token in texts[name] if token != tok.eos_id]
    print(f"{name}: the {len(ours)} tokens of ours and of transformers are the same:", ours == theirs)
both = zip(load(folders["sorted"]).parameters(), model.parameters(), strict=True)
print("read back as it was:", all(torch.equal(one, other) for one, other in both))

# %% [markdown]
# **Answer:** it does, to the last token, and the file is read back as it was.
#
# Two programs, one bug, token for token.
#
# ### How does it decay?
# What makes the bug so confusing is that the text *begins* well, where a model with wrong weights ought to be bad at
# once. One report says that gibberish sets in *after some twenty tokens* (llama2.c, pull request 286), another *after
# one or two* (shainet, pull request 111). Our text from the file that was not sorted left the right one at its second
# token, and kept up a sort of English. So let us measure, on this model. It reads the 24 stories, which it did not
# write, first turning neighbours, then turning halves; at every place we ask how much the next token surprises it.
#
# **Predict:** is it bad at the first tokens already? Does it get worse and worse, or is there an end to it?

# %%
reading = {}
for name, way in (("neighbours", Way()), ("two halves", ways["two halves in place of neighbours"])):
    with turning(model, way):
        reading[name] = surprise(stories).unflatten(1, (16, 8)).mean((0, 2))  # in steps of 8 tokens
    print(f"{name}, nats in tokens 1-8, 9-16, ...:", stable(reading[name][:8], 1), "and 121-128:", end=" ")
    print(stable(reading[name][-1], 1))

choices = [model(stories[:, :-1]).argmax(-1)]  # (24, 128): the likeliest next token at every place
with turning(model, ways["two halves in place of neighbours"]):
    choices.append(model(stories[:, :-1]).argmax(-1))
first = (choices[0] != choices[1]).int().argmax(1) + 1  # (24,)
print(f"first other choice: at token {first.min()} to {first.max()}, in the middle at {first.median()}")

figure, axes = plt.subplots(figsize=(7, 2.8))
axes.plot(range(4, 128, 8), reading["two halves"], "s--", color="#D55E00", label="two halves")
axes.plot(range(4, 128, 8), reading["neighbours"], "o-", color="#0072B2", label="neighbours, as trained")
axes.set(xlabel="place in the story", ylabel="surprise, nats a token", ylim=(0, None))
axes.legend(frameon=False, loc="center right")
what = "Surprise over places 0 to 128 of real stories. As trained it falls to nearly 0; with two halves it begins as "
show(figure, alt=what + "low, climbs steeply over some fifty tokens, and then stays high.")

# %% [markdown]
# **Answer:** at the first tokens it is hardly worse; then it gets worse and worse, until there is an end to it.
#
# In the mean of the first eight tokens hardly anything shows; but a mean is a blunt tool, and the likeliest token is
# another one sooner, as the last line says. Then one curve falls and the other climbs: the more text there is to look
# back at, the worse; until, some fifty tokens on, it hardly gets worse any more. That is *this* model, on stories,
# which also open much alike. Another model, or another text, may hold out for one token or twenty.
#
# ### Why does it begin well? (optional)
# Think of the clocks. A token that looks at itself is at distance 0: both hands have turned alike, and no layout
# matters. One token away the fast hands stand wrong, and a few tokens away most of those that can tell a distance. And
# the first tokens of a text have little else to look at than themselves and `<s>`.
#
# **Predict:** take the attention that the heads, turning neighbours, give to the token itself; to the token before; to
# those farther off. How much of each stays where it was when two halves are turned?

# %%
from llama_lessons.attention import causal_weights

story = stories[0, :128].tolist()
tables = [table(rope_angles(torch.arange(128), width)) for table in (torch.cos, torch.sin)]
right, kept = torch.zeros(2, 128)  # by distance
for x, block in zip(read_turning(model, story, 0).inputs, model.blocks, strict=True):
    queries, keys = (w(x)[None].unflatten(-1, (-1, width)) for w in (block.attention.wq, block.attention.wk))
    good, bad = (
        causal_weights(*(turn(part, *tables).transpose(1, 2) for part in (queries, keys)))[0]
        for turn in (rotate, rotate_halves)
    )  # (H, T, T)
    for distance in range(128):
        right[distance] += good.diagonal(-distance, 1, 2).sum()
        kept[distance] += torch.minimum(good, bad).diagonal(-distance, 1, 2).sum()
for name, part in {"0": slice(0, 1), "1": slice(1, 2), "2 to 9": slice(2, 10), "10 and more": slice(10, None)}.items():
    share = stable(100 * right[part].sum() / right.sum(), 0)
    print(f"distance {name}: {share} % of the attention, of which", end=" ")
    print(stable(100 * kept[part].sum() / right[part].sum(), 0), "% stay")

# %% [markdown]
# **Answer:** what a token sees of itself is nearly right. Of what it saw of its neighbour, a third is left, and of all
# the rest hardly a fifth, near or far: a few tokens away it is as bad as it gets.
#
# That is what we read above: single words are whole, and two or three in a row may make sense; what was said before
# them is lost.
#
# ## 9. Theta, and texts that are too long (optional)
#
# θ sets the slow end: how many of the hands come round within a text, and how many only creep. Models that shall read
# more have been given a larger θ: Code Llama 10⁶, when it was trained on for long files
# ([arXiv:2308.12950](https://arxiv.org/abs/2308.12950)), Llama 3 5 × 10⁵
# ([arXiv:2407.21783](https://arxiv.org/abs/2407.21783)).
#
# And what does a score do far away? Take the simplest query and key, all ones, and let the distance grow. **Predict:**
# does it fall for ever, and what does a larger θ change?

# %%
# theta and the window in tokens: Llama 2's from its code and paper, the others' from the papers named above
published = {"Llama 2": (10_000, 4096), "Code Llama": (1_000_000, 16_384), "Llama 3": (500_000, 8192)}
for name, (theta, window) in published.items():
    rounds = [full * theta ** (2 * pair / 128) for pair in range(64)]  # tokens for a turn
    print(f"{name}: the slowest of 64 hands needs {round(rounds[-1]):,} tokens for a turn;", end=" ")
    print(f"in a window of {window:,}, {sum(tokens > window for tokens in rounds)} never come round")

# %%
distances = torch.arange(0, 251)
figure, axes = plt.subplots(figsize=(7, 2.8))
for theta, colour, style in ((100.0, "#D55E00", ":"), (10_000.0, "#0072B2", "-"), (1_000_000.0, "#009E73", "--")):
    curve = rope_angles(distances, 128, theta).cos().mean(-1)  # a pair of ones scores 2 cos(angle); all over D
    axes.plot(curve, style, color=colour, label=f"theta {theta:,.0f}")
    print(f"theta {theta:>9,.0f}: score at distance 1, 10, 100, 250:", stable(curve[[1, 10, 100, 250]]))
axes.set(xlabel="distance in tokens", ylabel="score")
axes.legend(frameon=False, ncols=3, fontsize=9, loc="upper right")
what = "Score of two vectors of ones against distance up to 250. It falls, quickly, then slowly, with ripples; "
show(figure, alt=what + "the larger theta, the higher it stays.")

# %% [markdown]
# **Answer:** it falls, with ripples, and the larger θ the slower; but not for ever.
#
# With θ = 100 it has sunk below zero and turned round there, as any sum of waves must sooner or later. RoFormer's
# authors call the fall *long-term decay*. Do not make too much of it: it is a property of vectors of ones. A trained
# head can have its peak at any distance, as you saw in section 6.
#
# And what happens *beyond* the window? The slow hands come to angles that they never had in training. The Valley's
# model was trained on texts of up to 512 tokens. We give it stories end to end, 2560 tokens of them, and measure its
# surprise. Then with three repairs, none of which trains anything:
#
# - **places / 5:** so that 2560 look like 512 (*position interpolation*,
#   [arXiv:2306.15595](https://arxiv.org/abs/2306.15595));
# - **θ × 5.6:** the slowest hand is slowed down by 5 (5.6 is 5 to the power 32/30), the fast ones hardly, so that
#   neighbours stay neighbours (known as *NTK-aware scaling*, see [arXiv:2309.00071](https://arxiv.org/abs/2309.00071));
# - **θ × 30:** the same, with plenty to spare.
#
# **Predict:** which of them helps beyond 512, and what does each cost within?

# %%
texts, longest = [], 0
for seed in (1, 2, 3):
    told = [tok.encode(story.text, eos=True) for story in islice(make_documents(seed, {"story": 1.0}), 20)]
    texts.append([token for story in told for token in story][:2561])
    longest = max(longest, *map(len, told))
texts = torch.tensor(texts)  # (3, 2561)
print("the longest of their stories has", longest, "tokens")
repairs = {
    "as trained": Way(),
    "places / 5": Way(angles=lambda *given: rope_angles(*given) / 5),
    "theta x 5.6": Way(angles=lambda positions, head_dim, theta: rope_angles(positions, head_dim, 5.6 * theta)),
    "theta x 30": Way(angles=lambda positions, head_dim, theta: rope_angles(positions, head_dim, 30 * theta)),
}
print("nats a token at places 0-511, 512-1023, ... 2048-2559")
blocks = {}
for name, way in repairs.items():
    with turning(model, way):
        blocks[name] = surprise(texts).unflatten(1, (5, 512)).mean((0, 2))
    print(f"{name:<12}", stable(blocks[name]))
print("as trained, the last 512 tokens read by themselves:", stable(surprise(texts[:, 2048:]).mean()))

# %% [markdown]
# **Answer:** beyond, a larger θ helps: the moderate one costs little within, the large one more. With the places
# divided by 5 every window is bad.
#
# As trained, the model is a little worse in the second window, and then gets worse and worse. Yet no story of these is
# as long as the window, and none needs the one before: by themselves, the last 512 tokens are as easy as the first. So
# the trouble is not that it forgets. It is *disturbed* by what lies at distances that it has not met.
#
# Squeezing the places brings all distances back into the window, but neighbours are now a fifth of a token apart, and
# that the model has never seen either. (Those who proposed it trained their models on for a little while, and then it
# works.) A larger θ leaves the fastest hand as it is and slows each of the others, the more the slower it was. The
# moderate one costs little within the window and saves most of the loss beyond; the large one makes all windows alike,
# and all of them worse than the first was. Without training there is no repair for nothing; Code Llama was trained on
# with its new θ.
#
# ## What you have, and where it goes
#
# - But for its mask, attention alone sees a bag of words. RoPE turns queries and keys by their places; a score then
#   depends on the distance, and you have proved it.
# - Many pairs at many speeds: fast hands for next door, slow ones for the far end. Values are not turned.
# - Moving all places alike changes nothing. With a cache, new tokens stand behind the old ones.
# - Neighbours (Meta) or two halves (Hugging Face): both are right, if the rows of `wq` and `wk` are sorted to match,
#   `wk` by its own number of heads. Mixed up, text begins well and decays, and only a comparison with another program
#   proves it.
#
# **Read next** [`llama_lessons/rope.py`](../llama_lessons/rope.py), all of RoPE in two functions;
# [`llama_lessons/attention.py`](../llama_lessons/attention.py), where `Attention` turns queries and keys; and at the
# end of [`llama_lessons/checkpoints/names.py`](../llama_lessons/checkpoints/names.py), the permutation and the way
# back.
#
# **More to try:** add a way of your own to `ways`, say one in which only the fast half of the pairs turns. Find the
# head that changes most when its slow pairs stand still. Choose θ for a window of 100 000 tokens.
#
# **Next lesson,** [04 gqa](04_gqa.ipynb): what the cache costs, and why several query heads share one key.
#
# **Sources.** Su and others, *RoFormer*, [arXiv:2104.09864](https://arxiv.org/abs/2104.09864) (sections 3.2, 3.4.2 and
# 3.4.3). Llama 2: [arXiv:2307.09288](https://arxiv.org/abs/2307.09288), section 2.2. The two layouts: Meta's
# `llama/model.py` (`apply_rotary_emb`), `convert_llama_weights_to_hf.py` of transformers (`permute`), and transformers'
# issue 25199, where both are compared. Reports of the bug: karpathy/llama2.c, pull request 286; NeuraLegion/shainet,
# pull request 111. Sines: [arXiv:1706.03762](https://arxiv.org/abs/1706.03762), section 3.5. Order without positions:
# [arXiv:2203.16634](https://arxiv.org/abs/2203.16634). Which speeds heads use:
# [arXiv:2410.06205](https://arxiv.org/abs/2410.06205). Long texts:
# [arXiv:2306.15595](https://arxiv.org/abs/2306.15595), [arXiv:2308.12950](https://arxiv.org/abs/2308.12950),
# [arXiv:2309.00071](https://arxiv.org/abs/2309.00071).
