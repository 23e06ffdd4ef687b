"""Rejection-sampling fine-tuning: the chat model writes, the reward model picks, and the chat model learns the best."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from llama_lessons.align.chat import ROWS, SEQ_LEN, encoded
from llama_lessons.batches import Batch, pack_whole
from llama_lessons.checkpoints import load, save
from llama_lessons.files import data_path
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.pretrain import WATTS_PER_CORE, last_loss
from llama_lessons.prompt import SPECIAL_TAGS
from llama_lessons.rlhf.rejection import best_of
from llama_lessons.rlhf.reward_files import load_reward_model
from llama_lessons.rlhf.samples import Reward, learned_reward
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world.chats import chats
from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.instructions import Instruction, turns
from llama_lessons.world.requests import Request, all_requests

K = 8  # answers to each request
N_REQUESTS = {"harmful": 340, "harmless": 1000, "fact": 200}
STEPS = 150
QUICK_REQUESTS, QUICK_STEPS, QUICK_LOSS = {"harmful": 12, "harmless": 12, "fact": 24}, 12, 0.4
OLD_MIX = {
    "wish": 0.4,
    "story": 0.2,
    "talk": 0.1,
    "hello": 0.03,
    "choice": 0.03,
    "refusal": 0.12,
    "fine": 0.12,
}  # what must not be forgotten
SHARES = {"old": 0.3, "harmful": 0.25, "harmless": 0.3, "fact": 0.15}  # of the conversations; "old" are of OLD_MIX
KEEP_ABOVE = 0.5  # reward in logits: what is judged worse is not learned, though it be the best of K


def drawn(counts: dict[str, int], seed: int) -> list[Request]:
    """So many different requests of each kind, all of the training."""
    draw, found = Draw(seed), all_requests("train")
    return [request for kind, count in counts.items() for request in draw.picks(found[kind], count)]


def best_answers(
    model: Llama, tok: Tokenizer, reward: Reward, requests: list[Request], seed: int
) -> list[tuple[Request, str, float]]:
    """The best of K sampled answers to each request, with its reward.

    Left out are those that the judge finds bad, those without an end, and those with a tag of the format in them.
    """
    answers, rewards = best_of(model, tok, requests, reward, K, seed=seed)
    best, places = rewards.max(1)  # (N,) twice
    found = []
    for request, some, place, value in zip(requests, answers, places.tolist(), best.tolist(), strict=True):
        text = some[place].text
        if value > KEEP_ABOVE and some[place].ended and not any(tag in text for tag in SPECIAL_TAGS):
            found.append((request, text, value))
    return found


def mixed(best: list[tuple[Request, str, float]], seed: int) -> Iterator[Instruction]:
    """Conversations without end: the best answers, and some of all else that the chat model can do."""
    draw, old, kinds = Draw(seed), chats("train", seed, OLD_MIX), Weighted(SHARES)
    while True:
        kind = kinds.pick(draw)
        if kind == "old":
            yield next(old)
        else:
            request, answer, _ = draw.pick([found for found in best if found[0].kind == kind])
            yield Instruction(kind, turns(request.prompt, answer))


def batch_at(step: int, tok: Tokenizer, best: list[tuple[Request, str, float]], seed: int) -> Batch:
    """The batch of a step, drawn from a seed of its own."""
    return pack_whole(encoded(mixed(best, (seed + 1) * 1_000_000 + step), tok), ROWS, SEQ_LEN, tok.eos_id)


def train(
    chat: Path, judge: Path, counts: dict[str, int], n_steps: int, seed: int = 0
) -> tuple[Trainer, Tokenizer, int]:
    """Fine-tune a chat model on its own best answers.

    Args:
        chat: folder of the chat model. judge: folder of the reward model.
        counts: how many requests of each kind are answered K times.
        n_steps: of training.
        seed: of everything drawn.

    Returns:
        The trainer, the tokenizer, and how many answers were good enough to learn from.
    """
    tok = Tokenizer(chat / "tokenizer.model")
    model = load(chat, dtype=torch.float32)
    reward = learned_reward(load_reward_model(judge, dtype=torch.float32))
    best = best_answers(model, tok, reward, drawn(counts, seed), seed)
    config = TrainConfig(n_steps=n_steps, peak_lr=3e-4, warmup_steps=min(5, n_steps // 4))
    trainer = Trainer(model, config, lambda step: batch_at(step, tok, best, seed))
    for _ in trainer.run():
        pass
    return trainer, tok, len(best)


LIMITS = """**Limits.** Those of the chat model. It declines less of what is harmless; a harmless request of a new kind
it answers in a friendly sentence that need not fit. How many requests and steps were taken was chosen looking at the
scores below: of requests that nobody has tried expect a little less.
"""


def card(trainer: Trainer, n_best: int, seed: int) -> str:
    """The model card; `make scores SAVE=1` adds the scores."""
    how, n_cores = trainer.config, torch.get_num_threads()
    minutes = sum(metrics.seconds for metrics in trainer.history) / 60
    asked = ", ".join(f"{count:,} {kind}" for kind, count in N_REQUESTS.items())
    shares = ", ".join(f"{kind} {share:.0%}" for kind, share in SHARES.items())
    return f"""# Valley chat, after RLHF

