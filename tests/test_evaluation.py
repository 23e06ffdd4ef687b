import math

import pytest
import torch

from llama_lessons.config import LlamaConfig
from llama_lessons.evaluation import Score, choose, log_probs, perplexity
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tok(tmp_path_factory) -> Tokenizer:
    lines = [
        f"The {a} llama {b} the {c}." for a in ("old", "red") for b in ("sees", "hums at") for c in ("hill", "mill")
    ]
    return Tokenizer.train(lines, 300, tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


@pytest.fixture(scope="module")
def model() -> Llama:
    torch.manual_seed(0)
    shape = {"dim": 48, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 40, "max_seq_len": 64}
    model = Llama(LlamaConfig(vocab_size=300, **shape)).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(5)
    return model


def by_hand(model: Llama, read: list[int], follows: list[int]) -> list[float]:
    """One text at a time, one place at a time."""
    ids = read + follows
    return [float(model(torch.tensor([ids[:k]]))[0, -1].log_softmax(-1)[ids[k]]) for k in range(len(read), len(ids))]


TEXTS = [([1, 5, 9], [12]), ([1], [7, 8, 20, 33, 2, 6]), ([1, 8], [40, 3]), ([1] * 20, [4, 4, 4])]


def test_log_probs_of_ragged_texts_are_those_of_each_alone(model):
    for found, (read, follows) in zip(log_probs(model, TEXTS), TEXTS, strict=True):
        assert found.tolist() == pytest.approx(by_hand(model, read, follows), abs=1e-4)


def test_perplexity_counts_every_predicted_token_alike(model):
    texts = [[1, 5, 9, 12], [1, 7]]
    logs = by_hand(model, [1], [5, 9, 12]) + by_hand(model, [1], [7])
    assert perplexity(model, texts) == pytest.approx(math.exp(-sum(logs) / 4), rel=1e-4)


def test_perplexity_of_too_short_a_text_is_an_error(model):
    with pytest.raises(ValueError, match="at least two tokens"):
        perplexity(model, [[1, 2], [1]])


def test_the_likeliest_choice_per_token_is_chosen(model, tok):
    prompts, choices = ["The old llama", "The"], [["sees the hill", "hums", "x"], ["red mill", "old"]]
    wanted = []
    for prompt, continuations in zip(prompts, choices, strict=True):
        read = tok.encode(prompt)
        scores = []
        for continuation in continuations:
            logs = by_hand(model, read, tok.encode(f"{prompt} {continuation}")[len(read) :])
            scores.append(sum(logs) / len(logs))
        wanted.append(scores.index(max(scores)))
    assert choose(model, tok, prompts, choices) == wanted


@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"),
    [(81, 263, 0.255, 0.366), (0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0)],  # the first: Newcombe 1998, table I
)
def test_the_interval_is_wilsons(n_right, n, low, high):
    score = Score.of(n_right, n)
    assert (round(score.low, 3), round(score.high, 3)) == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=6e-4))
    assert score.accuracy == n_right / n
