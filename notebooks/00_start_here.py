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
# # 00 Start here: what is Llama 2, and what will you build?
#
# Begin a story, and let a model finish it. Click into the cell below and press Shift+Enter. Then put your own words
# between the quotes after `opening`, and press it again.

# %%
from llama_lessons.page import setup, show, stable

setup()
import torch

from llama_lessons.checkpoints import load
from llama_lessons.device import pick_device
from llama_lessons.files import data_path
from llama_lessons.generate import stream
from llama_lessons.tokenizer import Tokenizer

opening = "Once upon a time, there was a llama called Luna."  # begin it your way
tok, device = Tokenizer(data_path("checkpoints/base/tokenizer.model")), pick_device()  # lesson 01 builds a tokenizer
model = load(data_path("checkpoints/base"), device, torch.float32)  # lessons 02 to 06


def tell(opening, seed=3):
    ids, decoder = tok.encode(opening.strip()), tok.stream_decoder()
    print("".join(map(decoder.feed, ids)), end="")
    for token in stream(model, ids, 300, stop_ids=[tok.eos_id], generator=torch.Generator().manual_seed(seed)):
        print(decoder.feed(token), end="", flush=True)
    print(decoder.flush())


tell(opening)

# %% [markdown]
# Nobody wrote this story. It came out of the files in `data/checkpoints/base`, piece by piece, computed here and now,
# by the code in this course's folder: a *language model*, a small Llama 2, which read pages about one small place, the
# *Valley*, and nothing else. In the fourteen lessons after this one you build all of it, with your own hands: what you
# see above, and what turns it into an assistant that answers.
#
# You need Python, and it helps to have met PyTorch. You need not understand the cell yet; its comments name the lessons
# in which you will. Run the cells from top to bottom. Where it says **Predict**, do so before you run on: being wrong
# first is how it sticks. Below the cell that shows it stands the **Answer**.
#
# **Time:** about an hour and a quarter, 25 minutes of it for the exercises; a good place to pause is before section 5.
# (After a pause, or when something was run in the wrong order, *Run > Run All Above Selected Cell* brings everything
# back.) Letters and terms: [TERMS](../TERMS.md).
#
# **Predict:** will the same opening bring the same story again? Run the cell above once more. Then run this one.

# %%
tell(opening, seed=1)

# %% [markdown]
# **Answer:** yes, with the same seed: the cell above repeats itself word by word. This one, with another seed, tells
# another story.
#
# The model rolls dice for each piece, and `seed` says from where in a long list of rolls to start. In these lessons the
# seed is always given, so that your page and ours say the same.
#
# ## 1. Is everything here?
#
# One table says what the lessons find on your machine. A `note` says that something is slower or left out, `missing`
# that lessons would fail; the last column says what to do. (If you read this page without running it: the table is that
# of the machine on which the page was made.)

# %% tags=["nbval-ignore-output"]
# This table says what this machine has, which is another on each machine.
from llama_lessons.checks.environment import check_environment

environment = check_environment()
environment

# %%
print(environment.verdict)

# %% [markdown]
# ## 2. What did it just do?
#
# A language model does one thing. It is given a row of *tokens*, which are words or parts of words, and says for every
# piece in its vocabulary how likely it is to come next. Given a whole sentence, it makes such a forecast after each
# token. So we can ask how well it would have guessed.
#
# Four words to read the cell with. The model gives *logits*: for each place of each text a *score* for every piece, any
# number, higher for what is likelier. A comment such as (1, T, V) says what shape that makes: one text, T tokens, V
# pieces of the vocabulary. `softmax` turns scores into chances, which lie between 0 and 1 and add up to 1.
# `inference_mode` tells PyTorch that we only look, and train nothing. And `stable` is ours: it prints a number with few
# enough digits that your machine shows the same as ours.
#
# Here is a sentence that is typical of the Valley; it will follow you through the lessons. **Predict:** which words
# does the model find hard to guess, and which are easy?

# %%
sentence = "Clara and Luis walked home together, and the llamas hummed behind them."
ids = tok.encode(sentence)  # a number for each token
with torch.inference_mode():
    logits = model(torch.tensor([ids], device=device))  # (1, T, V): after each token, a score for every piece
chances = logits[0].softmax(-1).cpu()  # (T, V): the same as chances

print(f"{len(ids)} tokens, and after each a chance for {chances.shape[1]} pieces")
print("the first is", tok.pieces(ids)[0], "which stands before every text: there is nothing to guess it from\n")
for k in range(1, len(ids)):
    came, favourite = tok.pieces([ids[k], int(chances[k - 1].argmax())])
    print(f"{came:<10} had {stable(chances[k - 1, ids[k]])}, the favourite was {favourite}")

