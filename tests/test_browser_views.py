"""Every view in a window full of lessons, on a projector, enlarged, in both themes, after a reload, and once dead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from llama_lessons.files import work_dir
from tests.browser import ENLARGED, IN_FRONT, PROJECTOR, ROOM, Lab
from tests.view_looks import CHANGE, FILLS, FIT, LOOK, SAYS, STANDS_AT
from tests.view_pages import PAGES, write_page

PRESENT = "window.jupyterapp.commands.execute('application:toggle-presentation-mode')"
VIEWS = [(lesson, k) for lesson, cells in PAGES.items() for k in range(len(cells))]
RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
SAVE = "window.jupyterapp.commands.execute('docmanager:save')"
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
CRASH = f"() => {{ {KERNEL}.requestExecute({{ code: 'import os; os._exit(1)' }}); }}"
SHUT_DOWN = "window.jupyterapp.serviceManager.sessions.shutdownAll()"
DEAD = '"The kernel that drew this view is gone. Run this cell again to bring it back to life."'
# In place of views whose kernel is gone: what is to be seen of each output.
SEEN = """cells => cells.map(cell => [...cell.querySelectorAll('.jp-OutputArea-output')]
  .filter(output => output.getClientRects().length)
  .map(output => output.querySelector('table, img, ul')?.localName ?? output.innerText.trim()))"""


@pytest.fixture(scope="module")
def window(browser: Browser, lab_server: tuple[str, Path]) -> Iterator[Lab]:
    """A tab as large as a projector, in which nothing is open yet."""
    url, root = lab_server
    shots = work_dir() / "screenshots"
    shots.mkdir(exist_ok=True)
    tab = Lab(browser.new_page(), url, root, shots)
    tab.page.set_viewport_size(PROJECTOR)
    yield tab
    tab.change_theme("Light")
    tab.close()


@pytest.fixture(scope="module")
def looks(window: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What each view looks like at each stage of its life: see `live`."""
    return live(window, tmp_path_factory.mktemp("pages"))


def live(window: Lab, folder: Path) -> dict[str, dict]:
    """Open each lesson alone, then all in one window; change the theme, reload, restart the kernels."""
    looks: dict[str, dict] = {}
    for lesson in PAGES:
        window.open(write_page(lesson, folder))
        assert window.page.evaluate(RUN), window.cell_errors()
        looks.setdefault("alone", {}).update(seen(window, lesson, "light"))
        window.page.evaluate(SAVE)
    window.visit(next(iter(PAGES)))
    looks["together"] = tour(window)
    looks["fit, light"] = fits(window)
    window.change_theme("Dark")
    looks["dark"] = tour(window, "dark")
    looks["fit, dark"] = fits(window)
    window.visit(next(iter(PAGES)))
    looks["dark, reloaded"] = tour(window)
    looks["frame"] = use_frames(window)
    looks["restarted"], looks["gone"] = {}, {}
    looks["complaints"] = {"console": [*window.console_errors]}  # JupyterLab has some of its own when kernels end
    for lesson in PAGES:
        window.show(lesson)
        window.page.evaluate(f"{KERNEL}.restart()")
        looks["restarted"] |= {(lesson, k): text for k, text in enumerate(said(window))}
    window.page.evaluate(SHUT_DOWN)
    window.visit(next(iter(PAGES)))
    for lesson in PAGES:
        window.show(lesson)
        expect(window.page.locator(f"{IN_FRONT} .ll-still")).to_have_count(len(PAGES[lesson]))
        cells = window.page.locator(f"{IN_FRONT} .jp-CodeCell").evaluate_all(SEEN)
        looks["gone"] |= {(lesson, k): outputs for k, outputs in enumerate(cells[1:])}
        window.page.screenshot(path=window.shots / f"still_{lesson}.png")
    return looks


def tour(window: Lab, picture: str = "") -> dict:
    """Bring one lesson after the other to the front, and look at its views."""
    found = {}
    for lesson in PAGES:
        window.show(lesson)
        found |= seen(window, lesson, picture)
    return found


def seen(window: Lab, lesson: str, picture: str = "") -> dict:
    """The looks of the views of the lesson in front, and pictures of them for a person to look at."""
    found = {}
    views = window.page.locator(f"{IN_FRONT} .ll-view")
    expect(views).to_have_count(len(PAGES[lesson]))
    for k, view in enumerate(views.all()):
        found[lesson, k] = settled(view)
        if picture:
            view.screenshot(path=window.shots / f"view_{lesson}_{k}_{picture}.png")
    return found


def fits(window: Lab) -> dict:
    """How each view fits a projector's window, and one that shows everything half as large again."""
    found = {}
    for size in (PROJECTOR, ENLARGED):
        window.page.set_viewport_size(size)
        for lesson in PAGES:
            window.show(lesson)
            for k, view in enumerate(window.page.locator(f"{IN_FRONT} .ll-view").all()):
                view.scroll_into_view_if_needed()  # JupyterLab draws no other
                window.page.wait_for_timeout(200)  # canvases are drawn anew
                found[lesson, k, size["width"]] = view.evaluate(FIT)
    window.page.set_viewport_size(PROJECTOR)
    return found


def use_frames(window: Lab) -> dict:
    """Change something in each view, reset it, and let it fill the screen by keyboard: whether it did all that."""
    found = {}
    for lesson in PAGES:
        window.show(lesson)
        for k, view in enumerate(window.page.locator(f"{IN_FRONT} .ll-view").all()):
            view.scroll_into_view_if_needed()
            found[lesson, k] = [*goes_back(view), *fills_the_screen(view)]
    return found


