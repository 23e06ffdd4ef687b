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
# # 11 Evaluation: how do we know?
#
# Llama 2's announcement said that it was better than other open models, on an exam called MMLU above all; newspapers
# added that it came near GPT-3.5. Behind such sentences stand numbers like 68.9. A number looks like a measurement. But
# what was held against what, how exactly was it asked, and would the same number come out tomorrow?
#
# In this lesson you measure three models whose every secret you know: the Valley's base model, the chat model of lesson
# 09 and the one of lesson 10 that learned from preferences. You will see the same model score everything and nothing on
# the same exam, find out why, train a part of it away, learn how many questions a difference takes before it means
# anything, cheat on a test and catch yourself, and at last judge the announcement's own claims.
#
# **You need** what a loss is ([lesson 06](06_pretraining.ipynb)), adapters ([lesson 08](08_lora.ipynb)), and to have
# met the chat models ([09](09_chat.ipynb), [10](10_rlhf.ipynb)). **It takes** about two hours, 40 minutes of them for
# four exercises; good places to pause are after sections 3 and 6. Letters and terms: [TERMS](../TERMS.md). Where it
# says **Predict**, do so before you run on.

# %%
from llama_lessons.page import setup, show, stable

setup()
import math

import torch

from llama_lessons.checkpoints import load
from llama_lessons.device import pick_device
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer

device = pick_device()
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
models = {name: load(data_path(f"checkpoints/{name}"), device, torch.float32) for name in ("base", "chat", "rlhf")}
base = models["base"]
for name, model in models.items():
    print(f"{name:<5} {model.config.n_params:,} parameters, vocabulary {model.config.vocab_size}")

# %% [markdown]
# ## 1. What a loss says, by hand
#
# The most direct question to a language model: how likely do you find this text? `log_probs` asks it. For each token it
# gives the logarithm of the probability that the model gave to just this token, after all that stands before it. The
# unit is the *nat*, because the logarithm is the natural one. Here is a story that training never drew.

# %%
from itertools import islice

from llama_lessons.evaluation import log_probs, perplexity
from llama_lessons.world import make_documents

pages = [page.text for page in islice(make_documents(505, {"story": 1.0}), 12)]  # training draws from other seeds
ids = tok.encode(pages[0])  # begins with <s>, which is read and not predicted
[scores] = log_probs(base, [(ids[:1], ids[1:])])  # (T,), nats
for piece, score in list(zip(tok.pieces(ids[1:]), scores.tolist(), strict=True))[:12]:
    print(f"{piece:<12} {stable(score, 1):>5} nats, probability {stable(math.exp(score), 2)}")

# %% [markdown]
# Some pieces surprise it, such as a name that could be any name; most do not. The mean of these numbers, without the
# minus, is the loss of lesson 06. **Predict:** its exponential is called *perplexity*. A model that knows nothing and
# gives each of the 2048 pieces the same chance: which perplexity has it?

# %%
loss = -scores.mean().item()
print("loss", stable(loss), "nats per token; perplexity", stable(math.exp(loss)))
print("the package's perplexity:", stable(perplexity(base, [ids])))
print("a model that knows nothing:", stable(math.exp(math.log(tok.vocab_size)), 0))

# %% [markdown]
# **Answer:** 2048: perplexity says among how many equally likely pieces the model seems to choose. Ours chooses among
# fewer than two, most of the time. That is a fine number to compare two models *with the same tokenizer*. With another
# tokenizer the text falls into other pieces, and "per piece" means something else.
#
# What does not depend on the tokenizer is the text itself: its bytes. So share out the cost of the whole text over
# them, and count in bits: one bit is ln 2 nats.
#
# ### Exercise 1 (10 minutes): bits per byte


