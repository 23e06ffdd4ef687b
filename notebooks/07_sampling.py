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
# # 07 Sampling: how does it choose?
#
# After six lessons we have a Llama that reads a text and gives a number to every piece of its vocabulary. And there it
# stops. A model does not write: it says what *could* come next, and how likely each of it is. Something else must pick
# one token, put it behind the text, and ask again. That something has no weights and learns nothing, it is some twenty
# lines long, and it decides whether the same model is a bore, a storyteller or a babbler.
#
# In this lesson you build it. You find out what is wrong with always taking the likeliest token, and with plain dice;
# you turn the two knobs that every chat service has, *temperature* and *top-p*, and measure what they do; and you turn
# the question around, and ask how likely a given text is. Why writing is so much slower than reading is a side trip of
# its own, [07b](07b_speed.ipynb).
#
# You need lesson 02, a little of 04 (the cache), and what the loss is (lessons 05 and 06: the mean of −ln of the chance
# that the right token had, in *nats*). Where it says **Predict**, do so before you run on.
#
# **Time:** about an hour and three quarters, 45 minutes of it for the exercises; a good place to pause is before
# section 5. Letters and terms: [TERMS](../TERMS.md).

# %%
from llama_lessons.page import setup, show, stable

setup()
import torch

from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer

_, base = torch.set_grad_enabled(False), data_path("checkpoints/base")  # nothing is trained here
model, tok = load(base, dtype=torch.float32), Tokenizer(base / "tokenizer.model")


def scores_after(text):  # of every possible next token: (V,)
    return model(torch.tensor([tok.encode(text)]))[0, -1]


places = {
    "certain": "Clara and Luis walked home together, and the",
    "open": "Once upon a time, there was a llama called",
    "long tail": "One morning",
}
for kind, text in places.items():
    chances, ids = scores_after(text).softmax(-1).topk(4)
    print(f"{kind}: {text} ...\n   ", *tok.pieces(ids.tolist()), stable(chances))

# %% [markdown]
# Three places of a text, and three kinds of forecast. (The scores are called *logits*; the softmax of lesson 02 makes
# probabilities of them, which add up to 1.) In the sentence that we follow through the course, after *and the*, the
# model is sure. A llama's name is *open*: the Valley has twenty llamas, and any of them may be in a story. And *One
# morning* has a favourite, then many others of every likelihood down to almost none: a *long tail*. Keep the three in
# mind; each of them breaks something.
#
# ## 1. Always the likeliest?
#
# The obvious rule is *greedy*: take the token with the highest score. It needs no dice, and the same text always brings
# the same answer. Let us begin twice, with the llama and with the single word *The*.
#
# **Predict:** both continuations are made of nothing but likeliest tokens. Will both be good?

# %%
from llama_lessons.generate import generate

for opening, shown in ((places["open"], None), ("The", 420)):
    ids = tok.encode(opening)
    [new] = generate(model, [ids], 200, temperature=0, stop_ids=[tok.eos_id])
    print(tok.decode(ids + new)[:shown])
    print("    (the end)\n" if len(new) < 200 else "... and so on, without end\n")

# %% [markdown]
# **Answer:** One of them: the first is a story of the Valley, and there is hardly anything to say against it, except
# that there will never be another one. The second is an exam on which every answer is *bridge*, and the next question
# is the same one, for ever. Does the model believe in bridges so firmly? Ask it.
#
# **Predict:** how likely is *bridge* in each of the four places? Is the loop a loop in the strict sense: does it repeat
# to the token? And at least, is what greedy finds the *likeliest text*? A page begins with *If*. The likeliest next
# word is *you*; are *you* and the likeliest word after it the likeliest two words?

# %%
[new] = generate(model, [tok.encode("The")], 400, temperature=0)
row = tok.encode("The") + new
chances = model(torch.tensor([row]))[0].softmax(-1)  # (T, V)
[bridge] = tok.encode("bridge", bos=False)
at = [t for t in range(len(row)) if row[t] == bridge]
for question, here in (("first", at[:4]), ("third", at[8:12])):
    print(f"chance of bridge at A, B, C, D, {question} question:", stable(chances[[t - 1 for t in here], bridge]))
n = at[-4] - at[-8]
same = all(row[-k] == row[-k - n] for k in range(1, 4 * n + 1))
print(n, "tokens in a round; the last five rounds are the same:", same, "\n")

likely, ids = scores_after("If").softmax(-1).topk(20)
pairs = model(torch.tensor([[*tok.encode("If"), token] for token in ids.tolist()]))[:, -1].softmax(-1)  # (20, V)
together = likely * pairs.amax(-1)
for k in (0, together.argmax().item()):
    words = tok.decode([*tok.encode("If"), ids[k].item(), pairs[k].argmax().item()])
    print(f"{words:<12}{stable(likely[k])} x {stable(pairs[k].max())} = {stable(together[k])}")

