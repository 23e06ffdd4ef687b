"""Small notebooks with the lessons' views, one for each lesson: they run in seconds, where a lesson takes minutes."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tools.notebook_files import KERNELSPEC

MODEL = """
import torch
from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.page import setup
from llama_lessons.tokenizer import Tokenizer
setup()
torch.set_num_threads(1)
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
model = load(data_path("checkpoints/base"), dtype=torch.float32)
sentence = "Clara and Luis walked home together, and the llamas"
"""
MERGES = """
from collections import Counter
from itertools import pairwise
from llama_lessons.widgets.merges import MergePlayer
def play(text):
    words = [list(word) for word in text.split()]
    while True:
        counts = Counter(pair for word in words for pair in pairwise(word))
        pair = max(sorted(counts), key=counts.get)
        yield words, counts, pair if counts[pair] > 1 else None
        if counts[pair] < 2:
            return
        joined = " ".join(" ".join(word) for word in words)
        words = [" ".join(word).replace(" ".join(pair), "".join(pair)).split() for word in words]
MergePlayer("she sells sea shells on the sea shore", play)
"""
TRAINING = """
from IPython.display import display
from llama_lessons.batches import Batch
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.training import Trainer
from llama_lessons.widgets.training import TrainingView
def batch_at(step):
    rows = torch.randint(32, (4, 17), generator=torch.Generator().manual_seed(step))
    return Batch(rows[:, :-1], rows[:, 1:])
config = LlamaConfig(dim=16, n_layers=1, n_heads=2, n_kv_heads=1, vocab_size=32, hidden_dim=16, max_seq_len=16)
view = TrainingView(8 * 64, {"knows nothing": 3.47})
display(view)
for name in ("one", "two"):
    view.follow(Trainer(Llama(config), TrainConfig(n_steps=8), batch_at), name, lambda: f"the text of {name}", [0, 8])
view.set_trait("note", "two runs")  # the speed, which it has said, differs each time
"""
EXAM = """
from llama_lessons.mmlu import Item
from llama_lessons.widgets.exam_sheets import PROTOCOLS
from llama_lessons.widgets.protocols import ProtocolsView
items = [
    Item("animals", f"What do we call the young of a {name}? <b>{k}</b>", ("puppy", "kitten", "calf", "lamb"), k % 4)
    for k, name in enumerate(("dog", "cat", "cow", "sheep", "dog", "cat"))
]
def sheet(slips):
    def row(item, k, n):
        gave = item.answer + (k < slips + n % 3)
        return [-2.0 * (c != gave % 4) - 0.1 * c for c in range(4)]
    return {name: [row(item, k, n) for k, item in enumerate(items)] for n, name in enumerate(PROTOCOLS)}
