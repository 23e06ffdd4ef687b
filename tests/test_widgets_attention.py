"""The attention view: it draws the model's own tensors, sends little and only what is asked for, and stays text."""

from __future__ import annotations

import base64

import pytest
import torch
from torch.testing import assert_close

from llama_lessons import attention
from llama_lessons.attention import causal_weights
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama, record_attention
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.attention import AttentionView
from llama_lessons.widgets.attention_live import AS_TRAINED, LiveAttention, attending, read
from llama_lessons.widgets.attention_maps import Reading, pack, picture, shrink

CONFIG = LlamaConfig(dim=48, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=300, hidden_dim=40, max_seq_len=32)
EVIL = "<script>alert('a')</script> $x^2$"


def causal_maps(n_layers: int, n_heads: int, n_tokens: int) -> list[torch.Tensor]:
    scores = 2 * torch.randn(n_layers, n_heads, n_tokens, n_tokens)
    return list(scores.masked_fill(~torch.ones(n_tokens, n_tokens).tril().bool(), -torch.inf).softmax(-1))


@pytest.fixture(scope="module")
def model() -> Llama:
    torch.manual_seed(0)
    return Llama(CONFIG).requires_grad_(False)


class Sent(list):
    """What a view sends to the browser: (content, buffers)."""

    def __init__(self, view: AttentionView) -> None:
        view.send = lambda content, buffers: self.append((content, buffers))

    def ask(self, view: AttentionView, wish: object) -> tuple[dict, list[bytes]] | None:
        """Wish as the browser does, through the channel of custom messages."""
        before = len(self)
        view._handle_custom_msg(wish, [])
        return self[-1] if len(self) > before else None


def as_square(raw: bytes, n_tokens: int) -> torch.Tensor:
    """Unpack a triangle by counting, another road than the view's mask."""
    square, values = torch.zeros(n_tokens, n_tokens), iter(raw)
    for query in range(n_tokens):
        for key in range(query + 1):
            square[query, key] = next(values)
    assert next(values, None) is None
    return square


def test_what_travels_is_the_models_own_tensor(model: Llama):
    tokens = torch.randint(3, 300, (2, 7))
    with record_attention(model) as maps:
        model(tokens)
    view = AttentionView(maps, list("abcdefg"), n_kv_heads=3)
    sent = Sent(view)
    places = [(0, layer, head) for head in range(6) for layer in range(2)]
    content, buffers = sent.ask(view, {"maps": places})
    assert content == {"maps": places, "version": view.version}
    for (_, layer, head), raw in zip(places, buffers, strict=True):
        assert_close(as_square(raw, 7) / 255, maps[layer][0, head], rtol=0, atol=0.5 / 255 + 1e-6)


def test_weights_on_the_future_travel_as_a_whole_square():
    maps = [torch.rand(3, 5, 5).softmax(-1)]
    raw = Reading(maps, list("abcde")).map_bytes(0, 2)
    assert_close(torch.tensor(list(raw)).view(5, 5) / 255, maps[0][2], rtol=0, atol=0.5 / 255 + 1e-6)
    assert len(Reading(causal_maps(1, 3, 5), list("abcde")).map_bytes(0, 2)) == 15


def test_a_triangle_comes_back_as_the_square_it_was():
    reading = Reading(causal_maps(2, 3, 6), list("abcdef"))
    for layer in range(2):
        for head in range(3):
            assert_close(reading.square(layer, head).float(), as_square(reading.map_bytes(layer, head), 6))


def test_thumbnails_hold_the_largest_weight_of_their_area():
    weights = torch.zeros(2, 64, 64, dtype=torch.uint8)
    weights[1, 40, 3] = 200
    small = shrink(weights, 16)
    assert small.shape == (2, 16, 16)
    assert small[1, 10, 0] == 200 and small.sum() == 200
    assert_close(shrink(weights[:, :9, :9], 16), weights[:, :9, :9])


def test_all_thumbnails_come_in_one_message_in_the_order_of_layers_and_heads():
    maps = causal_maps(3, 4, 6)
    view = AttentionView(maps, list("abcdef"))
    content, (raw,) = Sent(view).ask(view, {"thumbs": 0})
    assert content == {"thumbs": 0, "side": 6, "version": view.version}
    assert_close(torch.tensor(list(raw)).view(3, 4, 6, 6) / 255, torch.stack(maps), rtol=0, atol=0.5 / 255 + 1e-6)