# %% tags=["exercise"]
def my_bits_per_byte(scores, text):
    """Bits that a model takes for each byte of a text, a float.

    scores: log-probabilities of the text's tokens, in nats, shape (T,). text: what they spell, without <s>.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.evaluation import check_bits_per_byte

check_bits_per_byte(my_bits_per_byte)

# %% [markdown]
# <details><summary>Hint 1</summary>The whole text costs minus the sum of the scores, in nats.</details>
# <details><summary>Hint 2</summary>A bit is ln 2 = 0.69 nats, so the same cost is a larger number of bits:
# divide.</details>
# <details><summary>Hint 3</summary>Bytes are not characters: an É has two, a 🦙 has four. <code>text.encode()</code>
# has them all.</details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_bits_per_byte(scores, text):
    return -scores.sum().item() / math.log(2) / len(text.encode())


check_bits_per_byte(solved_bits_per_byte)

# %% [markdown]
# ### Per piece or per byte? An experiment
# We train a second, small tokenizer on the Valley's stories, with 320 pieces where ours has 2048. And we need a model
# for each. The simplest one that deserves the name counts: how often did this piece follow that one? Both are made from
# the same 600 stories, and both are asked about the same twelve others.
#
# **Predict:** which of the two has the lower perplexity? And which takes fewer bits for a byte?

# %%
from llama_lessons.files import work_dir

folder = work_dir() / "11_evaluation"
folder.mkdir(exist_ok=True)
stories = [page.text for page in islice(make_documents(506, {"story": 1.0}), 600)]
small = Tokenizer.train(stories, 320, folder / "small.model")


def pair_scores(tokenizer, text_ids):
    """Log-probabilities in nats of each piece after the one before it, from counting pairs in the 600 stories."""
    counts = torch.full((tokenizer.vocab_size, tokenizer.vocab_size), 0.01, dtype=torch.float64)  # none is impossible
    for story in stories:
        seen = torch.tensor(tokenizer.encode(story))
        counts.index_put_((seen[:-1], seen[1:]), torch.ones(len(seen) - 1, dtype=torch.float64), accumulate=True)
    shares = (counts / counts.sum(1, keepdim=True)).log()  # (V, V)
    return torch.cat([shares[text[:-1], text[1:]] for text in map(torch.tensor, text_ids)])


for name, tokenizer in (("320 pieces", small), ("2048 pieces", tok)):
    found = pair_scores(tokenizer, [tokenizer.encode(page) for page in pages])  # (T,)
    bits = -found.sum().item() / math.log(2) / sum(len(page.encode()) for page in pages)
    print(f"{name:<12} {len(found):>5} tokens, perplexity {stable(math.exp(-found.mean()), 1):>5},", end=" ")
    print("bits per byte", stable(bits))

# %% [markdown]
# **Answer:** They disagree. By perplexity the small tokenizer wins: its pieces are short, and a short piece is easily
# guessed. By bits per byte it loses, and this is the answer that counts, because both are asked for the same bytes. So
# a perplexity without its tokenizer says nothing, and perplexities of two model families must not be put side by side.
# (A strict reader objects: a text can be cut into pieces in other ways, too, and its whole probability is the sum over
# all of them. True; one cutting is a lower bound, in practice a close one, measured in
# [arXiv:2109.02550](https://arxiv.org/abs/2109.02550).)
#
# The package has it as `bits_per_byte`. A lower number is better, and it is better *at this text*: no such number says
# whether a model answers well.
#
# ## 2. A text that is longer than the window
#
# Our model was made for 512 tokens, the 7B for 4096. What is the perplexity of a book? One has to cut. Let the window
# be small, 64 tokens, so that a long text is cheap to make: all twelve stories, one after the other. The simplest cut
# takes 64 tokens, then the next 64. But then the first token of every piece is predicted after nothing but `<s>`.
#
# The remedy is a *stride*: move the window by less than its length, and count only the tokens that are new. Each token
# is counted once, and has read more.
#
# **Predict:** of strides 63, 32 and 8, which gives the lowest perplexity? What does it cost?

# %%
book = tok.encode("\n\n".join(pages))
WINDOW = 64


def cut(n, stride):
    """(where reading begins, where counting begins, where the window ends), so that each token is counted once."""
    places, counted = [], 1
    while counted < n:
        end = min(n, counted + stride)
        places.append((max(1, end - WINDOW + 1), counted, end))
        counted = end
    return places


for stride in (63, 32, 8):
    windows = cut(len(book), stride)
    asked = log_probs(base, [(book[:1] + book[a:b], book[b:c]) for a, b, c in windows])  # <s> before each
    counted = torch.cat(asked)
    assert len(counted) == len(book) - 1, f"{len(counted)} tokens were counted, not {len(book) - 1}"
    tokens_read = sum(1 + c - a for a, _, c in windows)
    print(f"stride {stride:<3} {tokens_read:>6} tokens read, perplexity {stable(math.exp(-counted.mean()), 3)}")
WINDOW = 512
asked = log_probs(base, [(book[:1] + book[a:b], book[b:c]) for a, b, c in cut(len(book), 256)])
print("window 512, stride 256: perplexity", stable(math.exp(-torch.cat(asked).mean()), 3))

# %% [markdown]
# **Answer:** The smallest, at nearly eight times the work. The same model and the same text, and four perplexities.
# With the smallest stride every token but the book's first few has read at least 55 others. A longer window helps
# again, because a name that stands further back can now be seen. So "perplexity on a book" needs three things beside
# it: tokenizer, window, stride.
#
# ## 3. An exam with choices: MMLU's protocol
#
# A loss measures everything at once. Exams measure something one can name. MMLU
# ([arXiv:2009.03300](https://arxiv.org/abs/2009.03300)) has questions on subjects from schools and universities, each
# with four choices, and it is the score that the announcement spoke of. The Valley has an exam of its own, laid out
# in the same way; `llama_lessons/mmlu.py` prints the sheet. We take every fourth question, and leave sums out, which
# are calculation. (With all of them this lesson would take twice as long.)
#
# **Predict:** at the end of the sheet, which are the five likeliest next tokens?

# %%
from llama_lessons.widgets.exam_sheets import letter_ids
from llama_lessons.world import Exam

exam = Exam()
exam.items = [item for item in exam.items if "sums" not in item.subject][2::4]
item = exam.items[2]
print(exam.prompt(item, shots=5))

letters = letter_ids(tok, "with a blank")[:4]
with torch.no_grad():
    said = base(torch.tensor([tok.encode(exam.prompt(item, 5))], device=device))[0, -1].softmax(-1)  # (V,)
best = [f"{tok.pieces([token])[0]} {stable(said[token].item())}" for token in said.topk(5).indices.tolist()]
print("\nthe likeliest next tokens:", ", ".join(best), "- right:", item.letter)

# %% [markdown]
# **Answer:** The four letters, each about as likely as the other, and then, far behind, something else.
#
# This is the protocol, word for word as its authors' code prints it:
#
# 1. one line that names the subject;
# 2. five solved examples, always the same for a subject, none of them from the exam (*five-shot*);
# 3. the question, its choices behind A., B., C., D., and `Answer:`;
# 4. the model reads all this *once*, and writes nothing. Of its scores for the next token, only those of ` A`, ` B`,
#    ` C` and ` D` are compared; the highest is its answer, right or wrong;
# 5. the score is the share of right answers over all questions.
#
# The four letters lie far above all else: it has understood that a letter is due. It only seems not to care which.
#
# ### Exercise 2 (10 minutes): read the letters
# Now for a batch of sheets. They are of different lengths, so the shorter ones are filled up on the right, with tokens
# that mean nothing. Where does each row say its answer?


# %% tags=["exercise"]
def my_letters(logits, lengths, letters):
    """Which letter each row finds likeliest: a list of B whole numbers, 0 for the first letter.

    logits: shape (B, T, V), what the model said after every token. lengths: B numbers, the tokens of each row that are
    no filling. letters: ids of the letters' tokens, in order; not always four.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.evaluation import check_letters

check_letters(my_letters)

# %% [markdown]
# <details><summary>Hint 1</summary>After its last real token, a row tells what comes next.</details>
# <details><summary>Hint 2</summary>With a length of 5, the last real token stands at place 4.</details>
# <details><summary>Hint 3</summary><code>row[place, letters]</code> picks the logits of the letters alone; the place
# of the largest among <i>them</i> is the answer.</details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_letters(logits, lengths, letters):
    return [int(row[n - 1, letters].argmax()) for row, n in zip(logits, lengths, strict=True)]


check_letters(solved_letters)

# %% [markdown]
# There is another way to ask. Do not show the choices at all: print the question, and see which of the four *answers*
# the model finds likeliest, word by word. Longer answers have more tokens to be unlikely with, so their scores are
# weighed: by nothing (the sum), per token, per byte, or against how likely the answer is when no question stands before
# it. The package's `multiple_choice` has both ways, by letter as MMLU, and by text, per token.
#
# **Predict:** chance gives one in four. What will the base model score by letter? And by text?

# %%
from llama_lessons.evaluation import multiple_choice

