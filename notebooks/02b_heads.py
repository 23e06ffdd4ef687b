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
# # 02b Heads: what do they do?
#
# A side trip from [lesson 02](02_attention.ipynb); the lessons after it do not need it. There you built attention and
# took its parts away. Here you look at a model that was really trained: what becomes of it with a mistake in its
# attention, which of its 36 heads does what, and whether the model would miss them.
#
# **You need** lesson 02. **Time:** about an hour, 15 minutes of it for the exercise; a good place to pause is before
# section 2. Letters and terms: [TERMS](../TERMS.md). Where it says **Predict**, do so before you run on.

# %%
from llama_lessons.page import setup, show, stable

setup()
import torch
from matplotlib import pyplot as plt

from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.model import record_attention
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.attention import AttentionView

_ = torch.set_grad_enabled(False)  # we look at a model; lesson 06 trains one
model = load(data_path("checkpoints/base"), dtype=torch.float32)
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
sentence = "Clara and Luis walked home together, and the llamas hummed behind them."
ids = tok.encode(sentence)
pieces = tok.pieces(ids)
generator = torch.Generator().manual_seed(2)
print(len(ids), "tokens;", model.config.n_layers, "layers of", model.config.n_heads, "heads")

# %% [markdown]
# ## 1. A trained model, and how it breaks
#
# Now look at the Valley's model. It has learned from stories, encyclopaedia entries, exams and word games, and none of
# its numbers was written by hand. It is a Llama 2, so two things are in it that our class has not: positions, and query
# heads that *share* keys and values (*grouped-query attention*, GQA, lesson 04).
#
# The view below reads two texts at once and then lets the model write on. It can also attend wrongly. A *way to attend*
# is a function from queries and keys to weights, and here are four, made of the mistakes that you know: no scale; a
# mask off by one; the mask after the softmax; and the triangle at the wrong corner, which does no harm until the model
# *writes*.

# %%
from functools import partial

from llama_lessons.widgets.attention_live import LiveAttention


def wrongly(q, k, scale=True, ahead=0, late=False, corner=False):
    """Queries (B, H, T, D), keys (B, Hkv, S, D) -> weights (B, H, T, S), with the mistakes that are asked for."""
    n_new, n_all = q.shape[2], k.shape[2]
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)  # heads of a group use the same keys
    scores = q @ k.mT / (q.shape[3] ** 0.5 if scale else 1)
    past = torch.ones_like(scores).tril(0 if corner else n_all - n_new + ahead).bool()
    return scores.softmax(-1) * past if late else scores.masked_fill(~past, -torch.inf).softmax(-1)


ways = {
    "without 1/√D": partial(wrongly, scale=False),
    "mask off by one: sees the next token": partial(wrongly, ahead=1),
    "mask after the softmax": partial(wrongly, late=True),
    "mask at the wrong corner": partial(wrongly, corner=True),
}

# %% [markdown]
# Point at words and cells; walk over the small maps with the arrow keys; step through the writing with *Play*. Things
# to find:
#
# 1. Small maps: diagonals, columns, stairs. A strong first column is a head that looks at `<s>`. A softmax has to give
#    its 1 to somebody, and a head that has found nothing puts it there
#    ([arXiv:2309.17453](https://arxiv.org/abs/2309.17453) calls it an *attention sink*).
# 2. *Play*: the prompt is one triangle, each new token a row below the dashed line. No old row ever changes.
# 3. Who is *them*? Which heads look from *them* at the two names, and which tokens look at the names most?
# 4. Two texts: *Clara* and *Luis* have changed places. Whom does the model write about then?
# 5. `kv`: heads under one bracket share keys and values. Do they look at the same words, too?
# 6. *Attending*: choose each mistake, and watch the maps and what the model writes. **Predict** first: which mistakes
#    change the text, and which change only the maps?

# %%
prompts = [
    f"{names} walked home together, and the llamas hummed behind them. Nobody"
    for names in ("Clara and Luis", "Luis and Clara")
]
live = LiveAttention(model, tok, prompts, max_new_tokens=14, ways=ways, layer=1)
live

# %% [markdown]
# Three of these questions in numbers, one after the other. The third: which tokens look at the two names most?

# %%
with record_attention(model) as maps:
    model(torch.tensor([ids]))
