"""Truncated backpropagation through time on text: windows and look-back, and what they cost.

A network that predicts characters reads a stream of English prose once, with an update after every k1 characters that
looks back k2. All read equally much text, so that short windows make more updates.
"""

import math
import time
from functools import partial

import torch
from stored import run
from sweep import Members, Reader, losses_of
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse.bptt import TruncatedBPTT, clip_gradient_norm
from rnncourse.recurrence import RNN
from rnncourse.tasks import prose

SETTINGS = dict(
    windows=[  # k1, k2, and what becomes of the state between two windows
        [20, 20, "reset"],
        [5, 5, "carried"],
        [20, 20, "carried"],
        [20, 40, "carried"],
        [20, 200, "carried"],
        [200, 200, "carried"],
        [1000, 1000, "carried"],
    ],
    rates=[0.001, 0.003, 0.01],
    seeds=[0, 1, 2],
    H=64,
    batch_size=32,  # streams side by side
    characters=6000,  # of each stream
)
QUICK = SETTINGS | dict(windows=[[5, 10, "carried"], [5, 5, "reset"]], rates=[0.01], seeds=[0], H=4, characters=20)


def streams(split, B, alphabet):
    """The text of a split as B streams side by side, (B, T)."""
    tokens = torch.tensor([alphabet.find(c) + 1 for c in prose(split)])  # 0 for a character that is not in it
    return tokens[: len(tokens) // B * B].view(B, -1)


def outputs_by_window(model, tokens, k1, k2, state):
    """The outputs (B, k1, …) of `model(x, state)` for each window of a stream (B, T), and the window's slice of time."""
    if state == "carried":
        yield from TruncatedBPTT(k1, k2).windows(model, tokens)
        return
    for begin in range(0, tokens.shape[1], k1):
        window = slice(begin, min(begin + k1, tokens.shape[1]))
        yield model(tokens[:, window], None)[0], window


def read(k1, k2, state, *, rates, seeds, H, batch_size, characters):
    """The runs: the mean loss in nats over each tenth of the text, and on text that wasn't read."""
    alphabet = "".join(sorted(set(prose("train"))))
    tokens, unseen = streams("train", batch_size, alphabet)[:, : characters + 1], streams("valid", batch_size, alphabet)
    models, runs = [], []
    for rate in rates:
        for seed in seeds:
            torch.manual_seed(seed)
            models.append(Reader(RNN(len(alphabet) + 1, H), len(alphabet) + 1, last=False))
            runs.append(dict(rate=rate, seed=seed, losses=[], learnt=None))
    members = Members(models, [run["rate"] for run in runs])

    def model(x, h):
        y, h = members(x, h)
        return y.permute(1, 2, 0, 3), h  # (B, T, M, K): TruncatedBPTT wants time second

    total, seen = torch.zeros(len(runs)), 0
    for y, window in outputs_by_window(model, tokens[:, :-1], k1, k2, state):
        loss = losses_of(y.permute(2, 0, 1, 3), tokens[:, 1:][:, window])
        members.descend(loss)
        total, seen = total + loss.detach() * y.shape[1], seen + y.shape[1]
        if seen >= characters / 10 or window.stop == characters:
            for r, loss in zip(runs, (total / seen).tolist(), strict=True):
                r["losses"].append(round(loss, 4))
            total, seen = torch.zeros(len(runs)), 0
    with torch.no_grad():
        nats = losses_of(members(unseen[:, :-1])[0], unseen[:, 1:]).tolist()
    return [r | dict(nats=round(value, 4)) for r, value in zip(runs, nats, strict=True)]


def cost(k1, k2, state, H, batch_size):
    """What one update of one network costs: milliseconds of processor time, and kilobytes that autograd keeps."""
    alphabet = "".join(sorted(set(prose("train"))))
    tokens = streams("train", batch_size, alphabet)[:, : max(k2 + 2 * k1, 200) + 1].clone()
    rnn, readout = RNN(len(alphabet) + 1, H), nn.Linear(H, len(alphabet) + 1)
    parameters = [*rnn.parameters(), *readout.parameters()]

    def model(x, h):
        y, h = rnn(F.one_hot(x, rnn.input_size).float(), h)
        return readout(y), h

    pieces, took, kept = {}, [], []

    def keep(tensor):
        if not isinstance(tensor, nn.Parameter):
            pieces[tensor.untyped_storage().data_ptr()] = tensor  # alive until counted, or its place would be reused
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        start = time.process_time()
        for y, window in outputs_by_window(model, tokens[:, :-1], k1, k2, state):
            loss = F.cross_entropy(y.flatten(0, 1), tokens[:, 1:][:, window].flatten())
            kept.append(sum(tensor.untyped_storage().nbytes() for tensor in pieces.values()))
            pieces.clear()
            loss.backward()
            clip_gradient_norm(parameters, 1.0)
            rnn.zero_grad()
            took.append(time.process_time() - start)
            start = time.process_time()
    return dict(milliseconds=round(1e3 * sorted(took)[len(took) // 2], 2), kilobytes=round(max(kept) / 1e3))


def measure(remember, windows, **settings):
    def part(*window):
        costs = cost(*window, settings["H"], settings["batch_size"])
        return [run | costs for run in read(*window, **settings)]

    for k1, k2, state in tqdm(windows, desc="windows"):
        updates = math.ceil(settings["characters"] / k1)
        remember(partial(part, k1, k2, state), k1=k1, k2=k2, state=state, updates=updates)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
