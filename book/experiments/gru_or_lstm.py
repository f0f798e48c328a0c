"""LSTM and GRU on four tasks, at equal hidden size and at equal number of parameters.

Both start with a bias of 1 on the gate that keeps the old state. Adding, over 60 steps: the squared error. Digits, read
pixel by pixel: the share of test images that are right. Balance: whether more 1s or more 0s came so far, trained over
40 steps and asked over 1000: the share of steps that are right. Prose: bits per character of unseen text.
"""

import math
from functools import partial

import torch
from stored import run
from sweep import Reader, sweep
from torch import nn
from tqdm import tqdm

from rnncourse.gru import GRU, update_bias_
from rnncourse.lstm import forget_bias_
from rnncourse.tasks import Batch, adding, digits, encode, minibatch, prose
from rnncourse.training import supervised_loss

SETTINGS = dict(
    tasks=["adding", "digits", "balance", "prose"],
    models=["LSTM", "GRU, equal width", "GRU, equal parameters"],
    rates=[0.003, 0.01, 0.03],
    seeds=[0, 1, 2, 3, 4],
    units=dict(adding=24, digits=24, balance=12, prose=32),  # of the LSTM
    updates=dict(adding=800, digits=500, balance=1000, prose=400),
    batch_size=32,
)
QUICK = SETTINGS | dict(
    rates=[0.01],
    seeds=[0],
    units=dict.fromkeys(SETTINGS["tasks"], 3),
    updates=dict.fromkeys(SETTINGS["tasks"], 10),
    batch_size=4,
)


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
    """Widths in and out, whether the last step alone is read, the training data, what is measured, validation data."""
    generator = torch.Generator().manual_seed(2**31)
    if name == "adding":
        test = adding(1000, 60, generator)
        return 2, 1, True, partial(adding, batch_size, 60), {"squared error": partial(mean_loss, batch=test)}, None
    if name == "digits":
        data = partial(minibatch, digits("train"), batch_size)
        return 1, 10, True, data, {"accuracy": partial(accuracy, batch=digits("test"))}, digits("valid")
    if name == "balance":
        measures = {f"accuracy, T = {T}": partial(accuracy, batch=balance(200, T, generator)) for T in (40, 1000)}
        return 2, 3, False, partial(balance, batch_size, 40), measures, None
    symbols = sorted(set(prose("train") + prose("test")))
    train, test = (encode([prose(split)], symbols)[0][0] for split in ("train", "test"))
    test = test[: 64 * (len(test) // 64)].view(-1, 64)  # pieces of 64 characters

    def pieces(g):
        start = torch.randint(len(train) - 64, (batch_size, 1), generator=g)
        tokens = train[start + torch.arange(65)]
        return Batch(tokens[:, :-1], tokens[:, 1:])

    batch = Batch(test[:, :-1], test[:, 1:])
    return len(symbols), len(symbols), False, pieces, {"bits": lambda m: mean_loss(m, batch) / math.log(2)}, None


def size(model):
    return sum(p.numel() for p in model.parameters())


def reader(model, D, H, K, last):
    """A network of this kind of H units, from D inputs to K outputs."""
    if model == "LSTM":
        return Reader(forget_bias_(nn.LSTM(D, H, batch_first=True), 1.0), K, last)
    return Reader(update_bias_(GRU(D, H), 1.0), K, last)


def measure(remember, tasks, models, units, updates, batch_size, **options):
    with tqdm(total=len(tasks) * len(models), desc="networks") as bar:
        for task in tasks:
            D, K, last, data, measures, validation = task_of(task, batch_size)
            budget = size(reader("LSTM", D, units[task], K, last))
            wide = units[task]
            while size(reader("GRU", D, wide + 1, K, last)) <= budget:
                wide += 1
            for model in models:
                H = wide if model == "GRU, equal parameters" else units[task]
                make = partial(reader, model, D, H, K, last)
                length = dict(updates=updates[task], every=updates[task] // 10)
                part = partial(sweep, make, data, validation=validation, measures=measures, **length, **options)
                remember(part, task=task, model=model, H=H, parameters=size(make()))
                bar.update()


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
