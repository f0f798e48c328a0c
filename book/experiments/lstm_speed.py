"""Processor time of a forward and backward pass over 64 steps: LSTM, simple network, and one of twice the width."""

import time

import torch
from stored import run
from torch import nn
from tqdm import trange

NETWORKS = {"RNN": (nn.RNN, 1), "RNN, twice the width": (nn.RNN, 2), "LSTM": (nn.LSTM, 1)}  # layer, units for each of H


def measure(widths, T, batch_size, rounds):
    torch.set_num_threads(1)
    milliseconds = {f"{H}": {name: [] for name in NETWORKS} for H in widths}
    layers = {(H, name): layer(H, times * H, batch_first=True) for H in widths for name, (layer, times) in NETWORKS.items()}
    for _ in trange(rounds, desc="rounds"):
        for (H, name), rnn in layers.items():  # in turn, so that a busy machine slows all alike
            x = torch.randn(batch_size, T, H)
            start = time.process_time()
            rnn(x)[0].sum().backward()
            milliseconds[f"{H}"][name].append(round(1000 * (time.process_time() - start), 3))
    return milliseconds


SETTINGS = dict(widths=[64, 256, 512], T=64, batch_size=32, rounds=15)
QUICK = dict(widths=[8], T=8, batch_size=2, rounds=2)

if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
