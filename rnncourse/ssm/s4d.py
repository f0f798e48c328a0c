"""S4D, the diagonal state space layer: a convolution whose kernel is a sum of damped oscillations (chapter `ssm`).

Symbols, for each of H channels
    u_t (B, H)  input      y_t (B, H)  output      h_t (B, H, N/2)  complex state      dt (H)  step      T  steps
    A, C (H, N/2)  complex; each stands for itself and its conjugate, so N/2 for N real ones      D (H)  direct path

Equations, with z = dt A, Ā = exp(z), B = 1, B̄ = (exp(z) − 1)/A
    h_t = Ā h_{t-1} + B̄ u_t,  y_t = 2 Re Σ_n C_n h_t[n] + D u_t             `S4D.step`
    y = K * u + D u,  K_l = 2 Re Σ_n C_n B̄_n exp(l z_n), l = 0 … T−1        `S4D`, `s4d_kernel`, `s4d_kernel_direct`

Source: Gu, Gupta, Goel, Ré, "On the parameterization and initialization of diagonal state space models" (2022).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnncourse.modes import without_autocast
from rnncourse.ssm.scan import check, check_precision, check_sequence, check_size, check_step, describe


def causal_convolution(K: Tensor, x: Tensor) -> Tensor:
    """y_t = Σ_l K_l x_{t-l}, l = 0 … t, over the last dimension, by FFT.

    An FFT sees the sequence as a whole: each y_t has an error of about ε log₂(2T) ‖K‖ ‖x‖, with the norms over all T
    steps and ε the dtype's precision, however small K and x are up to t. So an x of 1e8 moves earlier outputs too, in
    float32 by some units; a loop or a scan has no such error. What isn't finite in x is kept out of the FFT: it makes
    y NaN from its step on, and no output before.

    Args:
        K, x: (…, T), real, of one dtype; what stands before T is broadcast, so that one kernel serves a batch.

    Returns:
        y: (…, T).

    Raises:
        ValueError: T or the dtypes differ, or are not float32 or float64.
    """
    for name, tensor in {"K": K, "x": x}.items():
        if not isinstance(tensor, Tensor) or tensor.dim() == 0 or not tensor.is_floating_point():
            raise ValueError(f"{name}: got {describe(tensor)}, expected real floating point numbers (…, T)")
        check_precision(tensor, name, real=True)
    T = x.shape[-1]
    check(K, "K", (*K.shape[:-1], T), x, "of x")
    if x.numel() == 0 or K.numel() == 0:  # which MKL's FFT refuses
        return K * x
    poison = (0 * x.detach()).cumsum(-1)  # 0, and NaN from the first step on where x isn't finite
    x = x.nan_to_num(0, 0, 0)
    # FFT convolves on a circle: on one of length 2T the end does not reach the start
    return torch.fft.irfft(torch.fft.rfft(K, 2 * T) * torch.fft.rfft(x, 2 * T), 2 * T)[..., :T] + poison


def zero_order_hold(z: Tensor) -> Tensor:
    """(exp(z) − 1)/z, and its limit 1 at z = 0: what an input that is held for a step adds, elementwise.

    Near 0 by its series: there the quotient's derivative is the difference of two large numbers, and at 0 it is 0/0.
    Elsewhere not by expm1, whose derivative torch takes as expm1(z) + 1, which rounds a small exp(z) away.
    """
    small = z.detach().abs() < 0.25
    series, near, far = torch.ones_like(z), z.masked_fill(~small, 0), z.masked_fill(small, 1)
    for k in range(12, 1, -1):  # 1 + z/2 (1 + z/3 (1 + …)); what is left out is below 0.25¹²/13!
        series = 1 + near / k * series
    return torch.where(small, series, (torch.exp(far) - 1) / far)


def s4d_kernel_direct(c: Tensor, z: Tensor, T: int) -> Tensor:
    """K_l = 2 Re Σ_n c_n exp(l z_n) for l = 0 … T−1 as it stands, N·T exponentials. `s4d_kernel` computes it faster.

    Arguments, result and errors as there.
    """
    _check_kernel(c, z, T)
    l = torch.arange(T, device=z.device)
    return 2 * torch.einsum("...n,...nl->...l", c, torch.exp(z[..., None] * l)).real


def s4d_kernel(c: Tensor, z: Tensor, T: int) -> Tensor:
    """K_l = 2 Re Σ_n c_n exp(l z_n) for l = 0 … T−1, from two levels of powers and one real matrix product.

    With l = i M + j and M ≈ √T, exp(l z) = exp(i M z) exp(j z): that is 2√T exponentials for each n in place of T. The
    sum over n is a product of complex matrices (T/M, N) and (N, M); its real part is one real product, twice as wide.

    Args:
        z: (…, N), complex, exponents per step: dt A.
        c: the shape of z, or with more dimensions in front, complex weights.
        T: number of steps, at least 1.

    Returns:
        K: the shape of c with T in place of N, real.

    Raises:
        ValueError: a shape, a dtype or T does not fit.

    Source: Gu et al. (2022), section 3.2, for the product with a Vandermonde matrix.
    """
    _check_kernel(c, z, T)
    return _weighted_sum(c, *_powers(z, T))[..., :T]


def _powers(z, T):
    """exp(j z) and exp(i M z) for j = 0 … M−1, i = 0 … I−1, with M = ⌈√T⌉ and I·M ≥ T: (…, N, M) and (…, N, I)."""
    M = math.isqrt(T - 1) + 1
    j, i = torch.arange(M, device=z.device), torch.arange(-(-T // M), device=z.device)
    # From modulus and angle: several times faster than the exponential of a complex number
    return tuple(torch.polar(torch.exp(z.real[..., None] * l), z.imag[..., None] * l) for l in (j, M * i))


def _weighted_sum(c, low, high):
    """2 Re Σ_n c_n high_n[i] low_n[j] at l = i M + j: (…, I·M)."""
    high = c[..., None] * high  # (…, N, I)
    left = torch.cat([high.real, -high.imag], -2).mT  # (…, I, 2N)
    right = torch.cat([low.real, low.imag], -2)  # (…, 2N, M)
    return 2 * (left @ right).flatten(-2)


def _check_kernel(c, z, T):
    check_size(T, "T")
    for name, tensor in {"z": z, "c": c}.items():
        if not isinstance(tensor, Tensor) or tensor.dim() == 0 or not tensor.is_complex():
            raise ValueError(f"{name}: got {describe(tensor)}, expected complex numbers (…, N)")
    check(c, "c", c.shape[: max(c.dim() - z.dim(), 0)] + z.shape, z, "of z")


class S4D(nn.Module):
    """The diagonal state space layer: a system of its own for each of H channels, discretised by zero-order hold.

    It mixes steps, not channels: a network has a nonlinearity and a linear layer between two.

    Args:
        d_model: H, the number of channels. d_state: N, even.
        init: "lin", A_n = −½ + iπn, or "inv", A_n = −½ + i (N/π)(N/(2n+1) − 1), for n = 0 … N/2−1.
        dt_min, dt_max: between these the initial steps are drawn, log-uniformly; a memory is about 1/dt steps long.

    Called as `s4d(u, state=None)` with u (B, T, H), returns y (B, T, H) and the state to continue from, complex
    (B, H, N/2).

    Raises:
        ValueError: an argument out of range, or u or the state does not fit.

    Source: Gu et al. (2022), sections 3 and 4.
    """

    bidirectional, batch_first = False, True

    def __init__(self, d_model, d_state=64, init="lin", dt_min=0.001, dt_max=0.1, device=None, dtype=None):
        super().__init__()
        check_size(d_model, "d_model")
        check_size(d_state, "d_state")
        if d_state % 2:
            raise ValueError(f"d_state: got {d_state}, expected an even number: complex states stand for pairs")
        if init not in ("lin", "inv"):
            raise ValueError(f"init: got {init!r}, expected 'lin' or 'inv'")
        if not 0 < dt_min <= dt_max:
            raise ValueError(f"dt_min, dt_max: got {dt_min} and {dt_max}, expected 0 < dt_min ≤ dt_max")
        self.input_size = self.hidden_size = self.d_model = d_model
        self.d_state, self.init, self.dt_min, self.dt_max = d_state, init, dt_min, dt_max
        where = {"device": device, "dtype": dtype}
        self.log_dt = nn.Parameter(torch.empty(d_model, **where))
        self.log_A_real = nn.Parameter(torch.empty(d_model, d_state // 2, **where))  # Re A = −exp of it: always decays
        self.A_imag = nn.Parameter(torch.empty(d_model, d_state // 2, **where))
        self.C = nn.Parameter(torch.empty(d_model, d_state // 2, 2, **where))  # real and imaginary part
        self.D = nn.Parameter(torch.empty(d_model, **where))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self):
        """Set A by `init`; draw dt log-uniformly, C from a complex and D from a real standard normal distribution."""
        N = self.d_state
        n = torch.arange(N // 2, device=self.A_imag.device, dtype=self.A_imag.dtype)
        imag = math.pi * n if self.init == "lin" else N / math.pi * (N / (2 * n + 1) - 1)
        self.log_A_real.fill_(math.log(0.5))
        self.A_imag.copy_(imag.expand_as(self.A_imag))
        self.log_dt.uniform_(math.log(self.dt_min), math.log(self.dt_max))
        self.C.normal_(std=math.sqrt(0.5))
        self.D.normal_()

    def extra_repr(self):
        """The constructor's arguments."""
        return f"{self.d_model}, d_state={self.d_state}, init={self.init!r}"

    def discrete(self) -> tuple[Tensor, Tensor, Tensor]:
        """z = dt A, so that Ā = exp(z), B̄, and C, complex (H, N/2) each."""
        check_precision(self.D, "parameters", real=True)
        dt = self.log_dt.exp()[:, None]  # (H, 1)
        z = dt * torch.complex(-self.log_A_real.exp(), self.A_imag)
        return z, dt * zero_order_hold(z), torch.view_as_complex(self.C)

    def step(self, u_t: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One step of generation: u_t (B, H) and the state, None for zeros, to y_t (B, H) and the next state."""
        u_t = check_sequence(check_step(u_t, "u_t", self.d_model), "u_t", self.d_model, self.D)[:, 0]
        z, B_bar, C = self.discrete()
        state = torch.zeros_like(B_bar.expand(len(u_t), -1, -1)) if state is None else self._check_state(state, u_t, z)
        state = torch.exp(z) * state + B_bar * u_t[..., None]  # (B, H, N/2)
        return 2 * (C * state).sum(-1).real + self.D * u_t, state

    def forward(self, u: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        u = check_sequence(u, "u", self.d_model, self.D)
        T = u.shape[1]
        with without_autocast(u):  # products in half precision would not do
            z, B_bar, C = self.discrete()
            low, high = _powers(z, T)  # (H, N/2, M), (H, N/2, I)
            y = causal_convolution(_weighted_sum(C * B_bar, low, high)[..., :T], u.mT)  # (B, H, T)
            last = self._state_from(u, B_bar, low, high)  # (B, H, N/2)
            if state is not None:
                state = self._check_state(state, u, z)
                y = y + _weighted_sum(C * torch.exp(z) * state, low, high)[..., :T]  # what is left: C Ā^(t+1) state
                last = last + torch.exp(T * z) * state
            return y.mT + self.D * u, last

    @staticmethod
    def _state_from(u, B_bar, low, high):
        """Σ_s Ā^(T−1−s) B̄ u_s, the last state from a zero start, by the two levels of powers: (B, H, N/2)."""
        I, M = high.shape[-1], low.shape[-1]
        u = F.pad(u, (0, 0, I * M - u.shape[1], 0)).unflatten(1, (I, M))  # (B, I, M, H), zeros before the first step
        sums = torch.einsum("bijh,hnjr->bihnr", u, torch.view_as_real(low.flip(-1)))  # (B, I, H, N/2, 2)
        return B_bar * torch.einsum("bihn,hni->bhn", torch.view_as_complex(sums.contiguous()), high.flip(-1))

    def _check_state(self, state, u, z):
        check(state, "state", (len(u), *z.shape), z, "of the layer's states")
        return state