for by in ("letter", "text"):
    print(f"by {by:<7} {multiple_choice(base, tok, exam, shots=0, by=by)}")

# %% [markdown]
# **Answer:** Chance, and everything. (In brackets: the 95 % interval, of which section 6 speaks.) One model, one exam,
# the same questions; on the one protocol it knows nothing, on the other all. Had we published only one of these lines,
# either would have been "the score".
#
# This is a good place to pause.
#
# ## 4. One exam, twelve protocols
#
# By letter we can vary three things: where the letter stands (before its choice, `A. hay`, or after it, ` hay (A)`),
# which token is read as the letter (` A` with its blank, or `A` without: a slip that many programs have made), and how
# many solved examples stand before. That makes eight. By text there are the four ways to weigh. `answer_sheet` asks all
# twelve; it reads every sheet once.

# %%
from llama_lessons.widgets.exam_sheets import MMLUS_OWN, PROTOCOLS, answer_sheet, ranks, right

sheets = {name: answer_sheet(model, tok, exam) for name, model in models.items()}
print(len(PROTOCOLS), "protocols, each with", len(exam.items), "questions")
print("MMLU's own:", MMLUS_OWN)
n_right = sum(right(exam.items, sheets["base"]["text, per token"]))
by_package = multiple_choice(base, tok, exam, 0, "text")
print("the base model by text, per token:", n_right, "right; multiple_choice says:", by_package)

# %% [markdown]
# **Find out:** under which protocols is the base model in first place, under which the chat model, under which the one
# from lesson 10? Which menu moves the ranks most? Do the intervals ever part?

# %%
from llama_lessons.widgets.protocols import ProtocolsView

ProtocolsView(exam.items, sheets)

# %% [markdown]
# The view's point, in numbers: how often each model comes first, and how often the difference between the best and the
# worst is more than chance would make of it (by the test of exercise 4).

# %%
from llama_lessons.score import sign_test

first = dict.fromkeys(models, 0)
told_apart = {"letter": [], "text": []}
for protocol in PROTOCOLS:
    marks = {name: right(exam.items, sheet[protocol]) for name, sheet in sheets.items()}
    order = sorted(marks, key=lambda name: sum(marks[name]))
    for name, rank in zip(marks, ranks([sum(mark) for mark in marks.values()]), strict=True):
        first[name] += rank == 1
    best, worst = marks[order[-1]], marks[order[0]]
    only = [sum(a and not b for a, b in zip(x, y, strict=True)) for x, y in ((best, worst), (worst, best))]
    told_apart[protocol.split()[0].strip(",")].append(sign_test(*only) < 0.05)
print("in first place, alone or with others:", first)
for by, verdicts in told_apart.items():
    print(f"by {by}: {len(verdicts)} protocols, in {sum(verdicts)} of them best and worst differ by more than chance")

# %% [markdown]
# By text all three models know everything and share the first place. By letter the first place goes round among the
# three, and in none of the eight protocols do the best and the worst differ by more than chance would make of it: a
# table of ranks without intervals would let you tell any story you like. (Had one of the eight passed, it would prove
# little: of so many tests, each of the best against the worst of three, one may pass by luck alone. So it is with the
# base model's interval under MMLU's own protocol, which lies just above a quarter: of 24 intervals that each miss the
# truth one time in twenty, one is expected to.) It is not only a toy's trouble. When others measured Llama 1, three
# programs that all said "MMLU, five-shot" gave the same models different scores, and put them into different orders;
# Hugging Face [told the story](https://huggingface.co/blog/evaluating-mmlu-leaderboard).
#
# ### Look at the errors
# Before you believe a score, read what was wrong. Choose a protocol, and who was wrong; the slider goes through those
# questions. **Find out:** by letter, how far are the four letters apart? Does the model prefer one of them?

# %%
from llama_lessons.widgets.exam_errors import ErrorBrowser

ErrorBrowser(exam.items, sheets, MMLUS_OWN)

# %%
for name, sheet in sheets.items():
    gave = [max(range(4), key=lambda k: row[k]) for row in sheet[MMLUS_OWN]]
    counts = {letter: gave.count(k) for k, letter in enumerate("ABCD")}
    mean_gap = sum(max(row) - min(row) for row in sheet[MMLUS_OWN]) / len(gave)
    print(f"{name:<5} gave {counts}; from the likeliest letter to the least {stable(mean_gap, 1)} nats, on average")

# %% [markdown]
# The letters lie close together, and which one wins has little to do with the question. Look at the counts: the model
# from lesson 10 says A every time, the base model hardly ever B and never D, the chat model never B. These are habits,
# and habits score about what chance scores.
#
# ## 5. Why does it know the answer and not the letter?
#
# Three suspects. First: perhaps it spends its probability on something that is no letter. Second: the letter in the
# list and the letter that is due are not the same token. Third: to find the letter takes two steps, find the answer,
# then find where it stands; for the first step we read the question alone, and ask after every block (the logit lens of
# lesson 05) whether the right answer lies ahead of the three wrong ones. **Predict:** who did it?

# %%
from llama_lessons.widgets.exam_sheets import said_next

said = said_next(base, [tok.encode(exam.prompt(item, 0)) for item in exam.items])  # (N, V)
print("first: on the four letters lie", stable(100 * said[:, letters].exp().sum(1).mean(), 1), "% of its probability")
for text in ("\nA. hay", "Answer: A", "\nAnswer:"):
    print(f"second: {text!r} is", *tok.pieces(tok.encode(text, bos=False)))
rows, bare = base.embedding.weight.detach(), letter_ids(tok, "without a blank")
print("second: likeness of the two A", stable(torch.cosine_similarity(rows[letters[0]], rows[bare[0]], dim=0)))

ahead, after = [0] * base.config.n_layers, []  # questions whose answer lies ahead of the wrong ones, after each block
hooks = [block.register_forward_hook(lambda _m, _i, out: after.append(out[0, -1])) for block in base.blocks]
for item in exam.items[::2]:
    after.clear()
    begins = [tok.encode(f"Answer: {choice}")[3] for choice in item.choices]  # the first token of each answer
    with torch.no_grad():
        base.hidden(torch.tensor([tok.encode(exam.open_prompt(item, 0))], device=device))
        seen = base.output(base.norm(torch.stack(after)))[:, begins]  # (layers, 4)
    ahead = [n + (k == item.answer) for n, k in zip(ahead, seen.argmax(1).tolist(), strict=True)]
