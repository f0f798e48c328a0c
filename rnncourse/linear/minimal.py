"""Recurrences linear in their state: minimal gated networks and linear attention (chapter `linear`).

Symbols
    x_t (B, D)  input      h_t (B, H)  state      z_t, f_t, i_t (B, H)  gates and h̃_t (B, H)  candidate, of x_t alone
    q_t, k_t (B, D)  query, key      v_t (B, M)  value      S_t (B, D, M), s_t (B, D)  sums of φ(k) vᵀ and of φ(k)
    m_t (B, D)  the largest log φ(k) so far: the state holds S and s times exp(−m), since far below 0 φ is 0 to rounding

Equations
    z = σ(W_z x), h̃ = W_h x, h_t = (1 − z_t) h_{t-1} + z_t h̃_t                             `minGRU`
    f = σ(W_f x), i = σ(W_i x), h_t = f/(f+i) h_{t-1} + i/(f+i) h̃_t                         `minLSTM`
    S_t = S_{t-1} + φ(k_t) v_tᵀ, s_t = s_{t-1} + φ(k_t), y_t = φ(q_t)ᵀS_t / φ(q_t)ᵀs_t      `linear_attention_step`

Sources: Feng et al., "Were RNNs all we needed?" (2024); Katharopoulos et al., "Transformers are RNNs" (2020).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnncourse.ssm.scan import check, check_sequence, check_size, check_step, describe, linear_scan


class MinimalRNN(nn.Module):
    """What minGRU and minLSTM share: gates that see the input only, so that h_t = a_t h_{t-1} + b_t is a scan.

    A subclass names its maps of x in `maps` and defines `gates(x)`: the weights of h_{t-1} and of h̃_t, (B, T, H) each.

    Called as `rnn(x, h0=None)` with x (B, T, D) and the state h0 (B, H) before the first step, returns all states
    (B, T, H) and the last one (B, H).
    """

    bidirectional, batch_first = False, True
    maps: tuple[str, ...] = ()

    def __init__(self, input_size, hidden_size, candidate="linear", bias=True, device=None, dtype=None):
        super().__init__()
        check_size(input_size, "input_size")
        check_size(hidden_size, "hidden_size")
        if candidate not in ("linear", "g"):
            raise ValueError(f"candidate: got {candidate!r}, expected 'linear' or 'g'")
        self.input_size, self.hidden_size, self.candidate = input_size, hidden_size, candidate
        for name in self.maps:
            self.add_module(name, nn.Linear(input_size, hidden_size, bias, device=device, dtype=dtype))

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """a_t and b_t of h_t = a_t h_{t-1} + b_t, both (B, T, H)."""
        keep, write = self.gates(x)
        h_new = self.linear_h(x)
        if self.candidate == "g":
            positive = F.relu(h_new)
            h_new = positive + torch.sigmoid(h_new - positive)  # g: one of the two is 0, and σ(0) = ½
        return keep, write * h_new

    def forward(self, x: Tensor, h0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        weight = self.linear_h.weight
        x = check_sequence(x, "x", self.input_size, weight)
        if x.is_complex():
            raise ValueError(f"x: got dtype {x.dtype}, expected a real one: gates lie between 0 and 1")
        if h0 is not None:
            check(h0, "h0", (len(x), self.hidden_size), weight, "of the parameters")
        a, b = (t.to(weight.dtype) for t in self.coefficients(x))  # under autocast they come in half precision
        h = linear_scan(a, b, h0)
        return h, h[:, -1]

    def step(self, x_t: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One step of generation: x_t (B, D) and the state (B, H), None for zeros, to h_t as output and as state."""
        _, h = self(check_step(x_t, "x_t", self.input_size), h)
        return h, h


class minGRU(MinimalRNN):
    """The minimal GRU: z = σ(W_z x), h_t = (1 − z_t) h_{t-1} + z_t h̃_t.

    Args:
        input_size: D. hidden_size: H.
        candidate: "linear", h̃ = W_h x; or "g", h̃ = g(W_h x) with g(x) = x + ½ for x ≥ 0 and σ(x) below 0. That is
            positive, which the paper needs to compute the scan in logarithms; here both run on `linear_scan`.
        bias: with biases.

    Raises:
        ValueError: an argument out of range, or in a call x or h0 does not fit.

    Source: Feng et al. (2024), section 3.1, and appendix B for g.
    """

    maps = ("linear_z", "linear_h")

    def gates(self, x):
        z = self.linear_z(x)
        return torch.sigmoid(-z), torch.sigmoid(z)  # 1 − σ(z) = σ(−z), without what the difference rounds away


class minLSTM(MinimalRNN):
    """The minimal LSTM: forget and input gates of x alone, divided by their sum, so that the state keeps its scale.

    Arguments and errors as `minGRU`.

    Source: Feng et al. (2024), section 3.2.
    """

    maps = ("linear_f", "linear_i", "linear_h")

    def gates(self, x):
        # f/(f+i) = σ(log f − log i): as a quotient of two gates that are both 0 to rounding, it would be 0/0
        difference = F.logsigmoid(self.linear_f(x)) - F.logsigmoid(self.linear_i(x))
        return torch.sigmoid(difference), torch.sigmoid(-difference)


def feature_map(x: Tensor) -> Tensor:
    """φ(x) = elu(x) + 1, elementwise and positive (Katharopoulos et al. 2020, equation 7): x + 1 from 0 on, else exp(x).

    As a sum it would be 0 from −17 on in float32, where exp(x) − 1 is −1 to rounding.
    """
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())


