"""Backpropagation through time: what every recurrent backward shares, and its measurements (chapter `bptt`).

Symbols
    x_t (B, D)  input at step t        h_t (B, H)  state after step t      a_t (B, G·H)  pre-activation, G gate blocks
    dh_t (B, H)  ∂L/∂h_t               da_t (B, G·H)  ∂L/∂a_t              J_t (B, H, H)  ∂h_t/∂h_{t-1}
    W_ih (G·H, D), W_hh (G·H, H), b_ih, b_hh (G·H)   the parameters, with the names of torch.nn

A layer is a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh and h_t = φ(a_t, h_{t-1}). Only φ differs between RNN, LSTM and
GRU, and with it the step from dh_t to da_t. What they share is here: the products over all steps at once, before and
after the loop over time. Then the measurements, for any step function and any model called as `model(x, state) ->
(output, state)`.

Sources: Werbos, "Backpropagation through time: what it does and how to do it" (1990); Pascanu, Mikolov, Bengio, "On the
difficulty of training recurrent neural networks" (2013), for Jacobians, their bound and clipping; Williams, Peng, "An
efficient gradient-based algorithm for on-line training of recurrent network trajectories" (1990), for truncation; Lim et
al., "Parallelizing non-linear sequential models over the sequence length" (2024), for Newton's method in time.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnncourse.fast import product
from rnncourse.modes import at_least_float32


def over_time(*sequences: Tensor | Iterable) -> Iterator[tuple]:
    """The steps of several tensors (T, …) side by side; all views made at once cost less than x[t] at each.

    What is no tensor is taken as steps already: a list, or the `over_time` of what belongs together.
    """
    return zip(*(x.unbind(0) if isinstance(x, Tensor) else x for x in sequences), strict=True)


def back_through_time(*sequences: Tensor | Iterable) -> Iterator[tuple]:
    """`over_time` from the last step to the first."""
    return reversed(list(over_time(*sequences)))


def input_gradients(da: Tensor, x: Tensor, h0: Tensor, h: Tensor, W_ih: Tensor, need_dx: bool = True):
    """The gradients that need no loop over time, each one matrix product over all steps.

    Args:
        da: (T, B, G·H), ∂L/∂a_t for every step.
        x: (T, B, D), the layer's input.
        h0: (B, H), the state before the first step. h: (T, B, H), the state after each.
        W_ih: (G·H, D).
        need_dx: False leaves out dx, which nobody asks for in front of a network.

    Returns:
        dx (T, B, D) or None, dW_ih (G·H, D), dW_hh (G·H, H), db (G·H): ∂L/∂x, and the sums over steps and batch of
        da_t x_tᵀ, da_t h_{t-1}ᵀ and da_t (chapter `bptt`).
    """
    dx = product(da, W_ih.T) if need_dx else None  # (T, B, D)
    return dx, weight_gradient(da, x), recurrent_weight_gradient(da, h0, h), da.sum((0, 1))


def recurrent_weight_gradient(da: Tensor, h0: Tensor, h: Tensor) -> Tensor:
    """Σ da_t h_{t-1}ᵀ over steps and batch, of da (T, B, R), h0 (B, H) and the states after it h (T, B, H): (R, H)."""
    return weight_gradient(da[1:], h[:-1]).addmm_(da[0].T, h0)


def weight_gradient(da: Tensor, x: Tensor) -> Tensor:
    """Σ da_t x_tᵀ over steps and batch, of da (T, B, R) and x (T, B, C), as one product: (R, C)."""
    return da.flatten(0, 1).T @ x.flatten(0, 1)


def step_jacobian(step: Callable, state: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The Jacobian of one step, J_t = ∂h_t/∂h_{t-1}, by autograd.

    Args:
        step: the state before the step to the state after it, every sequence of the batch by itself; input and weights
            are closed over, as in `lambda h: rnn_step(x_t, h, W_ih, W_hh)`.
        state: where to differentiate, (B, H); for a state of several tensors the tuple of them, which `step` takes and
            returns (H is then the sum of their widths, in their order).

    Returns:
        (B, H, H): entry [b, i, j] is ∂h_{t,i}/∂h_{t-1,j} for sequence b.

    Raises:
        ValueError: the state is not (B, H), or the step returns another shape.
    """
    states = state if isinstance(state, tuple) else (state,)
    if not all(isinstance(s, Tensor) and s.dim() == 2 for s in states):
        got = [tuple(getattr(s, "shape", ())) for s in states]
        raise ValueError(f"state: got {got}, expected (B, H) or a tuple of such")
    with torch.enable_grad():
        before = torch.cat(states, 1).detach().requires_grad_()  # (B, H)
        parts = before.split([s.shape[1] for s in states], 1)
        after = step(parts if isinstance(state, tuple) else parts[0])
        after = torch.cat(after, 1) if isinstance(after, tuple) else after
        if after.shape != before.shape:
            raise ValueError(f"step: got a state of shape {tuple(after.shape)}, expected {tuple(before.shape)}")
        # row i for all sequences at once: their sum has the gradient of each, since no sequence touches another
        rows = [torch.autograd.grad(after_i.sum(), before, retain_graph=True)[0] for after_i in after.unbind(1)]
    return torch.stack(rows, 1)  # (B, H, H)