names = [pieces.index("▁Clara"), pieces.index("▁Luis")]
for t in range(pieces.index("▁llamas"), len(pieces)):
    share = torch.stack([layer[0, :, t, names].sum(-1) for layer in maps])  # (layers, heads)
    layer, head = divmod(share.argmax().item(), 6)
    print(f"{pieces[t]:<8} gives the names at most {stable(100 * share.max(), 0):>3} %, in layer {layer}, head {head}")

# %% [markdown]
# Is it *them* that looks hardest at Clara and Luis? It need not be. We asked what the word means; but a row is not
# there to understand its word, it is there to say what comes *next*. After a full stop, that is often a name.
#
# The fourth: whom does the model write about?

# %%
for prompt, run in zip(prompts, live.runs, strict=True):
    print(f"{prompt[:14]} ... writes{run['text']}")

# %% [markdown]
# It goes on with the one who was named first. And the fifth: how much of their attention do two heads of a layer give
# to the same tokens, if they share their keys, and if they do not?

# %%
from itertools import combinations

both = {True: [], False: []}
for layer in maps:
    for a, b in combinations(range(6), 2):
        both[a // 2 == b // 2].append(torch.minimum(layer[0, a], layer[0, b]).sum(-1).mean())
for same_group, found in both.items():
    who = "one group" if same_group else "two groups"
    print(f"two heads of {who:<10} agree on {stable(100 * sum(found) / len(found), 0)} % of their attention")

# %% [markdown]
# Two heads that share their keys look at the same words only a little more than two that do not. What a head looks for
# is in its queries, and those are its own.
#
# Now the sixth question, without eyes. For each way to attend: how much weight lies on the future, what do the rows sum
# to at least, what does the model write, and what is its *loss*: how surprised is it by the next token, on stories, and
# on a game, *echo*, in which random words come once and then again? (Surprise is in *nats*: minus the natural logarithm
# of the chance that it gave to the token that came, so 0 for what it knew, and more the less likely it thought it.)
# **Predict** (with the sixth question): which mistakes change the text? Which cannot change the loss? And which may
# make it *better*?

# %%
from itertools import islice

from torch.nn.functional import cross_entropy

from llama_lessons.attention import causal_weights
from llama_lessons.widgets.attention_live import attending, read
from llama_lessons.world import make_documents

pages = {}
for kind in ("story", "echo"):
    texts = (tok.encode(page.text)[:100] for page in make_documents(7, {kind: 1.0}))
    pages[kind] = torch.tensor(list(islice((text for text in texts if len(text) == 100), 8)))  # (8, 100)
for name, way in {"as trained": causal_weights, **ways}.items():
    maps, written, _ = read(model, tok.encode(prompts[0]), 14, [tok.eos_id], way)
    future = max(layer.triu(1).max().item() for layer in maps)
    least = min(layer.sum(-1).min().item() for layer in maps)
    print(f"{name}\n    on the future {stable(future, 1)}; smallest sum of a row {stable(least, 1)};", end=" ")
    for kind, ids_of in pages.items():
        with attending(way), record_attention(model):
            logits = model(ids_of)[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1), ids_of[:, 1:].flatten()).item()
        print(f"{kind} {stable(loss)}", end="; ")
    print(f"nats a token\n    writes {tok.decode(written)!r}")

# %% [markdown]
# **Answer:** a missing scale and the wrong corner change the text, the two wrong masks leave it here as it was. The
# wrong corner cannot change the loss; a look ahead makes it better, in the game above all.
#
# No way raised an error, and each wrote something, most of them something good. That is what makes such mistakes
# expensive: a text that reads well proves nothing, so they must be *tested* for.
#
# - A mask after the softmax shows in sums below 1.
# - A look ahead shows in weight above the diagonal, and in a loss that is too good to be true: compare the games, where
#   random words cannot be guessed. The model was trained with the right mask and makes little use of the future; one
#   that is *trained* with the wrong mask has a wonderful loss, and is worthless.
# - The missing scale shows in neither. Where a head's choice is clear already, larger scores only make it clearer, and
#   this model hardly minds (do not count on it in another). Still it writes another text, as good as the right one.
#   Only a comparison with another program finds it, such as the one in lesson 02, section 6.
# - The wrong corner cannot show in the loss: that is measured on whole texts, where the corner is right. It comes to
#   light when the model writes, token by token, with a cache. So test decoding against reading at once, as in lesson
#   02, section 7.
#
# ## 2. What do the heads do?
#
# In pictures one sees what one hopes to see. So let us say first what we look for, as a number between 0 and 1, and
# then measure all heads.
#
# - A **previous-token head** looks at the token before. Its score: the mean weight just below the diagonal.
# - An **induction head** continues what was there before (Olsson and others,
#   [arXiv:2209.11895](https://arxiv.org/abs/2209.11895)). At *Clara* it looks for an earlier *Clara* and attends to the
#   token *after* it, to say that one next. Its score: take a text in which words repeat; for each token that has
#   occurred before, the weight on the token after its last occurrence; the mean of all.
#
# The second score wants a text in which nothing but repetition helps: words drawn at random, and the same words once
# more. If a head finds its way there, it does not know the words by heart: it looks.
#
# ### Exercise (15 minutes): the induction score


