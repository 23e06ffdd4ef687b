"""The ledger in a real JupyterLab: keyboard, what is kept, both themes, a projector's height."""

from __future__ import annotations

from playwright.sync_api import expect

from llama_lessons.widgets.ledger_book import questions
from tests.browser import PROJECTOR, ROOM, Lab
from tools.notebook_files import NOTEBOOKS


def test_the_page_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "ledger.ipynb")
    asked = questions(NOTEBOOKS / "07_sampling.py")
    lab.page.set_viewport_size(PROJECTOR)
    view = lab.page.locator(".ll-ledger")
    view.get_by_role("combobox", name="Lesson").select_option("07_sampling")
    for number, (sure, came) in enumerate((("80", "right"), ("80", "wrong"), ("100", "right")), 1):
        view.get_by_role("slider", name="Prediction").fill(str(number))
        expect(view.locator(".ll-question")).to_have_text(asked[number - 1])  # Python has turned the page
        view.get_by_role("textbox").fill(f"<b>that</b> {number}")
        view.get_by_role("slider", name="How sure").fill(sure)
        button = view.get_by_role("button", name=f"It came out {came}")
        button.focus()
        lab.page.keyboard.press("Enter")
        expect(button).to_have_attribute("aria-pressed", "true")
    expect(view.get_by_role("status")).to_contain_text("right in 67 %")
    expect(view.get_by_role("img")).to_have_accessible_name(
        "How sure, and how often right. 80 %: 50 % right of 2; 100 %: 100 % right of 1."
    )
    view.get_by_role("slider", name="Prediction").fill("1")
    expect(view.get_by_role("textbox")).to_have_value("<b>that</b> 1")
    for theme in ("Light", "Dark"):
        lab.change_theme(theme)
        lab.photograph(view, theme.lower())
    assert view.bounding_box()["height"] <= ROOM
    lab.change_theme("Light")
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []
