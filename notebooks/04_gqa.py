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
# # 04 GQA: what does memory cost, and who can share it?
#
# When a Llama writes, it adds one token at a time, and each new token looks at all tokens before it. In lesson 00 we
# let it write five words of our sentence,
#
# > Clara and Luis walked home together, and the llamas hummed behind them.
#
# and called the five lines of that loop wasteful: they read the whole text again for each word. What exactly do they
# repeat? What must a program keep, so that it reads every token once? How large does that become for a real Llama? And
# why did the authors of Llama 2 let eight query heads share one key and one value?
#
# In this lesson you count the waste, build the *KV cache* that ends it, and prove it equal to no cache at all. You walk
# into the traps that real programs have walked into, and watch a cache fill, overflow and forget. Then you let heads
# share, measure what that costs, and turn a model that does not share into one that does.
#
# You need to know Python, a little PyTorch, and what queries, keys and values are (lesson 02) and that the first two
# are turned by their places (lesson 03). Where it says **Predict**, do so before you run on.
#
# **Time:** about two hours, an hour of them for the exercises, without sections 9 and 10, which are optional and take
# forty minutes more; good places to pause are before sections 3 and 7. Letters and terms: [TERMS](../TERMS.md).

# %%
from llama_lessons.page import setup, show, stable

setup()
import torch

from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer

_ = torch.set_grad_enabled(False)  # we look at a model; only the last section trains one
model = load(data_path("checkpoints/base"), dtype=torch.float32)
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
config = model.config
sentence = "Clara and Luis walked home together, and the llamas hummed behind them."
prompt = tok.encode(sentence + " Then")
print(len(prompt), "tokens:", " ".join(tok.pieces(prompt)))
heads = f"{config.n_heads} query heads and {config.n_kv_heads} key-value heads"
print(f"{config.n_layers} layers; in each {heads} of {config.head_dim} numbers")

# %% [markdown]
# ## 1. What does writing repeat?
#
# Here is the simplest program that writes. The model gives a forecast after every token; we take the last one, put the
# likeliest token at the end, and give it the whole text again.
#
# **Predict:** the prompt has 16 tokens and we ask for 40 more. How many tokens does the model read in all?


# %%
def write_again(ids, n_new):
    """Write the likeliest tokens, reading all of the text for each; returns the text and how much each step read."""
    ids, read = list(ids), []
    for _ in range(n_new):
        logits = model(torch.tensor([ids]))  # (1, T, V): a forecast after each token
        read.append(len(ids))
        ids.append(logits[0, -1].argmax().item())
    return ids, read


text, read = write_again(prompt, 40)
print(sentence, "Then", tok.decode(text[len(prompt) :]))
print("\ntokens read in the first steps:", read[:4], "and in the last:", read[-1])
again = sum(read) - read[-1]
print(f"in all {sum(read)} to write {len(read)}; {again} of them had been read before: {100 * again // sum(read)} %")

# %% [markdown]
# **Answer:** 1420 tokens to write 40.
#
# Nearly all of the work is done again. But is it the *same* work? If a token's numbers changed when another one is put
# behind it, they would have to be computed anew. Lesson 02 says that they cannot: the mask lets no row depend on a
# later one, and since each layer's rows are made of rows that have not changed, that holds in every layer.
#
# Let us look at what `wq`, `wk` and `wv` make of 20 tokens, and of the same 20 and one more. To see it, the first cell
# below hangs a *hook* on each of these matrices in each layer: a function that PyTorch calls whenever the matrix has
# done its work, with what went in and what came out. Ours keeps what came out. **Predict:**
#
# - In which of the six layers do the queries, keys and values of the 20 old tokens change?
# - The new token's attention asks with its own query. Give attention this *single* query, with all 21 keys and values.
#   Does it give the last row of the whole computation?


# %%
from functools import partial


def projected(ids):
    """What wq, wk and wv make of a text in every layer: name -> (layers, T, heads, D), not turned yet."""
    made, hooks = {"wq": [], "wk": [], "wv": []}, []

    def keep(name, matrix, x, out):  # out: (1, T, heads * D)
        made[name].append(out[0])

    for block in model.blocks:
        matrices = {"wq": block.attention.wq, "wk": block.attention.wk, "wv": block.attention.wv}
        for name, matrix in matrices.items():
            hooks.append(matrix.register_forward_hook(partial(keep, name)))
    model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return {name: torch.stack(layers).unflatten(-1, (-1, config.head_dim)) for name, layers in made.items()}


# %%
from llama_lessons.attention import causal_attention  # (B, H, T, D), (B, Hkv, S, D) twice -> (B, H, T, D)
from llama_lessons.rope import rope_angles, rotate

before, after = projected(text[:20]), projected(text[:21])
for name in before:
    change = (after[name][:, :20] - before[name]).abs().amax((1, 2, 3))  # (layers,): the largest change in each
    print(f"{name} of the 20 old tokens changed in {(change > 1e-4).sum()} of {len(change)} layers")

angles = rope_angles(torch.arange(21), config.head_dim)
q, k = (rotate(after[name], angles.cos(), angles.sin()).transpose(1, 2) for name in ("wq", "wk"))
v = after["wv"].transpose(1, 2)  # layers take the place of texts: (B, Hkv, S, D)
whole, alone = causal_attention(q, k, v), causal_attention(q[:, :, -1:], k, v)
print("one query is enough in all layers:", torch.allclose(whole[:, :, -1:], alone, atol=1e-4))

# %% [markdown]
# **Answer:** in no layer, and yes: one query is enough.
#
# So for a new token we need its own row, and of the old ones the keys, by which they are scored, and the values, which
# are mixed. Their queries asked for *their* rows, and those are done.
#
# So keep the keys and values of every layer, in a *KV cache*. Old queries are not kept, nor anything else of the old
# rows. Each token is then read once, and there are two kinds of steps: *prefill*, which reads the prompt, many tokens
# at once, and *decoding*, which reads the token just written, one at a time.
#
# How much does that save? Without a cache the steps read 1, 2, 3, ... tokens, with one they read 1, 1, 1, ... We let
# our model read 200 tokens, one more in each step, in both ways, and look at the clock, too. (Your times are your
# machine's, so they stand in the picture only.) **Predict:** for a text twice as long, how many times as many tokens
# are read?

# %%
from time import perf_counter

from matplotlib import pyplot as plt


def clock(with_cache, n_tokens=200):
    """Tokens read, and seconds gone, after each step; both begin at 0."""
    cache = model.new_cache() if with_cache else None
    ids, read, spent = torch.tensor([(text * 4)[:n_tokens]]), [0], [0.0]
    for t in range(n_tokens):
        part = ids[:, t : t + 1] if with_cache else ids[:, : t + 1]
        start = perf_counter()
        model(part, cache)
        spent.append(spent[-1] + perf_counter() - start)
        read.append(read[-1] + part.shape[1])
    return read, spent


for n in (50, 100, 200):
    print(f"{n:>3} tokens: read {sum(range(1, n + 1)):>6,} without a cache, {n:>3} with one")