def test_no_message_is_large_and_nothing_large_is_saved_with_the_notebook():
    weights = causal_maps(1, 32, 512)[0].half()
    view = AttentionView([weights] * 32, ["word"] * 512)
    sent = Sent(view)
    assert len(sent.ask(view, {"thumbs": 0})[1][0]) == 32 * 32 * 16 * 16
    assert len(sent.ask(view, {"maps": [[0, 31, 31]]})[1][0]) == 512 * 513 // 2
    state = {name: value for name, value in view.get_state().items() if name not in ("_esm", "_css")}
    assert len(str(state)) < 10_000


@pytest.mark.parametrize(
    "wish",
    [
        {},
        [],
        "map",
        None,
        {"maps": [[1, 0, 0]]},
        {"maps": [[-1, 0, 0]]},
        {"maps": [[0, 2, 0]]},
        {"maps": [[0, 0, -1]]},
        {"maps": [[0, 0, 0], [0, 0, 3]]},
        {"maps": [[0, "x", 0]]},
        {"maps": [[0, 0]]},
        {"maps": 5},
        {"thumbs": 1},
        {"thumbs": None},
        {"secrets": 0},
    ],
)
def test_a_wish_that_makes_no_sense_is_passed_over(wish):
    view = AttentionView(causal_maps(2, 3, 4), list("abcd"))
    assert Sent(view).ask(view, wish) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pieces": list("abc")}, r"\(H, 3, 3\) for 3 pieces"),
        ({"n_prompt": 0}, "n_prompt must be 1 ... 4"),
        ({"n_prompt": 5}, "n_prompt must be 1 ... 4"),
        ({"n_kv_heads": 2}, "n_kv_heads must divide the 3 heads, got 2"),
        ({"layer": 2}, "layer must be 0 ... 1, got 2"),
        ({"head": -1}, "head must be 0 ... 2, got -1"),
        ({"token": 4}, "token must be 0 ... 3, got 4"),
    ],
)
def test_arguments_that_do_not_fit_are_named(change, message):
    arguments = {"maps": causal_maps(2, 3, 4), "pieces": list("abcd"), **change}
    with pytest.raises(ValueError, match=message):
        AttentionView(**arguments)


def test_the_text_says_what_is_drawn_and_is_the_same_each_time():
    weights = torch.zeros(1, 6, 3, 3)
    weights[0, :, 0, 0] = weights[0, :, 1, 1] = weights[0, 4, 2, 1] = 1
    views = [
        AttentionView([weights], ["the", "llama", EVIL], n_kv_heads=3, n_prompt=2, head=4, token=2) for _ in range(2)
    ]
    text = (
        "AttentionView: 1 layer of 6 heads, 2 of them sharing keys and values. In layer 0, head 4: "
        f"2 tokens read at once and 1 one by one, {EVIL} looks most at llama"
    )
    assert repr(views[0]) == text
    (data, metadata), (again, _) = (view._repr_mimebundle_() for view in views)
    assert data["text/plain"] == text and data["image/png"] == again["image/png"]
    assert metadata["image/png"]["alt"] == views[0].describe()
    assert "text/html" not in data, "a page without a kernel would show it in place of the picture"
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "<script" not in views[0].twin()


def test_the_picture_is_small_and_follows_the_choice():
    reading = Reading(causal_maps(2, 3, 30), ["▁word"] * 30, n_prompt=20)
    first, other = picture([reading, reading], 0, 0), picture([reading, reading], 1, 2)
    assert first.startswith(b"\x89PNG") and first != other
    assert len(base64.b64encode(first)) < 80_000


def test_reading_at_once_and_token_by_token_gives_the_same_maps(model: Llama):
    ids = torch.randint(3, 300, (9,)).tolist()
    maps, new, lost = read(model, ids, max_new_tokens=5)
    with record_attention(model) as at_once:
        model(torch.tensor([ids + new]))
    assert len(new) == 5 and not lost
    for layer in range(2):
        assert_close(maps[layer], at_once[layer], rtol=1e-4, atol=1e-5)


def test_what_is_written_is_what_generate_writes(model: Llama):
    ids = torch.randint(3, 300, (6,)).tolist()
    wanted = generate(model, [ids], 8, temperature=0)[0]
    assert read(model, ids, 8)[1] == wanted
    stop = wanted[3]
    assert read(model, ids, 8, [stop])[1] == wanted[: wanted.index(stop)]