# %% tags=["exercise"]
def my_induction_score(weights, ids):
    """How much each head attends to what came after the last time that this token was seen.

    weights: float tensor of shape (H, T, T): row t holds the weights of token t.
    ids: a list of T token ids. No token follows itself at once.
    Returns a tensor of shape (H,): the mean over all tokens that have occurred before.
    """
    raise NotImplementedError("your turn")


from llama_lessons.checks.attention import check_induction_score

check_induction_score(my_induction_score)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Walk through the text with a dict that says where each token stood last.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# At token t, seen last at place s, the weight in question is that of row t and column s + 1. Note it down *before* you
# update the dict.
#
# </details>


# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution of the exercise: click to unfold
def solved_induction_score(weights, ids):
    last, found = {}, []
    for t, token in enumerate(ids):
        if token in last:
            found.append(weights[:, t, last[token] + 1])
        last[token] = t
    return torch.stack(found).mean(0)


check_induction_score(solved_induction_score)

# %% [markdown]
# Now the text. One kind of page in the Valley is a game: *Say:* some words, *Again:* the same words. We draw twelve
# words that are one token each, sixteen times. The drawing is new, so the model cannot have seen these lists. And for a
# verdict, let us set a bar: half of all its attention.

# %%
from llama_lessons.world import load_valley

answers = sorted({fact.answer for fact in load_valley().facts if fact.answer.isalpha()})
answers = [word for word in answers if len(tok.encode(word, bos=False)) == 1]
games = []
for _ in range(16):
    chosen = torch.randperm(len(answers), generator=generator)[:12]
    text = " ".join(answers[k] for k in chosen)
    games.append(tok.encode(f"Say: {text}\nAgain: {text}"))
games = torch.tensor(games)  # (16, T)
print(tok.decode(games[0].tolist()))


def measure(score):
    """The mean of a score over all games, for every head: (layers, heads)."""
    with record_attention(model) as maps:
        model(games)
    rows = [[score(weights, ids) for weights, ids in zip(layer, games.tolist(), strict=True)] for layer in maps]
    return torch.stack([torch.stack(row).mean(0) for row in rows])


# %%
from llama_lessons.checks.attention import induction_score

kinds = {
    "previous token": lambda weights, ids: weights.diagonal(-1, 1, 2).mean(-1),
    "induction": induction_score,
    "first token": lambda weights, ids: weights[:, 1:, 0].mean(-1),
}
even = torch.ones(1, games.shape[1], games.shape[1]).tril()
even = even / even.sum(-1, keepdim=True)  # (1, T, T): what looks at all tokens alike
scores, best = {}, {}
for name, score in kinds.items():
    scores[name] = measure(score)
    layer, head = best[name] = divmod(scores[name].argmax().item(), 6)
    found, alike = (100 * top.max().item() for top in (scores[name], score(even, games[0].tolist())))
    verdict = f"{(scores[name] > 0.5).sum()} of 36 heads over the bar"
    print(f"{name}: the best is layer {layer}, head {head} with {stable(found, 0)} %; {verdict};", end=" ")
    print(f"looking at all alike gives {stable(alike, 0)} %")

# %%
figure, panels = plt.subplots(1, 3)
for axes, (name, score) in zip(panels, scores.items(), strict=True):
    axes.imshow(score, cmap="Blues", vmin=0, vmax=1)
    axes.set(title=name, xlabel="head", xticks=range(6), yticks=range(6))
    layer, head = best[name]
    axes.plot(head, layer, "o", color="#D55E00", markerfacecolor="none", markersize=16)
