"""s4d: the fast kernel against the direct sum and NumPy, the layer against the recurrence it stands for."""

import math

import mpmath
import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from rnncourse.ssm import (
    S4D,
    causal_convolution,
    discretize,
    s4d_kernel,
    s4d_kernel_direct,
)
from rnncourse.ssm.s4d import zero_order_hold
from tests.tensors import close, randn


@pytest.mark.parametrize("T", [1, 2, 3, 15, 16, 17, 200])
def test_fast_kernel_is_the_direct_sum(T):
    z = torch.complex(-randn(3, 4).abs(), 3 * randn(3, 4, seed=1))
    for c in (randn(3, 4, dtype=torch.complex128), randn(2, 5, 3, 4, dtype=torch.complex128)):
        K = s4d_kernel(c, z, T)
        assert K.shape == (*c.shape[:-1], T) and not K.is_complex()
        close(K, s4d_kernel_direct(c, z, T), 1e-12)
        expected = sum(c[..., n, None].numpy() * np.exp(np.arange(T) * z[:, n, None].numpy()) for n in range(4))
        close(K, torch.from_numpy(2 * expected.real), 1e-12)
    c, z = randn(1, 2, dtype=torch.complex128).requires_grad_(), z[:1, :2].clone().requires_grad_()
    assert gradcheck(lambda c, z: s4d_kernel(c, z, min(T, 17)), (c, z))


@pytest.mark.parametrize("size", [0, 1e-40, 1e-20, 1e-7, 1e-3, 0.2499, 0.2501, 1, 20, 1e4])
@pytest.mark.parametrize("angle", [1.6, 2.5, math.pi, -2])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.complex128, 1e-13), (torch.complex64, 1e-5)])
def test_zero_order_hold_near_zero_and_far(size, angle, dtype, tolerance):
    """(exp(z) − 1)/z and its derivative in 60 digits; as a quotient the derivative near 0 is off by up to 10²²."""
    z = torch.polar(torch.tensor(float(size)).double(), torch.tensor(float(angle)).double()).to(dtype).requires_grad_()
    value = zero_order_hold(z)
    derivative = torch.autograd.grad(value.real, z)[0].conj()
    with mpmath.workdps(60):
        x = mpmath.mpc(z.item())
        exact = mpmath.expm1(x) / x if x else mpmath.mpf(1)
        exact_derivative = (mpmath.exp(x) - exact) / x if x else mpmath.mpf(1) / 2
    assert abs(value.item() - complex(exact)) <= tolerance * abs(complex(exact))
    assert abs(derivative.item() - complex(exact_derivative)) <= tolerance * abs(complex(exact_derivative))


@pytest.mark.parametrize("log_rate", [-1e4, -200.0, -40.0])
def test_a_state_that_never_decays(log_rate):
    """A = 0 for n = 0 to rounding: B̄ is its limit dt, and the state a sum."""
    layer, u = S4D(1, 2), torch.ones(1, 4, 1)
    with torch.no_grad():
        layer.log_A_real.fill_(log_rate)
        layer.log_dt.fill_(math.log(0.1))
    y, state = layer(u)
    close(state.real.flatten(), torch.tensor([0.4]), 1e-6)
    y.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.complex64])
def test_dtypes_without_complex_states_of_their_own_are_refused(dtype):
    layer, u = S4D(2, 4).to(dtype), torch.zeros(1, 3, 2, dtype=dtype)
    for call in (layer, lambda u: layer.step(u[:, 0])):
        with pytest.raises(ValueError, match=r"^parameters: got dtype torch.*, expected float32 or float64"):
            call(u)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_reaches_no_output_before_it(bad):
    """As in the recurrence: outputs before are what they are without it, those from there on are no numbers."""
    layer, u = S4D(2, 4, dtype=torch.float64), randn(2, 30, 2)
    expected, _ = layer(u[:, :20])
    u[1, 20, 0] = bad
    y, _ = layer(u.requires_grad_())
    close(y[:, :20], expected, 1e-12)
    assert not y[1, 20:, 0].isfinite().any() and y[1, :, 1].isfinite().all() and y[0].isfinite().all()
    parameters = [p for name, p in layer.named_parameters() if name != "D"]  # D u is a product: 0 · NaN is NaN
    gradients = torch.autograd.grad(y[:, :20].square().sum(), [u, *parameters])
    assert all(g.isfinite().all() for g in gradients) and gradients[0][:, 20:].abs().max() < 1e-14


def test_convolution_is_as_exact_as_it_says():
    """ε log₂(2T) ‖K‖ ‖x‖, everywhere: also before a number of 1e8, which outputs before it should not feel."""
    K, x = randn(3, 500, dtype=torch.float32), randn(3, 500, dtype=torch.float32, seed=1)
    x[0, 300] = 1e8
    exact = torch.from_numpy(np.array([np.convolve(k, u)[:500] for k, u in zip(K.double(), x.double(), strict=True)]))
    error = (causal_convolution(K, x) - exact).abs().amax(-1)
    bound = torch.finfo(torch.float32).eps * math.log2(1000) * K.norm(dim=-1) * x.norm(dim=-1)
    assert (error < bound).all() and error[0] > 1e3 * error[1]


def test_float32_kernel_is_as_exact_as_the_direct_sum():
    layer = S4D(8)
    z, B_bar, C = (t.detach() for t in layer.discrete())
    exact = s4d_kernel_direct((C * B_bar).cdouble(), z.cdouble(), 2000)
    fast, direct = (f(C * B_bar, z, 2000) for f in (s4d_kernel, s4d_kernel_direct))
    close(fast.double(), exact, 1e-4)
    assert (fast - exact).abs().max() < 3 * (direct - exact).abs().max()


@pytest.mark.parametrize(("init", "imag"), [("lin", [0, math.pi, 2 * math.pi]), ("inv", None)])
def test_s4d_initialisation_is_the_published_one(init, imag):
    torch.manual_seed(0)
    layer = S4D(200, 6, init, dt_min=0.01, dt_max=0.1, dtype=torch.float64)
    if init == "inv":  # (N/π)(N/(2n+1) − 1), N = 6
        imag = [6 / math.pi * 5, 6 / math.pi * 1, 6 / math.pi * 0.2]
    z, _, C = layer.discrete()
    dt = layer.log_dt.exp()
    expected = torch.complex(torch.full((3,), -0.5).double(), torch.tensor(imag, dtype=torch.float64))
    close((z / dt[:, None]).detach(), expected.expand(200, 3), 1e-12)
    assert 0.01 <= dt.min() < 0.012 and 0.08 < dt.max() <= 0.1
    assert dt.log().median().item() == pytest.approx((math.log(0.01) + math.log(0.1)) / 2, abs=0.25)
    assert C.abs().pow(2).mean().item() == pytest.approx(1, abs=0.1)


def test_s4d_is_the_recurrence_of_its_discretised_system():
    layer, u = S4D(3, 8, dtype=torch.float64), randn(2, 30, 3)
    A = torch.complex(-layer.log_A_real.exp(), layer.A_imag)
    A_bar, B_bar = discretize(A, torch.ones_like(A), layer.log_dt.exp().detach(), "zoh", diagonal=True)
    h, expected = 0, []
    for u_t in u.unbind(1):
        h = A_bar * h + B_bar * u_t[..., None]
        expected.append(2 * (torch.view_as_complex(layer.C) * h).sum(-1).real + layer.D * u_t)
    y, state = layer(u)
    close(y, torch.stack(expected, 1))
    close(state, h)
