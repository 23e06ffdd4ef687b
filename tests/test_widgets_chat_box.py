"""The chat box: what it sends to the browser while an answer is written, and that nothing typed does harm."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import traitlets

from llama_lessons.chat import ChatSession
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.chat_box import ChatBox
from tests.test_chat import BACK, HUMS, WINDOW, Speaker
from tests.test_widgets import EVIL

HILL = "the llama hums on the hill"


def box(tok: Tokenizer, *answers: str | list, **settings) -> ChatBox:
    return ChatBox({"the llama": ChatSession(Speaker(tok, list(answers)), tok, **settings)})


def said(view: ChatBox) -> list[tuple[str, str]]:
    return [(turn["role"], turn["text"]) for turn in view.turns]


def as_turns(*messages: dict) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


def watch(view: ChatBox, *traits: str) -> list[tuple]:
    """Every change of some traits from now on: (trait, new value)."""
    seen: list[tuple] = []
    view.observe(lambda change: seen.append((change["name"], change["new"])), list(traits))
    return seen


async def until(ready) -> None:
    """Let the loop turn until something is so."""
    while not ready():
        await asyncio.sleep(0)


def converse(talk) -> None:
    """Run a coroutine in a loop, and in a thread, of its own: where a browser is open, this one has a loop already."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, talk()).result()


def test_an_answer_grows_piece_by_piece_below_its_message(tokenizer: Tokenizer):
    view = box(tokenizer, "the llama hums", "it hums back")
    seen = watch(view, "answer", "busy")
    view.ask("who hums?")
    grown = [("answer", "the"), ("answer", "the llama"), ("answer", "the llama hums"), ("answer", "")]
    assert seen == [("busy", True), *grown, ("busy", False)]
    assert said(view) == as_turns(*HUMS)
    assert view.note == f"Done: {view.session.n_read} tokens read, 4 written."
    view.ask("and then?")
    assert said(view) == as_turns(*HUMS, *BACK)


def test_reset_forgets_all_dialogs_and_brings_the_settings_back(tokenizer: Tokenizer, caplog):
    sessions = {name: ChatSession(Speaker(tokenizer, [HILL]), tokenizer) for name in ("one", "other")}
    view = ChatBox(sessions)
    view._repr_mimebundle_()  # it is shown
    view.ask("who hums?")
    view.name, view.system, view.temperature = "other", "Hum.", 0.0
    view.ask("and you?")
    view._handle_custom_msg({"frame": "reset"}, [])  # as the browser's button asks
    assert not caplog.records  # nobody else took it for a message of their own
    assert (view.name, view.system, view.temperature) == ("one", "", sessions["one"].temperature)
    assert (said(view), view.busy, view.note) == ([], False, "")
    assert [message for session in sessions.values() for message in session.dialog if message["role"] != "system"] == []


def test_the_first_piece_is_sent_before_the_second_token_is_computed(tokenizer: Tokenizer):
    view = box(tokenizer, HILL)
    asked: list[int] = []
    view.observe(lambda change: asked.append(view.session.model.n_asked), "answer")
    view.ask("who hums?")
    assert asked[:3] == [1, 2, 3]


def test_stop_is_heard_in_the_middle_of_an_answer(tokenizer: Tokenizer):
    async def talk() -> None:
        view._press({"do": "send", "text": "who hums?"})
        await until(lambda: view.answer == "the llama hums")
        view._press({"do": "stop"})
        await until(lambda: not view.busy)

    view = box(tokenizer, HILL, "it hums back")
    converse(talk)
    assert said(view) == as_turns(*HUMS)
    assert view.note == f"Stopped: {view.session.n_read} tokens read, 3 written."
    view.ask("and then?")
    assert said(view) == as_turns(*HUMS, *BACK)


def test_a_second_message_while_an_answer_is_written_is_no_message(tokenizer: Tokenizer):
    async def talk() -> None:
        view._press({"do": "send", "text": "who hums?"})
        await until(lambda: view.answer == "the")
        view._press({"do": "send", "text": "and then?"})
        await until(lambda: not view.busy)
        await asyncio.sleep(0)

    view = box(tokenizer, HILL, "it hums back")
    converse(talk)
    assert said(view) == [("user", "who hums?"), ("assistant", HILL)]


def test_a_new_dialog_while_an_answer_is_written_is_empty(tokenizer: Tokenizer):
    async def talk() -> None:
        view._press({"do": "send", "text": "who hums?"})
        await until(lambda: view.answer == "the llama")
        view._press({"do": "reset"})
        await asyncio.sleep(0.01)

    view = box(tokenizer, HILL, "the llama hums")
    converse(talk)
    assert (view.turns, view.answer, view.busy) == ([], "", False)
    view.ask("who hums?")
    assert said(view) == as_turns(*HUMS)


@pytest.mark.parametrize(
    ("text", "trouble"),
    [("[INST]", "the tag [INST]"), (" ", "must be a message"), ("hum " * 99, "tokens"), ("a \ud83e", "surrogate")],
)
def test_a_message_that_is_refused_is_named_and_the_dialog_goes_on(tokenizer: Tokenizer, text: str, trouble: str):
    view = box(tokenizer, "the llama hums", "it hums back")
    view.ask("who hums?")
    seen = watch(view, "busy", "turns")
    view.ask(text)
    assert view.note.startswith("Not sent: ") and trouble in view.note
    assert seen == []  # the browser keeps what was typed
    view.ask("and then?")
    assert said(view) == as_turns(*HUMS, *BACK)


