# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,slideshow,jupyter,-all
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your ledger of predictions
#
# Before many a cell, the lessons ask you to **predict** what it will show. Who says it aloud, and how sure they are,
# learns more than who nods afterwards, and learns something about themselves: *do you know how much you know?*
#
# Open this page beside a lesson (drag its tab to the right). Choose the lesson; write what you expect, and how sure you
# are, before you run the cell. Then judge yourself: right or wrong. At 50 % you might as well toss a coin; at 100 % you
# would bet your laptop. Whoever is *calibrated* is right in seven of ten cases in which they were sure at 70 %: their
# points lie on the dashed line.
#
# In your own copy of the course, `my_lessons/`, the ledger is kept in `ledger.json`, for nobody but you. Here, among
# the pages of the course, it is forgotten when the kernel ends.

# %%
from llama_lessons.page import setup

setup()
from llama_lessons.files import learners_folder
from llama_lessons.widgets.ledger import Ledger

folder = learners_folder()
Ledger(folder / "ledger.json" if folder else None)

# %% [markdown]
# A word on scoring. To be right is one thing, to know when you are right another; a forecaster is judged by both. The
# sentence beside the picture compares the two averages and says whether they differ by more than chance would make of
# so few. It takes some twenty judged predictions until it can say much. How it counts stands in
# [`llama_lessons/widgets/ledger_book.py`](../llama_lessons/widgets/ledger_book.py).
