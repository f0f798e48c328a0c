"""Long short-term memory: a cell that gates write, keep and read (chapter `lstm`).

Symbols
    x_t (B, D)  input      h_t (B, H)  hidden state, the output      c_t (B, H)  cell state
    i, f, o (B, H)  input, forget and output gate, in (0, 1)         g (B, H)  candidate, in (−1, 1)
    W_ih (4H, D), W_hh (4H, H), b_ih, b_hh (4H)  row blocks in the order i, f, g, o      a_t (B, 4H)  pre-activations

Equations
    a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
    i, f, o = σ(a_i), σ(a_f), σ(a_o);  g = tanh(a_g)
    c_t = f ⊙ c_{t-1} + i ⊙ g;  h_t = o ⊙ tanh(c_t)                  `lstm_step`, `lstm_sequence`, `LSTM`
    gates that see the cell: + p ⊙ c in a_i, a_f, a_o                 `peephole_step`, `PeepholeLSTM`
    one gate for two: f = 1 − i                                       `coupled_step`, `CoupledLSTM`
    i = exp(a_i), h_t = o ⊙ c_t / n_t with n_t the sum of the gates   `slstm_step`, and with a matrix as cell `mlstm_step`

Sources: Hochreiter, Schmidhuber, "Long short-term memory" (1997), without forget gate; Gers, Schmidhuber, Cummins,
"Learning to forget" (2000), with it; Gers, Schmidhuber, "Recurrent nets that time and count" (2000), peepholes; Greff
et al., "LSTM: a search space odyssey" (2017), all variants; Beck et al., "xLSTM: extended long short-term memory" (2024),
the sequel; PyTorch's torch.nn.LSTM for parameters and their names.
"""

import math
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from rnncourse.bptt import back_through_time, input_gradients, over_time
from rnncourse.fast import product, sigmoid_backward, step_product, tanh, tanh_backward
from rnncourse.layers import Recurrent, check_step
from rnncourse.modes import by_hand, plain_where_needed


def lstm_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih=None, b_hh=None) -> tuple[Tensor, Tensor]:
    """One step of the LSTM.

    Args:
        x_t: (B, D). h_prev, c_prev: (B, H). W_ih: (4H, D). W_hh: (4H, H). b_ih, b_hh: (4H) or None.

    Returns:
        h_t, c_t: (B, H) each.

    Raises:
        ValueError: a shape does not fit.
    """
    check_step(4, x_t, {"h_prev": h_prev, "c_prev": c_prev}, W_ih, W_hh, b_ih, b_hh)
    a_t = F.linear(x_t, W_ih, b_ih) + F.linear(h_prev, W_hh, b_hh)  # (B, 4H)
    i, f, g, o = a_t.chunk(4, 1)  # (B, H) each
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c_t = f * c_prev + i * g
    return o * c_t.tanh(), c_t


def peephole_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih=None, b_hh=None, *, p) -> tuple[Tensor, Tensor]:
    """One step of an LSTM whose gates also see the cell: i and f the old one, o the new one (Gers and Schmidhuber
    2000).

    Args:
        p: (3H), the diagonals p_i, p_f, p_o of the peephole connections. The rest as in `lstm_step`.

    Returns:
        h_t, c_t: (B, H) each.

    Raises:
        ValueError: a shape does not fit.
    """
    check_step(4, x_t, {"h_prev": h_prev, "c_prev": c_prev}, W_ih, W_hh, b_ih, b_hh)
    if tuple(p.shape) != (3 * h_prev.shape[1],):
        raise ValueError(f"p: got shape {tuple(p.shape)}, expected {(3 * h_prev.shape[1],)}")
    a_t = F.linear(x_t, W_ih, b_ih) + F.linear(h_prev, W_hh, b_hh)  # (B, 4H)
    i, f, g, o = a_t.chunk(4, 1)
    p_i, p_f, p_o = p.chunk(3)
    i, f, g = (i + p_i * c_prev).sigmoid(), (f + p_f * c_prev).sigmoid(), g.tanh()
    c_t = f * c_prev + i * g
    return (o + p_o * c_t).sigmoid() * c_t.tanh(), c_t


