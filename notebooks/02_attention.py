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
# # 02 Attention: how does a word look at other words?
#
# After lesson 01 a text is a list of ids. The first thing a Llama does with an id is to fetch a row of numbers from a
# table, the *embedding*: 192 numbers in the Valley's model, 4096 in Llama 2 7B. From then on a text is a stack of rows,
# one for each token. But a table gives the same row for an id wherever the id stands, and words do not mean the same
# wherever they stand. In
#
# > Clara and Luis walked home together, and the llamas hummed behind them.
#
# the row of *them* does not know that it means Clara and Luis. To find that out, rows must look at other rows. There is
# exactly one kind of part in a Llama where they do, and it is called *attention*. The rows pass several *layers*, one
# after the other, and each begins with an attention of its own. All the rest treats each row by itself.
#
# In this lesson you build it: by loops, on numbers that you can check by hand; then by matrices; then as the class that
# a Llama is made of. You take away each of its parts to see what it was for. What the heads of a trained model do, and
# whether it would miss them, is a side trip of its own, [02b](02b_heads.ipynb).
#
# You need to know Python and a little PyTorch: tensors, their shapes, `@`. Where it says **Predict**, do so before you
# run on.
#
# **Time:** about an hour and a half, 40 minutes of it for the exercises; a good place to pause is before section 5.
# Letters and terms: [TERMS](../TERMS.md).
#
# A comment such as `# (T, C)` behind a line gives the shape of what it makes, in letters that are the same in all
# lessons: B texts at once, T tokens, C channels of a row; later H heads of D channels each.

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
sentence = "Clara and Luis walked home together, and the llamas hummed behind them."
ids = tok.encode(sentence)
pieces = tok.pieces(ids)
x = model.embedding(torch.tensor(ids))  # (T, C)
print(" ".join(pieces))
print(len(ids), "tokens, so the stack of rows has the shape", tuple(x.shape))
one, other = (k for k, piece in enumerate(pieces) if piece == "▁and")
after = model.hidden(torch.tensor([ids]))[0]  # (T, C): what has become of the rows at the end of the model
print("the rows of the two *and* are equal at the start:", torch.equal(x[one], x[other]))
print("and at the end of the model:", torch.equal(after[one], after[other]))

# %% [markdown]
# The first *and* joins two people, the second joins two sentences. At the end of the model their rows differ, so each
# has heard from its neighbours on the way. How?
#
# ## 1. Which words matter to this one?
#
# Take the end of the sentence, and rows so small that we can follow every number. They have four channels, and for once
# we decide what each of them means: *is an animal*, *is something done*, *is a place*, *points at something*. (In a
# trained model nobody decides, and no channel has a name.)
#
# The simplest way to hear from everybody is the average of all rows. But then every word hears the same, a porridge of
# everything: an average has no question. A word should hear more from those that matter to it, so each pair of words
# needs a number, a *score*, that says how much.
#
# The cheapest score of two rows is their *dot product*: multiply channel by channel and add up. It is large when both
# rows are large in the same channels. To mix rows, scores must become *weights*: positive, with a sum of 1. Dividing by
# the sum will not do, since scores can be negative or all zero. The *softmax* does: raise e to each score, which makes
# it positive, then divide by the sum.
#
# **Predict:** what does *them* hear from the average of all five rows? And with dot products of the rows as scores,
# whom does it hear most from?

# %%
from math import exp