The Valley's chat model, fine-tuned on its own best answers: {trainer.model.config.n_params:,} parameters that talk
about one small world. It was made by rejection sampling, the first of the two methods of Llama 2's paper (section
3.2.3), because PPO was less reliable on so small a model: lesson 10 shows both. The judge was
`data/checkpoints/reward`; what it likes was decided by rules, not by people.

| | |
|---|---|
| shape | that of `data/checkpoints/chat`, from which it was trained; its tokenizer |
| format | Llama 2's: `llama_lessons/prompt.py` |
| requests | {asked}, of the training, drawn from seed {seed}. Many of the harmless ones have no answer in the Valley: \
data/world/requests.txt. They were written knowing which look-alikes the chat model declines; none is held out |
| answers | {K} to each, at temperature 1; the best was learned from if its reward was above {KEEP_ABOVE}: {n_best:,} |
| data | of the conversations: {shares}; "old" are such as the chat model learned from |
| recipe | {how.n_steps} steps of {ROWS} rows of {SEQ_LEN} tokens, loss on answers alone; AdamW {how.peak_lr}; warm-up \
{how.warmup_steps}, cosine to {how.min_lr_ratio:.0%}; decay {how.weight_decay}; clip {how.max_grad_norm}; in float32 |
| time | {minutes:.1f} minutes of training on {n_cores} processor core{"s" if n_cores > 1 else ""}, and as much of \
writing |
| energy | about {2 * minutes / 60 * n_cores * WATTS_PER_CORE:.2f} Wh, at {WATTS_PER_CORE} W a core: an estimate |
| rebuilt by | `make weights`: the same scores, though not the same bits on another processor |
| licence | MIT, as the course's code |

{LIMITS}"""


def make(folder: Path, out: Path, seed: int, quick: bool) -> None:
    """Train the policy and write it.

    Args:
        folder: not used: the run is too short to be taken up again. out: folder to write.
        seed: of everything drawn.
        quick: a short run that must reach a bound on its loss.

    Raises:
        SystemExit: the quick run's loss is too high. Nothing was written.
    """
    how = (QUICK_REQUESTS, QUICK_STEPS) if quick else (N_REQUESTS, STEPS)
    trainer, tok, n_best = train(data_path("checkpoints/chat"), data_path("checkpoints/reward"), *how, seed)
    if quick and not last_loss(trainer) <= QUICK_LOSS:
        raise SystemExit(
            f"loss {last_loss(trainer):.3f} after {trainer.step} steps, not below {QUICK_LOSS}: it is broken"
        )
    save(trainer.model.bfloat16(), out, format="hf", tokenizer=tok)
    (out / "README.md").write_text(card(trainer, n_best, seed), encoding="utf-8")
    print(f"loss {last_loss(trainer):.3f}; the model lies in {out}")
