"""Llama 2's chat format as text: where a question stands, where its answer, and how a standing wish is told."""

from __future__ import annotations

from itertools import zip_longest

Dialog = list[dict[str, str]]  # messages with "role" (system, user, assistant) and "content"

B_INST, E_INST = "[INST]", "[/INST]"  # around what the user says
B_SYS, E_SYS = "<<SYS>>\n", "\n<</SYS>>\n\n"  # around the system line, inside the first user's turn
SPECIAL_TAGS = (B_INST, E_INST, B_SYS.strip(), E_SYS.strip())
MESSAGE = {"role", "content"}


def dialog_turns(dialog: Dialog) -> list[tuple[str, str | None]]:
    """What stands in each turn: the user's text, the system line merged into the first, and the answer.

    Both are stripped of blanks around them, as Meta's code does it: after the system line and the user's text were
    joined. So blanks before a first text survive behind a system line, and nowhere else.

    A tag in any message is refused, whoever wrote it: a user could close his own turn and go on as the assistant, a
    system line could open another, and an answer with tags would do so when it is read again in the next turn. Only
    the tags as they are written count; "[INSTANT]", "[inst]" or "</s>" are text to the tokenizer, and so to us.

    Args:
        dialog: perhaps one system message, then user and assistant in turn, the user first. Nothing in it is changed.

    Returns:
        (user, answer) for each turn; the last answer is None where the dialog waits for it.

    Raises:
        ValueError: the dialog is empty, a message is no dict of two texts, roles are out of order, or a tag stands in
            a message.

    Source: chat_completion in generation.py of Meta's repository llama.
    """
    for number, message in enumerate(dialog):
        _check_message(message, number)
    n_system = int(bool(dialog) and dialog[0]["role"] == "system")
    messages = dialog[n_system:]
    if not messages:
        raise ValueError(f"dialog must hold at least one message of the user, got {dialog!r}")
    for number, message in enumerate(messages):
        if message["role"] != (wanted := ("user", "assistant")[number % 2]):
            raise ValueError(
                f"dialog[{number + n_system}] must be of the role {wanted!r}, got {message['role']!r}: perhaps a "
                "system message, then user and assistant in turn"
            )
    texts = [message["content"] for message in messages]
    if n_system:
        texts[0] = f"{B_SYS}{dialog[0]['content']}{E_SYS}{texts[0]}"
    texts = [text.strip() for text in texts]
    return list(zip_longest(texts[::2], texts[1::2]))


def turn_text(user: str, answer: str | None = None) -> str:
    """One turn as the model reads it between <s> and </s>; without an answer, what stands before it."""
    return f"{B_INST} {user} {E_INST}" + ("" if answer is None else f" {answer} ")


def _check_message(message: dict[str, str], number: int) -> None:
    is_message = isinstance(message, dict) and message.keys() == MESSAGE
    if not is_message or not all(isinstance(text, str) for text in message.values()):
        raise ValueError(f'dialog[{number}] must be a dict with the texts "role" and "content", got {message!r}')
    for tag in SPECIAL_TAGS:
        if tag in message["content"]:
            raise ValueError(f"dialog[{number}] must not contain the tag {tag}, got {message['content']!r}")