def coupled_step(x_t, h_prev, c_prev, W_ih, W_hh, b_ih=None, b_hh=None) -> tuple[Tensor, Tensor]:
    """One step of an LSTM that forgets exactly where it writes, f = 1 − i (CIFG in Greff et al. 2017).

    Args:
        W_ih: (3H, D). W_hh: (3H, H). b_ih, b_hh: (3H) or None; row blocks i, g, o. The rest as in `lstm_step`.

    Returns:
        h_t, c_t: (B, H) each.

    Raises:
        ValueError: a shape does not fit.
    """
    check_step(3, x_t, {"h_prev": h_prev, "c_prev": c_prev}, W_ih, W_hh, b_ih, b_hh)
    a_t = F.linear(x_t, W_ih, b_ih) + F.linear(h_prev, W_hh, b_hh)  # (B, 3H)
    i, g, o = a_t.chunk(3, 1)
    i, g, o = i.sigmoid(), g.tanh(), o.sigmoid()
    c_t = (1 - i) * c_prev + i * g
    return o * c_t.tanh(), c_t


def lstm_sequence(x, h0, c0, W_ih, W_hh, b_ih=None, b_hh=None, step=lstm_step) -> tuple[Tensor, Tensor]:
    """A step over a whole sequence: the plain loop that `LSTM` computes faster.

    Args:
        x: (B, T, D). h0, c0: (B, H), the state before the first step. step: `lstm_step` or a variant with the same
            arguments. The rest as in the step.

    Returns:
        h, c: (B, T, H) each, the state after every step.

    Raises:
        ValueError: as the step; or x has no steps.
    """
    if x.dim() != 3 or x.shape[1] == 0:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected (B, T, D) with at least one step")
    h_t, c_t, states = h0, c0, []
    for x_t in x.unbind(1):  # once: x[:, t] in a differentiated loop costs time quadratic in T
        h_t, c_t = step(x_t, h_t, c_t, W_ih, W_hh, b_ih, b_hh)
        states.append((h_t, c_t))
    h, c = zip(*states, strict=True)
    return torch.stack(h, 1), torch.stack(c, 1)  # (B, T, H) each


def _plain(x, *rest):
    h, c = lstm_sequence(x.transpose(0, 1), *rest)
    return h.transpose(0, 1), c.transpose(0, 1)


