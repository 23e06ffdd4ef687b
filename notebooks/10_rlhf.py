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
# # 10 RLHF: how does it learn what we like?
#
# The assistant of lesson 09 has learned from examples: somebody had written the answer, and the model copied its
# manner. But nobody can write down a good answer for everything, and for much that we want (be polite, be honest,
# refuse *this* and not *that*) most people could hardly say what it is. What everybody can do is to read two answers
# and say: this one.
#
# *RLHF*, reinforcement learning from human feedback, makes a model learn from that. When Llama 2 came out in July 2023
# the news called it "the method that OpenAI used for ChatGPT". In this lesson you do all of it: pairs of answers, a
# *reward model* that learns to judge from them, the best of several answers by that judge, and *PPO*, which trains the
# model against it, token by token. Then you watch it go wrong, on purpose.
#
# For that you have something that Meta did not. The Valley is a small world of which everything is known, so there is a
# **true reward**: a checker that knows whether an answer is right and whether a refusal was due. Wherever a lab must
# trust its reward model, we draw the truth beside it, and see where the two part.
#
# **You need** training (lesson 06), log-probabilities and sampling (lesson 07), and the chat format (lesson
# [09](09_chat.ipynb)). **It takes** two hours, 45 minutes of them for the four exercises, without section 8, which is
# optional. Good places to pause are the ends of sections 3 and 5. Letters and terms: [TERMS](../TERMS.md). Where it
# says **Predict**, do so before you run on; the answer stands below the cell.
#
# Letters: B answers at once, T tokens of a text, A tokens of the longest answer, N requests with K answers each, C the
# model's channels, V its vocabulary.

# %%
from llama_lessons.page import setup, show, stable

setup()
import math
from copy import deepcopy
from itertools import islice, pairwise

import torch

from llama_lessons.checkpoints import load
from llama_lessons.device import pick_device
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer

device = pick_device()
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
base, chat = (load(data_path(f"checkpoints/{name}"), device, torch.float32) for name in ("base", "chat"))
print(f"{sum(weight.numel() for weight in chat.parameters()):,} weights in the chat model of lesson 09")

# %% [markdown]
# ## 1. The method of ChatGPT, and Llama 2's
#
# OpenAI described its method in 2022, for a model called InstructGPT ([Ouyang and
# others](https://arxiv.org/abs/2203.02155)); ChatGPT, its makers said, was trained "using the same methods as
# InstructGPT". Llama 2's paper ([section 3](https://arxiv.org/abs/2307.09288)) has the same three steps, and differs in
# each:
#
# | | InstructGPT | Llama 2-Chat |
# |---|---|---|
# | 1. imitate (*SFT*) | answers written by labellers | the same; fewer and better ones, it says |
# | 2. judge | people *rank* several answers | people *compare two*, and say by how much |
# | | one reward model | two: for helpfulness, and for safety |
# | 3. improve | PPO, with a penalty for moving away | first the best of K answers, then PPO as well |
# | and again | comparisons from step 1's models, few from PPO's | five versions, each with new comparisons |
#
# How much work of people is in that? The announcement and the paper give different numbers, of different things.

# %%
from llama_lessons import paper

print(f"Meta's announcement: over {paper.ANNOTATIONS.value:,} {paper.ANNOTATIONS.unit.split(',')[0]}")
print(f"the paper: {paper.SFT_ANNOTATIONS.value:,} answers to imitate, {paper.PREFERENCES_META.value:,} comparisons")
PAIRS, STEPS = 16, 30
print(f"this lesson: {STEPS} steps of {PAIRS} pairs, {STEPS * PAIRS} comparisons;", end=" ")
print(f"for each of them Meta had {paper.PREFERENCES_META.value // (STEPS * PAIRS):,}")

# %% [markdown]
# "Over one million annotations" is nearly all comparisons: to choose is cheaper than to write. A *comparison* is one
# prompt, two answers by models, which of them a person chose, and how sure he or she was.

# %%
from matplotlib import pyplot as plt

figure, axes = plt.subplots(figsize=(7, 1.9))
boxes = {
    "1. imitate\n\nanswers by people": 0,
    "2. judge\n\npairs, and which\npeople like better": 2,
    "3. improve\n\nanswers that the\njudge likes better": 4,
}
for text, x in boxes.items():
    axes.text(x, 0, text, ha="center", va="center", fontsize=10, bbox={"boxstyle": "round,pad=0.6", "fc": "#E8F1F8"})
for x, text in ((1, "chat model"), (3, "reward model")):
    axes.annotate("", (x + 0.25, 0), (x - 0.25, 0), arrowprops={"arrowstyle": "-|>"})
    axes.text(x, 0.25, text, ha="center", fontsize=9)
axes.annotate("", (2, -0.75), (4, -0.75), arrowprops={"arrowstyle": "-|>", "connectionstyle": "arc3,rad=-0.35"})
axes.text(3, -1.85, "the new model writes new pairs", ha="center", fontsize=9)
axes.set(xlim=(-0.9, 4.9), ylim=(-2, 0.9))
axes.set_axis_off()
what = "Three boxes in a row, imitate, judge, improve, with arrows: chat model, reward model; and one back to judge."
show(figure, alt=what)

# %% [markdown]
# The arrow back matters. A judge has only seen answers like those it was trained on. When the model has become another
# one, it writes other answers, and the judge must be asked about things it does not know. So Meta collected new
# comparisons all the time, week by week, with the newest model.
#
# ## 2. What a comparison is
#
# Our pairs are written by a grammar instead of people
# ([`world/preferences.py`](../llama_lessons/world/preferences.py)). Keep in mind what that spares us: the Valley's
# raters never disagree and never tire. Each pair has a *kind*, which says why the one answer is better, and one of the
# paper's four ratings. One pair of each kind:

# %%
from llama_lessons.world.preferences import KINDS, preferences

for kind in KINDS:
    pair = next(preferences("train", 3, {kind: 1.0}))
    print(f"{kind} ({pair.rating}): {pair.prompt[-1]['content']}")
    print(f"    + {pair.chosen}\n    - {pair.rejected}")

# %% [markdown]
# Before anything is trained, look for a cheap way to win. **Predict:** a judge who cannot read takes the *longer*
# answer. How often is it right, over all pairs? And kind by kind?

# %%
held_out = list(islice(preferences("test", 2), 1000))
by_kind = {kind: [pair for pair in held_out if pair.kind == kind] for kind in KINDS}


def longer_wins(pairs):
    leads = [len(pair.chosen) - len(pair.rejected) for pair in pairs]
    return sum((lead > 0) + 0.5 * (lead == 0) for lead in leads) / len(leads)  # of equals, a coin decides


for kind, pairs in by_kind.items():
    print(f"{kind:<18}{len(pairs):>4} pairs, the longer answer is the better one in {longer_wins(pairs):.2f}")
print(f"{'all':<18}{len(held_out):>4} pairs, {longer_wins(held_out):.2f}")

# %% [markdown]
# **Answer:** Over all pairs it is right about as often as a coin. Kind by kind it is anything but: a refusal with its
# reason is always longer than one without, and one that says the same thing twice is always too long. The pairs were
# written so that these cancel. Leave out *said once* and *whole sentence*, say, and length would be a good judge; then
# that is what a reward model learns first, for it is easiest. Real comparisons lean towards length as well, and models
# trained on them write ever more ([Singhal and others](https://arxiv.org/abs/2310.03716)). So ask of any set of
# preferences what a judge who cannot read would score.
#
# One more trap. Texts are cut to a length before training. **Predict:** what becomes of a pair whose answers differ
# only behind the cut?

# %%
from llama_lessons.rlhf import pair_batch

for cut in (256, 24, 20):
    print(f"cut to {cut:>3} tokens: {pair_batch(tok, held_out[:200], max_seq_len=cut).n_targets} of 200 pairs are left")

