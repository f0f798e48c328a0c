"""Linear state space models: one recurrence, run as a loop, as a convolution or as a scan (chapter `ssm`).

Symbols
    x_t (B, M)  input      h_t (B, N)  state      y_t (B, P)  output      T  steps      dt  step, in A's unit of time
    A (N, N), B (N, M)  in continuous time      Ā, B̄  for one step of dt      C (P, N), D (P, M)  read-out

Equations
    dh/dt = A h + B x,  y = C h + D x                                      `hippo_legs` for A and B
    h_t = Ā h_{t-1} + B̄ x_t,  y_t = C h_t + D x_t                          `discretize`, `ssm_step`, `LinearSSM`
    y = K * x with K_l = C Ā^l B̄, l = 0 … T−1                              `LinearSSM(mode="convolution")`

The diagonal layer is in `s4d`, coefficients that depend on the input in `selective` (Mamba).

Sources: Gu, Dao, Ermon, Rudra, Ré, "HiPPO: recurrent memory with optimal polynomial projections" (2020); Gu, Goel, Ré,
"Efficiently modeling long sequences with structured state spaces" (2022), S4.
"""

import torch
from torch import Tensor, nn

from rnncourse.modes import known, without_autocast
from rnncourse.ssm.s4d import causal_convolution, zero_order_hold
from rnncourse.ssm.scan import associative_scan, check, check_precision, check_sequence, check_size, check_step, describe


def hippo_legs(N: int, device=None, dtype=None) -> tuple[Tensor, Tensor]:
    """The HiPPO-LegS system, whose state holds the Legendre coefficients of the input's history.

    A_nk = −√((2n+1)(2k+1)) below the diagonal, −(n+1) on it, 0 above; B_n = √(2n+1); n and k count from 0. The sign is
    that of dh/dt = A h + B x, as in S4. The HiPPO paper writes −A for it, and dh/dt = (A h + B x)/t, which scales the
    polynomials to all of the time since 0.

    Args:
        N: the number of coefficients.

    Returns:
        A: (N, N), B: (N, 1).

    Raises:
        ValueError: N is no integer of at least 1.

    Source: Gu et al. (2020), theorem 2; Gu et al. (2022, S4), equation 2.
    """
    check_size(N, "N")
    n = torch.arange(N, device=device, dtype=dtype or torch.get_default_dtype())
    root = torch.sqrt(2 * n + 1)
    return -torch.tril(torch.outer(root, root), -1) - torch.diag(n + 1), root[:, None]


ALPHA = {"euler": 0.0, "bilinear": 0.5, "backward_euler": 1.0}


def discretize(A: Tensor, B: Tensor, dt, method: str = "zoh", diagonal: bool = False) -> tuple[Tensor, Tensor]:
    """Ā and B̄ of h_t = Ā h_{t-1} + B̄ x_t, which follows dh/dt = A h + B x in steps of dt.

    "zoh", zero-order hold, is exact for an input constant over each step: Ā = exp(dt A), B̄ = A⁻¹ (Ā − I) B, or the
    limit of that where A is singular. With α = 0, ½, 1 for "euler", "bilinear", "backward_euler":
    Ā = (I − α dt A)⁻¹ (I + (1−α) dt A), B̄ = (I − α dt A)⁻¹ dt B.

    Args:
        A: (N, N); with diagonal=True (…, N), the diagonal only. Real or complex.
        B: (N, M); with diagonal=True the shape of A.
        dt: step above 0, a number or a tensor of one element; with diagonal=True also (…), one for each row of A.
        method: "zoh", "euler", "bilinear" or "backward_euler".

    Returns:
        Ā and B̄, with the shapes of A and B.

    Raises:
        ValueError: a shape, a dtype, the step or the method does not fit.

    Source: Gu et al. (2020), appendix B.3.
    """
    if method != "zoh" and method not in ALPHA:
        raise ValueError(f"method: got {method!r}, expected one of zoh, {', '.join(ALPHA)}")
    if not isinstance(A, Tensor) or A.dim() == 0 or not (A.is_floating_point() or A.is_complex()):
        raise ValueError(f"A: got {describe(A)}, expected floating point or complex numbers of at least one dimension")
    check_precision(A, "A")
    if not diagonal:
        check(A, "A", (A.shape[-1],) * 2, A, "of A")
    M = B.shape[1] if isinstance(B, Tensor) and B.dim() == 2 else "M"
    check(B, "B", A.shape if diagonal else (len(A), M), A, "of A")
    dt = torch.as_tensor(dt, dtype=A.real.dtype, device=A.device)
    if dt.numel() != 1 and not (diagonal and dt.shape == A.shape[:-1]):
        rows = f" or {tuple(A.shape[:-1])}" if diagonal else ""
        raise ValueError(f"dt: got {describe(dt)}, expected one number{rows}")
    if known(dt) and not bool((dt > 0).all()):
        raise ValueError(f"dt: got {dt.min().item()}, expected a step above 0")
    dt = dt.reshape(()) if dt.numel() == 1 else dt
    return _discretize_diagonal(A, B, dt, method) if diagonal else _discretize_dense(A, B, dt, method)


