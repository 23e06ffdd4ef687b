"""Lessons 05 and 05b in a real JupyterLab: the lens heeds keys, mouse and switches, and what is typed stays text."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS


def test_the_lesson(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "05_full_model.ipynb")
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def test_the_side_trip_and_its_lens(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "05b_inside.ipynb")
    lens = lab.page.locator(".ll-view:has(.ll-lens)")
    look(lab, lens)
    walk(lab, lens)
    switch(lab, lens)
    write(lab, lens)
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def look(lab: Lab, lens: Locator) -> None:
    grid, card = lens.get_by_role("grid"), lens.locator(".ll-card")
    expect(lens.get_by_role("status")).to_contain_text("nats per token. It writes nothing more.")
    assert rows_of(lens) == ["embedding", *(f"layer {k}" for k in range(6))]
    assert columns_of(lens)[:3] == ["after", "<s>", "▁Clara"] and len(columns_of(lens)) == 1 + 15
    expect(grid.get_by_role("gridcell")).to_have_count(7 * 15)
    expect(grid.locator(".ll-first")).to_have_count(15)
    expect(card).to_contain_text("▁behind ▁them ., at layer 5:")
    lab.photograph(lens, "lens")

    cell(lens, 6, 10).hover()
    expect(card).to_contain_text("▁llamas, at layer 5:")
    expect(card.get_by_role("listitem")).to_have_count(5)
    expect(card.get_by_role("listitem").first).to_contain_text("▁hummed")
    expect(cell(lens, 6, 10)).to_have_attribute("aria-selected", "true")


def walk(lab: Lab, lens: Locator) -> None:
    """From the text box through the switches into the table, and about in it, by keys alone."""
    card, keys = lens.locator(".ll-card"), lab.page.keyboard
    lens.get_by_label("Your text").focus()
    for label in ("Model", "Read the stream", "with the last norm"):
        keys.press("Tab")
        expect(lens.get_by_label(label)).to_be_focused()
    keys.press("Tab")
    expect(cell(lens, 6, 10)).to_be_focused()  # the one that the mouse chose last
    keys.press("ArrowUp")  # JupyterLab would take the key, were it not told
    expect(card).to_contain_text("at layer 4:")
    keys.press("End")
    expect(cell(lens, 5, 14)).to_be_focused()
    keys.press("ArrowRight")  # nothing lies there
    expect(cell(lens, 5, 14)).to_be_focused()
    keys.press("Home")
    expect(cell(lens, 5, 0)).to_be_focused()
    for _ in range(9):
        keys.press("ArrowUp")
    expect(card).to_contain_text("After <s>, at embedding:")
    expect(lens.locator("[tabindex='0']")).to_have_count(1)
    lab.photograph(lens, "walked")


def switch(lab: Lab, lens: Locator) -> None:
    status, end = lens.get_by_role("status"), cell(lens, 6, 12)
    expect(end).to_contain_text("▁them")
    as_trained = status.text_content()
    lens.get_by_label("Model").select_option("gate and up swapped")
    expect(end).not_to_contain_text("▁them")
    expect(status).not_to_have_text(as_trained)
    lab.photograph(lens, "swapped")
    for name in lens.get_by_label("Model").locator("option").all_text_contents()[1:]:  # none of them stops the view
        lens.get_by_label("Model").select_option(name)
        expect(status).to_contain_text(f"{name[0].upper()}{name[1:]}. Loss of this text")
        expect(lens.get_by_role("gridcell")).to_have_count(7 * 15)
    lens.get_by_label("Model").select_option("as trained")
    expect(status).to_have_text(as_trained)

    lens.get_by_label("Read the stream").select_option("after attention")
    expect(lens.locator("th[scope=row]")).to_have_count(8)
    assert rows_of(lens)[-1] == "the end"
    lens.get_by_label("Read the stream").select_option("after feed-forward")
    expect(lens.locator("th[scope=row]")).to_have_count(7)

    lens.get_by_label("with the last norm").focus()
    lab.page.keyboard.press("Space")
    expect(status).not_to_have_text(as_trained)
    lab.photograph(lens, "no_norm")
    lab.page.keyboard.press("Space")
    expect(status).to_have_text(as_trained)


def write(lab: Lab, lens: Locator) -> None:
    box = lens.get_by_label("Your text")
    box.fill("Question: What is the opposite of hot?\nAnswer:")
    expect(lens.get_by_role("status")).to_contain_text("It goes on: ' cold")
    assert "line break" in columns_of(lens)
    lab.photograph(lens, "question")

    box.fill("the llama")
    expect(lens.get_by_role("gridcell")).to_have_count(7 * 3)
    lab.page.keyboard.type("s")
    expect(lens.locator("th[scope=col]").last).to_have_text("▁llamas")
    expect(lens.locator("[aria-selected=true]")).to_have_count(1)

    box.fill("<img src=x onerror=alert(1)>")
    expect(lens.locator("th[scope=col]", has_text="=")).not_to_have_count(0)
    expect(lens.locator("img")).to_have_count(0)
    box.fill("")
    expect(lens.get_by_role("gridcell")).to_have_count(7)
    expect(cell(lens, 0, 0)).to_have_attribute("aria-selected", "true")
    assert columns_of(lens) == ["after", "<s>"]


def cell(lens: Locator, row: int, column: int) -> Locator:
    return lens.locator("tr").nth(row + 1).get_by_role("gridcell").nth(column)


def rows_of(lens: Locator) -> list[str]:
    return lens.locator("th[scope=row]").all_text_contents()


def columns_of(lens: Locator) -> list[str]:
    return lens.locator("th[scope=col]").all_text_contents()
