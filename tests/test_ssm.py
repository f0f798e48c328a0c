"""ssm: HiPPO, discretisation and LinearSSM against scipy and the papers' formulas."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import legendre
from scipy import signal
from torch.autograd import gradcheck

from rnncourse.ssm import (
    LinearSSM,
    causal_convolution,
    discretize,
    hippo_legs,
    krylov,
)
from tests.tensors import close, randn

MODES = ["recurrent", "convolution", "scan"]
METHODS = {"zoh": "zoh", "euler": "euler", "bilinear": "bilinear", "backward_euler": "backward_diff"}  # scipy's names


# HiPPO and discretisation


def test_hippo_is_the_published_matrix():
    A, B = hippo_legs(4, dtype=torch.float64)
    s3, s5, s7 = math.sqrt(3), math.sqrt(5), math.sqrt(7)
    expected = [[-1, 0, 0, 0], [-s3, -2, 0, 0], [-s5, -s3 * s5, -3, 0], [-s7, -s3 * s7, -s5 * s7, -4]]
    close(A, torch.tensor(expected, dtype=torch.float64), 1e-15)
    close(B, torch.tensor([[1], [s3], [s5], [s7]], dtype=torch.float64), 1e-15)
    assert hippo_legs(4)[0].dtype == torch.get_default_dtype()


def test_hippo_state_is_the_legendre_expansion_of_the_history():
    """dh/dt = (A h + B f)/t holds the coefficients of f on [0, t] in Legendre polynomials of unit norm (theorem 2)."""
    N, steps = 6, 4000
    A, B = hippo_legs(N, dtype=torch.float64)
    f = torch.sin(6 * torch.linspace(0, 1, steps + 1, dtype=torch.float64)) + 0.3
    h, identity = torch.zeros(N, 1, dtype=torch.float64), torch.eye(N, dtype=torch.float64)
    h[0] = f[0]  # a constant history
    for k in range(1, steps):  # from t = k to k + 1 by the trapezoidal rule
        right = h + (A @ h + B * f[k]) / (2 * k) + B * f[k + 1] / (2 * (k + 1))
        h = torch.linalg.solve(identity - A / (2 * (k + 1)), right)
    nodes, weights = legendre.leggauss(50)
    values = np.sin(6 * (nodes + 1) / 2) + 0.3
    for n in range(N):
        polynomial = math.sqrt(2 * n + 1) * legendre.legval(nodes, [0] * n + [1])
        assert h[n].item() == pytest.approx((weights * values * polynomial).sum() / 2, abs=2e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("N", "M", "dt"), [(1, 1, 0.3), (4, 2, 0.05), (6, 1, 1.0)])
def test_discretisation_is_scipys(method, N, M, dt):
    A, B = hippo_legs(N, dtype=torch.float64)[0], randn(N, M)
    system = (A.numpy(), B.numpy(), np.zeros((1, N)), np.zeros((1, M)))
    A_scipy, B_scipy, *_ = signal.cont2discrete(system, dt, method=METHODS[method])
    for step in (dt, torch.tensor(dt), torch.tensor([dt], dtype=torch.float64)):
        A_bar, B_bar = discretize(A, B, step, method)
        close(A_bar, torch.from_numpy(A_scipy), 1e-7 if torch.is_tensor(step) else 1e-12)
        close(B_bar, torch.from_numpy(B_scipy), 1e-7 if torch.is_tensor(step) else 1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_diagonal_discretisation_is_the_dense_one(method, dtype):
    A, B, dt = -randn(3, 5, dtype=dtype).abs() + randn(3, 5, dtype=dtype), randn(3, 5, dtype=dtype), randn(3).abs()
    A[0, 0] = 0  # an integrator: A⁻¹ does not exist
    A_bar, B_bar = discretize(A, B, dt, method, diagonal=True)
    for row in range(3):
        dense = discretize(torch.diag(A[row]), B[row, :, None], dt[row], method)
        close(torch.diag(A_bar[row]), dense[0], 1e-12)
        close(B_bar[row], dense[1][:, 0], 1e-12)
    close(discretize(A, B, 0.2, method, diagonal=True)[1][1], discretize(A[1], B[1], 0.2, method, diagonal=True)[1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("diagonal", [False, True])
def test_discretisation_is_differentiable_at_a_singular_matrix_too(method, diagonal):
    A = torch.tensor([-1.0, 0.0]) if diagonal else torch.tensor([[-1.0, 0.5], [0.0, 0.0]])
    B = torch.tensor([1.0, 2.0]) if diagonal else torch.tensor([[1.0], [2.0]])
    A, B, dt = (t.double().requires_grad_() for t in (A, B, torch.tensor(0.3)))
    gradients = torch.autograd.grad(sum(x.sum() for x in discretize(A, B, dt, method, diagonal)), (A, B, dt))
    assert all(g.isfinite().all() for g in gradients)
    if not (diagonal and method == "zoh"):  # there the limit is taken apart, and its derivative by A = 0 is not in it
        assert gradcheck(lambda A, B, dt: discretize(A, B, dt, method, diagonal), (A, B, dt))


def test_zoh_is_exact_for_a_constant_input():
    A, B = hippo_legs(5, dtype=torch.float64)
    once, twice = discretize(A, B, 0.6), discretize(A, B, 0.3)
    close(once[0], twice[0] @ twice[0], 1e-12)
    close(once[1], twice[0] @ twice[1] + twice[1], 1e-12)


# The dense model


def linear_ssm(N=4, M=2, P=3, mode="convolution", method="bilinear", dt=0.1, seed=0):
    A = hippo_legs(N, dtype=torch.float64)[0]
    return LinearSSM(A, randn(N, M, seed=seed), randn(P, N), randn(P, M), dt, method, mode)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 3), st.integers(1, 40), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3),
    st.sampled_from(list(METHODS)[::2]), st.floats(1e-3, 0.5), st.integers(0, 10**6),
)  # fmt: skip
def test_convolution_is_recurrence_is_scan(B, T, N, M, P, method, dt, seed):
    model = linear_ssm(N, M, P, "recurrent", method, dt, seed)
    x, h0 = randn(B, T, M, seed=seed), randn(B, N, seed=seed)
    y, h = model(x, h0)
    for mode in MODES[1:]:
        model.mode = mode
        for ours, theirs in zip(model(x, h0), (y, h), strict=True):
            close(ours, theirs)
        close(model(x)[0], y - model(0 * x, h0)[0])  # linear


@pytest.mark.parametrize("mode", MODES)
def test_linear_model_is_scipys(mode):
    model, x = linear_ssm(mode=mode, method="zoh"), randn(1, 50, 2)
    A, B = (t.detach().numpy() for t in model.discrete())
    C, D = model.C.detach().numpy(), model.D.detach().numpy()
    # scipy reads the state before the step, this course after it: C (A h + B x) + D x
    _, expected, _ = signal.dlsim((A, B, C @ A, C @ B + D, 1), x[0].numpy())
    close(model(x)[0][0].detach(), torch.from_numpy(expected))


@pytest.mark.parametrize("mode", MODES)
def test_gradients_do_not_depend_on_the_mode(mode):
    x, h0 = randn(2, 13, 2).requires_grad_(), randn(2, 4).requires_grad_()

    def gradients(mode):
        model = linear_ssm(mode=mode, method="zoh")
        y, h = model(x, h0)
        return torch.autograd.grad((y**2).sum() + (h**3).sum(), [x, h0, *model.parameters()])

    for ours, theirs in zip(gradients(mode), gradients("recurrent"), strict=True):
        close(ours, theirs)


def test_powers():
    A, X = randn(3, 3) / 2, randn(3, 2)
    for T in (1, 2, 7, 8):
        expected = torch.stack([torch.linalg.matrix_power(A, t) @ X for t in range(T)])
        close(krylov(A, X, T), expected, 1e-12)


def test_convolution_by_fft_is_numpys():
    K, x = randn(3, 17), randn(3, 17)
    expected = torch.tensor(np.array([np.convolve(k, u)[:17] for k, u in zip(K.numpy(), x.numpy(), strict=True)]))
    close(causal_convolution(K, x), expected, 1e-12)
