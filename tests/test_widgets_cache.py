"""The KV-cache view: its record is what the model computed and kept, and its words and numbers follow from it."""

from __future__ import annotations

import json
import re

import pytest
import torch
import traitlets
from torch.testing import assert_close

from llama_lessons.attention import KVCache
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.cache import AS_BUILT, MAX_CAPACITY, CacheView
from llama_lessons.widgets.cache_frames import FAINTEST, cells_of, frames_of, rows_of, spans
from llama_lessons.widgets.cache_full import RULES, forget
from llama_lessons.widgets.cache_run import EMPTY, as_built, run

CONFIG = LlamaConfig(dim=48, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=300, hidden_dim=40, max_seq_len=128)
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def model() -> Llama:
    torch.manual_seed(0)
    return Llama(CONFIG).requires_grad_(False)


@pytest.fixture
def ids() -> list[int]:
    return torch.randint(3, 300, (7,), generator=torch.Generator().manual_seed(1)).tolist()


def view(model: Llama, tokenizer: Tokenizer, prompt: str = "the llama hums", **chosen) -> CacheView:
    return CacheView(model, tokenizer, prompt, cards={"small <card>": 10**9}, max_new_tokens=5, **chosen)


def test_it_writes_what_generate_writes_and_stops_where_it_is_told(model: Llama, ids: list[int]):
    wanted = generate(model, [ids], 8, temperature=0)[0]
    written = run(model, ids, 8)
    assert written.ids == ids + wanted and written.end == "8 tokens were asked for"
    stop = wanted[3]
    ended = run(model, ids, 8, [stop])
    assert ended.ids == ids + wanted[: wanted.index(stop)] and ended.end == "the model ended its text"


def test_the_cells_are_as_long_as_the_keys_and_values_of_a_reading_without_a_cache(model: Llama, ids: list[int]):
    """Turning leaves a key as long as it was, so the outputs of wk and wv will do."""
    record = run(model, ids, 5, capacity=20)  # the fifth is written and not read
    made: dict[str, torch.Tensor] = {}
    hooks = [
        getattr(block.attention, name).register_forward_hook(
            lambda _, inputs, out, key=f"{layer} {name}": made.update({key: out[0]})
        )
        for layer, block in enumerate(model.blocks)
        for name in ("wk", "wv")
    ]
    model(torch.tensor([record.ids[:-1]]))
    for hook in hooks:
        hook.remove()
    last = record.steps[-1]
    for layer in range(2):
        for part, name in enumerate(("wk", "wv")):
            lengths = made[f"{layer} {name}"].unflatten(-1, (3, 8)).norm(dim=-1).T  # (Hkv, S)
            assert_close(last.norms[layer, :, part, :11], lengths, rtol=1e-4, atol=1e-5)
            assert last.norms[layer, :, part, 11:].count_nonzero() == 0


@pytest.mark.parametrize(("at_once", "sizes"), [(99, [7]), (4, [4, 3]), (1, [1] * 7)])
def test_however_the_prompt_is_read_the_text_is_the_same(model: Llama, ids: list[int], at_once: int, sizes: list[int]):
    record = run(model, ids, 6, at_once=at_once)
    assert record.ids == run(model, ids, 6).ids
    assert [step.end - step.first for step in record.steps if step.prompt] == sizes
    assert [step.end - step.first for step in record.steps if not step.prompt] == [1] * 5
    assert [step.written for step in record.steps][-2:] == [[10], [11]]
    assert record.steps[-1].places[:13] == [*range(12), EMPTY]


def test_what_a_cache_saves_is_counted_as_one_would_by_hand(model: Llama, ids: list[int]):
    frames = frames_of(run(model, ids, 4, capacity=20), model)
    assert [frame["computed"] for frame in frames] == [7, 8, 9, 10]
    assert [frame["without"] for frame in frames] == [7, 7 + 8, 7 + 8 + 9, 7 + 8 + 9 + 10]
    assert "Computed so far: 10 tokens. Without a cache: 34, 71 % of them once more." in frames[-1]["says"]
    kib = 2 * 2 * 3 * 8 * 4 / 1024  # keys and values, layers, heads, channels, bytes
    assert f"10 of 20 tokens, {10 * kib:.1f} of {20 * kib:.1f} KiB" in frames[-1]["says"]
    assert frames[-1]["full"] == 50 and frames[-1]["share"] == pytest.approx(100 * 10 / 34)
    assert frames[0]["heights"] == [70, 0] and frames[-1]["heights"] == [10, 90]


