import copy
import math
import re
from dataclasses import replace

import pytest
import torch

from llama_lessons.config import LlamaConfig
from llama_lessons.evaluation import Score, bits_per_byte, choose, log_probs, multiple_choice, perplexity
from llama_lessons.mmlu import MMLU, Item
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import Exam


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


def test_bits_per_byte_share_out_what_all_texts_cost_over_their_bytes(model, tok):
    texts = ["The old llama", "hums – é"]
    costs = [-sum(by_hand(model, [tok.bos_id], tok.encode(text, bos=False))) for text in texts]
    assert bits_per_byte(model, tok, texts) == pytest.approx(sum(costs) / math.log(2) / (13 + 11), rel=1e-4)


def test_an_empty_text_has_no_bits(model, tok):
    with pytest.raises(ValueError, match="got 1 and 0 that follow"):
        bits_per_byte(model, tok, ["The", ""])


def test_perplexity_of_too_short_a_text_is_an_error(model):
    with pytest.raises(ValueError, match="at least two tokens"):
        perplexity(model, [[1, 2], [1]])


def test_texts_longer_than_the_model_can_read_are_an_error(model):
    max_seq_len = model.config.max_seq_len
    assert perplexity(model, [[1] * max_seq_len]) > 1
    with pytest.raises(ValueError, match=f"1 to {max_seq_len} tokens, got 1 and {max_seq_len} that follow"):
        perplexity(model, [[1] * (max_seq_len + 1)])


def test_more_texts_than_are_read_at_once_keep_their_order(model):
    texts = [([1, *range(3, 3 + k % 7)], [5 + k % 11, 4]) for k in range(75)]
    for (read, follows), found in zip(texts, log_probs(model, texts), strict=True):
        assert found.tolist() == pytest.approx(by_hand(model, read, follows), abs=1e-4)


def test_a_damaged_model_is_not_scored(model, tok):
    damaged = copy.deepcopy(model)
    with torch.no_grad():
        damaged.norm.weight[0] = torch.nan
    for measure in (lambda: choose(damaged, tok, ["The"], [["old", "red"]]), lambda: perplexity(damaged, [[1, 5]])):
        with pytest.raises(ValueError, match="model must give finite scores, and does not: its weights are damaged"):
            measure()


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


class Chooser:
    """Stands for a model and its tokenizer: gives every text the log-probability that a rule gives its continuation."""

    def __init__(self, monkeypatch, likes):
        self.seen = []
        monkeypatch.setattr("llama_lessons.evaluation.log_probs", self.log_probs)
        self.likes = likes

    def encode(self, text):
        return list(text)

    def log_probs(self, model, texts):
        self.seen += ["".join(read) + "".join(follows) for read, follows in texts]
        return [
            torch.tensor([float(self.likes("".join(follows).strip()))], dtype=torch.float64) for _, follows in texts
        ]


def test_by_letter_a_model_that_always_says_a_is_right_where_the_answer_is_a(monkeypatch):
    exam = Exam()
    chooser = Chooser(monkeypatch, likes=lambda text: text == "A")
    score = multiple_choice(None, chooser, exam, shots=2)
    right = sum(item.letter == "A" for item in exam.items)
    assert (score.n, score.accuracy) == (len(exam.items), right / len(exam.items))
    assert chooser.seen[0].startswith("The following are multiple choice questions (with answers) about ")
    assert chooser.seen[1].count("Answer: ") == 3
    assert chooser.seen[1].endswith("Answer: B")


def test_by_text_the_likeliest_choice_counts_and_no_choices_are_shown(monkeypatch):
    exam = Exam()
    exam.items = [item for item in exam.items if item.subject == "opposites"][:20]
    first = [min(range(4), key=lambda k: item.choices[k]) for item in exam.items]  # the first in the alphabet
    chooser = Chooser(monkeypatch, likes=lambda text: -int.from_bytes(text[:6].ljust(6).encode()))
    score = multiple_choice(None, chooser, exam, shots=5, by="text")
    right = sum(k == item.answer for k, item in zip(first, exam.items, strict=True))
    assert 0 < right < 20
    assert (score.n, score.accuracy) == (20, right / 20)
    assert "A. " not in "".join(chooser.seen)
    assert chooser.seen[0].count("Question: ") == 6


