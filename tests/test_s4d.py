"""s4d: the fast kernel against the direct sum and NumPy, the layer against the recurrence it stands for."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from rnncourse.ssm import (
    S4D,
    discretize,
    s4d_kernel,
    s4d_kernel_direct,
)
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
