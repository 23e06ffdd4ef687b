"""The RoPE view: it shows the model's own scores, whatever way it turns, and a wrong way is really used."""

from __future__ import annotations

import base64
from copy import deepcopy

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from llama_lessons.checkpoints.names import half_split_to_interleaved
from llama_lessons.checks.rope_mistakes import halves
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama, record_attention
from llama_lessons.rope import rope_angles, rotate
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.rope import MAX_PROMPT, RopeView
from llama_lessons.widgets.rope_pair import LONGEST, Pair
from llama_lessons.widgets.rope_ways import Way, first_difference, read_turning, turning

CONFIG = LlamaConfig(dim=48, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=300, hidden_dim=40, max_seq_len=128)
EVIL = "<script>alert('a')</script> $x^2$"


def from_zero(positions: Tensor, head_dim: int, theta: float) -> Tensor:
    return rope_angles(torch.arange(len(positions)), head_dim, theta)


def sign_forgotten(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second, cos, sin = x[..., 0::2], x[..., 1::2], cos[:, None], sin[:, None]
    return torch.stack((first * cos + second * sin, first * sin + second * cos), dim=-1).flatten(-2)


WAYS = {
    "two halves": Way(turn_query=halves, turn_key=halves),
    "keys not turned": Way(turn_key=lambda x, cos, sin: x),
    "offset ignored": Way(angles=from_zero),
    "sign forgotten": Way(turn_query=sign_forgotten, turn_key=sign_forgotten),
    "1000 further": Way(angles=lambda positions, *rest: rope_angles(positions + 1000, *rest)),
}
every_way = pytest.mark.parametrize("way", [Way(), *WAYS.values()], ids=["right", *WAYS])


@pytest.fixture(scope="module")
def model() -> Llama:
    torch.manual_seed(0)
    model = Llama(CONFIG).requires_grad_(False)
    for block in model.blocks:  # scores of all sizes
        block.attention.wq.weight *= 3
        block.attention.wk.weight *= 3
    return model


@pytest.fixture
def view(model: Llama, tokenizer: Tokenizer) -> RopeView:
    return RopeView(model, tokenizer, "the llama hums on the hill", WAYS, layer=1, head=4, max_new_tokens=6)


def some_tokens(n_tokens: int = 9) -> Tensor:
    return torch.randint(3, 300, (2, n_tokens), generator=torch.Generator().manual_seed(2))


def in_steps(model: Llama, tokens: Tensor) -> Tensor:
    cache = model.new_cache(batch_size=2)
    return torch.cat([model(part, cache) for part in tokens.split([4, 3, 1, 1], dim=1)], dim=1)


def test_turning_as_the_package_does_changes_nothing(model: Llama):
    tokens = some_tokens()
    with turning(model, Way()):
        assert_close(model(tokens), Llama.forward(model, tokens), rtol=0, atol=0)
        assert_close(in_steps(model, tokens), model(tokens), rtol=1e-4, atol=1e-4)


@every_way
def test_a_way_ends_with_its_block_even_after_an_error(model: Llama, way: Way):
    tokens = some_tokens()
    usual = model(tokens)
    with pytest.raises(RuntimeError, match="stop"), turning(model, way):
        model(tokens)
        raise RuntimeError("stop")
    assert torch.equal(model(tokens), usual)
    assert all("forward" not in vars(block.attention) for block in model.blocks)


def test_ways_may_be_nested(model: Llama):
    tokens = some_tokens()
    with turning(model, WAYS["two halves"]):
        outer = model(tokens)
        with turning(model, Way()):
            inner = model(tokens)
        assert torch.equal(model(tokens), outer)
    assert torch.equal(model(tokens), inner) and not torch.allclose(inner, outer, atol=1e-2)


def test_turning_halves_is_reading_rows_that_were_sorted_for_halves(model: Llama):
    """The same model by another road: its rows put into the order in which neighbours turn together."""
    other = deepcopy(model)
    for block in other.blocks:
        block.attention.wq.weight.copy_(half_split_to_interleaved(block.attention.wq.weight, CONFIG.n_heads))
        block.attention.wk.weight.copy_(half_split_to_interleaved(block.attention.wk.weight, CONFIG.n_kv_heads))
    tokens = some_tokens()
    with turning(model, WAYS["two halves"]):
        assert_close(model(tokens), other(tokens), rtol=1e-4, atol=1e-4)


def test_queries_and_keys_are_told_apart(model: Llama):
    """The first layer's weights, written out, with queries that turn and keys that do not; and the other way round."""
    tokens = some_tokens()
    block = model.blocks[0]
    x = block.attention_norm(model.embedding(tokens))
    angles = rope_angles(torch.arange(9), 8)
    for turned in ("query", "key"):
        q, k = (w(x).unflatten(-1, (-1, 8)) for w in (block.attention.wq, block.attention.wk))
        q, k = (
            (rotate(q, angles.cos(), angles.sin()), k)
            if turned == "query"
            else (q, rotate(k, angles.cos(), angles.sin()))
        )
        scores = torch.einsum("bthd,bshd->bhts", q, k.repeat_interleave(2, dim=2)) / 8**0.5
        wanted = scores.masked_fill(~torch.ones(9, 9).tril().bool(), -torch.inf).softmax(-1)
        other = {"turn_key" if turned == "query" else "turn_query": lambda x, cos, sin: x}
        with turning(model, Way(**other)), record_attention(model) as maps:
            model(tokens)
        assert_close(maps[0], wanted, rtol=1e-4, atol=1e-5)


def test_an_ignored_offset_shows_with_a_cache_only(model: Llama):
    tokens = some_tokens()
    with turning(model, WAYS["offset ignored"]):
        at_once, step_by_step = model(tokens), in_steps(model, tokens)
    assert_close(at_once, model(tokens), rtol=0, atol=0)
    assert_close(step_by_step[:, :4], at_once[:, :4], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(step_by_step[:, 4:], at_once[:, 4:], atol=1e-2)


def test_long_writing_turns_as_short_writing_does(model: Llama):
    prompt = some_tokens()[0].tolist()
    with turning(model, WAYS["two halves"]):
        [long] = generate(model, [prompt], 80, temperature=0)
        [short] = generate(model, [prompt], 40, temperature=0)
    assert long[:40] == short and long != generate(model, [prompt], 80, temperature=0)[0]


@every_way
def test_a_run_holds_what_the_model_read_and_wrote(model: Llama, way: Way):
    ids = some_tokens()[0].tolist()
    run = read_turning(model, ids, 5, way=way)
    assert run.ids[:9] == ids and len(run.written) == 5 and run.n_prompt == 9
    assert [tuple(x.shape) for x in run.inputs] == [(14, 48)] * 2 and tuple(run.maps[1].shape) == (1, 6, 14, 14)
    first = model.blocks[0].attention_norm(model.embedding(torch.tensor(run.ids)))
    assert_close(run.inputs[0], first, rtol=1e-5, atol=1e-5)
    assert not any(block.attention._forward_pre_hooks for block in model.blocks)


@every_way
def test_the_scores_are_those_behind_the_maps(model: Llama, way: Way, tokenizer: Tokenizer):
    """Two scores of a row differ by the logarithm of the ratio of their weights: for every pair, read and written."""
    view = RopeView(model, tokenizer, "the llama hums", {"it": way}, max_new_tokens=5)
    view.way, view.shift = "it", 0
    n_tokens = len(view.run["pieces"])
    assert n_tokens == view.run["n_prompt"] + 5
    for view.layer, view.head in ((0, 0), (1, 1), (1, 4)):
        logs = view._run.maps[view.layer][0, view.head].log()
        for query in range(n_tokens):
            scores = torch.empty(query + 1)
            for key in range(query + 1):
                view.query, view.key = query, key
                assert view.scene["distance"] == query - key
                scores[key] = view.scene["now"][query - key]
                assert sum(hand[4] for hand in view.scene["hands"]) == pytest.approx(float(scores[key]), abs=1e-4)
            assert_close(scores - scores[0], logs[query, : query + 1] - logs[query, 0], rtol=1e-3, atol=2e-3)


def test_more_text_before_changes_no_score_as_trained(view: RopeView):
    view.query, view.key = 5, 2
    far = {}
    for view.way in ("as trained", "two halves", "keys not turned"):
        far[view.way] = []
        for view.shift in (0, 17, 100):
            assert len(view.scene["now"]) == 5 + view.shift + 1
            assert f"at place {5 + view.shift} looks" in view.scene["sentence"]
            far[view.way].append(view.scene["now"][3])
    assert far["as trained"] == pytest.approx([far["as trained"][0]] * 3, abs=1e-3)
    assert far["two halves"] == pytest.approx([far["two halves"][0]] * 3, abs=1e-3)
    assert max(far["keys not turned"]) - min(far["keys not turned"]) > 0.1


def test_the_dashed_curve_is_that_of_the_right_way(view: RopeView):
    view.layer, view.query, view.key = 0, 5, 3  # the first layer is given the same rows, whatever the way
    wanted = torch.tensor(view.scene["usual"])
    assert_close(torch.tensor(view.scene["now"]), wanted[: len(view.scene["now"])], rtol=1e-3, atol=1e-3)
    for view.way in ("1000 further", "keys not turned"):
        assert_close(torch.tensor(view.scene["usual"]), wanted, rtol=1e-3, atol=1e-3)


def test_hands_keep_their_length_where_something_is_turned():
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 8, generator=generator)
    pair = Pair(query, key, position=7, distance=3)
    hands = pair.hands(Way(), 100.0)
    assert_close(hands[:, :2].norm(dim=1), torch.ones(4))
    assert_close(hands[:, 2:4].norm(dim=1), torch.ones(4))
    angles = rope_angles(torch.tensor([7]), 8, 100.0)[0]
    first = torch.atan2(query[1::2], query[0::2])
    assert_close(torch.atan2(hands[:, 1], hands[:, 0]).cos(), (first + angles).cos(), rtol=1e-4, atol=1e-4)
    wrong = pair.hands(WAYS["two halves"], 100.0)[:, :2].norm(dim=1)
    assert (wrong - 1).abs().max() > 0.05 and wrong.max() <= LONGEST + 1e-5


def test_a_pair_of_zeros_has_no_hand():
    hands = Pair(torch.zeros(4), torch.ones(4), position=2, distance=1).hands(Way(), 100.0)
    assert_close(hands[:, [0, 1, 4]], torch.zeros(2, 3))


def test_the_map_that_travels_is_the_models_own(view: RopeView):
    for view.way in ("as trained", "keys not turned"):
        for view.layer, view.head in ((0, 3), (1, 5)):
            n_tokens = len(view.run["pieces"])
            sent = torch.frombuffer(bytearray(view.weights), dtype=torch.uint8).view(n_tokens, n_tokens) / 255
            assert_close(sent, view._run.maps[view.layer][0, view.head].clone(), rtol=0, atol=0.5 / 255 + 1e-6)


def test_texts_are_cut_where_they_part(view: RopeView, tokenizer: Tokenizer):
    assert view.run["rest"] == "" and view.run["same"] == view.run["usual"]
    assert view.run["verdict"] == "the same 6 tokens as trained"
    for view.way in WAYS:
        wrong, right = view._run.written, view._runs["as trained"].written
        same = first_difference(wrong, right)
        whole = tokenizer.decode(view._run.ids)
        assert whole.endswith(view.run["same"] + view.run["rest"])
        assert view.run["usual"].startswith(view.run["same"])
        assert (f"from new token {same + 1} on" in view.run["verdict"]) is (wrong != right)
    assert view.run["verdict"] == "the same 6 tokens as trained"  # of the last way, which is no mistake


def test_first_difference_counts_what_is_common():
    assert first_difference([1, 2, 3], [1, 2, 4]) == 2
    assert first_difference([1, 2], [1, 2, 4]) == 2
    assert first_difference([5], [1]) == 0
    assert first_difference([], []) == 0


def test_a_new_text_is_read_anew(view: RopeView):
    view.way = "two halves"
    view.query = 7
    view.prompt = "the hill"
    assert view.run["n_prompt"] == 3 and set(view._runs) == {"as trained", "two halves"}
    assert view.scene["distance"] <= len(view.run["pieces"]) - 1
    view.prompt = ""
    assert view.run["n_prompt"] == 1
    view.prompt = "hill " * 200
    assert view.run["n_prompt"] == MAX_PROMPT


def test_a_way_that_fails_is_named_and_does_no_harm(model: Llama, tokenizer: Tokenizer):
    def broken(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        raise KeyError("angle")

    view = RopeView(model, tokenizer, "the llama", {"broken": Way(turn_query=broken)}, max_new_tokens=2)
    text = view.run
    view.way = "broken"
    assert view.note == "KeyError: 'angle'" and view.run == text
    view.shift, view.layer = 3, 1  # what is shown is the right way
    assert "at place 5 looks" in view.scene["sentence"]
    view.prompt = "the hill hums"
    assert view.note == "KeyError: 'angle'" and view.run["n_prompt"] == 4
    view.prompt = "the llama"
    view.way = "as trained"
    assert view.note == "" and view.run == text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layer": 2}, "layer must be 0 ... 1, got 2"),
        ({"head": -1}, "head must be 0 ... 5, got -1"),
        ({"query": 99}, "query must be 0 ... 6, got 99"),
        ({"query": 2, "key": 3}, "key must be 0 ... 2, got 3"),
    ],
)
def test_an_argument_out_of_range_is_named(model: Llama, tokenizer: Tokenizer, wrong: dict, message: str):
    with pytest.raises(ValueError, match=message):
        RopeView(model, tokenizer, "the llama hums on the hill", **wrong)


def test_text_and_twin_are_the_same_each_time_and_escaped(model: Llama, tokenizer: Tokenizer):
    first, second = (RopeView(model, tokenizer, EVIL, WAYS, max_new_tokens=4) for _ in range(2))
    assert repr(first) == repr(second) and "object at" not in repr(first)
    assert "4 clocks of layer 0, head 0" in repr(first) and "the model writes" in repr(first)
    assert "<script" not in first.twin()
    data, metadata = first._repr_mimebundle_()
    assert data["text/plain"] == repr(first) and "text/html" not in data
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == first.describe()
