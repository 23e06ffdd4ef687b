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
# # 14 Real Llama 2: can my code run Meta's weights?
#
# Everything that you have built ran on a model of three million parameters. Meta's smallest Llama 2 has six billion
# seven hundred million, and the code is the same: `load` opens its files, `generate` writes. What stands between you
# and it is bytes. They must be fetched, thirteen billion of them and more, over a line that breaks; they must fit into
# your memory; and for each token they must be read, all of them, in a time that lets you wait for the answer.
#
# In this lesson you fetch a file safely, dry-run the 70B in no memory at all, and then make numbers small: 16 bits, 8,
# and 4. You find out what one bad number does to a million good ones, pack two numbers into a byte, measure what the
# model forgets by it, and train an adapter beside weights of four bits.
#
# **No weights of Meta's are needed.** Each cell says on what it ran: on true shapes *without memory*, on *random
# weights*, or on *the Valley's model*. Where you have the real ones, write their folder into the cell below, and
# section 10 runs on them.
#
# **You need** lesson 05 (the parts of a model), 07b (why decoding waits for memory) and, for section 9, 08 (LoRA). **It
# takes** about an hour and three quarters; a good place to pause is after section 5. Letters and terms:
# [TERMS](../TERMS.md). Where it says **Predict**, do so before you run on.

# %%
from llama_lessons.page import setup, show, stable

setup()
import math

import torch

from llama_lessons.checkpoints import load
from llama_lessons.config import LlamaConfig
from llama_lessons.files import data_path, work_dir
from llama_lessons.tokenizer import Tokenizer

WEIGHTS = None  # your folder with real weights, such as "~/models/llama-2-7b-chat"
base = data_path("checkpoints/base")
tok, model = Tokenizer(base / "tokenizer.model"), load(base, dtype=torch.float32).requires_grad_(False)
print("the Valley's model:", f"{model.config.n_params:,} parameters, in this lesson's memory in float32")

# %% [markdown]
# ## 1. What is behind the form
#
# On the day of the announcement, in July 2023, one asked for the weights on Meta's own page, in a form, and got a
# signed link by mail; Microsoft (in Azure), Amazon Web Services and Hugging Face offered them as well. The licence
# allows research and business, with a list of forbidden uses, and one condition that made the news (below, from the
# licence itself). Today the form stands at [llama.com](https://www.llama.com/llama-downloads/), and most people fetch
# the files from [huggingface.co/meta-llama](https://huggingface.co/meta-llama), where one accepts the same licence
# with one's account, waits until access is granted, and makes a *token*, a password for programs.
#
# There are two layouts, and `load` opens both. Meta's own has `params.json` and *shards*, `consolidated.00.pth` and so
# on: pieces that were meant for one GPU each. Hugging Face's has `config.json` and `.safetensors` files. The numbers
# are the same, in 16 bits each (lesson 05 has shown what differs).
#
# **Predict:** how long does the 70B take over a good home line, 100 million bits a second?

# %%
from llama_lessons.arithmetic import weights_bytes
from llama_lessons.paper import FREE_UP_TO, SHARDS

print(f"free up to {FREE_UP_TO.value:,} {FREE_UP_TO.unit}: {FREE_UP_TO.note}\n")
print("size of   GB in 16 bits   Meta's shards   hours at 100 Mbit/s")
for name, shards in SHARDS.items():
    n_bytes = weights_bytes(LlamaConfig.preset(name))
    hours = 8 * n_bytes / 100e6 / 3600
    print(f"{name:<11}{stable(n_bytes / 1e9, 1):>12}{shards.value:>16}{stable(hours, 1):>22}")

# %% [markdown]
# **Answer:** Three hours, in which nothing may go wrong. But lines break, laptops sleep, and kernels are restarted.
#
# ## 2. Fetch it: naively, then safely
#
# We need no internet to see what happens. The cell below starts a tiny server inside this kernel. It serves the file
# of the Valley's weights, and as bad servers do, it hangs up halfway. (If it is asked for a *range* of bytes, it starts
# where it is told. Every server of large files can do that.)

# %%
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

content = (base / "model.safetensors").read_bytes()


