"""English words letter by letter: simple recurrent networks of two widths, at several rates and seeds, beside n-grams."""

import re
from collections import Counter
from functools import cache, partial
from math import log, log2

import torch
from stored import run
from tqdm import tqdm

from rnncourse import tasks
from rnncourse.recurrence import RNN, LanguageModel
from rnncourse.tasks import Batch
from rnncourse.training import fit, supervised_loss

ALPHABET = ".abcdefghijklmnopqrstuvwxyz"  # the full stop begins, ends and pads a word
SETTINGS = dict(
    widths=[16, 64], rates=[1e-3, 3e-3, 1e-2], seeds=[0, 1, 2], D=32, updates=2000, orders=7, alphas=[1, 2, 5, 10, 20, 40]
)  # fmt: skip
QUICK = dict(widths=[2], rates=[1e-2], seeds=[0], D=2, updates=4, orders=2, alphas=[1, 2], at_most=100)


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


def count(train, orders):
    """For n = 1 … orders, how often each run of n letters and each context of n − 1 letters occur."""
    tables, pad = [], "." * (orders - 1)  # a word's own first full stop is the last letter of the padding
    for n in range(1, orders + 1):
        grams, totals = Counter(), Counter()
        for word in (pad + word[1:] for word in train):
            for end in range(len(pad), len(word)):
                grams[word[end + 1 - n : end + 1]] += 1
                totals[word[end + 1 - n : end]] += 1
        tables.append((grams, totals))
    return tables


def ngram_bits(tables, test, alpha):
    """Bits a letter of each n; p_n = (count + α p_{n−1}) / (total + α), and p_0 is even."""
    pad, bits, N = "." * (len(tables) - 1), [0.0] * len(tables), 0
    for word in (pad + word[1:] for word in test):
        for end in range(len(pad), len(word)):
            p, N = 1 / len(ALPHABET), N + 1
            for n, (grams, totals) in enumerate(tables, 1):
                gram = word[end + 1 - n : end + 1]
                p = (grams[gram] + alpha * p) / (totals[gram[:-1]] + alpha)
                bits[n - 1] -= log2(p)
    return [b / N for b in bits]


def ngrams(orders, alphas, at_most=None):
    """For each n: the α of least bits on valid, the bits on test, the runs that the table holds and how often on average."""
    tables = count(words("train")[:at_most], orders)
    valid = {alpha: ngram_bits(tables, words("valid")[:at_most], alpha) for alpha in alphas}
    best = [min(alphas, key=lambda alpha: valid[alpha][n]) for n in range(orders)]
    test = {alpha: ngram_bits(tables, words("test")[:at_most], alpha) for alpha in set(best)}
    rows = []
    for n, (grams, _) in enumerate(tables):
        bits, seen = round(test[best[n]][n], 4), round(grams.total() / len(grams), 2)
        rows.append(dict(n=n + 1, alpha=best[n], test=bits, entries=len(grams), seen=seen))
    return rows


def measure(remember, widths, rates, seeds, D, updates, at_most=None, **tables):
    remember(partial(ngrams, at_most=at_most, **tables), what="n-gram")
    for H in tqdm(widths, desc="widths"):
        for rate in rates:
            for seed in seeds:
                part = partial(spell, H, rate, seed, D, updates, at_most)
                remember(part, what="network", H=H, rate=rate, seed=seed)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
