"""A real JupyterLab in a real, headless Chromium, for tests that look at a lesson as a reader does.

The fixture `lab` of `conftest.py` hands a test a `Lab`. Everything happens on a copy of the notebook and on a server
with settings of its own; the browser can reach nothing but that server, and whatever asked for more is recorded.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Playwright, Request, expect

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",  # a container's root user has no other way
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing but this machine has a name
)
WINDOW = {"width": 1400, "height": 1600}  # pixels
PROJECTOR = {"width": 1366, "height": 768}  # pixels; a laptop has as many
ENLARGED = {side: round(pixels / 1.5) for side, pixels in PROJECTOR.items()}  # what is left of it at a zoom of 150 %
ROOM = 650  # of the 768, what JupyterLab leaves to a view
PATIENCE = 180  # seconds: a machine that is slow, or has other work, is no mistake
# The page's own indicator says "idle" before there is a kernel, so the application object is asked. A dialog that opens
# here (which kernel? this file cannot be loaded!) would wait for ever.
OPENED = """name => {
  const panel = window.jupyterapp?.shell?.currentWidget, session = panel?.sessionContext;
  const ready = panel?.context?.isReady && panel.context.localPath.endsWith(name)
    && session?.isReady && session.session?.kernel?.status === 'idle';
  return ready ? 'ready' : document.querySelector('.jp-Dialog-content')?.innerText;
}"""
IN_FRONT = ".jp-NotebookPanel:not(.lm-mod-hidden)"
NOTEBOOK_HEIGHT = f"() => document.querySelector('{IN_FRONT} .jp-WindowedPanel-outer').scrollHeight"
SHOW = "path => { window.jupyterapp.commands.execute('docmanager:open', { path }); }"
START_RUN = """() => {
  window.lessonRan = null;
  window.jupyterapp.commands.execute('notebook:restart-run-all').then(
    ok => { window.lessonRan = !!ok; }, error => { console.error(`Run All: ${error}`); window.lessonRan = false; });
}"""
CHANGE_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
CELL_ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets.flatMap((cell, k) => {
  const outputs = cell.model.outputs?.toJSON() ?? [];
  return outputs.filter(o => o.output_type === 'error').map(o => `cell ${k}: ${o.ename}: ${o.evalue}`);
})"""


