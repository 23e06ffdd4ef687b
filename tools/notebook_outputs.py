"""What a page stores of its cells' outputs: nothing random, and the old ones where the new ones say nothing new."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns
from PIL import Image

from llama_lessons.files import COURSE

SANITIZE = COURSE / "tools" / "nbval_sanitize.cfg"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"  # names a model of this kernel, at random
PICTURES = ("image/png", "image/jpeg")  # which nbval does not compare
SHADE = 8  # levels of 256 by which two pictures of the same thing may differ, from one processor to another


def tidy(notebook: NotebookNode) -> None:
    """Drop the live views: the texts and pictures beside them stay."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for bundle in (output.get("data", {}), output.get("metadata", {})):
                bundle.pop(WIDGET_VIEW, None)
        if cell.cell_type == "code":
            cell["outputs"] = [output for output in cell.outputs if output.get("data") != {}]


def keep_outputs(new: NotebookNode, old: NotebookNode) -> None:
    """Put the old outputs of a cell back where the new ones say nothing new."""
    before = {cell.id: cell.outputs for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        outputs = before.get(cell.id)
        if cell.cell_type == "code" and outputs and (_is_ignored(cell) or _say_the_same(outputs, cell.outputs)):
            for output in outputs:
                if output.output_type == "execute_result":
                    output["execution_count"] = cell.execution_count
            cell["outputs"] = outputs


def _is_ignored(cell: NotebookNode) -> bool:
    return "nbval-ignore-output" in cell.metadata.get("tags", [])


def _say_the_same(old: list[NotebookNode], new: list[NotebookNode]) -> bool:
    """Whether nbval would find no difference, and the eye none in the pictures."""
    return len(old) == len(new) and all(
        _text(a) == _text(b)
        and _metadata(a) == _metadata(b)
        and all(_look_alike(a.get("data", {}).get(kind), b.get("data", {}).get(kind)) for kind in PICTURES)
        for a, b in zip(old, new, strict=True)
    )


def _text(output: NotebookNode) -> dict:
    """What nbval compares of an output."""
    if output.output_type == "stream":
        return {output.name: _sanitized(output.text)}
    if output.output_type == "error":
        return {"ename": output.ename, "evalue": _sanitized(output.evalue)}
    return {kind: _sanitized(value) for kind, value in output.data.items() if kind not in (*PICTURES, WIDGET_VIEW)}


def _metadata(output: NotebookNode) -> dict:
    """What is said about a picture, its description above all."""
    return {kind: value for kind, value in output.get("metadata", {}).items() if kind in PICTURES}


def _sanitized(value: object) -> object:
    for pattern, replacement in get_sanitize_patterns(SANITIZE.read_text()):
        value = re.sub(pattern, replacement, value) if isinstance(value, str) else value
    return value


def _look_alike(old: str | None, new: str | None) -> bool:
    """Whether two base64 pictures have the same size and differ nowhere by more than a shade."""
    if old is None or new is None:
        return old == new
    a, b = (np.asarray(Image.open(io.BytesIO(base64.b64decode(x))).convert("RGBA"), dtype=int) for x in (old, new))
    return a.shape == b.shape and bool((abs(a - b) <= SHADE).all())