def jacobian_product(jacobians: Iterable[Tensor]) -> Tensor:
    """∂h_T/∂h_0 = J_T ⋯ J_1, from J_1 … J_T in the order of time, each (…, H, H).

    Raises:
        ValueError: there is none, or one is not square and of the shape of the others.
    """
    jacobians = list(jacobians)
    shapes = {tuple(J.shape) for J in jacobians}
    if len(shapes) != 1 or jacobians[0].dim() < 2 or jacobians[0].shape[-1] != jacobians[0].shape[-2]:
        raise ValueError(f"jacobians: got shapes {sorted(shapes)}, expected at least one, all of one shape (…, H, H)")
    return reduce(lambda product, J: J @ product, jacobians)


def norm_bound(W_hh: Tensor, lag: int, slope: float = 1.0) -> Tensor:
    """The bound (slope · σ_max(W_hh))^k on ‖∂h_T/∂h_{T-k}‖₂ of a simple RNN, for k = 0 … lag.

    Args:
        W_hh: (H, H). lag: the largest k.
        slope: an upper bound of |φ'| along the trajectory: 1 for tanh and relu anywhere.

    Returns:
        (lag + 1,). Below 1 it proves that gradients vanish; above 1 it proves nothing.

    Raises:
        ValueError: an argument out of range.

    Source: Pascanu et al. 2013, section 2.1.
    """
    if W_hh.dim() != 2 or W_hh.shape[0] != W_hh.shape[1]:
        raise ValueError(f"W_hh: got shape {tuple(W_hh.shape)}, expected (H, H)")
    _check_count("lag", lag, 0)
    if not slope >= 0:
        raise ValueError(f"slope: got {slope}, expected 0 or more")
    factor = slope * torch.linalg.matrix_norm(at_least_float32(W_hh.detach()), 2)
    return factor ** torch.arange(lag + 1, device=W_hh.device)


def gradient_norm_by_lag(model: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor] = torch.sum) -> Tensor:
    """How much of the last output's gradient reaches back k steps: ‖∂L/∂s_{T-k}‖, s the whole state of the model.

    Args:
        model: called as `model(x, state) -> (output, state)` with x (B, T, …), output (B, T, …) and a state that is a
            tensor or a tuple of tensors: any one-directional model of this package. In eval mode, where it has dropout.
        x: (B, T, …), one input for the model, which starts from a state of zeros.
        loss: from the output of the last step, (B, …), to a scalar L.

    Returns:
        (T + 1,): entry k = 1 … T is the norm of L's gradient for the state k steps before the last, over the whole
        batch and, in an LSTM, over h and c together; entry 0 is that for the last output itself. Divide by it for the
        decay alone.

    Raises:
        ValueError: x has no steps, or the model is bidirectional or not batch-first.
    """
    _check_model(model, x)
    with torch.no_grad():
        _, state = model(x[:, :1], None)
    watched = []  # the states before each step
    with torch.enable_grad():
        state = _map_state(lambda s: torch.zeros_like(s).requires_grad_(), state)
        for x_t in x.split(1, 1):
            watched.append(_tensors(state))
            output, state = model(x_t, state)
        watched.append([output])
        L = loss(output[:, -1])
    watched.reverse()  # by lag
    flat = [tensor for tensors in watched for tensor in tensors]
    grads = iter(torch.autograd.grad(L, flat, allow_unused=True, materialize_grads=True))
    return torch.stack([_norm([next(grads) for _ in tensors]) for tensors in watched])