def goes_back(view: Locator) -> tuple[bool, bool]:
    """Whether a view's controls changed, and came back when it was reset."""
    first = view.evaluate(STANDS_AT)
    view.evaluate(CHANGE)
    changed = view.evaluate(STANDS_AT) != first
    view.page.wait_for_timeout(200)  # as a hand would take
    view.get_by_role("button", name="Reset", exact=True).click()
    for _ in range(50):  # ten seconds: it may ask a model
        view.page.wait_for_timeout(200)
        if view.evaluate(STANDS_AT) == first:
            return changed, True
    return changed, False


def fills_the_screen(view: Locator) -> tuple[bool, bool]:
    """Whether a view fills the screen when the keyboard asks for it, and gives it back."""
    view.get_by_role("button", name="Full screen").focus()
    view.page.keyboard.press("Enter")  # JupyterLab would take the key, were it not told
    leave = view.get_by_role("button", name="Leave full screen")
    expect(leave).to_be_focused()
    fills = view.evaluate(FILLS)
    view.page.keyboard.press("Escape")
    expect(leave).to_have_count(0)
    return fills, not view.evaluate(FILLS)


def said(window: Lab) -> list[str]:
    """What stands above each view of the page in front."""
    return window.page.locator(f"{IN_FRONT} .ll-view").evaluate_all(SAYS)


def settled(view: Locator) -> list[str]:
    """A view's look, once it has drawn all that it had to."""
    view.scroll_into_view_if_needed()
    expect(view).not_to_have_attribute("aria-busy", "true")
    before, now = None, view.evaluate(LOOK)
    while now != before:
        view.page.wait_for_timeout(150)
        before, now = now, view.evaluate(LOOK)
    return now


@pytest.mark.parametrize(("lesson", "number"), VIEWS)
@pytest.mark.parametrize(("one", "other"), [("alone", "together"), ("dark", "dark, reloaded")])
def test_a_view_looks_the_same(looks: dict, lesson: str, number: int, one: str, other: str):
    assert looks[one][lesson, number] == looks[other][lesson, number]


@pytest.mark.parametrize(("lesson", "number"), VIEWS)
def test_the_theme_reaches_every_view(looks: dict, lesson: str, number: int):
    light, dark = (looks[stage][lesson, number] for stage in ("together", "dark"))
    assert len(light) == len(dark)
    for one, other in zip(light, dark, strict=True):
        if one.startswith("canvas"):
            assert one != other


@pytest.mark.parametrize(("lesson", "number"), VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_view_fits_a_projector_and_is_legible(looks: dict, lesson: str, number: int, theme: str):
    fit = looks[f"fit, {theme}"][lesson, number, PROJECTOR["width"]]
    assert 0 < fit["height"] <= ROOM
    assert (fit["small"], fit["out"], fit["faint"]) == ([], [], [])


@pytest.mark.parametrize(("lesson", "number"), VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_of_an_enlarged_view_is_cut(looks: dict, lesson: str, number: int, theme: str):
    fit = looks[f"fit, {theme}"][lesson, number, ENLARGED["width"]]
    assert (fit["small"], fit["out"], fit["faint"]) == ([], [], [])


@pytest.mark.parametrize(("lesson", "number"), VIEWS)
def test_a_view_can_be_reset_and_fill_the_screen_by_keyboard(looks: dict, lesson: str, number: int):
    changed, back, fills, left = looks["frame"][lesson, number]
    assert (changed, back, fills, left) == (True, True, True, True)


def test_a_view_grows_in_presentation_mode(window: Lab, looks: dict, tmp_path: Path):
    page = window.open(write_page("00_start_here", tmp_path))
    assert page.evaluate(RUN)
    view = page.locator(f"{IN_FRONT} .ll-view")
    height = "root => parseFloat(getComputedStyle(root).fontSize)"
    assert view.evaluate(height) == 14
    page.evaluate(PRESENT)
    page.wait_for_function(f"root => ({height})(root) === 17", arg=view.element_handle())  # as JupyterLab's own text
    assert view.evaluate(FIT)["out"] == []
    page.evaluate(PRESENT)


@pytest.mark.parametrize(("lesson", "number"), VIEWS)
def test_after_a_restart_a_view_says_so(looks: dict, lesson: str, number: int):
    assert looks["restarted"][lesson, number] == DEAD


@pytest.mark.parametrize(("lesson", "number"), VIEWS)
def test_a_saved_page_whose_kernel_is_gone_shows_the_still_picture(looks: dict, lesson: str, number: int):
    note, picture = looks["gone"][lesson, number]
    assert note == "A still picture. Run this cell, and the live view takes its place."
    assert picture in ("table", "img", "ul")


def test_no_page_complains(window: Lab, looks: dict):
    assert looks["complaints"] == {"console": []}
    assert window.outside_requests == []


def test_a_view_says_so_when_its_kernel_has_crashed_or_was_shut_down(window: Lab, looks: dict, tmp_path: Path):
    page = window.open(write_page("00_start_here", tmp_path))
    for end in (CRASH, SHUT_DOWN):
        assert page.evaluate(RUN)
        expect(page.locator(f"{IN_FRONT} .ll-view")).to_have_count(1)
        assert said(window) == ["none"]
        page.evaluate(end)
        expect(page.locator(f"{IN_FRONT} .jupyter-widgets-disconnected")).to_have_count(1)
        assert said(window) == [DEAD]
        if end == CRASH:
            page.locator(".jp-Dialog .jp-mod-accept").click()  # JupyterLab says that it has started another