# %% [markdown]
# **Answer:** Between a fifth and a good third; yes, to the token; and no, *If it is* is likelier. So it does not
# believe in its bridges. At each of the places two thirds to four fifths of its weight lie on *other* words: on an exam
# the options differ, and the model knows it. But spread over dozens of words they lose, each by itself, against a
# single word with a fifth. Greedy choosing is an election in which the largest minority wins every time, and what
# everybody else wanted leaves no trace. Once a round has repeated, the text that the model sees is nearly the same as
# one round before, so it says the same again. Large models do it, too (Holtzman and others,
# [arXiv:1904.09751](https://arxiv.org/abs/1904.09751)).
#
# Nor does it find the likeliest text: it never takes a smaller step now for a better one after it. *Beam search* mends
# that by keeping several beginnings in parallel; it served translators well. But the likeliest text is not what a
# storyteller is after. People do not say the likeliest thing; it would not be worth saying.
#
# ## 2. Roll the dice
#
# The model says 0.38 for one word and 0.07 for another. So take it at its word, and draw each token as often as it
# says. How does one roll a die with 2048 faces, each of another size? Lay the probabilities end to end: they make a
# line of length 1. Throw a dart at the line; the token that it hits is drawn. Here is the line after *One morning*.

# %%
from llama_lessons.widgets.choice_picture import dart_picture

likely, ids = scores_after(places["long tail"]).softmax(-1).topk(6)
names = [piece.strip("▁") for piece in tok.pieces(ids.tolist())]
what = "A bar from 0 to 1, cut into pieces as long as the tokens are likely: a, the, there, three narrow ones, others. "
show(dart_picture(names, likely.tolist(), (0.31, 0.78)), alt=what + "A dart at 0.31 hits a, one at 0.78 all others.")

# %% [markdown]
# A cumulative sum gives the ends of the pieces, and `searchsorted` says which piece a number falls into. One thing to
# mind is a dart that hits an end exactly, above all one at 0: with `right=True` it falls into the piece that *begins*
# there. Without it, a dart at 0 would draw the first token even if its piece had no length, and tokens without any
# probability will soon be there: section 4 makes them.


# %%
def dart(probs, generator):  # (V,) -> a token id
    ends = probs.cumsum(0)  # the last is 1, but for rounding: so the dart flies to it, and not to 1
    return torch.searchsorted(ends, torch.rand(1, generator=generator) * ends[-1], right=True).item()


probs = scores_after(places["open"]).softmax(-1)
dice = torch.Generator().manual_seed(3)
print([tok.decode([dart(probs, dice)]) for _ in range(10)])
print([tok.decode([dart(probs, dice)]) for _ in range(10)])

# %% [markdown]
# Another llama each time. But are these dice honest? A program that draws wrongly writes fluent text all the same, and
# nobody notices. So count: draw a thousand names, and compare with a thousand times the probability. Each count will be
# off by a little, by pure chance. Pearson's *chi-square* puts all of it into one number: the squared differences, each
# divided by what was expected, added up.
#
# And how large is too large? We need no table: let honest dice say it. Repeat the thousand draws two thousand times,
# with dice that are honest for certain, and see how large the number gets.
#
# Here are four candidates. Besides the dart there are two that look much alike: multiply each probability by a random
# number between 0 and 1 and take the largest; or divide each by a random number, drawn in another way
# (*exponentially*), and take the largest. The fourth is PyTorch's own. **Predict:** which are honest?


# %%
def multiply(probs, generator):
    return (probs * torch.rand(len(probs), generator=generator)).argmax().item()


def divide(probs, generator):
    noise = -torch.log(torch.rand(len(probs), generator=generator))  # exponentially distributed, and never 0
    return (probs / noise).argmax().item()


def pytorch(probs, generator):
    return torch.multinomial(probs, 1, generator=generator).item()


names = probs.topk(20).indices  # each name gets a box, and everything else together one more
boxed = torch.cat([probs[names], 1 - probs[names].sum(0, keepdim=True)])  # (21,)


def chi_square(counts, expected):
    return ((counts - expected) ** 2 / expected).sum(-1)


honest = torch.multinomial(boxed.expand(2000, -1), 1000, replacement=True, generator=dice)  # (2000, 1000)
by_chance = chi_square(torch.nn.functional.one_hot(honest, 21).sum(1), 1000 * boxed)
print("honest dice: half stay below", stable(by_chance.median(), 0), end=", ")
print("ninety-nine of a hundred below", stable(by_chance.quantile(0.99), 0))

# %%
from matplotlib import pyplot as plt

figure, axes = plt.subplots()
axes.bar(range(21), 1000 * boxed, color="#56B4E9", edgecolor="black", label="expected")
for die, mark in ((dart, "o"), (multiply, "x"), (divide, None), (pytorch, None)):
    drawn = torch.tensor([die(probs, dice) for _ in range(1000)])
    seen = torch.cat([(drawn[:, None] == names).sum(0), (~torch.isin(drawn, names)).sum(0, keepdim=True)])
    distance = chi_square(seen, 1000 * boxed)
    larger = (by_chance >= distance).sum().item()
    print(f"{die.__name__:<9} chi-square {stable(distance, 0):>5}; of 2000 honest experiments {larger} were as far off")
    if mark:
        axes.plot(seen, mark, color="#D55E00" if mark == "x" else "black", label=die.__name__)
