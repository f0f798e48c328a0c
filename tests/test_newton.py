"""Newton's method over time: the loop's states, all at once, and the loop's gradients."""

import math
from itertools import pairwise

import pytest
import torch

from rnncourse.bptt import newton_in_time
from rnncourse.gru import gru_sequence, gru_step
from rnncourse.layers import orthogonal_
from rnncourse.lstm import lstm_sequence, lstm_step
from rnncourse.recurrence import RNN, rnn_sequence, rnn_step


def network(B, T, D, H, scale=0.8, gates=1, dtype=torch.float64):
    """x (B, T, D), h0 (B, H), W_ih (G·H, D), W_hh (G·H, H), b (G·H)."""
    generator = torch.Generator().manual_seed(0)
    shapes = (B, T, D), (B, H), (gates * H, D), (gates * H, H), (gates * H,)
    x, h0, W_ih, W_hh, b = (torch.randn(s, generator=generator, dtype=torch.float64).to(dtype) for s in shapes)
    return x, h0, W_ih, scale * W_hh / math.sqrt(H), b


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 7, 3, 5), (3, 100, 2, 8), (1, 513, 4, 16)])
def test_it_finds_the_states_of_the_loop(shape):
    x, h0, W_ih, W_hh, b = network(*shape)
    found = newton_in_time(lambda x_t, h: rnn_step(x_t, h, W_ih, W_hh, b), x, h0)
    torch.testing.assert_close(found.h, rnn_sequence(x, h0, W_ih, W_hh, b), rtol=0, atol=1e-10)
    assert found.converged and found.residuals[-1] < 1e-12 and len(found.residuals) == found.iterations + 1


def test_any_step_will_do():
    x, h0, W_ih, W_hh, b = network(2, 50, 3, 4, gates=3)
    found = newton_in_time(lambda x_t, h: gru_step(x_t, h, W_ih, W_hh, b), x, h0)
    torch.testing.assert_close(found.h, gru_sequence(x, h0, W_ih, W_hh, b), rtol=0, atol=1e-10)
    x, h0, W_ih, W_hh, b = network(2, 50, 3, 4, gates=4)

    def step(x_t, state):  # an LSTM's, h and c side by side
        return torch.cat(lstm_step(x_t, *state.chunk(2, 1), W_ih, W_hh, b), 1)

    found = newton_in_time(step, x, torch.cat([h0, h0], 1))
    torch.testing.assert_close(found.h, torch.cat(lstm_sequence(x, h0, h0, W_ih, W_hh, b), 2), rtol=0, atol=1e-10)


def test_a_linear_recurrence_takes_one_iteration():
    x, h0, W_ih, W_hh, _ = network(2, 64, 3, 5)
    found = newton_in_time(lambda x_t, h: x_t @ W_ih.T + h @ W_hh.T, x, h0)
    assert found.iterations == 1 and found.converged


def test_convergence_is_quadratic_where_gradients_vanish():
    x, h0, W_ih, W_hh, b = network(1, 256, 4, 16, scale=0.6)
    residuals = newton_in_time(lambda x_t, h: rnn_step(x_t, h, W_ih, W_hh, b), x, h0).residuals
    small = [r for r in residuals if r < 0.1]
    assert len(residuals) < 8 and all(b < 10 * a**2 or b < 1e-14 for a, b in pairwise(small))


def test_k_iterations_make_k_steps_exact_even_in_chaos():
    x, h0, W_ih, W_hh, b = network(1, 400, 4, 16, scale=4.0)
    h = rnn_sequence(x, h0, W_ih, W_hh, b)
    found = newton_in_time(lambda x_t, h: rnn_step(x_t, h, W_ih, W_hh, b), x, h0, max_iterations=20)
    assert not found.converged and found.iterations == 20
    assert found.h.isfinite().all()
    torch.testing.assert_close(found.h[:, :20], h[:, :20], rtol=0, atol=1e-9)
    x, h = x[:, :30], h[:, :30]
    found = newton_in_time(lambda x_t, h: rnn_step(x_t, h, W_ih, W_hh, b), x, h0, tolerance=1e-8)
    assert found.converged and found.iterations <= 30
    torch.testing.assert_close(found.h, h, rtol=0, atol=1e-4)


def test_a_better_guess_takes_fewer_iterations():
    x, h0, W_ih, W_hh, b = network(2, 60, 3, 5)
    h = rnn_sequence(x, h0, W_ih, W_hh, b)

    def find(guess):
        return newton_in_time(lambda x_t, h: rnn_step(x_t, h, W_ih, W_hh, b), x, h0, guess=guess).iterations

    assert find(h) == 0 < find(h + 1e-6) < find(None)


def test_gradients_are_the_loop_s():
    tensors = [t.requires_grad_() for t in network(2, 40, 3, 5)]
    x, h0, W_ih, W_hh, b = tensors
    weight = torch.randn(2, 40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    loop = torch.autograd.grad((weight * rnn_sequence(x, h0, W_ih, W_hh, b)).sum(), tensors)
    found = newton_in_time(lambda x_t, h: rnn_step(x_t, h, W_ih, W_hh, b), x, h0)
    for ours, expected in zip(torch.autograd.grad((weight * found.h).sum(), tensors), loop, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


def test_it_runs_a_trained_layer_in_single_precision():
    torch.manual_seed(0)
    rnn = orthogonal_(RNN(3, 8), 0.9)
    x = torch.randn(2, 200, 3)
    found = newton_in_time(lambda x_t, h: rnn_step(x_t, h, *rnn.weights(0)), x, torch.zeros(2, 8))
    assert found.converged and found.h.dtype == torch.float32 and found.h.requires_grad
    torch.testing.assert_close(found.h, rnn(x)[0], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(x=torch.zeros(2, 0, 3)), "x: got (2, 0, 3), expected a tensor (B, T, …) with at least one step"),
        (dict(x=[1.0]), "x: got list, expected a tensor (B, T, …)"),
        (dict(h0=torch.zeros(5)), "h0: got (5,) of torch.float32, expected a floating point tensor (B, H) with B = 2"),
        (dict(h0=torch.zeros(3, 5)), "h0: got (3, 5) of torch.float32, expected a floating point tensor (B, H) with B = 2"),
        (dict(h0=torch.zeros(2, 5, dtype=torch.long)), "h0: got (2, 5) of torch.int64"),
        (dict(guess=torch.zeros(2, 7, 4)), "guess: got (2, 7, 4) of torch.float32, expected (2, 7, 5) of torch.float32"),
        (dict(guess=torch.zeros(2, 7, 5).double()), "guess: got (2, 7, 5) of torch.float64"),
        (dict(tolerance=0.0), "tolerance: got 0.0, expected a number above 0"),
        (dict(max_iterations=0), "max_iterations: got 0, expected an integer of at least 1"),
        (dict(step=lambda x_t, h: h[:, 1:]), "step: got a state of shape (14, 4), expected (14, 5)"),
        (dict(step=lambda x_t, h: (h, h)), "step: got tuple, expected the state after it as one tensor"),
    ],
)
def test_bad_input(change, message):
    arguments = dict(step=lambda x_t, h: h, x=torch.zeros(2, 7, 3), h0=torch.zeros(2, 5)) | change
    with pytest.raises(ValueError) as error:
        newton_in_time(arguments.pop("step"), arguments.pop("x"), arguments.pop("h0"), **arguments)
    assert str(error.value).startswith(message)
