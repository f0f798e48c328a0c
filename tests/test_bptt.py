"""Jacobians, norms, clipping and truncation against autograd, torch.nn and formulas of the literature."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from rnncourse.bptt import (
    TruncatedBPTT,
    clip_gradient_norm,
    gradient_norm_by_lag,
    input_gradients,
    jacobian_product,
    norm_bound,
    step_jacobian,
)
from rnncourse.fast import product, step_product, tanh
from rnncourse.gru import GRU, gru_step
from rnncourse.layers import identity_, orthogonal_, padding_mask, reverse_padded
from rnncourse.lstm import LSTM, lstm_sequence, lstm_step
from rnncourse.recurrence import RNN, LanguageModel, rnn_sequence, rnn_step
from tests.recurrent_contract import EXACT


def make(kind, D=3, H=4, **options):
    torch.manual_seed(0)
    return kind(D, H, **options, dtype=torch.float64)


def random(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# -- Jacobians -------------------------------------------------------------------------------------


def test_jacobian_of_the_simple_rnn_is_slope_times_weight():
    """diag(1 − h_t²) W_hh: Pascanu et al. 2013, for tanh outside."""
    W_ih, W_hh, b_ih, b_hh = make(RNN).weights(0)
    x_t, h_prev = random(2, 3), random(2, 4, seed=2)
    J = step_jacobian(lambda h: rnn_step(x_t, h, W_ih, W_hh, b_ih, b_hh), h_prev)
    h_t = rnn_step(x_t, h_prev, W_ih, W_hh, b_ih, b_hh)
    torch.testing.assert_close(J, (1 - h_t**2)[:, :, None] * W_hh, **EXACT)


@pytest.mark.parametrize("kind", ["gru", "lstm", "module"])
def test_jacobian_equals_central_differences(kind):
    x_t = random(2, 3)
    if kind == "lstm":
        weights = make(LSTM).weights(0)
        state = (random(2, 4, seed=2), random(2, 4, seed=3))
        step = lambda state: lstm_step(x_t, *state, *weights)  # noqa: E731
    elif kind == "gru":
        weights = make(GRU).weights(0)
        state, step = random(2, 4, seed=2), lambda h: gru_step(x_t, h, *weights)
    else:
        gru = make(GRU)
        state, step = random(2, 4, seed=2), lambda h: gru(x_t[:, None], h[None])[1][0]
    J = step_jacobian(step, state)
    states = state if isinstance(state, tuple) else (state,)
    flat, eps = torch.cat(states, 1), 1e-6

    def after(flat):
        new = step(tuple(flat.split(4, 1)) if isinstance(state, tuple) else flat)
        return torch.cat(new, 1) if isinstance(new, tuple) else new

    for j in range(flat.shape[1]):
        shift = torch.zeros_like(flat)
        shift[:, j] = eps
        difference = (after(flat + shift) - after(flat - shift)) / (2 * eps)
        torch.testing.assert_close(J[:, :, j], difference, rtol=0, atol=1e-9)


@torch.no_grad()
def test_jacobian_works_where_gradients_are_off():
    W_ih, W_hh, *_ = make(RNN).weights(0)
    assert not step_jacobian(lambda h: rnn_step(random(2, 3), h, W_ih, W_hh), random(2, 4)).requires_grad


def test_product_of_jacobians_is_the_jacobian_of_the_sequence():
    weights, x, h0 = make(RNN).weights(0), random(2, 5, 3), random(2, 4, seed=2)
    jacobians, h = [], h0
    for x_t in x.unbind(1):
        jacobians.append(step_jacobian(lambda h, x_t=x_t: rnn_step(x_t, h, *weights), h))
        h = rnn_step(x_t, h, *weights)
    whole = torch.autograd.functional.jacobian(lambda h0: rnn_sequence(x, h0, *weights)[:, -1], h0)  # (B, H, B, H)
    expected = torch.stack([whole[b, :, b] for b in range(2)])
    torch.testing.assert_close(jacobian_product(jacobians), expected, **EXACT)
    torch.testing.assert_close(jacobian_product(torch.stack(jacobians)), expected, **EXACT)


def test_bad_jacobians():
    with pytest.raises(ValueError, match=r"^state: got .*, expected"):
        step_jacobian(lambda h: h, random(3))
    with pytest.raises(ValueError, match=r"^step: got .*, expected"):
        step_jacobian(lambda h: h[:, :2], random(2, 3))
    for jacobians in ([], [random(2, 3)], [random(3, 3), random(2, 2)], [random(3)]):
        with pytest.raises(ValueError, match=r"^jacobians: got .*, expected"):
            jacobian_product(jacobians)


# -- norms -----------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 3), st.sampled_from(["tanh", "relu"]))
def test_no_gradient_exceeds_its_bound(seed, scale, nonlinearity):
    x, W_hh, W_ih = random(1, 8, 3, seed=seed), scale * random(4, 4, seed=seed + 1) / 2, random(4, 3, seed=seed + 2)
    jacobians, h = [], torch.zeros(1, 4, dtype=torch.float64)
    for x_t in x.unbind(1):
        jacobians.append(step_jacobian(lambda h, x_t=x_t: rnn_step(x_t, h, W_ih, W_hh, nonlinearity=nonlinearity), h))
        h = rnn_step(x_t, h, W_ih, W_hh, nonlinearity=nonlinearity)
    bound = norm_bound(W_hh, 8)
    assert bound.shape == (9,) and bound[0] == 1
    for lag in range(1, 9):
        norm = torch.linalg.matrix_norm(jacobian_product(jacobians[-lag:])[0], 2)
        assert norm <= bound[lag] * (1 + 1e-12)


def test_bound_is_reached_by_an_orthogonal_matrix():
    W_hh = torch.linalg.qr(random(4, 4))[0]
    torch.testing.assert_close(norm_bound(0.95 * W_hh, 100)[100].item(), 0.95**100, rtol=1e-10, atol=0)
    torch.testing.assert_close(norm_bound(W_hh, 512, slope=0.5)[512].item(), 0.5**512, rtol=1e-10, atol=0)


def test_bad_bound():
    for name, arguments in {
        "W_hh": (random(3, 4), 2), "lag": (random(4, 4), -1), "slope": (random(4, 4), 2, -0.5),
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=rf"^{name}: got .*, expected"):
            norm_bound(*arguments)


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_gradient_norm_by_lag_equals_that_of_the_unrolled_steps(kind):
    model, x = make(kind), random(2, 6, 3)
    step = {RNN: rnn_step, GRU: gru_step, LSTM: lstm_step}[kind]
    states = [tuple(torch.zeros(2, 4, dtype=torch.float64, requires_grad=True) for _ in range(model.states))]
    for x_t in x.unbind(1):
        new = step(x_t, *states[-1], *model.weights(0))
        new = new if isinstance(new, tuple) else (new,)
        states.append(tuple(s.clone() for s in new))  # h apart from the c that it is made of
    L = states[-1][0].square().sum()
    expected = [torch.autograd.grad(L, states[-1][0], retain_graph=True)[0].norm()]
    for state in states[-2::-1]:
        grads = torch.autograd.grad(L, state, retain_graph=True)
        expected.append(torch.cat(grads).norm())
    got = gradient_norm_by_lag(model, x, lambda output: output.square().sum())
    assert got.shape == (7,)
    torch.testing.assert_close(got, torch.stack(expected), **EXACT)
    for p in model.parameters():
        p.requires_grad_(False)
        assert p.grad is None
    torch.testing.assert_close(gradient_norm_by_lag(model, x, lambda output: output.square().sum()), got, **EXACT)


def test_gradient_norm_of_a_linear_network_is_a_power():
    """relu with W_hh = 0.9 I and positive states is linear: what reaches back k steps is 0.9^k."""
    rnn = identity_(make(RNN, nonlinearity="relu"), 0.9)
    with torch.no_grad():
        rnn.weight_ih_l0.abs_()
    decay = gradient_norm_by_lag(rnn, random(2, 20, 3).abs())
    torch.testing.assert_close(decay / decay[0], 0.9 ** torch.arange(21, dtype=torch.float64), **EXACT)


def test_gradient_norm_by_lag_of_stacked_and_language_models():
    deep = gradient_norm_by_lag(make(LSTM, num_layers=2), random(2, 5, 3))
    assert deep.shape == (6,) and (deep > 0).all()
    lm = LanguageModel(7, RNN(3, 4))
    norms = gradient_norm_by_lag(lm, torch.randint(7, (2, 5)))
    assert norms.shape == (6,) and (norms > 0).all()


@pytest.mark.parametrize("measure", [gradient_norm_by_lag, lambda model, x: list(TruncatedBPTT(2).windows(model, x))])
def test_bad_models_and_inputs(measure):
    for options in ({"bidirectional": True}, {"batch_first": False}):
        with pytest.raises(ValueError, match=r"^model: got .*, expected"):
            measure(make(RNN, **options), random(2, 5, 3))
    for x in (random(2, 0, 3), random(3), [1.0]):
        with pytest.raises(ValueError, match=r"^x: got .*, expected"):
            measure(make(RNN), x)


# -- clipping --------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 100), st.floats(0, 50), st.integers(0, 99))
def test_clipping_equals_torch(max_norm, scale, seed):
    twins = [[torch.zeros(3, 2), torch.zeros(4), torch.zeros(2)] for _ in range(2)]
    for parameters in twins:
        for i, p in enumerate(parameters[:2]):  # the third has no gradient
            p.grad = scale * random(*p.shape, seed=seed + i).float()
    norms = clip_gradient_norm(iter(twins[0]), max_norm), torch.nn.utils.clip_grad_norm_(twins[1], max_norm)
    torch.testing.assert_close(*norms, rtol=0, atol=0)
    for p, q in zip(*twins, strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=0, atol=0)
    total = torch.cat([p.grad.flatten() for p in twins[0][:2]]).norm()
    assert total <= max_norm * (1 + 1e-6)


def test_clipping_one_tensor_none_and_nonsense():
    p = torch.zeros(2, requires_grad=True)
    assert clip_gradient_norm(p, 1.0) == 0
    p.grad = torch.tensor([3.0, 4.0])
    assert clip_gradient_norm(p, 1.0) == 5
    torch.testing.assert_close(p.grad, torch.tensor([0.6, 0.8]))
    for max_norm in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=rf"^max_norm: got {max_norm}, expected"):
            clip_gradient_norm(p, max_norm)


# -- truncation ------------------------------------------------------------------------------------


def window_gradients(model, x, target, k1, k2):
    """What TruncatedBPTT should give, in the plainest way: each window from a state found without gradient."""
    T, gradients, outputs = x.shape[1], [], []
    for begin in range(0, T, k1):
        start, end = max(0, begin + k1 - k2), min(begin + k1, T)
        with torch.no_grad():
            state = model(x[:, :start])[1] if start else None
        output = model(x[:, start:end], state)[0][:, begin - start :]
        loss = (output - target[:, begin:end]).square().sum()
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
        outputs.append(output.detach())
    return torch.cat(outputs, 1), gradients


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([RNN, GRU, LSTM]), st.integers(1, 11), st.integers(1, 5), st.integers(0, 8))
def test_truncated_windows(kind, T, k1, more):
    model, x, target = make(kind), random(2, T, 3), random(2, T, 4, seed=2)
    expected_output, expected = window_gradients(model, x, target, k1, k1 + more)
    truncated = TruncatedBPTT(k1, k1 + more)
    outputs, covered = [], []
    for (output, window), gradients in zip(truncated.windows(model, x), expected, strict=True):
        loss = (output - target[:, window]).square().sum()
        torch.testing.assert_close(torch.autograd.grad(loss, list(model.parameters())), gradients, **EXACT)
        outputs.append(output.detach())
        covered += range(T)[window]
    assert covered == list(range(T))
    torch.testing.assert_close(torch.cat(outputs, 1), expected_output, **EXACT)
    torch.testing.assert_close(truncated.state, model(x)[1], **EXACT)


def test_one_window_is_the_whole_of_bptt():
    model, x = make(LSTM, num_layers=2), random(2, 6, 3)
    [(output, window)] = TruncatedBPTT(6).windows(model, x)
    assert window == slice(0, 6)
    got = torch.autograd.grad(output.square().sum(), list(model.parameters()))
    expected = torch.autograd.grad(model(x)[0].square().sum(), list(model.parameters()))
    torch.testing.assert_close(got, expected, **EXACT)


def test_nothing_reaches_back_further_than_k2():
    model, x = make(GRU), random(1, 9, 3).requires_grad_()
    reached = []
    for output, _ in TruncatedBPTT(2, 5).windows(model, x):
        (grad,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
        reached.append(grad.abs().sum((0, 2)).nonzero().flatten().tolist())
    assert reached == [[0, 1], [0, 1, 2, 3], [1, 2, 3, 4, 5], [3, 4, 5, 6, 7], [5, 6, 7, 8]]


def test_state_is_carried_from_stream_to_stream():
    model, x = make(LSTM), random(2, 8, 3)
    truncated = TruncatedBPTT(3)
    outputs = [output for output, _ in truncated.windows(model, x[:, :5])]
    assert not any(s.requires_grad for s in truncated.state)
    outputs += [output for output, _ in truncated.windows(model, x[:, 5:], truncated.state)]
    torch.testing.assert_close(torch.cat(outputs, 1), model(x)[0], **EXACT)


def test_training_step_between_windows_is_seen_by_the_next():
    model, x = make(RNN), random(2, 4, 3)
    windows = TruncatedBPTT(2).windows(model, x)
    first, _ = next(windows)
    with torch.no_grad():
        model.weight_ih_l0 += 1
    second, _ = next(windows)
    torch.testing.assert_close(second, model(x[:, 2:], first[None, :, -1].detach())[0], **EXACT)


@pytest.mark.parametrize("name, arguments", [("k1", (0,)), ("k1", (2.0,)), ("k2", (3, 2)), ("k2", (3, True))])
def test_bad_truncation(name, arguments):
    with pytest.raises(ValueError, match=rf"^{name}: got .*, expected"):
        TruncatedBPTT(*arguments)


# -- what the layers share -------------------------------------------------------------------------


def test_input_gradients_are_those_of_the_affine_map():
    T, B, D, H = 3, 2, 4, 5
    x, h0, h, da = random(T, B, D), random(B, H, seed=2), random(T, B, H, seed=3), random(T, B, 2 * H, seed=4)
    W_ih, W_hh, b = random(2 * H, D, seed=5), random(2 * H, H, seed=6), random(2 * H, seed=7)
    for t in (x, W_ih, W_hh, b):
        t.requires_grad_()
    a = F.linear(x, W_ih, b) + F.linear(torch.cat([h0[None], h[:-1]]), W_hh)
    expected = torch.autograd.grad(a, (x, W_ih, W_hh, b), da)
    torch.testing.assert_close(input_gradients(da, x, h0, h, W_ih), expected, **EXACT)
    assert input_gradients(da, x, h0, h, W_ih, need_dx=False)[0] is None


@pytest.mark.filterwarnings("ignore:TF32")
@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("transposed", [False, True])
def test_products_equal_linear(onednn, transposed):
    torch.manual_seed(0)
    x, W, b = torch.randn(3, 40, 400), torch.randn(400, 400), torch.randn(400)
    W = W.T if transposed else W
    expected = F.linear(x.double(), W.double(), b.double())
    for W_strided in (W, torch.cat([W, W], 1)[:, :400]):
        with torch.no_grad(), torch.backends.mkldnn.flags(enabled=onednn):
            torch.testing.assert_close(product(x, W_strided, b).double(), expected, rtol=0, atol=2e-4)
            torch.testing.assert_close(step_product(W_strided, 9, 40, b)(x[0]).double(), expected[0], rtol=0, atol=2e-4)
    W, b = W.clone().requires_grad_(), b.clone().requires_grad_()
    product(x, W, b).sum().backward()  # with autograd on, it is differentiable like any other
    torch.testing.assert_close(W.grad, x.sum((0, 1)).expand(400, 400), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2e-7), (torch.float64, 1e-15), (torch.bfloat16, 4e-3)])
def test_tanh(dtype, tolerance):
    a = torch.linspace(-100, 100, 100001, dtype=torch.float64).to(dtype)
    expected = a.double().tanh()
    assert (tanh(a).double() - expected).abs().max() <= tolerance
    assert tanh(a, out=a) is a and (a.double() - expected).abs().max() <= tolerance


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 99))
def test_reverse_padded(lengths, seed):
    T = max(lengths) + seed % 2
    x, lengths = random(len(lengths), T, 2, seed=seed), torch.tensor(lengths)
    y = reverse_padded(x, lengths)
    for b, length in enumerate(lengths):
        assert torch.equal(y[b, :length], x[b, :length].flip(0)) and torch.equal(y[b, length:], x[b, length:])
    assert torch.equal(reverse_padded(y, lengths), x)
    assert torch.equal(reverse_padded(x), x.flip(1))
    assert torch.equal(padding_mask(lengths, T).sum(1), T - lengths)


def test_bad_padding():
    for name, arguments in {"x": (random(3),), "lengths": (random(2, 3), torch.tensor([1, 4]))}.items():
        with pytest.raises(ValueError, match=rf"^{name}: got .*, expected"):
            reverse_padded(*arguments)


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM, torch.nn.GRU])
def test_orthogonal_blocks(kind):
    model = kind(3, 4, num_layers=2, bidirectional=True)
    before = model.weight_ih_l1_reverse.clone()
    assert orthogonal_(model, 0.5, torch.Generator().manual_seed(0)) is model
    matrices = [p.detach() for name, p in model.named_parameters() if name.startswith("weight_hh")]
    blocks = [block for W in matrices for block in W.split(4)]
    assert len(blocks) == 4 * len(model.weight_hh_l0) // 4
    for block in blocks:
        torch.testing.assert_close(block @ block.T, 0.25 * torch.eye(4))
    assert not torch.equal(blocks[0], blocks[-1]) and torch.equal(model.weight_ih_l1_reverse, before)


@pytest.mark.parametrize("kind", [RNN, LSTM])
def test_identity_blocks(kind):
    model = torch.nn.Sequential(kind(3, 4, num_layers=2), torch.nn.Linear(4, 2))
    readout = model[1].bias.clone()
    assert identity_(model, 0.9) is model
    for name, p in model[0].named_parameters():
        if name.startswith("weight_hh"):
            assert all(torch.equal(block, 0.9 * torch.eye(4)) for block in p.split(4))
        if name.startswith("bias"):
            assert not p.any()
    assert torch.equal(model[1].bias, readout)


def test_bad_module_to_initialise():
    for initialise in (orthogonal_, identity_):
        with pytest.raises(ValueError, match=r"^rnn: got Linear without .*, expected"):
            initialise(torch.nn.Linear(3, 4))


def test_lstm_cell_keeps_gradients_where_its_gates_are_open():
    """f = 1 and i = 0: the cell passes its gradient undiminished, whatever the length (constant error carousel)."""
    weights = [torch.zeros(16, 3), torch.zeros(16, 4), torch.tensor([-100.0, 100.0, 0.0, 0.0]).repeat_interleave(4)]
    c0 = torch.randn(2, 4, requires_grad=True)
    _, c = lstm_sequence(torch.randn(2, 50, 3), torch.zeros(2, 4), c0, *weights)
    torch.testing.assert_close(torch.autograd.grad(c[:, -1].sum(), c0)[0], torch.ones(2, 4))


def test_clipping_in_half_precision_does_not_take_a_finite_gradient_for_an_infinite_one():
    """In float16 the squares of 300 are infinite: so was the norm, and the gradient became 0."""
    p = torch.zeros(1000, dtype=torch.float16, requires_grad=True)
    p.grad = torch.full_like(p, 300)
    norm = clip_gradient_norm(p, 1.0)
    assert norm.item() == pytest.approx(300 * 1000**0.5, rel=1e-5)
    assert p.grad.double().norm().item() == pytest.approx(1, rel=1e-2)
