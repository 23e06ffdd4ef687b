import copy

import numpy
import pytest
import torch
from torch.nn.modules.module import register_module_forward_hook
from torch.testing import assert_close

from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate, stream
from llama_lessons.model import Block, Llama, record_attention

CONFIG = LlamaConfig(dim=48, n_layers=3, n_heads=6, n_kv_heads=3, vocab_size=61, hidden_dim=40, max_seq_len=96)
PROMPTS = [[1, 5, 9, 12, 3], [1, 7], [1, 8, 20, 33, 2, 6, 40]]


@pytest.fixture(scope="module")
def model() -> Llama:
    torch.manual_seed(0)
    model = Llama(CONFIG).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(8 if weight.dim() == 2 else 1)
    return model


def greedy(model: Llama, prompt: list[int], n: int) -> list[int]:
    """Without a cache: the whole text is read again for every token."""
    ids = list(prompt)
    for _ in range(n):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("n", [1, 10, 70])
def test_greedy_text_is_that_of_no_cache_at_all(model, n):
    assert generate(model, PROMPTS, n, temperature=0) == [greedy(model, prompt, n) for prompt in PROMPTS]


def test_each_row_stops_at_its_own_stop_id_and_does_not_show_it(model):
    whole = [greedy(model, prompt, 12) for prompt in PROMPTS]
    stop = {whole[0][4], whole[1][7]}
    cut = [row[: min((row.index(s) for s in stop if s in row), default=12)] for row in whole]
    assert len({len(row) for row in cut}) > 1
    assert generate(model, PROMPTS, 12, temperature=0, stop_ids=stop) == cut


def test_a_stop_id_inside_a_prompt_does_not_stop(model):
    stop = PROMPTS[2][4]
    new = generate(model, PROMPTS, 12, temperature=0, stop_ids=[stop])[2]
    assert new
    assert new == greedy(model, PROMPTS[2], 12)[: len(new)]


def test_stream_gives_what_generate_gives(model):
    settings = {"temperature": 1.2, "top_p": 0.95, "top_k": 50}
    at_once = generate(model, PROMPTS[:1], 20, **settings, generator=torch.Generator().manual_seed(3))[0]
    assert len(set(at_once)) > 5
    assert list(stream(model, PROMPTS[0], 20, **settings, generator=torch.Generator().manual_seed(3))) == at_once
    stop = at_once[6]
    part = stream(model, PROMPTS[0], 20, **settings, stop_ids=[stop], generator=torch.Generator().manual_seed(3))
    assert list(part) == at_once[: at_once.index(stop)]


def test_stream_hands_out_an_id_before_it_computes_the_next(model):
    calls = []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    ids = stream(model, PROMPTS[0], 20, temperature=0)
    next(ids)
    assert not calls  # the prompt was read through `hidden`; no decoding step yet
    next(ids)
    assert len(calls) == 1
    handle.remove()


def test_every_token_is_computed_once(model):
    seen = []
    handle = model.embedding.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].numel()))
    generate(model, [PROMPTS[0]], 6, temperature=0)
    handle.remove()
    assert seen == [5, 1, 1, 1, 1, 1]


def test_nothing_is_computed_once_all_rows_have_stopped(model):
    seen = []
    handle = model.embedding.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[1]))
    stop = greedy(model, PROMPTS[0], 3)[2]
    seen.clear()
    generate(model, [PROMPTS[0]], 40, temperature=0, stop_ids=[stop])
    handle.remove()
    assert len(seen) <= 3


def test_no_graph_is_kept_of_a_model_that_could_be_trained():
    trainable = Llama(CONFIG)
    kept = []
    trainable.output.register_forward_hook(lambda *args: kept.append(args[2].requires_grad))
    generate(trainable, [[1, 5]], 3)
    assert kept == [False] * 3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_dtypes_write_too(model, dtype):
    other = copy.deepcopy(model).to(dtype)
    new = generate(other, PROMPTS, 70, temperature=0)
    assert [len(row) for row in new] == [70] * 3
    if dtype is torch.float64:
        assert new == generate(model, PROMPTS, 70, temperature=0)