axes.set_xticks(range(21), [*tok.pieces(names.tolist()), "others"], rotation=90)
axes.set(ylabel="in 1000 draws")
axes.legend(frameon=False)
what = "Bars: how often each of twenty names is expected in 1000 draws. Dots of the dart lie close to their ends; "
show(figure, alt=what + "crosses of `multiply` lie far above for the likely names and at zero for the unlikely ones.")

# %% [markdown]
# **Answer:** Three are honest, and `multiply` is loaded. It looks like dice and hardly ever draws the lower half: a
# name of 0.03 can beat one of 0.06 only if its random number is twice as large, and it must win against nineteen
# others. `divide` is honest, and exactly so: of several waiting times, each exponential and as quick as its probability
# is large, any may end first, with just that probability. (In logarithms it is called the Gumbel trick. It needs no sum
# over the line, and GPUs like that.) Keep the chi-square in mind: it is four lines long, and it tests what no reading
# of texts can.
#
# From now on the dice are `torch.multinomial`.
#
# ## 3. Temperature: how daring?
#
# Between the likeliest always and dice that follow the model there is a whole scale. Divide all scores by a number, the
# *temperature* T, before the softmax. Below 1 differences between scores grow, above 1 they shrink. (The name comes
# from physics, where the same formula says how often a warm body is in which state.)
#
# **Predict:** after *One morning* the first word, 0.38, is four times as likely as the second. How many times at T =
# 0.5? The last column says how open the choice is: e to the *entropy*, the mean of −ln p over what may be drawn (the
# mean surprise, in nats). For a fair die with n faces that is n.

# %%
scores = scores_after(places["long tail"])
ids = scores.topk(3).indices
print("T    " + "".join(f"{piece:>9}" for piece in tok.pieces(ids.tolist())) + "   all others   as open as")
for T in (0.25, 0.5, 1.0, 1.5, 2.0):
    probs = (scores / T).softmax(-1)
    faces = torch.special.entr(probs).sum().exp()
    shares = [100 * share for share in (*probs[ids], 1 - probs[ids].sum())]
    print(f"{T:<5}", *(f"{stable(share, 1):>6} %" for share in shares), f"{stable(faces, 1):>12} faces")

# %% [markdown]
# **Answer:** About sixteen, four times four: dividing scores by T raises each probability to the power 1/T, so ratios
# are squared at 0.5. Towards T = 0 everything goes to the likeliest token: greedy is the cold end of the scale (and
# since nothing can be divided by 0, programs treat it as a case of its own). Towards infinity all tokens become equal,
# and what the model has learned melts away. Note where the weight goes at T = 2: *a* has lost most of its share, and
# the winner is the rest, hundreds of tokens of which each was hopeless. The same as a picture:

# %%
eight = scores.topk(8).indices
names = [*(piece.strip("▁") for piece in tok.pieces(eight.tolist())), "others"]
figure, row = plt.subplots(1, 3, figsize=(7, 2.6), sharey=True)
for axes, T in zip(row, (0.5, 1.0, 2.0), strict=True):
    probs = (scores / T).softmax(-1)
    axes.bar(names, [*probs[eight], 1 - probs[eight].sum()], color=["#0072B2"] * 8 + ["#E69F00"], edgecolor="black")
    axes.set_title(f"T = {T}", fontsize=10)
    axes.tick_params("x", rotation=90, labelsize=9)
row[0].set_ylabel("probability")
what = (
    "The eight likeliest tokens and all others at three temperatures: at 0.5 nearly all is the first token's, at 1 it "
)
show(figure, alt=what + "is shared, at 2 nearly all belongs to the others.")

# %% [markdown]
# ### Break it: the wrong place
# The temperature must divide *scores*. **Predict:** what happens if you divide probabilities instead, and normalise? Or
# put probabilities, divided by T, through the softmax?

# %%
probs = scores.softmax(-1)
T = 0.5
ways = {
    "scores / T, softmax": (scores / T).softmax(-1),
    "probabilities / T, normalised": probs / T / (probs / T).sum(),
    "softmax of probabilities / T": (probs / T).softmax(-1),
    "probabilities to the power 1/T, normalised": probs ** (1 / T) / (probs ** (1 / T)).sum(),
}
for name, changed in ways.items():
    print(f"{name:<44}", *(f"{stable(100 * share, 1)} %" for share in changed[ids]), end="; ")
    print("the least likely token:", stable(100 * changed.min()), "%")

# %% [markdown]
# **Answer:** The one does nothing: what is divided by T, the normalising multiplies again. The other, the third line,
# is worse: it forgets the model. Probabilities lie between 0 and 1, so to a softmax they are almost equal scores, and
# even the least likely of the 2048 tokens gets nearly its fair share. The last line is the first in other words.
#
# ## 4. The tail
#
# Plain dice follow the model in everything. Should they? A softmax never says *never*: each of 2048 tokens keeps a
# little, most of them absurdly little. But there are many, and a text has many places. The question is whether the
# little is *right*. Take forty stories that the model has not seen. At each place, add up what it promises to all
# tokens below 1 %; and count how often the token that really came was one of those. If its forecasts are honest, the
# two agree, as for a weather forecaster whose days of "30 % rain" are wet in 30 of 100 cases. (We leave out the first
# five tokens of each story, where the model cannot know yet that the page will be one.)
#
# **Predict:** does it promise the unlikely tokens too much, too little, or just enough?