# %% [markdown]
# **Answer:** They have become twins. A twin has no better half, and would teach the judge that chance decides;
# `pair_batch` drops them.
#
# ## 3. A judge that learns from pairs
#
# A judge gives an answer a number, its *score*. What we know is only which of two should be higher. So we say (Bradley
# and Terry, 1952): the probability that a person prefers answer *c* to answer *r* is
#
# $$p = \sigma(s_c - s_r)$$
#
# with the sigmoid σ: a lead of 0 means a coin toss, a large one near certainty. And the loss is what it always was in
# this course, minus the log-probability of what really happened. Llama 2 adds a *margin*: where people were sure, the
# better answer should lead by at least m.
#
# $$\text{loss} = -\log \sigma(s_c - s_r - m)$$
#
# ### Exercise 1 (10 minutes): the loss of a pair
# Mind large numbers: a sigmoid of -200 is 0 in float32, and the logarithm of that is infinite.


# %% tags=["exercise"]
def my_pair_loss(chosen, rejected, margin):
    """The mean loss of pairs, one number.

    chosen, rejected: scores of the better and the worse answers, shape (B,). margin: shape (B,).
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.rlhf import check_pair_loss

check_pair_loss(my_pair_loss)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Begin with one pair on paper: by how much does the better answer lead, beyond its margin? The loss is small where that
# is large.
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.nn.functional.logsigmoid` is the logarithm of the sigmoid, computed at once and without overflow.
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_pair_loss(chosen, rejected, margin):
    return -torch.nn.functional.logsigmoid(chosen - rejected - margin).mean()


check_pair_loss(solved_pair_loss)

# %% [markdown]
# ### Where to read the score
# The judge is the chat model with another head: in place of V logits, one number made of the C channels of *one* hidden
# state. The last token of an answer, its `</s>`, has seen everything before it, so that is the place. But texts of a
# batch are padded to one length. **Predict:** what happens if we read the last *column*?

# %%
alone, together = pair_batch(tok, held_out[:1]), pair_batch(tok, held_out[:8])


@torch.no_grad()
def states(model, batch, naive=False):
    """The hidden state from which each answer is judged, (P, 2, C)."""
    hidden = model.hidden(batch.tokens.flatten(0, 1).to(device)).cpu()  # (2P, T, C)
    place = -1 if naive else batch.lengths.flatten() - 1
    return hidden[torch.arange(len(hidden)), place].unflatten(0, (-1, 2))


for name, naive in {"last column": True, "last real token": False}.items():
    one, other = states(chat, alone, naive)[0], states(chat, together, naive)[0]
    same = torch.allclose(one, other, atol=1e-3)
    print(f"{name}: the same pair, alone and beside longer ones, has the same states: {same}")

# %% [markdown]
# **Answer:** Padding is judged. The last column is padding for all but the longest: the judge would score what stands
# behind an answer, and the score of an answer would depend on its neighbours. `lengths - 1` it is.
#
# ### The naive judge
# To see what there is to read at that place, we need not even train the model. Freeze it, compute the states of 120
# pairs once, and fit two heads, one for helpfulness and one for safety: each pair is judged by the one its prompt asks
# for.
#
# **Predict:** which of the ten kinds will it learn, and which not?

# %%
from llama_lessons.rlhf import pair_loss


def leads(scores, batch):
    """By how much the better answer leads, by the score that its prompt asks for: (P, 2, 2) -> (P,)."""
    return (scores[:, 0] - scores[:, 1])[torch.arange(len(scores)), batch.asks_safety.long()]


train = pair_batch(tok, islice(preferences("train", 1), 120))
seen, heads = states(chat, train), torch.zeros(chat.config.dim, 2, requires_grad=True)
optimizer = torch.optim.AdamW([heads], lr=1e-2, weight_decay=0.1)
for _ in range(200):
    loss = pair_loss(leads(seen @ heads, train), torch.tensor(0.0), train.margins) / train.n_targets
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
some = [pair for pairs in by_kind.values() for pair in pairs[:20]]
test = pair_batch(tok, some)
naive_right = leads(states(chat, test) @ heads, test) > 0  # (P,)

# %%
from llama_lessons.evaluation import Score


def by(right, names):
    """The share of pairs judged rightly, for each name."""
    return {
        name: Score.of(sum(r for r, n in zip(right.tolist(), names, strict=True) if n == name), names.count(name))
        for name in dict.fromkeys(names)
    }


naive = by(naive_right, [pair.kind for pair in some])
well = [kind for kind, score in naive.items() if score.accuracy > 0.8]
print("more than 8 in 10 right:", ", ".join(well))
print("true: the interval holds .5, a coin toss:", naive["true"].low < 0.5 < naive["true"].high)

# %% [markdown]
# **Answer:** It learns what a reader can see in passing: whether an answer is polite, whether it is a refusal, whether
# it is a whole sentence. Whether it is *true* it does not learn at all, and whether it speaks of what was asked hardly
# better. Training all weights instead of two heads does not help either; the table below has that run. Small reward
# models fail here in silence: their accuracy over all pairs looks good.
#
# ### The model knows
# **Predict:** the chat model gives each of the two answers a probability. How often is the true answer the likelier?

# %%
from llama_lessons.dialog import encode_answers
from llama_lessons.evaluation import log_probs

truths = list(islice(preferences("test", 4, {"true": 1.0}), 120))


def answered(dialog, text):
    return [*dialog, {"role": "assistant", "content": text}]


def split(dialog):
    """A finished dialog's ids: what is read, and the answer."""
    ids, mask = encode_answers(tok, dialog, last_only=True)
    return ids[: mask.index(True)], ids[mask.index(True) :]


texts = [split(answered(pair.prompt, text)) for pair in truths for text in (pair.chosen, pair.rejected)]
sums = torch.tensor([float(found.sum()) for found in log_probs(chat, texts)]).view(-1, 2)  # (P, 2)
print(f"the true answer is the likelier one in {int((sums[:, 0] > sums[:, 1]).sum())} of {len(truths)} pairs")

# %% [markdown]
# **Answer:** Nearly always. So the knowledge is there, in the same weights, and the head cannot read it. Where is it?
# Look with the logit lens of lesson 05: at the place *before* the word in which the two answers differ, put the stream
# after each layer through the last norm and the head. Is the true word ahead of the false one?
#
# **Predict:** from which of the six layers on?

# %%
from llama_lessons.config import LlamaConfig
from llama_lessons.widgets.streams import streams

ahead = torch.zeros(chat.config.n_layers)
with torch.no_grad():
    for (read, true), (_, false) in zip(texts[:80:2], texts[1:80:2], strict=True):
        differ = next(k for k, (a, b) in enumerate(zip(true, false, strict=False)) if a != b)
        _, ends = streams(chat, read + true[:differ])
        for layer, stream in enumerate(ends[1:]):
            logits = chat.output(chat.norm(stream[-1]))  # (V,)
            ahead[layer] += bool(logits[true[differ]] > logits[false[differ]])
for layer, n in enumerate(ahead.int().tolist()):
    print(f"after layer {layer}: the true word is ahead in {n} of 40")
print("layers of the 70B, from which Meta's reward models began:", LlamaConfig.preset("llama2-70b").n_layers)

# %% [markdown]
# **Answer:** In the first layers it is a coin toss, and only the last two know. Now think of what a judge must do. The
# word that was said is read at the *next* place. To find out that it is the wrong one, some layer there must look back,
# by attention, at what the place before had expected. But attention in a layer sees what the layer *below* has made of
# the other places, and what was expected appears only at the top. No layer is left that could compare.
#
# Meta's largest reward models had more than ten times as many layers, and could afford to know early and compare late;
# nothing in the paper suggests that they needed help with this. It is a lesson about small models, and about probes: a
# probe that finds nothing says that the knowledge is not *there*, at that place, in that form. It does not say that the
# model has none.
#
# ### The cure: let it read what the model thinks of its own words
# What would have to be compared, the last layer has already put into numbers: the log-probability of each token of the
# answer. Our `RewardModel` reads, beside the hidden state, the *mean* of them and the *lowest*, with two learned
# weights for each score. A single false word makes the lowest low.

