"""Scans: all prefixes of a chain of associative operations, and the linear recurrence that is one (chapter `ssm`).

Symbols
    a_t, b_t (B, …)  coefficient and input of step t      h_t (B, …)  state after step t      T  steps
    K  chunks of L = T/K steps each

Equations
    h_t = a_t h_{t-1} + b_t, elementwise                                    `linear_scan`, `linear_scan_sequential`
    (a_1, b_1) • (a_2, b_2) = (a_1 a_2, a_2 b_1 + b_2)                      `compose_affine`: two steps are one step
    s_t = e_1 • e_2 • … • e_t for any associative •                         `associative_scan`

With dh_t = ∂L/∂h_t from outside, the gradient is the same recurrence, run the other way over a shifted by one step:
    db_t = dh_t + a_{t+1} db_{t+1},    da_t = db_t h_{t-1}                  (complex: a and h conjugated)

Sources: Hillis and Steele, "Data parallel algorithms" (1986); Blelloch, "Prefix sums and their applications" (1990),
section 1.4 for • ; Martin and Cundy, "Parallelizing linear recurrent neural nets over sequence length" (2018).
"""

from collections.abc import Callable
from itertools import accumulate

import torch
from torch import Tensor

from rnncourse.modes import autocast_dtype, by_hand, run_eagerly, transforming


def linear_scan_sequential(a: Tensor, b: Tensor, h0: Tensor | None = None, reverse: bool = False) -> Tensor:
    """h_t = a_t h_{t-1} + b_t step by step: the plain loop that `linear_scan` computes faster.

    Arguments, result and errors as there.
    """
    h = _check_linear(a, b, h0)
    steps = list(zip(a.unbind(1), b.unbind(1), strict=True))  # once: a[:, t] in a loop costs time quadratic in T
    states = []
    for a_t, b_t in reversed(steps) if reverse else steps:
        h = a_t * h + b_t  # (B, …)
        states.append(h)
    return torch.stack(states[::-1] if reverse else states, 1)  # (B, T, …)


def linear_scan(a: Tensor, b: Tensor, h0: Tensor | None = None, reverse: bool = False) -> Tensor:
    """All states of h_t = a_t h_{t-1} + b_t, elementwise, by two passes over chunks; differentiable as often as wanted.

    Args:
        a: (B, T, …), coefficients, real or complex. Nothing is broadcast: for coefficients that are constant in time or
            shared by channels pass `a.expand_as(b)`.
        b: the shape and dtype of a, inputs.
        h0: (B, …), the state before the first step; None is zeros.
        reverse: run from the last step to the first, h_t = a_t h_{t+1} + b_t; h0 is then the state after the last.

    Returns:
        h: (B, T, …), the state after every step.

    Raises:
        ValueError: shapes, dtypes or devices differ, there is no step, or a is neither floating point nor complex.

    Source: chapter `ssm`; Blelloch (1990), section 1.4.
    """
    h0 = _check_linear(a, b, h0)
    B, T = b.shape[:2]
    D = b.shape[2:].numel()
    return run_eagerly(_scan)(a.reshape(B, T, D), b.reshape(B, T, D), h0.reshape(B, D), reverse).view(b.shape)


def _scan(*args):
    return by_hand(LinearScan, linear_scan_sequential, *args, conjugates=True)