# %%
import math
import re
from collections import Counter
from itertools import islice

from llama_lessons.world import make_documents

stories = [tok.encode(page.text, eos=True) for page in islice(make_documents(7, {"story": 1.0}), 40)]
stories = [ids for ids in stories if len(ids) < 400]
forecasts = [model(torch.tensor([ids]))[0, :-1].softmax(-1) for ids in stories]  # (T-1, V) each
came = [p[range(len(p)), ids[1:]] for p, ids in zip(forecasts, stories, strict=True)]
asked = [p[5:] for p in forecasts]
n_positions = sum(map(len, asked))
print(len(stories), "stories,", n_positions, "places\n")
for bound in (0.1, 0.05, 0.01, 0.001):
    promised = sum(p.where(p < bound, 0).sum().item() for p in asked)
    happened = sum((p[5:] < bound).sum().item() for p in came)
    print(f"a token below {100 * bound:>4} %: promised {stable(promised, 0):>4} times, came {happened:>3} times")

# %% [markdown]
# **Answer:** Too much, at the far end. Take all that is below 10 % together, and the forecaster is nearly honest. But
# its smallest promises are empty: below 1 % it promised 27 and 3 came, far too few to be bad luck, and so the larger
# ones must be a little too low. Why has training not mended that? Training lowers the loss, and the loss hardly feels
# it: if all that is given away went to the other tokens, each would have 1 / (1 − share) times as much, and the loss
# would be lower by −ln(1 − share).
#
# **Predict:** how much is that? And in how many stories of a hundred do plain dice draw from the tail?

# %%
promised = sum(p.where(p < 0.01, 0).sum().item() for p in asked) / n_positions
print("what the tail below 1 % costs:", stable(-1000 * math.log(1 - promised), 1), "thousandths of a nat per token")
spared = sum((1 - p.where(p < 0.01, 0).sum(-1)).prod().item() for p in asked)  # stories without a draw from the tail
print(f"plain dice draw from it in {stable(100 * (1 - spared / len(stories)), 0)} of 100 stories")

# %% [markdown]
# **Answer:** A few thousandths of a nat, and half of the stories: what training does not feel, the dice do. They take
# the tail at its word, and most of what they draw from it should not be there. One is enough: behind a wrong token the
# model must go on in a text such as it has never seen. So **cut off the tail** and share its probability among the
# rest. The question is where.
#
# ### Top-k: keep the k likeliest
# The simplest cut (Fan and others, [arXiv:1805.04833](https://arxiv.org/abs/1805.04833), drew from the ten likeliest):
# set all scores to −∞ but the k highest, before the softmax, as the mask of lesson 02 did.
#
# ### Exercise 1 (15 minutes): temperature and top-k
# The temperature comes first. `topk` helps; mind that each row has its own k-th score.


