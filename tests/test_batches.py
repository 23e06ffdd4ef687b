import pytest
import torch
from torch.nn.functional import log_softmax
from torch.testing import assert_close

from llama_lessons.batches import IGNORE, Batch, pack, pack_whole, token_loss


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


def text(n: int, first: int, closes: bool = False, asked: int = 2) -> tuple[list[int], list[bool], bool]:
    """n ids from `first` on, of which the last `asked` are to be predicted."""
    return list(range(first, first + n)), [place >= n - asked for place in range(n)], closes


def test_whole_texts_go_to_the_first_row_with_room_and_the_rest_is_padding():
    texts = [text(4, 10), text(5, 20), text(2, 30, asked=1), text(3, 40)]
    batch = pack_whole(texts, batch_size=3, seq_len=6, pad_id=9)
    assert batch.tokens.tolist() == [[10, 11, 12, 13, 30, 31], [20, 21, 22, 23, 24, 9], [40, 41, 42, 9, 9, 9]]
    i = IGNORE
    assert batch.targets.tolist() == [[i, 12, 13, i, 31, i], [i, i, 23, 24, i, i], [41, 42, i, i, i, i]]


def test_a_text_may_fill_a_row_to_its_last_target():
    batch = pack_whole([text(7, 10)], batch_size=1, seq_len=6, pad_id=9)
    assert batch.tokens.tolist() == [[10, 11, 12, 13, 14, 15]]
    assert batch.targets.tolist() == [[IGNORE] * 4 + [15, 16]]


def test_what_closes_a_row_stands_last_in_it_and_there_is_one_in_a_row():
    texts = [text(3, 10, closes=True), text(3, 20), text(3, 30, closes=True), text(2, 40, asked=1), text(9, 50)]
    batch = pack_whole(texts, batch_size=2, seq_len=9, pad_id=0)
    assert batch.tokens.tolist() == [[20, 21, 22, 40, 41, 10, 11, 12, 0], [30, 31, 32, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("closes", [False, True])
def test_the_first_text_without_room_ends_the_batch(closes: bool):
    texts = iter([text(4, 10, closes), text(4, 20, closes), text(4, 30, closes), text(2, 40), text(2, 50)])
    batch = pack_whole(texts, batch_size=2, seq_len=6, pad_id=0)
    assert batch.tokens.tolist() == [[10, 11, 12, 13, 0, 0], [20, 21, 22, 23, 0, 0]]
    assert len(list(texts)) == 2


def test_every_target_of_a_packed_text_is_counted_once():
    texts = [text(n, 100 * n, closes=n % 3 == 0, asked=1 + n % 4) for n in range(2, 12)]
    batch = pack_whole(texts, batch_size=6, seq_len=20, pad_id=1)
    asked = [token for ids, mask, _ in texts for token, counts in zip(ids[1:], mask[1:], strict=True) if counts]
    assert sorted(batch.targets[batch.targets != IGNORE].tolist()) == sorted(asked)
    assert batch.n_targets == len(asked)


BAD_TEXTS = {
    "texts must hold at least one text, got none": [],
    "fit a row of 6 tokens, got one of 8": [text(8, 10)],
    "texts must ask for something and fit a row of 6 tokens, got one of 4": [text(3, 10), text(4, 10, asked=0)],
    "texts must ask for something": [([7, 8, 9], [True, False, False], False)],  # nothing comes before the first id
}


@pytest.mark.parametrize("trouble", BAD_TEXTS)
def test_a_text_that_cannot_be_learned_from_is_refused(trouble: str):
    with pytest.raises(ValueError, match=trouble):
        pack_whole(BAD_TEXTS[trouble], batch_size=2, seq_len=6, pad_id=0)


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        pack_whole([([7, 8, 9], [True, True], False)], batch_size=2, seq_len=6, pad_id=0)
