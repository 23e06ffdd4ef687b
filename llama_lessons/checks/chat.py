"""The checks of lesson 09: the chat format, the loss mask of a dialog, and whole dialogs packed into rows.

The references go through messages, ids and texts one by one, another road than the lesson takes.
"""

from __future__ import annotations

from collections.abc import Callable

from llama_lessons.checks.chat_pack_mistakes import PACK_MISTAKES
from llama_lessons.checks.chat_turns_mistakes import TURNS_MISTAKES
from llama_lessons.checks.dialog_mask_mistakes import DIALOG_MASK_MISTAKES
from llama_lessons.checks.exercise import check

Dialog = list[dict[str, str]]


def _dialog(*lines: str, system: str | None = None) -> Dialog:
    """A dialog of what user and assistant say in turn, the user first, after a system line where there is one."""
    start = [] if system is None else [{"role": "system", "content": system}]
    roles = ("user", "assistant")
    return start + [{"role": roles[place % 2], "content": line} for place, line in enumerate(lines)]


TURNS_EXAMPLES = [  # dialog
    (_dialog("Where does a fox live?"),),
    (_dialog("Where does a fox live?", "A fox lives in a den."),),
    (_dialog("Where does a fox live?", system="Talk like a pirate."),),
    (_dialog("  Hello!  ", " Hello, neighbour.\n", "\nWho are you? "),),
    (_dialog("  Hello! ", system=" Be short.  "),),
    (_dialog("Who is Luna?", "Luna is a llama.", " What does she eat?", "  Hay. ", system="Mention the moon."),),
    (_dialog("One.", "Two.", "Three.", "Four.", "Five.", system="Count.\n\nSlowly."),),
]


def turn_texts(dialog: Dialog) -> list[str]:
    """The text of each turn of a dialog in Llama 2's chat format, without <s> and </s>, message by message.

    Args:
        dialog: messages; a system line or none, then user and assistant in turn; the last may be either's.

    Returns:
        A text for each of the user's messages, with the answer where there is one.

    Source: Meta's llama repository, generation.py, chat_completion.
    """
    texts: list[str] = []
    merged = ""
    for message in dialog:
        said = message["content"]
        if message["role"] == "system":
            merged = "<<SYS>>\n" + said + "\n<</SYS>>\n\n"
        elif message["role"] == "user":
            texts.append("[INST] " + (merged + said).strip() + " [/INST]")
            merged = ""
        else:
            texts[-1] += " " + said.strip() + " "
    return texts


def check_turns(answer: Callable) -> None:
    """Check `my_turns(dialog)`: what `turn_texts` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, turn_texts, TURNS_EXAMPLES, TURNS_MISTAKES)


MASK_EXAMPLES = [  # turns, eos_id
    ([([1, 50, 51, 52], [60, 61, 62])], 2),
    ([([1, 50, 51], [60])], 2),
    ([([1, 50, 51, 52], [60, 61]), ([1, 53, 52], [62, 63, 64, 65])], 2),
    ([([1, 50, 51], [51, 60, 61, 50]), ([1, 52, 50, 53, 54], [60]), ([1, 55, 56, 57], [52, 61])], 9),
]

Turn = tuple[list[int], list[int]]


def dialog_mask(turns: list[Turn], eos_id: int) -> tuple[list[int], list[bool]]:
    """The ids of a finished dialog, and which of them the model is asked to predict, id by id.

    Args:
        turns: of each turn, the ids of the prompt, from <s> to [/INST], and those of the answer.
        eos_id: the id of </s>, which ends every turn.

    Returns:
        The ids, and the loss mask: True for answers and for the </s> behind each.
    """
    pairs = []
    for prompt, answer in turns:
        pairs += [(token, False) for token in prompt]
        pairs += [(token, True) for token in answer]
        pairs.append((eos_id, True))
    return [token for token, _ in pairs], [counts for _, counts in pairs]


def check_mask(answer: Callable) -> None:
    """Check `my_mask(turns, eos_id)`: what `dialog_mask` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, dialog_mask, MASK_EXAMPLES, DIALOG_MASK_MISTAKES)


PACK_EXAMPLES = [  # texts (ids, closes_row), n_rows, n_columns, pad_id
    ([([1, 20, 21], False), ([1, 22], False)], 1, 6, 0),
    ([([1, 20, 21, 22], False), ([1, 23, 24], False), ([1, 25], False), ([1, 26, 27, 28, 29], False)], 2, 6, 0),
    ([([1, 20], True), ([1, 21, 22], False)], 1, 7, 0),
    ([([1, 20, 21, 22], False), ([1, 23, 24, 25, 26], False), ([1], False)], 2, 6, 0),
    ([([1, 20, 21], True), ([1, 22], True), ([1, 23, 24, 25], False)], 2, 7, 3),
    ([([1, 30, 31, 32], False), ([1, 33, 34], True), ([1, 35], True), ([1, 36, 37], False), ([1], False)], 3, 8, 7),
    ([([1, 40, 41], False), ([1, 42, 43, 44, 45], True), ([1, 46], False), ([1, 47, 48, 49], False)], 3, 5, 9),
    ([([1, 50, 51], True), ([1, 52, 53], True), ([1, 54], True), ([1, 55], False)], 2, 9, 0),
    ([([1, 60, 61, 62], False), ([1, 63, 64], False), ([1, 65, 66, 67], False), ([1, 68], False)], 2, 5, 0),
]

Text = tuple[list[int], bool]


def packed_rows(texts: list[Text], n_rows: int, n_columns: int, pad_id: int) -> list[list[int]]:
    """Whole texts in rows, each in the first row that has room; one that closes its row stands last in it.

    Args:
        texts: the ids of each, and whether it closes its row; none is longer than a row. The first one that finds no
            row ends the batch: neither it nor what follows is packed.
        n_rows: rows (B).
        n_columns: ids a row.
        pad_id: fills each row up.

    Returns:
        n_rows lists of n_columns ids.
    """
    rows: list[list[Text]] = [[] for _ in range(n_rows)]
    for text in texts:
        for row in rows:
            used = sum(len(ids) for ids, _ in row)
            taken = text[1] and any(closes for _, closes in row)
            if used + len(text[0]) <= n_columns and not taken:
                row.append(text)
                break
        else:
            break
    filled = []
    for row in rows:
        ids = [token for wanted in (False, True) for text, closes in row if closes == wanted for token in text]
        filled.append(ids + (n_columns - len(ids)) * [pad_id])
    return filled


def check_pack(answer: Callable) -> None:
    """Check `my_pack(texts, n_rows, n_columns, pad_id)`: what `packed_rows` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, packed_rows, PACK_EXAMPLES, PACK_MISTAKES)
