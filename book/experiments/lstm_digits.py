"""Handwritten digits read pixel by pixel: simple networks and LSTMs, of equal width and of equal size.

The layers are torch.nn's: they equal the package's to rounding (chapter `lstm`), and at this size run faster.
"""

import time
from functools import partial

import torch
from stored import run
from torch import nn
from tqdm import tqdm

from rnncourse.layers import orthogonal_
from rnncourse.lstm import chrono_, forget_bias_
from rnncourse.tasks import digits, minibatch
from rnncourse.training import fit

PIXELS = 64
NETWORKS = {  # name -> layer, units for each of an LSTM's, initialisation
    "RNN": (nn.RNN, 1, lambda rnn: rnn),
    "RNN, twice the width": (nn.RNN, 2, lambda rnn: rnn),
    "RNN, twice the width, orthogonal": (nn.RNN, 2, orthogonal_),
    "LSTM, bias 0": (nn.LSTM, 1, lambda rnn: forget_bias_(rnn, 0.0)),
    "LSTM, bias 1": (nn.LSTM, 1, lambda rnn: forget_bias_(rnn, 1.0)),
    "LSTM, chrono": (nn.LSTM, 1, lambda rnn: chrono_(rnn, PIXELS)),
}


class Classifier(nn.Module):
    """A recurrent layer, and a read-out of its last state to ten digits."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn, self.readout = rnn, nn.Linear(rnn.hidden_size, 10)

    def forward(self, x):
        return self.readout(self.rnn(x)[0][:, -1])


def train(network, seed, *, H, batch_size, steps, rate):
    """Train one network; the parameters are those at the lowest loss on the validation images."""
    layer, times, initialise = NETWORKS[network]
    torch.manual_seed(seed)
    model = Classifier(initialise(layer(1, times * H, batch_first=True)))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    start = time.process_time()
    history = fit(
        model, partial(minibatch, digits("train"), batch_size), steps,
        optimizer=optimizer, seed=seed, validation=digits("valid"), validate_every=100, patience=steps,
    )  # fmt: skip
    seconds, test = time.process_time() - start, digits("test")
    with torch.no_grad():
        right = (model(test.inputs).argmax(1) == test.targets).float().mean().item()
    return dict(
        test=round(right, 4),
        validation=[round(loss, 4) for _, loss in history.validation],
        parameters=sum(p.numel() for p in model.rnn.parameters()),
        milliseconds_a_step=round(1000 * seconds / steps, 2),
    )


def measure(networks, seeds, **options):
    torch.set_num_threads(1)
    bar = tqdm(total=len(networks) * seeds, desc="trainings")
    results = {}
    for network in networks:
        results[network] = []
        for seed in range(seeds):
            results[network].append(train(network, seed, **options))
            bar.update()
    return results


SETTINGS = dict(networks=list(NETWORKS), seeds=3, H=64, batch_size=50, steps=1500, rate=3e-3)
QUICK = dict(networks=["RNN", "LSTM, bias 1"], seeds=1, H=8, batch_size=10, steps=20, rate=3e-3)

if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
