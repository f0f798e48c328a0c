"""attention: scores with the softmax and gradient of the plain ones, against the paper's equations, with masks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.seq2seq import (
    AdditiveAttention,
    additive_scores,
    tanh_scores,
)
from tests.tensors import randn


@settings(max_examples=40, deadline=None)
@given(B=st.integers(1, 3), S=st.integers(1, 5), A=st.integers(1, 6), scale=st.sampled_from([0.1, 1, 10, 1e4]))
def test_fast_scores_have_the_softmax_and_the_gradient_of_the_plain_ones(B, S, A, scale):
    results = []
    for scores in (tanh_scores, additive_scores):
        q, k, v = ((randn(*shape, seed=A) * scale).requires_grad_() for shape in ((B, A), (B, S, A), (A,)))
        e = scores(q, k, v)
        weights = e.softmax(-1)
        gradients = torch.autograd.grad((weights * randn(B, S, seed=1)).sum(), (q, k, v))
        results.append((e - v.sum() if scores is additive_scores else e, weights, *gradients))
    for plain, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-12 * max(scale, 1))


def test_fast_scores_pass_a_gradient_check():
    inputs = [randn(*shape).requires_grad_() for shape in ((2, 3), (2, 4, 3), (3,))]
    assert torch.autograd.gradcheck(additive_scores, inputs)
    e = additive_scores(*inputs)
    once = torch.autograd.grad(e.sum(), inputs, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(e.sum(), inputs), once, rtol=0, atol=0)


SCORES = [randn(2, 3), randn(2, 4, 3, seed=1), randn(3, seed=2)]


def test_a_penalty_on_gradients_of_fast_scores_counts():
    penalties = []
    inputs = [x.clone().requires_grad_() for x in SCORES]
    for scores in (additive_scores, tanh_scores):
        first = torch.autograd.grad(scores(*inputs).softmax(-1).square().sum(), inputs, create_graph=True)
        penalties.append(torch.autograd.grad(sum(g.square().sum() for g in first), inputs))
    torch.testing.assert_close(*penalties)
    assert torch.autograd.gradgradcheck(additive_scores, inputs)


def test_transforms_of_fast_scores():
    def loss(scores):
        return lambda *inputs: scores(*inputs).softmax(-1).square().sum()

    for transform in (torch.func.grad, torch.func.jacrev, torch.func.jacfwd, torch.func.hessian):
        got, expected = (transform(loss(scores), (0, 1, 2))(*SCORES) for scores in (additive_scores, tanh_scores))
        torch.testing.assert_close(got, expected)
    many = torch.stack([SCORES[0], 2 * SCORES[0]])
    batched = torch.func.vmap(additive_scores, (0, None, None))(many, *SCORES[1:])
    torch.testing.assert_close(batched, torch.stack([additive_scores(q, *SCORES[1:]) for q in many]))
    inputs = [x.clone().requires_grad_() for x in SCORES]
    jacobians = (torch.autograd.functional.jacobian(additive_scores, tuple(inputs), vectorize=v) for v in (True, False))
    torch.testing.assert_close(*jacobians)


def test_fast_scores_of_complex_numbers():
    """2v · σ(2q + 2k) is tanh's form but for Σv; torch's own gradient of that is the reference."""
    inputs = [torch.complex(x, randn(*x.shape, seed=9)).requires_grad_() for x in SCORES]
    results = []
    for scores in (additive_scores, lambda q, k, v: tanh_scores(q, k, v) + v.sum()):
        e = scores(*inputs)
        results.append((e, *torch.autograd.grad(torch.view_as_real(e).square().sum(), inputs)))
    torch.testing.assert_close(*results)
    assert torch.autograd.gradcheck(additive_scores, inputs)


def test_fast_scores_in_float32():
    q, k, v = (randn(*shape).float() for shape in ((8, 16), (8, 30, 16), (16,)))
    fast, plain = (scores(q, k, v).softmax(-1) for scores in (additive_scores, tanh_scores))
    torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-7)


def test_attention_is_bahdanaus():
    """Written out in NumPy, position by position."""
    torch.manual_seed(0)
    attention = AdditiveAttention(5, 3, 4).double()
    h, s = randn(2, 6, 3), randn(2, 5, seed=1)
    context, weights = attention(s, attention.memory(h))
    parameters = attention.W_q.weight, attention.W_k.weight, attention.W_k.bias, attention.v
    W, U, b, v = (p.detach().numpy() for p in parameters)
    for i in range(2):
        e = np.array([v @ np.tanh(W @ s[i].numpy() + U @ h[i, j].numpy() + b) for j in range(6)])
        alpha = np.exp(e) / np.exp(e).sum()
        np.testing.assert_allclose(weights[i].detach(), alpha, rtol=1e-12)
        np.testing.assert_allclose(context[i].detach(), sum(alpha[j] * h[i, j].numpy() for j in range(6)), rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), S=st.integers(1, 6))
def test_masked_positions_have_no_weight_at_all(data, S):
    torch.manual_seed(0)
    attention = AdditiveAttention(5, 3, 4).double()
    padding = torch.tensor(data.draw(st.lists(st.booleans(), min_size=S, max_size=S).filter(lambda row: not all(row))))
    h, s = randn(1, S, 3), randn(1, 5, seed=1)
    h[0, padding] = math.nan
    h.requires_grad_()
    context, weights = attention(s, attention.memory(h, padding[None]))
    assert (weights[0, padding] == 0).all() and (weights[0, ~padding] > 0).all()
    assert weights.sum().item() == pytest.approx(1)
    alone = attention(s, attention.memory(h[:, ~padding]))
    torch.testing.assert_close(context, alone[0])
    torch.testing.assert_close(weights[:, ~padding], alone[1])
    gradients = torch.autograd.grad(context.square().sum(), [h, *attention.parameters()])
    assert (gradients[0][0, padding] == 0).all() and all(g.isfinite().all() for g in gradients)