# %% tags=["nbval-ignore-output"]
# The picture shows times, which are others on each machine.
figure, panels = plt.subplots(1, 2)
for with_cache, style, colour in ((False, "--", "#D55E00"), (True, "-", "#0072B2")):
    name, found = "with a cache" if with_cache else "without", clock(with_cache)
    for axes, values, title in zip(panels, found, ("tokens read", "seconds"), strict=True):
        axes.plot(values, style, color=colour, label=name, linewidth=2)
        axes.set(title=title, xlabel="tokens in the text")
panels[0].legend(frameon=False)
show(figure, alt="Tokens read and seconds, against tokens in the text: without a cache both curves bend upwards.")

# %% [markdown]
# **Answer:** without a cache nearly four times as many, with one twice as many: *quadratic* against *linear*.
#
# Left is what we counted, right what the clock says. The clock shows less of the gain, and later: in a model as small
# as ours, much of what a call costs is the same for one token as for many. The solid curve is close to a straight line;
# close, not quite, for a new token still scores every key and mixes every value, and these grow in number.
#
# ## 2. The cache by hand
#
# The obvious cache is a tensor of keys and one of values, to which `torch.cat` joins what is new. It gives the right
# result. But where does `cat` put it? A tensor cannot grow, so each join takes new memory and copies everything. One
# token of Llama 2 7B has keys and values of 512 KiB (section 6 does that sum).
#
# **Predict:** 4096 tokens come one by one. How much is written to memory until all are in?


# %%
class JoiningCache:
    """Keys and values of one layer, joined anew each time."""

    def __init__(self):
        self.keys = self.values = None
        self.moved = 0  # numbers that were written to memory

    def extend(self, keys, values):
        if self.keys is not None:
            keys, values = torch.cat((self.keys, keys), dim=2), torch.cat((self.values, values), dim=2)
        self.keys, self.values = keys, values  # (B, Hkv, S, D)
        self.moved += keys.numel() + values.numel()
        return keys, values


joining = JoiningCache()
for _ in range(100):
    keys, values = joining.extend(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
print("it holds", keys.numel() + values.numel(), "numbers and has written", f"{joining.moved:,}")
held, moved = 2**19 * 4096, 2**19 * sum(range(1, 4097))  # bytes
print(f"the 7B, after 4096 tokens: holds {held / 2**30:.0f} GiB, has written {moved / 2**40:.0f} TiB")

# %% [markdown]
# **Answer:** four TiB, to hold two GiB.
#
# The waste is quadratic again, now of memory traffic. So set the memory aside once, as large as it may become, write
# new tokens behind the old ones, and remember how many there are. What is handed out is a *view* of the filled part,
# without a copy.
#
# ### Exercise 1 (15 minutes): a cache
# Write `extend`. A chunk may have any number of tokens, T. The check makes a cache, extends it by several chunks, and
# looks at what you give back each time, at `length`, and at *where* what you give lies: in the same memory every time,
# as views of it have to. A `cat` makes new memory. The check knows many mistakes by name.


# %% tags=["exercise"]
class MyCache:
    """Keys and values of one layer, in memory that is set aside once."""

    def __init__(self, batch_size, n_kv_heads, max_seq_len, head_dim):
        self.keys = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.values = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.length = 0  # tokens that are in

    def extend(self, keys, values):
        """Write the keys and values of T new tokens, (B, Hkv, T, D) each, behind those that are in.

        Returns the keys and the values of all S tokens that are in now, (B, Hkv, S, D) each.
        """
        raise NotImplementedError("your turn")


from llama_lessons.checks.cache import check_cache

check_cache(MyCache)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# How many tokens come in? It stands in the shape of what is given, in its third axis.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Assign into a slice of `self.keys`; to make a new tensor would leave the memory that was set aside.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Only the filled part is handed out, and it is a slice, too.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 1: click to unfold
class SolvedCache:
    def __init__(self, batch_size, n_kv_heads, max_seq_len, head_dim):
        self.keys = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.values = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.length = 0

    def extend(self, keys, values):
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


check_cache(SolvedCache)
cache = SolvedCache(1, 1, 4, 2)
given, _ = cache.extend(torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2))
print("a view, not a copy:", given.data_ptr() == cache.keys.data_ptr())

# %% [markdown]
# **In your own Llama** every layer now has such a cache. It writes twice: once with it, once reading everything again
# for each token. (`assemble` puts your parts in their places, ●, solutions that this page ran, ◐, and the course's, ○.)

# %%
from llama_lessons.my_llama import assemble

own = assemble()
mine, again = own.like(model), list(prompt)
for _ in range(20):
    again.append(mine(torch.tensor([again]))[0, -1].argmax().item())
print(own)
print("with its cache the same 20 tokens:", own.generate(mine, prompt, 20, temperature=0) == again[len(prompt) :])

# %% [markdown]
# ### Exercise 2 (20 minutes): read on
# Now the attention of one head, for T new tokens behind P old ones, whose keys and values are in the cache. Two things
# that you have met come together. The new tokens stand at the places P, P + 1, ... (lesson 03); the old keys have been
# turned when they came, and are not turned again. And the new tokens are the *last* T of all (lesson 02). Llama 2's
# order is: turn, then keep.


