"""Wrong clippings of lesson 06, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _norm(gradients: list[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients]).norm()


def _scaled(factor: Callable) -> Callable:
    """A wrong clipping: every gradient times `factor(norm, limit)`."""
    return lambda gradients, limit: [gradient * factor(_norm(gradients), limit) for gradient in gradients]


def _measured(norm: Callable) -> Callable:
    """A wrong norm, `norm(gradients)`, with the right factor."""
    return lambda gradients, limit: [gradient * (limit / norm(gradients)).clamp(max=1) for gradient in gradients]


def _norms(gradients: list[Tensor]) -> Tensor:
    return torch.stack([gradient.norm() for gradient in gradients])


def _numbers(gradients: list[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])


def _each(change: Callable) -> Callable:
    """A wrong clipping of each tensor, `change(gradient, norm of all, limit)`."""
    return lambda gradients, limit: [change(gradient, _norm(gradients), limit) for gradient in gradients]


CLIP_MISTAKES = {
    "each tensor is clipped by itself: one factor for all keeps the direction of the step": (
        _each(lambda gradient, norm, limit: gradient * (limit / gradient.norm()).clamp(max=1))
    ),
    "each tensor is brought to the limit by itself, where all are too long: one factor for all keeps the direction": (
        _each(lambda gradient, norm, limit: gradient * limit / gradient.norm() if norm > limit else gradient)
    ),
    "each tensor is clipped by itself, to its share of the limit: one factor for all keeps the direction": (
        lambda gradients, limit: [
            gradient * (limit / len(gradients) / gradient.norm()).clamp(max=1) for gradient in gradients
        ]
    ),
    "gradients below the limit are blown up to it: the factor is never more than 1": (
        _scaled(lambda norm, limit: limit / norm)
    ),
    "gradients below the limit are blown up to it, all but zeros: the factor is never more than 1": (
        _scaled(lambda norm, limit: limit / norm if norm > 0 else 1)
    ),
    "you took max where it is min: gradients below the limit are made larger, those above it are not clipped; the "
    "factor is never more than 1": _scaled(lambda norm, limit: (limit / norm).clamp(min=1)),
    "you took max where it is min, with zeros apart: gradients below the limit are made larger, those above it are not "
    "clipped": _scaled(lambda norm, limit: (limit / norm).clamp(min=1) if norm > 0 else 1),
    "each number is cut off by itself: that bends the step; scale all by one factor": (
        _each(lambda gradient, norm, limit: gradient.clamp(-limit, limit))
    ),
    "each number is cut off by itself, and those below -limit are not: scale all by one factor": (
        _each(lambda gradient, norm, limit: gradient.clamp(max=limit))
    ),
    "the excess is subtracted from each number: multiply all by one factor": (
        _each(lambda gradient, norm, limit: gradient - (norm - limit).clamp(min=0))
    ),
    "the limit is subtracted from each number: multiply all by one factor": (
        _each(lambda gradient, norm, limit: gradient - limit if norm > limit else gradient)
    ),
    "you added up the norms of the tensors: add up all squares, then take one root": (
        _measured(lambda gradients: _norms(gradients).sum())
    ),
    "you took the mean of the tensors' norms: add up all squares, then take one root": (
        _measured(lambda gradients: _norms(gradients).mean())
    ),
    "you took the largest of the tensors' norms: the norm is that of all numbers together": (
        _measured(lambda gradients: _norms(gradients).amax())
    ),
    "you took the smallest of the tensors' norms: the norm is that of all numbers together": (
        _measured(lambda gradients: _norms(gradients).amin())
    ),
    "you took the norm of the first tensor: the norm is that of all numbers together": (
        _measured(lambda gradients: gradients[0].norm())
    ),
    "you took the norm of the last tensor: the norm is that of all numbers together": (
        _measured(lambda gradients: gradients[-1].norm())
    ),
    "you took the largest number for the norm": _measured(lambda gradients: _numbers(gradients).abs().amax()),
    "you added up the sizes: add up the squares, and take the root": (
        _measured(lambda gradients: _numbers(gradients).abs().sum())
    ),
    "you took the mean of the sizes: add up the squares, and take the root": (
        _measured(lambda gradients: _numbers(gradients).abs().mean())
    ),
    "you took the root of the mean of all squares: it is the root of their sum": (
        _measured(lambda gradients: _numbers(gradients).square().mean().sqrt())
    ),
    "you took the mean of each tensor's squares: add up the squares themselves": (
        _measured(lambda gradients: torch.stack([g.square().mean() for g in gradients]).sum().sqrt())
    ),
    "you took the mean of the tensors' sums of squares: add them up": (
        _measured(lambda gradients: _norms(gradients).square().mean().sqrt())
    ),
    "you took the root of each tensor's sum, and one more of their sum: take one root, at the end": (
        _measured(lambda gradients: _norms(gradients).sum().sqrt())
    ),
    "you added up the numbers, not their squares: positive and negative ones cancel": (
        _measured(lambda gradients: _numbers(gradients).sum().abs())
    ),
    "you forgot the root: the norm is the root of the sum of the squares": (
        _scaled(lambda norm, limit: (limit / norm.square()).clamp(max=1))
    ),
    "you forgot the root where you compare with the limit: the norm is the root of the sum of the squares": (
        _scaled(lambda norm, limit: limit / norm if norm.square() > limit else 1)
    ),
    "you forgot the root where you divide: the norm is the root of the sum of the squares": (
        _scaled(lambda norm, limit: limit / norm.square() if norm > limit else 1)
    ),
    "the factor is the root of limit / norm: it is limit / norm": (
        _scaled(lambda norm, limit: (limit / norm).clamp(max=1).sqrt())
    ),
    "the factor is turned round: it is limit / norm, not norm / limit": (
        _scaled(lambda norm, limit: norm / limit if norm > limit else 1)
    ),
    "you multiply by the limit, and forget to divide by the norm": (
        _scaled(lambda norm, limit: limit if norm > limit else 1)
    ),
    "the norm becomes 1, whatever the limit is": _scaled(lambda norm, limit: (1 / norm).clamp(max=1)),
    "gradients are clipped where the norm is above 1: compare it with the limit": (
        _scaled(lambda norm, limit: limit / norm if norm > 1 else 1)
    ),
    "you divide by the norm only where it is above the limit, and forget the limit": (
        _scaled(lambda norm, limit: 1 / norm if norm > limit else 1)
    ),
    "you divide by the larger of norm and limit, and forget the limit": (
        _scaled(lambda norm, limit: 1 / norm.clamp(min=limit))
    ),
    "every gradient is divided by the norm, whatever the limit is": _scaled(lambda norm, limit: 1 / norm),
    "you added 1 to the norm before you divided: the factor is limit / norm": (
        _scaled(lambda norm, limit: (limit / (norm + 1)).clamp(max=1))
    ),
    "nothing is clipped": _scaled(lambda norm, limit: 1),
    "gradients above the limit are left out: a step that is too large is made shorter, not skipped": (
        _scaled(lambda norm, limit: 0 if norm > limit else 1)
    ),
    "gradients of 0 become nan, 0 divided by 0: where the norm is below the limit, nothing is divided": (
        _scaled(lambda norm, limit: norm.clamp(max=limit) / norm)
    ),
    "the last tensor is missing: give as many as there were": (
        lambda gradients, limit: _scaled(lambda norm, limit: (limit / norm).clamp(max=1))(gradients, limit)[:-1]
    ),
    "you gave one long vector: give a list of tensors, of the shapes that came": (
        lambda gradients, limit: _numbers(gradients) * (limit / _norm(gradients)).clamp(max=1)
    ),
    "you gave the factor: give the gradients, multiplied by it": (
        lambda gradients, limit: (limit / _norm(gradients)).clamp(max=1)
    ),
}
