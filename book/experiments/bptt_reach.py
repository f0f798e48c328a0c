"""How far back a simple recurrent network learns: the first symbol is asked for after more and more steps.

The first of T symbols is to be named at the end. Between them stand blanks ("quiet") or other symbols ("noisy").
The recurrent matrix starts as PyTorch's default, starts orthogonal, or is held orthogonal throughout.
"""

import math

import torch
from stored import run
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from tqdm import tqdm

from rnncourse.bptt import gradient_norm_by_lag
from rnncourse.layers import orthogonal_
from rnncourse.recurrence import RNN
from rnncourse.tasks import first_token_recall

SYMBOLS = 4
SETTINGS = dict(lags=[5, 10, 20, 40, 80, 160, 320], seeds=[0, 1, 2], H=64, updates=1500, drift_lag=40)
QUICK = dict(lags=[5, 10], seeds=[0], H=8, updates=20, drift_lag=10)
STARTS = ("default", "orthogonal", "held orthogonal")


def batch(T, noisy, generator):
    """One-hot inputs (32, T, SYMBOLS + 1), the last of them the blank, and the first symbol of each sequence (32,)."""
    tokens, first, _ = first_token_recall(32, T, generator, vocab_size=SYMBOLS)
    if not noisy:
        tokens[:, 1:] = SYMBOLS
    return F.one_hot(tokens, SYMBOLS + 1).float(), first


def network(start, H):
    rnn = RNN(SYMBOLS + 1, H)
    if start != "default":
        orthogonal_(rnn)
    if start == "held orthogonal":
        parametrizations.orthogonal(rnn, "weight_hh_l0", orthogonal_map="cayley")
    return rnn


def train(start, T, noisy, seed, H, updates, until=0.99, watch=None):
    """Train until 99 % of the last 50 batches are right; the updates that took (None: not learnt) and that share."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    rnn, readout = network(start, H), nn.Linear(H, SYMBOLS)
    parameters = [*rnn.parameters(), *readout.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    right = []
    for update in range(updates + 1):
        if watch:
            watch(update, rnn)
        x, first = batch(T, noisy, generator)
        logits = readout(rnn(x)[0][:, -1])
        right.append((logits.argmax(1) == first).float().mean().item())
        share = sum(right[-50:]) / len(right[-50:])
        if len(right) > 50 and share > until:
            return update, share
        optimiser.zero_grad()
        F.cross_entropy(logits, first).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
    return None, share


def drift(start, T, seed, H, updates):
    """Singular values, spectral radius and gradient by lag while the noisy task is trained to the end."""
    x, _ = batch(T, True, torch.Generator().manual_seed(99))
    record = dict(update=[], largest=[], smallest=[], radius=[], gradient={})
    at = {0, updates, *(round(10 ** (i / 8)) for i in range(1 + 8 * math.ceil(math.log10(updates))))}

    def watch(update, rnn):
        if update not in at or update > updates:
            return
        W = rnn.weight_hh_l0.detach()
        values = torch.linalg.svdvals(W)
        record["update"].append(update)
        record["largest"].append(values[0].item())
        record["smallest"].append(values[-1].item())
        record["radius"].append(torch.linalg.eigvals(W).abs().max().item())
        if update in (0, updates):
            norms = gradient_norm_by_lag(rnn, x)
            record["gradient"][update] = (norms / norms[0]).tolist()

    train(start, T, True, seed, H, updates, until=1.0, watch=watch)  # no share is above 1: never stops early
    return record


def measure(lags, seeds, H, updates, drift_lag):
    torch.set_num_threads(1)
    runs = []
    bar = tqdm([(noisy, start, T) for noisy in (False, True) for start in STARTS for T in lags])
    hopeless = set()
    for noisy, start, T in bar:
        bar.set_description(f"{'noisy' if noisy else 'quiet'}, {start}, {T} steps")
        if (noisy, start) in hopeless:
            continue
        for seed in seeds:
            took, share = train(start, T, noisy, seed, H, updates)
            runs.append(dict(noisy=noisy, start=start, T=T, seed=seed, updates=took, share=round(share, 3)))
        if all(r["updates"] is None for r in runs[-len(seeds) :]):
            hopeless.add((noisy, start))  # longer sequences are not tried
    drifts = {start: [drift(start, drift_lag, seed, H, updates) for seed in seeds] for start in STARTS[1:]}
    return dict(runs=runs, drift=drifts)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