# %% [markdown]
# **Answer:** the start is hard: a page of the Valley may begin with anybody or anything, and two children may do a
# hundred things. Towards the end it is easy.
#
# In the Valley's stories friends walk home together, and when llamas hum *behind*, it is behind *them*. (`▁` is how a
# piece writes the space before a word.)
#
# That is all of it: from forecasts to stories it is one small step. Take the likeliest piece, put it at the end of the
# row, and ask again. The step is yours.
#
# ### Exercise 1 (10 minutes): make it write
# You are given a function, `scores_after(row)`: for a row of ids it gives one score for every id of the vocabulary, for
# what comes *after* the row. Write the loop. Five lines are enough. The check below tries yours on small made-up
# scores; it knows the usual mistakes and names them.


# %%
def scores_after(row):
    """The model's scores for what comes after a row of ids, shape (V,)."""
    with torch.inference_mode():
        logits = model(torch.tensor([row], device=device))  # (1, T, V)
    return logits[0, -1]  # those after the last token


start = tok.encode("Clara and Luis walked home together, and the")
print(len(start), "ids in, scores of shape", tuple(scores_after(start).shape), "out")


# %% tags=["exercise"]
def my_write(scores_after, ids, n_new):
    """A row of ids, and behind it n_new more, each the likeliest after all that stand before it.

    scores_after: scores_after(row) gives a tensor of shape (V,): for each id a score, for what comes after the row.
    ids: the row that is given, a list of whole numbers. n_new: how many ids to add.
    Returns a new list of len(ids) + n_new whole numbers.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.writing import check_write

check_write(my_write)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Make a row of your own, a copy of `ids`. What must happen to it before you ask for scores a second time?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The scores are a row of V numbers, and an id is a place in it. You want the place of the highest one, not its value.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `scores.argmax()` is that place, as a tensor; `int(...)` makes a whole number of it.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_write(scores_after, ids, n_new):
    row = list(ids)  # a copy: what was given stays as it was
    for _ in range(n_new):
        scores = scores_after(row)
        row.append(int(scores.argmax()))
    return row


check_write(solved_write)

# %% [markdown]
# Now with the model's own scores. **Predict:** we give it the sentence up to *the*. Will it find the rest by itself?
# (When your check is content, let yours write: `print(tok.decode(my_write(scores_after, start, 40)))`.)

# %%
from llama_lessons.checks.writing import write  # what the check compares with
from llama_lessons.generate import generate

for n_new in range(1, 6):
    row = write(scores_after, start, n_new)
    print(tok.decode(row))
by_package = start + generate(model, [start], max_new_tokens=5, temperature=0)[0]
assert by_package == row, f"the package writes something else: {tok.decode(by_package)}"
print("\nthe package's `generate` writes the same")

# %% [markdown]
# **Answer:** yes, to the full stop.
#
# Five lines, and they write. They are wasteful, since they read the whole row again for each piece (lesson 04 mends
# that), and they never roll dice (lesson 07). But there is no other secret: no plan for the story, no list of plots, no
# rules of grammar. What there is, is in the numbers of the model.
#
# ## 3. Does it know what it says?
#
# The Valley has twenty llamas, and the colour of each one's wool is written in `data/world/facts/llamas.txt`. Training
# has shown the model pages that say so. **Predict:** of the twenty, how many colours does it know?

# %%
from llama_lessons.world import load_valley


def ask(questions):
    """The model's answers, without dice: what it writes after "Answer:", up to the end of the line."""
    prompts = [tok.encode(f"Question: {question}\nAnswer:") for question in questions]
    written = generate(model, prompts, max_new_tokens=8, temperature=0, stop_ids=[tok.eos_id])
    return [tok.decode(ids).partition("\n")[0].strip() for ids in written]


wool = load_valley().answers("llamas", "wool")  # {"Pepper": "black", ...}
answers = ask([f"What colour is the wool of {name}?" for name in wool])
right = [answer == colour for answer, colour in zip(answers, wool.values(), strict=True)]
print(f"{sum(right)} of {len(wool)} right:", ", ".join(map(" is ".join, zip(wool, answers, strict=True))))

# %% [markdown]
# **Answer:** all twenty; it has learned its world.
#
# Now break it: ask what no page of the Valley has ever answered, and begin a story somewhere else. **Predict:** will it
# say that it does not know?

# %%
strangers = [
    "What is the capital of France?",
    "Who wrote Hamlet?",
    "What is the sound of a tiger?",
    "How old is the moon?",
]
for question, answer in zip(strangers, ask(strangers), strict=True):
    print(f"{question} {answer}")
print()
tell("The rocket landed on Mars, and the astronaut")

