"""Looking up a value by its key: a simple recurrent network reads one to four pairs, then a key; at several rates and seeds."""

from functools import partial
from math import log

import torch
from stored import run
from sweep import Reader, sweep
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse.recurrence import RNN
from rnncourse.tasks import Batch

SYMBOLS = 4
QUESTIONS = {"first of 4": dict(pairs=4, first=True)} | {f"{pairs} pairs": dict(pairs=pairs) for pairs in (1, 2, 3, 4)}
SETTINGS = dict(
    questions=list(QUESTIONS), rates=[3e-3, 1e-2, 3e-2], seeds=[0, 1, 2], H=64, updates=6000, every=250, solved=0.015
)  # fmt: skip
QUICK = SETTINGS | dict(questions=["1 pairs", "first of 4"], rates=[1e-2], seeds=[0], H=4, updates=2, every=1)


def pairs_and_key(generator, *, pairs, first=False, count=128):
    """`pairs` pairs of key and value, then a key: which value came with it, or, if `first`, which value came first?

    inputs (count, pairs + 1, 2 · SYMBOLS): the keys of a sequence are all different. targets (count,).
    """
    keys = torch.rand(count, SYMBOLS, generator=generator).argsort(1)[:, :pairs]
    values = torch.randint(SYMBOLS, (count, pairs), generator=generator)
    asked = torch.randint(pairs, (count,), generator=generator)
    rows = torch.arange(count)
    stored = torch.cat([F.one_hot(keys, SYMBOLS), F.one_hot(values, SYMBOLS)], 2)
    query = F.pad(F.one_hot(keys[rows, asked], SYMBOLS), (0, SYMBOLS))
    x = torch.cat([stored, query[:, None]], 1).float()
    return Batch(x, values[:, 0] if first else values[rows, asked])


def look_up(question, H, solved, **options):
    """Answer a question; the share of right answers on 4000 new sequences is measured."""
    draw = partial(pairs_and_key, **QUESTIONS[question])
    held = draw(torch.Generator().manual_seed(10_000), count=4000)

    @torch.no_grad()
    def accuracy(model):
        return round((model(held.inputs).argmax(1) == held.targets).float().mean().item(), 4)

    guess = log(SYMBOLS)  # the loss of a guess among all symbols; the task is learnt where `solved` of it is left
    make = partial(_reader, H)
    runs = sweep(make, draw, solved=solved * guess, measures=dict(accuracy=accuracy), **options)
    return [run | dict(guess=guess) for run in runs]


def _reader(H):
    return Reader(RNN(2 * SYMBOLS, H), SYMBOLS)


def measure(remember, questions, **options):
    for question in tqdm(questions, desc="questions"):
        remember(partial(look_up, question, **options), question=question)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
