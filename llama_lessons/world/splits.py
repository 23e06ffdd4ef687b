"""What training never sees. A text itself decides on which side it is, so the sides cannot overlap or need a list."""

from __future__ import annotations

from hashlib import sha256


def share(text: str) -> float:
    """A number in [0, 1) that depends on nothing but the text, the same on every machine."""
    return int.from_bytes(sha256(text.encode()).digest()[:6], "big") / 2**48


def is_test(prompt: str, part: float = 0.25) -> bool:
    """Whether a prompt belongs to the test side; training leaves out exactly these.

    Args:
        prompt: the text that decides.
        part: about which part of all prompts is held out.
    """
    return share(prompt) < part


def split_of(prompt: str) -> str:
    """The side a prompt belongs to: "train" or "test"."""
    return "test" if is_test(prompt) else "train"


def check_split(split: str) -> None:
    """Raise ValueError unless the split is "train" or "test"."""
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", got {split!r}')
