"""Handwritten digits read pixel by pixel: simple networks and LSTMs, of equal width and of equal size."""

from functools import partial

import torch
from stored import run
from sweep import Reader, sweep
from torch import nn
from tqdm import tqdm

from rnncourse.layers import orthogonal_
from rnncourse.lstm import chrono_, forget_bias_
from rnncourse.recurrence import RNN
from rnncourse.tasks import digits, minibatch

PIXELS = 64
NETWORKS = {  # name -> layer, units for each of an LSTM's, initialisation
    "RNN": (RNN, 1, lambda rnn: rnn),
    "RNN, twice the width": (RNN, 2, lambda rnn: rnn),
    "RNN, twice the width, orthogonal": (RNN, 2, orthogonal_),
    "LSTM, bias 0": (nn.LSTM, 1, lambda rnn: forget_bias_(rnn, 0.0)),
    "LSTM, bias 1": (nn.LSTM, 1, lambda rnn: forget_bias_(rnn, 1.0)),
    "LSTM, chrono": (nn.LSTM, 1, lambda rnn: chrono_(rnn, PIXELS)),
}
SETTINGS = dict(
    models=list(NETWORKS),
    rates=[0.001, 0.003, 0.01],
    seeds=[0, 1, 2, 3, 4],
    H=24,
    batch_size=32,
    updates=700,
    every=100,
)
QUICK = SETTINGS | dict(models=["RNN", "LSTM, bias 1"], rates=[0.01], seeds=[0], H=4, batch_size=4, updates=4, every=2)


def reader(model, H):
    layer, times, initialise = NETWORKS[model]
    return Reader(initialise(layer(1, times * H, batch_first=True)), 10)


@torch.no_grad()
def accuracy(model):
    test = digits("test")
    return (model(test.inputs).argmax(1) == test.targets).float().mean().item()


def measure(remember, models, H, batch_size, **options):
    data = partial(minibatch, digits("train"), batch_size)
    for model in tqdm(models, desc="networks"):
        make = partial(reader, model, H)
        size = sum(p.numel() for p in make().rnn.parameters())
        part = partial(sweep, make, data, validation=digits("valid"), measures=dict(accuracy=accuracy), **options)
        remember(part, model=model, H=make().rnn.hidden_size, parameters=size)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