words = ["the", "llamas", "hummed", "behind", "them"]
#        nothing       an animal     something done a place      points at something
rows = [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def softmax(scores):
    powers = [exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def mix(weights, rows):
    return [dot(weights, channel) for channel in zip(*rows, strict=True)]


print("average:       ", mix([1 / 5] * 5, rows))
scores = [dot(rows[4], row) for row in rows]
print("scores of them:", scores)
print("weights:       ", stable(softmax(scores)))
print("it hears:      ", stable(mix(softmax(scores), rows)))

# %% [markdown]
# **Answer:** from the average a fifth of everything, like everybody; by dot products most from itself.
#
# Check one by hand: e is 2.72 and e to the 0 is 1, so *them* gets 2.72 / (2.72 + 4) = 0.40 of its own attention and
# each of the others 0.15. A dot product of raw rows measures *likeness*, and here nothing is as like a word as the word
# itself. It also works both ways: whoever likes is liked as much.
#
# But *them* does not look for words like itself. It looks for somebody to point at. So give each word three rows in
# place of one:
#
# - a **query**: what it looks for,
# - a **key**: what it can be found by,
# - a **value**: what it hands over when it is found.
#
# Each is made from the word's row by a matrix. In a model the three matrices, `wq`, `wk` and `wv`, are learned; here we
# write them. Something done looks for an animal, a place looks for something done, and a pointer looks for an animal
# twice as hard. Keys are the rows as they are. The values have two channels, *legs* and *sound*: to be found by one
# thing and hand over another is the point of having both.
#
# **Predict:** how many legs will *them* have? (A score of 2 makes e² = 7.39.)

# %%
wq = [  # what an animal, something done, a place, a pointer look for:
    [0, 0, 0, 0],
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [2, 0, 0, 0],
]
wk = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
wv = [[4, 0], [0, 1], [0, 0], [0, 0]]  # an animal hands over four legs, something done a sound


def times(row, matrix):
    return [dot(row, column) for column in zip(*matrix, strict=True)]


def attend_by_loops(rows):
    queries, keys, values = ([times(row, matrix) for row in rows] for matrix in (wq, wk, wv))
    new = []
    for query in queries:
        weights = softmax([dot(query, key) for key in keys])
        new.append(mix(weights, values))
    return new


for word, (legs, sound) in zip(words, attend_by_loops(rows), strict=True):
    print(f"{word:<7} legs {stable(legs)}  sound {stable(sound)}")

# %% [markdown]
# **Answer:** 2.60 legs. *them* gives 7.39 / (7.39 + 4) = 0.65 of its attention to *llamas*, and so gets 0.65 × 4.
#
# *hummed* has found out, too, who hummed, and *behind* has heard a sound. *the* and *llamas* look for nothing: all
# their scores are 0, their weights are equal, and they are back at the average.
#
# That is attention, all of it: *score every pair, make weights of the scores, mix the values*. (Yes, our pointer found
# the llamas, where a reader of the whole sentence would say Clara and Luis. It cannot know better: it sees five words,
# and looks for animals.)
#
# ## 2. The same, all at once
#
# Loops over numbers are slow in Python, and a GPU does thousands of such products at the same time if one asks for them
# together. Stack the queries to a matrix `q` of shape (T, D), T tokens and D channels, likewise keys and values. Then
# all scores are one product, and all mixtures another. **Predict** the shape of each line, then run it.

# %%
X, WQ, WK, WV = (torch.tensor(matrix, dtype=torch.float32) for matrix in (rows, wq, wk, wv))
q, k, v = X @ WQ, X @ WK, X @ WV
scores = q @ k.T  # row t: how much token t wants to hear from each of the others
weights = scores.softmax(dim=-1)
new = weights @ v
for name, matrix in {"q": q, "k": k, "v": v, "scores": scores, "weights": weights, "new": new}.items():
    print(f"{name:<8}{tuple(matrix.shape)}")
torch.testing.assert_close(new, torch.tensor(attend_by_loops(rows)))
print("row sums: ", stable(weights.sum(-1)))
print("column sums:", stable(weights.sum(-2)))

# %% [markdown]
# **Answer:** `q` and `k` are (T, D), `v` has a row for each token as well; scores and weights are (T, T), a number for
# each pair.
#
# The same numbers in four lines. `dim=-1` matters: each *row* is one token's attention and sums to 1. A column says how
# much a word is looked at by all, and may sum to anything: *llamas* are popular. (PyTorch's softmax first subtracts the
# row's largest score from all of them. The weights stay the same, and e to a large score cannot overflow, as it would
# in our loops.)
#
# Here are these very weights in numbers, and in the view that stays with us for the whole lesson. Point at a word, or
# press Tab and the arrow keys: lines run to the words it looks at, thicker for more. The map shows all of them at once,
# a row for each word. Choose *what looks at it* to turn the lines around. (*Layer 0, head 0* is its name in a model
# that has several; section 5 says what a head is.)

# %%
from llama_lessons.widgets.attention import AttentionView

for word, row in zip(words, weights, strict=True):
    print(f"{word:<7}{stable(row)}")
AttentionView([weights[None]], words)  # a list of layers, here one; a layer's weights have the shape (heads, T, T)

# %% [markdown]
# In the view some cells have another colour. There a word looks at a word that comes after it, which is our next
# problem.
#
# ## 3. No peeking: the causal mask
#
# A Llama is trained to say, at *every* place of a text, which token comes next. All places are asked at once, which
# makes training cheap: a text of 4096 tokens is 4096 exercises in one pass. But the answer at *behind* is *them*. If
# *behind* may look at *them*, it need not learn anything, and when the model writes by itself, there is no *them* to
# look at.
#
# So no row may depend on a later one. Here is the test for it, which we shall use all through the course: **poke the
# last token, and watch which rows move.** We take a random row for each token of the sentence, and random matrices:
# what the test finds does not depend on the numbers.
#
# **Predict:** how many of the 15 rows move?

# %%
generator = torch.Generator().manual_seed(2)
n_tokens, n_channels = x.shape
x = torch.randn(n_tokens, n_channels, generator=generator)
WQ, WK, WV = (torch.randn(n_channels, 32, generator=generator) / 40 for _ in range(3))  # scores of moderate size


def attend(x, to_weights):
    return to_weights((x @ WQ) @ (x @ WK).T) @ (x @ WV)


def moved(to_weights):
    poked = x.clone()
    poked[-1] += 1
    change = (attend(poked, to_weights) - attend(x, to_weights)).abs().amax(-1)  # (T,)
    return [piece for piece, moves in zip(pieces, change > 1e-6, strict=True) if moves]


def no_mask(scores):
    return scores.softmax(-1)


print(len(moved(no_mask)), "of", n_tokens, "rows move:", *moved(no_mask))

# %% [markdown]
# **Answer:** all of them. Two repairs come to mind:
#
# - **Zero after the softmax:** make the weights, then delete those on the future. (`tril` keeps the lower triangle: the
#   columns up to the diagonal.)
# - **−∞ before the softmax:** set the *scores* of the future to minus infinity. e to the −∞ is 0, so the softmax gives
#   the future nothing, and shares the 1 among the rest.
#
# **Predict:** both leave no weight on the future. Which rows move now?


# %%
def zero_after(scores):
    return scores.softmax(-1).tril()


def infinity_before(scores):
    past = torch.ones_like(scores).tril().bool()
    return scores.masked_fill(~past, -torch.inf).softmax(-1)


for to_weights in (zero_after, infinity_before):
    weights = to_weights((x @ WQ) @ (x @ WK).T)
    print(f"{to_weights.__name__}: {len(moved(to_weights))} of {n_tokens} move; the first three rows sum to", end=" ")
    print(stable(weights.sum(-1)[:3]), "and give the last token", stable(weights[:-1, -1].sum()))

# %% [markdown]
# **Answer:** with zeros after the softmax still all of them; with −∞ before it the last row alone, which is the last
# token's own.
#
# Deleting comes too late. The softmax has already divided by a sum that holds e to the scores of the future, so every
# row still knows something of what comes: how much of its attention has gone missing. A model would learn to read that.
#
# ### Break it: three masks that are nearly right
# - Delete after the softmax, then divide each row by what is left of it. On paper that is the same as −∞ before.
#   **Predict:** is it the same on a computer, also if a score of the future is very large?
# - The mask has two neighbours that look just like it, `tril(1)` and `tril(-1)`. **Predict:** which rows move with
#   each, and what is in row 0?


# %%
def zero_after_and_divide(scores):
    weights = zero_after(scores)
    return weights / weights.sum(-1, keepdim=True)


scores = (x @ WQ) @ (x @ WK).T
print("divided, equal:", torch.allclose(zero_after_and_divide(scores), infinity_before(scores), atol=1e-6))
large = scores + 200 * torch.eye(n_tokens)[-1]  # everybody would love to look at the last token
print("with a large score in the future, row 0 divided:", stable(zero_after_and_divide(large)[0, :3]))
print("with a large score in the future, row 0 masked: ", stable(infinity_before(large)[0, :3]))

for shift in (1, -1):

    def off_by_one(scores, shift=shift):
        past = torch.ones_like(scores).tril(shift).bool()
        return scores.masked_fill(~past, -torch.inf).softmax(-1)

    print(f"tril({shift}): row 0 {stable(off_by_one(scores)[0, :3])}, rows that move:", moved(off_by_one))

# %% [markdown]
# **Answer:** it is the same, until a score of the future is very large: then it is *nan*, no number. With `tril(1)` the
# last two rows move; `tril(-1)` leaves row 0 without anybody, nan again.
#
# Beside a score that leads by about 200 the other weights are e to the −200, too small for a float: 0. Delete the large
# one, and a row of zeros is left. 0 / 0 is nan, *not a number*, and from there it spreads to everything: a right
# formula can be a wrong program.
#
# `tril(1)` lets each token see one token ahead: exactly the answer that it is asked for. In training its guesses look
# marvellous, and the model has learned nothing of use. No error says so; only the poke does. `tril(-1)` forbids a token
# to see itself. Row 0 then has nobody to look at, and a softmax of nothing but −∞ is nan. Here the poke is blind: a
# comparison with nan is always false.
#
# ## 4. Why divide by √D?
#
# The paper that made attention famous ([arXiv:1706.03762](https://arxiv.org/abs/1706.03762)) divides all scores by √D,
# the square root of the width of a query. A dot product is a sum of D products. Suppose, as the paper does, that
# queries and keys are like independent random numbers with mean 0 and variance 1, roughly what they are when training
# begins. Then each product has variance 1 as well, and variances of independent numbers add up.
#
# **Predict:** what is the variance of a score for D = 4, 64, 1024? And after dividing by √D?

# %%
spread = {}
for width in (4, 16, 64, 256, 1024):
    q, k = torch.randn(2, 10_000, width, generator=generator)
    scores = (q * k).sum(-1)  # 10 000 dot products
    spread[width] = scores.var(), (scores / width**0.5).var()
    print(f"D = {width:<5} variance {stable(spread[width][0], 0):>5}; divided by √D {stable(spread[width][1], 1)}")

# %% [markdown]
# **Answer:** the variance of a score is D, and after dividing it is 1.
#
# So the size of a score is about √D: 11 for Llama 2, whose heads have 128 channels. What is wrong with large scores?
# The softmax turns differences into ratios. A score that leads by 11 is worth e¹¹, 60 000 times the other: nearly all
# the weight falls on one token, whichever chance has chosen. And then nothing can be learned. Training moves numbers a
# little and looks what that changes; where a weight is 0 or 1, moving its score a little changes nothing.
#
# Let us measure both, for a query that looks at 64 tokens, five hundred times: how large its largest weight is (left),
# and what happens when the score of the first token is raised by 0.1 (right). If all 64 were alike, each would have a
# weight of 1/64, and the first would gain a tenth of that. So the right picture counts what it gains in per cent of
# 1/64: near 10, training has a hold on it; near 0, it has none.

# %%
from matplotlib import pyplot as plt

figure, (left, right) = plt.subplots(1, 2)
for scaled, line in ((False, "s--"), (True, "o-")):
    name, largest, change = "divided by √D" if scaled else "as they are", [], []
    for width in spread:
        q, k = torch.randn(500, 1, width, generator=generator), torch.randn(500, 64, width, generator=generator)
        scores = (q * k).sum(-1) / (width**0.5 if scaled else 1)  # (500, 64): each query with its 64 keys
        raised = scores.clone()
        raised[:, 0] += 0.1
        gain = raised.softmax(-1)[:, 0] - scores.softmax(-1)[:, 0]
        largest.append(scores.softmax(-1).amax(-1).mean().item())
        change.append(100 * 64 * gain.mean().item())
    left.plot(list(spread), largest, line, color="#0072B2" if scaled else "#D55E00", label=name)
    right.plot(list(spread), change, line, color="#0072B2" if scaled else "#D55E00")
    print(f"{name:<14}largest weight {stable(largest)}, gain {stable(change, 1)} % of 1/64")
for axes, title in ((left, "largest weight"), (right, "gain of a score raised by 0.1, % of 1/64")):
    axes.set(xscale="log", xlabel="D, channels of a query", ylim=(0, None))
    axes.set_title(title, fontsize=10)
left.legend(frameon=False)
what = "As D grows from 4 to 1024, undivided, the largest weight rises to nearly 1 and the gain falls towards 0; "
show(figure, alt=what + "divided by the root of D, both stay where they are.")

# %% [markdown]
# Undivided, the choice is made before training has begun, and the wider the heads the harder it is to unmake. Divided,
# every width starts with soft weights, and a small step of training moves them.
#
# Note what the scale is *not*: a limit to what a model can say. Divide `wq` by √D in place of the scores, and the
# results are the same, up to rounding. The scale is there so that training begins alike at every width. Lesson
# 02b takes it away from a trained model, to see how much that minds.
#
# ### Exercise 1 (15 minutes): one head of attention
# Now all of it: scores, scale, mask, softmax, mixture. Without loops, if you can. The check compares with loops, and
# knows many mistakes by name.


# %% tags=["exercise"]
def my_attention(q, k, v):
    """Causal attention of one head.

    q, k: queries and keys, float tensors of shape (T, D).
    v: values, shape (T, Dv).
    Returns a tensor of shape (T, Dv): row t mixes the values of tokens 0 ... t.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.attention import check_attention

check_attention(my_attention)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# All scores at once are one product, of shape (T, T). Which of the two needs to be transposed?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Scale, mask, softmax, in this order; the softmax runs along a row, `dim=-1`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `torch.ones(T, T).tril()` is the past; `masked_fill` takes what is *not* the past.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_attention(q, k, v):
    scores = q @ k.T / q.shape[-1] ** 0.5
    past = torch.ones_like(scores).tril().bool()
    return scores.masked_fill(~past, -torch.inf).softmax(-1) @ v


check_attention(solved_attention)

# %% [markdown]
# (*Kept for your own Llama:* in your copy of the lessons, what passes its check is kept in the folder `my_llama`. From
# lesson 03 on it runs in a model, in its place among the course's parts.)
#
# ## 5. Heads: several questions at once
#
# A softmax gives each token one set of weights, so it can ask one question. But *hummed* may want to know who hummed,
# where, and whether a comma just ended another sentence. Averaging three answers would be porridge again. So let
# several attentions run side by side, each with queries, keys and values of its own: the *heads*.
#
# This need not cost more. Make queries of C channels as before, and cut them into H heads of D = C / H channels. Llama
# 2 7B has C = 4096 and 32 heads of 128; the Valley's model has C = 192 and 6 heads of 32. Each head attends with its
# own slice, and the results are put side by side: C channels again.
#
# To cut is one line, and a famous trap. Here are queries that can be recognised: channel c of token t is 100 t + c.
# There are 3 tokens and 2 heads of 4 channels, and we want head 1, the second one. **Predict:** which of the two lines
# gives it, `view(H, T, D)` or `view(T, H, D)` with a transpose?

# %%
q = 100 * torch.arange(3)[:, None] + torch.arange(8)  # (T, C)
print(q.view(2, 3, 4)[1], "view(H, T, D)")
print(q.view(3, 2, 4).transpose(0, 1)[1], "view(T, H, D), then transpose")

# %% [markdown]
# **Answer:** the second. Both have the shape (2, 3, 4), and no error comes. But memory is one long row of numbers, and
# `view` only counts off. `view(H, T, D)` gives head 1 the second half of *all numbers*: half of token 1, then token 2
# in two pieces. First cut each token's own channels, which lie together; then move the axes. (In a model the trap is
# called `q.view(B, H, T, D)`. Whoever falls into it often puts the heads together rightly afterwards, which hides it
# even better: shapes fit all the way.)
#
# Does the test of section 3 find it? Take six tokens, attend in heads cut rightly or wrongly, and poke the last token;
# then, in another run, the first. **Predict:** which rows should move, and which do?

# %%
from llama_lessons.attention import causal_attention  # (B, H, T, D) three times -> (B, H, T, D): scaled and masked


def attend_in_heads(x, right):  # (T, C) -> (T, C)
    heads = x.view(6, 2, 4).transpose(0, 1) if right else x.view(2, 6, 4)
    new = causal_attention(heads[None], heads[None], heads[None])[0]
    return (new.transpose(0, 1) if right else new).reshape(6, 8)


tokens = torch.randn(6, 8, generator=generator)
for right in (True, False):
    for token in (5, 0):
        poked = tokens.clone()
        poked[token] += 1
        change = (attend_in_heads(poked, right) - attend_in_heads(tokens, right)).abs().amax(-1) > 1e-6
        print(
            "right" if right else "wrong",
            f"cut, token {token} poked, rows that move:",
            *change.nonzero().flatten().tolist(),
        )

# %% [markdown]
# **Answer:** the last token should move its own row, the first one all of them. With the wrong cut the last does, and
# the first moves only the first three.
#
# The wrong cut passes the test for the future: poke the last token, and only its own row moves. But one of its heads
# has the early tokens and the other the late ones, so the second half of the text never hears of the first. Poke early
# tokens, too: a model that leaks is found by the last one, a model that is deaf by the first.
#
# ### Exercise 2 (15 minutes): cut, attend, put together
# Use `causal_attention`, which you have just met: it is the package's version of exercise 1, for any number of texts
# (B) and heads (H) at once.


# %% tags=["exercise"]
def my_heads(q, k, v, n_heads):
    """Causal attention in several heads.

    q, k, v: float tensors of shape (B, T, C): B texts of T tokens, C channels.
    n_heads: into how many heads the C channels are cut: head 0 has the first C / n_heads of them.
    Returns a tensor of shape (B, T, C): the heads' results, side by side in the order of the heads.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.attention import check_heads

check_heads(my_heads)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Cut the last axis into (heads, channels of a head): then the numbers of a head lie together. `unflatten` or `view` do
# it.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `causal_attention` wants the heads before the tokens: (B, H, T, D).
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# On the way back, undo both steps in the opposite order.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_heads(q, k, v, n_heads):
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (q, k, v))  # (B, H, T, D)
    return causal_attention(q, k, v).transpose(1, 2).flatten(2)  # (B, T, C)


check_heads(solved_heads)

# %% [markdown]
# ## 6. The output projection, and the class
#
# Side by side, head 0 owns the channels 0 to 31, head 1 the next 32, and neither can say anything in the other's
# channels. Yet what they find is *added* to the row of the token (lesson 05), where anybody should be able to read it.
# So one more matrix follows, `wo`, of shape (C, C): it lets every head write to every channel.
#
# There is a second way to see the same product. Cut `wo` into one slice for each head. **Predict:** is "put the heads
# side by side, then multiply by `wo`" the same as "multiply each head by its slice, then add up"?


# %%
class MyAttention(torch.nn.Module):
    """Causal attention with several heads: (B, T, C) -> (B, T, C). Keeps its weights, to be looked at."""

    def __init__(self, dim, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.wq, self.wk, self.wv, self.wo = (torch.nn.Linear(dim, dim, bias=False) for _ in range(4))

    def heads(self, x):
        # unflatten is view for one axis: (B, T, C) -> (B, T, H, D), then (B, H, T, D)
        q, k, v = (w(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for w in (self.wq, self.wk, self.wv))
        scores = q @ k.mT / q.shape[-1] ** 0.5  # (B, H, T, T)
        past = torch.ones_like(scores).tril().bool()
        self.weights = scores.masked_fill(~past, -torch.inf).softmax(-1)
        return self.weights @ v  # (B, H, T, D)

    def forward(self, x):
        return self.wo(self.heads(x).transpose(1, 2).flatten(2))


# %%
mine = MyAttention(dim=192, n_heads=6)
out = mine(x[None])  # (1, T, C): x are the random rows of section 3, as a batch of one text
slices = mine.wo.weight.split(192 // 6, dim=1)  # a Linear keeps its matrix as (out, in): a head's slice is 32 columns
parts = [head @ part.T for head, part in zip(mine.heads(x[None])[0], slices, strict=True)]  # each (T, C)
print("the sum of", len(parts), "parts is the same:", torch.allclose(out[0], sum(parts), atol=1e-5))

# %% [markdown]
# **Answer:** it is the same. So a head is a reader and a writer of its own: it looks where its `wq` and `wk` tell it,
# takes what its `wv` picks up, and adds to the row what its slice of `wo` makes of that. Lesson 02b switches single
# heads off, by setting that slice to zero.
#
# And is the class right? We compare it with two others: PyTorch's own function, and the package's `Attention`, which
# all later lessons use. That one also knows *where* each token stands, by turning queries and keys by an angle (lesson
# 03); we give it angles that are all 0, so that nothing turns.

# %%
from torch.nn.functional import scaled_dot_product_attention

from llama_lessons.attention import Attention
from llama_lessons.config import LlamaConfig

split = [w(x[None]).unflatten(-1, (6, 32)).transpose(1, 2) for w in (mine.wq, mine.wk, mine.wv)]
theirs = scaled_dot_product_attention(*split, is_causal=True)
print("equal to PyTorch's:", torch.allclose(mine.heads(x[None]), theirs, atol=1e-5))
shape = {"vocab_size": 2048, "hidden_dim": 512, "max_seq_len": 512}
package = Attention(LlamaConfig(dim=192, n_layers=1, n_heads=6, n_kv_heads=6, **shape))
package.load_state_dict(mine.state_dict())  # the same four matrices, under the same names
unturned = torch.ones(n_tokens, 16), torch.zeros(n_tokens, 16)  # cosines and sines of angles that are all 0
print("equal to the package's:", torch.allclose(out, package(x[None], *unturned), atol=1e-5))

# %% [markdown]
# It is. PyTorch's function has no weights to give you, though, and for a good reason. How much memory would the maps of
# a large model take? **Predict:** Llama 2 7B reads one text of 4096 tokens, in 32 layers of 32 heads, and keeps all of
# its maps, at two bytes for each weight. Is that less than the model itself, or more?

# %%
from llama_lessons.arithmetic import weights_bytes

seven = LlamaConfig.preset("llama2-7b")
maps_bytes, model_bytes = seven.n_layers * seven.n_heads * 4096**2 * 2, weights_bytes(seven, "float16")
print(f"7B: all maps {stable(maps_bytes / 2**30, 1)} GiB, the model {stable(model_bytes / 2**30, 1)} GiB")

# %% [markdown]
# **Answer:** more, between two and three times as much.
#
# So PyTorch's function is *fused*: it does scores, softmax and mixture in one go, walks over the map in tiles and never
# keeps it (FlashAttention, [arXiv:2205.14135](https://arxiv.org/abs/2205.14135)). On a GPU, to write the map to memory
# and read it back takes longer than the arithmetic. And training would have to keep the maps of all layers. (Reading
# needs those of one layer at a time, a 32nd of it.) The package, too, uses the fused function, and computes the weights
# openly only where you ask to see them, with `record_attention`.
#
# ### One thing it cannot do
# **Predict:** we exchange *Clara* and *Luis*. Does the row of the last token change, after our attention? And at the
# end of the trained model?

# %%
swapped = tok.encode(sentence.replace("Clara", "X").replace("Luis", "Clara").replace("X", "Luis"))
print(" ".join(tok.pieces(swapped)))
here, there = (mine(model.embedding(torch.tensor([text])))[0, -1] for text in (ids, swapped))
print("our attention, last row unchanged:", torch.allclose(here, there, atol=1e-5))
here, there = (model.hidden(torch.tensor([text]))[0, -1] for text in (ids, swapped))
print("the trained model, last row unchanged:", torch.allclose(here, there, atol=1e-5))

# %% [markdown]
# **Answer:** after our attention it does not change; at the end of the trained model it does.
#
# A weighted sum does not know in which order it was added up. To our attention a sentence is a bag of words; only the
# mask has a notion of before. The trained model can tell the two apart, for two reasons: it has six layers, so that a
# later one can read what the mask did in the first; and its queries and keys are turned according to their places.
# Lesson 03 takes the two apart.
#
# ## 7. Reading at once, writing one by one
#
# When a model *writes*, there are two kinds of work. First it reads the prompt, all tokens at once: a whole triangle of
# weights (*prefill*). Then it adds a token, reads that one, adds the next (*decoding*). A new token needs just *one
# more row*: its own query against the keys of all before. Old rows cannot change; the mask has seen to that. So keys
# and values are kept in a *cache* (lesson 04), and the mask must fit: T new tokens of S altogether.
#
# **Predict:** we read 12 tokens at once and then three one by one. Are the maps the same as if all 15 had been read at
# once?

# %%
from llama_lessons.model import record_attention

with record_attention(model) as at_once:
    model(torch.tensor([ids]))
with record_attention(model) as in_steps:  # rows of later calls are put below those of earlier ones, zeros behind these
    cache = model.new_cache()
    for part in (ids[:12], ids[12:13], ids[13:14], ids[14:]):
        model(torch.tensor([part]), cache)
print("layers:", len(at_once), " weights of a layer, (B, H, T, S):", tuple(at_once[0].shape))
same = [torch.allclose(a, b, atol=1e-4) for a, b in zip(at_once, in_steps, strict=True)]
print("the same map in every layer:", all(same))

# %% [markdown]
# **Answer:** they are the same, in every layer.
#
# The triangle read at once and the triangle grown row by row are one. A model's reading does not depend on how its text
# was handed to it, which is what makes a cache possible.
#
# ### Exercise 3 (10 minutes): the mask for new tokens
# A decoding step has one query and S keys. A prompt may also come in chunks: T new tokens, after others that are in the
# cache. PyTorch's `is_causal=True` is a trap here. It places the triangle at the *top left* corner, as if the new
# tokens were the first ones: a single new token would see the very first key, and nothing else. (FlashAttention's own
# switch did the same, until version 2.1 moved the triangle to the bottom right.) Write the mask that is right.


# %% tags=["exercise"]
def my_mask(n_new, n_all):
    """Which of all tokens each new token may look at.

    n_new: how many tokens are new (T).
    n_all: how many there are with them (S); the new ones are the last.
    Returns a bool tensor of shape (T, S), True where the new token may look.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.attention import check_mask

check_mask(my_mask)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Draw it for 2 new tokens of 5: how many may the first new one see? And the second?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `tril(k)` keeps k diagonals above the main one as well. Which k makes the last row all True?
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_mask(n_new, n_all):
    return torch.ones(n_new, n_all, dtype=torch.bool).tril(n_all - n_new)


check_mask(solved_mask)

# %% [markdown]
# ## What you have, and where it goes
#
# - Attention: score every pair by query and key, make weights by a softmax, mix the values.
# - The mask is −∞ before the softmax. Poke a token and watch: a late one finds leaks, an early one finds deafness.
# - 1/√D keeps scores at size 1 at every width, so that training can begin.
# - Heads ask several questions; cut each token's own channels. Each head adds its part through its slice of `wo`.
# - New tokens are the last of all: their rows continue the triangle.
#
# **Read next** [`llama_lessons/attention.py`](../llama_lessons/attention.py): `causal_weights` is your exercise 1,
# `causal_attention` the fused version with the mask of exercise 3, `Attention` the class of section 6 with what lessons
# 03 and 04 add. `record_attention` stands at the end of [`llama_lessons/model.py`](../llama_lessons/model.py).
#
# **More to try:** give `MyAttention` a mask that sees only the last four tokens, and poke: how far does a word reach
# after one layer, and after two? (That is a sliding window.)
#
# **Side trip,** [02b, heads](02b_heads.ipynb): look at a trained model, break it, and find out which of its heads does
# what.
#
# **Next lesson,** [03 rope](03_rope.ipynb): our attention cannot tell *Clara helped Luis* from *Luis helped Clara*. The
# trained one can.
#
# **Sources.** Vaswani and others, *Attention Is All You Need*, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762):
# scaled dot products (section 3.2.1; its footnote 4 is our variance), heads and the output projection (3.2.2).
# Attention itself is older: Bahdanau and others, [arXiv:1409.0473](https://arxiv.org/abs/1409.0473), for translation.
# Llama 2: [arXiv:2307.09288](https://arxiv.org/abs/2307.09288), section 2.2. Heads as parts that add up, previous-token
# and induction heads: Elhage and others, *A Mathematical Framework for Transformer Circuits* (transformer-circuits.pub,
# 2021), and Olsson and others, [arXiv:2209.11895](https://arxiv.org/abs/2209.11895).