class LSTMSequence(torch.autograd.Function):
    """`lstm_sequence`, time-major, with the chapter's backpropagation through time as its backward."""

    @staticmethod
    def forward(ctx, x, h0, c0, W_ih, W_hh, b_ih, b_hh):
        b = None if b_ih is None else b_ih + b_hh
        gates = product(x, W_ih, b)  # (T, B, 4H): the inputs of all steps in one product; i, f, g, o replace them
        h, c = (x.new_empty(len(x), *h0.shape) for _ in range(2))  # (T, B, H)
        times_W_hh = step_product(W_hh, *x.shape[:2])
        h_prev, c_prev = h0, c0
        for a_t, gates_t, h_t, c_t in over_time(gates, _gates(gates), h, c):
            a_t += times_W_hh(h_prev)
            if_t, i, f, g, o = gates_t
            if_t.sigmoid_(), tanh(g, out=g), o.sigmoid_()
            torch.mul(f, c_prev, out=c_t).addcmul_(i, g)
            torch.mul(o, tanh(c_t), out=h_t)
            h_prev, c_prev = h_t, c_t
        ctx.save_for_backward(x, h0, c0, W_ih, W_hh, b_ih, b_hh, gates, h, c)
        ctx.options = ()
        ctx.set_materialize_grads(False)
        return h, c

    @staticmethod
    @plain_where_needed(_plain)
    def backward(ctx, dh_out, dc_out):
        x, h0, c0, W_ih, W_hh, b, _, gates, h, c = ctx.saved_tensors
        dh_out, dc_out = (h0.new_zeros(()).expand_as(h) if d is None else d for d in (dh_out, dc_out))
        da = torch.empty_like(gates)  # (T, B, 4H)
        times_W_hh_T = step_product(W_hh.T, *x.shape[:2])
        dh, dc = torch.zeros_like(h0), torch.zeros_like(c0)  # what reaches h_t and c_t from step t + 1
        cells = over_time([c0, *c[:-1].unbind(0)], c)  # c_{t-1}, c_t
        outside = over_time(dh_out, dc_out)  # ∂L/∂h_t and ∂L/∂c_t, but for what comes from step t + 1
        steps = back_through_time(_gates(gates), da, _gates(da), cells, outside)
        for gates_t, da_t, da_gates, cells_t, outside_t in steps:
            if_t, i, f, g, o = gates_t
            da_if, da_i, da_f, da_g, da_o = da_gates
            c_prev, c_t = cells_t
            dh_t, dc_t = outside_t
            dh += dh_t
            dc += dc_t
            tanh_c = tanh(c_t)
            torch.mul(dh, tanh_c, out=da_o)  # back through h_t = o ⊙ tanh(c_t)
            dc += tanh_backward(dh.mul_(o), tanh_c, out=dh)
            torch.mul(dc, g, out=da_i)  # back through c_t = f ⊙ c_{t-1} + i ⊙ g
            torch.mul(dc, c_prev, out=da_f)
            torch.mul(dc, i, out=da_g)
            dc *= f
            sigmoid_backward(da_if, if_t, out=da_if)  # back through the gates to a_t
            tanh_backward(da_g, g, out=da_g)
            sigmoid_backward(da_o, o, out=da_o)
            dh = times_W_hh_T(da_t)  # (B, H): W_hhᵀ da_t
        dx, dW_ih, dW_hh, db = input_gradients(da, x, h0, h, W_ih, ctx.needs_input_grad[0])
        db = None if b is None else db
        return dx, dh, dc, dW_ih, dW_hh, db, db


