"""A lesson's page: the same setting on every machine, numbers that do not wobble, pictures that say what they show."""

from __future__ import annotations

import base64
import io
import logging
import os
import warnings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads sleep; torch reads it once, when it is loaded

import torch

BUILDING = "LLAMA_LESSONS_BUILD"  # set while pages are built: `stable` then refuses what could print differently
COLOURS = 128  # in a picture's palette: a third of the bytes, and no colour is off by more than the eye sees
MARGIN = 5e-5  # how far a float may move between processors and thread counts


def setup() -> None:
    """Make this page run alike everywhere: fixed seed, quiet libraries, readable pictures. For the first cell."""
    torch.manual_seed(0)
    torch.set_printoptions(precision=2, sci_mode=False)
    warnings.filterwarnings("ignore", module="(?!__main__|llama_lessons)")  # what libraries say of themselves
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # a first start, or a home folder that is read-only

    from matplotlib import rcParams

    rcParams |= {
        "figure.figsize": (7, 3.2),
        "figure.dpi": 100,
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.family": "DejaVu Sans",  # shipped with matplotlib, so the same letters everywhere
    }


def stable(x, digits: int = 2) -> str:
    """Text of a number, or of nested lists or a tensor of numbers, that is the same on every processor.

    Args:
        x: a float, a list of floats, or a tensor of any shape.
        digits: decimals to print.

    Returns:
        The rounded text; a minus sign before zero is dropped.

    Raises:
        ValueError: while pages are built, a value lies within 5e-5 of where its rounding changes, so that another
            processor might print the neighbouring number: print fewer digits, or another quantity.
    """
    if hasattr(x, "tolist"):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return "[" + ", ".join(stable(value, digits) for value in x) + "]"
    if os.environ.get(BUILDING) and _rounded(x - MARGIN, digits) != _rounded(x + MARGIN, digits):
        raise ValueError(f"{x!r} is within {MARGIN} of a rounding boundary at {digits} decimals; print fewer")
    return _rounded(x, digits)


def _rounded(x: float, digits: int) -> str:
    text = f"{x:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def show(figure, alt: str) -> None:
    """Show a matplotlib figure as a picture with a description, and close it.

    Args:
        figure: the matplotlib figure.
        alt: what the picture shows, in a sentence: read out by screen readers, printed where pictures are not.
    """
    from IPython.display import display
    from matplotlib import pyplot
    from PIL import Image

    drawn, png = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    pyplot.close(figure)
    small = Image.open(drawn).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    small.save(png, format="png", optimize=True)
    data = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})
