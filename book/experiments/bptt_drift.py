"""What becomes of an orthogonal start: singular values, spectral radius and gradient by lag while a network is trained.

The task is the noisy one of bptt_lags over 40 steps, at the rate that is best there for each start.
"""

import math
from functools import partial

import torch
from bptt_lags import reader, recall
from stored import best, load, run
from sweep import Members
from tqdm import tqdm

from rnncourse.bptt import gradient_norm_by_lag

SETTINGS = dict(models=["orthogonal", "held orthogonal"], lag=40, seeds=[0, 1, 2], H=48, batch_size=32, updates=1000)
QUICK = SETTINGS | dict(seeds=[0], lag=5, H=8, batch_size=4, updates=10)


def drift(model, rate, lag, seeds, H, batch_size, updates):
    """For each seed: update, largest and smallest singular value, radius; gradient by lag at the start and at the end."""
    networks = []
    for seed in seeds:
        torch.manual_seed(seed)
        networks.append(reader(model, H))
    members = Members(networks, [rate] * len(seeds))
    generator = torch.Generator().manual_seed(0)
    x = recall("noisy", batch_size, lag, torch.Generator().manual_seed(99)).inputs
    at = {0, updates, *(round(10 ** (i / 8)) for i in range(1 + 8 * math.ceil(math.log10(updates))))}
    runs = [dict(rate=rate, seed=seed, update=[], largest=[], smallest=[], radius=[], gradient={}) for seed in seeds]
    for update in range(updates + 1):
        if update in at:
            members.write()
            for r, network in zip(runs, networks, strict=True):
                W = network.rnn.weight_hh_l0.detach()
                values = torch.linalg.svdvals(W)
                r["update"].append(update)
                r["largest"].append(values[0].item())
                r["smallest"].append(values[-1].item())
                r["radius"].append(torch.linalg.eigvals(W).abs().max().item())
                if update in (0, updates):
                    norms = gradient_norm_by_lag(network.rnn, x)
                    r["gradient"][update] = (norms / norms[0]).tolist()
        members.update(recall("noisy", batch_size, lag, generator))
    return runs


def measure(remember, models, lag, **settings):
    record = load("bptt_lags")
    lags = sorted({r["lag"] for r in record["results"]})
    for model in tqdm(models, desc="starts"):
        rate = best(record, between="noisy", model=model, lag=lag if lag in lags else lags[0]).rate
        remember(partial(drift, model, rate, lag, **settings), model=model, lag=lag)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