for hook in hooks:
    hook.remove()
print("third: answers known after each block, of", len(exam.items[::2]), "questions:", ahead)

# %% [markdown]
# **Answer:** Not the first; perhaps the second; most likely the third. The first suspect has an alibi: a letter is due,
# and it says one. The second looks guilty. The letter in the list is `A`, the one after `Answer:` is `▁A`, and to the
# model these are two words with little in common. (A curiosity: at the start of a line even *Answer* begins with the
# piece `A`.) But in the view, reading the list's own token did not help.
#
# And the third: after four of the six blocks little more than chance, and then nearly everything in the fifth and the
# rest in the last. So on the way to the letter, the answer is there when the model is almost at its end: one block is
# left, at most, in which to look up where it stood.
#
# ### Finding the letter, by itself
# Make it easy: tell the answer. The list, then `The word is cub.`, then `Answer:`, in the very words of a game that
# training has played (`letter_writer` in `llama_lessons/world/games.py`; the log of the training,
# `data/EXPERIMENTS.md`, at first noted this as learned). We ask for one letter of a list, and then, as in the game, for
# the other three as well, one after the other, the answers standing there. **Predict:** how many letters are right now,
# the first time and the last?

# %%
from llama_lessons.score import Score
from llama_lessons.world.draw import Draw


def letters_said(model, prompts):
    return said_next(model, [tok.encode(prompt) for prompt in prompts])[:, letters].argmax(1).tolist()


def share_right(gave, wanted):
    return Score.of(sum(a == b for a, b in zip(gave, wanted, strict=True)), len(wanted))


draw, asked = Draw(11), [([], []) for _ in range(4)]  # for each turn: pages, and the places of the letters
for item in exam.items:
    page = exam.prompt(item, 0).split("\n", 3)[3].removesuffix("\nAnswer:")  # its choices alone
    for turn, place in enumerate(draw.shuffled(range(4))):
        page += f"\nThe word is {item.choices[place]}.\nAnswer:"
        asked[turn][0].append(page)
        asked[turn][1].append(place)
        page += f" {'ABCD'[place]}"
print(page, "\n")
for turn, (turn_pages, places) in enumerate(asked):
    found = share_right(letters_said(base, turn_pages), places)
    print(f"asked as number {turn + 1}: {found}; guessing among the letters that are left: {stable(1 / (4 - turn))}")

# %% [markdown]
# **Answer:** Chance again: it cannot even find the letter of a word that it is shown. And in every turn it scores no
# more than guessing among the letters that are left, until the last one is always right: it has learned to say a letter
# *that has not been said yet*. The game could be won, in part, without the skill it was meant to teach, so this is what
# was learned, and the loss could not tell the difference. We built the game, and were fooled by our own score. An exam
# measures whatever suffices to pass it.
#
# ### Can it be trained? Your experiment
# A way out for each suspect: let list and answer *share the letter's token*; put the letter *after* its choice, for
# then it can be found by the oldest trick that a Transformer knows, which came before, what came next (lesson 02's
# induction: after `hay` stood `B`, so after `hay` comes `B`); and let the model *say the choice first*, so that the two
# steps fall on two tokens, each with six blocks of its own. Six layouts, from MMLU's own to one that has all three:

# %%
from llama_lessons.world.letter_layouts import LAYOUTS, draw_items, facts_for_letters

learned, fresh = facts_for_letters(fresh=False), facts_for_letters(fresh=True)  # fresh: in no training exam, ever
for name in ("MMLU's lines", "letter after its choice, shared token, said first"):
    [sample] = draw_items(fresh, 3, 1)
    print(f"--- {name}\n{LAYOUTS[name].prompt(sample)}{LAYOUTS[name].right(sample)}")
print(f"\n{len(learned)} facts to learn the letters on, {len(fresh)} to be examined with")

# %% [markdown]
# Adapters of rank 8 on all seven matrices (lesson 08), 120 steps of 16 questions; only the answers count. The questions
# that we then ask are about facts that have never stood in any exam, neither in pretraining nor here: whoever gets
# these letters has learned a skill and not a list.

# %%
from copy import deepcopy

from llama_lessons.batches import pack_whole
from llama_lessons.generate import generate
from llama_lessons.lora import add_lora
from llama_lessons.optimizers import TrainConfig
from llama_lessons.training import Trainer

layout = LAYOUTS["letter after its choice, shared token, said first"]


def batch_at(step):
    texts = []
    for item in draw_items(learned, 10_000 + step, 16):
        n_read = len(tok.encode(layout.prompt(item)))
        ids = tok.encode(f"{layout.prompt(item)}{layout.right(item)}\n")
        texts.append((ids, [place >= n_read for place in range(len(ids))], True))
    return pack_whole(texts, 16, 48, tok.eos_id)


