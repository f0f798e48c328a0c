"""Processor time of a training step, forward and backward, of an LSTM and a GRU of equal width in four implementations.

The two are timed in turn, so that what else runs on the machine meets both, and the median of the ratios is taken.
"""

import time
from statistics import quantiles

import torch
from stored import run
from tqdm import tqdm

from rnncourse import gru, lstm

SETTINGS = dict(sizes=[[8, 64], [32, 128], [32, 256], [32, 512]], T=128, rounds=15)
QUICK = dict(sizes=[[2, 4]], T=3, rounds=3)


def seconds(rnn, x):
    start = time.process_time()
    output, _ = rnn(x)
    output.sum().backward()
    return time.process_time() - start


def measure(sizes, T, rounds):
    """For each implementation, B and H: milliseconds of LSTM and GRU and GRU / LSTM: quartiles over the rounds."""
    pairs = {
        "rnncourse": (lstm.LSTM, gru.GRU, True),
        "rnncourse, reset before": (lstm.LSTM, lambda *a, **k: gru.GRU(*a, reset_after=False, **k), True),
        "torch.nn": (torch.nn.LSTM, torch.nn.GRU, True),
        "torch.nn without oneDNN": (torch.nn.LSTM, torch.nn.GRU, False),
    }
    results = []
    with tqdm(total=len(pairs) * len(sizes)) as bar:
        for B, H in sizes:
            x = torch.randn(B, T, H, generator=torch.Generator().manual_seed(0)).requires_grad_()
            for name, (make_lstm, make_gru, onednn) in pairs.items():
                with torch.backends.mkldnn.flags(enabled=onednn):
                    two = make_lstm(H, H, batch_first=True), make_gru(H, H, batch_first=True)
                    times = [[seconds(rnn, x) for rnn in two] for _ in range(rounds + 1)][1:]  # the first warms up
                columns = dict(lstm_ms=[1e3 * a for a, _ in times], gru_ms=[1e3 * b for _, b in times])
                columns["ratio"] = [b / a for a, b in times]
                rounded = {key: [round(q, 4) for q in quantiles(column)] for key, column in columns.items()}
                results.append(dict(name=name, B=B, H=H, **rounded))
                bar.update()
    return results


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(measure, SETTINGS, QUICK)
