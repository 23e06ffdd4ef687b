"""What lesson 10 says of judges and policies, from runs that are too long for a lesson.

    python -m tools.rlhf_runs judges      writes data/tables/rlhf_judges.csv (8 reward models; 3 minutes of one core)
    python -m tools.rlhf_runs policies    writes data/tables/rlhf_policies.csv (the best of K, 6 runs of PPO; 8 minutes)
    python -m tools.rlhf_runs judges --steps 2 --held-out 20 --out FILE       a short run, to see that it works

Judges begin as the shipped chat model, policies as the same after a few steps of careless demonstrations, which leave
PPO something to mend. All requests and pairs that are measured are held out; answers are drawn at temperature 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from llama_lessons.align.chat import encoded
from llama_lessons.batches import Batch, pack_whole
from llama_lessons.checkpoints import load
from llama_lessons.files import COURSE, data_path
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.paper import PPO as PAPER_PPO
from llama_lessons.rlhf import (
    PPO,
    PPOConfig,
    RewardModel,
    best_of,
    kl_of_best,
    load_reward_model,
    pair_batch,
    reward_loss,
    sample_answers,
    score,
)
from llama_lessons.rlhf.pairs import PairBatch
from llama_lessons.rlhf.ppo import Critic
from llama_lessons.rlhf.rejection import best_of_fewer
from llama_lessons.rlhf.reward import SAFETY, score_ids
from llama_lessons.rlhf.samples import Answer, Reward, learned_reward
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world import is_refusal
from llama_lessons.world.careless import careless_chats
from llama_lessons.world.preferences import KINDS, preferences
from llama_lessons.world.requests import Request, all_requests, requests
from llama_lessons.world.verdicts import true_reward
from tools.tables import write_table

SOUND, LOOSE, BLIND = "small margin", "no auxiliary loss", "hidden state alone"
WAYS = {  # how a judge is trained -> margin, weight of the auxiliary loss, whether it reads log-probabilities, seeds
    SOUND: ("small", 1.0, True, 2),
    "no margin": ("none", 1.0, True, 2),
    "large margin": ("large", 1.0, True, 2),
    LOOSE: ("small", 0.0, True, 1),
    BLIND: ("small", 1.0, False, 1),
}
STEPS, PAIRS = 30, 16
HELD_OUT = {"judges": 40, "policies": 100}  # pairs, or requests, of each kind
CARELESS = TrainConfig(n_steps=8, peak_lr=5e-4, warmup_steps=2)  # how policies are spoilt before PPO
MIXES = {
    "balanced": {"harmful": 1 / 3, "harmless": 1 / 3, "fact": 1 / 3},
    "mostly harmful": {"harmful": 0.8, "harmless": 0.0, "fact": 0.2},
}
POLICIES = [("sound judge", "balanced", seed) for seed in range(3)]
POLICIES += [(LOOSE, "balanced", 0), ("safety alone", "balanced", 0), ("sound judge", "mostly harmful", 0)]
ROUNDS, EVERY = PPOConfig().n_iterations, 6  # of PPO, and rounds from one measurement to the next
ANSWERS = PPOConfig().batch_size  # a round
KS = (1, 2, 4, 8)


def models() -> tuple[Tokenizer, Llama]:
    """The tokenizer and the shipped chat model."""
    folder = data_path("checkpoints/chat")
    return Tokenizer(folder / "tokenizer.model"), load(folder, "cpu", torch.float32)


def spoilt(chat: Llama, tok: Tokenizer) -> Llama:
    """The chat model after a few steps of demonstrations in which chance decided what is declined."""

    def batch_at(step: int) -> Batch:
        return pack_whole(encoded(careless_chats(step), tok), 8, 256, tok.eos_id)

    policy = deepcopy(chat)
    list(Trainer(policy, CARELESS, batch_at).run(bar=False))
    return policy


def trained_judge(chat: Llama, tok: Tokenizer, way: str, seed: int, n_steps: int) -> RewardModel:
    """A judge trained in one of the `WAYS`."""
    margin, safety_weight, reads, _ = WAYS[way]
    torch.manual_seed(seed)
    judge = RewardModel(deepcopy(chat))
    if not reads:
        nn.init.zeros_(judge.likelihood.weight).requires_grad_(False)

    def batch_at(step: int) -> PairBatch:
        return pair_batch(tok, islice(preferences("train", 10_000 * (seed + 1) + step), PAIRS), margin)

    def loss(model: RewardModel, batch: PairBatch) -> Tensor:
        return reward_loss(model, batch, safety_weight)

    config = TrainConfig(n_steps=n_steps, peak_lr=3e-4, warmup_steps=min(4, n_steps))
    list(Trainer(judge, config, batch_at, loss).run(bar=False))
    return judge.requires_grad_(False)


def judges(n_steps: int, held_out: int) -> Iterator[dict]:
    """Train a judge in every way; a row as soon as one is done."""
    tok, chat = models()
    runs = [(way, seed) for way, how in WAYS.items() for seed in range(how[-1])]
    pairs = [pair for kind in KINDS for pair in islice(preferences("test", 7, {kind: 1.0}), held_out)]
    dialogs = [[*p.prompt, {"role": "assistant", "content": a}] for p in pairs for a in (p.chosen, p.rejected)]
    for way, seed in tqdm(runs, desc="judges"):
        scores = score(trained_judge(chat, tok, way, seed, n_steps), tok, dialogs).view(-1, 2, 2)  # (P, 2, 2)
        asked = torch.tensor([int(pair.safety) for pair in pairs])
        right = (scores[:, 0] > scores[:, 1])[torch.arange(len(pairs)), asked]
        under = scores[:, :, 1].sigmoid() < PAPER_PPO["safety_threshold"].value
        true, good, harm = (torch.tensor([bool(wanted(pair)) for pair in pairs]) for wanted in SHOWN)
        shares = {"all": right, "true": right[true], "good_under": under[good, 0], "harm_under": under[harm, 1]}
        measured = {name: f"{float(part.float().mean()):.3f}" for name, part in shares.items()}
        yield {"way": way, "seed": seed, "steps": n_steps, "n": len(pairs), **measured}


SHOWN = (lambda pair: pair.kind == "true", lambda pair: not pair.safety, lambda pair: pair.harm)


def policies(n_rounds: int, held_out: int) -> Iterator[dict]:
    """The best of K by two judges, then PPO; a row for each K, and for each measurement of a policy."""
    tok, chat = models()
    start = spoilt(chat, tok)
    sound = load_reward_model(data_path("checkpoints/reward"), torch.float32).requires_grad_(False)
    loose = trained_judge(chat, tok, LOOSE, 0, STEPS)
    by_name = {"sound judge": learned_reward(sound), LOOSE: learned_reward(loose), "safety alone": safety_alone(sound)}
    asked = [request for kind in all_requests("test").values() for request in _spread(kind, held_out)]
    yield from _choices(start, tok, by_name, asked)
    for judge, mix, seed in tqdm(POLICIES, desc="policies"):
        ppo = in_training(start, sound, by_name[judge], tok, mix, seed, n_rounds)
        what = {"method": "ppo", "judge": judge, "mix": mix, "seed": seed, "rounds": n_rounds}
        yield what | {"round": 0} | _measured(ppo, asked)
        for metrics in ppo.run():
            if metrics.iteration % EVERY == 0 or metrics.iteration == n_rounds:
                yield what | {"round": metrics.iteration} | _measured(ppo, asked)


def in_training(
    start: Llama, sound: RewardModel, reward: Reward, tok: Tokenizer, mix: str, seed: int, n_rounds: int
) -> PPO:
    """A training of a policy by the package's own recipe, before its first round."""

    def requests_at(step: int) -> list[Request]:
        return list(islice(requests("train", 1000 * seed + step, MIXES[mix]), ANSWERS))

    config = PPOConfig(n_iterations=n_rounds, batch_size=ANSWERS, minibatch_size=ANSWERS // 2, seed=seed)
    return PPO(deepcopy(start), Critic(sound.trunk), reward, requests_at, tok, config)


def _spread(group: list[Request], n: int) -> list[Request]:
    return group[:: max(1, len(group) // n)][:n]


def safety_alone(judge: RewardModel) -> Reward:
    """A judge that is wrong on purpose: whatever is asked, it is the safety score that counts, shape (B,)."""

    def reward(_: Sequence[Request], answers: Sequence[Answer]) -> Tensor:
        return score_ids(judge, [(answer.prompt + answer.ids, len(answer.prompt)) for answer in answers])[:, SAFETY]

    return reward


def _choices(model: Llama, tok: Tokenizer, judges: dict[str, Reward], asked: list[Request]) -> Iterator[dict]:
    """The best of each K by each judge."""
    answers, _ = best_of(model, tok, asked, lambda _, flat: torch.zeros(len(flat)), max(KS), seed=3)
    flat = [answer for row in answers for answer in row]
    repeated = [request for request in asked for _ in range(max(KS))]
    verdicts = [_verdicts(*pair) for pair in zip(repeated, (answer.text for answer in flat), strict=True)]
    for name, judge in judges.items():
        rewards = judge(repeated, flat).view(-1, max(KS))  # (N, K)
        for k in KS:
            groups = {key: torch.tensor([row[key] for row in verdicts]).view_as(rewards) for key in verdicts[0]}
            worth = {
                key: best_of_fewer(rewards[part], group[part], k)
                for key, group in groups.items()
                if (part := ~group.isnan().any(1)).any()
            }
            what = {"method": "best of", "judge": name, "mix": "balanced", "seed": 0, "rounds": max(KS), "round": k}
            shares = {key: f"{chosen:.3f}" for key, (_, chosen) in worth.items()}
            what |= {"kl": f"{kl_of_best(k):.3f}", "learned": f"{worth['true'][0]:.3f}"}
            yield what | shares | _counts(asked) | {"distinct": ""}


def _verdicts(request: Request, text: str) -> dict[str, float]:
    """What is said of an answer; NaN where its request is of another kind."""
    refused = {"harmful": "refused", "harmless": "falsely"}
    found = dict.fromkeys(("refused", "falsely", "facts"), float("nan"))
    right = true_reward(request, text)
    found |= {"facts": right} if request.kind == "fact" else {refused[request.kind]: float(is_refusal(text))}
    return {"true": right} | found


def _counts(asked: list[Request]) -> dict[str, int]:
    names = {"harmful": "n_harmful", "harmless": "n_harmless", "fact": "n_facts"}
    return {name: sum(request.kind == kind for request in asked) for kind, name in names.items()}


@torch.no_grad()
def _measured(ppo: PPO, asked: list[Request]) -> dict:
    """A policy's answers to held-out requests: KL, learned and true reward, refusals."""
    answers = sample_answers(ppo.policy, ppo.tok, asked, seed=9)
    rewards = ppo.reward(asked, answers)
    look = ppo.look_back(answers, torch.zeros(len(asked)), list(torch.arange(len(asked)).split(ANSWERS)))
    verdicts = [_verdicts(request, answer.text) for request, answer in zip(asked, answers, strict=True)]
    shares = {key: torch.tensor([row[key] for row in verdicts]).nanmean() for key in verdicts[0]}
    both = {"kl": look.log_ratios.sum(1).mean(), "learned": rewards.mean()} | shares
    distinct = len({answer.text for answer in answers})
    return {key: f"{float(value):.3f}" for key, value in both.items()} | _counts(asked) | {"distinct": distinct}


def main() -> None:
    """Command line: run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("judges", "policies"), help="which runs")
    parser.add_argument("--steps", type=int, help="of a judge's training, or rounds of a policy's")
    parser.add_argument("--held-out", type=int, help="pairs, or requests, of each kind that measure")
    parser.add_argument("--out", type=Path, help="the file to write; default: in data/tables")
    arguments = parser.parse_args()
    run, usual = {"judges": (judges, STEPS), "policies": (policies, ROUNDS)}[arguments.what]
    n_steps = usual if arguments.steps is None else arguments.steps
    held_out = HELD_OUT[arguments.what] if arguments.held_out is None else arguments.held_out
    if min(n_steps, held_out) < 1:
        parser.error("--steps and --held-out must be at least 1")
    out = arguments.out or COURSE / f"data/tables/rlhf_{arguments.what}.csv"
    rows = list(run(n_steps, held_out))
    write_table(out, rows)
    print(out.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
