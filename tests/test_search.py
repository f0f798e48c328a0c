"""search: greedy and beam search against all possible outputs, edit distance against RapidFuzz."""

import itertools
import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein
from torch import nn

from rnncourse.seq2seq import (
    beam_search,
    edit_distance,
    error_rate,
    greedy,
)
from tests.test_seq2seq import CELLS, END, START, model, tokens


def score_of(net, source, hypothesis, lengths=None):
    """log p of an output, from the model's own forward."""
    y = hypothesis.tokens + [END] * hypothesis.ended
    logits, _ = net(source, torch.tensor([y]), lengths)
    return logits.log_softmax(-1)[0, range(len(y)), y].sum().item(), len(y)


@settings(max_examples=30, deadline=None)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    attention=st.booleans(),
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    max_steps=st.integers(1, 7),
    alpha=st.sampled_from([0.0, 0.6, 1.0]),
)
def test_beam_of_width_1_is_greedy(cell, attention, seed, lengths, max_steps, alpha):
    net = model(cell, attention=attention, seed=seed, sharpness=3)
    source, lengths = tokens(len(lengths), 5, seed=seed), torch.tensor(lengths)
    expected = greedy(net, source, max_steps, lengths)
    for [found], other in zip(beam_search(net, source, max_steps, 1, lengths), expected, strict=True):
        assert found.tokens == other.tokens and found.ended == other.ended
        assert found.log_probability == pytest.approx(other.log_probability, rel=1e-9)
    for [found], other in zip(beam_search(net, source, max_steps, 1, lengths, alpha), expected, strict=True):
        size = len(other.tokens) + other.ended
        assert found.score >= other.log_probability / size**alpha - 1e-9  # a longer output may win by its length


@settings(max_examples=25, deadline=None)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    width=st.integers(1, 6),
    alpha=st.sampled_from([0.0, 0.7, 1.0]),
)
def test_scores_are_the_models_own(cell, seed, lengths, width, alpha):
    net = model(cell, V=4, seed=seed, sharpness=3)
    source = tokens(len(lengths), 4, seed=seed)
    found = beam_search(net, source, 5, width, torch.tensor(lengths), alpha, n_best=width)
    for b, (hypotheses, length) in enumerate(zip(found, lengths, strict=True)):
        assert 1 <= len(hypotheses) <= width
        assert len({(tuple(h.tokens), h.ended) for h in hypotheses}) == len(hypotheses), "an output came twice"
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        for h in hypotheses:
            log_p, size = score_of(net, source[b : b + 1, :length], h)
            assert h.log_probability == pytest.approx(log_p, rel=1e-9)
            assert h.score == pytest.approx(log_p / size**alpha, rel=1e-9)
            assert END not in h.tokens and (h.ended or len(h.tokens) == 5)


@cache
def outputs(V, steps):
    """Every output there is: ended ones of up to `steps` tokens, END included, and those that are cut off."""
    words = [t for t in range(V) if t != END]
    ended = [list(w) for n in range(steps) for w in itertools.product(words, repeat=n)]
    return [(w, True) for w in ended] + [(list(w), False) for w in itertools.product(words, repeat=steps)]


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    V=st.integers(2, 4),
    alpha=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    attention=st.booleans(),
)
def test_a_wide_beam_finds_the_best_of_all_outputs(seed, V, alpha, attention):
    net = model("GRU", V=V, seed=seed, sharpness=3, attention=attention)
    source = tokens(1, 4, seed=seed)
    everything = []
    for words, ended in outputs(V, 3):
        y = words + [END] * ended
        logits, _ = net(source, torch.tensor([y]))
        log_p = logits.log_softmax(-1)[0, range(len(y)), y].sum().item()
        everything.append((log_p / len(y) ** alpha, log_p, words, ended))
    assert sum(math.exp(log_p) for _, log_p, *_ in everything) == pytest.approx(1)
    everything.sort(key=lambda row: -row[0])
    [found] = beam_search(net, source, 3, width=len(everything), alpha=alpha, n_best=len(everything))
    assert [h.score for h in found] == pytest.approx([row[0] for row in everything])
    assert sorted((h.tokens, h.ended) for h in found) == sorted((words, ended) for _, _, words, ended in everything)
    assert found[0].tokens == everything[0][2]


class Chain(nn.Module):
    """A model whose next token depends on the last one alone, by a table of probabilities: (V, V), from START on."""

    start, end = START, END

    def __init__(self, table, dtype=torch.float64):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(table, dtype=torch.float64).log().to(dtype))

    def encode(self, source, lengths):
        return torch.zeros(1, len(source), 1), None

    def decoder(self, token, state, memory):
        return self.logits[token], state, None