# %% tags=["exercise"]
def turn_rows(x, positions):
    """Vectors (T, D), turned by their places (T,)."""
    angles = rope_angles(positions, x.shape[-1])
    return rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def my_read_on(q, k, v, past_k, past_v):
    """One head's attention of T new tokens to P old ones and to themselves.

    q, k, v: queries, keys and values of the new tokens, not turned yet, shape (T, D) each.
    past_k, past_v: keys, turned, and values of the old tokens, shape (P, D) each.
    Returns the mixed values of the new tokens, (T, D); all keys, turned, (P + T, D); and all values, (P + T, D).
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.cache import check_read_on

check_read_on(my_read_on)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The new tokens stand at places P to P + T − 1; queries and keys are turned by them, values never.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Turn first, then put behind the old ones.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The mask is that of lesson 02, exercise 3: `tril(P)` of a (T, P + T) matrix.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 2: click to unfold
def solved_read_on(q, k, v, past_k, past_v):
    n_new, n_past = len(q), len(past_k)
    positions = torch.arange(n_past, n_past + n_new)
    keys, values = torch.cat((past_k, turn_rows(k, positions))), torch.cat((past_v, v))
    scores = turn_rows(q, positions) @ keys.T / q.shape[1] ** 0.5  # (T, P + T)
    may_look = torch.ones_like(scores).tril(n_past).bool()
    return scores.masked_fill(~may_look, -torch.inf).softmax(-1) @ values, keys, values


check_read_on(solved_read_on)

# %% [markdown]
# The package's `KVCache` is your exercise 1 for all layers at once, and its model takes one beside the tokens:
# `model(tokens, cache)` reads the new tokens behind what the cache holds, and adds them to it. Once the last layer is
# through, `length` grows; whoever sets it back forgets the tokens after it.
#
# **Predict:** will it write the same 40 tokens as in section 1, and how many tokens does it read for them?

# %%
cache = model.new_cache(max_seq_len=100)
print("keys, and values, of each layer as (B, Hkv, capacity, D):", tuple(cache.keys[0].shape))
print(len(cache.keys), "layers,", f"{cache.n_bytes:,} bytes in all")
logits = model(torch.tensor([prompt]), cache)  # prefill
written = [logits[0, -1].argmax().item()]
while len(written) < 40:
    logits = model(torch.tensor([written[-1:]]), cache)  # decoding: one token
    written.append(logits[0, -1].argmax().item())
print("the same 40 tokens:", written == text[len(prompt) :])
print("tokens read:", cache.length, "in place of", sum(read))

# %% [markdown]
# **Answer:** the same 40, and it read 55 tokens in place of 1420.
#
# What does that look like? Here is a cut through this cache, as it is now: of six layers the first, of its three
# key-value heads the first. Every column is a place, every small square one number, red above zero and blue below.
# There are 2 × 6 × 3 such bands in all.

# %%
figure, panels = plt.subplots(2, 1, sharex=True, figsize=(7, 3.2))
for axes, name, memory in zip(panels, ("keys", "values"), (cache.keys[0], cache.values[0]), strict=True):
    band = memory[0, 0].T  # (D, capacity)
    axes.imshow(band, cmap="RdBu_r", vmin=-band.abs().max(), vmax=band.abs().max(), aspect="auto")
    axes.set(ylabel=f"{name},\n{config.head_dim} channels", yticks=[])
    for edge in (len(prompt), cache.length):
        axes.axvline(edge - 0.5, color="black", linestyle="--")
middles = {"prefill": len(prompt) / 2, "decoding, one a step": (len(prompt) + cache.length) / 2, "not filled yet": 77}
for word, middle in middles.items():
    panels[0].text(middle, -2, word, ha="center", va="bottom")
panels[1].set(xlabel="place in the cache", xticks=[0, len(prompt), cache.length, 99])
what = f"Two bands of 100 places, keys above values. {len(prompt)} columns were filled together, "
show(figure, alt=what + f"{cache.length - len(prompt)} one by one, and the rest, behind a dashed line, is blank.")

# %% [markdown]
# Nothing in a filled column ever changes again; the next token is written just behind the second line.
#
# ## 3. Equal to none, however the text is cut
#
# One text that agrees proves little. What we claim is more: *whatever the chunks, the logits are those of reading at
# once*. A text of 8 tokens has 7 gaps, and at each of them we cut or we do not: that makes 2⁷ = 128 ways to hand it
# over, from all at once to one by one. Try every one, and compare all logits, not only the last.

# %%
from itertools import product

from llama_lessons.widgets.cache_run import as_built, run  # as_built(model, tokens, cache): model(tokens, cache)

short = torch.tensor([tok.encode(sentence)[:8]])


def chunkings(n):
    """Every way to cut n tokens, as lists of sizes: [8], [7, 1], [6, 2], [6, 1, 1], ... one by one."""
    for cut_here in product((False, True), repeat=n - 1):  # at each gap, cut or not
        ends = [k for k, cut in enumerate(cut_here, start=1) if cut] + [n]
        yield [end - start for start, end in zip([0, *ends], ends, strict=False)]


def passed(way, tokens, wanted):
    """The chunkings, as sizes, in which a way to read new tokens gives the logits that are wanted."""
    good = []
    for sizes in chunkings(tokens.shape[1]):
        cache = model.new_cache(max_seq_len=tokens.shape[1])
        logits = torch.cat([way(model, chunk, cache) for chunk in tokens.split(sizes, dim=1)], dim=1)
        good += [sizes] if torch.allclose(logits, wanted, atol=1e-3) else []
    return good


print(len(passed(as_built, short, model(short))), "of", 2**7, "chunkings give the logits of reading at once, to 1e-3")

# %% [markdown]
# All of them. (Not to the last bit: a computer adds in another order when it has other shapes before it, and rounds
# otherwise.) Keep this test. It is short, it knows nothing about how a cache works, and we now turn it on mistakes.
#
# ## 4. The trap in `is_causal`
#
# Most programs leave attention to PyTorch's `scaled_dot_product_attention`. It has a switch `is_causal=True`, and while
# one reads a text at once that is all one needs. With a cache there are T queries and S keys, and the mask is no longer
# a square. At which corner does PyTorch put the triangle?
#
# It does not show its weights, but we can ask: give it as values the rows of the identity matrix, and the mixture *is*
# the weights. To see the mask alone, let all scores be equal. **Predict:** 3 new tokens behind 4 old ones: how many
# keys should the first new token see, and how many does it see? And a single new token, as in decoding?

# %%
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

keys, values = torch.zeros(1, 1, 7, 16), torch.eye(7)[None, None]  # all scores are 0; the mixture is the weights
new, last = keys[:, :, 4:], keys[:, :, -1:]  # queries of the last three tokens, and of the last one
masks = {"is_causal=True": {"is_causal": True}, "what is right": {"attn_mask": causal_lower_right(3, 7)}}
figure, panels = plt.subplots(1, 2, figsize=(7, 2))
for axes, (name, mask) in zip(panels, masks.items(), strict=True):
    weights = scaled_dot_product_attention(new, keys, values, **mask)[0, 0]
    print(f"{name}: the 3 new tokens see {(weights > 0).sum(-1).tolist()} keys")
    axes.imshow(weights > 0, cmap="Blues", vmin=0, vmax=1.5)
    axes.set(title=name, xlabel="key", yticks=range(3), yticklabels=[f"token {t}" for t in (4, 5, 6)])
    axes.axvline(3.5, color="#D55E00", linestyle="--")
alone = scaled_dot_product_attention(last, keys, values, is_causal=True)[0, 0]
print("is_causal=True, a single new token sees key", *alone[0].nonzero().flatten().tolist())
show(figure, alt="Two masks, 3 rows by 7 keys. Left the triangle starts at the first key, right behind the fourth.")

# %% [markdown]
# **Answer:** the first new token should see five keys and sees one; a single new token sees the very first key and
# nothing else.
#
# (The dashed line is where the new tokens begin.) The triangle stands at the top left, as if the new tokens were the
# first ones. The function says so in its documentation, and there is a mask for our case, `causal_lower_right`. (The
# package builds its own, and for a single token it uses none: the last one may see all.)
#
# No error comes, and a test that reads at once finds nothing. So let us collect such mistakes and look at them as a
# *way to read*: a function that takes a model, new tokens and a cache, and gives logits. Two ways change how attention
# works inside the model, with the tools of lessons 02 and 03. Two are mistakes in the cache: it does not count what it
# is given, or it writes at the wrong place, one too early, over the last token.

# %%
from llama_lessons.model import record_attention
from llama_lessons.widgets.attention_live import attending
from llama_lessons.widgets.rope_ways import Way, turning


def to_weights(q, k, corner=False, spread=torch.Tensor.repeat_interleave):
    """Queries (B, H, T, D), keys (B, Hkv, S, D) -> weights (B, H, T, S), with the mistakes that are asked for.

    The model has 6 query heads and 3 key heads; `spread` gives each query head the key head that it shares (section 7).
    """
    n_new, n_all = q.shape[2], k.shape[2]
    scores = q @ spread(k, q.shape[1] // k.shape[1], 1).mT / q.shape[3] ** 0.5
    may_look = torch.ones_like(scores).tril(0 if corner else n_all - n_new).bool()
    return scores.masked_fill(~may_look, -torch.inf).softmax(-1)


def mask_at_the_top_left(model, tokens, cache):
    with attending(lambda q, k: to_weights(q, k, corner=True)), record_attention(model):  # these weights are used
        return model(tokens, cache)


def positions_from_zero(model, tokens, cache):  # no offset: every chunk is turned as if it were the first
    with turning(model, Way(angles=lambda positions, *rest: rope_angles(positions - cache.length, *rest))):
        return model(tokens, cache)


# %%
def length_not_advanced(model, tokens, cache):
    before = cache.length
    logits = model(tokens, cache)
    cache.length = before or cache.length  # after the first chunk, every chunk is written to the same place
    return logits


def written_one_too_early(model, tokens, cache):
    def extend(layer, keys, values):
        start, end = max(cache.length - 1, 0), cache.length + keys.shape[2]
        for memory, new in ((cache.keys, keys), (cache.values, values)):
            memory[layer][:, :, start : start + new.shape[2]] = new
        return cache.keys[layer][:, :, :end], cache.values[layer][:, :, :end]

    cache.extend = extend
    try:
        return model(tokens, cache)
    finally:
        del cache.extend


# %% [markdown]
# **Predict** for each of the four: of the 32 ways to cut six tokens, in how many are its logits right? And what will it
# write?

# %%
few = short[:, :6]
ways = {
    "mask at the top left (is_causal)": mask_at_the_top_left,
    "places from zero (no offset)": positions_from_zero,
    "length not advanced": length_not_advanced,
    "written one place too early": written_one_too_early,
}
for name, way in {"as it should be": as_built, **ways}.items():
    good = passed(way, few, model(few))
    found = run(model, prompt, 20, [tok.eos_id], way=way)  # writes, and records each step
    print(f"{name}: right in {len(good)} of 32 chunkings, at once {[6] in good}, one by one {[1] * 6 in good}")
    print(f"    it writes {tok.decode(found.ids[len(prompt) :])!r}")

# %% [markdown]
# **Answer:** in one, one, six and one of 32. The first falls into a word of its exams, the second and the third lose
# the thread, and the last writes good sentences of another text.
#
# Every one of them passes the test that comes to mind first: read a text at once, compare with another program. A cache
# is first *used* in the second chunk, so a test must have one. (And a length that is not advanced is right also when
# there are just two chunks: use three.)
#
# ## 5. See it fill
#
# The view runs the model on your text and keeps a record of every step; the slider and *Play* only walk through it. A
# row for each key-value head of each layer, a column for each place in the cache. Keys fill the upper half of a cell
# and values the lower one, stronger in colour for longer vectors. The columns below are steps: how many tokens each one
# computes, and hatched, what it would compute *again* without a cache. Things to find:
#
# 1. *Play*: the prompt fills many places at once (prefill), then there is one column a step (decoding). Does any old
#    cell ever change?
# 2. What share of the work would have been done again? Does it depend on *Reads*, in chunks or at once?
# 3. *The cache is used*: choose each mistake. Where are new tokens written, and where does the reading end?
# 4. *Room*: make it smaller than the text. (Section 8 asks what to do then.)

# %%
from llama_lessons.widgets.cache import CacheView

for opening, n_new in ((sentence + " Then", 2), (sentence + " Then", 40), ("Clara", 80), (4 * sentence, 20)):
    frames = CacheView(model, tok, opening, max_new_tokens=n_new, capacity=96).frames
    computed, without = frames[-1]["computed"], frames[-1]["without"]
    print(f"prompt of {frames[0]['n_new']:>2}, {len(frames):>2} steps: {computed:>2} tokens computed;", end=" ")
    print(f"without a cache {without:>4}, {100 * (without - computed) / without:.0f} % again")
view = CacheView(model, tok, sentence + " Then", ways=ways, max_new_tokens=40)
view

# %% [markdown]
# The longer the text that is *written*, the more is saved; a long prompt with a short answer gains little, since it is
# read at once in any case. (To the last prompt our model answered with `</s>` at once, so there is a single step.) How
# the prompt is cut makes no difference to what is computed.
#
# ## 6. What does it cost? MHA, GQA, MQA
#
# A cache trades computing for memory. How much memory?
#
# ### Exercise on paper (10 minutes): how large is the cache of the 70B?
# Work it out on paper first: 80 layers, 64 query heads, but only 8 *key-value heads*, each of which keeps a key and a
# value of 128 numbers per token; 4096 tokens; 2 bytes a number. Then write it as a function, in GiB. The check below
# knows the usual mistakes and names them.


# %% tags=["exercise"]
def my_cache_gib(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    """GiB (2**30 bytes) that the keys and values of one sequence take.

    n_layers: layers. n_heads: query heads of each. n_kv_heads: key-value heads of each.
    head_dim: numbers in one key, and in one value. n_tokens: tokens kept. bytes_per_number: 2 in float16.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.memory import check_cache_gib

