"""Truncated backpropagation through time on recall: how long a window must be, and what a carried state is worth.

At each step of an endless stream of symbols the network names the symbol that came `lag` steps before. Windows of every
length k see equally many symbols, so that short windows make more updates. Between two windows the state is carried on or
reset to zeros; "read-out" carries it and trains the read-out alone, so that no gradient reaches the recurrence.
"""

from functools import partial
from itertools import product

import torch
from stored import run
from sweep import Members, Reader, losses_of
from tqdm import tqdm

from rnncourse.layers import orthogonal_
from rnncourse.recurrence import RNN

SYMBOLS = 4
SETTINGS = dict(
    states=["carried", "reset", "read-out"],
    lags=[2, 4, 8, 16],
    windows=[1, 2, 4, 8, 16, 32],
    rates=[0.001, 0.003, 0.01],
    seeds=[0, 1, 2],
    H=48,
    batch_size=16,  # streams side by side
    symbols=8192,  # of each stream
    every=512,
    solved=0.99,  # the share that must be right over so many symbols
)
QUICK = SETTINGS | dict(lags=[2], windows=[1, 4], seeds=[0], H=8, batch_size=4, symbols=32, every=16)


def stream(state, lag, k, *, rates, seeds, H, batch_size, symbols, every, solved):
    """The runs for windows of k symbols: loss and share of right answers over each `every` symbols; learnt in symbols."""
    runs, models = [], []
    for rate in rates:
        for seed in seeds:
            torch.manual_seed(seed)
            models.append(Reader(orthogonal_(RNN(SYMBOLS, H)), SYMBOLS, last=False))
            runs.append(dict(rate=rate, seed=seed, losses=[], right=[], learnt=None))
    members = Members(models, [run["rate"] for run in runs])
    tokens = torch.randint(SYMBOLS, (batch_size, lag + symbols), generator=torch.Generator().manual_seed(0))
    h, active = None, list(range(len(runs)))
    losses, right = torch.zeros(len(runs)), torch.zeros(len(runs))
    for begin in range(lag, lag + symbols, k):
        outputs, h = members(tokens[:, begin : begin + k], h, backward=state != "read-out")
        h = None if state == "reset" else h.detach()
        wanted = tokens[:, begin - lag : begin - lag + k]
        loss = losses_of(outputs, wanted)
        members.descend(loss)
        losses += loss.detach() * k / every
        right += (outputs.argmax(-1) == wanted).float().mean((1, 2)) * k / every
        done = begin + k - lag
        if done % every:
            continue
        for i, loss, share in zip(active, losses.tolist(), right.tolist(), strict=True):
            runs[i]["losses"].append(round(loss, 4))
            runs[i]["right"].append(round(share, 4))
            if share > solved:
                runs[i]["learnt"] = done
        going_on = [runs[i]["learnt"] is None for i in active]
        active = [i for i, goes_on in zip(active, going_on, strict=True) if goes_on]
        if not active or any(all(run["learnt"] for run in runs if run["rate"] == rate) for rate in rates):
            break  # no other rate can be the first to be done
        members.keep(going_on)
        h = None if h is None else h[going_on]
        losses, right = torch.zeros(len(active)), torch.zeros(len(active))
    return runs


def measure(remember, states, lags, windows, **options):
    for lag, state in tqdm(list(product(lags, states)), desc="windows"):
        for k in windows if state != "read-out" else windows[:1]:
            remember(partial(stream, state, lag, k, **options), lag=lag, state=state, k=k)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
