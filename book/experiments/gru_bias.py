"""First-token recall with the GRU, over 30 steps, from nine biases of the gate that keeps the old state."""

from functools import partial

import torch
from gru_or_lstm import accuracy
from stored import run
from sweep import Reader
from tqdm import tqdm

from rnncourse.gru import GRU, update_bias_
from rnncourse.tasks import first_token_recall
from rnncourse.training import fit

SETTINGS = dict(biases=[-2, -1, 0, 1, 2, 3, 4, 6, 8], seeds=[0, 1, 2], T=30, V=4, H=32, updates=300, rate=0.01, batch_size=32)
QUICK = dict(biases=[2], seeds=[0], T=4, V=3, H=4, updates=3, rate=0.01, batch_size=4)


def measure(biases, seeds, T, V, H, updates, rate, batch_size):
    """For each bias: the accuracy on 1000 fresh sequences after training, one for each seed."""
    task = partial(first_token_recall, batch_size, T, vocab_size=V)
    test = first_token_recall(1000, T, 2**31, vocab_size=V)
    results = []
    for bias in tqdm(biases):
        right = []
        for seed in seeds:
            torch.manual_seed(seed)
            model = Reader(update_bias_(GRU(V, H), float(bias)), V)
            fit(model, task, updates, optimizer=torch.optim.Adam(model.parameters(), lr=rate), seed=seed)
            right.append(accuracy(model, test))
        results.append(dict(bias=bias, accuracy=right))
    return results


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(measure, SETTINGS, QUICK)