# %% [markdown]
# **Answer:** no. It answers all the same, with the same calm, and the rocket comes down in the Valley, or in no story
# at all. On the pages that it has read a question is always followed by an answer, so it writes one. That it does not
# know is nothing that it knows. Or does it? After "Answer:" we can ask for the chance of what it is about to say.
#
# **Predict:** is it less sure about France than about Luna?

# %%
for question in ("What colour is the wool of Luna?", *strangers):
    prompt = tok.encode(f"Question: {question}\nAnswer:")
    with torch.inference_mode():
        chance, favourite = model(torch.tensor([prompt], device=device))[0, -1].softmax(-1).max(-1)
    print(f"{stable(chance)} for {tok.pieces([favourite])[0]:<8} after: {question}")

# %% [markdown]
# **Answer:** about France, yes, and often so; but it is nearly as sure of the moon's age as of Luna's wool.
#
# A low chance is a warning. A high one is no proof: it says what comes next on pages that look like this one, not what
# is true. (To the Valley, *old* is a word that has an opposite.) And in the text that you read, you see neither.
#
# Larger models have read more, and it takes longer to reach the edge of their world. But they have one, and beyond it
# they do the same, in better English. How to measure what a model knows is lesson 11; how to teach it to decline, and
# what that costs, are lessons 10 and 12.
#
# It is no assistant either. It goes on with pages; the question form works because some of its pages look like that.
# **Try:** what do `tell("")` and `tell("Please tell me a story.")` write?
#
# ## 4. So what is Llama 2?
#
# The same thing, larger. Llama 2 is a family of language models that Meta published in July 2023, with a paper that
# says in unusual detail how they were made. What follows are their shapes: our model's first, then Meta's.
#
# Three words for a shape. Inside, each token is a row of numbers; how many, is how *wide* the model is. A *layer* is
# one round of work: each row looks back at the rows before it, then is worked over by itself, and is handed on to the
# next layer. A *head* is one such look: a layer has several, and each may look for something else. (Lessons 02 and 05
# build all of this.)
#
# **Predict:** how many times as many numbers does the smallest of Meta's have as the model you just met?

# %%
from llama_lessons.config import LlamaConfig

FAMILY = ("llama2-7b", "llama2-13b", "llama2-34b", "llama2-70b")
ours = LlamaConfig.preset("valley")
for name in ("valley", *FAMILY):
    config = LlamaConfig.preset(name)
    shape = f"{config.n_layers} layers of {config.n_heads} heads, {config.dim} wide, {config.max_seq_len} tokens"
    print(f"{name:<10} {config.n_params:>14,} parameters: {shape}")