def _discretize_dense(A, B, dt, method):
    N, M = B.shape
    if method == "zoh":  # one exponential gives both: exp(dt [[A, B], [0, 0]]) = [[Ā, B̄], [0, I]]
        system = torch.cat([torch.cat([A, B], 1), A.new_zeros(M, N + M)])  # (N + M, N + M)
        both = torch.linalg.matrix_exp(dt * system)[:N]  # (N, N + M)
    else:
        alpha, identity = ALPHA[method], torch.eye(N, device=A.device, dtype=A.dtype)
        both = torch.cat([identity + (1 - alpha) * dt * A, dt * B], 1)  # (N, N + M)
        both = torch.linalg.solve(identity - alpha * dt * A, both)
    return both[:, :N], both[:, N:]


def _discretize_diagonal(A, B, dt, method):
    dt = dt[..., None]  # () → (1), (…) → (…, 1)
    z = dt * A  # (…, N)
    if method == "zoh":
        return torch.exp(z), zero_order_hold(z) * dt * B
    alpha = ALPHA[method]
    return (1 + (1 - alpha) * z) / (1 - alpha * z), dt * B / (1 - alpha * z)


def ssm_step(x_t, h_prev, A_bar, B_bar, C, D) -> tuple[Tensor, Tensor]:
    """One step of the discrete system, h_t = Ā h_{t-1} + B̄ x_t, y_t = C h_t + D x_t.

    Args:
        x_t: (B, M). h_prev: (B, N). A_bar: (N, N). B_bar: (N, M). C: (P, N). D: (P, M).

    Returns:
        y_t: (B, P), h_t: (B, N).

    Raises:
        ValueError: a shape, a dtype or a device does not fit.
    """
    for name, tensor in {"x_t": x_t, "D": D}.items():
        if not isinstance(tensor, Tensor) or tensor.dim() != 2:
            raise ValueError(f"{name}: got {describe(tensor)}, expected two dimensions")
    N = A_bar.shape[0] if isinstance(A_bar, Tensor) and A_bar.dim() == 2 else "N"
    (B, M), P = x_t.shape, len(D)
    expected = {"A_bar": (N, N), "B_bar": (N, M), "C": (P, N), "D": (P, M), "h_prev": (B, N)}
    given = {"A_bar": A_bar, "B_bar": B_bar, "C": C, "D": D, "h_prev": h_prev}
    for name, tensor in given.items():
        check(tensor, name, expected[name], x_t, "of x_t")
    h_t = h_prev @ A_bar.T + x_t @ B_bar.T  # (B, N)
    return h_t @ C.T + x_t @ D.T, h_t


def krylov(A: Tensor, X: Tensor, T: int) -> Tensor:
    """X, A X, A² X, …, A^(T−1) X in log₂ T matrix products, each of which doubles what is there.

    Args:
        A: (N, N). X: (N, R). T: at least 1.

    Returns:
        (T, N, R).

    Raises:
        ValueError: a shape, a dtype or T does not fit.
    """
    check_size(T, "T")
    if not isinstance(X, Tensor) or X.dim() != 2:
        raise ValueError(f"X: got {describe(X)}, expected (N, R)")
    check(A, "A", (len(X), len(X)), X, "of X")
    powers = X[None]
    while len(powers) < T:
        powers = torch.cat([powers, A @ powers])
        A = A @ A
    return powers[:T]


