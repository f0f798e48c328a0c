"""How far back a simple recurrent network learns: the first symbol is asked for after more and more steps.

The first of T symbols is to be named at the end. Between them stand blanks ("quiet") or other symbols ("noisy").
The recurrent matrix starts as PyTorch's default, starts orthogonal, or is held orthogonal throughout.
"""

from functools import partial
from itertools import product
from math import log

import torch
from stored import run
from sweep import Reader, sweep
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from tqdm import tqdm

from rnncourse.layers import orthogonal_
from rnncourse.recurrence import RNN
from rnncourse.tasks import Batch, first_token_recall

SYMBOLS = 4
SETTINGS = dict(
    between=["quiet", "noisy"],
    models=["default", "orthogonal", "held orthogonal"],
    lags=[5, 10, 20, 40, 80, 160],
    rates=[0.001, 0.003, 0.01, 0.03],
    seeds=[0, 1, 2],
    H=48,
    batch_size=32,
    updates=2000,
    every=50,
    solved=0.1,  # of the loss of a guess
)
QUICK = SETTINGS | dict(lags=[5], rates=[0.001], seeds=[0], H=8, batch_size=4, updates=4, every=2)


def recall(between, batch_size, T, generator):
    """inputs (B, T, SYMBOLS + 1), one-hot, the last of the five being the blank; targets (B,), the first symbols."""
    tokens, first, _ = first_token_recall(batch_size, T, generator, vocab_size=SYMBOLS)
    if between == "quiet":
        tokens[:, 1:] = SYMBOLS
    return Batch(F.one_hot(tokens, SYMBOLS + 1).float(), first)


def reader(model, H):
    rnn = RNN(SYMBOLS + 1, H)
    if model != "default":
        orthogonal_(rnn)
    if model == "held orthogonal":
        parametrizations.orthogonal(rnn, "weight_hh_l0", orthogonal_map="cayley")
    return Reader(rnn, SYMBOLS)


def measure(remember, between, models, lags, H, batch_size, solved, **options):
    for where, model in tqdm(list(product(between, models)), desc="starts"):
        for lag in lags:
            test = recall(where, 500, lag, torch.Generator().manual_seed(2**31))

            @torch.no_grad()
            def accuracy(network, test=test):
                return (network(test.inputs).argmax(1) == test.targets).float().mean().item()

            runs = remember(
                partial(
                    sweep, partial(reader, model, H), partial(recall, where, batch_size, lag),
                    solved=solved * log(SYMBOLS), measures=dict(accuracy=accuracy), **options,
                ),
                between=where, model=model, lag=lag, guess=round(log(SYMBOLS), 4),
            )  # fmt: skip
            if not any(run["learnt"] for run in runs):
                break  # longer sequences are not tried


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