class Flaky(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))
        rest = content[int(asked[1]) :]
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", len(rest))
        self.end_headers()
        self.wfile.write(rest[: len(content) // 2])  # and that is all

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Flaky)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/model.safetensors"

# %% [markdown]
# Here is the program that everybody writes first. **Predict:** the line breaks in the middle. Does the program notice?
# Does `load`?

# %%
import shutil
from contextlib import suppress
from http.client import IncompleteRead
from urllib.request import Request, urlopen

from llama_lessons.checkpoints import CheckpointError

folder = work_dir() / "14_fetched"
shutil.rmtree(folder, ignore_errors=True)
shutil.copytree(base, folder)
fetched = folder / "model.safetensors"
with urlopen(url) as response, fetched.open("wb") as file, suppress(IncompleteRead):
    shutil.copyfileobj(response, file)
print(f"{fetched.stat().st_size:,} of {len(content):,} bytes lie on the disk, under the final name")
try:
    load(folder)
except CheckpointError as error:
    print("load says: the file", error.trouble.partition(" (")[0])

# %% [markdown]
# **Answer:** The copy loop ends without a word (some versions of Python complain, and leave the half file all the
# same). `load` notices, because a safetensors file says at its beginning how long it is. It might have been a file that
# does not.
#
# Three habits mend it. **Write under another name** until the file is whole. **Ask for the rest**, not for all, when
# something is there already. And **compare a checksum**, a fingerprint of all bytes that the publisher states beside
# the file: the hub states the SHA-256 of each large file.
#
# **Predict:** how many requests does it take now? And would we need the checksum, if the number of bytes is right? Let
# one single bit of the five million bytes fall over.

# %%
import hashlib

part, requests = folder / ".model.part", 0
part.write_bytes(b"")
while (size := part.stat().st_size) < len(content):
    request = Request(url, headers={"Range": f"bytes={size}-"})
    with urlopen(request) as response, part.open("ab") as file, suppress(IncompleteRead):
        shutil.copyfileobj(response, file)
    requests += 1
published = hashlib.sha256(content).hexdigest()  # stands on the publisher's page
assert hashlib.sha256(part.read_bytes()).hexdigest() == published, "the file should have come whole"
part.replace(fetched)
print(f"{requests} requests, and the checksum is right: {published[:12]}...")

damaged = bytearray(content)
damaged[3_000_000] ^= 1  # one bit
fetched.write_bytes(damaged)
print("one bit fell over; load opens the file:", load(folder).config == model.config, end="; ")
print("the checksum is right:", hashlib.sha256(damaged).hexdigest() == published)
fetched.write_bytes(content)
server.shutdown()

# %% [markdown]
# **Answer:** Without the checksum, nobody would ever know. `fetch` of the package has the three habits and asks
# `huggingface_hub` for the rest: which files there are, their checksums, progress bars, your token. When it is stopped,
# by you or by fate, call it again, and it goes on.
#
# ```python
# from llama_lessons.hub import fetch
#
# fetch("karpathy/tinyllamas", "~/models/stories", files=["stories15M.bin"])  # no form
# fetch("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "~/models/tinyllama")           # no form, 2 GB
# fetch("meta-llama/Llama-2-7b-chat-hf", "~/models/llama-2-7b-chat")          # after the form, with a token
# ```
#
# The first two are small cousins with Llama 2's architecture, which anybody may fetch; `load` opens them like the
# others. A file that is not on the hub, or a licence that was not accepted, is said in a sentence. So is a network
# that is not there. We ask for a hub at an address where nobody listens:

# %%
from unittest.mock import patch

from llama_lessons.hub import HubError, fetch

try:
    with patch("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9"):
        fetch("meta-llama/Llama-2-7b-chat-hf", folder)
except HubError as error:
    before, _, after = str(error).partition(" (")
    print(before, "..." + after.partition(")")[2])

# %% [markdown]
# ## 3. A dry run: the true shapes, without memory
#
# Before three hours of waiting, find out whether it will work. On PyTorch's *meta device* a tensor has a shape and a
# type, and no numbers. A model there takes no memory, yet every operation checks its shapes, so the whole forward pass
# can be rehearsed. PyTorch's own counter even counts the multiplications on the way.
#
# **Predict:** does the 70B of lesson 05's code run here? How many operations for one token, compared with the rule of
# thumb, two for each parameter?

# %%
from torch.utils.flop_counter import FlopCounterMode

from llama_lessons.checkpoints.assembly import skeleton

for name in SHARDS:
    config = LlamaConfig.preset(name)
    ghost = skeleton(config)  # on the meta device
    tokens = torch.zeros(1, 4096, dtype=torch.int64, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        logits = ghost(tokens[:, :1])
        whole = ghost(tokens).shape
    per_param = counter.get_total_flops() / 4097 / config.n_params
    print(
        f"{name:<11} {config.n_params:>14,} parameters, {config.max_seq_len} tokens in, logits {tuple(whole)} out;",
        end="",
    )
    print(f" {stable(per_param, 1)} operations a parameter for each token")
del ghost, logits

# %% [markdown]
# **Answer:** It does: true shapes, without memory, and the same modules that you trained hold all three. It takes a
# little more than two operations a parameter, because attention looks back at up to 4096 tokens; hardly less, because
# the embedding table is only looked up.
#
# **And your own Llama?** Its weights have the same names and shapes. (`assemble` puts your parts, ●, and the course's,
# ○, in their places; `device="meta"` tries whether yours can do without numbers.)

# %%
from llama_lessons.my_llama import assemble

own = assemble(device="meta")
for name in SHARDS:
    config = LlamaConfig.preset(name)
    with torch.device("meta"), torch.no_grad():
        mine, theirs = own.build(config), skeleton(config)
        logits = mine(torch.zeros(1, 8, dtype=torch.int64))
    shapes, wanted = ({key: weight.shape for key, weight in part.state_dict().items()} for part in (mine, theirs))
    print(f"{name:<11} every weight has its place: {shapes == wanted}; logits {tuple(logits.shape)}")
print(own)
half = assemble(torch.bfloat16).like(load(base))  # 16 bits a number, as Meta stores them
with torch.no_grad():
    print("and with numbers, in 16 bits:", half(torch.tensor([tok.encode("Once upon a time")])).dtype)

# %% [markdown]
# ### How long may a text be?
# One number is missing in Meta's files. `params.json` gives width, layers and heads, and does not say for how many
# tokens the model was made: Meta's program takes that from its user. `load` puts in what the paper says. **Predict:**
# we save the Valley's model, which was made for 512 tokens, in Meta's layout, and open it. What does it claim? What
# happens to its loss far behind the 512th token of a long text?

# %%
import json
from dataclasses import replace
from itertools import islice

from llama_lessons.checkpoints import save
from llama_lessons.generate import generate
from llama_lessons.world import make_documents

save(model, work_dir() / "14_meta", format="meta")
print("params.json:", json.loads((work_dir() / "14_meta" / "params.json").read_text()))
again = load(work_dir() / "14_meta")
print("made for", model.config.max_seq_len, "tokens; opened again it claims", again.config.max_seq_len)
stories = islice(make_documents(505, {"story": 1.0}), 30)
long = [token for page in stories for token in tok.encode(page.text, eos=True)][:3601]
with torch.no_grad():
    scores = again(torch.tensor([long[:-1]]))[0]  # (T, V)
losses = torch.nn.functional.cross_entropy(scores, torch.tensor(long[1:]), reduction="none")
for start in (0, 600, 1800, 3000):
    print(f"loss at tokens {start:>4} to {start + 500:>4}:", stable(losses[start : start + 500].mean(), 1), "nats")

# %% [markdown]
# **Answer:** Nothing stops it. A little past the window all seems well: a story looks back at its own beginning, and
# that is near. Then the loss rises without a warning to more than ten times what it was, at distances that the model
# has never seen. Our copy in Meta's layout has forgotten its own limit. The remedy is a line, and then nobody writes
# past the window unawares: `generate` refuses.

# %%
again.config = replace(again.config, max_seq_len=512)
try:
    generate(again, [long[:500]], max_new_tokens=50)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# For Llama 2 itself `load` is right: all its sizes were made for 4096 tokens. Whoever opens a relative in Meta's layout
# (Llama 1 had 2048) must say so.
#
# ## 4. Eight bits: whole numbers and a scale
#
# Now the size. The weights come in *bfloat16*: 16 bits, of which one is the sign, eight are the exponent (how large?)
# and seven the digits (how exactly?). Three significant digits would be a good number for that, and training needs
# the range. But a finished weight matrix is a heap of numbers that are all about the same size. So take the exponent
# out, once for all of them: a *scale*. What is left of each number is how many scales it is, rounded to a whole number,
# from −127 to 127 for eight bits. The name for it is *quantization*; what is kept are *codes* and scales.
#
# ```
#    weight     0.0213   -0.0518    0.0004   -0.0107        scale = largest size / 127 = 0.000408
#    code           52      -127         1       -26        weight ≈ code × scale
# ```
#
# First the simplest way: one scale for the whole matrix. Here is a function that does the round trip for any number of
# bits; we leave the codes in float, to see only what is lost.
#
# **Predict:** how large is the error, in per cent of the weights' own size, at 8 bits? At 4 bits there are 16 times
# fewer steps; how much larger is it?


# %%
def round_trip(weight, bits, group=None):  # (F, C) -> (F, C); neighbours in a row share a scale, None: all do
    most = 2 ** (bits - 1) - 1  # 127 for eight bits, 7 for four
    parts = weight.reshape(1, -1) if group is None else weight.reshape(-1, min(group, weight.shape[1]))
    scale = parts.abs().amax(1, keepdim=True) / most
    return ((parts / scale).round() * scale).reshape(weight.shape)


def error(weight, rounded):  # in per cent
    return 100 * ((weight - rounded).norm() / weight.norm()).item()


weight = model.blocks[2].feed_forward.w_up.weight  # (512, 192) of the Valley's model
for bits in (8, 4, 3):
    lost = stable(error(weight, round_trip(weight, bits)), 1)
    print(f"{bits} bits, one scale for all {weight.numel():,} numbers: error {lost:>5} %")

# %% [markdown]
# **Answer:** At eight bits little is lost, at four a good part. And this is a well-behaved matrix.
#
# ### Break it: one large number
# In real models some numbers stick out. They are few, and they matter: the model has learned to use them (Dettmers and
# others, [arXiv:2208.07339](https://arxiv.org/abs/2208.07339), found channels in which activations are twenty times as
# large). Plant a single one: multiply one weight of 98,304 until it is a hundred times as large as the typical ones.
#
# **Predict:** what happens to the other 98,303 at eight bits, if all share one scale? If each row has its own? If each
# 64 neighbours have?

# %%
planted = weight.clone()
planted[100, 50] = 100 * weight.std()
others = torch.ones_like(weight, dtype=torch.bool)
others[100, 50] = False  # the error is that of all the others
print("error of the others     as it was   one large number planted")
for name, group in {"one scale for all": None, "a scale for each row": 192, "for 64 neighbours": 64}.items():
    found = [error(w[others], round_trip(w, 8, group)[others]) for w in (weight, planted)]
    print(f"8 bits, {name:<22}{stable(found[0], 1):>5} %{stable(found[1], 1):>8} %")
row = error(planted[100, :50], round_trip(planted, 8, 192)[100, :50])
print("with a scale for each row, its own row:", stable(row, 0), "%")

# %% [markdown]
# **Answer:** One number has taken the steps away from a hundred thousand. With a scale for each row only its own row
# suffers, and with groups only its neighbours. That is what scales are for: *a fence around each outlier*. Rows are
# also what costs nothing in the product: each output is one row's, so its scale is multiplied once, at the end.
#
# ### Exercise 1 (15 minutes): int8, row by row
# Give the codes in `torch.int8`, and the scales. No row is all zeros.


# %% tags=["exercise"]
def my_int8(weight):
    """Whole numbers for a weight, and a scale for each row.

    weight: float tensor of shape (F, C).
    Returns codes, torch.int8 of shape (F, C), from -127 to 127, and scales, of shape (F, 1): codes * scales is the
    weight, as nearly as can be.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.quantization import check_int8

check_int8(my_int8)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The largest *size* in a row must become 127. Size means without sign.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `amax(1, keepdim=True)` keeps the shape (F, 1), so that dividing works for all columns at once.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `.to(torch.int8)` cuts decimals off. Round before.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
def solved_int8(weight):
    scale = weight.abs().amax(1, keepdim=True) / 127
    return (weight / scale).round().to(torch.int8), scale


check_int8(solved_int8)

# %% [markdown]
# ## 5. Four bits: groups, and two numbers in a byte
#
# With four bits there are 15 codes, −7 to 7, and every outlier hurts. So rows are cut into *groups* of 32, 64 or 128
# neighbours, each with a scale of its own. **Predict:** what does a scale of 16 bits add to each number, for each of
# the three? (The package keeps them in bfloat16, and rounds the codes for the scale *as it is kept*.)

# %%
from llama_lessons.quantization import QuantizedLinear

print("w_up of the Valley, 4 bits    error    bits a number, scales included")
for group in (None, 128, 64, 32):
    layer = QuantizedLinear(weight, "int4", group)
    bits = 8 * (layer.codes.nbytes + layer.scale.nbytes) / weight.numel()
    name = "a scale for each row" if group is None else f"groups of {group}"
    print(f"{name:<26}{stable(error(weight, layer.dequantize()), 1):>7} %{stable(bits):>12}")

# %% [markdown]
# **Answer:** Smaller groups are more exact, and cost more. (Rows of 192 numbers are no multiple of 128: the second
# group is filled up with zeros, and that is what makes it dear here. The widths of Meta's models are multiples of 128.)
#
# But no computer has a type of four bits. The smallest thing that can be stored is a byte, so two codes must share one:
# one in its lower four bits, one in the upper four. A code from −7 to 7 is made positive first, by adding 8. Then
# `low | (high << 4)` puts them together, where `<<` moves bits up. Which two? The package takes a group's first half
# and its second half: then a program that unpacks finds 16 neighbours side by side, and not every second one.
#
# ### Exercise 2 (15 minutes): pack
# Here a whole row is one group.


# %% tags=["exercise"]
def my_pack(codes):
    """Two codes in each byte.

    codes: torch.int8, shape (F, C), from -7 to 7; C is even.
    Returns torch.uint8 of shape (F, C/2): byte k of a row holds code k in its lower four bits and code k + C/2 in its
    upper four, each with 8 added.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.quantization import check_pack

check_pack(my_pack)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Add 8 first, then change the type to `torch.uint8`: from then on nothing is negative.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `codes.chunk(2, dim=1)` gives the two halves of each row.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_pack(codes):
    low, high = (codes + 8).to(torch.uint8).chunk(2, dim=1)
    return low | (high << 4)


check_pack(solved_pack)

# %%
from llama_lessons.quantization import pack, unpack

every = torch.arange(256, dtype=torch.uint8).view(2, 4, 32)  # (F, n, G/2): all bytes that there are
assert torch.equal(pack(unpack(every)), every), "unpacking and packing should give every byte back"
print("all 256 bytes, unpacked and packed again: the same")
print("byte 0b10110010 holds the codes", unpack(torch.tensor([[[0b10110010]]], dtype=torch.uint8)).flatten().tolist())

# %% [markdown]
# Packing loses nothing; rounding has lost what it has lost.
#
# ### Exercise 3 (15 minutes): how large is the 70B in four bits?
# What people download under names such as "70B, 4-bit" is more than half a byte for each parameter. Count: all seven
# matrices of every layer and the head in `bits`, with a scale of two bytes for each group; the embedding table and the
# norms keep two bytes a number. A row's last group is filled up.


# %% tags=["exercise"]
def my_quantized_gb(config, bits, group):
    """GB (10**9 bytes) of a quantized model.

    config: a LlamaConfig, with dim, n_layers, n_kv_heads, head_dim, hidden_dim and vocab_size; head and table are two.
    bits: of a code. group: neighbours in a row that share a scale.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.quantization import check_quantized_gb

check_quantized_gb(my_quantized_gb)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Write a small function for one matrix of so many rows and columns, and add up.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A row has `math.ceil(columns / group)` groups. Each takes `group * bits / 8 + 2` bytes.
#
# </details>
# <details><summary>Hint 3</summary>
#
# wq and wo: dim rows of dim. wk and wv: n_kv_heads * head_dim rows of dim. w_gate and w_up: hidden_dim rows of dim.
# w_down: dim rows of hidden_dim. Head: vocab_size rows of dim. Norms: two of dim in each layer, and one more.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_quantized_gb(config, bits, group):
    def matrix(rows, columns):
        return rows * math.ceil(columns / group) * (group * bits / 8 + 2)

    dim, kv, hidden = config.dim, config.n_kv_heads * config.head_dim, config.hidden_dim
    layer = 2 * matrix(dim, dim) + 2 * matrix(kv, dim) + 2 * matrix(hidden, dim) + matrix(dim, hidden)
    kept = config.vocab_size * dim + (2 * config.n_layers + 1) * dim
    return (config.n_layers * layer + matrix(config.vocab_size, dim) + 2 * kept) / 10**9


check_quantized_gb(solved_quantized_gb)

# %% [markdown]
# The package's `quantize(model, kind, group)` replaces the matrices of a model in place, one after the other, so that
# it never holds two models. It works on the meta device as well, and so the answer can be counted. (A head that is tied
# to the embedding table, as the Valley's is, stays as it is.)
#
# **Predict:** does the 70B in four bits fit onto the card with 24 GB? On two of them?

# %%
from llama_lessons.arithmetic import CARDS
from llama_lessons.checks.quantization import quantized_gb
from llama_lessons.quantization import quantize

for name, kind, group in (("llama2-7b", "int8", 128), ("llama2-7b", "int4", 64), ("llama2-70b", "int4", 64)):
    config = LlamaConfig.preset(name)
    ghost = quantize(skeleton(config).bfloat16(), kind, group)
    counted = sum(tensor.nbytes for tensor in ghost.state_dict().values()) / 1e9
    assert abs(counted - quantized_gb(config, int(kind[3:]), group)) < 1e-6, "formula and model should agree"
    cards = math.ceil(counted / (CARDS["RTX 4090"] / 1e9))
    print(
        f"{name:<11}{kind} in groups of {group:<4} {stable(counted, 1):>5} GB; RTX 4090s to hold the weights: {cards}"
    )

# %% [markdown]
# **Answer:** Not onto one; onto two, with some room for the cache. The 7B fits a laptop. (True shapes, without memory.)
#
# A good place for a pause.
#
# ## 6. What has it forgotten?
#
# An error of so many per cent in a weight says little. What does the *model* lose? Let us ask it three things. Its
# *perplexity* on pages it has not seen (lesson 11 says all about it; it is e to the loss). The Valley's *exam*. And
# *sums*, which are the hardest thing that it can do: of the sums that training never had, it solves some.
#
# Four models: as it is, int8, int4 in groups of 64, and, as nothing in the package goes so far, three bits by the
# function of section 4, in groups of 64. **Predict:** which of the three measures falls first?

# %%
from llama_lessons.evaluation import Score, multiple_choice, perplexity
from llama_lessons.world import Exam, open_questions

pages = [tok.encode(page.text, eos=True) for page in islice(make_documents(505), 40)]
pages = [page for page in pages if len(page) < 500]
exam, sums = Exam(), [question for question in open_questions() if "sums" in question.subject]
exam.items = [item for item in exam.items if "sums" not in item.subject][::4]


def solved(model):
    prompts = [tok.encode(question.prompt) for question in sums]
    written = generate(model, prompts, 6, temperature=0, stop_ids=[tok.eos_id])
    said = [tok.decode(p + new).partition("Answer:")[2] for p, new in zip(prompts, written, strict=True)]
    right = [text.split("\n")[0].strip() == question.answer for text, question in zip(said, sums, strict=True)]
    return Score.of(sum(right), len(right))


def in_three_bits():
    rounded = load(base, dtype=torch.float32).requires_grad_(False)
    for name, matrix in rounded.named_parameters():
        if "blocks" in name and matrix.dim() == 2:
            matrix.copy_(round_trip(matrix, 3, 64))
    return rounded


# %%
ways = {
    "float32": model,
    "int8, rows": quantize(load(base, dtype=torch.float32), "int8"),
    "int4, groups of 64": quantize(load(base, dtype=torch.float32), "int4", 64),
    "3 bits, groups of 64": in_three_bits(),
}
measured = {}
for name, way in ways.items():
    measured[name] = perplexity(way, pages), multiple_choice(way, tok, exam, 0, "text"), solved(way)
    print(f"{name:<22} perplexity {stable(measured[name][0])}")
kept = [scores[1].accuracy > 0.95 for scores in measured.values()]
print("more than 95 of 100 exam questions right:", kept)
drop = measured["float32"][2].accuracy - measured["3 bits, groups of 64"][2].accuracy
assert all(kept) and drop > 0.05, f"the exam should stay, and sums should fall: {measured}"
print("with three bits, more than 5 of 100 sums less are solved:", drop > 0.05)

# %%
from matplotlib import pyplot as plt

figure, panels = plt.subplots(1, 2, figsize=(7, 2.9))
panels[0].bar(range(4), [row[0] for row in measured.values()], color="#56B4E9", edgecolor="black")
panels[0].set(ylabel="perplexity", ylim=(0, 3.5))
for k, (what, mark) in enumerate({"exam": "o", "sums": "s"}.items()):
    scores = [row[k + 1] for row in measured.values()]
    errors = [[s.accuracy - s.low for s in scores], [max(0, s.high - s.accuracy) for s in scores]]
    places = [place + 0.15 * (2 * k - 1) for place in range(4)]
    panels[1].errorbar(places, [s.accuracy for s in scores], errors, fmt=mark, capsize=3, label=what)
panels[1].set(ylim=(0, 1.05), ylabel="share right, 95 % interval")
panels[1].legend(frameon=False, loc="lower left")
for axes in panels:
    axes.set_xticks(range(4), ["float32", "int8", "int4/64", "3 bits/64"], fontsize=9)
what = "Left: perplexity, nearly the same for float32, int8 and int4, a little higher for three bits. Right: the exam "
show(
    figure,
    alt=what + "stays near 1 for all four; sums are three quarters for the first three, and fall with three bits.",
)

# %% [markdown]
# **Answer:** Int8 costs nothing that we could measure. Int4 in groups costs next to nothing. With three bits perplexity
# rises by a few per cent, which one would shrug off; the exam does not notice; and of the sums a good part is gone. A
# mean over easy words hides what is hard and rare. The lesson is the one of lesson 08: **measure what you care about**.
# Whoever says that a quantized model is "as good" should say at what. (And the intervals are wide: of a difference of
# two points, 144 sums say nothing.)
#
# What we have done is called *round to nearest*. GPTQ ([arXiv:2210.17323](https://arxiv.org/abs/2210.17323)) rounds
# each column so as to make up for the errors of those before it, AWQ
# ([arXiv:2306.00978](https://arxiv.org/abs/2306.00978)) first scales the channels that matter; with three bits it pays.
#
# Save it? `save` and `load` know quantized models, and what cannot work is refused by name.

# %%
from llama_lessons.lora import add_lora

int4 = ways["int4, groups of 64"]
save(int4, work_dir() / "14_int4", tokenizer=tok)
opened = load(work_dir() / "14_int4")
tokens = torch.tensor([long[:200]])
assert torch.equal(opened(tokens), int4(tokens)), "opened again it should say the same"
n_bytes = sum(path.stat().st_size for path in (work_dir() / "14_int4").glob("*.safetensors"))
print(f"saved and opened again: the same logits to the last bit; {n_bytes:,} bytes, the base model's {len(content):,}")
for attempt in (
    lambda: quantize(int4, "int8"),
    lambda: save(int4, folder / "x", "meta"),
    lambda: add_lora(int4, 8, 16),
):
    try:
        attempt()
    except ValueError as error:
        print("refused:", error)

# %% [markdown]
# (The embedding table of the Valley's model is kept in float32 here, and it is a good part of so small a model. In the
# 7B it is 4 %.)
#
# ## 7. See it: memory and the roof
#
# Fewer bytes are not only less to keep. A step of decoding reads every weight once (lesson 07), so the bytes set the
# pace: **tokens per second, at best, are bandwidth divided by bytes**. The view has a row for each kind of number: on
# the left how full the memory of a machine is, on the right the roof of its speed. Bandwidth and operations are the
# makers' data sheets'. *This machine* is yours, measured in the cell: open the menu.
#
# **Find out:** how much faster is the 7B in int4 than in bfloat16 on the RTX 4090, with a short context and one text?
# And with 64 texts of 4096 tokens on the H200: what do fewer bits still bring?

# %%
from time import perf_counter

from llama_lessons.checks.environment import memory_here
from llama_lessons.widgets.roof import Machine, RoofView


def fastest(work, repeats=5):  # seconds
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


numbers, square = torch.ones(10_000_000), torch.ones(512, 512)
bandwidth = numbers.nbytes / fastest(numbers.sum)
flops = 2 * 512**3 / fastest(lambda: square @ square)
own = {f"this machine, {name}": Machine(n_bytes, bandwidth, flops) for name, n_bytes in memory_here().items()}
machines = {
    "RTX 4090": Machine(CARDS["RTX 4090"], 1008e9, 165e12),
    "A100 80GB": Machine(CARDS["A100 80GB"], 2039e9, 312e12),
    "H200": Machine(CARDS["H200"], 4800e9, 989e12),
}
RoofView(machines, own, n_tokens=512)

# %%
for batch_size in (1, 16):
    view = RoofView(machines, machine="A100 80GB", n_tokens=4096, batch_size=batch_size)
    print(f"7B on an A100, {batch_size} x 4096 tokens")
    for row in view.rows:
        print(f"   {row['name']:<28} {row['held']:>8}, {row['speed']}")

# %% [markdown]
# For one reader with a full context, int4 is nearly three times as fast as 16 bits, at best, and with a short one
# nearly four times. For sixteen readers it brings little: the weights are read once for all of them, and each brings a
# cache of its own, in 16 bits. (Where so many texts are short that arithmetic is the limit, fewer bits bring nothing at
# all.) Weight-only quantization is for whoever has *one* GPU and *few* readers.
#
# ## 8. At best, and in fact
#
# The roof is a promise that a program must keep. The obvious program unpacks a weight into float32, writes it to
# memory, and multiplies. **Predict:** is it faster than before?

# %% tags=["nbval-ignore-output"]
# Times differ on every machine and in every run
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)
big = torch.randn(2048, 2048, generator=generator)
x = torch.randn(1, 2048, generator=generator)
layers = {"int8": QuantizedLinear(big, "int8", None), "int4/64": QuantizedLinear(big, "int4", 64)}
print(f"float32: {1000 * fastest(lambda: torch.nn.functional.linear(x, big)):.2f} ms for one row", end="; ")
for name, layer in layers.items():
    print(f"{name}, unpacked first: {1000 * fastest(lambda layer=layer: layer(x)):.2f} ms", end="; ")

# %% [markdown]
# **Answer:** It is slower, many times: it reads the codes, and then it writes and reads the float32 weight on top. The
# unpacked weight must never exist as a whole. That takes a loop that reads a byte, makes two numbers of it *in
# registers*, and multiplies them at once. We need not write it in C. Lesson 07 has shown how `torch.compile` fuses a
# product that is written as a sum, `(weight * x).sum(-1)`, with what stands before it; and unpacking is what stands
# before it. So `QuantizedLinear` has these six lines for one row in a compiled step:
#
# ```python
# first, second = parts.chunk(2, dim=-1)          # x, group by group: its two halves
# pairs = self.codes.int()                        # a byte with two codes
# sums = ((pairs & 15) * first + (pairs >> 4) * second).sum(-1) - OFFSET * parts.sum(-1)
# return (sums * self.scale.float()).sum(-1)
# ```
#
# Two small tricks are in it: the offset of 8 is subtracted once for a group, not for each code; and a group's scale is
# multiplied once. The same sum, by hand, gives the same numbers:

# %%
for name, layer in layers.items():
    slow, written_out = torch.nn.functional.linear(x, layer.dequantize()), layer._one_row(x)
    torch.testing.assert_close(written_out, slow, rtol=1e-4, atol=1e-3)
    print(f"{name}: the sum over codes is the product with the unpacked weight")

# %% [markdown]
# `python -m benchmarks.quantized` measures whole models; it takes a C++ compiler. The picture shows the table that lies
# in the course's `benchmarks/QUANTIZED.md`, of one machine with two cores and a Llama of 134 million random weights.
# (`--runq` puts llama2.c's int8 program, in plain C, beside it.) **Predict:** what do int8 and int4 bring, at a quarter
# and an eighth of the bytes?

# %%
from llama_lessons.files import COURSE

lines = (COURSE / "benchmarks/QUANTIZED.md").read_text(encoding="utf-8").splitlines()
table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| 134M")]
figure, axes = plt.subplots(figsize=(7, 2.8))
bars = axes.barh([row[1] for row in table], [float(row[2]) for row in table], color="#0072B2")
axes.bar_label(bars, [row[2] for row in table], padding=3, fontsize=9)
axes.invert_yaxis()
axes.set(xlabel="tokens per second, one text, 134M")
ratio = {row[1]: float(row[3]) for row in table}
print("int8 and int4 in groups of 64, times the compiled float32:", ratio["int8, compiled"], ratio["int4/64, compiled"])
what = "Bars: tokens per second of one text. Compiled int8 and int4 write about twice as many as compiled float32; "
show(figure, alt=what + "int4 in groups of 32 gains less than the others.")

# %% [markdown]
# **Answer:** About twice float32, not four or eight times: on two cores the codes now come faster from memory than they
# can be turned into floats. Small groups are slower than large ones, for each has a sum of its own to be finished. The
# roof of section 7 is what memory allows; the arithmetic of unpacking has a roof of its own.
#
# On a GPU the same `generate(..., compile=True)` makes kernels of the same loop, and a CUDA graph of the step. Whoever
# wants hand-written kernels there installs `torchao` (`%pip install torchao`); its `quantize_` takes our models, for
# their matrices are plain `nn.Linear`: `quantize_(model, Int8WeightOnlyConfig())`. This page has not measured a GPU.
#
# ### Memory, given back
# A notebook keeps more than one thinks. After `del model` the weights may live on: the traceback of the last error
# holds all that its functions had in hand. **Predict:** a generation fails on a half-typed prompt; then the model is
# deleted. Is its memory free?

# %%
import sys
import weakref

from llama_lessons.device import free

doomed = load(base)
seen = weakref.ref(doomed)  # looks at it, and does not hold it
try:
    generate(doomed, [[]], 5)
except ValueError as error:
    sys.last_value = error  # what Jupyter does when a cell fails
del doomed
print("deleted, and still in memory:", seen() is not None)
free()
print("after free(), still in memory:", seen() is not None)

# %% [markdown]
# **Answer:** Not before `free`. It forgets the last error, collects what nobody can reach, and on a GPU hands the
# emptied blocks back, so that `nvidia-smi` sees them too.
#
# ## 9. Train beside four bits
#
# A quantized weight cannot be trained: there is no small step from code 3 to code 4. But nobody needs to. LoRA (lesson
# 08) leaves the weight alone and trains a change *beside* it, in float32. If the frozen weight is only ever *used*, it
# may as well have four bits. That is the idea of QLoRA (Dettmers and others,
# [arXiv:2305.14314](https://arxiv.org/abs/2305.14314)), which tuned a 65B on a single GPU of 48 GB.
#
# The package refuses adapters on a quantized model, so build it by hand; it is eight lines. Gradients run through the
# codes to the layers below, and stop nowhere but at A and B.

# %%
from torch import nn
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

from llama_lessons.quantization import quantized_layers


class Beside(nn.Module):
    def __init__(self, frozen, rank=8, scale=2.0):
        super().__init__()
        self.frozen, self.scale = frozen, scale
        self.a = nn.Parameter(torch.randn(rank, frozen.in_features) / frozen.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(frozen.out_features, rank))

    def forward(self, x):
        y = checkpoint(self.frozen, x, use_reentrant=False) if self.training else self.frozen(x)
        return y + linear(linear(x, self.a), self.b) * self.scale


torch.manual_seed(8)
student = quantize(load(base, dtype=torch.float32), "int4", 64)
for name, layer in quantized_layers(student).items():
    student.set_submodule(name, Beside(layer))
trained = sum(weight.numel() for weight in student.parameters() if weight.requires_grad)
print(f"{trained:,} trained numbers in float32, beside {len(quantized_layers(student))} frozen matrices in int4")

# %% [markdown]
# The voice is lesson 08's: a hum after each sentence. **Predict:** does the model learn it on rounded weights, in the
# same forty steps?

# %%
from llama_lessons.batches import pack as pack_rows
from llama_lessons.optimizers import TrainConfig
from llama_lessons.training import Trainer
from llama_lessons.world.voices import count_hums, hum


def batch(step):
    texts = (tok.encode(hum(page.text), eos=True) for page in make_documents(4_000_000 + step, {"story": 1.0}))
    return pack_rows(((ids, [True] * len(ids)) for ids in texts), batch_size=8, seq_len=64)


student.train()
metrics = list(Trainer(student, TrainConfig(n_steps=40, peak_lr=6e-3, warmup_steps=4), batch).run())
student.eval()
prompts = [tok.encode(opening) for opening in ("Once upon a time,", "High up in the Valley,", "Long ago,")] * 3
written = generate(student, prompts, 60, stop_ids=[tok.eos_id], generator=torch.Generator().manual_seed(1))
counts = [count_hums(tok.decode(prompt + new)) for prompt, new in zip(prompts, written, strict=True)]
hums, ends = (sum(column) for column in zip(*counts, strict=True))
print("more than three sentences in four end in a hum:", hums > 0.75 * ends)
assert hums > 0.75 * ends, f"only {hums} of {ends} sentences end in a hum"

# %% [markdown]
# **Answer:** It does, it hums.
#
# What about the 7B, on a card with 24 GB? Let the true shapes tell, without memory: one layer of the 7B, 512 tokens,
# and a note of all that PyTorch keeps for the backward pass.
#
# **Predict:** why does `Beside` wrap the frozen layer in `checkpoint`, which computes it a second time when gradients
# come back? What would be kept without?

# %%
from llama_lessons.model import Block


def kept_gb(way, recompute):  # GB that one true layer keeps for its backward pass, 512 tokens
    seven = LlamaConfig.preset("llama2-7b")
    with torch.device("meta"):
        block = Block(seven).requires_grad_(False).bfloat16()
        for name, layer in [(name, layer) for name, layer in block.named_modules() if isinstance(layer, nn.Linear)]:
            frozen = QuantizedLinear(layer.weight, *way) if way else layer
            block.set_submodule(name, Beside(frozen).bfloat16().train(recompute))
        x = torch.zeros(1, 512, seven.dim, dtype=torch.bfloat16, requires_grad=True)
        angles = torch.zeros(512, seven.head_dim // 2)
    own = {tensor.untyped_storage()._cdata for tensor in block.state_dict().values()}
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.untyped_storage()._cdata, t), lambda t: t
    ):
        block(x, angles.cos(), angles.sin())
    return sum(t.untyped_storage().nbytes() for key, t in kept.items() if key not in own) / 1e9


# %%
seven = LlamaConfig.preset("llama2-7b")
n_trained = 32 * 8 * (4 * 2 * 4096 + 3 * (4096 + 11_008))
for name, way, recompute in (
    ("bfloat16", None, False),
    ("int4, groups of 64", ("int4", 64), False),
    ("int4, groups of 64, recomputed", ("int4", 64), True),
):
    weights = weights_bytes(seven) / 1e9 if way is None else quantized_gb(seven, 4, 64)
    adapters, kept = 16 * n_trained / 1e9, 32 * kept_gb(way, recompute)
    total = weights + adapters + kept
    print(
        f"{name:<32}{stable(weights, 1):>5} weights {stable(adapters, 1):>4} adapters {stable(kept, 1):>5} kept", end=""
    )
    print(f" = {stable(total, 1):>5} GB; fits in 24 GB: {total < 24}")

# %% [markdown]
# **Answer:** Here is the trap. Autograd keeps what the backward pass needs, and for a product that is the *unpacked*
# weight: all the memory that four bits had saved comes back, and more. Recomputed, each weight is unpacked twice, and
# kept never. Then a LoRA of the 7B fits the card with room to spare. (One text of 512 tokens; lesson 08's 16 bytes for
# each trained number. The rest of PyTorch takes some hundred megabytes. Computed from true shapes, not measured on a
# GPU.)
#
# ## 10. With the weights
#
# All together, for whoever has them: open, quantize, free, and talk to it, in lesson 09's format. Without a folder in
# `WEIGHTS` the same function talks to the Valley's own chat model.

# %% tags=["nbval-ignore-output"]
# What it says depends on whose weights it is given
from pathlib import Path

from llama_lessons.chat import ChatSession
from llama_lessons.device import pick_device


def open_chat(path, kind="int4", group=64):
    on, its_tok = pick_device(), Tokenizer(Path(path).expanduser() / "tokenizer.model")
    llama = load(path, dtype=torch.bfloat16 if on.type == "cuda" else torch.float32)
    llama = quantize(llama, kind, group).to(on)
    free()
    return ChatSession(llama, its_tok, seed=0)


session = open_chat(WEIGHTS or data_path("checkpoints/chat"))
print("yours, in int4:" if WEIGHTS else "no real weights on this machine; the Valley's chat model, in int4:")
for question in ("What is a baby llama called?", "Why do llamas hum?"):
    print(f"\n{question} ", end="")
    for piece in session.stream(question):
        print(piece, end="", flush=True)

# %% [markdown]
# A box to type in is one line, `ChatBox({"Llama 2": session})`, with lesson 09's `llama_lessons.widgets.chat_box`. (Of
# why llamas hum the Valley knows nothing, and its model says something nevertheless: it was never taught to say that it
# does not know.)
#
# ## What you have, and where it goes
#
# - The code that you wrote holds Meta's models as they are; what changes is bytes.
# - Fetch under another name, ask for the rest, compare the checksum. One bit in forty million is enough.
# - A dry run on the meta device costs nothing and finds every wrong shape. Meta's files do not say how long a text may
#   be.
# - Quantization takes the exponent out. A scale is a fence around outliers; int8 has one for each row, int4 one for
#   each group, and two codes share a byte.
# - Perplexity may hardly move where a skill is lost. Say what you measured.
# - Fewer bytes are faster only if the unpacked weight never exists, in decoding and in the backward pass.
#
# **Read next** [`llama_lessons/quantization.py`](../llama_lessons/quantization.py), the whole of it in little more than
# a hundred lines; [`llama_lessons/hub.py`](../llama_lessons/hub.py), which fetches;
# [`llama_lessons/checkpoints/quantized.py`](../llama_lessons/checkpoints/quantized.py), the file;
# [`llama_lessons/widgets/roof.py`](../llama_lessons/widgets/roof.py), the view's sums.
#
# **More to try:** measure int4 with one scale for each row as in section 6. Find the layer whose rounding hurts most:
# round one at a time. Write *NF4*, QLoRA's four bits: 16 levels where a normal distribution has its sixteenths. Fetch
# stories15M, open it with `load`, and let it tell a story in int8.
#
# This was the last lesson. You have built a tokenizer, attention, a whole Llama, its training, its sampling and its
# manners; you have shared it out over several machines ([lesson 13](13_scaling_out.ipynb)); and the same code opens the
# models that the news was about.
#
# **Sources.** Llama 2: [arXiv:2307.09288](https://arxiv.org/abs/2307.09288); shards: README.md of Meta's repository
# llama; licence: Llama 2 Community License Agreement, July 2023. Outliers and int8: Dettmers and others, LLM.int8(),
# [arXiv:2208.07339](https://arxiv.org/abs/2208.07339). QLoRA: [arXiv:2305.14314](https://arxiv.org/abs/2305.14314).
# GPTQ: [arXiv:2210.17323](https://arxiv.org/abs/2210.17323). AWQ: [arXiv:2306.00978](https://arxiv.org/abs/2306.00978).
# llama2.c: karpathy/llama2.c on GitHub. Bandwidths and operations: NVIDIA's data sheets of the GeForce RTX 4090 (Ada
# architecture's white paper), the A100 80GB SXM and the H200 SXM.