panels[0].set_ylabel("layer")
places = ", ".join(f"{name} at layer {layer}, head {head}" for name, (layer, head) in best.items())
show(figure, alt=f"Three grids of 6 layers and 6 heads, darker for a higher score; a ring marks the best: {places}.")

# %% [markdown]
# The rings mark the best head of each kind. The best is not always good: where no head is over the bar, the lines above
# say so, and the model has no such head. Now look at the best induction head at work, on the first game. Begin at the
# end: at each word of the second list the line should run to the word *after* it in the first list, the one that comes
# next. Then change layer and head to the best previous-token head: its map is one line below the diagonal.

# %%
with record_attention(model) as maps:
    model(games[:1])
layer, head = best["induction"]
game = tok.pieces(games[0].tolist())
for t in range(len(game) - 4, len(game) - 1):
    k = maps[layer][0, head, t].argmax().item()
    print(f"{game[t]} looks most at {game[k]}, which stands behind {game[k - 1]}; the next word is {game[t + 1]}")
AttentionView(maps, game, n_kv_heads=model.config.n_kv_heads, layer=layer, head=head, token=len(game) - 3)

# %% [markdown]
# ### A map is not a reason
# That a head looks at the right word does not prove that the model *uses* it
# ([arXiv:1902.10186](https://arxiv.org/abs/1902.10186) is a well-known warning,
# [arXiv:1908.04626](https://arxiv.org/abs/1908.04626) a reply). To know, take it away. Lesson 02 said how, in its
# section 6: set the head's slice of `wo` to zero, and it writes nothing, while all others work as before. The measure
# is the loss on the second list, in nats for each token: how surprised the model is by the words that it could simply
# copy.
#
# **Predict:** there are 36 heads. Take them away one at a time: for how many does the loss rise by more than a tenth of
# a nat? Will the head with the best induction score be the one that is missed most?

# %%
from contextlib import contextmanager

n_words, width = 12, model.config.head_dim


@contextmanager
def silenced(heads):
    """The model without what some heads write, each named as (layer, head)."""
    parts = [model.blocks[k].attention.wo.weight[:, h * width : (h + 1) * width] for k, h in heads]
    kept = [part.clone() for part in parts]
    try:
        for part in parts:
            part.zero_()
        yield
    finally:
        for part, own in zip(parts, kept, strict=True):
            part.copy_(own)


def loss_of(start):
    """The mean loss of the twelve words from a place on, in nats."""
    logits = model(games)[:, start - 1 : start - 1 + n_words]
    return cross_entropy(logits.flatten(0, 1), games[:, start : start + n_words].flatten()).item()


# %%
second = games.shape[1] - n_words
print("first list:", stable(loss_of(3), 1), "nats a word; second list:", stable(loss_of(second), 1), end="; ")
print("all", tok.vocab_size, "pieces alike:", stable(torch.tensor(tok.vocab_size).log(), 1))
base, rise = loss_of(second), torch.zeros(6, 6)
for layer in range(6):
    for head in range(6):
        with silenced([(layer, head)]):
            rise[layer, head] = loss_of(second) - base
order = rise.flatten().argsort(descending=True)
for k in order[:4].tolist():
    layer, head = divmod(k, 6)
    print(f"without layer {layer}, head {head}: {stable(rise[layer, head], 1)} nats more;", end=" ")
    print(f"its induction score {stable(100 * scores['induction'][layer, head], 0)} %,", end=" ")
    print(f"previous-token score {stable(100 * scores['previous token'][layer, head], 0)} %")
print("heads whose loss costs more than 0.1 nats:", (rise > 0.1).sum().item(), "of 36")
place = 1 + order.tolist().index(best["induction"][0] * 6 + best["induction"][1])
print("the head of the best induction score is number", place, "of those that are missed")

