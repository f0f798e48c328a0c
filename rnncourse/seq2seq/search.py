"""The search for a good output of a sequence-to-sequence model, and how wrong it is (chapter `seq2seq`).

Equations
    p(y | x) = Π_t p(y_t | y_<t, x), the end token included
    score(y) = log p(y | x) / |y|^alpha                          `beam_search`; `greedy` keeps one output
    score(y z) ≤ log p(y | x) / (steps allowed)^alpha for every continuation z: when a search may stop
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
from torch.nn import functional as F

from rnncourse.modes import at_least_float32


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
    log_p, ended, tokens = 0, torch.zeros_like(token, dtype=torch.bool), []  # log_p (B): summed in at least float32
    for _ in range(max_steps):
        logits, state, _ = model.decoder(token, state, memory)
        best, token = at_least_float32(logits).log_softmax(-1).max(-1)  # (B,)
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
    """Decode by extending the `width` best outputs at each step, and keeping the `width` best of those that have ended.

    An output ends where the end token is among the `width` best of all extensions; it then takes no place from those
    that run on. The search stops when none of these can get among the `n_best` any more, or after `max_steps`: then
    they are taken as they are, cut off.

    Args:
        model, source, max_steps, lengths: as in `greedy`, which is the search of width 1 with alpha 0.
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
    if not 0 <= alpha < math.inf:
        raise ValueError(f"alpha: got {alpha!r}, expected a number of at least 0")
    state, memory = model.encode(source, lengths)
    B, device = len(source), source.device
    first = torch.arange(B, device=device)[:, None] * width  # (B, 1): the row of each source's first output
    rows = (first // width).expand(B, width).flatten()  # (B·W): width copies of each source
    state = _select(state, rows)
    memory = memory and memory.select(rows)
    dtype = torch.promote_types(next(model.parameters()).dtype, torch.float32)
    log_p = torch.full((B, width), -math.inf, device=device, dtype=dtype)
    log_p[:, 0] = 0  # the copies differ from the second step on
    tokens = torch.full((B, width, 1), model.start, device=device)
    ended = tokens, *(torch.full_like(log_p, -math.inf) for _ in range(2))  # and log p and score, as yet of none
    for size in range(1, max_steps + 1):
        logits, state, _ = model.decoder(tokens[..., -1].flatten(), state, memory)
        extended = log_p[..., None] + at_least_float32(logits).log_softmax(-1).unflatten(0, (B, width))  # (B, W, V)
        V = extended.shape[-1]

        best, at = extended.flatten(1).topk(width)  # (B, W), of W·V extensions
        best = best.masked_fill(at % V != model.end, -math.inf)
        ended = _best(ended, (_extend(tokens, at, V), best, best / size**alpha), model.end)

        extended[..., model.end] = -math.inf  # the others run on
        log_p, at = extended.flatten(1).topk(width)
        tokens = _extend(tokens, at, V)
        state = _select(state, (first + at // V).flatten())
        if (log_p[:, 0] / max_steps**alpha <= ended[2][:, n_best - 1]).all():  # log p falls, and no |y| is larger
            break
    else:
        ended = _best(ended, (tokens, log_p, log_p / max_steps**alpha), model.end)
    sources = zip(*(t[:, :n_best].tolist() for t in ended), strict=True)
    return [[_hypothesis(*row, model.end) for row in zip(*rows, strict=True) if row[2] > -math.inf] for rows in sources]


def _extend(tokens, at, V):
    """Outputs tokens (B, W, n), each with one token more: `at` (B, W) counts through the W·V extensions of a source."""
    origin, token = at // V, at % V
    return torch.cat([tokens.gather(1, origin[..., None].expand_as(tokens)), token[..., None]], -1)


def _best(ours, others, end):
    """The best of two sets of outputs, as many as are in one: tokens (B, W, n), log p (B, W) and score (B, W) of each.

    `ours` may be shorter, and is filled up with end tokens.
    """
    tokens = F.pad(ours[0], (0, others[0].shape[-1] - ours[0].shape[-1]), value=end)
    tokens, log_p, score = (torch.cat(pair, 1) for pair in zip((tokens, *ours[1:]), others, strict=True))
    at = score.argsort(dim=1, descending=True, stable=True)[:, : ours[2].shape[1]]  # (B, W)
    return tokens.gather(1, at[..., None].expand(-1, -1, tokens.shape[-1])), log_p.gather(1, at), score.gather(1, at)


def _hypothesis(tokens, log_p, score, end):
    return Hypothesis(_before(end, tokens[1:]), log_p, score, end in tokens[1:])


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