def test_with_a_window_a_reading_without_a_cache_would_read_the_window_again(model: Llama, ids: list[int]):
    frames = frames_of(run(model, ids, 6, capacity=8, rule="forget the oldest"), model)
    assert [frame["without"] for frame in frames] == [7, 15, 23, 31, 39, 47]
    assert [frame["filled"] for frame in frames] == [7, 8, 8, 8, 8, 8]
    assert "8 of 8 tokens" in frames[-1]["says"] and "4 that were read are no longer in it." in frames[-1]["says"]
    assert "no longer" not in frames[1]["says"]


def test_a_full_cache_stops_unless_told_otherwise(model: Llama, ids: list[int]):
    stopped = run(model, ids, 9, capacity=10)
    assert stopped.end == "the cache is full" and len(stopped.steps) == 1 + 3
    assert stopped.ids == run(model, ids, 4).ids  # the last one was chosen, and could not be read
    assert run(model, ids, 9, capacity=5).end == "the cache is full before the prompt is read"


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        ("forget the oldest", [4, 5, 6, 7, 8, 9, 10, 11]),
        ("forget the oldest, keep <s>", [0, 5, 6, 7, 8, 9, 10, 11]),
        ("forget the oldest, leave the keys unturned", [4, 5, 6, 7, 8, 9, 10, 11]),
    ],
)
def test_the_oldest_are_forgotten_and_the_others_move_up(model: Llama, ids: list[int], rule: str, places: list[int]):
    record = run(model, ids, 6, capacity=8, rule=rule)
    assert record.steps[-1].places == places
    assert record.steps[-1].written == [7]
    assert (record.steps[-1].norms > 0).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("capacity", [1, 2, 3, 6, 7, 8])
def test_a_prompt_larger_than_the_cache_is_read_by_every_rule_or_refused(
    model: Llama, ids: list[int], rule: str, capacity: int
):
    record = run(model, ids, 4, capacity=capacity, rule=rule)
    for step in record.steps:
        assert len(step.places) == capacity and step.filled <= capacity
        assert [place != EMPTY for place in step.places] == [k < step.filled for k in range(capacity)]
        assert [length > 0 for length in step.norms[0, 0, 0]] == [k < step.filled for k in range(capacity)]
    if rule == "stop" or (capacity == 1 and "keep" in rule):
        assert "full" in record.end
    else:
        assert record.end == "4 tokens were asked for" and record.steps[-1].places[-1] == 9
        assert record.steps[-1].places[0] == 0 or "keep" not in rule


@pytest.mark.parametrize(("keep", "kept"), [(0, [2, 3, 4, 5, 6]), (1, [0, 3, 4, 5, 6])])
def test_moved_keys_are_as_if_read_in_their_new_places(model: Llama, ids: list[int], keep: int, kept: list[int]):
    """In the first layer, that is: it knows a token and its place. Higher layers remember what was forgotten."""
    cache, fresh = model.new_cache(1, 9), model.new_cache(1, 9)
    model(torch.tensor([ids]), cache)
    forget(cache, 2, keep)
    model(torch.tensor([[ids[k] for k in kept]]), fresh)
    assert cache.length == 5
    assert all(memory[:, :, 5:].count_nonzero() == 0 for memory in (*cache.keys, *cache.values))
    assert_close(cache.keys[0], fresh.keys[0], rtol=1e-4, atol=1e-5)
    assert_close(cache.values[0], fresh.values[0], rtol=1e-4, atol=1e-5)


def test_unturned_keys_stay_as_they_were(model: Llama, ids: list[int]):
    cache = model.new_cache(1, 9)
    model(torch.tensor([ids]), cache)
    before = torch.stack(cache.keys)
    forget(cache, 2, turn=False)
    assert_close(torch.stack(cache.keys)[:, :, :, :5], before[:, :, :, 2:7])