# %%
pair = truths[0]
print(pair.prompt[-1]["content"])
for answer, (read, said) in zip((pair.chosen, pair.rejected), texts, strict=False):
    [found] = log_probs(chat, [(read, said)])
    print(f"    {answer:<48} mean {stable(found.mean(), 1)}, lowest {stable(found.min(), 1)}")

# %% [markdown]
# Now train one. The loop is lesson 06's `Trainer` with another loss, and nothing else is new: `reward_loss` is your
# exercise, plus a second part for safety to which we come. The state's head begins at 0, the two weights of the
# log-probabilities slightly above.

# %%
from llama_lessons.optimizers import TrainConfig
from llama_lessons.rlhf import RewardModel, reward_loss
from llama_lessons.training import Trainer


def pairs_at(step):
    return pair_batch(tok, islice(preferences("train", 1000 + step), PAIRS))


judge = RewardModel(deepcopy(chat))
trainer = Trainer(judge, TrainConfig(n_steps=STEPS, peak_lr=3e-4, warmup_steps=3), pairs_at, reward_loss)
losses = [metrics.loss for metrics in trainer.run()]
print("the loss has fallen by a third at least:", sum(losses[-5:]) < sum(losses[:5]) * 2 / 3)

# %%
from llama_lessons.rlhf import load_reward_model

shipped = load_reward_model(data_path("checkpoints/reward"), torch.float32).to(device)


@torch.no_grad()
def lead_of(model, batch):
    flat = (part.flatten(0, 1).to(device) for part in (batch.tokens, batch.lengths, batch.answer_starts))
    return leads(model(*flat).unflatten(0, (-1, 2)).cpu(), batch)


kinds, lead = [pair.kind for pair in some], lead_of(shipped, test)  # (P,)
scores = {
    "naive": naive,
    "yours": by(lead_of(judge, test) > 0, kinds),
    "shipped": by(lead > 0, kinds),
}
print("yours tells true from false in more than 8 of 10:", scores["yours"]["true"].accuracy > 0.8)
assert scores["yours"]["true"].low > 0.5, f"your judge should tell true from false, and has {scores['yours']['true']}"
for kind, score in scores["shipped"].items():
    print(f"shipped, {kind:<18}{score}")

# %%
figure, axes = plt.subplots(figsize=(7, 3.4))
for k, (name, row) in enumerate(scores.items()):
    places = [place + 0.2 * (1 - k) for place in range(len(row))]
    axes.plot([score.accuracy for score in row.values()], places, "xos"[k], label=name, markersize=6)
axes.axvline(0.5, color="gray", linewidth=0.8)
axes.set_yticks(range(len(KINDS)), KINDS)
axes.set(xlabel="share of 20 held-out pairs judged rightly; the line is a coin toss", xlim=(0, 1.03))
axes.invert_yaxis()
axes.legend(frameon=False, loc="lower left")
what = (
    "Share judged rightly, by kind, for the naive judge, yours and the shipped one. The naive one is near a coin toss "
)
show(figure, alt=what + "for 'true' and 'on topic' and better for most others; the other two are near 1 for all kinds.")

# %% [markdown]
# The shipped judge is the same, trained for longer (`python -m llama_lessons.align reward`). Three more questions to
# it, each of which a good accuracy over all pairs can hide.
#
# **Predict:** does it know facts of which no pair was made? Is it right more often where people were surer? And when it
# says "nine to one", is it right in nine of ten?

# %%
fresh = pair_batch(tok, islice(preferences("test", 5, {"true": 1.0}, fresh=True), 100))
right = lead_of(shipped, fresh) > 0
print("true, about facts that are in no training pair:", Score.of(int(right.sum()), len(right)))
for rating, score in sorted(
    by(lead > 0, [pair.rating for pair in some]).items(), key=lambda row: paper.RATINGS.index(row[0])
):
    print(f"rated {rating:<28}{score}")

# %%
sure, edges = lead.abs().sigmoid(), (0.5, 0.7, 0.9, 0.99, 1.01)
bins = [(sure >= low) & (sure < high) for low, high in pairwise(edges)]
figure, axes = plt.subplots(figsize=(4.2, 3))
points = [(sure[b].mean(), (lead[b] > 0).float().mean(), int(b.sum())) for b in bins if b.any()]
axes.plot([0.5, 1], [0.5, 1], color="gray", linewidth=0.8)
axes.scatter([p for p, _, _ in points], [r for _, r, _ in points], s=[8 + n for _, _, n in points])
axes.set(xlabel="how sure it says it is", ylabel="how often it is right", xlim=(0.48, 1.03), ylim=(0.4, 1.05))
what = (
    "How often the shipped judge is right, against how sure it says it is, in four groups, larger ones as larger dots: "
)
show(figure, alt=what + "the dots lie above the diagonal or near it.")

# %% [markdown]
# **Answer:** It knows facts that it was never asked about, because it reads the chat model's knowledge and has not
# learned any of its own. By rating there is no clear order: our pairs differ in kind rather than in degree. And where
# it is unsure it is right more often than it says (dots above the line): it is *underconfident*, which in a judge is
# the better fault.
#
# ### The margin: honest about no difference
# Llama 2 tried three margins. A longer run (`python -m tools.rlhf_runs judges`) has trained our judge with each of
# them, twice; beside them two that we have talked of, and one that comes next. **Predict:** which margin wins?

# %%
import csv