def log_feature_map(x: Tensor) -> Tensor:
    """log φ(x): log(x + 1) from 0 on, else x itself, which rounds nothing away."""
    return torch.where(x > 0, torch.log1p(x.clamp(min=0)), x)


def linear_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention with weights φ(q_t)·φ(k_s) in place of exp(q_t·k_s), over all pairs of steps at once.

    Args:
        q, k: (B, T, D). v: (B, T, M).

    Returns:
        y: (B, T, M), y_t = Σ_{s ≤ t} φ(q_t)·φ(k_s) v_s / Σ_{s ≤ t} φ(q_t)·φ(k_s). A query and a key whose products of
        features are all below the smallest number (e⁻⁸⁷ in float32) beside their largest features count as one at it;
        the recurrent form has no such bound.

    Raises:
        ValueError: a shape, a dtype or a device does not fit, or there is no step.

    Source: Katharopoulos et al. (2020), equations 8 and 9.
    """
    _check_attention(q, k, v)
    # The largest feature of each query and key is taken out: a query's cancels, a key's comes back beside the largest so far
    log_q, log_k = log_feature_map(q), log_feature_map(k)
    largest = _largest(log_k)  # (B, T, 1)
    products = (log_q - _largest(log_q)).exp() @ (log_k - largest).exp().mT  # (B, T, T)
    scale = torch.tril((largest.mT - largest.cummax(1).values).exp())  # (B, T, T), 0 for what comes later
    weights = products.clamp(min=torch.finfo(q.dtype).tiny) * scale
    return weights @ v / weights.sum(-1, keepdim=True)


def linear_attention_step(q_t, k_t, v_t, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One step of linear attention as a recurrence, in the same time and memory at every step.

    Args:
        q_t, k_t: (B, D). v_t: (B, M).
        state: exp(−m) S (B, D, M), exp(−m) s (B, D) and m (B, D) after the step before; before the first 0, 0 and −∞.

    Returns:
        y_t: (B, M), and the state after this step.

    Raises:
        ValueError: a shape, a dtype or a device does not fit.

    Source: Katharopoulos et al. (2020), equations 18 to 20.
    """
    _check_attention(*(t[:, None] if isinstance(t, Tensor) and t.dim() == 2 else t for t in (q_t, k_t, v_t)))
    S, s, m_before = _check_attention_state(state, q_t.shape, v_t.shape[-1], q_t)
    log_q, log_k = log_feature_map(q_t), log_feature_map(k_t)
    m = torch.maximum(m_before, log_k.detach())
    phi_k, kept = (log_k - m).exp(), (m_before - m).exp()  # (B, D) each
    S = kept[..., None] * S + phi_k[..., None] * v_t[:, None]  # (B, D, M)
    s = kept * s + phi_k  # (B, D), from 1 to t
    log_phi_q = (log_q - _largest(log_q)) + (m - _largest(m))  # differences first: they lose no digits
    phi_q = (log_phi_q - _largest(log_phi_q)).exp()  # (B, D), φ(q) exp(m) but for a factor that cancels
    y_t = (phi_q[:, None] @ S).squeeze(1) / (phi_q * s).sum(-1, keepdim=True)  # (B, M)
    return y_t, (S, s, m)


def linear_attention_recurrent(q: Tensor, k: Tensor, v: Tensor, state=None) -> tuple[Tensor, tuple[Tensor, ...]]:
    """`linear_attention` as a recurrent network, whose state does not grow with T.

    Args:
        q, k, v: as there.
        state: as in `linear_attention_step`; None is that before the first step.

    Returns:
        y: (B, T, M), equal to `linear_attention(q, k, v)` from there; and the last state.

    Raises:
        ValueError: as there, or the state does not fit.

    Source: Katharopoulos et al. (2020), equations 16 to 20.
    """
    _check_attention(q, k, v)
    B, _, D = q.shape
    if state is None:
        state = q.new_zeros(B, D, v.shape[2]), q.new_zeros(B, D), q.new_full((B, D), -math.inf)
    outputs = []
    for q_t, k_t, v_t in zip(q.unbind(1), k.unbind(1), v.unbind(1), strict=True):
        y_t, state = linear_attention_step(q_t, k_t, v_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, 1), state


def _largest(log_phi):
    """The largest feature's logarithm, (…, 1): a scale, which cancels and has no gradient."""
    return log_phi.detach().amax(-1, keepdim=True)


def _check_attention(q, k, v):
    for name, tensor in {"q": q, "v": v}.items():
        if not isinstance(tensor, Tensor) or tensor.dim() != 3 or tensor.shape[1] == 0:
            raise ValueError(f"{name}: got {describe(tensor)}, expected three dimensions with at least one step")
    if not q.is_floating_point():
        raise ValueError(f"q: got dtype {q.dtype}, expected a real floating point one")
    check(k, "k", q.shape, q, "of q")
    check(v, "v", (*q.shape[:2], v.shape[2]), q, "of q")


def _check_attention_state(state, shape, M, like):
    shapes = (*shape, M), tuple(shape), tuple(shape)
    if not isinstance(state, tuple | list) or len(state) != 3:
        raise ValueError(f"state: got {describe(state)}, expected three tensors of shapes {shapes}")
    for i, expected in enumerate(shapes):
        check(state[i], f"state[{i}]", expected, like, "of q")
    return state
