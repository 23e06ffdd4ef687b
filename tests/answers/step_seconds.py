"""Lesson 07b, its exercise: the least time of a decoding step."""

from __future__ import annotations

import numpy as np

from llama_lessons.checks.sampling import check_step_seconds
from tests.answers.bank import Bank

bank = Bank(check_step_seconds)


@bank.right
def row_by_row(n_params, cached, batch_size, bytes_per_number, bandwidth, flops):
    reading, computing = n_params * bytes_per_number / bandwidth, 0.0
    for _row in range(batch_size):
        reading += cached * bytes_per_number / bandwidth
        computing += 2 * n_params / flops
    return reading if reading > computing else computing


@bank.right
def by_numpy(n_params, cached, batch_size, bytes_per_number, bandwidth, flops):
    amounts = np.array([(n_params + batch_size * cached) * bytes_per_number, 2 * n_params * batch_size])
    return (amounts / [bandwidth, flops]).max().item()


def seconds(n, cached, batch, size, bandwidth, flops, read=None, work=None, choose=max):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    read = (n + batch * cached) * size if read is None else read(n, cached, batch, size)
    work = 2 * n * batch if work is None else work(n, cached, batch, size)
    return choose(read / bandwidth, work / flops)


for says, answer in {
    "you added the two times": lambda *given: seconds(*given, choose=lambda reading, computing: reading + computing),
    "you took the mean of the two": lambda *given: seconds(*given, choose=lambda *times: sum(times) / 2),
    "you took the shorter time": lambda *given: seconds(*given, choose=min),
    "you left out the arithmetic": lambda *given: seconds(*given, work=lambda *_: 0),
    "you left out memory": lambda *given: seconds(*given, read=lambda *_: 0),
    "once for every row: all rows share": lambda *given: seconds(*given, read=lambda n, c, b, size: b * (n + c) * size),
    "you left out the caches": lambda *given: seconds(*given, read=lambda n, c, b, size: n * size),
    "you left out the weights": lambda *given: seconds(*given, read=lambda n, c, b, size: b * c * size),
    "one cache for all rows: each": lambda *given: seconds(*given, read=lambda n, c, b, size: (n + c) * size),
    "the caches in numbers": lambda *given: seconds(*given, read=lambda n, c, b, size: n * size + b * c),
    "you read numbers, not bytes": lambda *given: seconds(*given, read=lambda n, c, b, size: n + b * c),
    "you took 2 bytes": lambda *given: seconds(*given, read=lambda n, c, b, size: (n + b * c) * 2),
    "one operation for each weight": lambda *given: seconds(*given, work=lambda n, c, b, size: n * b),
    "six operations": lambda *given: seconds(*given, work=lambda n, c, b, size: 6 * n * b),
    "the arithmetic of one row": lambda *given: seconds(*given, work=lambda n, c, b, size: 2 * n),
    "you gave the steps per second": lambda *given: 1 / seconds(*given),
    "you divided by the number of rows": lambda *given: seconds(*given) / given[2],
    "you gave milliseconds": lambda *given: seconds(*given) * 1e3,
    "you gave both times": lambda *given: seconds(*given, choose=lambda *times: times),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("returned None")
def prints(*given):
    print(seconds(*given))


@bank.wrong()
def the_geometric_mean(*given):
    return seconds(*given, choose=lambda reading, computing: (reading * computing) ** 0.5)