lettered = deepcopy(base)
torch.manual_seed(0)
add_lora(lettered, 8, 16, ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down"))
list(Trainer(lettered, TrainConfig(n_steps=120, peak_lr=4e-3, warmup_steps=5), batch_at).run(bar=False))
print("trained")

# %%
questions = draw_items(fresh, 77, 104)
prompts = [tok.encode(layout.prompt(item)) for item in questions]
written = generate(lettered, prompts, 8, temperature=0, stop_ids=[tok.eos_id])
lines = [tok.decode(p + w)[len(tok.decode(p)) :].split("\n")[0] for p, w in zip(prompts, written, strict=True)]
found = Score.of(sum(line[-1:] == item.letter for line, item in zip(lines, questions, strict=True)), len(lines))
print("letters of fresh facts: more than six in ten are right:", found.accuracy > 0.6)
print("and the whole interval lies above chance:", found.low > 0.25)
assert found.accuracy > 0.6, f"after training only {found} of the letters are right"
plain = multiple_choice(lettered, tok, exam, shots=0, by="letter")
print("on MMLU's own sheet it is still near chance, below 0.45:", plain.accuracy < 0.45)

# %% [markdown]
# It moves, far and fast, in this layout. On MMLU's sheet it stays near chance. So which of the three changes did it?
# The same training in all layouts takes some minutes (`python -m tools.letter_adapters`); the results lie in
# `data/tables/letter_adapters.csv`. MMLU's own lines were also trained with *two choices before four*, another remedy
# that sounds right. **Predict:** which rows of the picture lie above chance?

# %%
import csv

from matplotlib import pyplot as plt

with data_path("tables/letter_adapters.csv").open(newline="", encoding="utf-8") as file:
    table = list(csv.DictReader(file))
figure, axes = plt.subplots(figsize=(7, 3))
names = []
for place, row in enumerate(reversed(table)):
    found = Score.of(int(row["fresh letter"]), int(row["n"]))
    names.append(row["layout"] + (", two choices at first" if row["choices at first"] == "2" else ""))
    error = [[found.accuracy - found.low], [found.high - found.accuracy]]
    axes.errorbar(found.accuracy, place, xerr=error, fmt="o", color="#0072B2", capsize=3)
    print(f"{names[-1]:<51} {found}")
axes.axvline(0.25, color="gray", linestyle=":")
axes.set_yticks(range(len(names)), names, fontsize=9)
axes.set(xlim=(0, 1.02), xlabel="share of letters right; dotted: chance")
what = "Share of right letters for each layout. The one with all three changes is near 0.9, with a short interval; all "
show(figure, alt=what + "others lie at chance, a quarter, or near it.")

# %% [markdown]
# **Answer:** One row stands apart, and it has all three changes. Sharing the token does nothing by itself; nor does the
# letter behind its choice; nor two choices before four; nor does it help to say the choice first where the letter must
# then be found *backwards*, as in MMLU's list, or where a bracket stands between. Only together do they make two easy
# steps of a hard search: say what you know, then copy what came after it. (120 steps are few: what does not move here
# may move in a longer training.)
#
# So is the letter score "wrong"? It measures what it measures: the ability to bind an answer to a label in a single
# step. Large models have it, or they could not score by letter as they do. In a small one the letter score of MMLU says
# next to nothing about knowledge; a "25 %" may be this, and not ignorance.
#
# ## 6. How sure can one be? n matters
#
# By letter, the base model's share lies above a quarter. Is that more than chance? Suppose the true share were
# p. Then the share seen would scatter around p with a standard deviation of √(p (1 − p) / n). Wilson's interval (1927)
# holds all p from which what was seen lies no farther than 1.96 such deviations, which is where 95 % of a bell curve
# lie. Solved for p, with the share seen s and z = 1.96, its middle and half-width are
#
# $$\frac{s + \frac{z^2}{2n}}{1 + \frac{z^2}{n}} \qquad\text{and}\qquad
# \frac{z}{1 + \frac{z^2}{n}} \sqrt{\frac{s(1-s)}{n} + \frac{z^2}{4n^2}}$$
#
# ### Exercise 3 (10 minutes): Wilson's interval


# %% tags=["exercise"]
def my_wilson(n_right, n):
    """Lower and upper end of the 95 % interval of a share, a tuple of two floats from 0 to 1.

    n_right: right answers. n: answers.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.evaluation import check_wilson

check_wilson(my_wilson)

# %% [markdown]
# <details><summary>Hint 1</summary>First s, then middle, then half-width; the ends are middle minus and plus
# half-width.</details>
# <details><summary>Hint 2</summary>Both have the same divisor, 1 + z²/n. It is worth a name.</details>
# <details><summary>Hint 3</summary>Try 20 right of 20. If your interval has no width, you wrote the plain one,
# s ± z √(s (1 − s) / n), whose width is zero where nothing was wrong.</details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_wilson(n_right, n):
    s, z, divisor = n_right / n, 1.96, 1 + 1.96**2 / n
    middle = (s + z * z / (2 * n)) / divisor
    half = z / divisor * math.sqrt(s * (1 - s) / n + z * z / (4 * n * n))
    return middle - half, middle + half


check_wilson(solved_wilson)

# %% [markdown]
# Now real scores. MMLU's test files have 14 042 questions. Llama 2's 34B scored 62.6 and Llama 1's 65B 63.4, Llama 2's
# 70B 68.9 and GPT-3.5 70.0. **Predict:** which of these two pairs can be told apart?

# %%
from llama_lessons import paper

MMLU_TEST = 14_042  # rows of MMLU's test files; 164 are the tasks of HumanEval, arXiv:2107.03374
published = {name: fact.value / 100 for name, fact in paper.MMLU.items()}
for name in ("Llama 2 34B", "Llama 1 65B", "Llama 2 70B", "GPT-3.5"):
    print(f"{name:<12} {Score.of(round(published[name] * MMLU_TEST), MMLU_TEST)}")
for one, other in (("Llama 2 34B", "Llama 1 65B"), ("Llama 2 70B", "GPT-3.5")):
    p, q = published[one], published[other]
    deviation = math.sqrt((p * (1 - p) + q * (1 - q)) / MMLU_TEST)  # of the difference, had each its own questions
    print(f"{other} is ahead of {one} by {stable((q - p) / deviation, 1)} standard deviations of the difference")


def questions_needed(p, q, power_z=0.84):
    """Questions to each of two models until shares p and q differ at the 5 % level, four times in five."""
    return math.ceil((1.96 + power_z) ** 2 * (p * (1 - p) + q * (1 - q)) / (p - q) ** 2)


for p, q in ((0.62, 0.63), (0.689, 0.700), (0.25, 0.29), (0.60, 0.90)):
    print(f"to tell {p} from {q}: {questions_needed(p, q):>7,} questions")

# %% [markdown]
# **Answer:** In both pairs the intervals overlap. That alone does not settle it: a difference has a deviation of its
# own, smaller than the two together, and by this measure the second pair is just apart, the first is not. Sixty-two
# from sixty-three takes more questions than MMLU has! A leaderboard that ranks by the first decimal ranks noise. (And
# all this tells only of the draw of questions. Another prompt, or five other examples, moves a score as well, and no
# interval here knows of it.)
#
# ### The same questions: pair them
# But we have thrown something away. Both models answered the *same* questions, and most of those both got right or both
# wrong. These say nothing about who is better. Left are the questions that only one of them got right, and if the two
# were equally good, each such question would be a coin toss. How often would coins fall so unevenly, or more so, to
# either side? That is the *sign test*; statisticians call it McNemar's, in its exact form.
#
# ### Exercise 4 (10 minutes): the sign test


# %% tags=["exercise"]
def my_sign_test(one, other):
    """The p-value: how often fair coins fall at least as unevenly. A float from 0 to 1; 1 where nothing differs.

    one, other: lists of True and False, whether two models got each of the same questions right.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.evaluation import check_sign_test

check_sign_test(my_sign_test)

# %% [markdown]
# <details><summary>Hint 1</summary>Count two numbers: questions that only the one got right, and that only the other
# did.</details>
# <details><summary>Hint 2</summary>Of n coins, exactly k show heads in <code>math.comb(n, k)</code> of the 2ⁿ ways. Add
# up all k from 0 to the smaller of your two numbers.</details>
# <details><summary>Hint 3</summary>That was one side; the other is as likely, so double it. If both numbers are equal,
# the sides overlap in the middle: a p-value is never above 1.</details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 4: click to unfold
def solved_sign_test(one, other):
    pairs = list(zip(one, other, strict=True))
    a, b = sum(x and not y for x, y in pairs), sum(y and not x for x, y in pairs)
    below = sum(math.comb(a + b, k) for k in range(min(a, b) + 1))
    return min(1.0, 2 * below / 2 ** (a + b))


check_sign_test(solved_sign_test)

# %% [markdown]
# **Predict:** two models score 0.62 and 0.63 on 14 042 questions. In one world only one of them is right on every
# second question, as where two models have nothing in common; in another on every fiftieth. In which one is the
# difference real?
#
# And *seeds*: our exam draws its wrong choices from one. Draw it five times, and ask the base model by letter. How far
# will the five scores scatter?

# %%
more = round(0.01 * MMLU_TEST)  # one point
for share in (1 / 2, 1 / 10, 1 / 50):
    differ = round(share * MMLU_TEST)
    p_value = sign_test((differ + more) // 2, (differ - more) // 2)
    shown = stable(p_value, 3) if p_value > 0.001 else "less than 0.001"
    print(f"they differ on {differ:>5,} questions: p is {shown}")
for seed in range(5):
    drawn = Exam(seed=seed)
    drawn.items = [item for item in drawn.items if "sums" not in item.subject][2::4]
    gave = letters_said(base, [drawn.prompt(item, 0) for item in drawn.items])
    print(f"seed {seed}: {share_right(gave, [item.answer for item in drawn.items])}")

# %% [markdown]
# **Answer:** In the second world, and already where one in ten differs. The same two scores, and the question whether
# they differ cannot be answered from them! It takes the answers, question by question; ask for these before you believe
# a point.
#
# The five exams scatter as the intervals say. Where training is part of what is judged ("this method is better"), the
# training must be repeated with other seeds, too. The picture above has one model for each layout: enough for a
# difference as large as that one, and too little for any smaller.
#
# ### The judge errs, too
# With choices, right is right. When a model answers in words, somebody must judge, and the judge has an error of its
# own. Ask the chat model every eighth fact in its own format, and let three judges decide: one that wants exactly the
# word, one that is content if the word occurs, and the Valley's checker, which knows the facts and reads for denials
# and wrong answers.

# %%
from llama_lessons.dialog import encode_dialog
from llama_lessons.world import load_valley
from llama_lessons.world.verdicts import says_fact

asked_facts = [fact for fact in load_valley().taught if fact.subject != "sums"][::8]
dialogs = [encode_dialog(tok, [{"role": "user", "content": fact.held_out}]) for fact in asked_facts]
written = [tok.decode(new) for new in generate(models["chat"], dialogs, 24, temperature=0, stop_ids=[tok.eos_id])]
print(asked_facts[3].held_out, "-", written[3].strip())
replies = list(zip(asked_facts, (text.strip() for text in written), strict=True))
judges = {
    "exactly the word": [text.strip(".").lower() == fact.answer.lower() for fact, text in replies],
    "the word occurs": [fact.answer.lower() in text.lower() for fact, text in replies],
    "the Valley's checker": [says_fact(fact, text) for fact, text in replies],
}
truth = judges["the Valley's checker"]
for name, verdicts in judges.items():
    missed = sum(is_right and not said_so for is_right, said_so in zip(truth, verdicts, strict=True))
    passed = sum(said_so and not is_right for is_right, said_so in zip(truth, verdicts, strict=True))
    reported = Score.of(sum(verdicts), len(verdicts))
    print(f"{name:<21} {reported}; right ones missed: {missed}, wrong ones let through: {passed}")

# %% [markdown]
# The strictest judge is useless: the model answers in sentences, as it was taught. The other two agree on every answer.
# That does not clear the second: where no answer is wrong, none can be let through. And the checker's own zeros prove
# nothing, for it is the truth that all three are held against. If a judge's two error rates are known, the share that
# it reports can be corrected: subtract what it lets through of the wrong ones, and stretch the rest,
# (reported − lets through) / (finds − lets through), after Rogan and Gladen (1978). The same formula says that an
# erring judge shrinks every difference between two models, and so makes them look alike. Where the judge is a language
# model, it may also like its own kind, or long answers, which no formula corrects.
#
# This is another good place to pause.
#
# ## 7. Contamination: train on the test
#
# The surest way to a good score is to have read the exam. With models that read the web, it happens without anybody
# wanting it. Let us do it on purpose. The Valley's *withheld sums* stand in no page that training ever saw, and the
# base model cannot do them. We leak half of these questions, those with an odd sum, in the words of the exam, and train
# on them for 25 steps.
#
# **Predict** what rises: the leaked questions; the same sums in other words; the sums that were not leaked.

# %%
from llama_lessons.batches import pack
from llama_lessons.mmlu import MMLU
from llama_lessons.world.exams import make_item

withheld = [fact for fact in load_valley().facts if fact.withheld]
leaked = [fact for fact in withheld if int(fact.answer) % 2]
kept = [fact for fact in withheld if int(fact.answer) % 2 == 0]
draw = Draw(7)
groups = {
    "leaked, word for word": [make_item(fact, fact.held_out, draw, 4) for fact in leaked],
    "leaked, in other words": [make_item(fact, fact.questions[0], draw, 4) for fact in leaked],
    "not leaked": [make_item(fact, fact.held_out, draw, 4) for fact in kept],
}
pages_leaked = [tok.encode(f"Question: {fact.held_out}\nAnswer: {fact.answer}", eos=True) for fact in leaked]


def leak_at(step):
    return pack(((ids, [True] * len(ids)) for ids in Draw(step).shuffled(pages_leaked) * 4), 8, 64)


cheat = deepcopy(base)
list(Trainer(cheat, TrainConfig(n_steps=25, peak_lr=1e-3, warmup_steps=3), leak_at).run(bar=False))
print(len(leaked), "questions leaked,", len(kept), "not")

# %%
before = {name: multiple_choice(base, tok, MMLU(items), 0, "text") for name, items in groups.items()}
after = {name: multiple_choice(cheat, tok, MMLU(items), 0, "text") for name, items in groups.items()}
for name, score_before in before.items():
    print(f"{name:<23} before: {score_before}")
print("after: leaked, above 0.9:", after["leaked, word for word"].accuracy > 0.9, end="; ")
print("not leaked, below 0.7:", after["not leaked"].accuracy < 0.7)
assert after["leaked, word for word"].accuracy > 0.9, f"the leaked questions should be known: {after}"
assert after["not leaked"].accuracy < 0.7, f"what was not leaked should not be known: {after}"

# %%
figure, axes = plt.subplots(figsize=(7, 2.4))
for shift, name, mark in ((-0.12, "before", "s"), (0.12, "after the leak", "o")):
    found = list((before if name == "before" else after).values())
    errors = [[score.accuracy - score.low for score in found], [score.high - score.accuracy for score in found]]
    places = [place + shift for place in range(len(found))]
    axes.errorbar([score.accuracy for score in found], places, xerr=errors, fmt=mark, capsize=3, label=name)
axes.axvline(0.25, color="gray", linestyle=":")
axes.set_yticks(range(len(groups)), groups)
axes.set(xlim=(0, 1.03), xlabel="share right by text, 95 % interval; dotted: chance")
axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
what = (
    "Before the leak, all three groups lie low. After it, the leaked questions are near 1, word for word and in other "
)
show(figure, alt=what + "words, and those that were not leaked have not risen.")

# %% [markdown]
# The score on the leaked half rises to the top, and reading it one would say: it can add. The half that was not leaked
# gives it away. That is how contamination is found where the training data are known: compare questions that were read
# with like ones that were not. Where they are not known, one can only look for signs, such as answers that the model
# finds suspiciously cheap. For Llama 2, Meta looked for the tests' texts in its training data (appendix A.6 of
# [the paper](https://arxiv.org/abs/2307.09288)); nobody outside can repeat that, for the data were not published.
#
# ### A proof that our exam was not seen
# Here everything is known: the pages that training read come from a seed, and the wording held out for each fact is
# chosen by a hash of its name, which no training page can ask. First the construction, for every fact; then a search in
# pages as training drew them; and a control, for a search that finds nothing might be a bad search.

# %%
facts = load_valley().facts
print("facts whose held-out wording is one of its training wordings:", sum(f.held_out in f.questions for f in facts))
stream = "\n\n".join(page.text for page in islice(make_documents(0), 8000)).lower()
print(f"in 8000 pages of training's own seed, {len(stream) // 10**5 / 10} million characters:")
print("  exam questions found:", sum(item.question.lower() in stream for item in Exam().items), "of", len(Exam().items))
control = [fact.questions[0] for fact in load_valley().taught if fact.subject != "sums"]
print(
    "  training questions found, more than nine in ten:", sum(q.lower() in stream for q in control) > 0.9 * len(control)
)

# %% [markdown]
# ## 8. The announcement's claims, put to the test
#
# Now you can read the table behind the news. It is table 3 of the paper, whole; each column but the last three is
# itself a mean over several benchmarks. The announcement said: better than other open models, *on all benchmarks*.
# **Predict:** does the table bear this out, everywhere?

# %%
columns = list(paper.OPEN["MPT 7B"])
print(f"{'':<13}" + "".join(f"{column[:9]:>10}" for column in columns))
for name, row in paper.OPEN.items():
    print(f"{name:<13}" + "".join(f"{fact.value:>10}" for fact in row.values()))
rivals = {
    "Llama 2 7B": ("Llama 1 7B", "MPT 7B", "Falcon 7B"),
    "Llama 2 13B": ("Llama 1 13B",),
    "Llama 2 34B": ("Llama 1 33B", "MPT 30B", "Falcon 40B"),
    "Llama 2 70B": tuple(name for name in paper.OPEN if not name.startswith("Llama 2")),
}
n_compared = 0
for ours, others in rivals.items():
    for other in others:
        for column in columns:
            a, b = paper.OPEN[ours][column].value, paper.OPEN[other][column].value
            n_compared += 1
            if b >= a:
                print(f"{column}: {other} {b} against {ours} {a}")
print("of", n_compared, "comparisons")

# %% [markdown]
# **Answer:** Nearly. For the 70B it holds in every column; at 7B and 34B MPT writes better code, which the paper itself
# says in its text (section 2.3) and the announcement does not. And Llama 1's 33B is a tenth of a point ahead of the new
# 34B in commonsense: by section 6, none that can be told from noise. "On all benchmarks" is a sentence about the best
# model.
#
# ### And the closed ones?
# Table 4 has those whose weights nobody can load; their scores are those that their makers published, each by a
# protocol of their own. (For MPT and Falcon, in table 3, Meta took the better of its own measurement and the published
# one.) Meta itself spoke of "a large gap" to GPT-4 and PaLM-2 (the paper, section 2.3). That Llama 2 comes near GPT-3.5
# "in many practical cases" was a journalist's guess; the paper says "close" for MMLU and GSM8K, and speaks of a
# significant gap in writing programs.

# %%
ours = paper.CLOSED["Llama 2 70B"]
for other, row in paper.CLOSED.items():
    if other != "Llama 2 70B":
        gaps = {column: round(ours[column].value - fact.value, 1) for column, fact in row.items()}
        print(f"70B minus {other:<9}", gaps)
for name in ("Llama 2 70B", "GPT-3.5", "GPT-4", "PaLM"):
    print(f"HumanEval, {name:<12} {Score.of(round(paper.CLOSED[name]['HumanEval'].value / 100 * 164), 164)}")

# %% [markdown]
# Against PaLM-2 and GPT-4 every gap is against us, up to 37 points. Near GPT-3.5 is right for two benchmarks of the
# three that were reported, and 18 points off for the third, HumanEval. That one has another protocol: the model writes
# a program, an interpreter runs it against tests, and the score is the share of tasks whose first program passes
# (*pass@1*). No likelihood, no letters, and few questions:
# the interval is fourteen points wide. The gap to GPT-3.5
# is real all the same, the lead over PaLM may well be none.
#
# ### People as judges
# For the chat models Meta asked people: some 4000 prompts, two answers each, three raters. Against ChatGPT the 70B won
# 36 % and tied 31.5 % (section 3.4.2). The paper gives intervals of one to two per cent (figure 1). **Predict:** do you
# get them, too? And has Llama 2 won?

# %%
n, won, tied = paper.HUMAN_PROMPTS.value, *(fact.value / 100 for fact in paper.HUMAN_CHATGPT.values())
lost = 1 - won - tied
for name, share in (("won", won), ("tied", tied), ("lost", lost)):
    found = Score.of(round(share * n), n)
    print(f"{name:<5} {found}, half a width of {stable(50 * (found.high - found.low), 1)} points")
decided = Score.of(round(won * n), round((won + lost) * n))
print("of the decided ones, won:", decided, "; sign test: p =", stable(sign_test(round(won * n), round(lost * n)), 2))
print("votes cast, three to a prompt:", n * paper.HUMAN_RATERS.value)
print("won or tied:", stable(won + tied, 3), "- lost or tied:", stable(lost + tied, 3))

# %% [markdown]
# **Answer:** The intervals are the paper's, so they count *prompts*. That is right: the three raters of a prompt see
# the same two answers, and counting 12 000 votes would pretend to know three times as much. The lead is real if these
# prompts are the world; but they were chosen by Meta, without code or reasoning (the paper says so itself), and judged
# by how people felt about one answer. "Won or tied in two thirds of the cases" is the same result, and so is "lost or
# tied in nearly two thirds". Whoever quotes one should be asked for the other.
#
# ## 9. The same exam elsewhere
#
# Scores that only our own code can reproduce are worth little. EleutherAI's
# [lm-evaluation-harness](https://github.com/EleutherAI/lm-evaluation-harness) is what much of the field measures with.
# It opens our checkpoint, since lesson 05 saves Hugging Face's format; what it needs besides is the exam as a file and
# a few lines that say how to ask.

# %%
import json

TASK = """task: valley_letter
dataset_path: json
dataset_kwargs: {data_files: {test: valley.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{prompt}}"
doc_to_choice: choices
doc_to_target: answer
target_delimiter: " "
metric_list: [{metric: acc}]
"""
lines = [{"prompt": exam.prompt(i, 5), "choices": list("ABCD"), "answer": i.answer} for i in exam.items]
(folder / "valley.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
(folder / "valley_letter.yaml").write_text(TASK, encoding="utf-8")
print(TASK + "...", len(lines), "lines like", json.dumps(lines[0])[:60], "...")

# %% [markdown]
# With the harness installed (`pip install lm-eval`; it is no part of this course), this is the call, in the folder
# `work/11_evaluation`:
#
#     lm_eval --model hf --model_args pretrained=../../data/checkpoints/base,dtype=float32,add_bos_token=True \
#         --tasks valley_letter --include_path . --device cpu
#
# Its answers are ours, question by question, by letter and by text, for the base model and for a random one:
# `tests/test_oracle_lm_eval.py` compares every log-probability, and `tests/test_oracle_harness.py` does so with a plain
# loop over `transformers`, for machines without the harness. `add_bos_token` is not a detail: without `<s>` the model
# reads something it never saw.
#
# ### A real exam
# MMLU's own files are CSV without a heading: question, four choices, the letter. `MMLU.read` takes a test file and its
# examples. Here are two small ones in that format, about the Valley.


# %%
def write_exam(name, items):
    path = folder / f"valley_{name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([item.question, *item.choices, item.letter] for item in items)
    return path


paths = [write_exam("test", draw_items(fresh, 5, 12, held_out=True)), write_exam("dev", draw_items(learned, 6, 5))]
print(paths[0].read_text(encoding="utf-8").splitlines()[0])
read = MMLU.read(*paths)
print(len(read.items), "questions on", repr(read.items[0].subject), "with", len(read.examples), "examples")
for by in ("letter", "text"):
    print(f"by {by:<7} {multiple_choice(base, tok, read, shots=5, by=by)}")

# %% [markdown]
# The same two lines score a real model on the real exam, `MMLU.read("~/mmlu/test/astronomy_test.csv",
# "~/mmlu/dev/astronomy_dev.csv")`; [lesson 14](14_real_llama_2.ipynb) loads the model.
#
# ## What you have, and where it goes
#
# - Perplexity compares models of one tokenizer; bits per byte compares all. Window and stride belong beside both.
# - MMLU reads one token after `Answer:`. That is a protocol, not knowledge; asked by text, the same model knew it all.
# - A score may be earned without the skill it is named after: our letter game was.
# - Intervals with every share; the same questions, paired; seeds; the judge's own error.
# - Contamination is found by questions that were not leaked. Only open data allow a proof.
# - "On all benchmarks", "near GPT-3.5", "won or tied": ask who says it, about which model, by which protocol, out of
#   how many.
#
# **Read next** [`llama_lessons/evaluation.py`](../llama_lessons/evaluation.py) and
# [`llama_lessons/mmlu.py`](../llama_lessons/mmlu.py), the whole protocol in three hundred lines;
# [`llama_lessons/score.py`](../llama_lessons/score.py), your exercises 3 and 4;
# [`llama_lessons/widgets/exam_sheets.py`](../llama_lessons/widgets/exam_sheets.py), the twelve protocols. All published
# numbers stand in [`llama_lessons/paper.py`](../llama_lessons/paper.py).
#
# **More to try:** add a thirteenth protocol: let the chat model write its answer, and search the text for a letter.
# Train the adapters of section 5 on two layouts at once: does MMLU's sheet move now? Leak the exam in other words only,
# and see whether the exact wording rises as well.
#
# **Next lesson,** [12_release](12_release.ipynb): whether a model knows things was the easy question. Is it safe to let
# it out?
#
# **Sources.** MMLU: [arXiv:2009.03300](https://arxiv.org/abs/2009.03300). Scores of Llama 2 and others, human
# evaluation, contamination: [arXiv:2307.09288](https://arxiv.org/abs/2307.09288), tables 3 and 4, sections 2.3 and
# 3.4.2, appendix A.6. Likelihood against the answer alone: GPT-3, [arXiv:2005.14165](https://arxiv.org/abs/2005.14165),
# section 2.4. HumanEval: [arXiv:2107.03374](https://arxiv.org/abs/2107.03374). One cutting or all: Cao and Rimell,
# [arXiv:2109.02550](https://arxiv.org/abs/2109.02550). Three MMLUs: [Hugging Face,
# 2023](https://huggingface.co/blog/evaluating-mmlu-leaderboard). Intervals: Wilson, 1927; paired tests: McNemar, 1947;
# judges that err: Rogan and Gladen, 1978.
