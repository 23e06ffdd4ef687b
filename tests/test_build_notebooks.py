"""The builder: the same page twice, nothing random in it, and no half-made page after an error."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools.build_notebooks import BuildError, build
from tools.notebook_files import difference, read_source
from tools.notebook_outputs import WIDGET_VIEW, tidy

PAGE = """\
# %% [markdown]
# # A page

# %%
import os
import sys
import warnings

import ipywidgets

ipywidgets.IntSlider(value=3)

# %%
warnings.warn("the place of this line has a number of its own in every kernel")

# %% tags=["nbval-ignore-output"]
print(os.getpid())

# %%
print(os.environ["LLAMA_LESSONS_BUILD"], os.environ["LLAMA_LESSONS_DEVICE"], os.environ["CUDA_VISIBLE_DEVICES"] == "")
"""

PICTURE = """\
# %%
import io
from IPython.display import Image
from PIL import Image as Pixels

png = io.BytesIO()
Pixels.new("L", (4, 3), {shade}).save(png, format="png")
Image(png.getvalue())
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "01_page.py"
    path.write_text(PAGE)
    return path


def outputs(source: Path) -> list:
    cells = nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells
    return [cell.outputs for cell in cells if cell.cell_type == "code"]


def test_a_live_view_is_not_stored_and_leaves_no_empty_output():
    live = new_output("display_data", {WIDGET_VIEW: {"model_id": "7"}})
    both = new_output("display_data", {WIDGET_VIEW: {"model_id": "7"}, "text/plain": "a view"})
    printed = new_output("stream", text="said")
    notebook = new_notebook(cells=[new_code_cell("view", outputs=[both, live, printed])])
    tidy(notebook)
    assert [output.get("data", output.get("text")) for output in notebook.cells[0].outputs] == [
        {"text/plain": "a view"},
        "said",
    ]


def test_building_twice_leaves_no_difference(source: Path):
    assert build(source)
    files = source.read_bytes(), source.with_suffix(".ipynb").read_bytes()
    assert not build(source)
    assert (source.read_bytes(), source.with_suffix(".ipynb").read_bytes()) == files
    assert difference(source) is None


def test_fresh_measures_again(source: Path):
    build(source)
    old = outputs(source)[2]
    build(source, fresh=True)
    assert outputs(source)[2] != old


def test_page_stores_text_of_widgets_but_not_their_names(source: Path):
    build(source)
    (slider,) = outputs(source)[0]
    assert list(slider.data) == ["text/plain"]
    assert "value=3" in slider.data["text/plain"]


def test_page_stores_the_metadata_of_its_source_and_no_version_of_python(source: Path):
    build(source)
    page = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert page.metadata == read_source(source).metadata
    assert "version" not in page.metadata.language_info


def test_head_of_a_new_source_is_written(source: Path):
    build(source)
    assert source.read_text().startswith("# ---\n# jupyter:\n#   jupytext:\n#     cell_metadata_filter: tags,")


def test_lesson_knows_that_it_is_built_on_the_cpu(source: Path):
    build(source)
    assert outputs(source)[3][0].text == "1 cpu True\n"


def test_cells_keep_their_ids_when_one_is_put_before_them(source: Path):
    source.write_text(f"{PAGE}\n# %%\nprint('twice')\n\n# %%\nprint('twice')\n")
    build(source)
    before = [cell.id for cell in nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells]
    source.write_text("# %%\nprint('new')\n\n" + source.read_text().partition("# ---\n\n")[2])
    build(source)
    after = [cell.id for cell in nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells]
    assert after[1:] == before
    assert len(set(after)) == len(after)


def test_failing_cell_is_named_and_the_old_page_is_left(source: Path):
    build(source)
    page = source.with_suffix(".ipynb").read_bytes()
    source.write_text(source.read_text() + "\n# %%\nprint('so far')\n\n# %%\nundefined_name\n\n# %%\nprint('never')\n")
    with pytest.raises(BuildError, match=r"(?s)01_page.py, cell 6:\nundefined_name\n.*NameError"):
        build(source)
    assert source.with_suffix(".ipynb").read_bytes() == page


@pytest.mark.parametrize("edited", ["01_page.py", "01_page.ipynb"])
def test_an_edit_made_while_the_lesson_runs_is_not_lost(source: Path, edited: str):
    build(source)
    edit = f"with open({edited!r}, 'a') as file:\n    _ = file.write(chr(10))\n"
    source.write_text(f"{source.read_text()}\n# %%\n{edit}")  # what an editor would do in the meantime
    pair = source, source.with_suffix(".ipynb")
    before = [file.read_text() for file in pair]
    with pytest.raises(BuildError, match=r"01_page.py or 01_page.ipynb was edited while the lesson ran"):
        build(source)
    assert [file.read_text() for file in pair] == [
        text + "\n" * (file.name == edited) for text, file in zip(before, pair, strict=True)
    ]


@pytest.mark.parametrize(("shade", "replaced"), [(100, False), (105, False), (150, True)])
def test_picture_is_replaced_only_by_one_that_looks_different(tmp_path: Path, shade: int, replaced: bool):
    source = tmp_path / "01_picture.py"
    marker = tmp_path / "shade"  # read by the page, so that its source stays what it was
    source.write_text(PICTURE.format(shade=f"int(open({str(marker)!r}).read())"))
    marker.write_text("100")
    build(source)
    marker.write_text(str(shade))
    assert build(source) is replaced


@pytest.mark.parametrize("change", [("print(1)", "print(2)"), ("# a", "# b"), ('tags=["solution"]', 'tags=["other"]')])
def test_difference_notices_what_is_not_in_both(tmp_path: Path, change: tuple[str, str]):
    source = tmp_path / "01_page.py"
    source.write_text('# %% [markdown]\n# a\n\n# %% tags=["solution"]\nprint(1)\n')
    build(source)
    assert difference(source) is None
    source.write_text(source.read_text().replace(*change))
    assert "cell" in difference(source)


def test_difference_notices_a_cell_more_and_a_missing_page(source: Path):
    assert difference(source) == "01_page.ipynb does not exist"
    build(source)
    source.write_text(source.read_text() + "\n# %%\nprint('more')\n")
    assert difference(source) == "01_page.ipynb has 5 cells, 01_page.py 6"