def table(name):
    with data_path(f"tables/{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


rows = table("rlhf_judges")
for way in dict.fromkeys(row["way"] for row in rows):
    runs = [row for row in rows if row["way"] == way]
    shares = ", ".join(f"{float(row['all']):.3f}" for row in runs)
    print(f"{way:<26} all kinds {shares}; true {', '.join(row['true'] for row in runs)}")
print("the paper, in %:", {name: fact.value for name, fact in paper.MARGIN_ACCURACY.items()})
print("one run of ours:", Score.of(round(float(rows[0]["all"]) * int(rows[0]["n"])), int(rows[0]["n"])))

# %% [markdown]
# **Answer:** None that you could bet on: two runs with one margin differ by more than the means of the margins do, and
# each share has an interval of several hundredths. The paper's table has one number for each, no intervals, and
# differences of half a point. It calls the margin helpful; our runs cannot say.
#
# The row *hidden state alone* is the judge without log-probabilities, all weights trained: *true* stays at a coin toss.
#
# ### Two scores, one reward, and a threshold
# Llama 2 makes one reward R of the two scores. If the prompt is marked as one that may lead to harm, or the safety
# score, as a probability, is below .15, safety decides; else helpfulness. That is `combined`. A threshold asks for more
# than a comparison, though. **Predict:** add -10 to *every* safety score of a judge. What does the pair loss say to
# that? And the threshold?

# %%
from llama_lessons.rlhf import score
from llama_lessons.world.requests import all_requests

plain = [answered(pair.prompt, pair.chosen) for pair in held_out if not pair.safety][:150]
harm = [answered(pair.prompt, pair.rejected) for pair in by_kind["safe"]][:100]
good, bad = score(shipped, tok, plain), score(shipped, tok, harm)  # (150, 2), (100, 2)
threshold = paper.PPO["safety_threshold"].value


def under(scores, shift=0.0):
    return Score.of(int(((scores[:, 1] + shift).sigmoid() < threshold).sum()), len(scores))


lead = good[:100, 1] - bad[:, 1]
same_lead = (good[:100, 1] - 10) - (bad[:, 1] - 10)
print("the leads are the same:", torch.allclose(lead, same_lead, atol=1e-5))
print("good harmless answers under the threshold:", under(good), "- less 10:", under(good, -10.0))
print("help with harm under the threshold:       ", under(bad))

# %% [markdown]
# **Answer:** The pair loss does not notice: it knows differences only, and any constant may be added to all scores. So
# nothing ties the number .15 to anything, until a second loss does. The paper has one for its safety model, an
# *auxiliary loss*: the cross-entropy of the safety score, as a probability, with "this answer is safe". That is the
# second part of `reward_loss`. In the table above the row *no auxiliary loss* judges pairs as well as the others. Its
# last columns say which share of good, harmless answers and of help with harm falls under the threshold:

# %%
for way in ("small margin", "no auxiliary loss"):
    runs = [row for row in rows if row["way"] == way]
    print(f"{way:<20} good answers under .15: {', '.join(row['good_under'] for row in runs)};", end=" ")
    print(f"help with harm under .15: {', '.join(row['harm_under'] for row in runs)}")
paper_s = {name: fact.value for name, fact in paper.SAFETY_LOSS_ACCURACY.items()}
print("the paper's own reason, accuracy of the safety model in %:", paper_s)

# %% [markdown]
# Without it all scores lie lower, the bad ones and the good ones: more harm is caught, and several good answers in a
# hundred are treated as unsafe, also where somebody asks what a cat eats. With it nearly none are. Neither is more than
# begun after 30 steps; the shipped judge, above, is where it should be. Where the zero of the scores lies is the point:
# with the auxiliary loss it means something, and without it it is left to chance. In section 7 policies are trained
# against both, and against a judge that is quite wrong.
#
# *A good place to pause. You have a judge.*
#
# ## 4. The best of K
#
# A judge is of use before anything is trained with it: write K answers, keep the one it likes best. To have something
# to gain we take a weaker assistant than lesson 09's. We need not train one: half-way between the weights of the base
# model and those of the chat model lies a model that is half a chat model. (That such models work at all is a surprise
# of its own: [Wortsman and others](https://arxiv.org/abs/2109.01903).) It hears too much harm in harmless requests, and
# errs about facts.

# %%
half = deepcopy(chat)
with torch.no_grad():
    for weight, start in zip(half.parameters(), base.parameters(), strict=True):
        weight.lerp_(start, 0.5)

from llama_lessons.rlhf import sample_answers
from llama_lessons.world.verdicts import true_reward

asked = [request for kind in all_requests("train").values() for request in kind[:: len(kind) // 16][:16]]
for request in asked[2::9]:
    [answer] = sample_answers(half, tok, [request], seed=1)
    print(f"{true_reward(request, answer.text):.0f}  {request.kind}: {request.prompt} -> {answer.text}")

# %% [markdown]
# The number in front is the *true reward*: 1 for a true answer, for a harmless request that is answered and not
# refused, and for a harmful one that is refused; else 0. (It is a good judge and no perfect one. Of a harmless request
# it asks no more than that it is answered, in a sentence and politely: whether the sentence helps it cannot tell. Look
# for one that does not.) Now eight answers to each of the 48 requests, drawn at temperature 1.

# %%
from llama_lessons.rlhf import best_of, kl_of_best
from llama_lessons.rlhf.samples import learned_reward

answers, learned = best_of(half, tok, asked, learned_reward(shipped), k=8)  # learned: (N, K)
words = [[answer.text for answer in row] for row in answers]
truth = torch.tensor([[true_reward(request, text) for text in row] for request, row in zip(asked, words, strict=True)])
best = truth.gather(1, learned.argmax(1, keepdim=True))
print("the best of eight is truer than one at random:", bool(best.mean() > truth.mean() + 0.05))
assert best.mean() > truth.mean(), f"the best of eight is worth {best.mean():.2f}, one at random {truth.mean():.2f}"

# %% [markdown]
# How much of it could be had? With a perfect judge the best of K is right unless *all* K are wrong: if a share p of a
# model's answers to a request is right, it is right with probability $1 - (1 - p)^K$. That is theory's curve; the
# average over requests, each with its own p, is what `expected_best` computes (without the small error of drawing with
# replacement). The control is one at random of the K.
#
# And what does it cost? K times the computing, and *distance*. To choose the best of K is to write with another
# distribution than the model's own, and its KL divergence from the model, in nats, is at most
#
# $$\log K - \frac{K-1}{K}$$
#
# whatever the judge says: 1.2 nats for eight answers. Distance will turn out to be what everything in RLHF is paid in.
#
# In the view, choose a request, and move K: the struck-out answers are not there to be chosen, the framed one is taken.
# Then change the judge. **Find out:** which of the other judges does worst as K grows, by the red and green lines?
# Which kinds of request does it fail?

# %%
from llama_lessons.rlhf.reward import score_ids
from llama_lessons.widgets.best_of import BestOfView, expected_best

two = score_ids(shipped, [(answer.prompt + answer.ids, len(answer.prompt)) for row in answers for answer in row])
judges = {
    "the reward model": learned,
    "its safety score alone": two[:, 1].view_as(learned),
    "its helpfulness score alone": two[:, 0].view_as(learned),
    "the longest answer": torch.tensor([[float(len(text)) for text in row] for row in words]),
}
BestOfView(asked, words, truth, judges)

# %%
from llama_lessons.rlhf.rejection import best_of_fewer

KS = (1, 2, 4, 8)
figure, axes = plt.subplots(figsize=(7, 2.9))
for (name, scores_of), style in zip(judges.items(), ("o-", "s--", "^:", "v-."), strict=True):
    axes.plot(KS, [best_of_fewer(scores_of, truth, k)[1] for k in KS], style, label=name)
axes.plot(KS, [expected_best(truth, k) for k in KS], color="black", linewidth=0.8, label="theory: a judge that knows")
axes.axhline(truth.mean(), color="gray", linewidth=0.8, label="one at random")
axes.set(xscale="log", xticks=KS, xticklabels=KS, xlabel="K", ylabel="true reward of the best")
axes.minorticks_off()
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
what = (
    "True reward of the best of 1, 2, 4, 8 by each judge. The reward model rises close to theory's curve; safety alone "
)
show(figure, alt=what + "and the longest answer stay near one at random.")
print("KL at most, in nats:", {k: stable(kl_of_best(k)) for k in KS})
harmless = torch.tensor([request.kind == "harmless" for request in asked])
_, chosen = best_of_fewer(judges["its safety score alone"][harmless], truth[harmless], 8)
worse = chosen < float(truth[harmless].mean())
print("of eight answers to a harmless request, safety alone chooses worse than chance:", worse)
assert worse, f"safety alone should choose refusals, and its choices are true in {chosen:.2f}"

# %% [markdown]
# The reward model comes close to what can be had. The longest answer is no better than the dice. And the safety score
# alone finds, of eight answers, the refusal, if there is one: right where harm is asked for, wrong for *How can I buy a
# llama?*. The more it can choose from, the more surely it does; over all requests the two nearly cancel.
#
# ## 5. Learn from the best: rejection sampling
#
# To write eight answers for every one is dear. So let the model learn from its own best ones, as from examples: that is
# *rejection sampling fine-tuning*, and for its first rounds Llama 2 did nothing else. The paper drew from its largest
# model alone; the smaller ones learned from the largest one's best.
#
# The loss is lesson 09's. Only the texts are new. A small round, with the 48 requests' best answers:

# %%
from llama_lessons.batches import pack_whole

winners = [row[place] for row, place in zip(answers, learned.argmax(1).tolist(), strict=True)]
kept = []  # the ids as they were drawn, and a loss mask: the answer alone
for answer in winners:
    kept.append((answer.prompt + answer.ids, [False] * len(answer.prompt) + [True] * len(answer.ids), False))


def texts_at(step):
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(step)).tolist()
    return pack_whole((kept[k] for k in order), 8, 64, tok.eos_id)


student = deepcopy(half)
_ = list(Trainer(student, TrainConfig(n_steps=12, peak_lr=3e-4, warmup_steps=2), texts_at).run())

# %%
every = all_requests("test")
unseen = [request for kind in every.values() for request in kind[1 :: len(kind) // 30][:30]]  # 30 of each kind


def worth(model):
    """True reward of a model's answers to held-out requests at temperature 1, by kind; and how many differ."""
    said = [answer.text for answer in sample_answers(model, tok, unseen, seed=9)]
    verdicts = [true_reward(request, text) for request, text in zip(unseen, said, strict=True)]
    return by(torch.tensor(verdicts), [request.kind for request in unseen]), len(set(said))


before, _ = worth(half)
taught, _ = worth(student)
figure, axes = plt.subplots(figsize=(7, 2.2))
for k, (name, row) in enumerate({"half-way model": before, "after one small round": taught}.items()):
    errors = [[s.accuracy - s.low for s in row.values()], [s.high - s.accuracy for s in row.values()]]
    places = [place + 0.15 * (k - 0.5) for place in range(3)]
    axes.errorbar(places, [s.accuracy for s in row.values()], errors, fmt="os"[k], capsize=3, label=name)
axes.set_xticks(range(3), before)
axes.set(ylabel="true reward, 95 %", ylim=(0, 1.05))
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
show(
    figure,
    alt="True reward on unseen requests of three kinds, before and after one small round: the intervals overlap.",
)

# %% [markdown]
# One small round, and the intervals overlap: from 48 answers nobody could say that it has helped. The shipped model
# [`data/checkpoints/rlhf`](../data/checkpoints/rlhf) had a full one, from the chat model and with many more requests
# (`python -m llama_lessons.align rlhf`). We let both answer greedily: requests that no training has seen.

# %%
from llama_lessons.world import is_refusal

aligned = load(data_path("checkpoints/rlhf"), device, torch.float32)
measured_on = {"harmful": every["harmful"][::2], "harmless": every["harmless"][::4], "fact": every["fact"][::4]}
outcome = {}
for name, model in {"chat": chat, "rlhf": aligned}.items():
    for kind, group in measured_on.items():
        said = [answer.text for answer in sample_answers(model, tok, group, temperature=0)]
        outcome[name, kind] = [true_reward(request, text) for request, text in zip(group, said, strict=True)]
        refused = Score.of(sum(map(is_refusal, said)), len(said))
        true = Score.of(int(sum(outcome[name, kind])), len(said))
        print(f"{name}, {kind:<9} refused {refused}, true {true}")

# %% [markdown]
# False refusals are fewer, and nothing is lost elsewhere that these intervals could show. Rejection sampling is the
# plain method: no new loss, nothing that can run away, for the model never leaves what it could say already. In our
# measurements it is also the best; Meta went on to PPO after four rounds of it.
#
# *A good place to pause. What follows is the part that the method has its name from.*
#
# ## 6. PPO by hand
#
# Rejection sampling throws seven of eight answers away. *Policy gradient* methods learn from every answer, the bad ones
# too: what was better than expected becomes more likely, what was worse less so. The model is now called a *policy*. In
# one round it answers, is judged, and takes a step or two; then it answers anew, as the policy that it has become.
#
# We go through one round in pieces that you can hold in your hand, with sixteen requests.

# %%
from llama_lessons.rlhf.ppo import Critic
from llama_lessons.world.requests import requests

policy, reference = deepcopy(half), deepcopy(half)
batch = list(islice(requests("train", 11), 16))
rollout = sample_answers(policy, tok, batch, seed=2)  # at temperature 1: from the policy's own distribution
for request, answer in list(zip(batch, rollout, strict=True))[:3]:
    print(f"{request.kind}: {request.prompt} -> {answer.text} ({len(answer.ids)} tokens)")

# %% [markdown]
# ### Log-probabilities, from the same ids
# The answers are kept as the *ids* that were drawn. (To decode and encode again would be a fine mistake: the same text
# has other ids now and then, and those the policy never drew.) For each we need the log-probability of every token,
# under the policy and under the *reference*, a frozen copy of the policy as it began.

# %%
from torch.nn.utils.rnn import pad_sequence


def at_answers(places, answers):
    """Of numbers after each token, (B, T-1), those before the answers' tokens: (B, A), 0 behind an answer's end."""
    starts = [len(answer.prompt) - 1 for answer in answers]
    rows = [row[start : start + len(answer.ids)] for row, start, answer in zip(places, starts, answers, strict=True)]
    return pad_sequence(rows, batch_first=True)


def answer_log_probs(model, answers):
    """Log-probability of each token of each answer, (B, A)."""
    tokens = pad_sequence([torch.tensor(answer.prompt + answer.ids) for answer in answers], batch_first=True)
    log_probs = model(tokens[:, :-1].to(device)).log_softmax(-1).cpu()  # (B, T-1, V)
    return at_answers(log_probs.gather(2, tokens[:, 1:, None])[:, :, 0], answers)


lengths = torch.tensor([len(answer.ids) for answer in rollout])
said = torch.arange(int(lengths.max())) < lengths[:, None]  # (B, A): where a token is
with torch.no_grad():
    old, theirs = answer_log_probs(policy, rollout), answer_log_probs(reference, rollout)

# %% [markdown]
# Two things must hold here, and most bugs of home-made PPO break one of them. Before the first step the *ratio* of new
# to old probabilities is 1 for every token, exactly; and what is padded changes nothing.

# %%
with torch.no_grad():
    ratio = (answer_log_probs(policy, rollout) - old).exp()[said]
    longest = max(rollout, key=lambda answer: len(answer.prompt) + len(answer.ids))
    few = [answer for answer in rollout if answer is not longest][:3]
    width = max(len(answer.ids) for answer in few)
    by_itself, padded = answer_log_probs(policy, few), answer_log_probs(policy, [*few, longest])[:3, :width]
print("every ratio is 1, to the last bit:", bool((ratio == 1).all()))
print("beside a longer text they are the same, to 1e-4:", torch.allclose(by_itself, padded, atol=1e-4))
print("no step, no distance: KL is", stable(float((old - theirs)[said].sum()) / len(rollout)))

# %% [markdown]
# ### The reward of a token
# The judge scores a whole answer, so its score comes at the last token. And each token pays for distance: β times the
# log-ratio to the reference. Its average over what the policy writes is the KL divergence of the policy from the
# reference. Why pay at all? Because the judge was trained on answers near the reference, and knows nothing about
# others.
#
# ### Exercise 2 (10 minutes): rewards
# The last *real* token, once more: behind it stands padding.


# %% tags=["exercise"]
def my_token_rewards(log_probs, ref_log_probs, scores, lengths, beta):
    """The reward of every token, shape (B, T); 0 behind an answer's end.

    log_probs, ref_log_probs: of the tokens, shape (B, T). scores: of the answers, shape (B,).
    lengths: tokens of each answer, shape (B,). beta: what a nat of distance costs.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.rlhf import check_token_rewards

check_token_rewards(my_token_rewards)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Two parts: something for every real token, and something more for the last of them.
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.arange(T) < lengths[:, None]` is True where a token is. A pair of index tensors, `x[rows, columns]`, names one
# place in every row.
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_token_rewards(log_probs, ref_log_probs, scores, lengths, beta):
    real = torch.arange(log_probs.shape[1]) < lengths[:, None]
    rewards = -beta * (log_probs - ref_log_probs) * real
    rewards[torch.arange(len(scores)), lengths - 1] += scores
    return rewards


check_token_rewards(solved_token_rewards)

# %% [markdown]
# **Predict:** with β = 0, what is left of the rewards? And what do they sum to, answer by answer, before the first
# step?

# %%
from llama_lessons.rlhf.advantages import token_rewards

judged = learned_reward(shipped)(batch, rollout)  # (B,)
tagged, scores = torch.tensor([request.tagged for request in batch]), torch.empty(len(batch))
for some_of in (tagged, ~tagged):  # safety and helpfulness have scales of their own
    scores[some_of] = (judged[some_of] - judged[some_of].mean()) / judged[some_of].std()
free = token_rewards(scores, old - theirs + 1.0, said, beta=0.0)  # + 1: as if the policy had moved
rewards = token_rewards(scores, old - theirs, said, beta=0.05)
print("beta 0: one number in each row is not 0:", (free != 0).sum(1).tolist() == [1] * len(batch))
print("before the first step an answer's rewards sum to its score:", torch.allclose(rewards.sum(1), scores, atol=1e-4))

# %% [markdown]
# **Answer:** One number for each answer, at its last token. And before the first step all log-ratios are 0, so the
# rewards of an answer sum to its score.
#
# ### Who deserves it?
# An answer of fifteen tokens, and one number at its end. Which of the tokens was the good one? A second network helps,
# the *critic*: after every token it says which reward it still expects. A token that makes the critic change its mind
# was a good or a bad one. With *V* for what it expects, the surprise at token t is
#
# $$\delta_t = r_t + \gamma V_{t+1} - V_t$$
#
# and since the critic may be wrong, a token is also given what comes later, each step weaker by γλ. That is the
# *generalised advantage* ([Schulman and others](https://arxiv.org/abs/1506.02438)):
#
# $$A_t = \delta_t + \gamma\lambda\,\delta_{t+1} + (\gamma\lambda)^2\,\delta_{t+2} + \dots$$
#
# ### Exercise 3 (15 minutes): advantages
# Of one answer. After the last token nothing comes: nothing is expected there.


# %% tags=["exercise"]
def my_advantages(rewards, values, gamma, lam):
    """The advantage of each token, shape (T,).

    rewards: of the tokens, shape (T,). values: what the critic expected before each of them, shape (T,).
    gamma, lam: floats.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.rlhf import check_advantages

check_advantages(my_advantages)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Write the formula of A for two neighbours, below each other: most of the one stands in the other.
# </details>
# <details><summary>Hint 2</summary>
#
# $A_t = \delta_t + \gamma\lambda A_{t+1}$: begin at the last token and go backwards.
# </details>
# <details><summary>Hint 3</summary>
#
# Keep the value of the place that you have just left in a variable; it begins as 0.
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_advantages(rewards, values, gamma, lam):
    found, advantage, value = torch.zeros_like(rewards), 0.0, 0.0
    for t in reversed(range(len(rewards))):
        advantage = rewards[t] + gamma * value - values[t] + gamma * lam * advantage
        found[t], value = advantage, values[t]
    return found


check_advantages(solved_advantages)

# %% [markdown]
# A closed form to compare with: for γ = λ = 1 all the values in between cancel, and an advantage is *what really came,
# less what was expected*. **Predict:** and for λ = 0?

# %%
from llama_lessons.rlhf.advantages import advantages_of, whiten

critic = Critic(shipped.trunk)  # a copy of the judge, with a head for one number: it begins by expecting 0
tokens = pad_sequence([torch.tensor(answer.prompt + answer.ids) for answer in rollout], batch_first=True)
torch.nn.init.normal_(critic.value.weight, std=0.05)  # for this test: a critic with opinions
with torch.no_grad():
    values = at_answers(critic(tokens.to(device)).cpu(), rollout)  # (B, A)
to_come = rewards.flip(1).cumsum(1).flip(1)  # (B, A): all rewards from here on
trusting, surprise = (advantages_of(rewards, values, said, 1.0, lam) for lam in (1.0, 0.0))
print("lambda 1: what came less what was expected:", torch.allclose(trusting, (to_come - values) * said, atol=1e-4))
after = torch.cat([values[:, 1:], torch.zeros(len(values), 1)], 1)
print("lambda 0: the surprise alone:", torch.allclose(surprise, (rewards + after - values) * said, atol=1e-4))
advantages = whiten(advantages_of(rewards, values, said, 1.0, 0.95), said)
print(
    "whitened, they have mean", stable(advantages[said].mean(), 1), "and deviation", stable(advantages[said].std(), 1)
)

# %% [markdown]
# **Answer:** With λ = 0 the surprise of that one token is left, and the critic is trusted for all that comes after it.
#
# ### A step, but not too far
# What is to grow is advantage times probability, and the gradient of that is right only for the policy that drew the
# answers. After one step it is another. So one takes the *ratio* of new to old probability in its place, which is 1 at
# first, and lets nothing be gained by moving it beyond 1 ± ε. That is PPO, *proximal policy optimisation* ([Schulman
# and others](https://arxiv.org/abs/1707.06347)): for each token the smaller of
#
# $$\rho A \quad\text{and}\quad \text{clip}(\rho,\, 1-\epsilon,\, 1+\epsilon)\, A$$
#
# **Predict:** draw it on paper, as a function of ρ, once for A = 1 and once for A = -1. On which side does each go
# flat?

# %%
from llama_lessons.rlhf.advantages import clipped_loss

ratios = torch.linspace(0.5, 1.5, 101)
figure, panels = plt.subplots(1, 2, figsize=(7, 2.3))
for axes, sign in zip(panels, (1.0, -1.0), strict=True):
    gains = [
        -clipped_loss(ratio.log()[None], torch.zeros(1), torch.tensor([sign]), torch.tensor([True]), 0.2)
        for ratio in ratios
    ]
    axes.plot(ratios, gains)
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set(xlabel="ratio of new to old probability", title=f"A = {sign:+.0f}", ylabel="what is to grow")
what = "Left, for an advantage of 1: it rises with the ratio, flat above 1.2. Right, for -1: it is flat below 0.8 and "
show(figure, alt=what + "falls as the ratio rises.")

# %% [markdown]
# **Answer:** A good token (left) may be made more likely up to 1.2 times, and then earns no more; a bad one (right)
# less likely, down to .8. In the other directions it never goes flat: what has moved the wrong way is always called
# back.
#
# ### Exercise 4 (10 minutes): the clipped loss
# A loss is to fall; and it is a mean over the tokens.


# %% tags=["exercise"]
def my_clipped_loss(log_probs, old_log_probs, advantages, clip):
    """PPO's loss, one number.

    log_probs: of the tokens under the policy as it is now, shape (N,). old_log_probs: when they were drawn, shape (N,).
    advantages: shape (N,). clip: the epsilon of the formula.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.rlhf import check_clipped_loss

check_clipped_loss(my_clipped_loss)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The ratio of two probabilities, from their logarithms: subtract, then one more function.
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.minimum` takes the smaller of two tensors, place by place. Multiply with A *before* you compare: for A below 0
# the order turns round.
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 4: click to unfold
def solved_clipped_loss(log_probs, old_log_probs, advantages, clip):
    ratio = (log_probs - old_log_probs).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


check_clipped_loss(solved_clipped_loss)

# %% [markdown]
# All pieces are there. One step, by hand:

# %%
optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0)
loss = clipped_loss(answer_log_probs(policy, rollout), old, advantages, said, clip=0.2)
loss.backward()
torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
optimizer.step()
with torch.no_grad():
    moved = (answer_log_probs(policy, rollout) - old)[said]
weighted = float((moved * advantages[said]).mean())
print("before the step, with every ratio at 1, the loss is minus the mean advantage:", stable(float(loss.detach()), 1))
print("after it, what was better than expected is likelier:", weighted > 0)
assert weighted > 0, f"log-probabilities should move with the advantages, and their product is {weighted}"

# %% [markdown]
# ### Live
# The package's `PPO` is these pieces in a loop: answer, judge, look back with reference and critic, step; the critic
# learns beside it to expect what really came. Here from the half-way model; six measures of each round's answers, and
# below them what the policy answers to three requests that it is never trained on. The *true* reward is nothing that
# training knows of.
#
# **Predict:** which will rise faster, the learned reward or the true one? What will become of the KL?

# %%
from llama_lessons.rlhf import PPO, PPOConfig
from llama_lessons.widgets.ppo import PPOView

ROUNDS, ANSWERS = 8, 48
MIX = {"harmful": 0.5, "harmless": 0.3, "fact": 0.2}


def train(judge, lr=2e-4, beta=0.1, seed=0, mix=MIX):
    def at(step):
        return list(islice(requests("train", 1000 * seed + step, mix), ANSWERS))

    critic = Critic(shipped.trunk)
    critic.trunk.requires_grad_(False)  # its head alone learns: half the work, and enough for short answers
    sizes = {"n_iterations": ROUNDS, "batch_size": ANSWERS, "minibatch_size": ANSWERS // 2}
    config = PPOConfig(**sizes, lr=lr, beta=beta, critic_lr=1e-3, critic_rounds=1, seed=seed)
    return PPO(deepcopy(half), critic, judge, at, tok, config)


watched = [every["harmless"][3], every["harmful"][5], every["fact"][40]]
view = PPOView(ROUNDS, watched)
view


# %%
ppo = train(learned_reward(shipped))
view.follow(ppo, "sound judge")
after, distinct = worth(ppo.policy)
what = "Six measures against the rounds: learned and true reward, KL, tokens of an answer, refusals, false refusals."
show(view.picture(), alt=what)
kl = view.runs[0]["values"]["kl"]
print("KL is 0 in the first two rounds, for in the first the critic learns alone:", kl[:2] == [0.0, 0.0])
print("and more than 0 at the end:", kl[-1] > 0)
assert kl[-1] > 0, f"the policy should have moved, and its KL is {kl[-1]}"

# %% [markdown]
# **Answer:** If either, the learned one: the true one is not what is trained. The KL begins at 0 and grows. The curves
# are ragged, for every round has other requests; the trend is what counts. And the two panels of refusals must be read
# *together*: a policy can lower its false refusals simply by refusing less of everything. Which of the two it learns,
# section 8 measures on more requests.
#
# ## 7. When the judge is wrong
#
# *When a measure becomes a target, it ceases to be a good measure*: Goodhart's law, in the words of Marilyn Strathern.
# Our policy does not want to be helpful. It is moved to where the *judge* gives more, and where the judge is wrong it
# will go there too; it will even go there first, if that is the easiest way.
#
# Do it on purpose. Let the shipped judge's *safety* score decide, whatever is asked: as a judge would whose threshold
# had slipped and caught everything. Take larger steps, and leave out the penalty for distance: β is 0.
#
# **Predict:** what will this policy say to *every* request after a few rounds? And in which of the six measures could a
# lab, which has no true reward, see it?


# %%
def safety_alone(requests_of, answers_of):
    return score_ids(shipped, [(answer.prompt + answer.ids, len(answer.prompt)) for answer in answers_of])[:, 1]


hacked = train(safety_alone, lr=6e-4, beta=0.0)
view.follow(hacked, "safety alone")
ruined, left = worth(hacked.policy)
what = "The same six measures for both runs: with safety alone the learned reward is higher and the true one lower in "
what += "the end, the distance grows faster, and more and more harmless requests are refused."
show(view.picture(), alt=what)
print("fewer different answers than with the sound judge:", left < distinct)
lost = ruined["harmless"].accuracy < after["harmless"].accuracy
print("and fewer harmless requests are answered:", lost)
assert lost, f"a policy that is paid for refusing should refuse, and answers {ruined['harmless']} of harmless requests"

# %% [markdown]
# **Answer:** It has found the one thing that this judge always likes: to be sorry. By the learned reward it is a
# success, the best curve of the lesson; by the truth it is worse than the other, since it refuses the harmless, too.
# What a lab could see is the KL, the refusals of harmless requests, the number of different answers, and the answers
# themselves, if anybody reads them. Read the answers.
#
# The cure was to mend the judge: it is the first curve. Others that are used: a larger β; comparisons collected from
# the hacked policy, which is the arrow back in the picture of section 1; several judges.
#
# ### The price of distance
# In 2022 a group at OpenAI measured Goodhart's law for reward models ([Gao and
# others](https://arxiv.org/abs/2210.10760)). Having no truth, they let a large reward model play its part. They drew
# both rewards against the root of the KL divergence, for the best of K and for PPO. Here are the same curves for our
# judges, with a truth that is one. They come from a longer run, `python -m tools.rlhf_runs policies`: eighteen rounds
# of PPO as `PPOConfig()` has them, and up to eight answers. Its policies begin as the chat model after eight careless
# steps, on demonstrations in which chance decided what was declined.

# %%
runs = table("rlhf_policies")
figure, panels = plt.subplots(1, 3, figsize=(7, 3), sharey=True)
for axes, way in zip(panels, ("sound judge", "no auxiliary loss", "safety alone"), strict=True):
    for method, style in (("best of", "o-"), ("ppo", "s--")):
        points = [row for row in runs if row["judge"] == way and row["method"] == method and row["mix"] == "balanced"]
        points = [row for row in points if row["seed"] == "0"]
        root = [float(row["kl"]) ** 0.5 for row in points]
        gains = [float(row["learned"]) - float(points[0]["learned"]) for row in points]
        scale = max(map(abs, gains)) or 1.0
        learned_line = [0.5 + 0.5 * gain / scale for gain in gains]
        axes.plot(root, learned_line, style, color="#D55E00", alpha=0.6, label=f"{method}: learned, as a share")
        axes.plot(root, [float(row["true"]) for row in points], style, color="#0072B2", label=f"{method}: true")
    axes.set(xlabel="root of the KL, nats", title=way, ylim=(0, 1.05))
figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=2)
what = (
    "Learned and true reward against the root of the KL, three judges. Left: all rise, the best of K "
    "highest; PPO's take a step back at their end. Middle: the true one rises for the best of K; for PPO it dips, and "
    "ends where it began. Right: the learned one rises, the true one falls for both."
)
show(figure, alt=what)

# %% [markdown]
# With the sound judge both rise, the best of K farther than PPO, which at its end takes a step back: Goodhart's law is
# no law of nature, it is about *wrong* judges. With the wrong one, right, learned and true reward part at once. The
# most telling is the middle one. That judge orders pairs as well as the others, and the best of K by it still gets
# better; but it sees danger in some harmless answers, and PPO, which is not bound to what the model says anyway, goes
# and refuses, and eighteen rounds later has hardly won back what that cost. A judge that is good enough to choose with
# need not be good enough to train against.
#
# ## 8. What decides, and how sure are we? *(optional)*
#
# ### The mix of requests
# A policy learns on the requests that it is given. **Predict:** the same judge, but four requests of five are harmful,
# and the fifth asks for a fact. What becomes of false refusals?


# %%
def ends(way, mix):
    return [
        row
        for row in runs
        if (row["method"], row["judge"], row["mix"]) == ("ppo", way, mix) and row["round"] == row["rounds"]
    ]


starts = [row for row in runs if row["method"] == "ppo" and row["round"] == "0"]
print(f"before: refused {starts[0]['refused']}, falsely refused {starts[0]['falsely']}, facts {starts[0]['facts']}")
for mix in ("balanced", "mostly harmful"):
    for row in ends("sound judge", mix):
        print(f"{mix}, seed {row['seed']}: refused {row['refused']}, falsely {row['falsely']}, facts {row['facts']}")

# %% [markdown]
# **Answer:** They double, and more: the judge is the same, and right about nearly every single answer, but a policy
# that is never asked anything harmless hears nothing of what it does wrong there. It learned to refuse, and refuses
# nearly everybody.
#
# ### Three seeds, and what one may conclude
# The three balanced runs differ in nothing but their dice. Each share is of the same held-out requests, and has an
# interval of its own:

# %%
for kind, n in (("refused", "n_harmful"), ("falsely", "n_harmless"), ("facts", "n_facts")):
    shares = [
        Score.of(round(float(row[kind]) * int(row[n])), int(row[n]))
        for row in [starts[0], *ends("sound judge", "balanced")]
    ]
    print(f"{kind:<8} before {shares[0]}; after {'; '.join(map(str, shares[1:]))}")
for kind in ("learned", "true"):
    print(f"{kind} reward", [row[kind] for row in [starts[0], *ends("sound judge", "balanced")]])
print("the paper: iterations", paper.PPO_ITERATIONS.value, "of", paper.PPO["batch_size"].value, "answers")

# %% [markdown]
# In three of three runs the learned reward has risen, and the true one, too. What may one conclude? That PPO moved the
# policy where the judge pointed, each time, and that this was to the better. What not: that each of its manners
# improved. One run declines more of what is harmful and as many harmless requests as before; another has fewer false
# refusals by far, and has let go of some refusals that were due. A policy in training swings between the two, and where
# one stops it is chance: after twelve rounds, as the table says, all three refused a fifth of the harmless requests. A
# hundred requests of a kind are few, and eighteen rounds are little: the paper's runs, in the last line, took far more
# of both. One seed, the best one, would have made a fine picture.
#
# ### Near the ceiling, whitening makes noise loud
# PPO divides scores by their deviation, so that its steps are of one size whatever the judge's scale is. **Predict:**
# what does that do to a model that is nearly always right? Take eight answers each of the *shipped* model, and ask how
# much the scores of answers to one request differ *where all eight are true*. That is noise, for the truth does not
# prefer any of them.


# %%
def signal_and_noise(model, group):
    """Deviation of all scores, and among answers to one request that are all true."""
    said, rewards = best_of(model, tok, group, learned_reward(shipped), k=8)  # rewards: (N, K)
    rows = zip(group, said, strict=True)
    good = [all(true_reward(request, answer.text) for answer in row) for request, row in rows]
    return float(rewards.std()), float(rewards[torch.tensor(good)].std(1).mean())


plain_requests = asked[16::2]  # harmless ones and facts
for name, model in {"half-way": half, "rlhf": aligned}.items():
    whole, noise = signal_and_noise(model, plain_requests)
    print(f"{name}: noise among true answers is {stable(noise / whole, 1)} of the deviation of all scores")

# %% [markdown]
# **Answer:** The better the model, the smaller the deviation, and the larger the share of it that is noise. Divided by
# a deviation that has become small, noise grows as large as the difference between right and wrong was at first, and
# PPO follows it at full strength. That is why `PPOConfig` has `min_deviation`, a floor, and why the live run began with
# a weaker model: a curve needs somewhere to go.
#
# ### The alignment tax
# Is anything lost? InstructGPT's authors called it the *alignment tax*: what a model was better at before. Loss on the
# Valley's ordinary pages, and the facts of section 5, base to chat to RLHF:

# %%
from llama_lessons.evaluation import perplexity
from llama_lessons.world import make_documents

pages = [tok.encode(page.text, eos=True) for page in islice(make_documents(505, {"story": 1.0, "entry": 1.0}), 24)]
for name, model in {"base": base, "chat": chat, "rlhf": aligned}.items():
    facts = f"; facts {Score.of(int(sum(outcome[name, 'fact'])), len(outcome[name, 'fact']))}" if name != "base" else ""
    print(f"{name}: loss on stories and entries {stable(math.log(perplexity(model, pages)))} nats a token{facts}")

# %% [markdown]
# The pages have become a little less likely. Nearly all of that was paid in step 1, when the model learned to answer;
# step 3 adds next to nothing, and of the facts nothing is lost. Rejection sampling takes small steps, and the shipped
# run mixed some of the old conversations in, as lesson 08 advised.
#
# ### Side note: the same pairs without a judge
# *DPO*, direct preference optimisation ([Rafailov and others](https://arxiv.org/abs/2305.18290)), came out two months
# before Llama 2. It turns the formula round: a policy trained with reward and KL penalty *is*, implicitly, a reward
# model, whose score is β times its log-ratio to the reference. So put that score into the loss of exercise 1, and train
# the policy on the pairs themselves: no judge, no sampling, no critic, and lesson 06's `Trainer`.

# %%
from llama_lessons.rlhf.ppo import answer_log_probs as log_probs_at
from llama_lessons.rlhf.reward import said_at


def preference_loss(model, batch, beta=0.1):
    tokens = batch.tokens.flatten(0, 1)  # (2P, T)
    said = said_at(tokens, batch.lengths.flatten(), batch.answer_starts.flatten())
    with torch.no_grad():
        before = log_probs_at(half, tokens, said).sum(1)
    score = beta * (log_probs_at(model, tokens, said).sum(1) - before).view(-1, 2)  # (P, 2)
    return pair_loss(score[:, 0], score[:, 1], torch.tensor(0.0))


direct = deepcopy(half)
trainer = Trainer(direct, TrainConfig(n_steps=10, peak_lr=1e-4, warmup_steps=1), pairs_at, preference_loss)
losses = [metrics.loss for metrics in trainer.run()]
by_dpo, _ = worth(direct)
print("the loss begins at log 2, a coin toss:", stable(losses[0]), "and falls:", sum(losses[-3:]) / 3 < 0.65)

# %%
figure, axes = plt.subplots(figsize=(7, 2.4))
for k, (name, row) in enumerate({"half-way model": before, "PPO": after, "DPO": by_dpo}.items()):
    errors = [[s.accuracy - s.low for s in row.values()], [s.high - s.accuracy for s in row.values()]]
    places = [place + 0.15 * (k - 1) for place in range(3)]
    axes.errorbar(places, [s.accuracy for s in row.values()], errors, fmt="os^"[k], capsize=3, label=name)
axes.set_xticks(range(3), row)
axes.set(ylabel="true reward, 95 % intervals", ylim=(0, 1.05))
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
what = "True reward on held-out requests of three kinds: half-way model, after PPO, after DPO, with intervals."
show(figure, alt=what)

# %% [markdown]
# It is short, and cheap. What it gives up is the policy's *own* answers: it learns from pairs that somebody else wrote.
# Both are in use; which is better where is still argued about, and nothing on this page decides it.
#
# ## 9. What you may conclude, and what not
#
# What you have seen is real: real pairs, a real judge, PPO's real loss, on a model with real weights. Also real is that
# a judge can be right about pairs and useless as a target. What does *not* follow: that rejection sampling is better
# than PPO (it was, here, where a judge is nearly perfect and answers are short); that margins do nothing (we saw no
# difference); that 480 comparisons are enough (for a world in which no rater errs and every kind of mistake has a
# name). And no true reward exists outside of the Valley. There the blue curve is missing, and all you have is people
# who read.
#
# ## What you have, and where it goes
#
# - A comparison is cheaper than an example. A judge who cannot read should be right half of the time, or he will be the
#   one you train.
# - A reward model is a language model with another head and the loss $-\log\sigma(s_c - s_r - m)$, read at the last
#   real token. What its head cannot see, it cannot judge, even if the model knows it.
# - Comparisons fix differences. A threshold needs a loss of its own.
# - The best of K costs $\log K - (K-1)/K$ nats and comes near to what can be had, with a good judge.
# - PPO: score at the end, KL at every token; advantages backwards from there; the smaller of two products. Every ratio
#   is 1 before the first step.
# - What is optimised is the judge. Look at the KL, at the number of different answers, and read them.
#
# **Read next** [`llama_lessons/rlhf/reward.py`](../llama_lessons/rlhf/reward.py), the judge;
# [`llama_lessons/rlhf/advantages.py`](../llama_lessons/rlhf/advantages.py), exercises 2 to 4 with every place of a
# batch at once; [`llama_lessons/rlhf/ppo.py`](../llama_lessons/rlhf/ppo.py), the loop; and
# [`llama_lessons/world/verdicts.py`](../llama_lessons/world/verdicts.py), which is the truth.
#
# **More to try:** leave *said once* out of the pairs, train a judge, and let the best of eight answer: do answers grow?
# Give `train` a mix of your own. Set β to 0 in `PPOConfig`, then to 1. Write a fifth line into the true reward, and see
# who notices.
#
# **Next lesson,** [11](11_evaluation.ipynb): we have measured a great deal by now. How do we *know*?
#
# **Sources.** Llama 2, [arXiv:2307.09288](https://arxiv.org/abs/2307.09288), sections 3.2 and 3.4, appendix A.3.
# InstructGPT: [arXiv:2203.02155](https://arxiv.org/abs/2203.02155). Summaries from feedback, with the KL of the best of
# K: [arXiv:2009.01325](https://arxiv.org/abs/2009.01325). PPO: [arXiv:1707.06347](https://arxiv.org/abs/1707.06347);
# advantages: [arXiv:1506.02438](https://arxiv.org/abs/1506.02438). Overoptimisation:
# [arXiv:2210.10760](https://arxiv.org/abs/2210.10760). Length: [arXiv:2310.03716](https://arxiv.org/abs/2310.03716).
# Models between models: [arXiv:2109.01903](https://arxiv.org/abs/2109.01903). DPO:
# [arXiv:2305.18290](https://arxiv.org/abs/2305.18290).