def test_a_tag_in_the_system_line_is_named_too(tokenizer: Tokenizer):
    view = box(tokenizer, "the llama hums")
    view.system = "<<SYS>>"
    view.ask("who hums?")
    assert view.note.startswith("Not sent: ") and "<<SYS>>" in view.note
    view.system = ""
    view.ask("who hums?")
    assert said(view) == as_turns(*HUMS)


def test_a_model_that_fails_is_told_and_the_next_message_works(tokenizer: Tokenizer):
    failing = [*tokenizer.encode("it hums", bos=False), RuntimeError("out of memory")]
    view = box(tokenizer, "the llama hums", failing, "it hums back")
    for text in ("who hums?", "and then?"):
        view.ask(text)
    assert view.note == "The model failed, and the message was not kept: out of memory"
    assert said(view) == as_turns(*HUMS) and not view.busy
    view.ask("and then?")
    assert said(view) == as_turns(*HUMS, *BACK)


def test_what_the_model_no_longer_reads_is_marked_and_told(tokenizer: Tokenizer):
    view = box(tokenizer, *[HILL] * 5)
    for _ in range(5):
        view.ask("who hums?")
    n = view.session.n_forgotten
    assert n > 0 and [turn["forgotten"] for turn in view.turns] == [True] * 2 * n + [False] * (10 - 2 * n)
    assert view.note.endswith(f"The model no longer reads what is faint: it can hold {WINDOW} tokens.")


def test_an_answer_for_which_there_was_no_more_room_says_so(tokenizer: Tokenizer):
    view = ChatBox({"the llama": ChatSession(Speaker(tokenizer, ["hum " * 99], max_seq_len=60), tokenizer)})
    view.ask("who hums?")
    assert view.note.startswith("Cut off, for the model can hold no more: ")


def test_the_tokens_are_sent_when_they_are_asked_for_and_only_then(tokenizer: Tokenizer):
    view = box(tokenizer, "the llama hums", "it hums back")
    view.ask("who hums?")
    assert view.tokens == []
    view.raw = True
    ids = view.session.ids
    assert [token["id"] for token in view.tokens] == ids
    assert [token["piece"] for token in view.tokens] == tokenizer.pieces(ids)
    assert [token["piece"] for token in view.tokens if token["written"]] == ["▁the", "▁llama", "▁hums", "</s>"]
    view.ask("and then?")
    assert len(view.tokens) == len(view.session.ids) > len(ids)
    view.raw = False
    assert view.tokens == []


def test_each_model_keeps_its_own_dialog_and_answers_under_the_settings_of_the_box(tokenizer: Tokenizer):
    first, other = (ChatSession(Speaker(tokenizer, [text]), tokenizer) for text in ("the llama hums", "it hums back"))
    view = ChatBox({"first": first, "other": other})
    view.ask("who hums?")
    view.name, view.system, view.temperature = "other", "Hum.", 0.0
    assert view.turns == []
    view.ask("and then?")
    assert said(view) == as_turns(*BACK)
    assert (other.system, other.temperature) == ("Hum.", 0.0)
    view.name = "first"
    assert said(view) == as_turns(*HUMS)


def test_another_model_chosen_while_one_answers_ends_the_answer(tokenizer: Tokenizer):
    async def talk() -> None:
        view._press({"do": "send", "text": "who hums?"})
        await until(lambda: view.answer == "the llama hums")
        view.name = "other"
        await asyncio.sleep(0.01)

    first, other = (ChatSession(Speaker(tokenizer, [text]), tokenizer) for text in (HILL, "it hums back"))
    view = ChatBox({"first": first, "other": other})
    converse(talk)
    assert (view.turns, view.answer, view.busy) == ([], "", False)
    view.name = "first"
    assert said(view) == as_turns(*HUMS)


def test_bad_arguments_are_named(tokenizer: Tokenizer):
    with pytest.raises(ValueError, match=r"sessions must name at least one, got \{\}"):
        ChatBox({})
    view = box(tokenizer)
    with pytest.raises(traitlets.TraitError, match="name must be one of"):
        view.name = "nobody"
    with pytest.raises(traitlets.TraitError):
        view.temperature = 2.5


def test_text_and_twin_are_the_same_each_time_and_hold_no_address(tokenizer: Tokenizer):
    one, other = (box(tokenizer, "the llama hums", system="Hum.") for _ in range(2))
    empty = one._repr_mimebundle_()[0]
    assert empty["text/plain"] == (
        "ChatBox: a chat with the llama at temperature 0.6, system line 'Hum.'. Nothing said yet."
    )
    for view in (one, other):
        view.ask("who hums?")
    data, again = one._repr_mimebundle_()[0], other._repr_mimebundle_()[0]
    assert data["text/plain"] == again["text/plain"] and data["text/html"] == again["text/html"]
    assert "You: 'who hums?'. the llama: 'the llama hums'." in data["text/plain"]
    assert "0x" not in data["text/plain"] + data["text/html"]


def test_the_twin_escapes_what_was_typed_and_what_was_written(tokenizer: Tokenizer):
    view = box(tokenizer, f"{EVIL} hums")
    view.ask(EVIL)
    assert said(view) == [("user", EVIL), ("assistant", f"{EVIL} hums")]
    assert "<script" not in view.twin() and view.twin().count("&lt;script") == 2
    assert set(re.findall(r"<(\w+)", view.twin())) <= {"p", "table", "tr", "th", "td"}


def test_all_that_is_sent_to_the_browser_is_json(tokenizer: Tokenizer):
    view = box(tokenizer, "the llama hums")
    view.raw = True
    view.ask("who hums?")
    sent = view.get_state([name for name in view.traits(sync=True) if not name.startswith("_")])
    del sent["layout"], sent["tabbable"], sent["tooltip"]
    assert json.loads(json.dumps(sent)) == sent
