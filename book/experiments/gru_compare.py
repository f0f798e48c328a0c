"""LSTM and GRU on four tasks, at equal hidden size and at equal number of parameters.

Both start with a bias of 1 on the gate that keeps the old state, and each gets the better of two learning rates.
The layers are the package's, whose loops over time are the same Python code around other equations.
"""

import math
import platform
import time
from functools import partial

import torch
from stored import run
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse.gru import GRU, update_bias_
from rnncourse.lstm import LSTM, forget_bias_
from rnncourse.tasks import Batch, adding, digits, encode, minibatch, prose
from rnncourse.training import fit, supervised_loss

SETTINGS = dict(
    tasks=["adding", "digits", "balance", "prose"],
    seeds=[0, 1, 2],
    rates=[0.003, 0.01],
    hidden=dict(adding=32, digits=48, balance=16, prose=96),
    steps=dict(adding=1000, digits=700, balance=1600, prose=600),
    batch_size=32,
)
QUICK = dict(
    tasks=["adding", "digits", "balance", "prose"],
    seeds=[0],
    rates=[0.01],
    hidden=dict(adding=3, digits=3, balance=3, prose=3),
    steps=dict(adding=2, digits=2, balance=2, prose=2),
    batch_size=4,
)


class Model(nn.Module):
    """A recurrent network and a linear read-out, of every step or of the last; tokens become one-hot vectors."""

    def __init__(self, rnn, outputs, last):
        super().__init__()
        self.rnn, self.last, self.readout = rnn, last, nn.Linear(rnn.hidden_size, outputs)

    def forward(self, x):
        x = x if x.is_floating_point() else F.one_hot(x, self.rnn.input_size).float()
        h = self.rnn(x)[0]
        return self.readout(h[:, -1] if self.last else h)


def balance(batch_size, T, generator):
    """inputs (B, T): steps down (0) and up (1). targets (B, T): whether their sum so far is below, at or above 0."""
    up = torch.randint(2, (batch_size, T), generator=generator)
    return Batch(up, (2 * up - 1).cumsum(1).sign() + 1)


@torch.no_grad()
def accuracy(model, batch):
    return (model(batch.inputs).argmax(-1) == batch.targets).float().mean().item()


@torch.no_grad()
def mean_loss(model, batch):
    return supervised_loss(model, batch).item()


def task_of(name, batch_size):
    """Widths in and out, whether the last step alone is read, the training data, and what is measured at the end."""
    generator = torch.Generator().manual_seed(2**31)
    if name == "adding":
        test = adding(1000, 60, generator)
        return 2, 1, True, partial(adding, batch_size, 60), {"squared error": lambda m: mean_loss(m, test)}
    if name == "digits":
        data = partial(minibatch, digits("train"), batch_size)
        return 1, 10, True, data, {"accuracy": lambda m: accuracy(m, digits("test"))}
    if name == "balance":
        near, far = (balance(200, T, generator) for T in (40, 1000))
        measures = {"accuracy, T = 40": lambda m: accuracy(m, near), "accuracy, T = 1000": lambda m: accuracy(m, far)}
        return 2, 3, False, lambda g: balance(batch_size, 40, g), measures
    symbols = sorted(set(prose("train") + prose("test")))
    train, test = (encode([prose(split)], symbols)[0][0] for split in ("train", "test"))
    test = test[: 64 * (len(test) // 64)].view(-1, 64)  # pieces of 64 characters

    def pieces(g):
        start = torch.randint(len(train) - 64, (batch_size, 1), generator=g)
        tokens = train[start + torch.arange(65)]
        return Batch(tokens[:, :-1], tokens[:, 1:])

    batch = Batch(test[:, :-1], test[:, 1:])
    return len(symbols), len(symbols), False, pieces, {"bits": lambda m: mean_loss(m, batch) / math.log(2)}


def size(model):
    return sum(p.numel() for p in model.parameters())


def measure(tasks, seeds, rates, hidden, steps, batch_size):
    """For each task, model and learning rate: what is measured at the end and seconds per update, one for each seed."""
    results = {}
    with tqdm(total=len(tasks) * len(seeds) * len(rates) * 3) as bar:
        for name in tasks:
            D, K, last, data, measures = task_of(name, batch_size)
            H = wide = hidden[name]
            budget = size(Model(LSTM(D, H), K, last))
            while size(Model(GRU(D, wide + 1), K, last)) <= budget:
                wide += 1
            makes = {
                "LSTM": lambda D=D, H=H: forget_bias_(LSTM(D, H), 1.0),
                "GRU, equal width": lambda D=D, H=H: update_bias_(GRU(D, H), 1.0),
                "GRU, equal parameters": lambda D=D, H=wide: update_bias_(GRU(D, H), 1.0),
            }
            runs = []
            for seed in seeds:  # the models side by side, so that what else runs meets all alike
                for rate in rates:
                    for label, make in makes.items():
                        torch.manual_seed(seed)
                        model = Model(make(), K, last)
                        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
                        start = time.process_time()
                        history = fit(model, data, steps[name], optimizer=optimizer, seed=seed)
                        spent = (time.process_time() - start) / steps[name]
                        loss = torch.tensor(history.loss)[-(steps[name] // 10 or 1) :].mean().item()
                        runs.append(
                            dict(model=label, H=model.rnn.hidden_size, parameters=size(model), seed=seed, rate=rate)
                            | dict(loss=loss, seconds_per_update=spent)
                            | {what: value(model) for what, value in measures.items()}
                        )
                        bar.update()
            results[name] = runs
    return dict(python=platform.python_version(), tasks=results)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(measure, SETTINGS, QUICK)
