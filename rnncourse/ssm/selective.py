"""Selective state spaces: the recurrence whose coefficients depend on the input, and the Mamba block (chapter `ssm`).

Symbols
    u_t (B, D)  input      Δ_t (B, D)  step size, `delta`      h_t (B, D, N)  state      y_t (B, D)  output
    A (D, N)  rates, below 0      B_t, C_t (B, N)  what enters, what is read      D (D)  direct path      T  steps

Equations, for channel d and state n
    h_t[d,n] = exp(Δ_t[d] A[d,n]) h_{t-1}[d,n] + Δ_t[d] B_t[n] u_t[d]     `selective_scan`, `selective_scan_sequential`
    y_t[d] = Σ_n C_t[n] h_t[d,n] + D[d] u_t[d]

Source: Gu and Dao, "Mamba: linear-time sequence modeling with selective state spaces" (2023), section 3.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnncourse.modes import by_hand, plain_where_needed, run_eagerly, without_autocast
from rnncourse.ssm.scan import check, check_sequence, check_size, check_step, describe, sweep


def selective_scan_sequential(u, delta, A, B, C, D=None, h0=None, return_state=False):
    """The selective scan step by step: the plain loop that `selective_scan` computes faster and in less memory.

    Arguments, result and errors as there.
    """
    h = _check(u, delta, A, B, C, D, h0)
    outputs = []
    for u_t, delta_t, B_t, C_t in zip(*(x.unbind(1) for x in (u, delta, B, C)), strict=True):
        A_bar = torch.exp(delta_t[..., None] * A)  # (B, D, N)
        h = A_bar * h + (delta_t * u_t)[..., None] * B_t[:, None]  # (B, D, N)
        outputs.append((h * C_t[:, None]).sum(-1))  # (B, D)
    y = torch.stack(outputs, 1)  # (B, T, D)
    y = y if D is None else y + D * u
    return (y, h) if return_state else y


def selective_scan(u, delta, A, B, C, D=None, h0=None, return_state=False):
    """The selective scan in memory O(T·D): the states (B, T, D, N) exist for a few steps at a time only.

    For the gradient it keeps one state in N steps or more, and computes the others again. A second
    derivative is that of the plain loop, with its memory.

    Args:
        u: (B, T, D), input. delta: (B, T, D), step sizes. A: (D, N). B, C: (B, T, N). D: (D), or None for 0.
        h0: (B, D, N), the state before the first step; None is zeros.
        return_state: also return the last state.

    Returns:
        y: (B, T, D); with return_state=True y and h_T (B, D, N).

    Raises:
        ValueError: a shape, a dtype or a device does not fit, there is no step, or the dtype is not a real one.

    Source: Gu and Dao (2023), algorithm 2; section 3.3.2 for recomputing. B̄ = Δ B is Euler's rule, as in their code.
    """
    h0 = _check(u, delta, A, B, C, D, h0)
    y, h = run_eagerly(by_hand)(SelectiveScan, _plain, u, delta, A.mT.contiguous(), B, C, h0.mT)
    y = y if D is None else y + D * u
    return (y, h.mT) if return_state else y


# Elements (steps, B, N, D) of a chunk for each thread: its few buffers should stay in the processor's cache
BUFFER_ELEMENTS = 2**19


def _plain(u, delta, A, B, C, h0):
    y, h = selective_scan_sequential(u, delta, A.mT, B, C, None, h0.mT, return_state=True)
    return y, h.mT


class SelectiveScan(torch.autograd.Function):
    """`selective_scan` without D, and with N before D, A (N, D) and h (B, N, D), so that the innermost loops are long.

    With v_t = Δ_t u_t it is h_t = a_t h_{t-1} + b_t, where a_t = exp(Δ_t A) and b_t = v_t B_t are (B, N, D). The
    sequence is taken chunk by chunk, each K pieces of L steps, and the pieces side by side: once from 0, for their end
    states; with each piece's product of a, exp(A ΣΔ), these are a recurrence over pieces, which gives the states
    between them; and once more from there. The backward gets the states between pieces, and runs the same the other way.
    """

    @staticmethod
    def forward(ctx, u, delta, A, B, C, h0):
        with without_autocast(u):  # its matrix products in half precision would not do
            K = _pieces_side_by_side(u, A)
            chunks = Chunks(u, delta, A, B, K)
            C_, (y, y_) = chunks.cut(C), chunks.empty(u)
            between = torch.cat([h0[None], h0.new_empty(len(y_) * K, *h0.shape)])  # (pieces + 1, B, N, D)
            for i in range(len(y_)):
                a, b, product = chunks.coefficients(i)
                end = b[0].clone()  # (K, B, N, D)
                sweep([end] * (len(a) - 1), a[1:], b[1:], end)
                starts, after = between[i * K : (i + 1) * K], between[i * K + 1 : (i + 1) * K + 1]
                sweep(after, product, end, starts[0])
                h = chunks.states(starts)
                y_[i] = (C_[i][..., None, :] @ h[1:]).squeeze(3)  # y_t = Σ_n C_t h_t
        ctx.save_for_backward(u, delta, A, B, C, h0, between)
        ctx.K, ctx.options = K, ()
        return y[:, : u.shape[1]], between[-1].clone()

    @staticmethod
    @plain_where_needed(_plain)
    def backward(ctx, dy, dh):
        u, delta, A, B, C, _, between = ctx.saved_tensors
        with without_autocast(u):
            K = ctx.K
            chunks = Chunks(u, delta, A, B, K)
            dy, C_, dA = chunks.cut(dy), chunks.cut(C), torch.zeros_like(A)
            (dv, dv_), (ddelta, ddelta_), (dB, dB_), (dC, dC_) = (chunks.empty(x) for x in (u, delta, B, C))
            db = torch.empty_like(chunks.a)  # (L, K, B, N, D)
            db_earlier, a_later = db.unbind(0)[-2::-1], chunks.a_steps[:0:-1]
            for i in reversed(range(len(dy))):
                a, product = chunks.a, chunks.coefficients(i)[2]
                starts = between[i * K : (i + 1) * K]  # (K, B, N, D)
                h = chunks.states(starts)
                # db_t = ∂L/∂h_t = dy_t C_t + a_{t+1} db_{t+1}; dh comes from behind the chunk
                torch.mul(dy[i][..., None, :], C_[i][..., None], out=db)
                end = db[-1].clone()
                sweep([end] * len(a_later), a_later, db_earlier, end)
                behind = torch.cat([torch.empty_like(starts), dh[None]])  # what reaches each piece's last step
                sweep(*(x.unbind(0)[::-1] for x in (behind[:-1], product, end.mul_(a[0]))), dh)
                db[-1] += behind[1:]
                sweep(db_earlier, a_later, db_earlier, db[-1])
                dh = behind[0]

                dC_[i] = (dy[i][..., None, :] @ h[1:].mT).squeeze(3)  # Σ_d dy_t h_t
                dB_[i] = (chunks.v[i][..., None, :] @ db.mT).squeeze(3)  # Σ_d v_t db_t
                dv_[i] = (chunks.B[i][..., None, :] @ db).squeeze(3)  # Σ_n B_t db_t
                dexponent, scratch = a.mul_(db).mul_(h[:-1]), h[1:]  # ∂L/∂(Δ_t A) = db_t h_{t-1} a_t
                ddelta_[i] = torch.mul(dexponent, A, out=scratch).sum(3)
                dA += torch.mul(dexponent, chunks.delta[i][..., None, :], out=scratch).sum((0, 1, 2))
        dv, ddelta, dB, dC = (x[:, : u.shape[1]] for x in (dv, ddelta, dB, dC))
        ddelta.addcmul_(dv, u)
        return dv.mul_(delta), ddelta, dA, dB, dC, dh


def _pieces_side_by_side(u, A):
    """K, such that a chunk has at most BUFFER_ELEMENTS for each thread and the last is about as long as the others."""
    pieces = -(-u.shape[1] // _piece_length(u, A))
    fitting = BUFFER_ELEMENTS * torch.get_num_threads() // max(1, _piece_length(u, A) * len(u) * A.numel())
    return -(-pieces // -(-pieces // max(1, fitting)))


def _piece_length(u, A):
    """L, at least N: the states kept, one for each piece, are B·N·D·T/L elements, no more than u has then."""
    return min(u.shape[1], max(16, len(A)))


class Chunks:
    """The sequence cut into n chunks of K pieces of L steps, and the buffers that one chunk after another is computed in.

    `cut` shows (B, T, …) as (n, L, K, B, …): in the buffers, which have that order, a step of all pieces is one block.
    """

    def __init__(self, u, delta, A, B, K):
        self.L, self.K = _piece_length(u, A), K
        self.T = u.shape[1] + -u.shape[1] % (K * self.L)
        self.delta, self.v, self.B = self.cut(delta), self.cut(delta * u), self.cut(B)
        self.A_log2 = A / math.log(2)  # exp(ΔA) = 2^(ΔA/ln 2), which costs less than half as much
        self.a, self.h = (u.new_empty(n, K, len(u), *A.shape) for n in (self.L, self.L + 1))
        self.a_steps, self.b_steps = self.a.unbind(0), self.h[1:].unbind(0)

    def cut(self, x):
        padding = self.T - x.shape[1]  # steps with Δ = 0 leave the state as it is
        x = F.pad(x, (0, 0, 0, padding)) if padding else x
        return x.unflatten(1, (-1, self.K, self.L)).permute(1, 3, 2, 0, 4)

    def empty(self, like):
        """Room for all chunks of a tensor (B, T, …), padding included, and its cut."""
        x = like.new_empty(len(like), self.T, like.shape[2])
        return x, self.cut(x)

    def coefficients(self, i):
        """The steps of a_t and b_t (K, B, N, D) of chunk i, and the product of each piece's a_t."""
        torch.mul(self.delta[i][..., None, :], self.A_log2, out=self.a).exp2_()
        torch.mul(self.v[i][..., None, :], self.B[i][..., None], out=self.h[1:])
        return self.a_steps, self.b_steps, (self.delta[i].sum(0)[..., None, :] * self.A_log2).exp2_()

    def states(self, starts):
        """The states (L+1, K, B, N, D) of the pieces of this chunk, those before the first step first, in place of its b."""
        self.h[0] = starts
        sweep(self.b_steps, self.a_steps, self.b_steps, self.h[0])
        return self.h


