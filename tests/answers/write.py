"""Lesson 00, exercise 1: write, always with the likeliest piece."""

from __future__ import annotations

import torch

from llama_lessons.checks.writing import check_write
from tests.answers.bank import Bank

bank = Bank(check_write)


def best(scores):
    return max(range(len(scores)), key=lambda token: scores[token])


@bank.right
def by_calling_itself(scores_after, ids, n_new):
    return ids if n_new == 0 else by_calling_itself(scores_after, [*ids, best(scores_after(ids))], n_new - 1)


@bank.right
def in_a_tensor(scores_after, ids, n_new):
    row = torch.tensor(ids)
    while len(row) < len(ids) + n_new:
        row = torch.cat((row, scores_after(row).argmax(-1, keepdim=True)))
    return row.tolist()


@bank.right
def by_softmax_and_sorting(scores_after, ids, n_new):
    row = ids[:]
    for _ in range(n_new):
        row += [torch.softmax(scores_after(row), 0).sort().indices[-1].item()]
    return row


@bank.wrong("only the new ids")
def leaves_the_start_out(scores_after, ids, n_new):
    new = []
    for _ in range(n_new):
        new.append(best(scores_after(ids + new)))
    return new


@bank.wrong("the same row each time")
def forgets_what_it_wrote(scores_after, ids, n_new):
    return ids + [best(scores_after(ids)) for _ in range(n_new)]


@bank.wrong("took the n_new highest scores")
def the_best_few(scores_after, ids, n_new):
    return ids + scores_after(ids).argsort(descending=True)[:n_new].tolist()


@bank.wrong("the last id only")
def sees_one(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(best(scores_after([row[-1]])))
    return row


@bank.wrong("new ids only")
def sees_its_own(scores_after, ids, n_new):
    row, seen = list(ids), list(ids)
    for k in range(n_new):
        row.append(best(scores_after(seen)))
        seen = [row[-1]] if k == 0 else [*seen, row[-1]]
    return row


@bank.wrong("dropped the first id")
def slides(scores_after, ids, n_new):
    row, window = list(ids), list(ids)
    for _ in range(n_new):
        row.append(best(scores_after(window)))
        window = [*window[1:], row[-1]]
    return row


@bank.wrong("took the lowest score")
def unlikeliest(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(scores_after(row).argmin().item())
    return row


@bank.wrong("put the score into the row")
def by_max(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(float(max(scores_after(row))))
    return row


@bank.wrong("at the front")
def at_the_front(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.insert(0, best(scores_after(row)))
    return row


@bank.wrong("inside the loop")
def returns_at_once(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(best(scores_after(row)))
        return row
    return row


@bank.wrong("one id too few")
def range_from_one(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(1, n_new):
        row.append(best(scores_after(row)))
    return row


@bank.wrong("one id too many")
def until_longer(scores_after, ids, n_new):
    row = list(ids)
    while len(row) <= len(ids) + n_new:
        row.append(best(scores_after(row)))
    return row


@bank.wrong("when the row had n_new ids")
def until_n_new(scores_after, ids, n_new):
    row = list(ids)
    while len(row) < n_new:
        row.append(best(scores_after(row)))
    return row


@bank.wrong("without its last id")
def scores_as_in_training(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(best(scores_after(row[:-1] if len(row) > 1 else row)))
    return row


@bank.wrong("changed the arguments")
def into_the_given_list(scores_after, ids, n_new):
    for _ in range(n_new):
        ids.append(best(scores_after(ids)))
    return ids


@bank.wrong("is a Tensor and should be an int")
def tensors_in_a_list(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(scores_after(row).argmax())
    return row


@bank.wrong("drawn at random")
def rolls_dice(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(torch.multinomial(scores_after(row).softmax(-1), 1).item())
    return row


@bank.wrong("returned None")
def forgets_return(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(best(scores_after(row)))


@bank.wrong("still stands in it")
def forgets_the_raise(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(best(scores_after(row)))
    raise NotImplementedError("your turn")


@bank.wrong()
def third_best(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        row.append(scores_after(row).argsort(descending=True)[2].item())
    return row


@bank.wrong()
def starts_from_zero(scores_after, ids, n_new):
    row = list(ids)
    for _ in range(n_new):
        highest, token = 0, 0
        for k, score in enumerate(scores_after(row)):
            if score > highest:
                highest, token = score, k
        row.append(token)
    return row
