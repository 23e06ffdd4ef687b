"""A reward model from and to a folder that `transformers` opens as a classifier of sequences."""

from __future__ import annotations

from pathlib import Path

import torch

from llama_lessons.checkpoints import file_io, huggingface
from llama_lessons.checkpoints.assembly import assemble
from llama_lessons.checkpoints.compatibility import KIND, check_model
from llama_lessons.checkpoints.file_io import CheckpointError, blaming
from llama_lessons.folders import settle_folder, write_folder
from llama_lessons.rlhf.reward import RewardModel
from llama_lessons.tokenizer import Tokenizer

WEIGHTS = "model.safetensors"
NAMES = {0: "helpfulness", 1: "safety"}
HEAD = "score.weight"  # transformers' name
LIKELIHOOD = "answer_log_prob_weights"  # in config.json, where transformers keeps it and does not use it
SEQUENCE = {"architectures": ["LlamaForSequenceClassification"], "num_labels": 2, "id2label": NAMES}
SEQUENCE |= {"label2id": {name: number for number, name in NAMES.items()}, "pad_token_id": 0}


def save_reward_model(model: RewardModel, path: Path | str, tok: Tokenizer) -> None:
    """Write a reward model, whole or not at all.

    `transformers` opens trunk and head as LlamaForSequenceClassification: its logits are our scores less the part that
    the answer's log-probabilities give, whose weights stand in config.json. Padded is with id 0, on the right.

    Args:
        model: the reward model.
        path: a folder; a checkpoint that was written there before is replaced.
        tok: written beside the weights.

    Raises:
        ValueError: the folder holds anything else, or the trunk is no plain Llama or holds NaN.
    """
    check_model(model.trunk)
    with write_folder(path, KIND) as draft:
        huggingface.write(model.trunk, draft, tok)
        (draft / "generation_config.json").unlink()  # it writes nothing
        weights = {name: weight.clone() for name, weight in file_io.read_safetensors(draft / WEIGHTS).items()}
        file_io.write_safetensors(weights | {HEAD: model.score.weight.data.cpu().contiguous()}, draft / WEIGHTS)
        config = file_io.read_json(draft / "config.json")
        file_io.write_json(draft / "config.json", config | SEQUENCE | {LIKELIHOOD: model.likelihood.weight.tolist()})


def load_reward_model(path: Path | str, dtype: torch.dtype | None = None) -> RewardModel:
    """Open what `save_reward_model` wrote.

    Raises:
        CheckpointError: a file is missing or damaged, or it is no reward model; the message says what to do.
    """
    path = Path(path).expanduser()
    with blaming(path):
        settle_folder(path)
        settings = file_io.read_json(path / "config.json")
        if LIKELIHOOD not in settings:
            raise CheckpointError(path / "config.json", f'does not give "{LIKELIHOOD}"', "Name a reward model's folder")
        checkpoint = huggingface.read(path, {**settings, "architectures": None})  # a trunk is a Llama
        head = checkpoint.weights.pop(HEAD)
        model = RewardModel(assemble(checkpoint, "cpu", dtype))
        head.copy_to(model.score.weight.data)
        model.likelihood.weight.data.copy_(torch.tensor(settings[LIKELIHOOD]))
    return model