class LinearScan(torch.autograd.Function):
    """`linear_scan` over (B, T, D); its backward is `LinearScan` again where that is to be differentiated too."""

    @staticmethod
    def forward(ctx, a, b, h0, reverse):
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        scan_into(h, a, b, h0, reverse)
        ctx.save_for_backward(a, h0, h)
        ctx.reverse = reverse
        return h

    @staticmethod
    def backward(ctx, dh):
        a, h0, h = ctx.saved_tensors
        T, reverse = h.shape[1], ctx.reverse
        # In the order of the scan: its first step, all but the last, all but the first, its last
        first, head, tail, last = 0, slice(0, T - 1), slice(1, T), T - 1
        if reverse:
            first, head, tail, last = last, tail, head, first
        a, h, h0 = a.conj(), h.conj(), h0.conj()
        da, db_last = None, dh.select(1, last)
        if torch.is_grad_enabled() or transforming(dh):  # these gradients are to be differentiated again, or are many
            db = db_last[:, None]
            if T > 1:
                db = [_scan(a[:, tail], dh[:, head], db_last, not reverse), db]
                db = torch.cat(db[::-1] if reverse else db, 1)  # db_t = dh_t + a_{t+1} db_{t+1}
            if ctx.needs_input_grad[0]:
                da = [(db.select(1, first) * h0)[:, None], db[:, tail] * h[:, head]]
                da = torch.cat(da[::-1] if reverse else da, 1)  # da_t = db_t h_{t-1}
        else:  # the same, in place
            db = torch.empty_like(h)
            db[:, last] = db_last
            scan_into(db[:, head], a[:, tail].resolve_conj(), dh[:, head], db_last, not reverse)
            if ctx.needs_input_grad[0]:
                da = torch.empty_like(h)
                torch.mul(db[:, first], h0, out=da[:, first])
                torch.mul(db[:, tail], h[:, head], out=da[:, tail])
        return da, db, db.select(1, first) * a.select(1, first), None


# Elements that one operation handles on each thread: with fewer Python's overhead counts, and torch leaves threads idle
# below 2^15 each; more leave the processor's cache.
CHUNK_ELEMENTS = 2**16


