"""Lesson 09, exercise 1: the text of each turn."""

from __future__ import annotations

from llama_lessons.checks.chat import check_turns
from llama_lessons.prompt import dialog_turns, turn_text
from tests.answers.bank import Bank

bank = Bank(check_turns)
B, E = "[INST]", "[/INST]"
B_SYS, E_SYS = "<<SYS>>\n", "\n<</SYS>>\n\n"


@bank.right
def by_the_package(dialog):
    return [turn_text(*turn) for turn in dialog_turns(dialog)]


@bank.right
def as_meta_writes_it(dialog):
    if dialog[0]["role"] == "system":
        merged = B_SYS + dialog[0]["content"] + E_SYS + dialog[1]["content"]
        dialog = [{"role": dialog[1]["role"], "content": merged}, *dialog[2:]]
    texts = [
        f"{B} {(prompt['content']).strip()} {E} {(answer['content']).strip()} "
        for prompt, answer in zip(dialog[::2], dialog[1::2], strict=False)
    ]
    if dialog[-1]["role"] == "user":
        texts.append(f"{B} {(dialog[-1]['content']).strip()} {E}")
    return texts


def loop(strip=str.strip, answer_strip=str.strip, system=None, gap=" ", close=" ", open_end="", keep_open=True):
    """A loop over the messages, with a reader's usual mistakes to choose from."""
    system = system or (lambda line, text: B_SYS + line + E_SYS + text)

    def answer(dialog):
        line, texts = None, []
        for message in dialog:
            text = message["content"]
            if message["role"] == "system":
                line = text
            elif message["role"] == "user":
                if line is not None:
                    text, line = system(line, text), None
                texts.append(B + " " + strip(text) + " " + E)
            else:
                texts[-1] += gap + answer_strip(text) + close
        if dialog[-1]["role"] == "user":
            texts[-1] += open_end
            if not keep_open:
                texts.pop()
        return texts

    return answer


def joined(dialog):
    return "".join(by_the_package(dialog))


def joined_in_a_list(dialog):
    return ["".join(by_the_package(dialog))]


def system_as_a_turn(dialog):
    if dialog[0]["role"] == "system":
        first = f"{B} {B_SYS}{dialog[0]['content']}{E_SYS} {E}"
        return [first, *by_the_package(dialog[1:])]
    return by_the_package(dialog)


def system_in_every_turn(dialog):
    if dialog[0]["role"] != "system":
        return by_the_package(dialog)
    line = dialog[0]["content"]
    texts = []
    for message in dialog[1:]:
        if message["role"] == "user":
            texts.append(f"{B} {(B_SYS + line + E_SYS + message['content']).strip()} {E}")
        else:
            texts[-1] += f" {message['content'].strip()} "
    return texts


def one_text_a_message(dialog):
    texts = []
    for text in by_the_package(dialog):
        question, tag, reply = text.partition(E)
        texts.append(question + tag)
        if reply:
            texts.append(reply)
    return texts


def with_s_tags(dialog):
    texts = ["<s>" + text + "</s>" for text in by_the_package(dialog)]
    if dialog[-1]["role"] == "user":
        texts[-1] = texts[-1].removesuffix("</s>")
    return texts


def questions_alone(dialog):
    return [text.split(E)[0] + E for text in by_the_package(dialog)]


def stops_at_a_system_line(dialog):
    return [f"{B} {m['content'].strip()} {E}" for m in dialog if m["role"] == "user"]


def chatml(dialog):
    return [f"<|{m['role']}|>{m['content']}" for m in dialog]


for says, answer in {
    "stripped the user's text before the system line was merged in": loop(
        system=lambda line, text: B_SYS + line + E_SYS + text.strip()
    ),
    "you stripped the system line: inside its tags": loop(
        system=lambda line, text: B_SYS + line.strip() + E_SYS + text
    ),
    "you stripped the system line and the user's text each by itself": loop(
        system=lambda line, text: B_SYS + line.strip() + E_SYS + text.strip()
    ),
    "you stripped nothing": loop(str, str),
    "you did not strip the answers": loop(answer_strip=str),
    "you did not strip the user's texts": loop(strip=str),
    "one line break follows": loop(system=lambda line, text: B_SYS + line + "\n<</SYS>>\n" + text),
    "no line breaks stand around the system line": loop(
        system=lambda line, text: "<<SYS>>" + line + "<</SYS>>\n\n" + text
    ),
    "the system line is missing": loop(system=lambda line, text: text),
    "the system line stands without its tags": loop(system=lambda line, text: line + "\n\n" + text),
    "the system line is a turn of its own": system_as_a_turn,
    "the system line stands in every turn": system_in_every_turn,
    "the blank behind an answer is missing": loop(close=""),
    "the blank between [/INST] and the answer is missing": loop(gap=""),
    "a blank follows [/INST] where the answer is still to come": loop(open_end=" "),
    "an open last turn is lost": loop(keep_open=False),
    "you gave one text for the whole dialog: give": joined,
    "you gave one text for the whole dialog, in a list": joined_in_a_list,
    "question and answer are texts of their own": one_text_a_message,
    "you wrote <s> and </s> into the texts": with_s_tags,
    "the answers are missing": questions_alone,
    "you gave the first turn alone": lambda dialog: by_the_package(dialog)[:1],
}.items():
    bank.wrong(says)(answer)
bank.wrong()(stops_at_a_system_line)
bank.wrong()(chatml)


@bank.wrong("returns a generator and should return a list")
def one_after_the_other(dialog):
    yield from by_the_package(dialog)


@bank.wrong("changed the arguments")
def system_line_taken_out(dialog):
    if dialog[0]["role"] == "system":
        line = dialog.pop(0)["content"]
        dialog[0]["content"] = B_SYS + line + E_SYS + dialog[0]["content"]
    return as_meta_writes_it(dialog)