# %% tags=["exercise"]
def my_probs(logits, temperature, top_k):
    """The distribution that is drawn from.

    logits: float tensor of shape (B, V): for each of B texts, a score for each of V tokens.
    temperature: a number above 0. top_k: how many tokens of each row to keep, 1 to V.
    Returns a tensor of shape (B, V); each row sums to 1.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.sampling import check_probs

check_probs(my_probs)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Divide first, then cut, then softmax.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `scores.topk(k).values[:, -1:]` is the k-th score of each row, as a column.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_probs(logits, temperature, top_k):
    scores = logits / temperature
    worst = scores.topk(top_k).values[:, -1:]  # (B, 1)
    return scores.masked_fill(scores < worst, -torch.inf).softmax(-1)


check_probs(solved_probs)

# %% [markdown]
# **In your own Llama** it is this that the dice get. T = 0.8 and k = 20, the same dice twice: with your parts, and with
# the package's.

# %%
from llama_lessons.my_llama import assemble


def rolls():
    return torch.Generator().manual_seed(7)


own = assemble()
start = tok.encode(places["open"])
told = own.generate(own.like(model), start, 24, 0.8, 1.0, 20, tok.eos_id, rolls())
print(own)
print("the package's words:", told == generate(model, [start], 24, 0.8, 1.0, 20, tok.eos_id, rolls())[0])
print(tok.decode(start + told))

# %% [markdown]
# But which k? **Predict:** take k = 5 at our three places. Where does it keep too many, and where too few?

# %%
k = 5
for kind, text in places.items():
    probs = scores_after(text).softmax(-1).sort(descending=True).values
    kept, worst, lost = (stable(100 * share) for share in (probs[:k].sum(), probs[k - 1], probs[k]))
    print(f"{kind:<10} keeps {kept:>6} %; the least likely kept token has {worst} %, the likeliest lost one {lost} %")

# %% [markdown]
# **Answer:** Too many where the model is certain, too few where it is open. After *and the* there is one word to say,
# and k = 5 keeps four that the model all but excludes. For the llama's name it throws fifteen of twenty away, though
# the next name is as good as those that stay. A fixed number cannot fit a text whose places are so different. (And it
# is not even fixed: where several tokens have just the k-th score, all of them stay, so more than k. Scores of a real
# model hardly ever tie.)
#
# ### Top-p: keep as many as it takes
# So fix the probability and not the number: keep the likeliest tokens until together they hold a share p, say 0.9, and
# cut the rest. What stays is called the *nucleus* (Holtzman and others,
# [arXiv:1904.09751](https://arxiv.org/abs/1904.09751)). The small print is in the word *until*. Meta's code for Llama 2
# goes through the tokens from the likeliest on, and **a token stays if the sum of those before it is at most p**. So
# the token with which the sum crosses p is still kept, and the likeliest always is, even for p = 0. What stays is
# divided by its sum. Here are the three places, with the cut at 0.9.

# %%
from llama_lessons.widgets.choice_picture import nucleus_picture

panels = {}
for (kind, text), n in zip(places.items(), (3, 22, 10), strict=True):
    likely, ids = scores_after(text).softmax(-1).topk(n)
    panels[kind] = ([piece.strip("▁") for piece in tok.pieces(ids.tolist())], likely.tolist())
what = "Bars of the likeliest tokens, filled where top-p 0.9 keeps them; a line of their sum. Certain: one bar reaches "
what += "1, the next are hatched. Open: the line crosses 0.9 at the eighteenth of twenty names. Long tail: after ten "
show(nucleus_picture(panels, 0.9), alt=what + "tokens the sum is below 0.7, and all of them stay.")

# %% [markdown]
# ### Exercise 2 (20 minutes): top-p, as Meta keeps tokens
# `values, order = probs.sort(descending=True)` gives the likeliest first, and `order`, the place that each came from.
# In the end every probability must be back in its place.


# %% tags=["exercise"]
def my_top_p(probs, top_p):
    """The distribution without its tail.

    probs: float tensor of shape (V,): the probability of each token, with a sum of 1.
    top_p: a number from 0 to 1.
    Returns a tensor of shape (V,): 0 for tokens that are cut off, and again a sum of 1.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.sampling import check_top_p

check_top_p(my_top_p)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Sort; then for each token the sum of all *likelier* ones: `cumsum` has the token itself in it, so take that off.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# What is cut becomes 0, and the rest is divided by its new sum.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Back into place: `kept[order] = ...` on a tensor of zeros.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_top_p(probs, top_p):
    values, order = probs.sort(descending=True)
    before = values.cumsum(0) - values  # the sum of all likelier tokens
    kept = torch.zeros_like(probs)
    kept[order] = values.masked_fill(before > top_p, 0)
    return kept / kept.sum()


check_top_p(solved_top_p)

# %% [markdown]
# **In your own Llama,** at Llama 2's own settings, T = 0.6 and p = 0.9: now it chooses its words as Meta's code does.

# %%
own = assemble()
told = own.generate(own.like(model), start, 80, 0.6, 0.9, None, tok.eos_id, rolls())
print("probs:", own.whose["probs"], "- top_p:", own.whose["top_p"])
print(tok.decode(start + told))

# %% [markdown]
# Now count what top-p = 0.9 keeps, at the three places and at all places of the forty stories. **Predict:** at how many
# of a hundred places of a story is only a single token left? (`next_token_probs` is the package's: temperature, then
# top-k, then top-p.)

# %%
from llama_lessons.sampling import next_token_probs

for kind, text in places.items():
    print(f"{kind:<10}", (next_token_probs(scores_after(text)[None], 1.0, top_p=0.9) > 0).sum().item(), "stay")
stays = torch.cat([(next_token_probs(p.log(), 1.0, top_p=0.9) > 0).sum(-1) for p in forecasts])
print(f"in the stories: one token at {100 * (stays == 1).sum() // len(stays)} of 100 places,", end=" ")
print(f"two to ten at {100 * ((stays > 1) & (stays <= 10)).sum() // len(stays)}, at most {stays.max()};", end=" ")
print(f"at the beginning of a page {stays[0]}\n")
figure, axes = plt.subplots(figsize=(7, 2.2))
axes.hist(stays, bins=range(1, 90), color="#0072B2", log=True)
axes.set(xlabel="tokens that top-p 0.9 keeps", ylabel="places in the stories")
what = "A histogram on a log scale: most places keep one token, some two, few more, and hardly any more than "
show(figure, alt=what + "twenty; a bar beyond eighty stands alone: the beginnings of the pages.")

# %% [markdown]
# **Answer:** At nine of ten. That is what top-k could not do: one token where one is right, nearly all the llamas'
# names where any of them is. (That so many places have only one is the Valley: a small world with few ways to say a
# thing. At the beginning of a page anything may come.)
#
# **Predict:** a question of order. Meta's code takes the temperature first, and cuts what comes out of it. At T = 1.5,
# does that keep more tokens, or fewer, than cutting first?

