"""The search for a good output of a sequence-to-sequence model, and how wrong it is (chapter `seq2seq`).

Equations
    p(y | x) = Π_t p(y_t | y_<t, x), the end token included
    score(y) = log p(y | x) / |y|^alpha                          `beam_search`; `greedy` keeps one output
    D(a, b) by the recursion over prefixes                       `edit_distance`

Sources: Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks" (2014), section 3.2; Wu et al.,
"Google's neural machine translation system" (2016), section 7, for the normalisation; Levenshtein, "Binary codes
capable of correcting deletions, insertions, and reversals" (1966); Wagner and Fischer, "The string-to-string correction
problem" (1974).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Hypothesis(NamedTuple):
    """An output of a search.

    tokens: without the end token. log_probability: log p(output | source) in nats, that of the end token included where
    it came. score: what the output was ranked by. ended: whether the end token came before the steps ran out.
    """

    tokens: list[int]
    log_probability: float
    score: float
    ended: bool


@torch.no_grad()
def greedy(model, source: Tensor, max_steps: int, lengths: Tensor | None = None) -> list[Hypothesis]:
    """Decode by the most likely token at each step, up to the end token or `max_steps` tokens.

    Args:
        model: put it in eval mode first where it has dropout. source: (B, S). lengths: (B,).

    Returns:
        one hypothesis for each source; its score is its log-probability.

    Raises:
        ValueError: an argument does not fit.
    """
    _check_counts(max_steps=max_steps)
    state, memory = model.encode(source, lengths)
    token = torch.full_like(source[:, 0], model.start)
    log_p, ended, tokens = 0, torch.zeros_like(token, dtype=torch.bool), []
    for _ in range(max_steps):
        logits, state, _ = model.decoder(token, state, memory)
        best, token = logits.log_softmax(-1).max(-1)  # (B,)
        log_p = log_p + best.masked_fill(ended, 0)
        tokens.append(token)
        ended = ended | (token == model.end)
        if ended.all():
            break
    rows = zip(torch.stack(tokens, 1).tolist(), log_p.tolist(), ended.tolist(), strict=True)
    return [Hypothesis(_before(model.end, row), p, p, end) for row, p, end in rows]


@torch.no_grad()
def beam_search(
    model, source: Tensor, max_steps: int, width: int, lengths: Tensor | None = None,
    alpha: float = 0.0, n_best: int = 1,
) -> list[list[Hypothesis]]:  # fmt: skip
    """Decode by keeping the `width` best outputs at each step; those that have ended stay as they are.

    Args:
        model, source, max_steps, lengths: as in `greedy`, which is the search of width 1.
        width: how many outputs are kept.
        alpha: of the length normalisation: outputs are ranked by log p / |y|^alpha, |y| counting the end token. 0 is
            none and favours short outputs; 1 ranks by the mean over tokens.
        n_best: how many to return, at most `width`.

    Returns:
        for each source up to n_best hypotheses, best first.

    Raises:
        ValueError: an argument does not fit.
    """
    _check_counts(max_steps=max_steps, width=width, n_best=n_best)
    if n_best > width:
        raise ValueError(f"n_best: got {n_best}, expected at most width = {width}")
    if not alpha >= 0:
        raise ValueError(f"alpha: got {alpha!r}, expected a number of at least 0")
    state, memory = model.encode(source, lengths)
    B, device = len(source), source.device
    first = torch.arange(B, device=device)[:, None] * width  # (B, 1): the row of each source's first output
    rows = (first // width).expand(B, width).flatten()  # (B·W): width copies of each source
    state = _select(state, rows)
    memory = memory and memory.select(rows)
    log_p = torch.full((B, width), -math.inf, device=device, dtype=next(model.parameters()).dtype)
    log_p[:, 0] = 0  # the copies differ from the second step on
    size = torch.zeros_like(log_p)  # |y|
    ended = torch.zeros(B, width, dtype=torch.bool, device=device)
    tokens = torch.full((B, width, 1), model.start, device=device)
    for _ in range(max_steps):
        logits, state, _ = model.decoder(tokens[..., -1].flatten(), state, memory)
        step = logits.log_softmax(-1).unflatten(0, (B, width))  # (B, W, V)
        V = step.shape[-1]
        step = step.masked_fill(ended[..., None], -math.inf)
        step[..., model.end].masked_fill_(ended, 0)  # what has ended goes on in one way, by more end tokens at no cost
        size = size + ~ended
        extended = log_p[..., None] + step
        scores, best = (extended / size[..., None] ** alpha).flatten(1).topk(width)  # (B, W), of W·V extensions
        log_p = extended.flatten(1).gather(1, best)
        origin, token = best // V, best % V
        tokens = torch.cat([tokens.gather(1, origin[..., None].expand_as(tokens)), token[..., None]], -1)
        size, ended = size.gather(1, origin), token == model.end
        state = _select(state, (first + origin).flatten())
        if (ended | (log_p == -math.inf)).all():
            break
    rows = zip(*(t.tolist() for t in (tokens[..., 1:], log_p, scores, ended)), strict=True)
    found = [[Hypothesis(_before(model.end, row[0]), *row[1:]) for row in zip(*source, strict=True)] for source in rows]
    return [[h for h in hypotheses[:n_best] if h.score > -math.inf] for hypotheses in found]


def edit_distance(a: Sequence, b: Sequence) -> int:
    """Levenshtein's distance: the fewest insertions, deletions and substitutions that turn one into the other."""
    row = list(range(len(b) + 1))  # row[j]: distance of the part of a read so far from b[:j]
    for i, symbol in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (symbol != other))
    return row[-1]


def error_rate(hypotheses: Sequence[Sequence], references: Sequence[Sequence]) -> float:
    """Edit distances of all hypotheses from their references, over the references' total length.

    With characters, words or phonemes as symbols it is the character, word or phoneme error rate. It can exceed 1.

    Raises:
        ValueError: there are not as many of the one as of the other, or all references are empty.
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"hypotheses: got {len(hypotheses)}, expected {len(references)}, one for each reference")
    total = sum(map(len, references))
    if total == 0:
        raise ValueError("references: got no symbol in any, expected at least one")
    return sum(map(edit_distance, hypotheses, references)) / total


def _select(state, rows):
    return tuple(s[:, rows] for s in state) if isinstance(state, tuple) else state[:, rows]


def _before(end, tokens):
    return tokens[: tokens.index(end)] if end in tokens else tokens


def _check_counts(**counts):
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
