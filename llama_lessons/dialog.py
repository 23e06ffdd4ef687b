"""Chats as token ids: what a model reads before it answers, and which ids it learns from."""

from __future__ import annotations

from llama_lessons.prompt import Dialog, dialog_turns, turn_text
from llama_lessons.tokenizer import Tokenizer


def encode_dialog(tok: Tokenizer, dialog: Dialog) -> list[int]:
    """The ids that a chat model continues with its answer: every turn between <s> and </s>, the last one open.

    Args:
        tok: the model's tokenizer.
        dialog: messages as for `prompt.dialog_turns`, ending with the user's.

    Raises:
        ValueError: as `prompt.dialog_turns`, or the dialog ends with an answer.

    Source: chat_completion in generation.py of Meta's repository llama, whose ids these are.
    """
    turns = dialog_turns(dialog)
    if turns[-1][1] is not None:
        raise ValueError(f"dialog must end with a message of the user, got {dialog[-1]!r}")
    return [token for user, answer in turns for token in tok.encode(turn_text(user, answer), eos=answer is not None)]


def encode_answers(tok: Tokenizer, dialog: Dialog, last_only: bool = False) -> tuple[list[int], list[bool]]:
    """A finished dialog to learn from: its ids, and its loss mask, true for the answers and the </s> behind each.

    Args:
        tok: the model's tokenizer.
        dialog: messages as for `prompt.dialog_turns`, ending with the assistant's.
        last_only: learn from the last answer alone, as Llama 2's Ghost Attention does (section 3.3).

    Returns:
        The ids, and for each whether the model is asked to predict it.

    Raises:
        ValueError: as `prompt.dialog_turns`, or the dialog waits for an answer.

    Source: Llama 2, arXiv:2307.09288, section 3.1: the loss on tokens of the user's prompt is zeroed out.
    """
    turns = dialog_turns(dialog)
    if turns[-1][1] is None:
        raise ValueError(f"dialog must end with an answer of the assistant, got {dialog[-1]!r}")
    ids: list[int] = []
    loss_mask: list[bool] = []
    for number, (user, answer) in enumerate(turns, start=1):
        asked, whole = tok.encode(turn_text(user)), tok.encode(turn_text(user, answer), eos=True)
        assert whole[: len(asked)] == asked, "no piece reaches from [/INST] into the answer: a space lies between"
        ids += whole
        counts = number == len(turns) or not last_only
        loss_mask += [False] * len(asked) + [counts] * (len(whole) - len(asked))
    return ids, loss_mask
