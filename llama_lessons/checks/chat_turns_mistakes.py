"""Wrong chat formats of lesson 09, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

Dialog = list[dict[str, str]]


def _same(text: str) -> str:
    return text


def _turns(
    user: Callable = str.strip,
    answer: Callable = str.strip,
    merge: Callable = lambda system, user: f"<<SYS>>\n{system}\n<</SYS>>\n\n{user}",
    prompt: str = "[INST] {} [/INST]",
    reply: str = " {} ",
    place: Callable = lambda n_turns: [0],
) -> Callable:
    """The format, of which parts can be changed.

    Args:
        user: what is done to a user's text, after the system line was merged in.
        answer: what is done to an answer.
        merge: of system line and user's text.
        prompt: what stands around the user's text.
        reply: what stands around an answer.
        place: the turns that the system line goes to, given how many there are.
    """

    def wrong(dialog: Dialog) -> list[str]:
        said = [message["content"] for message in dialog]
        system = said.pop(0) if dialog[0]["role"] == "system" else None
        users, answers = said[::2], said[1::2]
        if system is not None:
            for k in place(len(users)):
                users[k] = merge(system, users[k])
        texts = [prompt.format(user(text)) for text in users]
        return [text + (reply.format(answer(answers[k])) if k < len(answers) else "") for k, text in enumerate(texts)]

    return wrong


_right = _turns()


def _with(change: Callable) -> Callable:
    """The right texts, changed afterwards."""
    return lambda dialog: change(_right(dialog), dialog)


def _finished(texts: list[str], dialog: Dialog) -> list[str]:
    return texts if dialog[-1]["role"] == "assistant" else texts[:-1]


def _messages(texts: list[str], dialog: Dialog) -> list[str]:
    return [part for text in texts for part in _cut(text)]


def _cut(text: str) -> list[str]:
    prompt, end, answer = text.partition("[/INST]")
    return [prompt + end, answer] if answer else [prompt + end]


def _own_turn(dialog: Dialog) -> list[str]:
    if dialog[0]["role"] != "system":
        return _right(dialog)
    return [f"[INST] <<SYS>>\n{dialog[0]['content']}\n<</SYS>>\n\n [/INST]", *_right(dialog[1:])]


def _marked(texts: list[str], dialog: Dialog) -> list[str]:
    ends = [""] * len(texts) if dialog[-1]["role"] == "assistant" else [""] * (len(texts) - 1) + ["open"]
    return [f"<s>{text}" if end else f"<s>{text}</s>" for text, end in zip(texts, ends, strict=True)]


TURNS_MISTAKES = {
    "you stripped the user's text before the system line was merged in: Meta's code strips the two together, so blanks "
    "between them stay": _turns(merge=lambda system, user: f"<<SYS>>\n{system}\n<</SYS>>\n\n{user.strip()}"),
    "you stripped the system line: inside its tags it stays as it is": (
        _turns(merge=lambda system, user: f"<<SYS>>\n{system.strip()}\n<</SYS>>\n\n{user}")
    ),
    "you stripped the system line and the user's text each by itself: merge them first, then strip once": (
        _turns(merge=lambda system, user: f"<<SYS>>\n{system.strip()}\n<</SYS>>\n\n{user.strip()}")
    ),
    "you stripped nothing: blanks around a user's text and around an answer go": _turns(_same, _same),
    "you did not strip the answers": _turns(answer=_same),
    "you did not strip the user's texts": _turns(user=_same),
    "you stripped the left side of the user's texts only": _turns(user=str.lstrip),
    "you stripped the right side of the user's texts only": _turns(user=str.rstrip),
    "you stripped blanks and left line breaks: `strip()` without an argument takes both": (
        _turns(lambda text: text.strip(" "), lambda text: text.strip(" "))
    ),
    "the system line stands in every turn: it belongs into the first one": _turns(place=range),
    "the system line stands in the last turn: it belongs into the first one": _turns(place=lambda n_turns: [-1]),
    "the system line is missing: it belongs into the first user's text": _turns(merge=lambda system, user: user),
    "the system line is a turn of its own: it belongs into the first user's text": _own_turn,
    "the system line stands behind the user's text: it goes before it": (
        _turns(merge=lambda system, user: f"{user}<<SYS>>\n{system}\n<</SYS>>\n\n")
    ),
    "the user's text stands inside <<SYS>>: only the system line does": (
        _turns(merge=lambda system, user: f"<<SYS>>\n{system}\n\n{user}\n<</SYS>>")
    ),
    "one line break follows <</SYS>>: there are two": (
        _turns(merge=lambda system, user: f"<<SYS>>\n{system}\n<</SYS>>\n{user}")
    ),
    "no line break follows <</SYS>>: there are two": (
        _turns(merge=lambda system, user: f"<<SYS>>\n{system}\n<</SYS>>{user}")
    ),
    "no line breaks stand around the system line: one follows <<SYS>>, one comes before <</SYS>>": (
        _turns(merge=lambda system, user: f"<<SYS>>{system}<</SYS>>\n\n{user}")
    ),
    "blanks stand around the system line in place of line breaks": (
        _turns(merge=lambda system, user: f"<<SYS>> {system} <</SYS>> {user}")
    ),
    "the line break before <</SYS>> is missing": (
        _turns(merge=lambda system, user: f"<<SYS>>\n{system}<</SYS>>\n\n{user}")
    ),
    "the closing tag of the system line is <</SYS>>, not <<SYS>>": (
        _turns(merge=lambda system, user: f"<<SYS>>\n{system}\n<<SYS>>\n\n{user}")
    ),
    "the tags of the system line have single brackets: they are <<SYS>> and <</SYS>>": (
        _turns(merge=lambda system, user: f"<SYS>\n{system}\n</SYS>\n\n{user}")
    ),
    "the system line stands without its tags": _turns(merge=lambda system, user: f"{system}\n\n{user}"),
    "the blank behind an answer is missing: </s> follows one": _turns(reply=" {}"),
    "the blank between [/INST] and the answer is missing": _turns(reply="{} "),
    "both blanks around an answer are missing": _turns(reply="{}"),
    "the blanks inside [INST] ... [/INST] are missing": _turns(prompt="[INST]{}[/INST]"),
    "the blank behind [INST] is missing": _turns(prompt="[INST]{} [/INST]"),
    "the blank before [/INST] is missing": _turns(prompt="[INST] {}[/INST]"),
    "a blank too many stands behind [/INST]": _turns(prompt="[INST] {} [/INST] "),
    "a blank follows [/INST] where the answer is still to come: the model writes it itself": (
        _with(lambda texts, dialog: [text + " " if text.endswith("[/INST]") else text for text in texts])
    ),
    "line breaks stand around the user's text, where the format has blanks": _turns(prompt="[INST]\n{}\n[/INST]"),
    "the closing tag is [/INST], not [INST]": _turns(prompt="[INST] {} [INST]"),
    "the tags are missing: a user's text stands between [INST] and [/INST]": _turns(prompt="{}"),
    "an open last turn is lost: a question without an answer is a turn, too": _with(_finished),
    "you gave the first turn alone": _with(lambda texts, dialog: texts[:1]),
    "you gave the last turn alone": _with(lambda texts, dialog: texts[-1:]),
    "the answers are missing: a finished turn holds the user's text and the answer": (
        _with(lambda texts, dialog: [_cut(text)[0] for text in texts])
    ),
    "you gave one text for the whole dialog: give a list with a text for each turn": (
        _with(lambda texts, dialog: "".join(texts))
    ),
    "you gave one text for the whole dialog, in a list: give a text for each turn": (
        _with(lambda texts, dialog: ["".join(texts)])
    ),
    "question and answer are texts of their own: a turn is one text with both": _with(_messages),
    "you wrote <s> and </s> into the texts: as text they are only characters; the tokenizer adds the two ids": (
        _with(_marked)
    ),
    "you wrote <s> into the texts: as text it is only characters; the tokenizer adds its id": (
        _with(lambda texts, dialog: [f"<s>{text}" for text in texts])
    ),
    "the turns stand in the wrong order: the first comes first": _with(lambda texts, dialog: texts[::-1]),
}
