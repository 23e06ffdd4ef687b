"""Lesson 06, exercise 4: clip by the norm of all."""

from __future__ import annotations

import math

import torch

from llama_lessons.checks.pretraining import check_clip
from tests.answers.bank import Bank

bank = Bank(check_clip)


@bank.right
def with_plain_numbers(gradients, limit):
    norm = math.sqrt(sum(float((gradient * gradient).sum()) for gradient in gradients))
    return [gradient * (limit / norm) for gradient in gradients] if norm > limit else list(gradients)


@bank.right
def with_a_least_divisor(gradients, limit):
    norms = torch.stack([torch.linalg.vector_norm(gradient.double()) for gradient in gradients])
    return tuple(gradient / (norms.norm() / limit).clamp(min=1.0).float() for gradient in gradients)


def clips(norm=None, factor=lambda norm, limit: min(1, limit / norm)):
    """A list clipped by one factor, made of the norm and the limit."""

    def answer(gradients, limit):
        found = norm(gradients) if norm else math.hypot(*(float(g.norm()) for g in gradients))
        return [gradient * factor(max(float(found), 1e-30), limit) for gradient in gradients]

    return answer


def sizes(gradients):
    return torch.cat([gradient.reshape(-1) for gradient in gradients]).abs()


for says, answer in {
    "each tensor is clipped by itself: one": lambda gradients, limit: [clips()([g], limit)[0] for g in gradients],
    "each number is cut off by itself: that": lambda gradients, limit: [g.clip(-limit, limit) for g in gradients],
    "gradients below the limit are blown up": clips(factor=lambda norm, limit: limit / norm),
    "you took max where it is min": clips(factor=lambda norm, limit: max(1, limit / norm)),
    "you added up the norms of the tensors": clips(lambda gradients: sum(g.norm() for g in gradients)),
    "you took the largest of the tensors' norms": clips(lambda gradients: max(g.norm() for g in gradients)),
    "you took the norm of the first tensor": clips(lambda gradients: gradients[0].norm()),
    "you took the largest number for the norm": clips(lambda gradients: sizes(gradients).max()),
    "you added up the sizes": clips(lambda gradients: sizes(gradients).sum()),
    "it is the root of their sum": clips(lambda gradients: sizes(gradients).square().mean().sqrt()),
    "you forgot the root: the norm": clips(lambda gradients: sizes(gradients).square().sum()),
    "the norm becomes 1, whatever": clips(factor=lambda norm, limit: min(1, 1 / norm)),
    "compare it with the limit": clips(factor=lambda norm, limit: limit / norm if norm > 1 else 1),
    "where it is above the limit, and forget": clips(factor=lambda norm, limit: 1 / norm if norm > limit else 1),
    "not norm / limit": clips(factor=lambda norm, limit: norm / limit if norm > limit else 1),
    "nothing is clipped": lambda gradients, limit: [gradient.clone() for gradient in gradients],
    "made shorter, not skipped": clips(factor=lambda norm, limit: float(norm <= limit)),
    "the last tensor is missing": lambda gradients, limit: with_plain_numbers(gradients, limit)[:-1],
}.items():
    bank.wrong(says)(answer)


@bank.wrong("changed the arguments")
def in_place(gradients, limit):
    for gradient, right in zip(gradients, with_plain_numbers(gradients, limit), strict=True):
        gradient.copy_(right)
    return gradients


@bank.wrong()
def smoothly(gradients, limit):
    return [limit * (gradient / limit).tanh() for gradient in gradients]