def scan_into(out: Tensor, a: Tensor, b: Tensor, h: Tensor, reverse: bool = False):
    """Write all states of h_t = a_t h_{t-1} + b_t into out; out, a, b are (B, T, D), h, the state before, (B, D).

    Where B·D is small, a loop over T steps costs more in calls than in arithmetic. So T is cut into K chunks, which
    step side by side in L = T/K operations on B·K·D elements: once to get each chunk's product of a and its end state
    from 0; these K pairs are a recurrence over chunks, which gives the state that truly enters each; and once more from
    there. Not differentiable.
    """
    B, T, D = b.shape
    K = min(CHUNK_ELEMENTS * torch.get_num_threads() // max(B * D, 1), T // 8)
    if K < 4 or not _scan_chunks(out, a, b, h, reverse, K):
        sweep(*(_steps(x, 1, reverse) for x in (out, a, b)), h)


def _scan_chunks(out, a, b, h, reverse, K):
    T = b.shape[1]
    L = -(-T // K)  # rounded up, so that fewer than L steps remain
    K = T // L
    cut = T - K * L if reverse else K * L  # what is beyond K·L steps is scanned last
    main, rest = (slice(cut, T), slice(0, cut)) if reverse else (slice(0, cut), slice(cut, T))
    # L tensors (B, K, D) each, in the order of the scan
    out_steps, a_steps, b_steps = (_steps(x[:, main].unflatten(1, (K, L)), 2, reverse) for x in (out, a, b))

    product, end = a_steps[0].clone(), b_steps[0].clone()  # (B, K, D)
    for a_i, b_i in zip(a_steps[1:], b_steps[1:], strict=True):
        product.mul_(a_i)
        torch.addcmul(b_i, a_i, end, out=end)
    if not product.is_meta and not product.sum().isfinite():
        return False  # many |a| > 1: their product has overflowed, the states need not

    start = torch.empty_like(end)  # (B, K, D), the state that enters each chunk
    first, head, tail = (-1, slice(1, K), slice(0, K - 1)) if reverse else (0, slice(0, K - 1), slice(1, K))
    start[:, first] = h
    scan_into(start[:, tail], product[:, head], end[:, head], h, reverse)

    sweep(out_steps, a_steps, b_steps, start)
    if rest.start < rest.stop:
        scan_into(out[:, rest], a[:, rest], b[:, rest], out[:, cut if reverse else cut - 1], reverse)
    return True


def _steps(x, dim, reverse):
    steps = x.unbind(dim)
    return steps[::-1] if reverse else steps


def sweep(out, a, b, h: Tensor):
    """The loop: h_t = a_t h_{t-1} + b_t into out_t, over tensors or lists of steps, from the state h before the first."""
    for out_t, a_t, b_t in zip(out, a, b, strict=True):
        h = torch.addcmul(b_t, a_t, h, out=out_t)


def compose_affine(left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The map h ↦ a_1 h + b_1 followed by h ↦ a_2 h + b_2, as one such map: the • that makes the recurrence a scan.

    Args:
        left, right: pairs (a, b) of tensors of one shape.

    Returns:
        (a_1 a_2, a_2 b_1 + b_2), of that shape. Scanned over all steps, the second is h from a zero start.

    Source: Blelloch (1990), section 1.4.1.
    """
    (a_1, b_1), (a_2, b_2) = left, right
    return a_1 * a_2, a_2 * b_1 + b_2


def associative_scan(op: Callable, elems: Tensor | tuple[Tensor, ...], method: str = "blelloch"):
    """s_t = e_1 • e_2 • … • e_t for every t, for any associative operator •, in one of three orders of work.

    Args:
        op: op(left, right), the operator on two elements like elems, with any number of steps, left's earlier
            than right's. It returns one such element. It need not commute.
        elems: a tensor (B, T, …), or a tuple of tensors with equal T that together are one element for each step.
        method: "sequential", "hillis_steele" or "blelloch": the functions of these names below.

    Returns:
        Like elems: the elements of all steps up to and including each, combined.

    Raises:
        ValueError: elems have no or different T, the method is unknown, or op returns other shapes than it was given.

    Source: Hillis and Steele (1986); Blelloch (1990), section 1.2.
    """
    if method not in METHODS:
        raise ValueError(f"method: got {method!r}, expected one of {', '.join(METHODS)}")
    single = isinstance(elems, Tensor)
    parts = (elems,) if single else elems
    if not isinstance(parts, tuple) or not parts or not all(isinstance(e, Tensor) and e.dim() >= 2 for e in parts):
        raise ValueError(f"elems: got {describe(elems)}, expected a tensor (B, T, …) or a tuple of such tensors")
    if len({e.shape[1] for e in parts}) != 1 or parts[0].shape[1] == 0:
        raise ValueError(f"elems: got {describe(elems)}, expected the same number of steps T, at least one, in each")

    def checked(left, right):
        result = (op(left[0], right[0]),) if single else op(left, right)
        if describe(result) != describe(right):
            raise ValueError(f"op: returned {describe(result)}, expected {describe(right)}, as it was given")
        return result

    result = METHODS[method](checked, parts)
    return result[0] if single else result


def sequential(op, elems):
    """One step after another: T − 1 applications of •, none of them side by side."""
    steps = zip(*(e.split(1, 1) for e in elems), strict=True)  # T tuples of (B, 1, …)
    return tuple(torch.cat(s, 1) for s in zip(*accumulate(steps, op), strict=True))


def hillis_steele(op, elems):
    """⌈log₂ T⌉ rounds; in each, every step takes in what stands `distance` before it: T log₂ T applications of •."""
    distance, T = 1, elems[0].shape[1]
    while distance < T:
        combined = op(tuple(e[:, :-distance] for e in elems), tuple(e[:, distance:] for e in elems))
        elems = tuple(torch.cat([e[:, :distance], c], 1) for e, c in zip(elems, combined, strict=True))
        distance *= 2
    return elems


def blelloch(op, elems):
    """Up: combine neighbours, scan the pairs, half as many; down: fill in between. 2T applications in 2 log₂ T rounds.

    This inclusive form needs no identity, nor that T is a power of two.
    """
    T = elems[0].shape[1]
    if T == 1:
        return elems
    pairs = op(tuple(e[:, 0 : T - 1 : 2] for e in elems), tuple(e[:, 1::2] for e in elems))
    odd = blelloch(op, pairs)  # the results at steps 1, 3, 5, … counted from 0
    even = tuple(e[:, :1] for e in elems)  # those at steps 0, 2, 4, …
    if T > 2:
        later = op(tuple(o[:, : (T - 1) // 2] for o in odd), tuple(e[:, 2::2] for e in elems))
        even = tuple(torch.cat(e, 1) for e in zip(even, later, strict=True))
    results = tuple(torch.empty_like(e) for e in elems)
    for result, e, o in zip(results, even, odd, strict=True):
        result[:, 0::2], result[:, 1::2] = e, o
    return results


METHODS = {"sequential": sequential, "hillis_steele": hillis_steele, "blelloch": blelloch}


def _check_linear(a, b, h0):
    for name, tensor in (("a", a), ("b", b)):
        if not isinstance(tensor, Tensor) or tensor.dim() < 2 or tensor.shape[1] == 0:
            raise ValueError(f"{name}: got {describe(tensor)}, expected (B, T, …) with at least one step")
    if not (a.is_floating_point() or a.is_complex()):
        raise ValueError(f"a: got dtype {a.dtype}, expected a floating point or complex one")
    check(b, "b", a.shape, a, "of a")
    shape = b.shape[:1] + b.shape[2:]
    if h0 is None:
        return b.new_zeros(shape)
    check(h0, "h0", shape, a, "of a")
    return h0


def check(tensor, name: str, shape, like: Tensor, whose: str):
    """Raise ValueError where `tensor` is no tensor of that shape, or has not the dtype and device of `like`."""
    if not isinstance(tensor, Tensor) or tuple(tensor.shape) != tuple(shape):
        raise ValueError(f"{name}: got {describe(tensor)}, expected a tensor of shape {tuple(shape)}")
    if tensor.dtype != like.dtype or tensor.device != like.device:
        got, expected = f"{tensor.dtype} on {tensor.device}", f"{like.dtype} on {like.device}"
        raise ValueError(f"{name}: got {got}, expected {expected}, that {whose}")


def check_sequence(x, name: str, width: int, weight: Tensor) -> Tensor:
    """Return x, (B, T, width), in the dtype of the layer's parameter `weight`; raise ValueError where it does not fit.

    Under autocast x may come in another precision; elsewhere it must have that dtype.
    """
    if not isinstance(x, Tensor) or x.dim() != 3 or x.shape[1] == 0 or x.shape[2] != width:
        raise ValueError(f"{name}: got {describe(x)}, expected (B, T, {width}) with at least one step")
    if x.is_floating_point() and autocast_dtype(x) is not None:
        x = x.to(weight.dtype)
    check(x, name, x.shape, weight, "of the parameters")
    return x


def check_step(x_t, name: str, width: int) -> Tensor:
    """Return x_t (B, width) as a sequence of one step, (B, 1, width); raise ValueError where it has another shape."""
    if not isinstance(x_t, Tensor) or x_t.dim() != 2 or x_t.shape[1] != width:
        raise ValueError(f"{name}: got {describe(x_t)}, expected (B, {width})")
    return x_t[:, None]


def check_precision(tensor: Tensor, name: str, real: bool = False):
    """Raise ValueError for half precision, which FFT and matrix exponential don't have; with real also for complex."""
    allowed = (torch.float32, torch.float64) if real else (torch.float32, torch.float64, torch.complex64, torch.complex128)
    if tensor.dtype not in allowed:
        expected = "float32 or float64" if real else "single or double precision"
        raise ValueError(f"{name}: got dtype {tensor.dtype}, expected {expected}")


def check_size(value, name: str):
    """Raise ValueError where `value` is no integer of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")


def describe(value) -> str:
    """What a value is, for an error message: shapes of tensors, type and value of anything else."""
    if isinstance(value, Tensor):
        return f"shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of ({', '.join(map(describe, value))})"
    return f"{type(value).__name__} {value!r}"
