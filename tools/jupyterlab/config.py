"""How JupyterLab opens the course: `python -m jupyterlab --config=tools/jupyterlab/config.py`, which `make lab` calls.

The reader's own settings are left as they are: those of JupyterLab's looks count, those of the server, which may serve
another folder, do not. Words on the command line come after this file: `make lab ARGS=--port=9999`.
"""

import warnings
from pathlib import Path

import nbformat

COURSE = Path(__file__).resolve().parents[2]
FIRST = min(path.stem for path in (COURSE / "notebooks").glob("[0-9]*.ipynb"))


def keep_what_was_only_looked_at(model, path, contents_manager, **_):
    """Save a page whose cells are as before without what the kernel notes of itself: Git then sees no change."""
    file = Path(contents_manager.root_dir) / path
    if model["type"] == "notebook" and file.exists():
        before = nbformat.read(file, as_version=4)
        as_before = nbformat.from_dict({**model["content"], "metadata": before.metadata})
        if nbformat.writes(as_before) == nbformat.writes(before):
            model["content"]["metadata"] = before.metadata


warnings.filterwarnings("ignore", message="Overriding existing pre_save_hook")  # by itself: Jupyter configures it twice
c = get_config()  # noqa: F821 (Jupyter runs this file, and brings the function)
c.ServerApp.root_dir = c.ServerApp.preferred_dir = c.FileContentsManager.root_dir = str(COURSE)
c.FileContentsManager.preferred_dir = ""  # below root_dir
c.ServerApp.base_url = "/"
c.PasswordIdentityProvider.hashed_password = ""  # the address that is opened carries a token instead
c.PasswordIdentityProvider.password_required = False
c.FileContentsManager.pre_save_hook = keep_what_was_only_looked_at
c.LabApp.default_url = f"/lab/tree/my_lessons/{FIRST}.ipynb"
c.LabApp.app_settings_dir = str(Path(__file__).parent / "settings")  # defaults, which the reader's own choices overrule
c.LabApp.workspaces_dir = str(COURSE / "work" / "workspaces")  # open tabs, apart from those of the reader's other work
