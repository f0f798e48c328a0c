"""First-token recall with the GRU, from six biases of the gate that keeps the old state, over growing lags."""

from functools import partial
from math import log

from stored import run
from sweep import Reader, sweep
from tqdm import tqdm

from rnncourse.gru import GRU, update_bias_
from rnncourse.tasks import first_token_recall

V = 4
SETTINGS = dict(
    biases=[-2, 0, 1, 2, 4, 8],
    lags=[10, 30, 60],
    rates=[0.01, 0.03, 0.1],
    seeds=[0, 1, 2],
    H=24,
    batch_size=32,
    updates=600,
    every=50,
    solved=0.1,  # of the loss of a guess
)
QUICK = SETTINGS | dict(biases=[2], lags=[4], seeds=[0], H=4, batch_size=4, updates=4, every=2)


def reader(bias, H):
    return Reader(update_bias_(GRU(V, H), float(bias)), V)


def measure(remember, biases, lags, H, batch_size, solved, **options):
    for bias in tqdm(biases, desc="biases"):
        for lag in lags:
            data = partial(first_token_recall, batch_size, lag, vocab_size=V)
            part = partial(sweep, partial(reader, bias, H), data, solved=solved * log(V), **options)
            runs = remember(part, bias=bias, lag=lag, guess=round(log(V), 4))
            if not any(run["learnt"] for run in runs):
                break  # longer lags are not tried


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
