"""Lesson 06, exercise 2: a step of AdamW."""

from __future__ import annotations

import torch

from llama_lessons.checks.pretraining import check_adamw
from tests.answers.bank import Bank

bank = Bank(check_adamw)


@bank.right
def in_place_on_copies(weight, gradient, mean, square, step, rate, decay):
    weight, mean, square = (part.clone() for part in (weight, mean, square))
    mean.lerp_(gradient, 0.1)
    square.mul_(0.95).addcmul_(gradient, gradient, value=0.05)
    root = (square / (1 - 0.95**step)).sqrt_().add_(1e-8)
    weight.mul_(1 - rate * decay).addcdiv_(mean, root, value=-rate / (1 - 0.9**step))
    return weight, mean, square


@bank.right
def in_double_precision(weight, gradient, mean, square, step, rate, decay):
    w, g, m, s = (part.double() for part in (weight, gradient, mean, square))
    m, s = m + 0.1 * (g - m), s + 0.05 * (g.pow(2) - s)
    move = m / (1 - 0.9**step) / (s.div(1 - 0.95**step) ** 0.5 + 1e-8) + decay * w
    return [part.float() for part in (w - rate * move, m, s)]


def steps(
    betas=(0.9, 0.95),
    shares=None,
    corrected=(1, 1),
    power=lambda beta, step: beta**step,
    eps=1e-8,
    squared=lambda gradient, mean: gradient**2,
    shrink=lambda weight, rate, decay: weight * (1 - rate * decay),
    sign=1,
    l2=False,
    old=False,
):
    """The lesson's solution, with a reader's usual mistakes to choose from."""

    def answer(weight, gradient, mean, square, step, rate, decay):
        gradient = gradient + decay * weight if l2 else gradient
        m = betas[0] * mean + (shares or (1 - betas[0], 0))[0] * gradient
        s = betas[1] * square + (shares or (0, 1 - betas[1]))[1] * squared(gradient, m)
        m_hat, s_hat = (mean, square) if old else (m, s)
        m_hat = m_hat / (1 - power(betas[0], step)) if corrected[0] else m_hat
        s_hat = s_hat / (1 - power(betas[1], step)) if corrected[1] else s_hat
        weight = weight if l2 else shrink(weight, rate, decay)
        return weight - sign * rate * m_hat / (s_hat.sqrt() + eps), m, s

    return answer


for says, answer in {
    "the means are not corrected": steps(corrected=(0, 0)),
    "only the mean is corrected": steps(corrected=(1, 0)),
    "only the mean of the squares is corrected": steps(corrected=(0, 1)),
    "it is a power, beta ** step": steps(power=lambda beta, step: beta * step),
    "the means are divided by 1 - beta:": steps(power=lambda beta, step: beta),
    "that is Adam with an L2 penalty": steps(l2=True),
    "there is no weight decay": steps(shrink=lambda weight, rate, decay: weight),
    "the decay is not multiplied by the rate": steps(shrink=lambda weight, rate, decay: weight - decay * weight),
    "not a share of the weight itself": steps(shrink=lambda weight, rate, decay: weight - rate * decay),
    "you went uphill": steps(sign=-1),
    "eps is 1e-06, which is too large": steps(eps=1e-6),
    "gradients' sizes": steps(squared=lambda gradient, mean: gradient.abs()),
    "the square of the mean: it takes": steps(squared=lambda gradient, mean: mean**2),
    "the two betas are exchanged": steps(betas=(0.95, 0.9)),
    "0.999: Llama 2 took 0.95": steps(betas=(0.9, 0.999)),
    "the whole of the new gradient: they": steps(shares=(1, 1)),
    "the step goes by the old means": steps(old=True),
    "you gave the weight alone": lambda *given: steps()(*given)[0],
}.items():
    bank.wrong(says)(answer)


@bank.wrong("changed the arguments")
def in_place(weight, gradient, mean, square, step, rate, decay):
    mean.lerp_(gradient, 0.1)
    square.lerp_(gradient.square(), 0.05)
    root = (square / (1 - 0.95**step)).sqrt() + 1e-8
    return weight * (1 - rate * decay) - rate * mean / (1 - 0.9**step) / root, mean, square


@bank.wrong()
def in_two_halves(weight, gradient, mean, square, step, rate, decay):
    half, *means = steps()(weight, gradient, mean, square, step, rate / 2, decay)
    return torch.lerp(weight, half, 1.5), *means
