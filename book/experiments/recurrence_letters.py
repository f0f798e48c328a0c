"""English words letter by letter: simple recurrent networks of two widths, at several rates and seeds."""

import re
from functools import cache, partial
from math import log

import torch
from stored import run
from tqdm import tqdm

from rnncourse import tasks
from rnncourse.recurrence import RNN, LanguageModel
from rnncourse.tasks import Batch
from rnncourse.training import fit, supervised_loss

ALPHABET = ".abcdefghijklmnopqrstuvwxyz"  # the full stop begins, ends and pads a word
SETTINGS = dict(widths=[16, 64], rates=[1e-3, 3e-3, 1e-2], seeds=[0, 1, 2], D=32, updates=2000)
QUICK = dict(widths=[2], rates=[1e-2], seeds=[0], D=2, updates=4, at_most=100)


@cache
def words(split):
    """English words of four to ten letters, each with a full stop before and behind."""
    return [f".{word}." for word in tasks.cmudict(split) if re.fullmatch("[a-z]{4,10}", word)]


@cache
def letters(split, at_most=None):
    """From each letter of a word to the next; the padding behind a word doesn't count."""
    tokens, lengths = tasks.encode(words(split)[:at_most], ALPHABET)
    counts = torch.arange(tokens.shape[1] - 1) < lengths[:, None] - 1  # (N, T)
    return Batch(tokens[:, :-1], tokens[:, 1:], counts)


def spell(H, rate, seed, D, updates, at_most=None):
    """Bits a letter on the words of valid and of test. The rate falls to a tenth for the last quarter of the updates."""
    torch.manual_seed(seed)
    model = LanguageModel(len(ALPHABET), RNN(D, H))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    draw = partial(tasks.minibatch, letters("train", at_most), 128)
    for share, factor in ((3, 1), (1, 0.1)):
        optimizer.param_groups[0]["lr"] = factor * rate
        fit(model, draw, share * updates // 4, optimizer=optimizer, seed=10 * seed + share)
    with torch.no_grad():
        bits = {split: supervised_loss(model, letters(split, at_most)).item() / log(2) for split in ("valid", "test")}
    return [{split: round(b, 4) for split, b in bits.items()} | dict(parameters=sum(p.numel() for p in model.parameters()))]


def measure(remember, widths, rates, seeds, D, updates, at_most=None):
    for H in tqdm(widths, desc="widths"):
        for rate in rates:
            for seed in seeds:
                remember(partial(spell, H, rate, seed, D, updates, at_most), H=H, rate=rate, seed=seed)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
