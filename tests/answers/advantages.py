"""Lesson 10, exercise 3: advantages."""

from __future__ import annotations

import torch

from llama_lessons.checks.rlhf import check_advantages
from tests.answers.bank import Bank

bank = Bank(check_advantages)


@bank.right
def backwards(rewards, values, gamma, lam):
    out, carried, following = torch.zeros_like(rewards), 0.0, 0.0
    for t in reversed(range(len(rewards))):
        carried = rewards[t] + gamma * following - values[t] + gamma * lam * carried
        out[t], following = carried, values[t]
    return out


@bank.right
def by_recursion(rewards, values, gamma, lam):
    if len(rewards) == 1:
        return rewards - values
    rest = by_recursion(rewards[1:], values[1:], gamma, lam)
    return torch.cat([rewards[:1] + gamma * values[1:2] - values[:1] + gamma * lam * rest[:1], rest])


@bank.right
def as_a_matrix(rewards, values, gamma, lam):
    deltas = rewards - values
    deltas[:-1] += gamma * values[1:]
    ahead = torch.arange(len(rewards))[None] - torch.arange(len(rewards))[:, None]
    weights = torch.where(ahead >= 0, (gamma * lam) ** ahead.clamp(min=0).float(), torch.tensor(0.0))
    return weights @ deltas


@bank.right
def as_a_mix_of_returns(rewards, values, gamma, lam):
    """The return that is looked at `lam` of the way, less the value: G = r + gamma * ((1 - lam) V' + lam G')."""
    padded, returns = torch.cat([values, torch.zeros(1)]), torch.zeros(len(values) + 1)
    for t in range(len(values) - 1, -1, -1):
        returns[t] = rewards[t] + gamma * ((1 - lam) * padded[t + 1] + lam * returns[t + 1])
    return returns[:-1] - values


def gae(rewards, values, gamma, lam, end=0.0, inner=None, outer=None, order=reversed, own=None):
    """The first of the right answers, with a reader's usual mistakes to choose from."""
    out, carried = torch.zeros_like(rewards), 0.0
    inner, outer = gamma if inner is None else inner, gamma * lam if outer is None else outer
    for t in order(range(len(rewards))):
        following = values[t + 1] if t + 1 < len(values) else end
        delta = own(rewards[t], values[t], following) if own else rewards[t] + inner * following - values[t]
        carried = delta + outer * carried
        out[t] = carried
    return out


for says, answer in {
    "you took the last value once more": lambda r, v, g, lam: gae(r, v, g, lam, end=v[-1]),
    "goes in a circle": lambda r, v, g, lam: gae(r, v, g, lam, end=v[0]),
    "what the critic expects next": lambda r, v, g, lam: gae(r, v, g, lam, inner=0.0),
    "what the critic expected:": lambda r, v, g, lam: gae(r, v, g, lam, own=lambda r, v, n: r + g * n),
    "the critic altogether": lambda r, v, g, lam: gae(r, v, g, lam, own=lambda r, v, n: r),
    "the signs of the two values": lambda r, v, g, lam: gae(r, v, g, lam, own=lambda r, v, n: r + v - g * n),
    "gamma is missing before": lambda r, v, g, lam: gae(r, v, g, lam, inner=1.0),
    "lam in place of gamma": lambda r, v, g, lam: gae(r, v, g, lam, inner=lam),
    "lam is missing": lambda r, v, g, lam: gae(r, v, g, lam, outer=g),
    "gamma is missing where": lambda r, v, g, lam: gae(r, v, g, lam, outer=lam),
    "nothing shrinks": lambda r, v, g, lam: gae(r, v, g, lam, outer=1.0),
    "the deltas alone": lambda r, v, g, lam: gae(r, v, g, lam, outer=0.0),
    "from the first token on": lambda r, v, g, lam: gae(r, v, g, lam, order=list),
    "in reverse": lambda r, v, g, lam: gae(r, v, g, lam).flip(0),
    "the returns": lambda r, v, g, lam: gae(r, v, g, lam) + v,
    "the other sign": lambda r, v, g, lam: -gae(r, v, g, lam),
    "you whitened them": lambda r, v, g, lam: (x := gae(r, v, g, lam)).sub(x.mean()) / x.std(),
    "you took 1 - lam": lambda r, v, g, lam: gae(r, v, g, 1 - lam),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("you swapped the two values")
def swapped(rewards, values, gamma, lam):
    return gae(rewards, values, gamma, lam, own=lambda reward, value, following: reward + gamma * value - following)


@bank.wrong("should return a Tensor")
def a_list(rewards, values, gamma, lam):
    return gae(rewards, values, gamma, lam).tolist()


@bank.wrong("changed the arguments")
def written_over(rewards, values, gamma, lam):
    found = gae(rewards, values, gamma, lam)
    rewards.copy_(found)
    return rewards


@bank.wrong("stopped with IndexError")
def beyond_the_end(rewards, values, gamma, lam):
    return torch.stack([rewards[t] + gamma * values[t + 1] - values[t] for t in range(len(rewards))])


@bank.wrong()
def of_the_end_alone(rewards, values, gamma, lam):
    powers = (gamma * lam) ** torch.arange(len(rewards)).flip(0).float()
    return powers * rewards[-1] - values


@bank.wrong()
def the_critic_from_its_mean(rewards, values, gamma, lam):
    return gae(rewards, values.mean().expand(len(values)), gamma, lam)
