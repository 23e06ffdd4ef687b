import pytest
import torch
from torch.nn.functional import log_softmax
from torch.testing import assert_close

from llama_lessons.batches import IGNORE, Batch, pack, token_loss


def unmasked(*ids: int) -> tuple[list[int], list[bool]]:
    return list(ids), [True] * len(ids)


def test_rows_are_the_texts_end_to_end_and_targets_the_next_ids():
    batch = pack([unmasked(1, 5, 6, 2), unmasked(1, 7, 2), unmasked(1, 8, 9, 10, 11, 2)], batch_size=3, seq_len=3)
    assert batch.tokens.tolist() == [[1, 5, 6], [1, 7, 2], [8, 9, 10]]
    assert batch.targets.tolist() == [[5, 6, 2], [7, 2, 1], [9, 10, 11]]


def test_what_is_masked_is_read_but_is_no_target():
    texts = [([1, 5, 6, 2], [True, False, True, True]), ([1, 7, 8, 2], [False, False, False, True])]
    batch = pack(texts, batch_size=2, seq_len=3)
    assert batch.tokens.tolist() == [[1, 5, 6], [1, 7, 8]]
    assert batch.targets.tolist() == [[IGNORE, 6, 2], [IGNORE, IGNORE, 2]]


def test_no_more_texts_are_taken_than_needed():
    texts = iter([unmasked(1, 5, 6, 2)] * 5)
    pack(texts, batch_size=2, seq_len=2)
    assert len(list(texts)) == 3


def test_too_few_texts_are_an_error():
    with pytest.raises(ValueError, match="texts hold 4 tokens, and 2 rows of 3 take 8"):
        pack([unmasked(1, 5, 6, 2)], batch_size=2, seq_len=3)


def test_parts_hold_every_row_once():
    batch = Batch(torch.arange(10).view(5, 2), torch.arange(10).view(5, 2) + 1)
    parts = batch.split(3)
    assert [len(part.tokens) for part in parts] == [2, 2, 1]
    assert_close(torch.cat([part.targets for part in parts]), batch.targets)
    assert len(batch.split(9)) == 5


def test_targets_that_ask_nothing_are_not_counted():
    assert Batch(torch.ones(2, 3), torch.tensor([[IGNORE, 4, 5], [6, IGNORE, IGNORE]])).n_targets == 3


def test_loss_is_the_sum_over_the_positions_that_ask():
    logits, targets = torch.randn(2, 3, 7), torch.tensor([[4, IGNORE, 0], [IGNORE, 6, 1]])
    logs = log_softmax(logits, -1)
    by_hand = -(logs[0, 0, 4] + logs[0, 2, 0] + logs[1, 1, 6] + logs[1, 2, 1])
    assert_close(token_loss(logits, targets), by_hand)