def next_seen(q, k):
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    scores = q @ k.mT
    return scores.masked_fill(~torch.ones_like(scores).tril(1 + k.shape[2] - q.shape[2]).bool(), -torch.inf).softmax(-1)


def test_another_way_to_attend_is_used_and_then_forgotten(model: Llama):
    ids = torch.randint(3, 300, (6,)).tolist()
    maps, *_ = read(model, ids, 2, way=next_seen)
    assert all(layer[:, :, :5].triu(1).amax() > 0 for layer in maps)
    assert attention.causal_weights is causal_weights
    with pytest.raises(KeyError), attending(next_seen):
        assert attention.causal_weights is next_seen
        raise KeyError
    assert attention.causal_weights is causal_weights


def live(model: Llama, tokenizer: Tokenizer, **ways) -> LiveAttention:
    return LiveAttention(model, tokenizer, ["the llama hums", "the hill"], max_new_tokens=4, ways=ways)


def test_the_live_view_reads_what_is_typed(model: Llama, tokenizer: Tokenizer):
    view = live(model, tokenizer)
    version = view.version
    view.prompts = ["the llama hums", f"hill {EVIL}"[:30]]
    assert view.version == version + 1
    assert view.runs[1]["pieces"][: view.runs[1]["n_prompt"]] == tokenizer.pieces(
        tokenizer.encode(f"hill {EVIL}"[:30])[: 32 - 4]
    )
    assert view.shape == {"layers": 2, "heads": 6, "groups": 3}
    view.prompts = ["", "x" * 3000]
    assert [len(run["pieces"]) for run in view.runs][1] <= 32 and view.note == ""


def test_half_a_character_is_named_and_the_old_maps_stay(model: Llama, tokenizer: Tokenizer):
    view = live(model, tokenizer)
    before = view.runs
    view.prompts = ["a \ud83e", "the hill"]
    assert "lone surrogate" in view.note and view.runs == before
    view.prompts = ["the", "the hill"]
    assert view.note == ""


def test_the_switch_changes_maps_and_text_and_the_usual_text_stays(model: Llama, tokenizer: Tokenizer):
    view = live(model, tokenizer, ahead=next_seen)
    usual, raw = view.runs, view._readings[0].map_bytes(0, 0)
    assert view.ways == [AS_TRAINED, "ahead"]
    assert all(run["text"] == run["usual"] for run in usual)
    view.way = "ahead"
    assert [run["usual"] for run in view.runs] == [run["usual"] for run in usual]
    n_tokens = len(view.runs[0]["pieces"])
    assert len(view._readings[0].map_bytes(0, 0)) == n_tokens**2
    assert "Attending ahead, it wrote" in repr(view)
    view.way = AS_TRAINED
    assert view._readings[0].map_bytes(0, 0) == raw


def test_an_error_in_the_readers_way_is_shown_in_the_view(model: Llama, tokenizer: Tokenizer):
    def broken(q, k):
        raise ZeroDivisionError("by zero")

    view = live(model, tokenizer, broken=broken, nothing=lambda q, k: causal_weights(q, k) * torch.nan)
    before = view.runs
    view.way = "broken"
    assert view.note == "ZeroDivisionError: by zero" and view.runs == before
    view.way = "nothing"
    assert "nan" in view.note
    view.way = "no such way"
    assert "no such way" in view.note
    view.way = AS_TRAINED
    assert view.note == "" and view.runs == before


@pytest.mark.parametrize(("prompts", "new"), [([], 4), (["a", "b", "c"], 4), (["a"], 32), (["a"], -1)])
def test_a_live_view_that_cannot_be_is_refused(model: Llama, tokenizer: Tokenizer, prompts, new):
    with pytest.raises(ValueError, match=r"prompts must be one text or two|max_new_tokens must leave room"):
        LiveAttention(model, tokenizer, prompts, max_new_tokens=new)


def test_packing_keeps_every_weight_up_to_the_diagonal():
    weights = torch.arange(1, 33, dtype=torch.uint8).view(2, 4, 4)
    assert pack(weights.tril()).tolist() == [
        [1, 5, 6, 9, 10, 11, 13, 14, 15, 16],
        [17, 21, 22, 25, 26, 27, 29, 30, 31, 32],
    ]
    assert pack(weights) is weights