check_cache_gib(my_cache_gib)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Count vectors first: how many keys does one token leave behind, in all layers together? And how many values?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# One of the arguments plays no part. Which heads keep something, and which only ask?
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# GiB and GB differ: a GiB is `2**30` bytes.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of the exercise on paper: click to unfold
def solved_cache_gib(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    vectors = 2 * n_layers * n_kv_heads * n_tokens  # 2: a key and a value; queries are not kept
    return vectors * head_dim * bytes_per_number / 2**30


check_cache_gib(solved_cache_gib)
print("the 70B at 4096 tokens:", stable(solved_cache_gib(80, 64, 8, 128, 4096, 2)), "GiB")

# %% [markdown]
# Each token leaves a key and a value in every layer, one of each per key-value head:
#
# > 2 × layers × key-value heads × numbers of a head × bytes of a number, per token.
#
# **Predict:** Llama 2 7B has 32 layers with 32 heads of 128 numbers, in 2 bytes each. How many KiB does one token take?
# And is the 70B's cache ten times as large?

# %%
from llama_lessons.arithmetic import kv_cache_bytes
from llama_lessons.config import LlamaConfig

KiB, GiB = 2**10, 2**30
for name in ("llama2-7b", "llama2-13b", "llama2-70b"):
    big = LlamaConfig.preset(name)
    by_hand = 2 * big.n_layers * big.n_kv_heads * big.head_dim * 2
    assert by_hand == kv_cache_bytes(big, dtype="float16"), f"{name}: the package counts other bytes a token"
    print(f"{name:<10} 2 x {big.n_layers} x {big.n_kv_heads:>2} x {big.head_dim} x 2 bytes =", end=" ")
    print(f"{by_hand // KiB} KiB a token, {kv_cache_bytes(big, 4096) / GiB:g} GiB at 4096 tokens")

# %% [markdown]
# **Answer:** 512 KiB; and the 70B's is not ten times as large but the smallest of the three.
#
# That is because it has 8 key-value heads for its 64 query heads. There are names for how many there are:
#
# - **MHA**, *multi-head attention*: as many as query heads. Each query head has its own (lesson 02; Llama 2 7B, 13B).
# - **MQA**, *multi-query attention*: one, for all ([arXiv:1911.02150](https://arxiv.org/abs/1911.02150)).
# - **GQA**, *grouped-query attention*: something between; a group of neighbouring query heads shares one
#   ([arXiv:2305.13245](https://arxiv.org/abs/2305.13245); Llama 2 34B and 70B).
#
# **Predict:** what would the 70B keep at 4096 tokens with MHA, and with MQA?

# %%
from dataclasses import replace

names, kinds = ("llama2-7b", "llama2-13b", "llama2-70b"), {"MHA": None, "GQA, 8": 8, "MQA": 1}
figure, axes = plt.subplots(figsize=(7, 2.6))
for row, (kind, n_kv_heads) in enumerate(kinds.items()):
    sizes = []
    for name in names:
        big = LlamaConfig.preset(name)
        sizes.append(kv_cache_bytes(replace(big, n_kv_heads=n_kv_heads or big.n_heads), 4096) / GiB)
    print(f"{kind:<7}", *(f"{name} {size:>7g} GiB" for name, size in zip(names, sizes, strict=True)), sep="  ")
    style = {"color": ("#0072B2", "#E69F00", "#009E73")[row], "hatch": ("", "//", "..")[row], "edgecolor": "black"}
    axes.bar([place + 0.27 * row for place in range(3)], sizes, width=0.25, label=kind, **style)
axes.set(ylabel="GiB at 4096 tokens", xticks=[0.27, 1.27, 2.27], xticklabels=names)
axes.legend(frameon=False)
show(figure, alt="Cache of 4096 tokens in GiB, with MHA, GQA and MQA. The 70B: 10 with MHA, 1.25 with GQA.")

# %% [markdown]
# **Answer:** 10 GiB for each conversation with MHA, against 1.25 as it is; an eighth of that with MQA.
#
# With MHA, eight conversations would fill an 80 GB card before a single weight is on it.
#
# And memory that is *kept* must also be *read*. A decoding step does little arithmetic, but it takes every weight once,
# and every key and value of every conversation. What takes the time is to bring them from the card's memory to its
# processors. The weights are brought once for all conversations that are written together; each cache serves one. (In
# the sum below the weights are the 70B's own in both cases, so that only the cache differs. With 64 key-value heads
# `wk` and `wv` would be larger, too; Llama 2's authors made up for that elsewhere, see section 9.)
#
# **Predict:** the 70B writes for 1, 16 or 64 people, each with 4096 tokens. What share of what it reads is cache, with
# MHA and with GQA?

# %%
from llama_lessons.arithmetic import weights_bytes

big = LlamaConfig.preset("llama2-70b")
weights = weights_bytes(big)  # the same for both
for people in (1, 16, 64):
    for kind, n_kv_heads in (("MHA", 64), ("GQA", 8)):
        caches = kv_cache_bytes(replace(big, n_kv_heads=n_kv_heads), 4096, people)
        share, per_token = 100 * caches / (caches + weights), (caches + weights) / people / GiB
        print(f"{people:>2} people, {kind}: {stable(share, 0):>2} % is cache;", end=" ")
        print(f"{stable(per_token, 1):>5} GiB read for each new token")

# %% [markdown]
# **Answer:** for one person next to nothing in either case; for 64, most of it with MHA and two fifths with GQA.
#
# This is why GQA was worth a change to the architecture. For one reader it hardly matters: weights are what is read.
# For many it decides: with MHA one soon reads caches and little else, and however many people one serves at a time, a
# token never costs less than the 10 GiB that each of them brings.
#
# Why 8 and not 1? Meta ran its largest models on eight GPUs, each with an eighth of the heads (lesson 13). With 8
# key-value heads each GPU keeps its own; with one, each would have to keep a copy, or another way to divide the work be
# found (Llama 2, appendix A.2.1). And sharing may cost something: section 9 tries to measure it.
#
# ## 7. Who shares with whom?
#
# In Llama 2 *neighbours* share: with 6 query heads on 3 key-value heads, heads 0 and 1 use key-value head 0, heads 2
# and 3 the next. So before scoring, each key-value head must stand in for its group. PyTorch has two ways to make three
# heads six, `repeat` and `repeat_interleave`. **Predict** what each of them does, and which one is right.
#
# Then we put the wrong one into the model, for its keys. **Predict:** in how many of the 32 chunkings are its logits
# those of its own reading at once? And are they those of the model?

# %%
heads = torch.arange(3)[None, :, None, None]  # key-value heads, numbered: (B, Hkv, S, D)
print("repeat:           ", heads.repeat(1, 2, 1, 1).flatten().tolist())
print("repeat_interleave:", heads.repeat_interleave(2, dim=1).flatten().tolist())


def in_turn(k, times, dim):
    return k.repeat(1, times, 1, 1)


def keys_shared_in_turn(model, tokens, cache):
    with attending(lambda q, k: to_weights(q, k, spread=in_turn)), record_attention(model):
        return model(tokens, cache)


at_once = keys_shared_in_turn(model, few, model.new_cache())
good = passed(keys_shared_in_turn, few, at_once)
print(f"{len(good)} of 32 chunkings give the logits of its own reading at once;", end=" ")
print("these are the model's:", torch.allclose(at_once, model(few), atol=1e-3))
ways["keys shared in turn (repeat)"] = keys_shared_in_turn
found = run(model, prompt, 20, [tok.eos_id], way=keys_shared_in_turn)
print(f"it writes {tok.decode(found.ids[len(prompt) :])!r}")

# %% [markdown]
# **Answer:** `repeat` deals the heads out in turn, `repeat_interleave` gives neighbours the same one, and the second is
# Llama 2's. With the first, all 32 chunkings agree with each other, and none with the model.
#
# Now it is the other way round. The model agrees with itself in every chunking, so the test of section 3 is blind: it
# finds what is wrong with a *cache*. Heads that are shared wrongly are wrong without a cache, too, and only a
# comparison with other code finds that. One needs both tests.
#
# ### Exercise 3 (15 minutes): decode with shared heads
# Attention for one new token, in all heads at once. It is the last token, so it may look at every key. Its queries are
# turned already.


# %% tags=["exercise"]
def my_decode(q, k, v):
    """Attention of one new token, in query heads that share keys and values.

    q: queries, float tensor of shape (B, H, D).
    k, v: keys and values of all tokens, the new one included, shape (B, Hkv, S, D). The first H / Hkv query heads
        use key-value head 0, the next ones key-value head 1, and so on.
    Returns the mixed values, (B, H, D).
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.gqa import check_decode

check_decode(my_decode)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# One new token sees everything: no mask.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Cut the H query heads into groups, (Hkv, H / Hkv): then the group axis stands where k has its heads.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# (B, Hkv, H / Hkv, D) @ (B, Hkv, D, S): no key needs to be repeated.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 3: click to unfold
def solved_decode(q, k, v):
    groups = q.unflatten(1, (k.shape[1], -1))  # (B, Hkv, H / Hkv, D): the queries that share a key-value head
    weights = (groups @ k.mT / q.shape[2] ** 0.5).softmax(-1)  # (B, Hkv, H / Hkv, S)
    return (weights @ v).flatten(1, 2)


check_decode(solved_decode)

# %% [markdown]
# **In your own Llama** it is this that runs for every token after the prompt, behind the cache of exercise 1.

# %%
own = assemble()
told = own.generate(own.like(model), prompt, 20, temperature=0, stop=tok.eos_id)
print("cache:", own.whose["cache"], "- decode:", own.whose["decode"])
print(tok.decode(told))

# %% [markdown]
# There are two right ways. One spreads the keys with `repeat_interleave`: simple, but it makes a copy of each key for
# every head of the group, and copies are what GQA has just saved. The other, in the solution, leaves the keys alone and
# sorts the *queries* into groups, which are then like several rows that read the same keys. For a single token the
# package does it so.
#
# ## 8. What if it is full?
#
# A cache has room for so many tokens, and no more. And then? Three answers:
#
# - **Stop.** That is what Llama 2's own code does.
# - **Forget the oldest** tokens, and move the others up. Our cache takes its length for the next place, so each key
#   must be turned *back* by as many places as it moves. (If places counted on instead, all keys could stay as they are:
#   only distances matter.)
# - **Forget the oldest, but keep `<s>`.** Many large models put attention that they have no use for on the first token
#   (lesson 02), and lose their way when it is gone ([arXiv:2309.17453](https://arxiv.org/abs/2309.17453)).
#
# To turn back is to turn by a negative angle, and that is possible because a turned key has lost nothing: turns add up.
# The cell forgets the three oldest of 15 tokens. **Predict:** are the keys that are left those of a text that begins at
# the fourth token? In the first layer? In the last?


# %%
def forget_oldest(cache, n):
    """Drop the n oldest tokens of a cache; the others move up, and their keys are turned back by n places."""
    back, end = -rope_angles(torch.tensor([n]), config.head_dim), cache.length  # (1, D//2)
    for keys, values in zip(cache.keys, cache.values, strict=True):  # those of a layer, (B, Hkv, capacity, D)
        kept = keys[:, :, n:end].transpose(1, 2)  # (B, S, Hkv, D), as rotate wants it
        keys[:, :, : end - n] = rotate(kept, back.cos(), back.sin()).transpose(1, 2)
        values[:, :, : end - n] = values[:, :, n:end].clone()
    cache.length = end - n


cache, fresh = model.new_cache(max_seq_len=15), model.new_cache(max_seq_len=15)
model(torch.tensor([prompt[:15]]), cache)
forget_oldest(cache, 3)
model(torch.tensor([prompt[3:15]]), fresh)
for layer in (0, config.n_layers - 1):
    same = torch.allclose(cache.keys[layer][:, :, :12], fresh.keys[layer][:, :, :12], atol=1e-3)
    print(f"layer {layer}: the keys are those of a text that begins at the fourth token:", same)

# %% [markdown]
# **Answer:** in the first layer to the digit, in the last they are not. Above the first layer a key was made of a row
# that had looked at tokens now gone, and what it took from them stays in it.
#
# The view's rules do the same (`llama_lessons/widgets/cache_full.py`), and there is a mistake among them, **leave the
# keys unturned**: move them up, but do not turn them back. **Predict:** with room for 20 tokens, what becomes of the
# story, and what of Luis?

# %%
from llama_lessons.widgets.cache_full import RULES

for capacity, rule in ((90, "stop"), *((20, rule) for rule in RULES)):
    found = run(model, prompt, 56, [tok.eos_id], capacity, rule)
    print(f"room for {capacity}, {rule}: {found.end}\n    {tok.decode(found.ids[len(prompt) :])!r}")

# %% [markdown]
# **Answer:** the story goes on, and Luis is forgotten: somebody else is thrown the rope.
#
# The rest reads well: the last 20 tokens are enough to end a sentence. That is how a model sounds when it has lost the
# beginning of a conversation: fluent, and wrong about names.
#
# What does it cost on average? We let the model read 24 stories token by token with room for 32, and measure its
# *surprise* at each next token, in nats, from where the window slides. **Predict** the order of the four.

# %%
from itertools import islice

from torch.nn.functional import cross_entropy

from llama_lessons.world import make_documents

stories = [tok.encode(story.text) for story in islice(make_documents(4242, {"story": 1.0}), 60)]
stories = torch.tensor([story[:130] for story in stories if len(story) >= 130][:24])  # (B, T)


def surprise(capacity, rule):
    """How much the model is surprised by each token after the first, in nats: (B, T - 1)."""
    cache, nats = model.new_cache(len(stories), capacity), []
    for k in range(stories.shape[1] - 1):
        if cache.length == capacity:
            RULES[rule](cache, 1)  # makes room
        logits = model(stories[:, k : k + 1], cache)[:, -1]  # (B, V)
        nats.append(cross_entropy(logits, stories[:, k + 1], reduction="none"))
    return torch.stack(nats, dim=1)


for rule, capacity in {"stop": 130, **dict.fromkeys(list(RULES)[1:], 32)}.items():
    nats = 100 * surprise(capacity, rule)[:, 32:].mean()
    how = "never full" if capacity == 130 else rule
    print(f"{stable(nats, 0):>3} nats for a hundred tokens: room for {capacity}, {how}")

# %% [markdown]
# **Answer:** never full, then the two that forget, side by side, then far behind the keys left unturned.
#
# Forgetting costs something, and unturned keys cost everything: every later token is put at one and the same place.
# Keeping `<s>` makes no difference to *this* model. The paper's warning is about large models that have come to lean on
# it; do not take it for a law, measure yours.
#
# Now the whole view: the rules of this section under *When it is full*, the mistake of section 7 among the others, and
# behind its second button the question at full size. Choose the 70B in *int4* (the weights; a cache is kept in 16 bits
# here). **Predict, then find out** with the sliders: how many conversations of 4096 tokens does an 80 GB card hold,
# with MHA, GQA and MQA?

# %%
from llama_lessons.arithmetic import CARDS

view = CacheView(model, tok, sentence + " Then", ways, CARDS, max_new_tokens=56, capacity=32, rule="forget the oldest")
view

# %%
for kind, n_kv_heads in (("MHA", 64), ("GQA", 8), ("MQA", 1)):
    shape = replace(LlamaConfig.preset("llama2-70b"), n_kv_heads=n_kv_heads)
    left = CARDS["A100 80GB"] - weights_bytes(shape, "int4")
    print(f"{kind}: {left / GiB:.0f} GiB left for caches, {left // kv_cache_bytes(shape, 4096)} conversations")

# %% [markdown]
# **Answer:** 4 with MHA, 38 with GQA, and with MQA about eight times as many again, on paper.
#
# From 4 conversations to a few dozen, on the same card: that is what one buys with GQA. (A card that is sold as 80 GB
# has 80 GiB. But int4 needs scales, too, and a program some room for other things. Here, as in the view, the weights
# are those of each shape: with MHA `wk` and `wv` are larger, and so the first line has less left.)
#
# ### What servers do
# A program that serves thousands does three things more. Our cache is set aside at full length, and most of it stays
# empty when answers are short: so servers cut memory into *pages* of a few tokens, hand them out as texts grow, and let
# texts with the same beginning share pages (*PagedAttention* in vLLM,
# [arXiv:2309.06180](https://arxiv.org/abs/2309.06180); shared beginnings as a tree in SGLang,
# [arXiv:2312.07104](https://arxiv.org/abs/2312.07104)). Kept in 16 bits, a number is finer than it need be: a cache in
# 8 bits, or in 2 with care for the channels of keys that stand out, loses little (KIVI,
# [arXiv:2402.02750](https://arxiv.org/abs/2402.02750)). And prompts that are written together differ in length: one can
# fill up the short ones and mask what was filled in, pack them all into one row with borders between them, or do as
# Meta's code and ours: read as many tokens at once as the *shortest* prompt has, then force the rest of the longer ones
# token by token ([`llama_lessons/generate.py`](../llama_lessons/generate.py)). Whatever a server does, section 3's test
# holds it to account.
#
# ## 9. What does sharing cost? (optional)
#
# Fewer keys and values can say less. How much less? We trained twelve small Llamas on a million tokens of the Valley: 4
# query heads each, on 4, 2 or 1 key-value heads, four of each kind, which differ by their first weights only (the
# *seed*). All read the same tokens in the same order. That takes the better part of an hour, so the table is shipped;
# `python tools/kv_heads.py` makes it again.
#
# **Predict:** of a loss of about 2 nats a token, how much is due to sharing? And how far apart are models of one kind?
# (In the picture each shape of mark is a seed, each bar a mean.)

# %%
import csv

with data_path("tables/kv_heads.csv").open(encoding="utf-8") as file:
    table = list(csv.DictReader(file))
loss = {n: [float(row["loss"]) for row in table if row["kv_heads"] == str(n)] for n in (4, 2, 1)}
mean = {n: sum(found) / len(found) for n, found in loss.items()}
figure, axes = plt.subplots(figsize=(7, 2.6))
for place, (n, kind) in enumerate({4: "MHA", 2: "GQA", 1: "MQA"}.items()):
    row = next(row for row in table if row["kv_heads"] == str(n))
    print(f"{n} ({kind}): {row['parameters']} parameters, cache {row['cache_bytes_per_token']} bytes a token;", end=" ")
    print("loss", *loss[n], "mean", stable(mean[n]))
    for mark, found in zip("os^D", loss[n], strict=True):
        axes.plot(place, found, mark, color="#0072B2", markersize=8, markerfacecolor="none")
    axes.plot([place - 0.2, place + 0.2], [mean[n]] * 2, color="black")
print("the best for each seed:", *(min(loss, key=lambda n: loss[n][seed]) for seed in range(4)), "key-value heads")
print("the means are", stable(max(mean.values()) - min(mean.values()), 3), "apart;", end=" ")
print("two of a kind up to", stable(max(max(found) - min(found) for found in loss.values()), 3))
axes.set(xticks=range(3), xticklabels=["4, MHA", "2, GQA", "1, MQA"], xlabel="key-value heads", ylabel="nats a token")
show(figure, alt="Loss for 4, 2 and 1 key-value heads, a mark for each seed, a line for the mean. The marks overlap.")

# %% [markdown]
# **Answer:** a few hundredths of a nat, by the means, in favour of MHA. But two models of *one* kind lie much further
# apart.
#
# And each kind is the best for some seed: with a single model of each one could have "found" anything. So all that this
# table says is that with a quarter of the cache nothing breaks, and that whatever sharing costs *here* is less than the
# luck of the first weights. To measure it takes more seeds, or more training.
#
# Nor is it quite fair: fewer heads also mean fewer parameters. Llama 2's authors made up for that with wider
# feed-forward layers (1.33 times for MQA, 1.3 times for GQA), trained models of 30 billion parameters on 150 billion
# tokens, and found GQA about as good as MHA on most tasks, and better than MQA on average (appendix A.2.1).
#
# ## 10. From MHA to GQA: pooling heads (optional)
#
# A model that was trained with many key-value heads need not be trained again. The authors of GQA (section 2.1 of their
# paper) make each shared head the *mean* of the heads that it replaces: the mean of their rows in `wk`, and in `wv`.
# Then they train the model on for a little while, with a twentieth of the steps that it had. They call that
# *uptraining*.
#
# ### Exercise 4 (10 minutes): pool heads
# A `Linear` keeps its matrix as (outputs, inputs), so the rows of one head lie together: D rows of head 0, then D rows
# of head 1.


# %% tags=["exercise"]
def my_pool(weight, n_kv_heads, head_dim):
    """The matrix of fewer key or value heads, each the mean of the neighbouring heads that it replaces.

    weight: wk or wv of all heads, float tensor of shape (H * D, C).
    n_kv_heads: heads that shall be left (Hkv). head_dim: rows of each head (D).
    Returns a tensor of shape (Hkv * D, C).
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.gqa import check_pool

check_pool(my_pool)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The rows are (H, D), one head after the other; the heads that are averaged are *neighbours*.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Cut the first axis into (Hkv, heads of a group, D). Over which of them is the mean?
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of exercise 4: click to unfold
def solved_pool(weight, n_kv_heads, head_dim):
    heads = weight.unflatten(0, (n_kv_heads, -1, head_dim))  # (Hkv, H / Hkv, D, C)
    return heads.mean(1).flatten(0, 1)


check_pool(solved_pool)

# %% [markdown]
# Try it on the Valley's model, which has 3 key-value heads for 6 query heads. First the other way: give each query head
# a copy of its key-value head, which makes an MHA model of 6, and pool that back to 3. Then pool the 3 to one. For
# comparison, in place of the mean we keep the first head only, or draw new numbers of the same size.
#
# We measure on pages of the Valley. Lesson 06 makes what we need for that, and here it is enough to know what it does:
# `make_documents` writes pages, and the `parts` of each are its texts; `pack` puts their tokens end to end and cuts
# them into rows; `token_loss` adds up the surprise at all tokens that a row asks for, of which there are `n_targets`.
#
# **Predict** the losses: MHA by copying; pooled back to 3; pooled to 1; first head; random.

# %%
from llama_lessons.batches import pack, token_loss
from llama_lessons.checks.gqa import pool
from llama_lessons.model import Llama


def rows(seed, n_rows):
    """Rows of 128 tokens of the Valley's documents; every token is to be predicted."""
    texts = (tok.encode(part, eos=True) for document in make_documents(seed) for part in document.parts)
    return pack(((ids, [True] * len(ids)) for ids in texts), n_rows, 128)


held_out = rows(5, 16)


def converted(n_kv_heads, how, of=model):
    """A model with other key and value heads; how(weight, n_kv_heads, head_dim) makes their matrices."""
    other, weights = Llama(replace(config, n_kv_heads=n_kv_heads)), of.state_dict()
    for name in weights:
        if name.endswith(("wk.weight", "wv.weight")):
            weights[name] = how(weights[name], n_kv_heads, config.head_dim)
    other.load_state_dict(weights)
    return other


# %%
def loss_of(model):
    return float(token_loss(model(held_out.tokens), held_out.targets)) / held_out.n_targets


def copied(weight, n_kv_heads, head_dim):
    return weight.unflatten(0, (-1, head_dim)).repeat_interleave(2, dim=0).flatten(0, 1)


def first(weight, n_kv_heads, head_dim):
    return weight[:head_dim]


def drawn(weight, n_kv_heads, head_dim):
    draw = torch.Generator().manual_seed(0)
    return weight.std() * torch.randn(n_kv_heads * head_dim, weight.shape[1], generator=draw)


print("as trained, 3 heads:   ", stable(loss_of(model)))
many = converted(6, copied)
print("6 heads by copying:    ", stable(loss_of(many)))
print("pooled back to 3:      ", stable(loss_of(converted(3, pool, of=many))))
for how in (pool, first, drawn):
    print(f"1 head, {how.__name__:<6}         ", stable(loss_of(converted(1, how))))
print("no guess at all, ln V: ", stable(torch.tensor(float(config.vocab_size)).log()))

# %% [markdown]
# **Answer:** by copying nothing changes, and pooled back to 3 nothing either: heads that are *equal* within a group can
# be pooled without any loss. Pooled to 1, most is lost; with the first head more; drawn numbers are worse than no
# guess.
#
# No wonder: what a channel of a head means is an agreement between its `wq` and its `wk`, and between its `wv`
# and its slice of `wo`. Each head has made its own, and the mean of three languages is none. Still the mean keeps more
# than the first head alone, and that more than drawn numbers. (The paper found the same order after uptraining.)
#
# What pooling gives is not a model but a *start*. So train on. **Predict:** we have time for 30 steps of 1024 tokens, a
# six-hundredth of what the model was trained on. Does it win back half of what was lost? All of it? And how much of
# that is the mean's, how much is due to all the weights that stayed as they were? For that, we start from `drawn` as
# well.


# %%
def trained_on(start):
    """The loss of a model that is trained for 30 steps, every six of them."""
    optimizer, curve = torch.optim.AdamW(start.parameters(), lr=1e-3, betas=(0.9, 0.95)), []
    for step in range(31):
        if step % 6 == 0:
            curve.append(loss_of(start))
        batch = rows(3_000_000 + step, 8)
        with torch.enable_grad():
            loss = token_loss(start(batch.tokens), batch.targets) / batch.n_targets
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return curve


# %%
curve, other = trained_on(converted(1, pool)), trained_on(converted(1, drawn))
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.plot(range(0, 31, 6), other, "s:", color="#009E73", label="one key-value head, drawn")
axes.plot(range(0, 31, 6), curve, "o-", color="#0072B2", label="one key-value head, pooled")
axes.axhline(loss_of(model), color="#D55E00", linestyle="--", label="three heads, as it was")
axes.set(xlabel="steps of uptraining", ylabel="loss, nats a token", ylim=(0, None))
axes.legend(frameon=False)
what = "The losses of the pooled and of the drawn model fall steeply in 30 steps, the drawn one from higher up; "
show(figure, alt=what + "both stay above that of the original.")
won = (curve[0] - curve[-1]) / (curve[0] - loss_of(model))
print("more than half of what was lost is won back:", won > 0.5, "- all of it:", won >= 1)
print("from drawn numbers it stays behind:", other[-1] > curve[-1])
print(f"trained on {30 * rows(3_000_000, 8).n_targets:,} tokens; the model itself, says its card, on 19,660,800")

# %% [markdown]
# **Answer:** more than half of what was lost comes back, and not all. And most of that is the mean's: after the same 30
# steps the model that began with drawn numbers stands about where the pooled one began, though all its other weights
# had stayed as well.
#
# Most comes back quickly, the rest slowly: 30 steps are far from the twentieth of all training that the paper spends.
# Note what we cannot say. A loss that comes close does not prove that *everything* is back; one would have to measure
# what the model knows (lesson 11). And Llama 2's 70B was not converted: it was trained with 8 key-value heads from the
# start.
#
# ## What you have, and where it goes
#
# - Without a cache, writing is quadratic, and nearly all of it is repeated. The mask makes old rows immutable, so keys
#   and values can be kept.
# - A cache is right if every chunking gives the logits of reading at once. New tokens are the last ones: mask at the
#   bottom right, places from `length` on, written behind the others. Reading at once tests none of that.
# - It costs 2 × layers × key-value heads × head size × bytes per token, once per conversation, in room and in reading.
# - GQA divides that by the size of a group. Neighbours share. What that costs in quality our twelve models are too few
#   to show; Llama 2's authors found GQA about as good as MHA.
# - Pooling turns many heads into few, and needs training afterwards.
#
# **Read next** [`llama_lessons/attention.py`](../llama_lessons/attention.py), with `KVCache` and both ways through
# `causal_attention`; [`llama_lessons/generate.py`](../llama_lessons/generate.py), prefill and decoding for several
# prompts at once; [`llama_lessons/arithmetic.py`](../llama_lessons/arithmetic.py).
#
# **More to try:** set `cache.length` back and write another ending, without reading the prompt again. Keep the first
# four tokens in place of one: `RULES["keep four"] = partial(RULES["forget the oldest"], keep=4)`, with `partial` from
# `functools`, and give that name to `run`. Put the 6 heads of `many` in another order (rows of `wq`, `wk` and `wv`,
# columns of `wo`) and pool it back to 3: does it matter which heads become neighbours?
#
# **Next lesson,** [05 full model](05_full_model.ipynb): attention is one half of a layer. What is the other, and do the
# parts make a Llama?
#
# **Sources.** Shazeer, *One Write-Head is All You Need*, [arXiv:1911.02150](https://arxiv.org/abs/1911.02150) (MQA, and
# why decoding is bound by memory). Ainslie and others, *GQA*, [arXiv:2305.13245](https://arxiv.org/abs/2305.13245)
# (groups, pooling, uptraining). Llama 2: [arXiv:2307.09288](https://arxiv.org/abs/2307.09288), section 2.2 and appendix
# A.2.1. Xiao and others, *Efficient Streaming Language Models with Attention Sinks*,
# [arXiv:2309.17453](https://arxiv.org/abs/2309.17453). PyTorch's documentation of `scaled_dot_product_attention` and of
# `torch.nn.attention.bias`.