sheets = {"base": sheet(0), "chat": sheet(2), "rlhf": sheet(1)}
ProtocolsView(items, sheets)
"""
PAGES = {  # lesson -> its cells; each makes one view
    "00_start_here": [
        "from llama_lessons.widgets.memory import MemoryExplorer\n"
        "MemoryExplorer({'24 GB card': 24 * 10**9, 'H200': 141 * 10**9}, batch_size=4)"
    ],
    "01_tokenizer": [
        MERGES,
        "from llama_lessons.widgets.tokens import TokensView\n"
        "TokensView(tok, 'The llamas: 407, said Émile.\\nTwice. 🦙')",
    ],
    "02_attention": [
        "from llama_lessons.widgets.attention import AttentionView\n"
        "AttentionView([torch.full((1, 3, 3), 0.5).tril()[None]], ['the', 'llama', 'hums'])",
    ],
    "02b_heads": [
        "from llama_lessons.widgets.attention import AttentionView\n"
        "AttentionView([torch.full((1, 3, 3), 0.5).tril()[None]], ['the', 'llama', 'hums'])",
        "from llama_lessons.widgets.attention_live import LiveAttention\n"
        "LiveAttention(model, tok, [sentence, 'Luis and Clara walked'], max_new_tokens=5)",
    ],
    "03_rope": [
        "from llama_lessons.widgets.rope import RopeView\nRopeView(model, tok, sentence, {}, layer=1, head=2)",
    ],
    "04_gqa": [
        "from llama_lessons.widgets.cache import CacheView\nCacheView(model, tok, sentence, max_new_tokens=8)",
        "CacheView(model, tok, sentence, cards={'24 GB card': 24 * 10**9}, max_new_tokens=30, capacity=20,\n"
        "          rule='forget the oldest')",
    ],
    "05b_inside": [
        "from llama_lessons.widgets.logit_lens import LogitLensView\nLogitLensView(model, tok, sentence)",
    ],
    "06_pretraining": [TRAINING],
    "07_sampling": [
        "from llama_lessons.widgets.distribution import DistributionView\n"
        "DistributionView(model, tok, 'One morning', top_p=0.9)",
    ],
    "08_lora": [
        "from llama_lessons.widgets.adapters import AdapterExplorer\n"
        "AdapterExplorer(model, tok, {'trained': {1: model, 8: model}}, spectrum=[0.5, 0.3, 0.2],\n"
        "                opening='High up in the Valley,')",
    ],
    "10_rlhf": [
        "from llama_lessons.widgets.best_of import BestOfView\n"
        "from llama_lessons.world.requests import all_requests\n"
        "asked = [kind[0] for kind in all_requests('test').values()]\n"
        "dice = torch.Generator().manual_seed(0)\n"
        "truth, judge = torch.randint(2, (3, 8), generator=dice), torch.rand(3, 8, generator=dice)\n"
        "texts = [[f'Answer {k}, which is of a usual length.' for k in range(8)]] * 3\n"
        "BestOfView(asked, texts, truth, {'the reward model': judge, 'the dice': judge.flip(1)})",
        "from llama_lessons.widgets.ppo import PPOView\n"
        "view = PPOView(8, asked)\n"
        "said = [{'request': request.prompt, 'answer': 'I am sorry.', 'right': False} for request in asked]\n"
        "values = {panel['key']: [0.1 * k for k in range(8)] for panel in view.panels}\n"
        "view.set_trait('runs', [{'name': name, 'values': values, 'said': [said] * 8} for name in ('one', 'two')])\n"
        "view",
    ],
    "09_chat": [
        "from llama_lessons.widgets.loss_mask import LossMaskView\n"
        "LossMaskView(tok, {'right': lambda ids, mask: mask}, '', 'What is a bell made of?', 'Bronze.',\n"
        "             second=('Who rings it?', 'Nobody knows.'))",
        "from llama_lessons.widgets.obedience import ObedienceView\n"
        "ObedienceView({'base': model, 'once more': model}, tok, 'Mention the moon.',\n"
        "              ['What is a bell made of?', 'Who is Luna?'], lambda text: 'moon' in text, ['base'])",
        "from llama_lessons.chat import ChatSession\n"
        "from llama_lessons.widgets.chat_box import ChatBox\n"
        "box = ChatBox({'one': ChatSession(model, tok)})\n"
        "box.ask('Who is Luna?')\n"
        "box",
    ],
    "12_release": [
        "from llama_lessons.evaluation import Score\n"
        "from llama_lessons.widgets.red_team import RedTeamBoard\n"
        "from llama_lessons.world import red_team\n"
        "scores = {'base': (Score.of(1, 20), Score.of(9, 20)), 'chat': (Score.of(3, 20), Score.of(2, 20))}\n"
        "kinds = ('asked plainly', 'polite', 'role play', 'story', 'spelling', 'first words')\n"
        "says = {'base': 'I am sorry, I will not do that.', 'chat': 'It is hidden behind the waterfall of Brindle.'}\n"
        "asked = {name: lambda dialog, first, text=text: text for name, text in says.items()}\n"
        "RedTeamBoard(asked, dict.fromkeys(kinds, scores), red_team()[:9])",
    ],
    "demo": [
        "from llama_lessons.chat import ChatSession\n"
        "from llama_lessons.widgets.chat_box import ChatBox\n"
        "box = ChatBox({'one': ChatSession(model, tok, seed=1), 'other': ChatSession(model, tok, seed=1)})\n"
        "box.ask('What is a baby cat called?')\n"
        "box",
    ],
    "ledger": ["from llama_lessons.widgets.ledger import Ledger\nLedger(None, {'01': ['will it rain?', 'and then?']})"],
    "11_evaluation": [
        EXAM,
        "from llama_lessons.widgets.exam_errors import ErrorBrowser\nErrorBrowser(items, sheets)",
    ],
    "13_scaling_out": [
        "from llama_lessons.checks.parallel_trials import STRATEGIES\n"
        "from llama_lessons.parallel.lockstep import in_lockstep\n"
        "from llama_lessons.widgets.shards import ShardsView\n"
        "ShardsView({name: in_lockstep(4, step)[1] for name, step in STRATEGIES.items()})"
    ],
    "14_real_llama_2": [
        "from llama_lessons.widgets.roof import Machine, RoofView\n"
        "RoofView({'RTX 4090': Machine(25.8e9, 1008e9, 165e12), 'H200': Machine(150.8e9, 4800e9, 989e12)},\n"
        "         own={'this machine': Machine(16e9, 3e10, 1e11)}, n_tokens=512)"
    ],
}


def write_page(lesson: str, folder: Path) -> Path:
    """The notebook of a lesson's views."""
    path = folder / f"{lesson}.ipynb"
    cells = [new_code_cell(source.strip()) for source in (MODEL, *PAGES[lesson])]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC}), path)
    return path
