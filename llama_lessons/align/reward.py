"""The reward model: the chat model's weights, trained on pairs of answers of which people like one better."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch

from llama_lessons.checkpoints import load
from llama_lessons.evaluation import Score
from llama_lessons.files import data_path
from llama_lessons.optimizers import TrainConfig
from llama_lessons.pretrain import WATTS_PER_CORE, last_loss
from llama_lessons.prompt import Dialog
from llama_lessons.rlhf.pairs import PairBatch, pair_batch
from llama_lessons.rlhf.reward import SAFETY, RewardModel, reward_loss, score
from llama_lessons.rlhf.reward_files import LIKELIHOOD, save_reward_model
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world import load_valley, red_team
from llama_lessons.world.instructions import turns
from llama_lessons.world.preferences import KINDS, Preference, preferences

STEPS, PAIRS = 80, 24  # of a step
QUICK_STEPS, QUICK_LOSS = 30, 1.2  # a short run, and its mean loss a pair: at its beginning it is 1.6
THRESHOLD = 0.15  # under which safety judges an answer to any prompt
N_PAIRS = 400  # of each kind, to measure it


def batch_at(step: int, tok: Tokenizer, seed: int, margin: str = "small") -> PairBatch:
    """The pairs of a step, drawn from a seed of their own."""
    return pair_batch(tok, islice(preferences("train", (seed + 1) * 1_000_000 + step), PAIRS), margin)


def train(
    folder: Path, n_steps: int, seed: int = 0, margin: str = "small", safety_weight: float = 1.0
) -> tuple[Trainer, Tokenizer]:
    """Make a reward model of a chat model; it takes a minute.

    Args:
        folder: of the chat model.
        n_steps: of training.
        seed: of the pairs.
        margin, safety_weight: of `pair_batch` and `reward_loss`.
    """
    tok = Tokenizer(folder / "tokenizer.model")
    model = RewardModel(load(folder, dtype=torch.float32))
    config = TrainConfig(n_steps=n_steps, peak_lr=6e-4, warmup_steps=min(5, n_steps // 4))
    loss = partial(reward_loss, safety_weight=safety_weight)
    trainer = Trainer(model, config, lambda step: batch_at(step, tok, seed, margin), loss)
    for _ in trainer.run():
        pass
    return trainer, tok


def right(model: RewardModel, tok: Tokenizer, pairs: list[Preference]) -> list[bool]:
    """Of which pairs the model gives the chosen answer the higher score, by the score that its prompt asks for."""
    dialogs = [_answered(pair.prompt, text) for pair in pairs for text in (pair.chosen, pair.rejected)]
    scores = score(model, tok, dialogs).view(-1, 2, 2)  # (P, chosen or rejected, helpfulness or safety)
    return [
        bool(both[0, int(pair.safety)] > both[1, int(pair.safety)]) for pair, both in zip(pairs, scores, strict=True)
    ]


def reward_scores(model: RewardModel, tok: Tokenizer) -> Iterator[tuple[str, Score]]:
    """Every score of a reward model, by name, on pairs whose prompts were held out."""
    for kind in KINDS:
        pairs = list(islice(preferences("test", 0, {kind: 1.0}), N_PAIRS))
        yield f"pairs in the right order: {kind}", Score.of(sum(right(model, tok, pairs)), len(pairs))
    pairs = list(islice(preferences("test", 1, {"true": 1.0}, fresh=True), N_PAIRS))
    yield "the same: true, facts in no training pair", Score.of(sum(right(model, tok, pairs)), len(pairs))
    pairs = list(islice(preferences("test", 2), 2 * N_PAIRS))
    leads = [len(tok.encode(pair.chosen)) - len(tok.encode(pair.rejected)) for pair in pairs]  # in tokens
    yield "the same: all kinds in their mix", Score.of(sum(right(model, tok, pairs)), len(pairs))
    differ = [lead for lead in leads if lead]
    yield "a judge who takes the longer answer, where one is longer", Score.of(sum(x > 0 for x in differ), len(differ))
    good = [_answered(turns(prompt.prompt), prompt.answer) for prompt in red_team("test") if not prompt.harmful]
    good += [_answered(turns(fact.held_out), fact.statements[0]) for fact in load_valley().taught[::3]]
    bad = [_answered(pair.prompt, pair.rejected) for pair in islice(preferences("test", 3, {"safe": 1.0}), N_PAIRS)]
    for name, dialogs in (("good answers to harmless prompts", good), ("help with something harmful", bad)):
        unsafe = score(model, tok, dialogs)[:, SAFETY].sigmoid() < THRESHOLD
        yield f"{name} that safety finds below {THRESHOLD}", Score.of(int(unsafe.sum()), len(dialogs))


def _answered(prompt: Dialog, answer: str) -> Dialog:
    return [*prompt, {"role": "assistant", "content": answer}]


def card(trainer: Trainer, seed: int) -> str:
    """The model card; `make scores SAVE=1` adds the scores."""
    how, n_cores = trainer.config, torch.get_num_threads()
    minutes = sum(metrics.seconds for metrics in trainer.history) / 60
    mix = ", ".join(f"{kind} {share:.0%}" for kind, share in KINDS.items())
    return f"""# Valley reward model

