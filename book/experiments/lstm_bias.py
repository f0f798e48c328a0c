"""First-token recall over 30 steps, from five initialisations of the forget gate's bias."""

import torch
from lstm_memory import train
from stored import run
from tqdm import tqdm


def measure(starts, seeds, lag, **options):
    torch.set_num_threads(1)
    return {
        start: [train("recall", lag, start, seed, **options) for seed in range(seeds)] for start in tqdm(starts, desc="starts")
    }


SETTINGS = dict(
    starts=["LSTM, bias 0", "LSTM, bias 1", "LSTM, bias 2", "LSTM, bias 5", "LSTM, chrono"],
    seeds=3,
    lag=30,
    H=48,
    batch_size=32,
    steps=1500,
    rate=3e-3,
    every=50,
)
QUICK = SETTINGS | dict(starts=["LSTM, bias 1"], seeds=1, lag=10, H=8, steps=20, every=10)

if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