# %% [markdown]
# **Answer:** for 5 of 36; and the head of the best induction score is missed less than seven others.
#
# (The first list cannot be guessed. The model does worse there than by holding all pieces for equally likely, since in
# training only the second list of such games counted: it never learned to be careful in the first. The mean of the two
# is about what section 1 found for whole pages of this kind.) Compare the numbers of each line. Heads share the work,
# so a head with a high score may hardly be missed, because others do the same; and a head of low score may be missed
# badly, perhaps because others depend on it. A score finds candidates. Only taking away tells who matters, and even
# that is a rough tool: with zero in a head's place, later layers get a row of a kind that they have never met.
#
# Who could an induction head depend on? To find the token *after* an earlier *Clara*, it needs a key that says "before
# me stood Clara", and no token's own row says that. Some head in an earlier layer must have written it there: a
# previous-token head. So take away *all* previous-token heads of the earlier layers at once, those over the bar. To be
# fair, also take away as many other heads, drawn at random, and do that ten times.
#
# **Predict:** what becomes of the best induction head's score, and of the loss on the second list?

# %%
layer, head = best["induction"]
below = [(k, h) for k in range(layer) for h in range(6)]
noting = [place for place in below if scores["previous token"][place] > 0.5]
others = [place for place in below if place not in noting]
print("previous-token heads below layer", layer, "as (layer, head):", noting)


def without(heads):
    with silenced(heads):
        return 100 * measure(induction_score)[layer, head].item(), loss_of(second)


draws = [torch.randperm(len(others), generator=generator)[: len(noting)].tolist() for _ in range(10)]
drawn = [without([others[k] for k in draw]) for draw in draws]

# %%
found = without(noting)
for name, (score, loss) in {
    "with all heads": without([]),
    f"without these {len(noting)}": found,
    f"without {len(noting)} others, the middle of ten draws": [
        sorted(column)[5] for column in zip(*drawn, strict=True)
    ],
    "the draw that costs most": max(drawn, key=lambda result: result[1]),
}.items():
    print(f"{name}: score of layer {layer}, head {head} {stable(score, 0)} %, loss {stable(loss, 1)} nats")
missed = divmod(order[0].item(), 6)
worse = [draw for draw, (_, loss) in zip(draws, drawn, strict=True) if loss > found[1]]
there = sum(missed in [others[k] for k in draw] for draw in worse)
print(f"{len(worse)} of 10 draws cost more than these {len(noting)}; layer {missed[0]}, head {missed[1]} is in {there}")

# %% [markdown]
# **Answer:** its score falls by half, and the loss rises by more than a nat.
#
# The induction head leans on the heads that note who came before: most random draws do far less harm. Not all: look at
# the draw that costs most. It holds the head that was missed most when we took away one at a time, a head that nearly
# everything seems to depend on. So a loss that rises does not prove a circuit by itself. What we measured *fits* a
# circuit of two parts: heads that note who came before, and heads that search those notes. It is one of the simplest
# things that no single head can do, and it was found in models of many sizes
# ([arXiv:2209.11895](https://arxiv.org/abs/2209.11895)). It is how a model says again what it was told: the name of a
# person in a story, for example. The numbers above say how far it is so in *this* model; train another one (lesson 06),
# and other heads will do it.
#
# ## What you have, and where it goes
#
# - A text that reads well proves nothing: four mistakes, and none raised an error.
# - A map shows where a head looks. A score finds heads; taking them away tells if they matter.
# - What we found *fits* a circuit of two parts: heads that note who came before, and heads that search those notes.
#
# **Read next** `record_attention`, at the end of [`llama_lessons/model.py`](../llama_lessons/model.py), and `attending`
# in [`llama_lessons/widgets/attention_live.py`](../llama_lessons/widgets/attention_live.py).
#
# **More to try:** type a sentence of your own into the live view. Write a way to attend of your own, say with scores
# divided by 10, and add it to `ways`. Take away two heads at a time. Find a head that looks at the last comma, by a
# score of yours.
#
# **Back to the path:** [lesson 03, RoPE](03_rope.ipynb).
#
# **Sources.** Heads as parts that add up, previous-token and induction heads: Elhage and others, *A Mathematical
# Framework for Transformer Circuits* ([2021](https://transformer-circuits.pub/2021/framework/index.html)), and Olsson
# and others, [arXiv:2209.11895](https://arxiv.org/abs/2209.11895). Attention sinks:
# [arXiv:2309.17453](https://arxiv.org/abs/2309.17453). Maps as reasons:
# [arXiv:1902.10186](https://arxiv.org/abs/1902.10186), [arXiv:1908.04626](https://arxiv.org/abs/1908.04626).