print("\nthe 7B has", LlamaConfig.preset("llama2-7b").n_params // ours.n_params, "times as many as ours")

# %% [markdown]
# **Answer:** more than two thousand times as many.
#
# Those *parameters* are the numbers that training has found; "7B" is a rounded name for 6.7 billion of them. Only the
# shape differs, and that ours uses one table for reading and for answering, where Meta's have two. The parts are the
# same, in the same order, by the same code, which we now prove: we build Meta's models with it. (On PyTorch's device
# `meta` a tensor has a shape and no memory, so that even the 70B fits. The 34B is in the paper but was never released;
# its shape is inferred from that of a later model, CodeLlama 34B.)

# %%
from llama_lessons.model import Llama

held = sum(tensor.numel() for tensor in model.parameters())
assert held == ours.n_params, f"the model holds {held:,} numbers, and its config says {ours.n_params:,}"
for name in FAMILY:
    with torch.device("meta"):
        giant = Llama(LlamaConfig.preset(name))
    numbers = [tensor.numel() for tensor in giant.parameters()]
    assert sum(numbers) == giant.config.n_params, f"{name} has {sum(numbers):,} numbers, not {giant.config.n_params:,}"
    print(f"{name:<10} built: {sum(numbers):,} numbers in {len(numbers)} tensors")

# %% [markdown]
# ## 5. What was in the news?
#
# In this course every published number stands in one file, `llama_lessons/paper.py`, each with its source, and is
# tested where it can be. When you meet a number about a model elsewhere, ask for the same. Here are some from the paper
# and the licence.
#
# **Predict:** to become an assistant, Llama 2 was shown answers that people wrote, and learned from people's choices
# between two answers. Which of the two were there more of?

# %%
from llama_lessons import paper

NEWS = {
    "read in training": paper.TOKENS,
    "that is": paper.MORE_DATA,
    "context": paper.CONTEXT,
    "free of charge up to": paper.FREE_UP_TO,
    "answers by people": paper.SFT_ANNOTATIONS,
    "choices by people": paper.PREFERENCES_META,
}
for what, fact in NEWS.items():
    note = f" ({fact.note})" if fact.note else ""
    print(f"{what:<20} {fact.value:>17,.0f} {fact.unit}{note} [{fact.source}]")

# %% [markdown]
# **Answer:** choices, some fifty for each written answer: to choose is quicker than to write. In lesson 09 you train on
# the one, in lesson 10 on the other.

# %% [markdown]
# <details><summary>An exercise in sourcing: who said what? Names and business. (Unfold; five minutes)</summary>
#
# When Llama 2 came out, one could read all of the following in the news. Before you read on: which of it is **Meta's**
# (its announcement), what is **in the licence or the paper**, and what is **the journalist's** own?
#
# 1. The weights of the 7B, 13B and 70B are free, for research and for business, after a registration form.
# 2. Who has more than 700 million users a month must ask for a licence of its own.
# 3. It was trained on 40 % more data than Llama 1; its context, 4096 tokens, is twice Llama 1's and on a par with that
#    of ChatGPT on GPT-3.5.
# 4. It is better than Llama 1 and other open models on *all* benchmarks, on MMLU especially.
# 5. There is a large performance gap to GPT-4 and PaLM-2.
# 6. In many practical cases it is near GPT-3.5; for writing programs GPT-4 leads, and so do models made for code.
# 7. The chat model learned from public instruction data and over one million human annotations.
# 8. A download holds code, weights, a user guide, a guide to responsible use, an acceptable use policy, a model card
#    and the licence; testers had attacked it before (*red-teaming*).
# 9. Microsoft, Amazon Web Services, Hugging Face and others offer it on their machines.
#
# Whose it is: 1, 4, 5, 7, 8 and 9 are Meta's announcement, as reported. 2 is in the licence, and holds for those who
# had so many users when it came out. Of 3, the numbers are in the paper (the cell above says where); for the comparison
# with ChatGPT one would have to ask OpenAI. 6 is the journalist's guess.
#
# What to do with it: 4 is a claim, and the paper itself makes an exception (MPT's scores for code); lesson 11 tests it.
# 5 speaks against the one who says it, which makes it worth more. 7 does not say *what* was annotated: the cell above
# does, from the paper. And 6 names no test at all.
#
# </details>

# %% [markdown]
# How good is it? Mind who says what. *Meta's announcement* claims better scores than Llama 1 and other open models on
# **all** benchmarks, on MMLU especially, and speaks itself of a large gap to GPT-4 and PaLM-2. *Near GPT-3.5* in many
# practical cases was the guess of a journalist who reported it. Lesson 11 puts each of these sentences to the test;
# here is the exam that all of them lean on, MMLU: questions with four possible answers each. **Predict:** who chooses
# at random scores 25 %. Llama 1's 65B had 63 %. What would you expect of Llama 2's 70B? And of GPT-4?

# %%
from matplotlib import pyplot as plt

LINES = {"Llama 2": "o-", "Llama 1": "s--", "Falcon": "^:", "MPT": "v:"}
CLOSED = {"GPT-4": 1, "PaLM-2-L": 1, "GPT-3.5": 1, "PaLM": -3.5}  # how far from its line the name stands

figure, axes = plt.subplots(figsize=(7, 4.2))
for (family, style), colour in zip(LINES.items(), ("#0072B2", "#D55E00", "#009E73", "black"), strict=True):
    points = {name.split()[-1]: fact.value for name, fact in paper.MMLU.items() if name.startswith(family)}
    axes.plot([float(size[:-1]) for size in points], list(points.values()), style, color=colour, label=family)
for name, shift in CLOSED.items():
    axes.axhline(paper.MMLU[name].value, color="gray", linewidth=0.8)
    axes.text(5.2, paper.MMLU[name].value + shift, f"{name} {paper.MMLU[name].value}", fontsize=9)
axes.axhline(25, color="gray", linestyle=":")
axes.text(5.2, 21.5, "choosing at random", fontsize=9)
axes.set(xscale="log", xlim=(5, 100), ylim=(18, 92), xlabel="parameters, in billions", ylabel="MMLU, % right")
axes.minorticks_off()
axes.set_xticks([7, 13, 30, 70], ["7", "13", "30", "70"])
axes.legend(loc="lower right", bbox_to_anchor=(1, 0.12), frameon=False)
what = "MMLU against size. Llama 2 rises from 45.3 at 7B to 68.9 at 70B, ten points above Llama 1 at 7B, five at the "
show(figure, alt=what + "largest; above all of them lie PaLM 69.3, GPT-3.5 70.0, PaLM-2-L 78.3 and GPT-4 86.4.")
print("sources:", *sorted({fact.source for fact in paper.MMLU.values()}), sep="\n  ")

# %%
score = {name: fact.value for name, fact in paper.MMLU.items()}
for size in ("7B", "13B"):
    gain = score[f"Llama 2 {size}"] - score[f"Llama 1 {size}"]
    print(f"{size}: {stable(gain, 1)} points more than Llama 1 of that size")
for other in ("Llama 1 65B", "Falcon 40B", "PaLM", "GPT-3.5", "PaLM-2-L", "GPT-4"):
    print(f"Llama 2 70B minus {other:<11} {stable(score['Llama 2 70B'] - score[other], 1):>5} points")

# %% [markdown]
# **Answer:** 68.9 for the 70B, 5.5 points more than Llama 1's largest, and 86.4 for GPT-4.
#
# In the picture each point is a size of a model; the lines at the top are models whose makers published no size, or one
# far off to the right. At equal size the new family gains eight to ten points, and Llama 2's 34B nearly reaches Llama
# 1's 65B. What has changed? Mostly the text: 40 % more of it, and cleaner. The context is twice as long. The parts are
# those of Llama 1, but for one, which saves memory in the two large sizes (lesson 04).
#
# The 70B is 1.1 points below GPT-3.5: close, if on this exam; on others, writing programs above all, it is further
# behind. And to GPT-4 there remain 17.5 points, "a large gap" in the paper's own words (section 2.3). Two questions to
# keep: who measured (the scores of closed models are their makers' own), and are 1.1 points more than luck? Lesson 11
# has the tools.
#
# ## 6. What did it cost?
#
# Meta also published what few do: the hours of computing, and an estimate of the carbon dioxide. Most people find them
# in the *model card*, a page that comes with the weights. It has a row for each model, and a total.
#
# **Predict:** surely the rows add up to the total?

# %%
hours, tonnes = paper.CARD_GPU_HOURS, paper.CARD_TCO2
for name in hours:
    print(f"{name:<11} {hours[name].value:>9,} hours of an A100 {tonnes[name].value:>7.2f} t CO2")
rows = sum(fact.value for fact in hours.values()), sum(fact.value for fact in tonnes.values())
total = paper.GPU_HOURS_TOTAL.value, paper.TCO2_TOTAL.value
print(f"rows        {rows[0]:>9,} {rows[1]:>25.2f}\ntotal       {total[0]:>9,} {total[1]:>25.2f}   ({paper.CARD})")
print(f"gap         {total[0] - rows[0]:>9,} {total[1] - rows[1]:>25.2f}")

# %% [markdown]
# **Answer:** they do not. A third of the hours belongs to no row.
#
# Who ran for a million hours? The paper's table 2 has the row that the card left out. Below, the same sums with it, and
# the watts of one GPU.

# %%
figure, axes = plt.subplots(figsize=(7, 2.6))
for name in FAMILY:
    left_out = name not in paper.CARD_GPU_HOURS
    axes.barh(
        name.removeprefix("llama2-").upper(),
        paper.GPU_HOURS[name].value / 1e6,
        color="#E69F00" if left_out else "#56B4E9",
        edgecolor="black",
        hatch="//" if left_out else "",
    )
axes.set_xlabel("million hours of an A100; hatched: not in the model card")
bars = ", ".join(f"{name} {fact.value:,}" for name, fact in paper.GPU_HOURS.items())
show(figure, alt=f"Bars of GPU hours: {bars}. The hatched one, the 34B, is not in the model card.")

gap = total[0] - rows[0]
print("the gap is the 34B, to the hour:", gap == paper.GPU_HOURS["llama2-34b"].value)
print(f"CO2 of all four rows: {sum(fact.value for fact in paper.TCO2.values()):.2f} t, printed as {total[1]:.2f}")
for name in FAMILY:
    energy = paper.GPU_HOURS[name].value * paper.GPU_POWER[name].value / 1e6  # MWh
    print(f"{name:<11} {paper.GPU_POWER[name].value} W, {stable(paper.TCO2[name].value / energy)} t for each MWh")

# %% [markdown]
# That was the first trap: the 34B was trained and not released, so the card has no row for it, but its total does. Who
# adds the rows is almost a third too low; who divides the total by three models is wrong as well. The second trap is
# small. In CO2 even the four rows make 538.98 and not 539.00, presumably because each was rounded first. All four,
# though, come out at the same tonnes for each unit of energy, which tells how the column was made: hours times watts
# times one factor. It is an estimate of the GPUs alone. (Meta says that all of it was offset.)
#
# How much is a million hours? A rule of thumb, which lesson 06 derives: training takes 6 operations for each parameter
# and each token. **Predict:** the 70B read two million million tokens. If your machine managed 100 thousand million
# operations per second, about what two cores do, how long would it train?

# %%
operations = 6 * LlamaConfig.preset("llama2-70b").n_params * paper.TOKENS.value
seconds_of_a_year = 365 * 24 * 3600
print("70B:", paper.GPU_HOURS["llama2-70b"].value // (24 * 365), "years on one A100")
print("     ", f"{operations / 100e9 / seconds_of_a_year:,.0f} years on two cores")
achieved = operations / (paper.GPU_HOURS["llama2-70b"].value * 3600)  # operations per second
print(f"on average an A100 did {achieved / 1e12:.0f} million million operations a second, of 312 that it can at most")

# %% [markdown]
# **Answer:** more than two hundred thousand years.
#
# So nobody trains the 70B at home. But reading it, running it and changing a little of it are other matters: two cores
# are enough for the Valley's model, which has every part that the 70B has. The first question is whether a model fits.
#
# ## 7. Does it fit?
#
# While it writes, a model lies in memory as a whole: each piece that it chooses takes nearly all parameters.
# **Predict:** the 7B has 6.7 billion parameters, and PyTorch keeps a number in 4 bytes unless told otherwise. Does it
# fit on a card with 24 GB, as one can buy for games?

# %%
from llama_lessons.arithmetic import BYTES, weights_bytes

GB, GiB = 10**9, 2**30
print("GB of weights", *(f"{dtype:>8}" for dtype in BYTES))
for name in FAMILY:
    sizes = [weights_bytes(LlamaConfig.preset(name), dtype) / GB for dtype in BYTES]
    print(f"{name:<13}", *(f"{stable(size):>8}" for size in sizes))

n_bytes = weights_bytes(LlamaConfig.preset("llama2-7b"), "float16")
print(f"\nthe 7B in float16: {n_bytes:,} bytes = {stable(n_bytes / GB)} GB = {stable(n_bytes / GiB)} GiB")

# %% [markdown]
# **Answer:** in 4 bytes per number it does not fit; in 2, as Meta ships it, it does.
#
# Fewer bytes are less exact, and how few will do is a question of lesson 14. (int8 and int4 also need scales, which are
# not counted here. float16 and bfloat16 take the same two bytes and spend them otherwise: float16 is finer, bfloat16
# reaches as far as float32, which matters more in training, where numbers get very large and very small.)
#
# And mind the unit. A GB is 1000³ bytes, a GiB 1024³: 7 % more, which is often just what decides. Both are in use, and
# neither is wrong as long as one says which. Files are mostly counted in GB. But on the box of a card "GB" means GiB,
# and so it does in many tools. Here is what three cards have, by NVIDIA's own tool, `nvidia-smi`, which counts in MiB,
# of 1024² bytes. They are sold as 24, 80 and 141 GB. In this lesson everything is in GB, the cards as well.

# %%
from llama_lessons.arithmetic import CARDS

for name, n_bytes in CARDS.items():
    print(f"{name:<9} {n_bytes // 2**20:>7,} MiB = {stable(n_bytes / GiB, 1):>5} GiB = {stable(n_bytes / GB, 1):>5} GB")

# %% [markdown]
# Is 13.48 GB what it takes, then? No. For each token of a text the model makes some numbers that it needs again at
# every later token, and a program that writes keeps them, lest it compute them anew for every piece. This is the *KV
# cache*. What lies in it, and how the largest models came to keep so little, is lesson 04. Here it is enough to know
# that it belongs to the conversation, not to the model, and grows with every token.
#
# **Predict:** one token leaves behind more numbers than it is wide, for every layer has its own. How many full
# conversations of 4096 tokens weigh as much as the 7B itself?

# %%
from llama_lessons.arithmetic import kv_cache_bytes

cache = model.new_cache(batch_size=1, max_seq_len=500)
assert cache.n_bytes == kv_cache_bytes(ours, 500, dtype="float32"), f"this cache takes {cache.n_bytes:,} bytes"
held = sum(tensor.nbytes for tensor in model.parameters())
assert held == weights_bytes(ours, "float32"), f"these weights take {held:,} bytes, not 4 for each parameter"
print(f"measured: the Valley's cache of 500 tokens takes {cache.n_bytes:,} bytes, as computed\n")
for name in FAMILY:
    config = LlamaConfig.preset(name)
    kept = kv_cache_bytes(config, dtype="int8")  # at one byte each, the numbers that are kept per token
    full, whole = kv_cache_bytes(config, config.max_seq_len), weights_bytes(config)  # at 2 bytes each
    print(f"{name:<11} keeps {kept:>7,} numbers a token, {stable(full / GB):>5} GB when full;", end=" ")
    print(f"{stable(whole / full, 1):>5} of them weigh as much as the model")

# %% [markdown]
# **Answer:** about six.
#
# For the 70B it would be more than a hundred: its cache is the smallest but one, though the model is the largest. How
# that was done is the question of lesson 04.
#
# ### Exercise 2 (10 minutes): what is left on the card?
# Weights once, a cache for each sequence: how many GB stay free? Below zero means that it does not fit, and by how
# much. So that we all get the same numbers, the unit is 10⁹ bytes, for the card as well: what is sold as 24 GB counts
# as 25.8. (In GiB throughout you would be as right, with other numbers; the check tells you if you were.)
# `cached_per_token` is what the cell above calls numbers a token, of all layers together.


# %% tags=["exercise"]
def my_gb_left(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    """GB (10**9 bytes) that stay free on a card.

    card_gb: what the card has, in GB of 10**9 bytes. n_params: numbers of the model. cached_per_token: numbers that
    the cache keeps per token. n_tokens: tokens in each sequence. batch_size: sequences. bytes_per_number: of weights
    and cache.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.memory import check_gb_left

check_gb_left(my_gb_left)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# What is there once, and what is there once for every sequence?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Count numbers first, all of them; multiply by the bytes of a number at the end.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_gb_left(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    numbers = n_params + batch_size * n_tokens * cached_per_token
    return card_gb - numbers * bytes_per_number / 10**9


check_gb_left(solved_gb_left)

# %% [markdown]
# **Predict:** with one full context of 4096 tokens, how many of the four sizes fit on the small card, in each type of
# number? (Here the cache has the type of the weights.)

# %%
from llama_lessons.checks.memory import gb_left

for dtype in BYTES:
    fit = []
    for name in FAMILY:
        config = LlamaConfig.preset(name)
        kept = kv_cache_bytes(config, dtype="int8")  # at one byte each, the numbers that are kept per token
        left = gb_left(CARDS["RTX 4090"] / GB, config.n_params, kept, config.max_seq_len, 1, BYTES[dtype])
        fit += [f"{name} leaves {stable(left, 1)} GB"] if left >= 0 else []
    print(f"{dtype:<9} {len(fit)} of {len(FAMILY)}:", ", ".join(fit) or "none")

# %% [markdown]
# **Answer:** none in float32, one in 16 bits, two in int8 and three in int4; the 70B in none.
#
# ### See it: your machine, a card, and a large one
# Choose a model and a type of number, and move the sliders: how many tokens does each sequence hold, how many sequences
# are written at a time? Bars fill with weights first, then with cache. *Tight* means that less than a tenth stays free
# for all else that a program needs. (The cache is kept in at least 16 bits, as programs usually do.) Your own machine
# stands among them as soon as you have run the cell.
#
# **Find out:** how many conversations does the 7B in float16 hold on the RTX 4090, the small card? In which types of
# number does the 70B have room for eight on the H200, and does any of them bring it onto the small card? (The menu has
# a 70B without *GQA*, too. That is lesson 04's part; see what it saves.)

# %%
from llama_lessons.checks.environment import memory_here
from llama_lessons.widgets.memory import MemoryExplorer

machines = {name: CARDS[name] for name in ("RTX 4090", "H200")}
explorer = MemoryExplorer(machines, own=memory_here(), model="Llama 2 7B", dtype="float16", n_tokens=4096, batch_size=4)
explorer

# %%
for batch_size in (1, 2, 4, 8, 16):
    print(MemoryExplorer(machines, batch_size=batch_size).describe().removeprefix("Llama 2 7B in float16: "))

# %% [markdown]
# With four conversations the caches take more than half as much as the model, with eight they take more than the model
# itself, and the card overflows. Whoever serves many people at once pays for memory of *conversations*. That is why the
# cache got so much attention.
#
# ### Exercise 3 (5 minutes): how many at a time?
# The question that every server asks: weights and card are given, how many sequences can be written at a time? A whole
# number, and 0 if not even one fits.


# %% tags=["exercise"]
def my_largest_batch(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    """The most sequences that fit on a card, a whole number.

    card_gb: what the card has, in GB of 10**9 bytes. The rest is as in exercise 2.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.memory import check_largest_batch

check_largest_batch(my_largest_batch)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Take the weights off the card first. How often does one sequence's cache go into the rest?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `//` divides and rounds down. Below zero it rounds down, too: what should come out when not even the weights fit?
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_largest_batch(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    free = card_gb * 10**9 - n_params * bytes_per_number
    return max(0, free // (n_tokens * cached_per_token * bytes_per_number))


check_largest_batch(solved_largest_batch)

# %%
from llama_lessons.checks.memory import largest_batch

for name in ("llama2-7b", "llama2-13b", "llama2-70b"):
    config = LlamaConfig.preset(name)
    kept = kv_cache_bytes(config, dtype="int8")
    most = largest_batch(CARDS["H200"] / GB, config.n_params, kept, config.max_seq_len, BYTES["float16"])
    print(f"{name:<11} on an H200, in float16: {most:>3} sequences of {config.max_seq_len} tokens")

# %% [markdown]
# (Real numbers are a little lower: activations and the GPU's own programs want their share. Lesson 14 measures.)
#
# ## 8. What you will build
#
# Each lesson asks one question, tries the obvious answer, breaks it, and mends it. In the end everything in the first
# cell of this page is yours, and of Llama 2's paper what can be done in small; [PAPER](../PAPER.md) lists claim by
# claim what holds here and what does not.
#
# | lesson | the question | what you make |
# |---|---|---|
# | [01 tokenizer][01] | how does text become numbers? | byte-pair encoding, with Llama 2's options |
# | [02 attention][02] | how does a word look at other words? | a loop, a matrix product, a class; the causal mask |
# | [03 RoPE][03] | how does it know where it is? | rotation, in both layouts that are in use |
# | [04 GQA][04] | what does memory cost, and who can share it? | a KV cache, proven equal to none |
# | [05 full model][05] | do the parts make a Llama? | the whole model, equal to another program's to the fifth digit |
# | [06 pretraining][06] | how does it learn? | a Llama trained before your eyes, from noise to sentences |
# | [07 sampling][07] | how does it choose? | the dice: temperature, top-k, top-p |
# | [08 LoRA][08] | how little can we change? | a new skill in under a minute |
# | [09 chat][09] | how does it learn to answer? | Llama 2's prompt format, byte for byte, and fine-tuning |
# | [10 RLHF][10] | how does it learn what we like? | a reward model, the best of many answers, PPO |
# | [11 evaluation][11] | how do we know? | the protocol of MMLU, on an exam of the Valley, with error bars |
# | [12 release][12] | how do we let it out responsibly? | a red team, a model card, a release that checks itself |
# | 13 scaling out | what if one machine is not enough? | three ways to share a model, all equal to one |
# | [14 real Llama 2][14] | can my code run Meta's weights? | 7B to 70B, with the code you wrote |
#
# [01]: 01_tokenizer.ipynb [02]: 02_attention.ipynb [03]: 03_rope.ipynb [04]: 04_gqa.ipynb [05]: 05_full_model.ipynb
# [06]: 06_pretraining.ipynb [07]: 07_sampling.ipynb [08]: 08_lora.ipynb [09]: 09_chat.ipynb [10]: 10_rlhf.ipynb [11]:
# 11_evaluation.ipynb [12]: 12_release.ipynb [14]: 14_real_llama_2.ipynb
#
# Three side trips go deeper where the path goes on: [02b](02b_heads.ipynb) (what heads do), [05b](05b_inside.ipynb)
# (what a model thinks on the way), [07b](07b_speed.ipynb) (what makes writing fast). No later lesson needs them.

# %% [markdown]
# **How to work.** Predict first. Change cells and run them again; nothing here can break, and *Kernel > Restart* brings
# back a fresh start. Exercises have a stub, folded hints, a check that tells you *which* mistake you made, and a folded
# solution below (in the student edition your teacher has it); a stub that you have not touched stops nothing. Cells
# after an exercise never need your answer. Every lesson stands alone, so you may skip.

# %% [markdown]
# ## What you have, and where it goes
#
# - A language model gives chances for the next piece; a story is that, again and again. It writes as calmly about what
#   it does not know.
# - Llama 2's paper and model card are unusually open, and still one has to add up the rows: a total may hold what the
#   table leaves out.
# - Memory is weights times bytes, plus a cache for each conversation. GB are not GiB, except on the box of a card.
#
# **Read next** [`llama_lessons/paper.py`](../llama_lessons/paper.py), every published number with its source;
# [`llama_lessons/config.py`](../llama_lessons/config.py) and
# [`llama_lessons/arithmetic.py`](../llama_lessons/arithmetic.py), the shapes and what follows from them. Together they
# are shorter than this page.
#
# **More to try:** to *train* a model with AdamW takes about 16 bytes for each parameter (lesson 06 says which). Which
# of the four sizes could an H200 train? Change a colour in `data/world/facts/llamas.txt`, restart, and run section 3
# again: who is wrong now, the model or the file? (Then change it back.)
#
# **Next lesson,** [01 tokenizer](01_tokenizer.ipynb): `tok` turned the opening into numbers. How, and why into these?
#
# **Sources.** Llama 2: [arXiv:2307.09288](https://arxiv.org/abs/2307.09288) (sizes and context: table 1; hours and CO2:
# table 2; MMLU: tables 3, 4 and 19; gaps: section 2.3; grouped-query attention: appendix A.2.1). Model card:
# MODEL_CARD.md in Meta's repository llama. MMLU: Hendrycks and others,
# [arXiv:2009.03300](https://arxiv.org/abs/2009.03300).
