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
# # 07b Speed: why is writing so slow?
#
# A side trip from [lesson 07](07_sampling.ipynb); the lessons after it do not need it. There you chose tokens. Here we
# look at the clock: why is writing so much slower than reading, when the arithmetic is the same, what does a compiler
# do about it, and how is text shown while it comes?
#
# **You need** lesson 07, and the cache of lesson 04. **Time:** about an hour, 10 minutes of it for the exercise; a good
# place to pause is before section 2, which is optional: it looks into a compiler. Letters and terms:
# [TERMS](../TERMS.md). Where it says **Predict**, do so before you run on.

# %%
from llama_lessons.page import setup, show, stable

setup()
import torch
from matplotlib import pyplot as plt

from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import make_documents

_, base = torch.set_grad_enabled(False), data_path("checkpoints/base")  # nothing is trained here
model, tok = load(base, dtype=torch.float32), Tokenizer(base / "tokenizer.model")
page = next(page for page in make_documents(7, {"story": 1.0}) if len(tok.encode(page.text)) >= 200)
story = tok.encode(page.text)
print("a story of", len(story), "tokens")

# %% [markdown]
# ## 1. Why is writing so slow?
#
# Now the clock. A prompt of 200 tokens is read at once (*prefill*); 200 tokens of an answer are written one at a time
# (*decoding*), with the cache of lesson 04, so that nothing is computed twice. Each token is multiplied with the same
# weights in both. **Predict:** does it take the same time? (We use one thread, so that other programs disturb us less,
# and take the fastest of several runs.)

# %%
from time import perf_counter

n_threads = torch.get_num_threads()
torch.set_num_threads(1)


def fastest(work, repeats=3):  # seconds
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def one_by_one(tokens):
    cache = model.new_cache()
    return torch.cat([model(token, cache) for token in tokens.split(1, dim=1)], dim=1)


tokens = torch.tensor([story[:200]])
torch.testing.assert_close(one_by_one(tokens), model(tokens), atol=1e-3, rtol=1e-3)
print(tokens.shape[1], "tokens: the same scores, read at once and one by one")

# %% tags=["nbval-ignore-output"]
# Times differ on every machine and in every run
writing, reading = fastest(lambda: one_by_one(tokens)), fastest(lambda: model(tokens, model.new_cache()))
print(f"at once {reading:.3f} s, one by one {writing:.3f} s: {writing / reading:.0f} times as long")

# %% [markdown]
# **Answer:** No: many times as long, for the same numbers. (No page of this course judges a time: your machine may be
# busy.) Part of it is Python. Our model is so small that calling its functions takes longer than what they do. But
# another part remains in models of any size. Let us look at it where it stands by itself: a single matrix, as large as
# one of the 7B's, and 1 to 256 rows that are multiplied with it; and then a whole Llama, of the shape of a model of 15
# million parameters, with random weights, that decodes one step for 1 to 64 texts at a time.
#
# A processor can be slow for two reasons. It does only so many operations in a second, and memory delivers only so many
# bytes in a second. A product of n rows with a matrix of N numbers takes 2 n N operations; and however many rows there
# are, the matrix need come from memory only *once*. **Predict:** do 64 rows take 64 times as long as one? Do 16 texts
# at a time bring more tokens per second than one, all together?

# %%
from llama_lessons.config import LlamaConfig
from llama_lessons.device import pick_device
from llama_lessons.model import Llama

device = pick_device()  # the GPU, where there is one
wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None  # a GPU only notes down what it has to do
generator = torch.Generator().manual_seed(0)
matrix = torch.randn(4096, 4096, generator=generator).to(device)
seconds = {}
for n_rows in (1, 2, 4, 8, 16, 32, 64, 128, 256):
    rows = torch.randn(n_rows, 4096, generator=generator).to(device)
    seconds[n_rows] = fastest(lambda rows=rows: (torch.nn.functional.linear(rows, matrix), wait()), 5)

untrained = Llama(LlamaConfig.preset("stories15m")).to(device)
ids = torch.randint(32_000, (64, 20), generator=generator).to(device)
rates = {}  # tokens per second, all texts together
for n_texts in (1, 4, 16, 64):
    cache = untrained.new_cache(n_texts, 20)
    untrained.hidden(ids[:n_texts, :10], cache)
    rates[n_texts] = n_texts / fastest(lambda n=n_texts, c=cache: (untrained(ids[:n, :1], c), wait()), 5)
