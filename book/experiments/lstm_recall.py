"""First-token recall: simple networks and LSTMs of one size, over lags of 10 to 100 steps.

The first of T symbols is to be named at the end; all later ones are random too. An LSTM's forget gate starts with a bias
of 0, 1, 2 or 5, or spread over memories of up to T steps ("chrono", which is told the lag), or of up to 100 at every lag.
The simple network has twice the units, which makes as many parameters; it starts as PyTorch does, or orthogonal.
"""

from functools import partial
from math import log

from stored import run
from sweep import Reader, sweep
from torch import nn
from tqdm import tqdm

from rnncourse.layers import orthogonal_
from rnncourse.lstm import chrono_, forget_bias_
from rnncourse.recurrence import RNN
from rnncourse.tasks import first_token_recall

V = 4
STARTS = {  # name -> initialisation for the lag T
    "RNN": lambda rnn, T: rnn,
    "RNN, orthogonal": lambda rnn, T: orthogonal_(rnn),
    "LSTM, bias 0": lambda rnn, T: forget_bias_(rnn, 0.0),
    "LSTM, bias 1": lambda rnn, T: forget_bias_(rnn, 1.0),
    "LSTM, bias 2": lambda rnn, T: forget_bias_(rnn, 2.0),
    "LSTM, bias 5": lambda rnn, T: forget_bias_(rnn, 5.0),
    "LSTM, chrono": lambda rnn, T: chrono_(rnn, T),
    "LSTM, chrono 100": lambda rnn, T: chrono_(rnn, 100),
}
SETTINGS = dict(
    models=list(STARTS),
    lags=[10, 20, 30, 50, 100],
    rates=[0.001, 0.003, 0.01, 0.03],
    seeds=[0, 1, 2],
    units=dict(RNN=48, LSTM=24),
    batch_size=32,
    updates=2000,
    every=50,
    solved=0.1,  # of the loss of a guess
)
QUICK = SETTINGS | dict(
    models=["RNN", "LSTM, chrono"], lags=[10], seeds=[0], units=dict(RNN=8, LSTM=4), updates=4, every=2, batch_size=4
)


def reader(model, lag, units, inputs, outputs):
    """A network by its name, started for this lag, with a read-out of its last state."""
    kind = model.partition(",")[0]
    layer = nn.LSTM(inputs, units[kind], batch_first=True) if kind == "LSTM" else RNN(inputs, units[kind])
    return Reader(STARTS[model](layer, lag), outputs)


def over_lags(remember, task, inputs, outputs, guess, *, models, lags, units, batch_size, solved, **options):
    """Sweep each model over growing lags, until one that no seed learns at any rate: longer ones are not tried."""
    for model in tqdm(models, desc="models"):
        for lag in lags:
            make = partial(reader, model, lag, units, inputs, outputs)
            part = partial(sweep, make, partial(task, batch_size, lag), solved=solved * guess, **options)
            runs = remember(part, model=model, lag=lag, guess=round(guess, 4))
            if not any(run["learnt"] for run in runs):
                break


def measure(remember, **settings):
    over_lags(remember, partial(first_token_recall, vocab_size=V), V, V, log(V), **settings)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