def _gates(a):
    """Of each step of a (T, B, 4H): i and f together (B, 2H), then i, f, g, o (B, H) each."""
    return over_time(a[..., : a.shape[-1] // 2], *a.chunk(4, -1))


class LSTM(Recurrent):
    """The LSTM: `torch.nn.LSTM` in parameters, state_dict and results.

    Args:
        input_size: D. hidden_size: H. num_layers: layers stacked on one another.
        bias: with b_ih and b_hh. batch_first: x is (B, T, D), not (T, B, D).
        dropout: probability with which an element of a layer's output is dropped before the next layer, in training.
        bidirectional: a second network runs backwards.

    Called as `lstm(x, (h0, c0)=None, lengths=None)`, returns `(output, (h_n, c_n))`: see `Recurrent.forward` for the
    shapes.

    Raises:
        ValueError: an argument out of range.
    """

    gates, states = 4, 2
    operator = staticmethod(torch.lstm)

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=True, dropout=0.0, bidirectional=False,
        *, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, bidirectional, dropout, device, dtype)

    def run(self, x, state, W_ih, W_hh, b_ih, b_hh):
        return by_hand(LSTMSequence, _plain, x, *state, W_ih, W_hh, b_ih, b_hh)


class PeepholeLSTM(LSTM):
    """An LSTM whose gates see the cell: `peephole_step`, arguments and call as `LSTM`; p is `weight_ch_l0` …, (3H)."""

    operator = None

    def parameter_shapes(self, width):
        return super().parameter_shapes(width) | {"weight_ch": (3 * self.hidden_size,)}

    def run(self, x, state, W_ih, W_hh, b_ih, b_hh, p):
        h_c = lstm_sequence(x.transpose(0, 1), *state, W_ih, W_hh, b_ih, b_hh, partial(peephole_step, p=p))
        return tuple(s.transpose(0, 1) for s in h_c)


class CoupledLSTM(LSTM):
    """An LSTM with f = 1 − i: `coupled_step`, arguments and call as `LSTM`; three row blocks i, g, o."""

    gates, operator = 3, None

    def run(self, x, state, W_ih, W_hh, b_ih, b_hh):
        h_c = lstm_sequence(x.transpose(0, 1), *state, W_ih, W_hh, b_ih, b_hh, coupled_step)
        return tuple(s.transpose(0, 1) for s in h_c)


@torch.no_grad()
def forget_bias_(lstm: LSTM, value: float = 1.0) -> LSTM:
    """Set the forget gate's bias to `value` in every layer and direction, in place; returns the module.

    torch.nn adds two biases, b_ih and b_hh: b_ih's forget block becomes `value` and b_hh's becomes 0, so that the sum
    is `value`.

    Raises:
        ValueError: the module has no forget gate of its own, or no bias.

    Source: Jozefowicz, Zaremba, Sutskever, "An empirical exploration of recurrent network architectures" (2015).
    """
    for b_ih, b_hh in _biases(lstm):
        b_ih.chunk(4)[1].fill_(value)  # i, f, g, o
        b_hh.chunk(4)[1].zero_()
    return lstm


@torch.no_grad()
def chrono_(lstm: LSTM, T_max: float, generator: torch.Generator | None = None) -> LSTM:
    """Spread the forget gates over memories of 1 to T_max steps, in place; returns the module.

    The biases of the forget gates become log u with u uniform between 1 and T_max − 1, one u for each unit, those of
    the input gates −log u: a unit's forget gate then starts near 1 − 1/(1 + u), and what it holds fades over about 1 +
    u steps. As in `forget_bias_`, b_ih gets the value and b_hh 0.

    Raises:
        ValueError: T_max below 2; or the module has no forget gate of its own, or no bias.

    Source: Tallec, Ollivier, "Can recurrent neural networks warp time?" (2018).
    """
    if not T_max >= 2 or not math.isfinite(T_max):
        raise ValueError(f"T_max: got {T_max}, expected a number of steps, at least 2")
    for b_ih, b_hh in _biases(lstm):
        u = b_ih.new_empty(lstm.hidden_size).uniform_(1, T_max - 1, generator=generator)
        for gate, value in ((1, u.log()), (0, -u.log())):  # i, f, g, o
            b_ih.chunk(4)[gate].copy_(value)
            b_hh.chunk(4)[gate].zero_()
    return lstm


def _biases(lstm):
    """Pairs b_ih, b_hh of an LSTM, one for each layer and direction."""
    gates = lstm.weight_hh_l0.shape[0] // lstm.hidden_size if hasattr(lstm, "weight_hh_l0") else 0
    names = [name for name, _ in lstm.named_parameters() if name.startswith("bias_ih_l")]
    if gates != 4 or not names:
        raise ValueError(f"lstm: got {lstm}, expected an LSTM with gates i, f, g, o and with biases")
    return [(getattr(lstm, name), getattr(lstm, name.replace("_ih", "_hh"))) for name in names]


# The sequel: gates that may be above 1, and a matrix for a cell (the chapter's further page on xLSTM).


def slstm_step(
    x_t, h_prev, c_prev, n_prev, m_prev, W_ih, W_hh, b_ih=None, b_hh=None, forget="sigmoid"
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step of the sLSTM: an LSTM whose input gate is an exponential, and whose cell is divided by the sum of its gates.

        i = exp(a_i);  f = σ(a_f) or exp(a_f);  g = tanh(a_g);  o = σ(a_o)
        c_t = f ⊙ c_{t-1} + i ⊙ g;  n_t = f ⊙ n_{t-1} + i;  h_t = o ⊙ c_t / n_t

    The exponential overflows, c_t / n_t doesn't. So c_t and n_t are stored divided by exp(m_t), with m_t the larger of
    log f + m_{t-1} and a_i: both gates are then at most 1, and h_t is what it was.

    Args:
        x_t: (B, D). h_prev, c_prev, n_prev, m_prev: (B, H); before the first step zeros, and m_prev −∞.
        W_ih: (4H, D). W_hh: (4H, H). b_ih, b_hh: (4H) or None; row blocks i, f, g, o.
        forget: "sigmoid" or "exp", the forget gate's activation.

    Returns:
        h_t, c_t, n_t, m_t: (B, H) each.

    Raises:
        ValueError: a shape does not fit, or the activation is unknown.

    Source: Beck et al., "xLSTM: extended long short-term memory" (2024), section 2.2; g is their z.
    """
    states = {"h_prev": h_prev, "c_prev": c_prev, "n_prev": n_prev, "m_prev": m_prev}
    check_step(4, x_t, states, W_ih, W_hh, b_ih, b_hh)
    a_t = F.linear(x_t, W_ih, b_ih) + F.linear(h_prev, W_hh, b_hh)  # (B, 4H)
    a_i, a_f, a_g, a_o = a_t.chunk(4, 1)  # (B, H) each
    i, f, m_t = _exponential_gates(a_i, a_f, m_prev, forget)
    c_t = f * c_prev + i * a_g.tanh()
    n_t = f * n_prev + i
    return a_o.sigmoid() * c_t / n_t, c_t, n_t, m_t


def mlstm_step(
    q_t, k_t, v_t, a_i, a_f, a_o, C_prev, n_prev, m_prev, forget="sigmoid"
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step of the mLSTM: the cell is a matrix that is written to by key and value, and read by a query.

        i = exp(a_i);  f = σ(a_f) or exp(a_f);  o = σ(a_o)
        C_t = f C_{t-1} + i v_t k_tᵀ;  n_t = f n_{t-1} + i k_t;  h_t = o ⊙ C_t q_t / max(|n_tᵀ q_t|, 1)

    No state stands in a gate, a key or a value, so that a sequence can be computed without a loop. C_t and n_t are stored
    divided by exp(m_t), as in `slstm_step`.

    Args:
        q_t, k_t, v_t: (B, H), query, key (by their paper already divided by √H) and value, each computed from x_t alone.
        a_i, a_f: (B, 1), pre-activations of the gates of the cell. a_o: (B, H), that of the output gate.
        C_prev: (B, H, H). n_prev: (B, H). m_prev: (B, 1); before the first step zeros, and m_prev −∞.
        forget: "sigmoid" or "exp", the forget gate's activation.

    Returns:
        h_t (B, H), C_t (B, H, H), n_t (B, H), m_t (B, 1).

    Raises:
        ValueError: a shape does not fit, or the activation is unknown.

    Source: Beck et al., "xLSTM: extended long short-term memory" (2024), section 2.3.
    """
    if q_t.dim() != 2:
        raise ValueError(f"q_t: got shape {tuple(q_t.shape)}, expected (B, H)")
    B, H = q_t.shape
    expected = {"k_t": (k_t, (B, H)), "v_t": (v_t, (B, H)), "a_i": (a_i, (B, 1)), "a_f": (a_f, (B, 1)), "a_o": (a_o, (B, H))}
    expected |= {"C_prev": (C_prev, (B, H, H)), "n_prev": (n_prev, (B, H)), "m_prev": (m_prev, (B, 1))}
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected {shape}")
    i, f, m_t = _exponential_gates(a_i, a_f, m_prev, forget)  # (B, 1) each
    C_t = f[..., None] * C_prev + i[..., None] * v_t[:, :, None] * k_t[:, None, :]  # (B, H, H)
    n_t = f * n_prev + i * k_t
    read, norm = (C_t @ q_t[..., None])[..., 0], (n_t * q_t).sum(1, keepdim=True).abs()  # (B, H), (B, 1)
    one = (-m_t).clamp(max=0.99 * math.log(torch.finfo(m_t.dtype).max)).exp()  # ∞ would have a gradient of NaN
    return a_o.sigmoid() * read / torch.maximum(norm, one), C_t, n_t, m_t


def _exponential_gates(a_i, a_f, m_prev, forget):
    """i / exp(m_t), f · exp(m_{t-1}) / exp(m_t), at most 1 each, and m_t, of the shape of a_i."""
    if forget not in ("sigmoid", "exp"):
        raise ValueError(f"forget: got {forget!r}, expected 'sigmoid' or 'exp'")
    log_f = F.logsigmoid(a_f) if forget == "sigmoid" else a_f
    m_t = torch.maximum(log_f + m_prev, a_i)
    return (a_i - m_t).exp(), (log_f + m_prev - m_t).exp(), m_t
