"""The adding problem and first-token recall: simple networks and LSTMs of one size, over lags of 20 to 200 steps.

The layers are torch.nn's: they equal the package's to rounding (chapter `lstm`), and at this size run faster.
"""

from functools import partial
from itertools import product
from math import log

import torch
from stored import run
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse import tasks
from rnncourse.layers import orthogonal_
from rnncourse.lstm import chrono_, forget_bias_
from rnncourse.training import fit, supervised_loss

V = 4  # tokens of the recall
TASKS = {  # name -> the data, widths of input and output, the loss of the best guess without memory
    "adding": (tasks.adding, 2, 1, 1 / 6),
    "recall": (partial(tasks.first_token_recall, vocab_size=V), V, V, log(V)),
}
STARTS = {  # name -> layer, how many units for each of an LSTM's, initialisation for the lag T
    "RNN": (nn.RNN, 2, lambda rnn, T: rnn),
    "RNN, orthogonal": (nn.RNN, 2, lambda rnn, T: orthogonal_(rnn)),
    "LSTM, bias 0": (nn.LSTM, 1, lambda rnn, T: forget_bias_(rnn, 0.0)),
    "LSTM, bias 1": (nn.LSTM, 1, lambda rnn, T: forget_bias_(rnn, 1.0)),
    "LSTM, bias 2": (nn.LSTM, 1, lambda rnn, T: forget_bias_(rnn, 2.0)),
    "LSTM, bias 5": (nn.LSTM, 1, lambda rnn, T: forget_bias_(rnn, 5.0)),
    "LSTM, chrono": (nn.LSTM, 1, lambda rnn, T: chrono_(rnn, T)),
}


class Reader(nn.Module):
    """A recurrent layer, and a read-out of its last state."""

    def __init__(self, rnn, outputs):
        super().__init__()
        self.rnn, self.readout = rnn, nn.Linear(rnn.hidden_size, outputs)

    def forward(self, x):
        x = x if x.is_floating_point() else F.one_hot(x, V).float()
        return self.readout(self.rnn(x)[0][:, -1])


def train(task, T, start, seed, *, H, batch_size, steps, rate, every):
    """Train until a tenth of the baseline's loss is left, at most `steps`; the share left after each `every` steps."""
    data, inputs, outputs, baseline = TASKS[task]
    layer, times, initialise = STARTS[start]
    torch.manual_seed(seed)
    model = Reader(initialise(layer(inputs, times * H, batch_first=True), T), outputs)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    held, left = data(1000, T, seed=10_000), []
    while len(left) * every < steps and not (left and left[-1] < 0.1):
        # a seed for the data of its own in every stretch
        fit(model, partial(data, batch_size, T), every, optimizer=optimizer, seed=1000 * seed + len(left))
        with torch.no_grad():
            left.append(round(supervised_loss(model, held).item() / baseline, 4))
    return left


def measure(tasks, lags, starts, seeds, **options):
    torch.set_num_threads(1)
    settings = list(product(tasks, lags, starts, range(seeds)))
    names = ("task", "lag", "start", "seed")
    return [
        dict(zip(names, setting, strict=True), left=train(*setting, **options)) for setting in tqdm(settings, desc="trainings")
    ]


SETTINGS = dict(
    tasks=["adding", "recall"],
    lags=[20, 50, 100, 200],
    starts=["RNN", "RNN, orthogonal", "LSTM, bias 1", "LSTM, bias 5", "LSTM, chrono"],
    seeds=3,
    H=48,
    batch_size=32,
    steps=1500,
    rate=3e-3,
    every=100,
)
QUICK = SETTINGS | dict(lags=[10], starts=["RNN", "LSTM, chrono"], seeds=1, H=8, steps=20, every=10)

if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