def clip_gradient_norm(parameters: Iterable[Tensor] | Tensor, max_norm: float) -> Tensor:
    """Scale all gradients by one factor, in place, so that their common norm is at most `max_norm`.

    Args:
        parameters: tensors; those without a gradient are passed over.
        max_norm: the threshold θ, above 0.

    Returns:
        The norm of all gradients together before clipping, as `torch.nn.utils.clip_grad_norm_` does.

    Raises:
        ValueError: the threshold is not above 0.

    Source: Pascanu et al. 2013, algorithm 1.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm: got {max_norm}, expected a number above 0")
    grads = [p.grad for p in ([parameters] if isinstance(parameters, Tensor) else parameters) if p.grad is not None]
    norm = _norm(grads) if grads else torch.tensor(0.0)
    for g in grads:
        g.mul_((max_norm / (norm + 1e-6)).clamp(max=1))  # 1e-6: no division by zero where every gradient vanishes
    return norm


class TruncatedBPTT:
    """Backpropagation through time in windows: every k1 steps, through the last k2 steps.

    The loss of each step counts once, in the window of k1 steps that it falls into; its gradient runs back at most to
    the beginning of the k2 steps that end with the window. The state is carried from window to window, detached.

    Args:
        k1: steps from one update to the next. k2: steps that an update looks back, at least k1; None is k1.

    Use:
        truncated = TruncatedBPTT(k1=20, k2=40)
        for output, window in truncated.windows(rnn, x):
            loss(output, target[:, window]).backward()
            optimiser.step(); optimiser.zero_grad()
        truncated.state  # after the last step: hand it to `windows` to go on with the stream

    Raises:
        ValueError: k1 or k2 out of range.

    Source: Williams and Peng 1990, BPTT(h; h') with h = k2 and h' = k1.
    """

    def __init__(self, k1: int, k2: int | None = None):
        _check_count("k1", k1, 1)
        self.k1, self.k2 = k1, k1 if k2 is None else k2
        _check_count("k2", self.k2, k1)
        self.state = None

    def windows(self, model: nn.Module, x: Tensor, state=None) -> Iterator[tuple[Tensor, slice]]:
        """Run `model(x, state) -> (output, state)` window by window.

        Args:
            model: any one-directional, batch-first model of this package.
            x: (B, T, …). state: the model's state before the first step, None for its default.

        Yields:
            output (B, k1, …) of each window (the last may be shorter), and the slice of time that it covers. Parameters
            may be changed between two windows: steps that two updates look back on are run again.

        Raises:
            ValueError: x has no steps, or the model is bidirectional or not batch-first.
        """
        _check_model(model, x)
        return self._windows(model, x, state)

    def _windows(self, model, x, state):
        T = x.shape[1]
        state = _map_state(Tensor.detach, state)
        for begin in range(0, T, self.k1):
            end = min(begin + self.k1, T)
            start, next_start = (max(0, begin + n * self.k1 - self.k2) for n in (1, 2))  # this look-back, the next
            outputs, running = [], state
            for a, b in pairwise(sorted({start, begin, end, min(next_start, end)})):
                output, running = model(x[:, a:b], running)
                if a >= begin:
                    outputs.append(output)
                if b == next_start:
                    state = _map_state(Tensor.detach, running)
            self.state = _map_state(Tensor.detach, running)
            yield torch.cat(outputs, 1), slice(begin, end)


class Newton(NamedTuple):
    """What `newton_in_time` found.

    h: (B, T, H), the state after every step. iterations: how many it took. residuals: max |step(x_t, h_{t-1}) − h_t|
    before the first iteration and after each. converged: the last of them is within the tolerance.
    """

    h: Tensor
    iterations: int
    residuals: list[float]
    converged: bool


def newton_in_time(
    step: Callable, x: Tensor, h0: Tensor, *, guess: Tensor | None = None, tolerance: float | None = None,
    max_iterations: int = 100,
) -> Newton:  # fmt: skip
    """All states of h_t = step(x_t, h_{t-1}) at once, by Newton's method in place of the loop over time.

    The T equations r_t = step(x_t, h_{t-1}) − h_t = 0 are linearised around a guess of all states. The correction δ_t of
    h_t then is a linear recurrence, δ_t = J_t δ_{t-1} + r_t with J_t = ∂h_t/∂h_{t-1}, which a scan solves in 2 log₂ T
    rounds of products of H × H matrices. After k iterations the first k steps are exact, so T of them always do; where
    gradients vanish over time a few are enough, where they explode it takes about as many as there are steps.

    Args:
        step: from x_t (N, D) and the state before (N, H) to the state after (N, H), every row by itself, as in
            `lambda x_t, h: rnn_step(x_t, h, W_ih, W_hh)`; an LSTM's h and c are one state, side by side.
        x: (B, T, D), the inputs, or anything (B, T, …) whose steps (N, …) `step` takes. h0: (B, H), the first state.
        guess: (B, T, H), the states to begin from; None is zeros.
        tolerance: it has converged where no residual is above; None is 100 times the resolution of h0's dtype.
        max_iterations: where it hasn't after so many, the states come as they are.

    Returns:
        h (B, T, H), iterations, residuals and converged: see `Newton`. Gradients of h reach x, h0 and the parameters of
        `step`: the scan, once more around the solution, is their backpropagation through time. They hold where it has
        converged.

    Raises:
        ValueError: a shape or a dtype does not fit, or an argument is out of range.

    Source: Lim, Zhu, Selfridge, Kasim, "Parallelizing non-linear sequential models over the sequence length" (2024), DEER;
    Danieli et al., "ParaRNN: unlocking parallel training of nonlinear RNNs for large language models" (2025).
    """
    if not isinstance(x, Tensor) or x.dim() < 2 or x.shape[1] == 0:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x: got {got}, expected a tensor (B, T, …) with at least one step")
    B, T = x.shape[:2]
    if not isinstance(h0, Tensor) or h0.dim() != 2 or len(h0) != B or not h0.is_floating_point():
        got = f"{tuple(h0.shape)} of {h0.dtype}" if isinstance(h0, Tensor) else type(h0).__name__
        raise ValueError(f"h0: got {got}, expected a floating point tensor (B, H) with B = {B}")
    shape = (B, T, h0.shape[1])
    if guess is not None and (guess.shape != shape or guess.dtype != h0.dtype):
        raise ValueError(f"guess: got {tuple(guess.shape)} of {guess.dtype}, expected {shape} of {h0.dtype}")
    tolerance = 100 * torch.finfo(h0.dtype).eps if tolerance is None else tolerance
    if not tolerance > 0:
        raise ValueError(f"tolerance: got {tolerance!r}, expected a number above 0")
    _check_count("max_iterations", max_iterations, 1)

    def residual(h_prev, h):
        after = step(x.flatten(0, 1), h_prev)  # (B·T, H)
        if not isinstance(after, Tensor):
            raise ValueError(f"step: got {type(after).__name__}, expected the state after it as one tensor")
        if after.shape != h_prev.shape:
            raise ValueError(f"step: got a state of shape {tuple(after.shape)}, expected {tuple(h_prev.shape)}")
        return after.view(shape) - h

    def correct(h_prev, r):
        J = step_jacobian(lambda h: step(x.flatten(0, 1), h), h_prev).detach().view(*shape, -1)  # (B, T, H, H)
        return _scan_matrices(J, r)

    def before(h):
        return torch.cat([h0[:, None], h[:, :-1]], 1).flatten(0, 1)  # (B·T, H)

    h = h0.new_zeros(shape) if guess is None else guess.detach()
    with torch.no_grad():
        r = residual(before(h), h)
        residuals = [r.abs().max().item()]
        while not residuals[-1] <= tolerance and len(residuals) <= max_iterations:
            delta = correct(before(h), r)
            # products of many J overflow where gradients explode: take there what one plain step gives
            h = h + torch.where(delta.isfinite(), delta, r)
            r = residual(before(h), h)
            residuals.append(r.abs().max().item())
    if torch.is_grad_enabled():
        r = residual(before(h), h)
        if r.requires_grad:  # δ is 0 up to rounding; what its graph gives is (I − J)⁻¹ ∂r, the gradient of the solution
            h = h + correct(before(h).detach(), r)
    return Newton(h, len(residuals) - 1, residuals, residuals[-1] <= tolerance)


def _norm(tensors):
    """The norm of all together, in at least float32: squares of float16 are infinite from 256 on."""
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(at_least_float32(t)) for t in tensors]))


def _scan_matrices(J: Tensor, r: Tensor) -> Tensor:
    """δ_t = J_t δ_{t-1} + r_t from δ_0 = 0, for J (B, T, H, H) and r (B, T, H): (B, T, H)."""
    from rnncourse.ssm.scan import associative_scan  # here: its package's other modules are floors above this one

    def compose(left, right):
        (J_1, r_1), (J_2, r_2) = left, right
        return J_2 @ J_1, (J_2 @ r_1[..., None])[..., 0] + r_2

    return associative_scan(compose, (J, r))[1]


def _check_count(name, value, least):
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}")


def _check_model(model, x):
    bidirectional, batch_first = getattr(model, "bidirectional", False), getattr(model, "batch_first", True)
    if bidirectional or not batch_first:
        raise ValueError(f"model: got {bidirectional=}, {batch_first=}, expected False and True")
    if not isinstance(x, Tensor) or x.dim() < 2 or x.shape[1] == 0:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x: got {got}, expected a tensor (B, T, …) with at least one step")


def _tensors(state):
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in _tensors(part)]


def _map_state(function, state):
    if state is None or isinstance(state, Tensor):
        return None if state is None else function(state)
    return tuple(_map_state(function, part) for part in state)
