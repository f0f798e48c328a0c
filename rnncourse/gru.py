"""Gated recurrent unit: one gate to mix the old state with a new one, one to hide the old state (chapter `gru`).

Symbols
    x_t (B, D)  input      h_t (B, H)  hidden state      r, z (B, H)  reset, update gate      n (B, H)  candidate
    W_ih (3H, D), W_hh (3H, H), b_ih, b_hh (3H)  row blocks in the order r, z, n

Equations
    r = σ(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr);  z likewise
    n = tanh(W_in x_t + b_in + r ⊙ (W_hn h_{t-1} + b_hn))    reset_after=True: torch.nn, cuDNN
    n = tanh(W_in x_t + b_in + W_hn (r ⊙ h_{t-1}) + b_hn)    reset_after=False: Cho et al., equation 8; Chung et al.
    h_t = z ⊙ h_{t-1} + (1 − z) ⊙ n                          update="torch": Cho et al., equation 7; torch.nn
    h_t = (1 − z) ⊙ h_{t-1} + z ⊙ n                          update="paper": Chung et al., section 3.2

The two updates are one function under two names, z for 1 − z: negated z rows turn one into the other. The two resets
are not.

Sources: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation"
(2014, arXiv 1406.1078); Chung, Gulcehre, Cho, Bengio, "Empirical evaluation of gated recurrent neural networks on
sequence modeling" (2014, arXiv 1412.3555); PyTorch's torch.nn.GRU for parameters and their names.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from rnncourse.bptt import back_through_time, over_time, recurrent_weight_gradient, weight_gradient
from rnncourse.fast import product, sigmoid_backward, step_product, tanh, tanh_backward
from rnncourse.layers import Recurrent, check_step
from rnncourse.modes import by_hand, plain_where_needed

UPDATES = ("torch", "paper")


def gru_step(x_t, h_prev, W_ih, W_hh, b_ih=None, b_hh=None, reset_after=True, update="torch") -> Tensor:
    """One step of the GRU.

    Args:
        x_t: (B, D). h_prev: (B, H). W_ih: (3H, D). W_hh: (3H, H). b_ih, b_hh: (3H) or None.
        reset_after: whether r multiplies after the product with W_hn, or before it.
        update: "torch", z is the share of the old state, or "paper", z is the share of the new one.

    Returns:
        h_t: (B, H).

    Raises:
        ValueError: a shape or the update does not fit.
    """
    _check_update(update)
    check_step(3, x_t, {"h_prev": h_prev}, W_ih, W_hh, b_ih, b_hh)
    x_r, x_z, x_n = F.linear(x_t, W_ih, b_ih).chunk(3, 1)  # (B, H) each
    W_hr, W_hz, W_hn = W_hh.chunk(3)  # (H, H) each
    b_hr, b_hz, b_hn = (None,) * 3 if b_hh is None else b_hh.chunk(3)
    r = (x_r + F.linear(h_prev, W_hr, b_hr)).sigmoid()
    z = (x_z + F.linear(h_prev, W_hz, b_hz)).sigmoid()
    if reset_after:
        n = (x_n + r * F.linear(h_prev, W_hn, b_hn)).tanh()
    else:
        n = (x_n + F.linear(r * h_prev, W_hn, b_hn)).tanh()
    if update == "torch":
        return z * h_prev + (1 - z) * n
    return (1 - z) * h_prev + z * n


def gru_sequence(x, h0, W_ih, W_hh, b_ih=None, b_hh=None, reset_after=True, update="torch") -> Tensor:
    """The step over a whole sequence: the plain loop that `GRU` computes faster.

    Args:
        x: (B, T, D). h0: (B, H), the state before the first step. The rest as in `gru_step`.

    Returns:
        h: (B, T, H), the state after every step.

    Raises:
        ValueError: as `gru_step`; or x has no steps.
    """
    if x.dim() != 3 or x.shape[1] == 0:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected (B, T, D) with at least one step")
    h, states = h0, []
    for x_t in x.unbind(1):  # once: x[:, t] in a differentiated loop costs time quadratic in T
        h = gru_step(x_t, h, W_ih, W_hh, b_ih, b_hh, reset_after, update)
        states.append(h)
    return torch.stack(states, 1)  # (B, T, H)


def _check_update(update):
    if update not in UPDATES:
        raise ValueError(f"update: got {update!r}, expected one of {', '.join(UPDATES)}")


def _plain(x, *rest):
    return gru_sequence(x.transpose(0, 1), *rest).transpose(0, 1)


class GRUSequence(torch.autograd.Function):
    """`gru_sequence`, time-major, with the chapter's backpropagation through time as its backward.

    Here z is the share of the old state in either update: with "paper" it is 1 − σ(a_z) = σ(−a_z).
    """

    @staticmethod
    def forward(ctx, x, h0, W_ih, W_hh, b_ih, b_hh, reset_after, update):
        (T, B), H = x.shape[:2], h0.shape[1]
        b_h, b_n = (None, None) if b_hh is None else (b_hh if reset_after else b_hh[: 2 * H], b_hh[2 * H :])
        gates = product(x, W_ih, b_ih)  # (T, B, 3H): the inputs of all steps in one product; r, z, n replace them
        h = x.new_empty(T, B, H)
        m = x.new_empty(T, B, H) if reset_after else None  # W_hn h_{t-1} + b_hn, what r multiplies
        times_W_h = step_product(W_hh if reset_after else W_hh[: 2 * H], T, B, b_h)
        times_W_n = None if reset_after else step_product(W_hh[2 * H :], T, B, b_n)
        h_prev = h0
        for gates_t, m_t, h_t in over_time(_gates(gates), m if reset_after else [None] * T, h):
            rz, r, z, n = gates_t
            a_h = times_W_h(h_prev)  # (B, 3H), or (B, 2H) where r comes before the product
            rz += a_h[:, : 2 * H]
            if update == "paper":
                z.neg_()
            rz.sigmoid_()
            if reset_after:
                n.addcmul_(r, m_t.copy_(a_h[:, 2 * H :]))
            else:
                n += times_W_n(r * h_prev)
            tanh(n, out=n)
            h_prev = torch.lerp(n, h_prev, z, out=h_t)  # n + z ⊙ (h_{t-1} − n)
        ctx.save_for_backward(x, h0, W_ih, W_hh, b_ih, b_hh, gates, h, m)
        ctx.options = reset_after, update
        return h

    @staticmethod
    @plain_where_needed(_plain)
    def backward(ctx, dh_out):
        x, h0, W_ih, W_hh, b, _, gates, h, m = ctx.saved_tensors
        (T, B), H, (reset_after, update) = x.shape[:2], h0.shape[1], ctx.options
        da = torch.empty_like(gates)  # (T, B, 3H): ∂L/∂(W_hh h_{t-1}), for n with r ⊙ da_n if reset_after
        da_n = torch.empty_like(h) if reset_after else da[..., 2 * H :]  # (T, B, H)
        times_W_h_T = step_product((W_hh if reset_after else W_hh[: 2 * H]).T, T, B)
        times_W_n_T = None if reset_after else step_product(W_hh[2 * H :].T, T, B)
        dh = torch.zeros_like(h0)  # what reaches h_t from step t + 1
        candidates = over_time(da_n, m if reset_after else [None] * T)  # what belongs to the candidate n alone
        states = over_time([h0, *h[:-1].unbind(0)], dh_out)  # h_{t-1}; ∂L/∂h_t, but for what comes from step t + 1
        steps = back_through_time(_gates(gates), da, _gates(da), candidates, states)
        for gates_t, da_t, da_gates, candidate_t, state_t in steps:
            rz, r, z, n = gates_t
            da_rz, da_r, da_z, dm_t = da_gates
            da_n_t, m_t = candidate_t
            h_prev, dh_t = state_t
            dh += dh_t
            torch.mul(dh, h_prev - n, out=da_z)  # back through h_t = n + z ⊙ (h_{t-1} − n)
            dh_z = dh * z
            tanh_backward(dh - dh_z, n, out=da_n_t)
            dh = dh_z
            if reset_after:  # back through a_n = … + r ⊙ m
                torch.mul(da_n_t, m_t, out=da_r)
                torch.mul(da_n_t, r, out=dm_t)
            else:  # back through a_n = … + W_hn (r ⊙ h_{t-1})
                drh = times_W_n_T(da_n_t)
                torch.mul(drh, h_prev, out=da_r)
                dh.addcmul_(drh, r)
            sigmoid_backward(da_rz, rz, out=da_rz)
            if update == "paper":
                da_z.neg_()
            dh += times_W_h_T(da_t if reset_after else da_rz)
        if reset_after:
            dW_hh, db_hh = recurrent_weight_gradient(da, h0, h), da.sum((0, 1))
            da[..., 2 * H :] = da_n  # from here on for what W_ih x_t is added to
            db_ih = da.sum((0, 1))
        else:
            h_prev = torch.cat([h0[None], h[:-1]])  # (T, B, H)
            dW_rz = weight_gradient(da[..., : 2 * H], h_prev)
            dW_hh = torch.cat([dW_rz, weight_gradient(da_n, gates[..., :H] * h_prev)])
            db_ih = db_hh = da.sum((0, 1))
        dx = product(da, W_ih.T) if ctx.needs_input_grad[0] else None
        dW_ih = weight_gradient(da, x)
        db_ih, db_hh = (None, None) if b is None else (db_ih, db_hh)
        return dx, dh, dW_ih, dW_hh, db_ih, db_hh, None, None


def _gates(a):
    """Of each step of a (T, B, 3H): r and z together (B, 2H), then r, z, n (B, H) each."""
    return over_time(a[..., : a.shape[-1] // 3 * 2], *a.chunk(3, -1))


class GRU(Recurrent):
    """The GRU; as it stands, `torch.nn.GRU` in parameters, state_dict and results.

    Args:
        input_size: D. hidden_size: H. num_layers: layers stacked on one another.
        bias: with b_ih and b_hh. batch_first: x is (B, T, D), not (T, B, D).
        dropout: probability with which an element of a layer's output is dropped before the next layer, in training.
        bidirectional: a second network runs backwards.
        reset_after, update: which of the equations above.

    Called as `gru(x, h0=None, lengths=None)`, returns `(output, h_n)`: see `Recurrent.forward` for the shapes.

    Raises:
        ValueError: an argument out of range.
    """

    gates = 3
    defaults: ClassVar = Recurrent.defaults | {"reset_after": True, "update": "torch"}

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=True, dropout=0.0, bidirectional=False,
        reset_after=True, update="torch", *, device=None, dtype=None,
    ):  # fmt: skip
        _check_update(update)
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, bidirectional, dropout, device, dtype)
        self.reset_after, self.update = reset_after, update

    def run(self, x, state, W_ih, W_hh, b_ih, b_hh):
        return (by_hand(GRUSequence, _plain, x, *state, W_ih, W_hh, b_ih, b_hh, self.reset_after, self.update),)

    @property
    def operator(self):
        return torch.gru if self.reset_after and self.update == "torch" else None


@torch.no_grad()
def update_bias_(gru: GRU, value: float | Tensor = 1.0) -> GRU:
    """Set the bias of the gate that keeps the old state, in every layer and direction, in place; returns the module.

    Args:
        value: a number, or (H) numbers, one for each unit. With all else 0 a unit keeps σ(value) of its state at each
            step, in either convention: with update="paper" the bias of z is −value. As two biases are added, b_ih's
            block of z gets the value and b_hh's becomes 0.

    Raises:
        ValueError: the module has no bias, or the value another shape.

    Source: after Jozefowicz, Zaremba, Sutskever (2015), who do it with the LSTM's forget gate; log u with u uniform
    between 1 and T − 1 for a unit each is the initialisation of Tallec, Ollivier, "Can recurrent neural networks warp
    time?" (2018).
    """
    if not gru.bias:
        raise ValueError("gru: got bias=False, expected a module with biases")
    value = torch.as_tensor(value, dtype=gru.bias_ih_l0.dtype, device=gru.bias_ih_l0.device)
    if value.shape not in ((), (gru.hidden_size,)):
        raise ValueError(f"value: got shape {tuple(value.shape)}, expected a number or ({gru.hidden_size},)")
    for layer in range(gru.num_layers):
        for reverse in range(gru.directions):
            _, _, b_ih, b_hh = gru.weights(layer, bool(reverse))
            b_ih.chunk(3)[1].copy_(value if gru.update == "torch" else -value)  # r, z, n
            b_hh.chunk(3)[1].zero_()
    return gru
