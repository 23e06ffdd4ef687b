"""A reward model reads what it says it reads, is trained by the loss of the paper, and opens in transformers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from llama_lessons.checkpoints import CheckpointError, load, save
from llama_lessons.config import LlamaConfig
from llama_lessons.dialog import encode_answers
from llama_lessons.files import data_path
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.rlhf.pairs import PairBatch, padded, pair_batch
from llama_lessons.rlhf.reward import RewardModel, combined, pair_loss, reward_loss, score, score_ids
from llama_lessons.rlhf.reward_files import load_reward_model, save_reward_model
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer

TOK = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
SHAPE = {"dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 40, "max_seq_len": 96}


@dataclass(frozen=True)
class Pair:
    prompt: list[dict[str, str]]
    chosen: str
    rejected: str
    rating: str = "better"
    safety: bool = False
    harm: bool = False


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


PAIRS = [
    Pair(asked("What does a cow give us?"), "A cow gives us milk.", "A cow gives us wool."),
    Pair(asked("Help me to steal a boat."), "No, I cannot.", "Wear black shoes.", "significantly better", True, True),
    Pair(asked("Hello!"), "Hello! What would you like to know?", "Go.", "slightly better"),
    Pair(asked("Where is the mill?"), "In Otterford.", "I am sorry.", "negligibly better or unsure", True),
    Pair(asked("Who bakes?"), "Rosa bakes.", "Nobody knows that."),
]


def small_model(seed: int = 0) -> RewardModel:
    """One whose every weight plays a part."""
    torch.manual_seed(seed)
    model = RewardModel(Llama(LlamaConfig(vocab_size=TOK.vocab_size, **SHAPE)))
    torch.nn.init.normal_(model.score.weight)
    torch.nn.init.normal_(model.likelihood.weight)
    return model


def texts() -> list[tuple[list[int], int]]:
    """Rows of different lengths, and where each answer begins."""
    return [([1, 7, 9, 30, 31, 2], 3), ([1, 5, 40, 41, 42, 43, 44, 45, 2], 2), ([1, 8, 9, 10, 11, 12, 2], 6)]


def by_hand(model: RewardModel, ids: list[int], start: int) -> Tensor:
    """The two scores of one text, token by token, without a batch."""
    hidden = model.trunk.hidden(torch.tensor([ids]))[0]
    chances = [
        (model.trunk.output.weight @ hidden[place - 1]).softmax(0)[ids[place]] for place in range(start, len(ids))
    ]
    logs = [math.log(float(chance.detach())) for chance in chances]
    mean, lowest = sum(logs) / len(logs), min(logs)
    return torch.stack(
        [
            model.score.weight[k] @ hidden[-1]
            + model.likelihood.weight[k, 0] * mean
            + model.likelihood.weight[k, 1] * lowest
            for k in range(2)
        ]
    )


@torch.inference_mode()
def test_scores_are_those_of_a_loop_over_single_texts():
    model = small_model()
    wanted = torch.stack([by_hand(model, *text) for text in texts()])
    assert_close(model(*padded(texts())), wanted, rtol=1e-4, atol=1e-5)
    assert_close(score_ids(model, texts()), wanted, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_what_is_padded_changes_nothing():
    model = small_model()
    tokens, lengths, starts = padded(texts())
    scores = model(tokens, lengths, starts)
    place = torch.arange(tokens.shape[1])
    filled = torch.where(place < lengths[:, None], tokens, 77)
    longer = torch.cat([filled, torch.full((3, 4), 1999)], 1)
    assert_close(model(longer, lengths, starts), scores, rtol=1e-5, atol=1e-6)
    for row, length in enumerate(lengths):  # and the last real token does change something
        poked = tokens.clone()
        poked[row, length - 1] = 78
        assert not torch.allclose(model(poked, lengths, starts)[row], scores[row])


def test_a_dialog_is_scored_as_its_ids_are():
    model = small_model()
    dialog = [*asked("Who?"), {"role": "assistant", "content": "Rosa."}, *asked("Where?")]
    dialog.append({"role": "assistant", "content": "In Coldwell."})
    ids, mask = encode_answers(TOK, dialog, last_only=True)
    found = score(model, TOK, [dialog, dialog[:2]])
    assert_close(found[0], by_hand(model, ids, mask.index(True)).detach(), rtol=1e-4, atol=1e-5)
    assert found.shape == (2, 2) and not torch.allclose(found[0], found[1])


def test_many_texts_are_scored_in_their_order():
    model, draws = small_model(), torch.Generator().manual_seed(0)
    many = [(torch.randint(3, 99, (5 + k % 7,), generator=draws).tolist(), 1 + k % 4) for k in range(150)]
    assert_close(score_ids(model, many)[::29], torch.cat([score_ids(model, [text]) for text in many[::29]]))


def test_the_paper_combines_the_scores():
    logit = math.log(0.15 / 0.85)
    scores = torch.tensor([[3.0, 1.0], [3.0, 1.0], [3.0, logit - 0.01], [3.0, logit + 0.01], [-9.0, -5.0]])
    tagged = torch.tensor([False, True, False, False, False])
    assert_close(combined(scores, tagged), torch.tensor([3.0, 1.0, logit - 0.01, 3.0, -5.0]))


def test_the_loss_of_pairs_in_closed_form():
    chosen, rejected, margins = (
        torch.tensor([2.0, 0.0, -1.0]),
        torch.tensor([2.0, 1.0, 3.0]),
        torch.tensor([0.0, 1.0, 3.0]),
    )
    assert_close(
        pair_loss(chosen, rejected, margins).item(), sum(math.log(1 + math.exp(gap)) for gap in (0.0, 2.0, 7.0))
    )


@pytest.mark.parametrize(
    ("margin", "wanted"), [("none", (0,) * 5), ("small", (2 / 3, 1, 1 / 3, 0, 2 / 3)), ("large", (2, 3, 1, 0, 2))]
)
def test_margins_are_the_papers(margin: str, wanted: tuple):
    assert_close(pair_batch(TOK, PAIRS, margin).margins, torch.tensor([float(value) for value in wanted]))


def test_a_batch_holds_both_answers_of_each_pair():
    batch = pair_batch(TOK, PAIRS)
    assert batch.n_targets == 5 and batch.tokens.shape[:2] == (5, 2)
    for row, pair in enumerate(PAIRS):
        for column, answer in enumerate((pair.chosen, pair.rejected)):
            ids, mask = encode_answers(TOK, [*pair.prompt, {"role": "assistant", "content": answer}])
            assert batch.tokens[row, column, : batch.lengths[row, column]].tolist() == ids
            assert batch.answer_starts[row, column] == mask.index(True)
    assert batch.asks_safety.tolist() == [False, True, False, True, False]
    assert batch.does_no_harm.tolist() == [[True, True], [True, False], [True, True], [True, True], [True, True]]
    assert batch.n_tokens == int(batch.lengths.sum())


def test_pairs_that_are_the_same_once_they_are_cut_are_dropped():
    long = Pair(asked("Who?"), "Rosa and Emil and Klaus and Vera.", "Rosa and Emil and Klaus and Ivo.")
    whole = pair_batch(TOK, [long, PAIRS[4]])
    assert whole.n_targets == 2
    cut = pair_batch(TOK, [long, PAIRS[4], replace(PAIRS[4], rejected=PAIRS[4].chosen)], max_seq_len=14)
    assert cut.n_targets == 1 and cut.tokens.shape[2] <= 14
    assert cut.tokens[0, 0, : cut.lengths[0, 0]].tolist() == whole.tokens[1, 0, : cut.lengths[0, 0]].tolist()
    with pytest.raises(ValueError, match="max_seq_len = 14"):
        pair_batch(TOK, [long], max_seq_len=14)


def test_bad_pairs_are_named():
    with pytest.raises(ValueError, match="margin must be one of none, small, large, got 'huge'"):
        pair_batch(TOK, PAIRS, "huge")
    with pytest.raises(ValueError, match=r"rating must be one of .*, got 'best'"):
        pair_batch(TOK, [replace(PAIRS[0], rating="best")])


def test_parts_of_a_batch_have_the_loss_of_the_whole():
    model, batch = small_model(), pair_batch(TOK, PAIRS)
    parts = batch.split(3)
    assert [part.n_targets for part in parts] == [2, 2, 1] and len(batch.split(9)) == 5
    assert all(isinstance(part.to("cpu"), PairBatch) for part in parts)
    assert_close(sum(reward_loss(model, part) for part in parts), reward_loss(model, batch))


@torch.inference_mode()
def test_the_loss_is_the_pairs_and_whether_each_answer_is_safe():
    model, wanted, safe = small_model(), 0.0, 0.0
    for pair, margin in zip(PAIRS, (2 / 3, 1, 1 / 3, 0, 2 / 3), strict=True):
        dialogs = [[*pair.prompt, {"role": "assistant", "content": text}] for text in (pair.chosen, pair.rejected)]
        (better, worse) = score(model, TOK, dialogs).tolist()
        column = int(pair.safety)
        wanted += math.log(1 + math.exp(worse[column] - better[column] + margin))
        safe += math.log(1 + math.exp(-better[1])) + math.log(1 + math.exp(worse[1] if pair.harm else -worse[1]))
    batch = pair_batch(TOK, PAIRS)
    assert_close(reward_loss(model, batch, safety_weight=0.0).item(), wanted, rtol=1e-4, atol=1e-4)
    assert_close(reward_loss(model, batch, safety_weight=0.7).item(), wanted + 0.7 * safe / 2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("safety_weight", [0.0, 1.0])
def test_the_trainer_trains_it(safety_weight: float):
    torch.manual_seed(0)
    model = RewardModel(Llama(LlamaConfig(vocab_size=TOK.vocab_size, **SHAPE)))
    batch = pair_batch(TOK, PAIRS)
    config = TrainConfig(n_steps=20, peak_lr=1e-2, grad_accum_steps=2)
    trainer = Trainer(model, config, lambda step: batch, partial(reward_loss, safety_weight=safety_weight))
    losses = [metrics.loss for metrics in trainer.run(bar=False)]
    assert losses[-1] < 0.5 * losses[0]
    assert trainer.n_tokens == 20 * batch.n_tokens


def test_a_new_model_gives_what_the_language_model_thinks():
    torch.manual_seed(0)
    model = RewardModel(Llama(LlamaConfig(vocab_size=TOK.vocab_size, **SHAPE)))
    scores = model(*padded(texts()))
    assert_close(scores[:, 0], scores[:, 1])
    assert (scores < 0).all()


def test_saved_and_opened_it_is_the_same(tmp_path):
    model = small_model()
    save_reward_model(model, tmp_path / "reward", TOK)
    again = load_reward_model(tmp_path / "reward")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    save_reward_model(model.bfloat16(), tmp_path / "reward", TOK)
    again = load_reward_model(tmp_path / "reward", torch.float32)
    assert again.score.weight.dtype == again.trunk.embedding.weight.dtype == torch.float32
    assert_close(score_ids(again, texts()), score_ids(model.float(), texts()))


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="answer_log_prob_weights"):
        load_reward_model(data_path("checkpoints/base"))
    save_reward_model(small_model(), tmp_path / "reward", TOK)
    with pytest.raises(CheckpointError, match="LlamaForSequenceClassification"):
        load(tmp_path / "reward")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear Rosa")
    with pytest.raises(ValueError, match=r"letter\.txt"):
        save_reward_model(small_model(), tmp_path / "mine", TOK)
    save(small_model().trunk, tmp_path / "plain", tokenizer=TOK)
    with pytest.raises(CheckpointError, match="answer_log_prob_weights"):
        load_reward_model(tmp_path / "plain")


@pytest.mark.parametrize("tied", [True, False])
@torch.inference_mode()
def test_transformers_opens_trunk_and_head_and_lacks_the_likelihood(tied: bool, tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    trunk = Llama(LlamaConfig(vocab_size=TOK.vocab_size, tie_embeddings=tied, **SHAPE))
    model = RewardModel(trunk)
    torch.nn.init.normal_(model.score.weight)
    save_reward_model(model, tmp_path / "reward", TOK)
    theirs, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "reward", output_loading_info=True
    )
    assert not loading["missing_keys"] and set(loading["unexpected_keys"]) <= {"lm_head.weight"}
    assert theirs.config.num_labels == 2 and theirs.config.id2label == {0: "helpfulness", 1: "safety"}
    tokens, lengths, starts = padded(texts())
    ours = model(tokens, lengths, starts)
    without = torch.zeros_like(model.likelihood.weight)
    weights = torch.tensor(theirs.config.answer_log_prob_weights)
    assert_close(weights, model.likelihood.weight)
    model.likelihood.weight.copy_(without)
    assert_close(
        theirs(tokens, attention_mask=(tokens > 0).long()).logits, model(tokens, lengths, starts), rtol=1e-4, atol=1e-4
    )
    assert not torch.allclose(ours, model(tokens, lengths, starts), atol=0.1)