# %%
cut_first = (next_token_probs(scores[None], 1.0, top_p=0.9) > 0).sum()
for T in (0.6, 1.0, 1.5, 2.0):
    heated_first = (next_token_probs(scores[None], T, top_p=0.9) > 0).sum()
    print(f"long tail, T = {T}: {heated_first:>4} stay if the temperature comes first, {cut_first} if the cut does")

# %% [markdown]
# **Answer:** More, and many more: a high temperature lifts the tail, and a cut that comes after it takes the tail for
# nucleus. Top-p does not protect you from a high temperature. Programs differ in this order, so the same two numbers
# can mean different things in two of them.
#
# ## 5. See it
#
# Here is everything so far, on the model itself. For each token there are two bars: what the model said, and what is
# drawn from after temperature, top-k and top-p. What is cut off is hatched and struck out. *Draw one* puts a token
# behind the text; words that the model itself gave less than a tenth are underlined. *Roll 1000 times* writes nothing
# and puts a dot where the dice fell. Things to find:
#
# 1. *One morning* at T = 1: how far must top-p go down until only ten tokens are left?
# 2. Set T to 2 and top-p to 0.9, and draw twenty. Then start over with T = 0.6: these are Llama 2's own settings.
# 3. Put the llama into the box. Roll, and compare the dots with the bars. Which settings leave all twenty names, and
#    nothing else?
# 4. T = 0: draw twenty, start over, draw twenty. And with top-k 1 at T = 2?
# 5. Type something that no page of the Valley says. How open is the choice?

# %%
from llama_lessons.widgets.distribution import DistributionView

view = DistributionView(model, tok, places["long tail"], temperature=1.0, top_p=0.9)
view

# %%
for settings in ((1.0, 0, 1.0), (1.0, 0, 0.9), (1.0, 10, 1.0), (0.6, 0, 0.9), (2.0, 0, 0.9), (0.0, 0, 0.9)):
    state = dict(zip(("temperature", "top_k", "top_p"), settings, strict=True))
    print(*(f"{name} {value}" for name, value in state.items()), sep=", ", end=": ")
    print(DistributionView(model, tok, places["long tail"], **state).note)

# %% [markdown]
# **Answers.** To 1: top-p 0.63. To 3: top-k 20, at any temperature above 0; or, at T = 1, a top-p of 0.97 to 0.99. To
# 4: the text is the same each time, and with top-k 1 it is that text again: one token is no choice.
#
# ### Which setting is good?
# That can be measured, since the Valley has rules. `check_story` reads a story and says whether its names, things and
# pronouns stay straight. Let the model write 24 stories in each of four settings, and count how many hold together. To
# see what we pay, count variety as well: how many of all sequences of three words are different ones?
#
# **Predict:** temperature 1 with top-p 0.9, against temperature 1 alone: what does the cut gain, what does it cost?

# %%
from llama_lessons.evaluation import Score
from llama_lessons.world import check_story

opening = tok.encode("Once upon a time,")
runs = {}
for T, p in ((0.6, 0.9), (1.0, 0.9), (1.0, 1.0), (1.5, 0.9)):
    dice = torch.Generator().manual_seed(0)
    runs[T, p] = generate(model, [opening] * 24, 280, T, p, stop_ids=[tok.eos_id], generator=dice)
held, variety = {}, {}
for setting, written in runs.items():
    texts = [tok.decode(opening + new) for new in written]
    right = [len(new) < 280 and not check_story(text) for new, text in zip(written, texts, strict=True)]
    held[setting] = Score.of(sum(right), len(right))
    words = " ".join(texts).split()
    triples = list(zip(words, words[1:], words[2:], strict=False))
    variety[setting] = len(set(triples)) / len(triples)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), sharey=True)
labels = [f"T {T}, top-p {p if p < 1 else 'off'}" for T, p in held]
middle = [100 * score.accuracy for score in held.values()]
spread = [[100 * (s.accuracy - s.low) for s in held.values()], [100 * (s.high - s.accuracy) for s in held.values()]]
left.errorbar(middle, labels, xerr=spread, fmt="o", color="#0072B2", capsize=4)
left.set(xlabel="stories that hold together, %", xlim=(-4, 104))
right.plot([100 * share for share in variety.values()], labels, "s", color="#D55E00")
right.set(xlabel="different sequences of three words, %", xlim=(40, 104))
left.invert_yaxis()
what = (
    "For each of four settings, left the share of stories that hold together with its 95 % interval, right the variety."
)
show(figure, alt=what)

# %% tags=["nbval-ignore-output"]
# One draw that falls otherwise on another processor changes a story, and with it these counts
for (T, p), score in held.items():
    print(f"T {T}, top-p {p}: {score} hold together; {100 * variety[T, p]:.0f} % of the triples of words differ")
assert held[1.0, 0.9].accuracy > held[1.0, 1.0].accuracy, "at T = 1 the cut should help stories to hold together"
assert variety[1.0, 0.9] > 0.85 * variety[1.0, 1.0], "at T = 1 the cut should cost little variety"
assert held[1.5, 0.9].high < held[1.0, 0.9].low, "at T = 1.5 fewer stories should hold together than at T = 1"
assert variety[0.6, 0.9] < variety[1.0, 0.9], "a lower temperature should cost variety"