# START, END and three words. To end at once has 0.25; no other output has more than 0.75 · 0.45 · 0.45 = 0.15, but after
# two steps two that run on have 0.34 each
EARLY_END = [
    [0, 0.25, 0.75, 0, 0], [0, 1, 0, 0, 0], [0, 0.1, 0, 0.45, 0.45], [0, 0.45, 0, 0.28, 0.27], [0, 0.45, 0, 0.27, 0.28],
]  # fmt: skip


@pytest.mark.parametrize("width", [2, 3, 8])
def test_an_output_that_has_ended_is_not_lost_to_those_that_run_on(width):
    for steps in range(3, 9):
        [found] = beam_search(Chain(EARLY_END), tokens(1, 1), steps, width, n_best=width)
        assert found[0].tokens == [] and found[0].ended
        assert found[0].log_probability == pytest.approx(math.log(0.25))
        assert found[1].log_probability == pytest.approx(math.log(0.75 * 0.45 * 0.45))  # nor is the second best


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    V=st.integers(2, 5),
    width=st.integers(1, 4),
    alpha=st.sampled_from([0.0, 0.6, 1.0, 2.0]),
)
def test_more_steps_never_lose_what_has_ended(seed, V, width, alpha):
    net = Chain(torch.rand(V, V, generator=torch.Generator().manual_seed(seed)).pow(3).tolist())
    best = -math.inf
    for steps in range(1, 8):
        [found] = beam_search(net, tokens(1, 1), steps, width, alpha=alpha, n_best=width)
        [first] = beam_search(net, tokens(1, 1), steps, width, alpha=alpha)
        assert first[0] == found[0], "where a search stops decides nothing"
        ended = [h.score for h in found if h.ended]
        if len(ended) == len(found):  # no output that was cut off stands in the way
            assert ended[0] >= best - 1e-12
            best = ended[0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_log_probabilities_are_summed_in_more_than_half_precision(dtype, alpha):
    """400 tokens: from 256 on bfloat16 counts no further, and a sum of −700 takes no −2.2 to the digit."""
    torch.manual_seed(0)
    table = torch.rand(12, 12) + 0.5
    table[:, END] = 1e-6
    net, steps = Chain(table.tolist(), dtype), 400
    logits = net.logits.detach().double().log_softmax(-1)
    for h in (*greedy(net, tokens(1, 1), steps), *beam_search(net, tokens(1, 1), steps, 3, alpha=alpha)[0]):
        assert len(h.tokens) == steps
        exact = sum(logits[a, b].item() for a, b in itertools.pairwise([START, *h.tokens]))
        assert h.log_probability == pytest.approx(exact, rel=1e-5)
    assert h.score == pytest.approx(exact / steps**alpha, rel=1e-5)


def test_a_beam_can_find_what_greedy_misses():
    better = 0
    for seed in range(20):
        net = model(seed=seed, sharpness=4)
        source = tokens(4, 5, seed=seed)
        for [best], first in zip(beam_search(net, source, 6, 8), greedy(net, source, 6), strict=True):
            better += best.log_probability > first.log_probability + 1e-9
    assert better > 10


def test_length_normalisation_favours_longer_outputs():
    sizes = {0.0: 0, 1.0: 0}
    for seed in range(20):
        net = model(seed=seed, sharpness=2)
        for alpha in sizes:
            sizes[alpha] += sum(len(best.tokens) for [best] in beam_search(net, tokens(4, 5), 6, 8, alpha=alpha))
    assert sizes[1.0] > sizes[0.0]


def test_searches_of_an_empty_batch():
    net = model()
    assert greedy(net, tokens(0, 3), 4) == [] == beam_search(net, tokens(0, 3), 4, 2)


# errors


def slow_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    return min(slow_distance(a[1:], b) + 1, slow_distance(a, b[1:]) + 1, slow_distance(a[1:], b[1:]) + (a[0] != b[0]))


words = st.text("abc", max_size=5)


@settings(max_examples=60, deadline=None)
@given(words, words, words)
def test_edit_distance_is_a_metric(a, b, c):
    d = edit_distance
    assert d(a, b) == d(b, a)
    assert (d(a, b) == 0) == (a == b)
    assert d(a, c) <= d(a, b) + d(b, c)
    assert abs(len(a) - len(b)) <= d(a, b) <= max(len(a), len(b))
    assert d(a, b) == slow_distance(a, b)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=25), st.lists(st.integers(0, 4), max_size=25))
def test_edit_distance_is_rapidfuzzs(a, b):
    assert edit_distance(a, b) == Levenshtein.distance(a, b)


def test_error_rate():
    assert edit_distance("kitten", "sitting") == 3
    assert error_rate(["kitten", "abc"], ["sitting", "abc"]) == 3 / 10
    assert error_rate([["the", "cat"]], [["the", "black", "cat"]]) == pytest.approx(1 / 3)  # words as symbols
    assert error_rate(["aaaa"], ["b"]) == 4.0
