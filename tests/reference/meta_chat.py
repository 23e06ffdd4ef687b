"""`chat_completion` of Meta's repository llama once more, from its description and as plain as it goes.

A system message is put before the first user's text, between <<SYS>> and <</SYS>>, each with its line ends. Every
finished pair is one text, "[INST] user [/INST] answer ", both stripped, encoded with <s> and </s>. The last message is
"[INST] user [/INST]", with <s> alone. A dialog with one of the four tags in any message is unsafe.
"""

from __future__ import annotations

from collections.abc import Callable


def is_unsafe(dialog: list[dict[str, str]]) -> bool:
    return any(tag in message["content"] for message in dialog for tag in ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"))


def prompt_ids(encode: Callable[[str], list[int]], bos: int, eos: int, dialog: list[dict[str, str]]) -> list[int]:
    """Ids of a dialog that ends with the user's message; `encode` adds nothing to a text's own ids."""
    if dialog[0]["role"] == "system":
        first = "<<SYS>>\n" + dialog[0]["content"] + "\n<</SYS>>\n\n" + dialog[1]["content"]
        dialog = [{"role": "user", "content": first}, *dialog[2:]]
    ids = []
    place = 0
    while place + 1 < len(dialog):
        user, answer = dialog[place]["content"].strip(), dialog[place + 1]["content"].strip()
        ids = [*ids, bos, *encode("[INST] " + user + " [/INST] " + answer + " "), eos]
        place = place + 2
    return [*ids, bos, *encode("[INST] " + dialog[place]["content"].strip() + " [/INST]")]