print("measured: products of", ", ".join(map(str, seconds)), "rows, and steps of", ", ".join(map(str, rates)), "texts")

# %% [markdown]
# What was measured is drawn below, when we know what to compare it with. One row uses the processor badly. It waits for
# the matrix, multiplies each number of it once, and lets it go. With many rows, each number that has come is used many
# times. So there are two lower limits to the time of a step, and the larger one counts. Write them down.
#
# ### Exercise (10 minutes): the least time of a step
# A step gives one new token to each of `batch_size` texts. It reads all weights once, and each text's own cache. It
# does 2 operations for every weight and text. Reading and computing go on at the same time. (Attention's own arithmetic
# is left out.)


# %% tags=["exercise"]
def my_step_seconds(n_params, cached, batch_size, bytes_per_number, bandwidth, flops):
    """The least time of one decoding step, in seconds.

    n_params: numbers of the model. cached: numbers in the cache of one text. batch_size: texts at a time.
    bytes_per_number: of weights and cache. bandwidth: bytes per second that memory delivers.
    flops: operations per second that the processor does.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.sampling import check_step_seconds

check_step_seconds(my_step_seconds)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Two times: one for reading, one for computing. They overlap: which of them decides?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# What is read once for all texts, and what once for each?
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of the exercise: click to unfold
def solved_step_seconds(n_params, cached, batch_size, bytes_per_number, bandwidth, flops):
    reading = (n_params + batch_size * cached) * bytes_per_number / bandwidth
    computing = 2 * n_params * batch_size / flops
    return max(reading, computing)


check_step_seconds(solved_step_seconds)

# %% [markdown]
# Now the picture of *your* machine (of one core, if it has no GPU). On the left it is a *roofline* (Williams and
# others, 2009): how many operations are done in a second, against how many there are for each byte that is read (for n
# rows n / 2: 2 n for each number, which has 4 bytes). The roof is what the exercise says: it rises as long as memory is
# the limit, and is flat where arithmetic is. Its two numbers are the best that this machine did in a few runs: passes
# over the matrix, and products that keep the processor busy. On the right is the whole Llama: tokens per second, of all
# texts together and of each.

# %%
from llama_lessons.checks.sampling import step_seconds

n_numbers = matrix.numel()
one_pass = fastest(lambda: (matrix.sum(), wait()), 5)  # reads every number once, too
bandwidth = matrix.nbytes / min(one_pass, *seconds.values())  # bytes per second
square = matrix[:1024, :1024].clone()
per_second = 2 * 1024**3 / fastest(lambda: (square @ square, wait()), 5)
flops = max(per_second, *(2 * n * n_numbers / time for n, time in seconds.items()))  # operations per second
intensity = [2 * n * n_numbers / matrix.nbytes for n in seconds]  # operations for each byte
roof = [2 * n * n_numbers / step_seconds(n_numbers, 0, n, 4, bandwidth, flops) / 1e9 for n in seconds]
measured = [2 * n * n_numbers / time / 1e9 for n, time in seconds.items()]

# %% tags=["nbval-ignore-output"]
# The picture is of times, which differ on every machine and in every run
figure, (left, right) = plt.subplots(1, 2)
left.loglog(intensity, roof, "--", color="#0072B2", label="roof")
left.loglog(intensity, measured, "o-", color="#D55E00", label="1 to 256 rows")
left.set(xlabel="operations for each byte", ylabel="10⁹ operations per second")
right.loglog(list(rates), list(rates.values()), "o-", color="#0072B2", label="all texts together")
right.loglog(list(rates), [rate / n for n, rate in rates.items()], "s--", color="#D55E00", label="each text")
right.set(xlabel="texts at a time", ylabel="tokens per second")
for axes in (left, right):
    axes.legend(frameon=False)
what = "Left: operations per second rise with the rows below a roof that rises and then is flat. Right: all texts "
show(figure, alt=what + "together get far more tokens per second as their number grows, each one somewhat fewer.")
torch.set_num_threads(n_threads)

# %% [markdown]
# **Answer:** Sixty-four rows take far less than 64 times as long, and 16 texts bring far more tokens. Left of the
# roof's corner *memory* sets the limit, right of it the arithmetic. A roof is no promise: between one row and the
# corner programs may stay well below it, by how much is a matter of the program. And that is the difference between
# reading and writing. A prompt of 200 tokens is 200 rows. A token that is written is one row, and for this one row
# *all* weights are read. So a model writes, at best, as many tokens per second as its weights can be read in a second.
# And the way out is: **write many texts at a time**. All together get far more tokens, and each gets far more than its
# share of what one alone would get. That is how a service answers thousands of people with one GPU.
#
# What does it mean for Llama 2? Take an A100 with 80 GB, the GPU on which it was trained. Its maker's data sheet states
# 2039 GB/s, and 312 million million operations a second in 16 bits. **Predict:** how many tokens per second can the 7B
# write for one user, at best? And why might a batch help less when conversations are long?

# %%
from dataclasses import replace

from llama_lessons.arithmetic import kv_cache_bytes, weights_bytes

A100 = {"bandwidth": 2039e9, "flops": 312e12}  # NVIDIA's data sheet of the A100 80GB SXM
seven = LlamaConfig.preset("llama2-7b")
cases = {
    "no context": (seven, 0),
    "4096 tokens each": (seven, 4096),
    "8 kv heads in place of 32": (replace(seven, n_kv_heads=8), 4096),
}
print("tokens per second, at best, for 1, 4 and 16 texts together")
for name, (config, length) in cases.items():
    cached = kv_cache_bytes(config, length) // 2  # numbers of two bytes
    best = [n / step_seconds(seven.n_params, cached, n, 2, **A100) for n in (1, 4, 16)]
    print(f"{name:<26}", *(f"{stable(rate, 0):>6}" for rate in best))
weights, cache = (n_bytes / 1e9 for n_bytes in (weights_bytes(seven), kv_cache_bytes(seven, 4096)))
print(f"weights {stable(weights, 1)} GB, a full cache {stable(cache, 1)} GB")
print("without context, arithmetic is the limit from", stable(A100["flops"] / A100["bandwidth"], 0), "texts on")

# %% [markdown]
# **Answer:** About 150 for one user, at best, however much the GPU could compute: 2039 GB a second, divided by 13.5 GB.
# A batch shares the weights, but *caches are not shared*: each conversation reads its own, and seven full ones are more
# than the model. Here is the other half of the reason for grouped-query attention (lesson 04): fewer key-value heads
# are not only less to keep, but less to read. And here is what else makes writing faster: fewer bytes for each number,
# lesson 14's quantization.
#
# So a service has two clocks. *How long until the first word?* is prefill, and a matter of arithmetic. *How fast do the
# words come?* is decoding, and a matter of memory.
#
# ## 2. Shapes that never change *(optional)*
#
# Between the roof and a small model lies Python: hundreds of small calls for each token. `torch.compile` removes them.
# It watches a function once, notes down what was done to tensors, and makes one program of it all. But its notes hold
# only for the shapes that it saw, and in decoding one shape changes with each token: the cache grows.
#
# We can watch it without a compiler. A *backend* is what turns the notes into a program; ours counts them, and gives
# them back as they are: so nothing gets faster here, and nothing needs to be installed. Two words of PyTorch's:
# `torch._dynamo.reset()` forgets all earlier notes, so that we count from 0; and `dynamic=False` means one program for
# one set of shapes. (By default PyTorch tries, after a while, a program in which a length is left open; it is more
# general, and less tuned.)
#
# **Predict:** six steps of attention with a cache. How many programs are made if the cache grows by one token each
# time? If it is a memory of fixed size, and the position an int? If the position is a tensor?

# %%
programs = []


def counting(notes, inputs, options=None):
    programs.append(notes)
    return notes


def growing(q, k, v, memory, t):  # (D,) three times; memory (2, S, D): keys and values so far
    memory = torch.cat([memory, torch.stack([k, v])[:, None]], dim=1)
    return (memory[0] @ q).softmax(0) @ memory[1], memory


def fixed(q, k, v, memory, t):  # memory (2, S, D), the same S always: positions without a token yet are masked
    positions = torch.arange(memory.shape[1])
    memory = torch.where((positions == t)[:, None], torch.stack([k, v])[:, None], memory)
    scores = (memory[0] @ q).masked_fill(positions > t, -torch.inf)
    return scores.softmax(0) @ memory[1], memory


# %%
results, qkv = [], torch.randn(6, 3, 8, generator=generator)
for step, capacity, position in ((growing, 0, int), (fixed, 16, int), (fixed, 16, torch.tensor)):
    torch._dynamo.reset()
    compiled = torch.compile(step, backend=counting, dynamic=False)
    memory, programs[:] = torch.zeros(2, capacity, 8), []
    for t, row in enumerate(qkv):
        out, memory = compiled(*row, memory, position(t))
    results.append(out)
    print(f"{step.__name__}, the position by {position.__name__}: programs made for {len(qkv)} tokens: {len(programs)}")
same = all(torch.allclose(results[0], other, atol=1e-6) for other in results)
assert same, "the three programs should compute the same rows"

# %% [markdown]
# **Answer:** Six, six, and one. A program for every token would be worse than none, since a real compiler takes seconds
# or minutes for one. After a few (`torch._dynamo.config.recompile_limit`) PyTorch gives up. An int becomes part of the
# program, as a shape does. Only when *nothing* changes but the contents of tensors, one program serves for a whole
# text.
#
# The package's `generate(..., compile=True)` does this to the very modules that you have built: no second, faster copy
# of the model exists, and what you change in `norm.py` is changed there as well. **Predict:** how many programs are
# made for three texts of the Valley, of 10, 20 and 40 tokens? How many small calls does one of them hold?

# %%
from unittest.mock import patch

import torch._inductor  # PyTorch's compiler; while ours takes its place, nothing needs to be installed

from llama_lessons.generate import generate

programs[:], lengths = [], (10, 20, 40)
ids = tok.encode("Once upon a time, there was a llama called")
with patch("torch._inductor.compile", counting):
    written = [generate(model, [ids], n, temperature=0, compile=True)[0] for n in lengths]
usual = [generate(model, [ids], n, temperature=0)[0] for n in lengths]
assert written == usual, "a program should write what the model itself writes"
calls = [node for node in programs[0].graph.nodes if node.op.startswith("call")]
assert len(calls) > 100, f"a step of six layers should be more than a hundred calls, not {len(calls)}"
print(f"programs made for texts of {', '.join(map(str, lengths))} tokens: {len(programs)}; each text as usual")
print("in it, more than a hundred small calls for each token")

# %% [markdown]
# **Answer:** One program, for all three: `patch` puts our counter in the place of PyTorch's compiler while the block
# runs. The cache has room for 256 tokens, whatever the text takes, or for twice, four times as many. The price is that
# each step attends to positions that hold nothing yet. That is reading and arithmetic that nobody needs, and still a
# bargain.
#
# ### How near to the roof?
#
# What is left is one product after the other, each of a matrix with a single row. Libraries are made for many rows, and
# multiply with one by a single core. Written as a sum, `(weight * x).sum(-1)`, it is nothing but a loop over the rows
# of the weight. A compiler shares that loop out over all cores, and puts what stands before and behind it into the same
# loop: `llama_lessons/compiled.py` swaps the one for the other while it compiles.
#
# `make bench` measures it: this model as it is, compiled, `transformers`, and llama2.c, a program in plain C that does
# nothing else. The picture shows the table that lies in the course's `benchmarks/RESULTS.md`, of one machine, for three
# sizes of random Llamas. The dashed line is the roof: how often in a second that machine can read as many bytes as a
# step has to. **Predict:** who comes near it first, a small model or a large one?

# %%
from llama_lessons.files import COURSE

lines = (COURSE / "benchmarks/RESULTS.md").read_text(encoding="utf-8").splitlines()
cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "decode, 1 row" in line]
share = {(size, who): int(of_roof.split("%")[0]) for size, _, who, _, _, _, of_roof in cells}
sizes, writers = (list(dict.fromkeys(names)) for names in zip(*share, strict=True))
figure, axes = plt.subplots()
for k, who in enumerate(writers):
    bars = axes.bar([n + 0.2 * k for n in range(len(sizes))], [share[size, who] for size in sizes], 0.18, label=who)
    axes.bar_label(bars, [who] * len(sizes), rotation=90, padding=3, fontsize=9)
axes.axhline(100, color="black", linestyle="--", linewidth=0.8)
axes.set(ylabel="% of the roof", ylim=(0, 150), xticks=[n + 0.3 for n in range(len(sizes))], xticklabels=sizes)
what = "Bars for three sizes of a model, the share of the roof that each program reaches: what is compiled comes far "
show(
    figure,
    alt=what + "nearer to it than what is not, above all with the smallest model; no bar is higher than the roof.",
)

# %% [markdown]
# **Answer:** The larger ones, if nobody helps. With the smallest model, the one that is not compiled has next to
# nothing of what memory gives: its time is Python's. The larger the model, the more of a step is reading, and the less
# is lost elsewhere. And nobody writes faster than memory delivers, in whatever language.
#
# Nothing in this course needs a C++ compiler. If you have one, try `torch.set_num_threads(1)` and then twice
# `generate(model, [ids], 200, compile=True)`: the first call takes as long as compiling does, the second shows what it
# was for; without a compiler, the error says how to get one. (One thread, since in a lesson's kernel idle threads
# sleep, so that a busy machine is not slowed down by threads that wait; to wake one takes longer than a small model's
# loop.) On a GPU the same argument makes a *CUDA graph* as well: a step whose memory stays where it is is recorded,
# with all its orders to the GPU, and played back by a single one.
#
# ## 3. Streaming: show it while it comes
#
# A reader does not want to wait for the last token. So each token is shown when it is drawn, and must become text by
# itself. Lesson 01 has shown why that is not easy: a word brings the space before it along, and a character that is no
# piece of its own comes in bytes. **Predict:** how many tokens is one 🦙 to the Valley's tokenizer, and what does each
# of them look like alone?
#
# The last lines of the cell put everything together: a prompt is prefilled, tokens are drawn with Llama 2's settings,
# and each is shown as soon as it is text. (The decoder is fed the prompt, too: so it knows that the first new token
# does not begin the text.)

# %%
from llama_lessons.generate import stream
from llama_lessons.paper import SAMPLING

ids = tok.encode("Luna hums 🦙🎵 loudly", bos=False)  # as if a model were writing it, token by token
print(" ".join(tok.pieces(ids)))
print("each by itself:   ", "|".join(tok.decode([token]) for token in ids))
decoder, cut = tok.stream_decoder(), tok.stream_decoder()
print("with a memory:    ", "|".join(decoder.feed(token) for token in ids))
print("cut off too early:", "|".join([cut.feed(token) for token in ids[:6]] + [cut.flush()]), "\n")

settings = {name: fact.value for name, fact in SAMPLING.items()}
print("Meta's defaults:", settings, "\n")
prompt, decoder = tok.encode("One morning a clever llama"), tok.stream_decoder()
print("".join(map(decoder.feed, prompt)), end="")
dice = torch.Generator().manual_seed(1)
for token in stream(model, prompt, 250, stop_ids=[tok.eos_id], generator=dice, **settings):
    print(decoder.feed(token), end="", flush=True)
print(decoder.flush())

# %% [markdown]
# **Answer:** Five: a blank and four bytes, each of them alone a �. The decoder holds bytes back until their character
# is whole: three tokens show nothing, with the fourth the llama is there. If a text ends in the middle of a character,
# because no more tokens were allowed, `flush` says so with a � for each byte. It never shows half of anything, and
# never takes anything back.
#
# ## What you have, and where it goes
#
# - A decoding step reads all weights for one row. Many texts at a time, GQA and fewer bytes are the ways out.
# - Where nothing changes but the contents of tensors, one program serves for a whole text; a compiler removes what
#   Python adds.
# - A stream shows a character when its last byte has come, and takes nothing back.
#
# **Read next** [`llama_lessons/compiled.py`](../llama_lessons/compiled.py), which makes a program of the modules that
# you wrote, and [`llama_lessons/static_cache.py`](../llama_lessons/static_cache.py), the cache that never changes its
# shape; `stream` in [`llama_lessons/generate.py`](../llama_lessons/generate.py).
#
# **More to try:** measure the roof of another machine. Decode with a batch of 8, and find the length at which the
# caches are more to read than the weights.
#
# **Back to the path:** [lesson 08, LoRA](08_lora.ipynb).
#
# **Sources.** Roofline: Williams, Waterman and Patterson, *Roofline: An Insightful Visual Performance Model*
# ([2009](https://doi.org/10.1145/1498765.1498785)). A100: NVIDIA's data sheet of the A100 80GB SXM.