def _check(u, delta, A, B, C, D, h0):
    if not isinstance(u, Tensor) or u.dim() != 3 or u.shape[1] == 0:
        raise ValueError(f"u: got {describe(u)}, expected (B, T, D) with at least one step")
    if not u.is_floating_point():
        raise ValueError(f"u: got dtype {u.dtype}, expected a real floating point one")
    batch, T, channels = u.shape
    N = A.shape[1] if isinstance(A, Tensor) and A.dim() == 2 else "N"
    check(delta, "delta", u.shape, u, "of u")
    check(A, "A", (channels, N), u, "of u")
    check(B, "B", (batch, T, N), u, "of u")
    check(C, "C", (batch, T, N), u, "of u")
    if D is not None:
        check(D, "D", (channels,), u, "of u")
    if h0 is None:
        return u.new_zeros(batch, channels, N)
    check(h0, "h0", (batch, channels, N), u, "of u")
    return h0


class Mamba(nn.Module):
    """The Mamba block: a selective scan whose Δ, B, C come from its input, after a short convolution, and gated.

    Parameters have the names and shapes of the authors' code, so that a block's checkpoint loads.

    Args:
        d_model: width of input and output. d_state: N. d_conv: width of the causal convolution, in steps.
        expand: the inner width is expand · d_model. dt_rank: rank of the map to Δ; None is ⌈d_model/16⌉.

    Called as `mamba(x, state=None)` with x (B, T, d_model), returns the output, of the same shape, and the state to
    continue from: h (B, inner, N) and the last inputs of the convolution (B, inner, d_conv − 1).

    Raises:
        ValueError: an argument out of range, or x or the state does not fit.

    Source: Gu and Dao (2023), section 3.4 and figure 3 for the block; section 3.6 for the initial Δ and A.
    """

    bidirectional, batch_first = False, True

    def __init__(self, d_model, d_state=16, d_conv=4, expand=2, dt_rank=None, device=None, dtype=None):
        super().__init__()
        if dt_rank is None and isinstance(d_model, int):
            dt_rank = math.ceil(d_model / 16)
        sizes = {"d_model": d_model, "d_state": d_state, "d_conv": d_conv, "expand": expand, "dt_rank": dt_rank}
        for name, value in sizes.items():
            check_size(value, name)
        self.input_size = self.hidden_size = self.d_model = d_model
        self.d_state, self.d_conv, self.d_inner, self.dt_rank = d_state, d_conv, expand * d_model, dt_rank
        where = {"device": device, "dtype": dtype}
        self.in_proj = nn.Linear(d_model, 2 * self.d_inner, bias=False, **where)
        self.conv1d = nn.Conv1d(self.d_inner, self.d_inner, d_conv, groups=self.d_inner, **where)
        self.x_proj = nn.Linear(self.d_inner, dt_rank + 2 * d_state, bias=False, **where)
        self.dt_proj = nn.Linear(dt_rank, self.d_inner, **where)
        self.A_log = nn.Parameter(torch.empty(self.d_inner, d_state, **where))  # A = −exp of this: it always decays
        self.D = nn.Parameter(torch.empty(self.d_inner, **where))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False, **where)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self):
        """A_n = −n for n = 1 … N, D = 1, a bias that draws Δ log-uniformly from 0.001 to 0.1; the rest as torch.nn."""
        for module in self.children():
            module.reset_parameters()
        n = torch.arange(1, self.d_state + 1, device=self.A_log.device, dtype=self.A_log.dtype)
        self.A_log.copy_(n.log().expand_as(self.A_log))
        self.D.fill_(1)
        self.dt_proj.weight.uniform_(-(self.dt_rank**-0.5), self.dt_rank**-0.5)
        dt = torch.empty_like(self.dt_proj.bias).uniform_(math.log(0.001), math.log(0.1)).exp()
        self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # softplus of this is dt

    def extra_repr(self):
        """The constructor's arguments."""
        expand = self.d_inner // self.d_model
        return f"{self.d_model}, d_state={self.d_state}, d_conv={self.d_conv}, expand={expand}, dt_rank={self.dt_rank}"

    def step(self, x_t: Tensor, state=None):
        """One step of generation: x_t (B, d_model) and the state, None for zeros, to the output and the next state."""
        y, state = self(check_step(x_t, "x_t", self.d_model), state)
        return y[:, 0], state

    def forward(self, x: Tensor, state=None):
        x = check_sequence(x, "x", self.d_model, self.D)
        if not x.is_floating_point():
            raise ValueError(f"x: got dtype {x.dtype}, expected a real floating point one")
        h, inputs = self._check_state(state, x)
        u, gate = self.in_proj(x).chunk(2, -1)  # (B, T, inner) each
        inputs = torch.cat([inputs, u.mT.to(inputs.dtype)], 2)  # (B, inner, d_conv − 1 + T)
        u = F.silu(self.conv1d(inputs)).mT  # (B, T, inner)
        dt, B, C = self.x_proj(u).split([self.dt_rank, self.d_state, self.d_state], -1)
        delta = F.softplus(self.dt_proj(dt))  # (B, T, inner)
        # Under autocast the products come in half precision; the recurrence keeps that of the parameters
        u, delta, B, C = (t.to(self.D.dtype) for t in (u, delta, B, C))
        y, h = selective_scan(u, delta, -torch.exp(self.A_log), B, C, self.D, h, return_state=True)
        return self.out_proj(y * F.silu(gate)), (h, inputs[:, :, x.shape[1] :])

    def _check_state(self, state, x):
        shapes = (len(x), self.d_inner, self.d_state), (len(x), self.d_inner, self.d_conv - 1)
        if state is None:
            return tuple(x.new_zeros(shape) for shape in shapes)
        if not isinstance(state, tuple | list) or len(state) != 2:
            raise ValueError(f"state: got {describe(state)}, expected two tensors of shapes {shapes}")
        for i, shape in enumerate(shapes):
            check(state[i], f"state[{i}]", shape, self.D, "of the parameters")
        return state
