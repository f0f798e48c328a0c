"""English words letter by letter, counted: n-grams whose rare contexts are filled up from shorter ones."""

from collections import Counter
from math import log2

from recurrence_letters import ALPHABET, words
from stored import run

SETTINGS = dict(orders=7, alphas=[1, 2, 5, 10, 20, 40])
QUICK = dict(orders=2, alphas=[1, 2], at_most=100)


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


def measure(orders, alphas, at_most=None):
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


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