def test_attention_can_be_watched_while_writing(model):
    with record_attention(model) as maps:
        generate(model, [PROMPTS[0]], 70, temperature=0)
    assert maps[2].shape == (1, 6, 74, 74)
    assert_close(maps[2].sum(-1), torch.ones(1, 6, 74))


@pytest.mark.parametrize(
    ("prompts", "n", "message"),
    [
        ([], 5, "at least one token id each; begin a text with tok.bos_id"),
        ([[1], []], 5, "at least one token id each"),
        ([1, 5], 5, "prompts must be lists of at least one token id each"),
        ([[1, 2.5]], 5, "prompts must hold whole numbers, got 2.5"),
        ([torch.tensor([1.0, 2.0])], 5, "prompts must hold whole numbers, got 1.0"),
        ([torch.tensor([[1, 2]])], 5, r"prompts must hold whole numbers, got \[1, 2\]"),
        (torch.tensor([[1, 2]]), 5, r"prompts must be a list .* got a Tensor; `list\(prompts\)`"),
        ("text", 5, "prompts must be a list .* got a str"),
        ([[1]], 0, "max_new_tokens must be a whole number of at least 1, got 0"),
        ([[1]], 3.0, "max_new_tokens must be a whole number of at least 1, got 3.0"),
        ([[1, 61], [1]], 5, "ids must be in 0 ... 60, got 1 ... 61"),
        ([[1] * 90], 7, "a prompt of 90 tokens and max_new_tokens=7 make 97, more than the model's max_seq_len of 96"),
    ],
)
def test_what_cannot_be_continued_is_named(model, prompts, n, message):
    with pytest.raises(ValueError, match=message):
        generate(model, prompts, n)


@pytest.mark.parametrize(
    "prompt", [torch.tensor(PROMPTS[0]), numpy.array(PROMPTS[0]), tuple(PROMPTS[0]), list(numpy.array(PROMPTS[0]))]
)
def test_a_prompt_may_come_as_any_row_of_ids(model, prompt):
    assert generate(model, [prompt], 5, temperature=0) == [greedy(model, PROMPTS[0], 5)]
    assert list(stream(model, prompt, 5, temperature=0)) == greedy(model, PROMPTS[0], 5)


def test_stop_ids_may_be_one_id_or_several_of_any_kind(model):
    whole = greedy(model, PROMPTS[0], 12)
    stop, cut = whole[4], whole[: whole.index(whole[4])]
    for stop_ids in (stop, numpy.int64(stop), torch.tensor(stop), [stop], {stop}, iter([stop]), torch.tensor([stop])):
        assert generate(model, PROMPTS[:1], 12, temperature=0, stop_ids=stop_ids) == [cut], stop_ids
        if not hasattr(stop_ids, "__next__"):
            assert list(stream(model, PROMPTS[0], 12, temperature=0, stop_ids=stop_ids)) == cut


@pytest.mark.parametrize("stop_ids", [["</s>"], "</s>", [2.0], None, 2.0])
def test_stop_ids_that_could_never_stop_are_named(model, stop_ids):
    with pytest.raises(ValueError, match="stop_ids must be a token id or several"):
        generate(model, PROMPTS, 3, stop_ids=stop_ids)


def test_a_hook_on_all_modules_sees_every_block(model):
    calls = []
    handle = register_module_forward_hook(lambda module, *_: calls.append(1) if isinstance(module, Block) else None)
    generate(model, [[1, 2]], 70, temperature=0)
    handle.remove()
    assert len(calls) == 3 * 70


def test_text_is_written_under_autocast(model):
    with torch.autocast("cpu", torch.bfloat16):
        assert len(generate(model, [[1]], 70)[0]) == 70


def test_bad_sampling_settings_are_named(model):
    with pytest.raises(ValueError, match="top_p must lie between 0 and 1, got 2"):
        generate(model, PROMPTS, 3, top_p=2)
