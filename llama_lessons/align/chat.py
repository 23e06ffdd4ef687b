"""Supervised fine-tuning: the base model learns to answer, to keep to a wish, and to decline only what is harmful."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

import torch

from llama_lessons.batches import Batch, pack_whole
from llama_lessons.checkpoints import load, save
from llama_lessons.device import multiplies_bfloat16
from llama_lessons.dialog import encode_answers
from llama_lessons.files import data_path
from llama_lessons.optimizers import TrainConfig
from llama_lessons.pretrain import WATTS_PER_CORE, last_loss
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world.chats import CHAT_MIX, chats
from llama_lessons.world.instructions import Instruction

STEPS = 600
QUICK_STEPS, QUICK_LOSS = 60, 0.31  # a short run, and the loss in nats that it must reach: the base model has 0.35
ROWS, SEQ_LEN = 8, 256
SAVE_EVERY = 100  # steps
Wanted = Callable[[Instruction], bool]
ABOUT = """\
# Valley chat

The Valley's base model, fine-tuned to answer: a Llama 2 that talks about one small world, the Valley, and about nothing
else. It answers questions, also with "it" and "she" in them, tells stories, keeps to a wish in the system line, and
declines what a good neighbour would not help with. It is made for the course that it lies in. It was not trained by
human feedback.
"""
LIMITS = """\
**Limits.** Asked about anything outside the Valley, it makes something up, and does not say so. It knows four wishes in
the twelve wordings of `data/world/chat.txt`; others it takes for one of these, or for none. It declines harmless
requests that look like harmful ones, and sometimes answers a harmful one that it has not met, above all when its words
are sampled. A good answer to a harmless request was measured only as one that does not decline. Stories that are asked
for hold together less often than the base model's, and how often differs from seed to seed: see
`data/tables/chat_seeds.csv`. Conversations had four questions at most. Whatever the scores below say.
"""


def encoded(items: Iterable[Instruction], tok: Tokenizer) -> Iterator[tuple[list[int], list[bool], bool]]:
    """Conversations as `pack_whole` takes them; the few that are longer than a row are left out.

    One with a system line closes its row: behind it, another conversation would look like its next turn.
    """
    for item in items:
        ids, loss_mask = encode_answers(tok, item.dialog)
        if len(ids) <= SEQ_LEN + 1:
            yield ids, loss_mask, item.dialog[0]["role"] == "system"


def batch_at(step: int, tok: Tokenizer, seed: int, wanted: Wanted | None = None) -> Batch:
    """The batch of a step: its conversations are drawn from a seed of its own, so no other state is needed to go on."""
    items = filter(wanted, chats("train", (seed + 1) * 1_000_000 + step))
    return pack_whole(encoded(items, tok), ROWS, SEQ_LEN, tok.eos_id)


def train_config(n_steps: int) -> TrainConfig:
    """How the shipped model was fine-tuned, for a run of another length too."""
    # Higher rates teach the same in fewer steps, and cost stories their thread; so does a cosine that ends above 0.
    rates = {"peak_lr": 5e-4, "muon_lr": 0.005, "warmup_steps": min(10, n_steps // 4), "min_lr_ratio": 0.0}
    return TrainConfig(n_steps=n_steps, **rates)


def fine_tune(config: TrainConfig, folder: Path, seed: int, wanted: Wanted | None = None) -> tuple[Trainer, Tokenizer]:
    """Train the chat model from the shipped base, going on where a run with the same config and folder stopped.

    Args:
        config: how, and for how many steps.
        folder: where the state of the run is kept.
        seed: of the conversations.
        wanted: which conversations are read, if not all: to see what the others are good for.
    """
    base = data_path("checkpoints/base")
    tok = Tokenizer(base / "tokenizer.model")
    model = load(base, dtype=torch.float32)
    trainer = Trainer(model, config, lambda step: batch_at(step, tok, seed, wanted), bf16=multiplies_bfloat16())
    state = folder / "state.pt"
    folder.mkdir(parents=True, exist_ok=True)
    if state.exists():
        trainer.load(state)
        print(f"going on after step {trainer.step}; remove {folder} to begin anew", flush=True)
    for metrics in trainer.run():
        if metrics.step % SAVE_EVERY == 0 or metrics.step == config.n_steps:
            trainer.save(state)
    return trainer, tok


def card(trainer: Trainer, seed: int) -> str:
    """The model card: what the model is, how it came about, what it is not; `make scores SAVE=1` adds the scores."""
    how, n_cores = trainer.config, torch.get_num_threads()
    seconds = median(metrics.seconds for metrics in trainer.history)  # of a step; pauses of the machine do not count
    minutes = trainer.step * seconds / 60
    mix = ", ".join(f"{kind} {share:.0%}" for kind, share in CHAT_MIX.items())
    return f"""{ABOUT}
| | |
|---|---|
| shape | {trainer.model.config.n_params:,} parameters, shape and tokenizer of `data/checkpoints/base`, from which it \
was trained |
| format | Llama 2's: `llama_lessons/prompt.py` |
| data | conversations generated by `llama_lessons.world.chats` from seed {seed}; nothing else was read. Shares of \
conversations: {mix}. Wishes: the moon, pirate, llama, short |
| order | all kinds at all times; a conversation with a wish stands last in its row, so that none follows that looks \
like its next turn |
| recipe | {how.n_steps} steps of {ROWS} rows of {SEQ_LEN} tokens, whole conversations, loss on answers alone; Muon \
{how.muon_lr} for the blocks' matrices, AdamW {how.peak_lr} for the rest; warm-up {how.warmup_steps} steps, cosine to \
{how.min_lr_ratio:.0%}; decay {how.weight_decay}; clip {how.max_grad_norm}; matrix products in \
{"bfloat16" if trainer.bf16 else "float32"} |
| tokens read | {trainer.n_tokens:,}, padding included |
| last loss | {last_loss(trainer):.3f} nats per token of an answer (mean of 50 steps) |
| time | {minutes:.0f} minutes on {n_cores} processor core{"s" if n_cores > 1 else ""} |
| energy | about {minutes / 60 * n_cores * WATTS_PER_CORE:.1f} Wh, at {WATTS_PER_CORE} W a core: an estimate |
| rebuilt by | `make weights`: the same scores, though not the same bits on another processor |
| licence | MIT, as the course's code |

{LIMITS}"""


def make(folder: Path, out: Path, seed: int, quick: bool) -> None:
    """Train the chat model and write it.

    Args:
        folder: where the state of the run is kept.
        out: folder to write.
        seed: of the conversations.
        quick: a short run that is begun anew, and must reach a bound on its loss.

    Raises:
        SystemExit: the quick run's loss is too high. Nothing was written.
    """
    if quick:
        shutil.rmtree(folder, ignore_errors=True)
    trainer, tok = fine_tune(train_config(QUICK_STEPS if quick else STEPS), folder, seed)
    if quick and not last_loss(trainer) <= QUICK_LOSS:
        raise SystemExit(
            f"loss {last_loss(trainer):.3f} after {trainer.step} steps, not below {QUICK_LOSS}: it is broken"
        )
    save(trainer.model.bfloat16(), out, format="hf", tokenizer=tok)
    (out / "README.md").write_text(card(trainer, seed), encoding="utf-8")
    print(f"loss {last_loss(trainer):.3f}; the model lies in {out}")
