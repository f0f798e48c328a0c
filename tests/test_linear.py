"""linear: minGRU, minLSTM and linear attention against their papers' forms."""


import mpmath
import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

from rnncourse.linear import (
    linear_attention,
    linear_attention_recurrent,
    linear_attention_step,
    minGRU,
    minLSTM,
)
from rnncourse.linear.minimal import feature_map
from tests.tensors import close, randn


def log_space(log_a, log_b):
    """Heinsen's form, with which the paper computes both: h_t from the coefficients' logarithms, from a zero start."""
    A = log_a.cumsum(1)
    return torch.exp(A + torch.logcumsumexp(log_b - A, 1))


def test_mingru_is_the_papers_form_in_logarithms():
    model, x = minGRU(3, 5, candidate="g", dtype=torch.float64), 3 * randn(2, 60, 3)
    k, h_tilde = model.linear_z(x), model.linear_h(x)
    log_g = torch.where(h_tilde >= 0, (F.relu(h_tilde) + 0.5).log(), -F.softplus(-h_tilde))
    close(model(x)[0], log_space(-F.softplus(k), -F.softplus(-k) + log_g), 1e-11)


def test_minlstm_is_the_papers_form_in_logarithms():
    model, x = minLSTM(3, 5, candidate="g", dtype=torch.float64), 3 * randn(2, 60, 3)
    difference = F.softplus(-model.linear_f(x)) - F.softplus(-model.linear_i(x))
    h_tilde = model.linear_h(x)
    log_g = torch.where(h_tilde >= 0, (F.relu(h_tilde) + 0.5).log(), -F.softplus(-h_tilde))
    close(model(x)[0], log_space(-F.softplus(difference), -F.softplus(-difference) + log_g), 1e-11)


@pytest.mark.parametrize("kind", [minGRU, minLSTM])
def test_minimal_networks_are_their_equations(kind):
    model, x, h = kind(3, 5, dtype=torch.float64), randn(2, 40, 3), randn(2, 5)
    y, last = model(x, h)
    for t, x_t in enumerate(x.unbind(1)):
        if kind is minGRU:
            z = torch.sigmoid(model.linear_z(x_t))
            h = (1 - z) * h + z * model.linear_h(x_t)
        else:
            f, i = torch.sigmoid(model.linear_f(x_t)), torch.sigmoid(model.linear_i(x_t))
            h = f / (f + i) * h + i / (f + i) * model.linear_h(x_t)
        close(y[:, t], h, 1e-12)
    assert torch.equal(last, y[:, -1])


def test_minlstm_with_both_gates_closed_is_a_number():
    model = minLSTM(1, 1)
    for gate, bias in ((model.linear_f, -200.0), (model.linear_i, -200.0)):
        nn.init.zeros_(gate.weight)
        nn.init.constant_(gate.bias, bias)  # σ(−200) is 0 in float32
    nn.init.constant_(model.linear_h.weight, 1.0)
    nn.init.zeros_(model.linear_h.bias)
    y, _ = model(torch.ones(1, 3, 1))
    close(y[0, :, 0], torch.tensor([0.5, 0.75, 0.875]))  # the gates are equal: half old, half new
    y.sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


# Linear attention


def test_linear_attention_is_its_definition_and_its_recurrence():
    q, k, v = randn(2, 11, 3), randn(2, 11, 3, seed=1), randn(2, 11, 4, seed=2)
    y = linear_attention(q, k, v)
    phi = {name: np.where(x > 0, x + 1, np.exp(x)) for name, x in (("q", q.numpy()), ("k", k.numpy()))}
    for b in range(2):
        for t in range(11):
            weights = np.array([phi["q"][b, t] @ phi["k"][b, s] for s in range(t + 1)])
            close(y[b, t], torch.from_numpy(weights @ v[b, : t + 1].numpy() / weights.sum()), 1e-12)
    recurrent, state = linear_attention_recurrent(q, k, v)
    close(recurrent, y, 1e-12)
    assert [tuple(s.shape) for s in state] == [(2, 3, 4), (2, 3), (2, 3)]
    first, state = linear_attention_recurrent(q[:, :5], k[:, :5], v[:, :5])
    y_5, state = linear_attention_step(q[:, 5], k[:, 5], v[:, 5], state)
    rest, _ = linear_attention_recurrent(q[:, 6:], k[:, 6:], v[:, 6:], state)
    close(torch.cat([first, y_5[:, None], rest], 1), y, 1e-12)


