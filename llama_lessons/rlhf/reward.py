"""A model that judges: how helpful an answer is, and how safe."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from llama_lessons import paper
from llama_lessons.dialog import Dialog, encode_answers
from llama_lessons.model import Llama
from llama_lessons.rlhf.pairs import PairBatch, padded
from llama_lessons.tokenizer import Tokenizer

HELPFULNESS, SAFETY = 0, 1  # columns of the scores
ROWS = 64  # texts read at once
FIRST_WEIGHTS = (0.3, 0.08)  # of the mean and of the lowest log-probability in both scores, before training


class RewardModel(nn.Module):
    """A Llama that gives a finished answer two scores instead of the next token's.

    They are read from the hidden state at the last real token. To those comes what the language model itself thinks of
    the answer: the mean and the lowest log-probability of its tokens, </s> among them. A small model needs them, for it
    knows which answer is true only in its last layers, where no layer is left that could compare.

    Args:
        trunk: a chat model: the new model shares its weights, and trains them.

    Source: Llama 2, arXiv:2307.09288, section 3.2.2; there two models give a score each, and read nothing else.
    """

    def __init__(self, trunk: Llama) -> None:
        super().__init__()
        self.trunk = trunk
        self.score = nn.Linear(trunk.config.dim, 2, bias=False)
        self.likelihood = nn.Linear(2, 2, bias=False)  # reads mean and lowest log-probability
        nn.init.zeros_(self.score.weight)
        self.likelihood.weight.data.copy_(torch.tensor([FIRST_WEIGHTS, FIRST_WEIGHTS]))
        self.to(trunk.embedding.weight)  # its device and dtype

    def forward(self, tokens: Tensor, lengths: Tensor, answer_starts: Tensor) -> Tensor:
        """Scores of answers; what is padded changes nothing.

        Args:
            tokens: dialogs with their answer and its </s>, padded on the right with any ids, int64, shape (B, T).
            lengths: real tokens of each row, shape (B,).
            answer_starts: where the answer begins in each row, shape (B,).

        Returns:
            Helpfulness and safety, in logits, shape (B, 2).
        """
        hidden = self.trunk.hidden(tokens)  # (B, T, C)
        last = hidden[torch.arange(len(tokens), device=tokens.device), lengths - 1]  # (B, C)
        said = said_at(tokens, lengths, answer_starts)  # (B, T-1)
        log_probs = log_probs_where(self.trunk, hidden, tokens, said)  # (B, T-1)
        mean, lowest = log_probs.sum(1) / said.sum(1), log_probs.amin(1)  # (B,) twice; all are 0 or less
        return self.score(last) + self.likelihood(torch.stack([mean, lowest], 1).to(last.dtype))


def said_at(tokens: Tensor, lengths: Tensor, answer_starts: Tensor) -> Tensor:
    """Whether the token after each place belongs to the answer: (B, T), (B,), (B,) -> bool, (B, T-1)."""
    place = torch.arange(1, tokens.shape[1], device=tokens.device)
    return (place >= answer_starts[:, None]) & (place < lengths[:, None])


def log_probs_where(model: Llama, hidden: Tensor, tokens: Tensor, where: Tensor) -> Tensor:
    """Log-probability of the token after each place, in nats; 0 where none is asked for.

    Args:
        model: whose head is used.
        hidden: its hidden states, shape (B, T, C).
        tokens: ids, shape (B, T).
        where: whether it is asked for, bool, shape (B, T-1).

    Returns:
        float32, shape (B, T-1).
    """
    logits = model.output(hidden[:, :-1][where]).float()  # (N, V)
    found = -cross_entropy(logits, tokens[:, 1:][where], reduction="none")  # (N,)
    return torch.zeros(where.shape, device=tokens.device).masked_scatter(where, found)


def score(model: RewardModel, tok: Tokenizer, dialogs: Sequence[Dialog]) -> Tensor:
    """Helpfulness and safety of the last answer of each dialog, in logits, shape (B, 2)."""
    texts = [encode_answers(tok, dialog, last_only=True) for dialog in dialogs]
    return score_ids(model, [(ids, mask.index(True)) for ids, mask in texts])


@torch.inference_mode()
def score_ids(model: RewardModel, texts: Sequence[tuple[list[int], int]]) -> Tensor:
    """The same of token ids.

    Args:
        model: the reward model.
        texts: for each the ids of the dialog with its answer, and where the answer begins.

    Returns:
        Helpfulness and safety, in logits, float32 on the CPU, shape (B, 2).
    """
    found = torch.empty(len(texts), 2)
    by_length = sorted(range(len(texts)), key=lambda k: len(texts[k][0]))
    for start in range(0, len(texts), ROWS):
        rows = by_length[start : start + ROWS]
        batch = padded([texts[k] for k in rows])
        found[rows] = model(*(part.to(model.score.weight.device) for part in batch)).float().cpu()
    return found


def combined(scores: Tensor, tagged: Tensor) -> Tensor:
    """One reward of two scores: safety where the prompt is tagged or the answer looks unsafe, else helpfulness.

    Args:
        scores: helpfulness and safety, in logits, shape (B, 2).
        tagged: whether the prompt is one that might lead to harm, bool, shape (B,).

    Returns:
        The paper's R_c, in logits, shape (B,).

    Source: Llama 2, arXiv:2307.09288, section 3.2.3.
    """
    unsafe = scores[:, SAFETY].sigmoid() < paper.PPO["safety_threshold"].value
    return torch.where(tagged | unsafe, scores[:, SAFETY], scores[:, HELPFULNESS])


def pair_loss(chosen: Tensor, rejected: Tensor, margins: Tensor) -> Tensor:
    """Sum over pairs of -log sigmoid(chosen - rejected - margin), one number.

    Args:
        chosen: scores of the better answers, shape (P,).
        rejected: of the worse ones, shape (P,).
        margins: by how much the better one should lead before the loss is content, shape (P,).

    Source: Llama 2, arXiv:2307.09288, section 3.2.2.
    """
    return -logsigmoid(chosen - rejected - margins).sum()


def reward_loss(model: RewardModel, batch: PairBatch, safety_weight: float = 1.0) -> Tensor:
    """What a reward model is trained with: the pairs, and whether each answer is safe at all; one number.

    Args:
        model: the reward model.
        batch: pairs; each is judged by the score that its prompt asks for.
        safety_weight: of the auxiliary loss, the cross-entropy between safety score and "does no harm".

    Source: Llama 2, arXiv:2307.09288, section 3.2.2; the auxiliary loss: appendix A.3.3.
    """
    scores = model(batch.tokens.flatten(0, 1), batch.lengths.flatten(), batch.answer_starts.flatten())
    scores = scores.float().view(-1, 2, 2)  # (P, chosen or rejected, helpfulness or safety)
    judged = scores.gather(2, batch.asks_safety.long()[:, None, None].expand(-1, 2, 1))[:, :, 0]  # (P, 2)
    loss = pair_loss(judged[:, 0], judged[:, 1], batch.margins)
    safe = binary_cross_entropy_with_logits(scores[:, :, SAFETY], batch.does_no_harm.float(), reduction="sum")
    return loss + safety_weight * safe / 2
