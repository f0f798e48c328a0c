"""linear: minGRU, minLSTM and linear attention against their papers' forms."""


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
    assert [tuple(s.shape) for s in state] == [(2, 3, 4), (2, 3)]
    first, state = linear_attention_recurrent(q[:, :5], k[:, :5], v[:, :5])
    y_5, state = linear_attention_step(q[:, 5], k[:, 5], v[:, 5], state)
    rest, _ = linear_attention_recurrent(q[:, 6:], k[:, 6:], v[:, 6:], state)
    close(torch.cat([first, y_5[:, None], rest], 1), y, 1e-12)


def test_linear_attention_gradients():
    arguments = [t.requires_grad_() for t in (randn(1, 5, 2), randn(1, 5, 2, seed=1), randn(1, 5, 2, seed=2))]
    assert gradcheck(linear_attention, arguments) and gradgradcheck(linear_attention, arguments)
    ours, theirs = (
        torch.autograd.grad((f(*arguments) ** 2).sum(), arguments)
        for f in (linear_attention, lambda *a: linear_attention_recurrent(*a)[0])
    )
    for one, other in zip(ours, theirs, strict=True):
        close(one, other, 1e-12)
