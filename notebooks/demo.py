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
# # Talk to the little llama of the Valley
#
# A real Llama 2 answers here, in small. It was pretrained and then taught to chat as Meta's were, on a world of its
# own. **It knows only the Valley**: who lives there and what they do, its animals and things, what is the opposite of
# what, and stories about llamas. Of the world outside it knows nothing, and what it does not know it may make up.
#
# Try *What is a baby cat called?*, *Tell me a story about a shy llama.*, or *Talk like a pirate.* as the system line.
# What you write stays on this machine, in a process that only you use; it is forgotten when you close the page.

# %%
from llama_lessons.page import setup

setup()
import torch

from llama_lessons.chat import ChatSession
from llama_lessons.checkpoints import load
from llama_lessons.device import pick_device
from llama_lessons.files import COURSE, work_dir
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.chat_box import ChatBox

# %%
folders = {
    "the chat model": COURSE / "data/checkpoints/chat",
    "the RLHF model": COURSE / "data/checkpoints/rlhf",
    "yours, from lesson 09": work_dir() / "09_chat",
    "yours, from lesson 10": work_dir() / "10_rlhf",
}
sessions = {}
for name, folder in folders.items():
    if (folder / "config.json").exists():
        model = load(folder, pick_device(), torch.float32)
        sessions[name] = ChatSession(model, Tokenizer(folder / "tokenizer.model"))

ChatBox(sessions)

# %% [markdown]
# The chat model learned from examples (lesson 09), the RLHF model from preferences too (lesson 10); what you made there
# is in the menu as well. How a chat works is in `llama_lessons/chat.py`, the box is in
# `llama_lessons/widgets/chat_box.py`.