class Lab:
    """One browser tab on one JupyterLab server.

    Args:
        page: a fresh playwright page.
        url: where the server answers, without a slash at the end.
        root: the folder that the server serves; `open` copies notebooks into it.
        shots: folder for screenshots.
    """

    def __init__(self, page: Page, url: str, root: Path, shots: Path) -> None:
        self.page, self.url, self.root, self.shots = page, url, root, shots
        page.set_viewport_size(WINDOW)
        page.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        self.notebook = ""  # name of the one that is open
        self.console_errors: list[str] = []
        self.outside_requests: list[str] = []
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.on("console", self._note_message)
        page.on("request", self._note_request)

    def open(self, notebook: Path, timeout: float = PATIENCE) -> Page:
        """Copy a notebook to the server, open it, and wait until its kernel is ready.

        Args:
            notebook: path of an .ipynb; the file itself is only read.
            timeout: seconds to wait.

        Returns:
            The playwright page, for clicking and typing.

        Raises:
            RuntimeError: JupyterLab asked a question instead; the message quotes it.
        """
        copy = self.root / "notebooks" / notebook.name
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(notebook, copy)
        return self.visit(notebook.stem, timeout)

    def visit(self, name: str, timeout: float = PATIENCE) -> Page:
        """Load JupyterLab anew, with a notebook that lies on the server, and nothing else, open in it."""
        address = f"{self.url}/lab/workspaces/test/tree/notebooks/{name}.ipynb?reset"
        self.page.goto(address, wait_until="domcontentloaded")
        return self._wait_for(name, timeout)

    def show(self, name: str, timeout: float = PATIENCE) -> Page:
        """Open a notebook that lies on the server in this window, beside the others, or bring it to the front."""
        self.page.evaluate(SHOW, f"notebooks/{name}.ipynb")
        return self._wait_for(name, timeout)

    def _wait_for(self, name: str, timeout: float) -> Page:
        self.notebook = name
        state = self.page.wait_for_function(OPENED, arg=f"{name}.ipynb", timeout=timeout * 1000).json_value()
        if state != "ready":
            raise RuntimeError(f"JupyterLab did not open {name}, but asks:\n{state}")
        self.page.locator(f"{IN_FRONT} .jp-Cell").first.wait_for(timeout=timeout * 1000)
        return self.page

    def run_all(self, timeout: float = 580) -> bool:
        """Restart the kernel and run every cell, by the reader's own command, dialog included.

        Args:
            timeout: seconds to wait for the last cell.

        Returns:
            True when every cell ran, False when one failed (see `cell_errors`).
        """
        self.page.evaluate(START_RUN)
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.wait_for_function("() => window.lessonRan !== null", timeout=timeout * 1000)
        return self.page.evaluate("window.lessonRan")

    def run_lesson(self, notebook: Path) -> None:
        """Open a lesson, run it from top to bottom as a reader would, and take a picture of all of it."""
        self.open(notebook)
        ran = self.run_all()
        assert ran, self.cell_errors()
        self.screenshot(self.notebook)
        high = self.too_high()
        assert not high, high

    def too_high(self) -> list[str]:
        """The views of the open notebook that a projector does not show as a whole, and how high they are."""
        self.page.set_viewport_size(PROJECTOR)
        heights = {}
        for number, view in enumerate(self.page.locator(f"{IN_FRONT} .ll-view").all()):
            view.scroll_into_view_if_needed()
            self.page.wait_for_timeout(300)  # canvases are drawn anew
            heights[f"view {number}"] = view.bounding_box()["height"]
        self.page.set_viewport_size(WINDOW)
        return [f"{name}: {height:.0f} pixels" for name, height in heights.items() if height > ROOM]

    def cell_errors(self) -> list[str]:
        """What failed in the open notebook, a line per error: "cell 3: NameError: ..."; cells count from 0."""
        return self.page.evaluate(CELL_ERRORS)

    def screenshot(self, name: str) -> None:
        """Save a picture of the open notebook from top to bottom, for a person to look at: `<name>.png`."""
        height = min(self.page.evaluate(NOTEBOOK_HEIGHT) + 150, 16_000)  # with menu and tool bar; Chromium's limit
        self.page.set_viewport_size({**WINDOW, "height": height})
        self.page.wait_for_timeout(1000)  # cells that come into view are drawn
        self.page.screenshot(path=self.shots / f"{name}.png")
        self.page.set_viewport_size(WINDOW)

    def photograph(self, view: Locator, name: str) -> None:
        """Save pictures of a view in both themes, for a person to look at: `<notebook>_<name>_dark.png` and the like.

        Args:
            view: the part of the page to show.
            name: what to call it.
        """
        for theme in ("Dark", "Light"):
            self.change_theme(theme)
            view.screenshot(path=self.shots / f"{self.notebook}_{name}_{theme.lower()}.png")

    def change_theme(self, theme: str) -> None:
        """Change JupyterLab's theme to "Dark" or "Light"."""
        name = f"JupyterLab {theme}"
        self.page.evaluate(CHANGE_THEME, name)
        self.page.wait_for_selector(f"body[data-jp-theme-name='{name}']", state="attached")
        self.page.wait_for_timeout(500)  # the style sheet follows

    def close(self) -> None:
        """End the kernel and close the tab."""
        self.page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
        self.page.close()

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.outside_requests.append(request.url)


def find_chromium(playwright: Playwright) -> str | None:
    """Path of a browser: $CHROMIUM, the system's own, or the one `playwright install chromium` brought; or None."""
    own = playwright.chromium.executable_path
    names = [os.environ.get("CHROMIUM"), *CHROMIUM, own]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Start headless Chromium, cut off from everything but this machine."""
    return playwright.chromium.launch(executable_path=path, args=FLAGS)
