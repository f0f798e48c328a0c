"""Additive attention: where in the source to look for the next output (chapter `seq2seq`).

Symbols
    h_j (B, K)  annotation of source position j      s (B, H)  the decoder's state      c (B, K)  context
    q = W_q s (B, A), k_j = W_k h_j + b_k (B, A)  query and key                         α_j (B, S)  attention weights

Equations
    e_j = v · tanh(q + k_j)                                `tanh_scores`; faster: `additive_scores`
    α_j = softmax_j(e_j),  c = Σ_j α_j h_j                 `AdditiveAttention`

Source: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate" (2015),
equations 5 and 6 and appendix A.1.2.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnncourse.fast import sigmoid_backward
from rnncourse.modes import by_hand, known, plain_where_needed


def tanh_scores(query: Tensor, keys: Tensor, v: Tensor) -> Tensor:
    """The scores of additive attention as the paper has them, e_j = v · tanh(q + k_j).

    Args:
        query: (B, A). keys: (B, S, A). v: (A).

    Returns:
        e: (B, S).

    Raises:
        ValueError: the shapes do not fit.
    """
    _check_scores(query, keys, v)
    return torch.tanh(query[:, None] + keys) @ v  # (B, S, A) to (B, S)


def additive_scores(query: Tensor, keys: Tensor, v: Tensor) -> Tensor:
    """Scores with the softmax of `tanh_scores`, in a fraction of its time: 2v · σ(2q + 2k_j).

    Since tanh a = 2σ(2a) − 1 they differ by Σv, the same for every j, which the softmax does not see. Arguments, result
    and errors as in `tanh_scores`.
    """
    _check_scores(query, keys, v)
    return by_hand(AdditiveScores, _plain, query, keys, v)


def _plain(query, keys, v):
    return torch.sigmoid(2 * query[:, None] + 2 * keys) @ (2 * v)


class AdditiveScores(torch.autograd.Function):
    """2v · σ(2q + 2k_j), with σ' taken from the σ that the forward kept."""

    @staticmethod
    def forward(ctx, query, keys, v):
        s = torch.add(2 * query[:, None], keys, alpha=2).sigmoid_()  # (B, S, A): σ(2q + 2k)
        ctx.save_for_backward(query, keys, v, s)
        ctx.options = ()
        return s @ (2 * v)

    @staticmethod
    @plain_where_needed(_plain)
    def backward(ctx, de):
        _, _, v, s = ctx.saved_tensors
        dv = 2 * torch.mv(s.flatten(0, 1).T, de.flatten())
        dkeys = de[..., None] * (4 * v)  # (B, S, A)
        sigmoid_backward(dkeys, s, out=dkeys)
        return dkeys.sum(1), dkeys, dv


def _check_scores(query, keys, v):
    shapes = [tuple(t.shape) for t in (query, keys, v)]
    if [len(shape) for shape in shapes] != [2, 3, 1] or shapes[1][::2] != shapes[0] or shapes[2] != shapes[0][1:]:
        raise ValueError(f"query, keys, v: got shapes {shapes}, expected (B, A), (B, S, A) and (A)")


class Memory(NamedTuple):
    """What a decoder attends to: annotations (B, S, K), keys (B, S, A), padding (B, S), True where no token is."""

    annotations: Tensor
    keys: Tensor
    padding: Tensor | None

    def select(self, rows: Tensor) -> "Memory":
        """The memory of the sources with these indices."""
        return Memory(*(None if part is None else part[rows] for part in self))


class AdditiveAttention(nn.Module):
    """A query's weights over the source positions, and the mean of the annotations under them.

    Args:
        query_size: H. key_size: K. size: A, the width of the layer in which query and key meet.

    `memory(annotations, padding=None)` computes the keys, once for a source. `attention(query, memory)`, with query
    (B, H), returns the context (B, K) and the weights (B, S), which sum to 1 and are exactly 0 in the padding.

    Raises:
        ValueError: a shape does not fit; a source is padding alone.
    """

    def __init__(self, query_size: int, key_size: int, size: int):
        super().__init__()
        for name, value in (("query_size", query_size), ("key_size", key_size), ("size", size)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
        self.query_size, self.key_size = query_size, key_size
        self.W_q = nn.Linear(query_size, size, bias=False)
        self.W_k = nn.Linear(key_size, size)
        self.v = nn.Parameter(torch.empty(size).uniform_(-1 / math.sqrt(size), 1 / math.sqrt(size)))

    def memory(self, annotations: Tensor, padding: Tensor | None = None) -> Memory:
        if annotations.dim() != 3 or annotations.shape[1] == 0 or annotations.shape[2] != self.key_size:
            got = tuple(annotations.shape)
            raise ValueError(f"annotations: got {got}, expected (B, S, {self.key_size}) with S of at least 1")
        if annotations.is_complex():
            raise ValueError(f"annotations: got dtype {annotations.dtype}, expected a real one: a softmax needs an order")
        if padding is not None:
            if padding.shape != annotations.shape[:2] or padding.dtype != torch.bool:
                got = f"{tuple(padding.shape)} of {padding.dtype}"
                raise ValueError(f"padding: got {got}, expected {tuple(annotations.shape[:2])} of torch.bool")
            if known(padding) and padding.all(1).any():
                raise ValueError("padding: got a source that is padding alone, expected at least one token in each")
            annotations = annotations.masked_fill(padding[..., None], 0)  # 0 · NaN would be NaN
        return Memory(annotations, self.W_k(annotations), padding)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        if query.shape != (len(memory.keys), self.query_size):
            raise ValueError(f"query: got {tuple(query.shape)}, expected {(len(memory.keys), self.query_size)}")
        scores = additive_scores(self.W_q(query), memory.keys, self.v)  # (B, S)
        if memory.padding is not None:
            scores = scores.masked_fill(memory.padding, -math.inf)
        weights = scores.softmax(-1)
        context = (weights[:, None] @ memory.annotations).squeeze(1)  # (B, K)
        return context, weights