# %% [markdown]
# **Answer:** More stories hold together, for a little variety. The whiskers are the 95 % interval that 24 stories
# allow, so small differences say nothing. The fall at T = 1.5 is clear: there the cut is of no use, as the order of the
# knobs has told us. The gain at T = 1 fits what section 4 has counted, but the whiskers overlap, and to be sure one
# needs more stories. Meta's default for Llama 2, T = 0.6 with top-p 0.9, is a cautious choice. There is no best
# setting, only a best one for a purpose: greedy for exam answers, something warmer for stories, and warmer still if ten
# drafts are written and the best is chosen, as in lesson 10.
#
# ## 6. How likely is a text?
#
# Turn the question around. Given a text, how likely is it that these dice would have rolled it? The probability of a
# text is that of its first token, times that of the second after the first, and so on: one factor for each token, and
# the model gives all of them in one pass. **Predict:** float32 holds numbers down to about 10⁻⁴⁵. What is the product
# for one story, most of whose tokens are nearly certain? And for forty stories?

# %%
for name, factors in (("one story", came[0]), ("forty stories", torch.cat(came))):
    print(f"{name}: the product of {len(factors)} factors is {factors.prod():.0e};", end=" ")
    print("the sum of their logarithms", stable(factors.log().sum(), 0))

# %% [markdown]
# **Answer:** Tiny, and 0: the product of forty stories *is* 0, and so nothing can be compared with it any more. So one
# adds logarithms instead of multiplying: the *log-probability*, in nats if the logarithm is the natural one. It is at
# most 0, and the closer to 0, the likelier the text. It is the loss of lesson 06 with its sign turned around, added up
# and not averaged; and lessons 10 and 11 are made of it.
#
# ### Exercise 3 (10 minutes): log-probabilities
# The trap is a step to the side. The row of scores *after* token t is about token t + 1; and nobody has predicted the
# first token.