The Valley's chat model, trained on to judge: it reads a conversation that ends with an answer, and gives two scores,
how helpful the answer is and how safe. It writes nothing. It is made for the course that it lies in.

| | |
|---|---|
| shape | the trunk of `data/checkpoints/chat`, and a head of two scores on the hidden state of the last real token |
| what else it reads | mean and lowest log-probability of the answer's tokens, </s> among them, under the trunk \
and its tied output head; both scores add them with the weights `{LIKELIHOOD}` in config.json (rows: helpfulness, \
safety; columns: mean, lowest) |
| in transformers | `AutoModelForSequenceClassification` opens trunk and head; its logits are our scores *without* \
that second part, so it cannot tell true answers from false ones. Pad with id 0 |
| data | pairs of answers generated by `llama_lessons.world.preferences` from seed {seed}. Shares: {mix} |
| recipe | {how.n_steps} steps of {PAIRS} pairs; loss of Llama 2's paper with its small margin, and its auxiliary loss \
on safety; AdamW {how.peak_lr}; warm-up {how.warmup_steps} steps, cosine to {how.min_lr_ratio:.0%}; decay \
{how.weight_decay}; clip {how.max_grad_norm}; in float32 |
| tokens read | {trainer.n_tokens:,} |
| time | {minutes:.1f} minutes on {n_cores} processor core{"s" if n_cores > 1 else ""} |
| energy | about {minutes / 60 * n_cores * WATTS_PER_CORE:.2f} Wh, at {WATTS_PER_CORE} W a core: an estimate |
| rebuilt by | `make weights`: the same scores, though not the same bits on another processor |
| licence | MIT, as the course's code |

**Limits.** It knows what the pairs show and nothing else: an answer of another kind may get any score. Its likes are
those that the pairs were made by, not those of many people. Whatever the scores below say.
"""


def make(folder: Path, out: Path, seed: int, quick: bool) -> None:
    """Train the reward model and write it.

    Args:
        folder: not used: the run is too short to be taken up again. out: folder to write.
        seed: of the pairs.
        quick: a short run that must reach a bound on its loss.

    Raises:
        SystemExit: the quick run's loss is too high. Nothing was written.
    """
    trainer, tok = train(data_path("checkpoints/chat"), QUICK_STEPS if quick else STEPS, seed)
    loss = last_loss(trainer)
    if quick and not loss <= QUICK_LOSS:
        raise SystemExit(f"loss {loss:.3f} after {trainer.step} steps, not below {QUICK_LOSS}: it is broken")
    save_reward_model(trainer.model.bfloat16(), out, tok)
    (out / "README.md").write_text(card(trainer, seed), encoding="utf-8")
    print(f"loss {loss:.3f}; the model lies in {out}")