def one_too_early(model: Llama, tokens: torch.Tensor, cache: KVCache) -> torch.Tensor:
    """Writes over the last token, and counts as if it had not."""

    def extend(layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        start, end = max(cache.length - 1, 0), cache.length + keys.shape[2]
        cache.keys[layer][:, :, start : start + keys.shape[2]] = keys
        cache.values[layer][:, :, start : start + keys.shape[2]] = values
        return cache.keys[layer][:, :, :end], cache.values[layer][:, :, :end]

    cache.extend = extend
    try:
        return model(tokens, cache)
    finally:
        del cache.extend


def test_the_record_shows_where_a_wrong_way_really_wrote(model: Llama, ids: list[int]):
    record = run(model, ids, 4, capacity=12, way=one_too_early)
    assert [step.written for step in record.steps] == [[*range(7)], [6], [7], [8]]
    assert record.steps[-1].places[:11] == [0, 1, 2, 3, 4, 5, 7, 8, 9, EMPTY, EMPTY]
    assert record.steps[-1].filled == 10
    assert (record.steps[-1].norms[..., 9] == 0).all()


def not_a_number(model: Llama, tokens: torch.Tensor, cache: KVCache) -> torch.Tensor:
    return model(tokens, cache) * torch.nan


def test_numbers_that_are_none_end_the_text(model: Llama, ids: list[int]):
    assert "nan" in run(model, ids, 3, way=not_a_number).end


def test_places_that_lie_side_by_side_are_outlined_together():
    assert spans([0, 1, 2, 5, 7, 8]) == [[0, 3], [5, 1], [7, 2]] and spans([]) == []


def test_a_row_for_each_key_value_head_says_who_reads_it():
    names = [row["name"] for row in rows_of(CONFIG)]
    assert len(names) == 6 and names[4] == "layer 1, KV head 1, for query heads 2 and 3"
    shared = LlamaConfig(dim=32, n_layers=1, n_heads=8, n_kv_heads=2, vocab_size=9, hidden_dim=8, max_seq_len=8)
    assert [row["name"] for row in rows_of(shared)][1] == "layer 0, KV head 1, for query heads 4 to 7"
    alone = LlamaConfig(dim=32, n_layers=1, n_heads=2, n_kv_heads=2, vocab_size=9, hidden_dim=8, max_seq_len=8)
    assert [row["name"] for row in rows_of(alone)][1] == "layer 0, KV head 1, for query head 1"
    assert len(rows_of(LlamaConfig.preset("llama2-70b"))) == 80


def test_cells_are_empty_or_plainly_visible(model: Llama, ids: list[int]):
    record = run(model, ids, 3, capacity=10)
    cells = torch.tensor(list(cells_of(record, CONFIG))).view(3, 6, 2, 10)
    assert cells[0, :, :, 7:].count_nonzero() == 0 and cells[0, :, :, :7].min() >= FAINTEST
    assert (cells.amax((0, 3)) == 255).all()
    norms = record.steps[2].norms.flatten(0, 1)
    assert (cells[2].argsort(-1)[:, :, -1] == norms.argmax(-1)).all()


def test_the_view_runs_anew_when_something_is_chosen(model: Llama, tokenizer: Tokenizer):
    shown = view(model, tokenizer, ways={"one too early": one_too_early})
    shown.step = 3
    usual = shown.written["text"]
    assert shown.ways == [AS_BUILT, "one too early"] and shown.written["usual"] == usual
    assert shown.pieces[: len(tokenizer.encode("the llama hums"))] == tokenizer.pieces(
        tokenizer.encode("the llama hums")
    )
    shown.reading = "the prompt one by one"
    assert shown.step == 0 and len(shown.frames) == len(tokenizer.encode("the llama hums")) + 4
    assert shown.written["text"] == usual
    shown.way = "one too early"
    assert shown.written["usual"] == usual and shown.frames[1]["written"] == [0]
    shown.way = AS_BUILT
    shown.capacity = 4
    assert shown.written["end"] == "the cache is full" and shown.written["usual"] == usual
    assert len(shown.cells) == len(shown.frames) * 6 * 2 * 4
    shown.rule = "forget the oldest"
    assert shown.written["end"] == "5 tokens were asked for"
    shown.prompt = "the hill"
    assert shown.written["usual"] != usual


def test_an_error_in_the_readers_way_is_shown_and_the_old_record_stays(model: Llama, tokenizer: Tokenizer):
    def broken(model, tokens, cache):
        raise ZeroDivisionError("by zero")

    shown = view(model, tokenizer, ways={"broken": broken})
    before = shown.frames
    shown.way = "broken"
    assert shown.note == "ZeroDivisionError: by zero" and shown.frames == before
    shown.way = AS_BUILT
    assert shown.note == ""
    shown.prompt = "a \ud83e"
    assert "lone surrogate" in shown.note and shown.frames == before
    with pytest.raises(Exception, match="surrogate"):  # nothing to show yet: the reader must hear of it
        view(model, tokenizer, prompt="a \ud83e")


def test_a_long_text_is_cut_to_what_is_drawn(model: Llama, tokenizer: Tokenizer):
    shown = view(model, tokenizer, prompt="llama " * 400, capacity=MAX_CAPACITY)
    assert shown.frames[0]["n_new"] == shown.frames[-1]["filled"] == MAX_CAPACITY
    assert len(shown.pieces) == MAX_CAPACITY + 1
    shorter = CacheView(model, tokenizer, "the llama hums", max_new_tokens=400, capacity=MAX_CAPACITY)
    assert shorter.frames[-1]["filled"] == MAX_CAPACITY and len(shorter.pieces) == MAX_CAPACITY + 1


def test_text_and_twin_are_the_same_each_time_and_stay_text(model: Llama, tokenizer: Tokenizer):
    first, second = (view(model, tokenizer, prompt=EVIL)._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"] and first["text/html"] == second["text/html"]
    assert "0x" not in first["text/plain"]
    assert re.match(
        r"CacheView: the whole prompt at once, as it should be, when full stop\. The cache holds \d+ of 64 tokens",
        first["text/plain"],
    )
    assert set(re.findall(r"<(\w+)", first["text/html"])) <= {"p", "table", "tr", "th", "td"}
    assert "small &lt;card&gt;" in first["text/html"]
    assert len(first["text/html"]) < 4000
    shown = view(model, tokenizer)
    shown.set_trait("written", {"text": EVIL, "usual": EVIL, "end": "it ended"})  # a model may write anything
    assert "<img" not in shown.twin() and "&lt;img" in shown.twin()


def test_the_twin_shows_the_first_steps_and_the_last(model: Llama, tokenizer: Tokenizer):
    shown = view(model, tokenizer, reading="the prompt one by one")
    steps = re.findall(r"<tr><td>(\d+)</td>", shown.twin().partition("<p>")[0])
    assert steps == ["1", "2", "3", "4", "5", "6", str(len(shown.frames))]


def test_all_that_is_sent_to_the_browser_is_small_and_json(model: Llama, tokenizer: Tokenizer):
    shown = view(model, tokenizer)
    left_out = ("_esm", "_css", "cells", "layout")
    state = {name: value for name, value in shown.get_state().items() if name not in left_out}
    assert len(json.dumps(state)) < 40_000
    assert isinstance(shown.cells, bytes)


@pytest.mark.parametrize(
    ("model_name", "kv", "per_token", "at_4096"),
    [
        ("Llama 2 7B", "32 KV heads (MHA)", "512", "2"),
        ("Llama 2 13B", "40 KV heads (MHA)", "800", "3.125"),
        ("Llama 2 70B", "8 KV heads (GQA)", "320", "1.25"),
        ("Llama 2 70B", "64 KV heads (MHA)", "2,560", "10"),
        ("Llama 2 70B", "1 KV head (MQA)", "40", "0.1562"),
    ],
)
def test_what_a_cache_takes_at_full_size(
    model: Llama, tokenizer: Tokenizer, model_name: str, kv: str, per_token: str, at_4096: str
):
    shown = view(model, tokenizer, model_name=model_name)
    shown.kv_choice = shown.kv_choices.index(kv)
    assert shown.estimate.startswith(f"{model_name} in float16 with {kv}: {per_token} KiB a token;")
    assert f"4096 tokens take {at_4096} GiB" in shown.estimate


def test_the_slider_of_heads_starts_at_the_published_number(model: Llama, tokenizer: Tokenizer):
    shown = view(model, tokenizer)
    for name, kv in {"Llama 2 13B": "40 KV heads (MHA)", "Llama 2 70B": "8 KV heads (GQA)"}.items():
        shown.model_name = name
        assert shown.kv_choices[shown.kv_choice] == kv and kv in shown.estimate


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("dtype", "float32", "640 KiB a token"),
        ("dtype", "int4", "in int4 with 8 KV heads (GQA): 320 KiB a token"),
        ("n_tokens", 1024, "1024 tokens take 0.3125 GiB"),
        ("batch_size", 8, "8 x 4096 tokens take 10 GiB"),
    ],
)
def test_every_control_counts(model: Llama, tokenizer: Tokenizer, trait: str, value: object, words: str):
    shown = view(model, tokenizer)
    before = shown.gauges
    setattr(shown, trait, value)
    assert words in shown.estimate and shown.gauges != before


def test_a_model_made_for_fewer_tokens_gets_no_more(model: Llama, tokenizer: Tokenizer):
    shown = view(model, tokenizer, model_name="the Valley's model")
    assert "512 tokens (it is made for 512) take" in shown.estimate


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("capacity", 0),
        ("capacity", MAX_CAPACITY + 1),
        ("rule", "hope"),
        ("reading", "backwards"),
        ("model_name", "GPT-4"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(model: Llama, tokenizer: Tokenizer, trait: str, value: object):
    with pytest.raises(traitlets.TraitError):
        setattr(view(model, tokenizer), trait, value)


def test_nothing_to_write_is_refused(model: Llama, tokenizer: Tokenizer):
    with pytest.raises(ValueError, match="max_new_tokens must be at least 1, got 0"):
        CacheView(model, tokenizer, "the", max_new_tokens=0)


def test_the_right_way_is_the_models_own(model: Llama, ids: list[int]):
    tokens = torch.tensor([ids])
    assert torch.equal(as_built(model, tokens, model.new_cache()), model(tokens, model.new_cache()))