def exact_attention(q, k, v):
    """The definition for one sequence, in 60 digits: (T, M)."""

    def phi(x):
        return x + 1 if x > 0 else mpmath.exp(x)

    with mpmath.workdps(60):
        q, k, v = ([[mpmath.mpf(x) for x in row] for row in z.double().tolist()] for z in (q, k, v))
        rows = []
        for t, q_t in enumerate(q):
            weights = [sum(phi(a) * phi(b) for a, b in zip(q_t, k_s, strict=True)) for k_s in k[: t + 1]]
            columns = zip(*v[: t + 1], strict=True)
            rows.append([float(sum(map(mpmath.fmul, weights, column)) / sum(weights)) for column in columns])
    return torch.tensor(rows, dtype=torch.float64)


# Where elu(x) + 1 is 0 to rounding, where exp(x) is; a late key far above or below those before it; either sign; huge
OFFSETS = [(-17, -17), (-60, -60), (0, -110), (-110, 0), (-200, -300), (50, -400), (1e4, -1e4), (-1e30, -1e30)]


@pytest.mark.parametrize("offsets", OFFSETS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13), (torch.bfloat16, 0.03)])
def test_linear_attention_of_features_near_zero(offsets, dtype, tolerance):
    q, k, v = (randn(1, 6, 3, seed=seed).to(dtype) for seed in range(3))
    q, k = (q + offsets[0]).requires_grad_(), (5 * k + offsets[1])
    for jump in (0, 150, -150):
        k_jump = (k + jump * torch.tensor([0, 0, 0, 1, 0, 0]).to(dtype)[:, None]).requires_grad_()
        expected = exact_attention(q[0].detach(), k_jump[0].detach(), v[0])
        for function in (linear_attention, lambda *qkv: linear_attention_recurrent(*qkv)[0]):
            y = function(q, k_jump, v)
            close(y[0].detach().double(), expected, tolerance)
            gradients = torch.autograd.grad(y.square().sum(), (q, k_jump))
            assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-4), (torch.float64, 1e-12)])
def test_recurrent_attention_of_features_that_have_nothing_in_common(dtype, tolerance):
    """Features from −1000 to 1000: where a query's are large the keys' are far below the smallest number, and conversely."""
    q, k, v = (randn(1, 8, 3, seed=seed).to(dtype) for seed in range(3))
    q, k = (400 * q).requires_grad_(), (400 * k).requires_grad_()
    y, _ = linear_attention_recurrent(q, k, v)
    close(y[0].detach().double(), exact_attention(q[0].detach(), k[0].detach(), v[0]), tolerance)
    assert all(g.isfinite().all() for g in torch.autograd.grad(y.square().sum(), (q, k)))


def test_feature_map_is_elu_plus_one_and_never_zero_to_rounding():
    x = torch.linspace(-40, 40, 801, dtype=torch.float64)
    close(feature_map(x), F.elu(x) + 1, 1e-15)
    x = torch.linspace(-80, 0, 81)
    torch.testing.assert_close(feature_map(x).double(), x.double().exp(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", [minGRU, minLSTM])
def test_a_gate_that_rounds_to_one_still_forgets(kind):
    """1 − σ(x) is 0 from 17 on in float32, σ(−x) isn't: kept to rounding, in value and gradient."""
    model = kind(1, 1)
    exact = kind(1, 1, dtype=torch.float64)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_({"linear_z.bias": 25.0, "linear_f.bias": -25.0, "linear_h.bias": 0.0}.get(name, 0.0))
        exact.load_state_dict({name: p.double() for name, p in model.state_dict().items()})
    kept = [layer(torch.ones(1, 1, 1).to(dtype), torch.ones(1, 1).to(dtype))[0] for layer, dtype in
            ((model, torch.float32), (exact, torch.float64))]  # fmt: skip
    assert kept[1].item() > 0
    torch.testing.assert_close(kept[0].double(), kept[1], rtol=1e-5, atol=0)


def test_linear_attention_gradients():
    arguments = [t.requires_grad_() for t in (randn(1, 5, 2), randn(1, 5, 2, seed=1), randn(1, 5, 2, seed=2))]
    assert gradcheck(linear_attention, arguments) and gradgradcheck(linear_attention, arguments)
    ours, theirs = (
        torch.autograd.grad((f(*arguments) ** 2).sum(), arguments)
        for f in (linear_attention, lambda *a: linear_attention_recurrent(*a)[0])
    )
    for one, other in zip(ours, theirs, strict=True):
        close(one, other, 1e-12)