# %% tags=["exercise"]
def my_log_probs(logits, ids):
    """The log-probability of each token of a text but the first.

    logits: float tensor of shape (T, V): the scores of what follows each token.
    ids: a list of the T tokens.
    Returns a tensor of shape (T-1,), in nats.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.sampling import check_log_probs

check_log_probs(my_log_probs)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Which rows predict something that is in the text? And which tokens are predicted?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `log_softmax` along the vocabulary, then one number of each row: index with two lists of the same length.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_log_probs(logits, ids):
    return logits[:-1].log_softmax(-1)[range(len(ids) - 1), ids[1:]]


check_log_probs(solved_log_probs)

# %% [markdown]
# What is it good for? For comparing. Below is our sentence, and the same with one word changed. **Predict:** which
# change costs most? (*Perplexity*, the usual measure of a language model, is e to the mean loss per token.)

# %%
from llama_lessons.evaluation import log_probs, perplexity

sentence = "Clara and Luis walked home together, and the llamas hummed behind them."
changes = (("", ""), ("behind them", "behind him"), ("hummed", "barked"), ("walked home", "walked them"))
for old, new in changes:
    ids = tok.encode(text := sentence.replace(old, new))
    [found] = log_probs(model, [(ids[:1], ids[1:])])
    by_hand = (-found.mean()).exp()
    assert abs(perplexity(model, [ids]) / by_hand - 1) < 1e-4, f"e to the mean loss is {by_hand}"
    print(f"{stable(found.sum(), 1):>6} nats, perplexity {stable(perplexity(model, [ids]), 1):>5}: {text}")

# %% [markdown]
# **Answer:** Llamas that bark. A perplexity of 1 would be perfect foresight; n means as undecided as between n equal
# tokens, on average. One nat is a factor of e: *him* in place of *them* costs 16 nats, and so makes the sentence e¹⁶,
# nearly nine million, times less likely. By such comparisons lesson 11 lets the model take exams without writing a
# word.
#
# And it lets us come back to the knobs. **Predict:** what does the model find more surprising, the stories that it
# wrote itself with plain dice, or real ones that it has never seen?

# %% tags=["nbval-ignore-output"]
# The written stories are those of section 5, in which a draw may fall otherwise on another processor
pages = (tok.encode(page.text, eos=True) for page in make_documents(7, {"story": 1.0}))
real = list(islice((ids for ids in pages if ids[: len(opening)] == opening), 40))
nats = {}
for name, rows in {"real": [ids[len(opening) :] for ids in real], **runs}.items():
    nats[name] = -torch.cat(log_probs(model, [(opening, row) for row in rows])).mean().item()
for name, value in nats.items():
    print(
        f"{value:.3f} nats per token: {'real stories' if name == 'real' else 'written at T {}, top-p {}'.format(*name)}"
    )
assert nats["real"] < 0.85 * nats[1.0, 1.0], "plain dice should be more surprising than real stories"
assert abs(nats[1.0, 0.9] / nats["real"] - 1) < 0.25, "with top-p 0.9 they should be about as surprising as real ones"

# %% [markdown]
# **Answer:** Its own: the stories of plain dice surprise their author *more* than real ones do. That is the tail again:
# each wrong token leads into unknown land, where the next forecast is more open. With top-p 0.9 they come back to about
# where real stories are.
#
# ## 7. Saying it again
#
# Back to the exam of section 1. One could forbid repetition: make every token that has occurred less likely. The rule
# that many programs offer comes from CTRL ([arXiv:1909.05858](https://arxiv.org/abs/1909.05858)): divide the scores of
# all tokens that have occurred by a *repetition penalty* of 1.2 or so. Scores can be negative, though, and dividing a
# negative score by 1.2 makes it *larger*. So negative ones are multiplied.
#
# **Predict:** does it cure the exam? And what does it do to a story?


# %%
def penalised(text, penalty, n_tokens):
    """Greedy, with a repetition penalty."""
    row, cache = tok.encode(text), model.new_cache()
    scores = model(torch.tensor([row]), cache)[0, -1]
    while len(row) < n_tokens and row[-1] != tok.eos_id:
        seen = torch.tensor(sorted(set(row)))
        scores[seen] = torch.where(scores[seen] > 0, scores[seen] / penalty, scores[seen] * penalty)
        row.append(scores.argmax().item())
        scores = model(torch.tensor([row[-1:]]), cache)[0, -1]
    return tok.decode(row)


print(penalised("The", 1.2, 55).split("\n\n")[1], end="\n\n")
for penalty in (1.0, 1.2, 2.0):
    text = penalised(places["open"], penalty, 240)
    print(f"penalty {penalty}: ... {text[text.index('One night') :][:260]} ...")
    print("    the checker says:", sorted(check_story(text))[:1] or "it holds together", "\n")

# %% [markdown]
# **Answer:** The exam is cured, four different options at once. And the story is broken. With 1.2 *Anna*, who came out,
# is *Clara* in the next sentence, because *Anna* has been said too often. With 2.0 the llama loses her name and then
# the language goes, for full stops and *the* are tokens as well. A text *must* repeat itself, names above all, and a
# penalty does not know what a name is.
#
# Llama 2's code has no such penalty; it rolls dice. We let it write 32 exams, at T = 1, with Llama 2's settings, and at
# T = 0.3. **Predict:** how many different options has the first question of each? Greedy had one.

# %%
exam = tok.encode("The following are multiple choice questions (with answers) about things.\n\n")
print("with dice, exams by the number of different options:")
for T, p in ((1.0, 1.0), (0.6, 0.9), (0.3, 1.0)):
    written = generate(model, [exam] * 32, 60, T, p, generator=torch.Generator().manual_seed(0))
    options = [re.findall(r"^[A-D]\. (.+)$", tok.decode(new).split("\n\n")[0], flags=re.MULTILINE) for new in written]
    print(f"    T {T}, top-p {p}:", dict(sorted(Counter(len(set(found)) for found in options).items())))

# %% [markdown]
# **Answer:** Mostly three or four at T = 1, and never only one: warm dice seldom say the same again. (That many have a
# word twice is the model's own fault, as is the one with five options, two of them called A; it is not good at
# inventing exams.) Cold dice still do: at T = 0.3 thirteen of 32 have one option all over, at Llama 2's own settings
# two. A loop is mostly a symptom of how one chooses.
#
# ## What you have, and where it goes
#
# - Greedy takes the largest minority, loops, and does not even find the likeliest text.
# - Dice must be counted to be trusted: chi-square, four lines.
# - Temperature divides scores. The tail below 1 % is not knowledge; top-p cuts it, with as many tokens as it takes, the
#   one that crosses included. Temperature comes first.
# - A text's log-probability is a sum, shifted by one. Real text lies between the tame settings and plain dice.
#
# **Read next** [`llama_lessons/sampling.py`](../llama_lessons/sampling.py), exercises 1 and 2 for a whole batch, and
# [`llama_lessons/generate.py`](../llama_lessons/generate.py), which prefills, decodes and streams. `log_probs` stands
# in [`llama_lessons/evaluation.py`](../llama_lessons/evaluation.py).
#
# **More to try:** write *min-p*: keep what has at least a tenth of the likeliest token's probability, and measure it as
# in section 5. Find the temperature at which stories of plain dice are as predictable as real ones. Let `penalised`
# forgive names.
#
# **Side trip,** [07b, speed](07b_speed.ipynb): why is writing so slow, and what helps?
#
# **Next lesson,** [08 lora](08_lora.ipynb): the model speaks as the Valley speaks. How little must be changed to give
# it another voice?
#
# **Sources.** Llama 2's settings: generation.py in Meta's repository llama. Nucleus sampling and loops: Holtzman and
# others, *The Curious Case of Neural Text Degeneration*, [arXiv:1904.09751](https://arxiv.org/abs/1904.09751). Top-k:
# Fan and others, [arXiv:1805.04833](https://arxiv.org/abs/1805.04833). Repetition penalty: Keskar and others, CTRL,
# [arXiv:1909.05858](https://arxiv.org/abs/1909.05858).