class LinearSSM(nn.Module):
    """A linear time-invariant state space model with a dense A, and three ways of computing the same.

    Args:
        A: (N, N), B: (N, M), C: (P, N), D: (P, M), or None for 0: initial values of the parameters, real.
        dt: initial step, above 0; the parameter is its logarithm.
        method: how to discretise, see `discretize`.
        mode: "recurrent", a loop over T steps; "convolution" with K_l = C Ā^l B̄, by FFT; "scan", an associative scan of
            the maps h ↦ Ā h + B̄ x_t. The attribute `mode` can be set later.

    Called as `model(x, h0=None)` with x (B, T, M) and the state h0 (B, N) before the first step, returns y (B, T, P)
    and the last state (B, N).

    Raises:
        ValueError: a shape, a dtype, the step, the method or the mode does not fit.

    Source: Gu et al. (2022, S4), section 2.
    """

    def __init__(self, A, B, C, D=None, dt=1.0, method="zoh", mode="convolution"):
        super().__init__()
        discretize(A, B, dt, method)  # for its checks
        if A.is_complex():
            raise ValueError(f"A: got dtype {A.dtype}, expected a real one")
        P = C.shape[0] if isinstance(C, Tensor) and C.dim() == 2 else "P"
        check(C, "C", (P, len(A)), A, "of A")
        D = A.new_zeros(P, B.shape[1]) if D is None else D
        check(D, "D", (P, B.shape[1]), A, "of A")
        for name, value in {"A": A, "B": B, "C": C, "D": D}.items():
            self.register_parameter(name, nn.Parameter(value.detach().clone()))
        self.log_dt = nn.Parameter(torch.as_tensor(dt, dtype=A.dtype, device=A.device).detach().reshape(()).log())
        self.method, self.mode = method, mode
        self._check_mode()

    def extra_repr(self):
        """Sizes, and how it is computed."""
        (N, M), P = self.B.shape, len(self.C)
        return f"inputs={M}, states={N}, outputs={P}, method={self.method!r}, mode={self.mode!r}"

    def discrete(self) -> tuple[Tensor, Tensor]:
        """Ā (N, N) and B̄ (N, M) for the present parameters."""
        check_precision(self.A, "A")
        return _discretize_dense(self.A, self.B, self.log_dt.exp(), self.method)

    def step(self, x_t: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One step of generation: x_t (B, M) and the state (B, N), None for zeros, to y_t (B, P) and the next state."""
        x_t = check_sequence(check_step(x_t, "x_t", self.B.shape[1]), "x_t", self.B.shape[1], self.B)[:, 0]
        with without_autocast(x_t):
            return ssm_step(x_t, self._check_state(h, x_t), *self.discrete(), self.C, self.D)

    def forward(self, x: Tensor, h0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = check_sequence(x, "x", self.B.shape[1], self.B)
        run = self._check_mode()
        with without_autocast(x):  # powers of Ā need the precision of the parameters
            return run(x, self._check_state(h0, x), *self.discrete())

    def _recurrent(self, x, h, A_bar, B_bar):
        outputs = []
        for x_t in x.unbind(1):
            y_t, h = ssm_step(x_t, h, A_bar, B_bar, self.C, self.D)
            outputs.append(y_t)
        return torch.stack(outputs, 1), h

    def _convolution(self, x, h0, A_bar, B_bar):
        T = x.shape[1]
        response = krylov(A_bar, B_bar, T)  # (T, N, M): Ā^l B̄, the state l steps after an impulse
        K = torch.einsum("pn,tnm->pmt", self.C, response)
        y = causal_convolution(K, x.mT[:, None]).sum(2).mT  # (B, P, M, T) → (B, T, P)
        decay = krylov(A_bar, A_bar @ h0.T, T)  # (T, N, B): Ā^(t+1) h0, what is left of the first state
        y = y + x @ self.D.T + torch.einsum("pn,tnb->btp", self.C, decay)
        return y, torch.einsum("tnm,btm->bn", response.flip(0), x) + decay[-1].T

    def _scan(self, x, h0, A_bar, B_bar):
        def compose(left, right):  # h ↦ A_1 h + b_1, then h ↦ A_2 h + b_2
            (A_1, b_1), (A_2, b_2) = left, right
            return A_2 @ A_1, A_2 @ b_1 + b_2

        # The maps are equal for all sequences: (1, T, N, N), and (B, T, N, 1)
        A_all, b_all = associative_scan(compose, (A_bar.expand(1, x.shape[1], -1, -1), (x @ B_bar.T)[..., None]))
        h = (A_all @ h0[:, None, :, None] + b_all).squeeze(-1)  # (B, T, N)
        return h @ self.C.T + x @ self.D.T, h[:, -1]

    def _check_mode(self):
        modes = {"recurrent": self._recurrent, "convolution": self._convolution, "scan": self._scan}
        if self.mode not in modes:
            raise ValueError(f"mode: got {self.mode!r}, expected one of {', '.join(modes)}")
        return modes[self.mode]

    def _check_state(self, h, x):
        if h is None:
            return x.new_zeros(len(x), len(self.A))
        check(h, "h0", (len(x), len(self.A)), self.A, "of the parameters")
        return h