LAW = [
    Item("law", "Who may hum?", ("all", "none", "some", "few"), 2),
    Item("law", "Who may spit?", ("nobody", "llamas"), 1),
    Item("law", "May one?", ("no", "yes", "often"), 0),
]


def test_a_real_exam_is_asked_like_the_valleys(monkeypatch):
    chooser = Chooser(monkeypatch, likes=lambda text: text == "B")
    assert multiple_choice(None, chooser, MMLU(LAW, LAW[:1]), shots=1) == Score.of(1, 3)
    head = "The following are multiple choice questions (with answers) about law.\n\nWho may hum?\nA. all\nB. none\n"
    assert chooser.seen[4] == (f"{head}C. some\nD. few\nAnswer: C\n\nWho may spit?\nA. nobody\nB. llamas\nAnswer: A")
    assert len(chooser.seen) == 4 + 2 + 3


def test_items_alone_are_asked_without_examples(monkeypatch):
    chooser = Chooser(monkeypatch, likes=lambda text: text in ("some", "llamas", "yes"))
    assert multiple_choice(None, chooser, iter(LAW), shots=0, by="text") == Score.of(2, 3)
    assert chooser.seen[-1] == "Question: May one?\nAnswer: often"
    with pytest.raises(ValueError, match="shots must be 0 to 0, the examples of 'law', got 5"):
        multiple_choice(None, chooser, LAW)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "items must hold at least one question, got none"),
        ([LAW[0], replace(LAW[1], answer=2)], "items[1] must have an answer of 0 to 1, got 2"),
        ([replace(LAW[0], answer=-1)], "items[0] must have an answer of 0 to 3, got -1"),
        ([replace(LAW[0], answer="C")], "items[0] must have an answer of 0 to 3, got 'C'"),
        ([replace(LAW[0], choices=())], "items[0] must have 2 to 26 choices, got 0"),
        ([replace(LAW[0], choices=("all",), answer=0)], "items[0] must have 2 to 26 choices, got 1"),
        ([replace(LAW[0], choices=("x",) * 27)], "items[0] must have 2 to 26 choices, got 27"),
    ],
)
@pytest.mark.parametrize("by", ["letter", "text"])
def test_items_that_cannot_be_asked_are_named(items, message, by):
    exam = Exam()
    exam.items = items
    for asked in (exam, items):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            multiple_choice(None, None, asked, shots=0, by=by)


@pytest.mark.parametrize("choices", [[], [""], ["old", " "]])
def test_choices_without_a_text_are_named(choices, model, tok):
    with pytest.raises(ValueError, match=re.escape(f"choices[1] must be one text or several, got {choices}")):
        choose(model, tok, ["The", "The"], [["old"], choices])


def test_choices_for_another_number_of_prompts_are_an_error(model, tok):
    with pytest.raises(ValueError, match="choices must be as many as the 2 prompts, got 1"):
        choose(model, tok, ["The", "The"], [["old"]])


@pytest.mark.parametrize(("n_right", "n"), [(0, 0), (1, 0), (-1, 5), (6, 5), (0, -1)])
def test_a_score_of_no_answers_or_too_many_is_an_error(n_right, n):
    with pytest.raises(ValueError, match=f"got n = {n} and n_right = {n_right}"):
        Score.of(n_right, n)


def test_another_way_of_answering_is_refused():
    with pytest.raises(ValueError, match='by must be "letter" or "text", got \'vote\''):
        multiple_choice(None, None, Exam(), by="vote")


@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"),
    [
        (81, 263, 0.255, 0.366),
        (0, 36, 0.0, 0.096),
        (0, 60, 0.0, 0.060),
        (0, 20, 0.0, 0.161),
        (20, 20, 0.839, 1.0),
    ],  # the first: Newcombe 1998, table I
)
def test_the_interval_is_wilsons(n_right, n, low, high):
    score = Score.of(n_right, n)
    assert (round(score.low, 3), round(score.high, 3)) == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=6e-4))
    assert score.accuracy == n_right / n
    assert 0 <= score.low <= score.high <= 1
