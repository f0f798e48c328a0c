"""What every module of ssm, s4d, selective and linear_rnn does, each reading (B, T, 4); and bad input of all of them."""

import copy
import math
import pickle

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad, gradgradcheck

from rnncourse.linear import linear_attention, linear_attention_recurrent, linear_attention_step, minGRU, minLSTM
from rnncourse.recurrence import LanguageModel, sample
from rnncourse.ssm import (
    S4D,
    LinearSSM,
    Mamba,
    causal_convolution,
    discretize,
    hippo_legs,
    krylov,
    s4d_kernel,
    s4d_kernel_direct,
    selective_scan,
    selective_scan_sequential,
    ssm_step,
)
from tests.tensors import close, randn
from tests.test_ssm import linear_ssm

LAYERS = {
    "LinearSSM recurrent": lambda: linear_ssm(3, 4, 4, "recurrent"),
    "LinearSSM convolution": lambda: linear_ssm(3, 4, 4, "convolution"),
    "LinearSSM scan": lambda: linear_ssm(3, 4, 4, "scan"),
    "S4D lin": lambda: S4D(4, 6, dtype=torch.float64),
    "S4D inv": lambda: S4D(4, 6, "inv", dtype=torch.float64),
    "Mamba": lambda: Mamba(4, 3, dtype=torch.float64),
    "minGRU": lambda: minGRU(4, 5, dtype=torch.float64),
    "minGRU g": lambda: minGRU(4, 5, candidate="g", bias=False, dtype=torch.float64),
    "minLSTM": lambda: minLSTM(4, 5, dtype=torch.float64),
}


@pytest.fixture(params=LAYERS)
def layer(request):
    torch.manual_seed(0)
    return LAYERS[request.param]()


def flat(state):
    """The tensors of a state, one after another."""
    return [state] if isinstance(state, torch.Tensor) else [t for s in state for t in flat(s)]


@pytest.mark.parametrize("T", [1, 2, 45])
def test_step_by_step_is_the_whole_sequence(layer, T):
    x = randn(2, T, 4)
    y, last = layer(x)
    state, outputs = None, []
    for x_t in x.unbind(1):
        y_t, state = layer.step(x_t, state)
        outputs.append(y_t)
    close(torch.stack(outputs, 1), y)
    for ours, theirs in zip(flat(state), flat(last), strict=True):
        close(ours, theirs)


def test_a_sequence_in_two_parts_is_the_whole(layer):
    x = randn(3, 40, 4)
    y, last = layer(x)
    first, state = layer(x[:, :23])
    second, state = layer(x[:, 23:], state)
    close(torch.cat([first, second], 1), y)
    for ours, theirs in zip(flat(state), flat(last), strict=True):
        close(ours, theirs)


def test_the_state_does_not_grow(layer):
    x = randn(1, 50, 4)
    _, short = layer(x[:, :1])
    _, long = layer(x)
    assert [s.shape for s in flat(short)] == [s.shape for s in flat(long)]


def test_no_output_depends_on_a_later_input(layer):
    x = randn(2, 30, 4).requires_grad_()
    y, _ = layer(x)
    (gradient,) = torch.autograd.grad(y[:, 11].square().sum(), x)
    close(gradient[:, 12:], torch.zeros(2, 18, 4, dtype=torch.float64), 1e-12)
    assert gradient[:, :12].abs().amax((0, 2)).min() > 1e-9, "each earlier input should count"


def test_module_gradients_are_those_of_the_steps(layer):
    x = randn(2, 20, 4).requires_grad_()
    parameters = [x, *layer.parameters()]

    def stepwise():
        state, outputs = None, []
        for x_t in x.unbind(1):
            y_t, state = layer.step(x_t, state)
            outputs.append(y_t)
        return torch.stack(outputs, 1)

    whole = torch.autograd.grad(layer(x)[0].square().sum(), parameters)
    for ours, theirs in zip(whole, torch.autograd.grad(stepwise().square().sum(), parameters), strict=True):
        close(ours, theirs)


def test_copies_and_files(layer, tmp_path):
    x = randn(2, 9, 4)
    expected, _ = layer(x)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x)[0], expected) and repr(other) == repr(layer)
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other = copy.deepcopy(layer)
    for parameter in other.parameters():
        nn.init.constant_(parameter, 0.5)
    assert not torch.equal(other(x)[0], expected)
    other.load_state_dict(torch.load(tmp_path / "layer.pt"))
    assert torch.equal(other(x)[0], expected)


def test_any_layout_and_an_empty_batch(layer):
    x = randn(2, 9, 4)
    y, _ = layer(x)
    close(layer(x.permute(2, 0, 1).contiguous().permute(1, 2, 0))[0], y, 1e-12)
    close(layer(x[:1].expand(3, -1, -1))[0], y[:1].expand(3, -1, -1), 1e-12)
    empty, state = layer(x[:0].requires_grad_())
    assert empty.shape == (0, *y.shape[1:])
    assert layer.step(x[:0, 0], state)[0].shape == (0, y.shape[2])
    empty.sum().backward()


def test_autocast_keeps_the_recurrence_in_the_parameters_precision(layer):
    layer, x = layer.float(), randn(2, 30, 4, dtype=torch.float32).bfloat16().float()
    y, state = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        low, low_state = layer(x.bfloat16())
        projects = not isinstance(layer, LinearSSM | S4D)  # by linear layers, which autocast takes to half precision
        close(low.float(), y, 0.03 if projects else 1e-5)
        low, low_state = layer.step(x[:, 0].bfloat16(), low_state)
        low.float().square().sum().backward()
    assert [s.dtype for s in flat(low_state)] == [s.dtype for s in flat(state)]
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in layer.parameters())


def test_compiled_modules_give_the_same():
    for name in ("LinearSSM convolution", "S4D lin", "Mamba", "minLSTM"):
        torch.manual_seed(0)
        layer, x = LAYERS[name](), randn(2, 12, 4)
        y, _ = layer(x)
        expected = torch.autograd.grad(y.square().sum(), list(layer.parameters()))
        y_compiled, _ = torch.compile(layer, backend="eager")(x)
        close(y_compiled, y, 1e-12)
        compiled = torch.autograd.grad(y_compiled.square().sum(), list(layer.parameters()))
        for ours, theirs in zip(compiled, expected, strict=True):
            close(ours, theirs, 1e-11)


def loss(layer):
    """A function of x and the parameters (one tensor) to one number, with the state in it; and the parameters."""
    names, parameters = zip(*layer.named_parameters(), strict=True)
    sizes = [p.numel() for p in parameters]

    def function(x, every):
        shaped = [e.view(p.shape) for e, p in zip(every.split(sizes), parameters, strict=True)]
        y, state = torch.func.functional_call(layer, dict(zip(names, shaped, strict=True)), (x,))
        parts = [y, *(torch.view_as_real(s) if s.is_complex() else s for s in flat(state))]
        return torch.cat([part.flatten() for part in parts]).sin().sum()

    return function, torch.cat([p.detach().flatten() for p in parameters])


def test_transforms_of_torch_func(layer):
    function, every = loss(layer)
    x = randn(2, 9, 4)
    inputs = x.clone().requires_grad_(), every.clone().requires_grad_()
    expected = torch.autograd.grad(function(*inputs), inputs)
    for transform in (torch.func.grad, torch.func.jacrev):
        torch.testing.assert_close(transform(function, (0, 1))(x, every), expected, rtol=1e-9, atol=1e-10)
    tangents = randn(*x.shape, seed=1), randn(*every.shape, seed=2)
    slope = sum((g * t).sum() for g, t in zip(expected, tangents, strict=True))
    for value in (torch.func.jvp(function, (x, every), tangents)[1], forward_mode(function, (x, every), tangents)):
        torch.testing.assert_close(value, slope, rtol=1e-9, atol=1e-10)
    many = torch.stack([x, 2 * x])
    batched = torch.func.vmap(function, (0, None))(many, every)
    torch.testing.assert_close(batched, torch.stack([function(one, every) for one in many]), rtol=1e-9, atol=1e-10)


def forward_mode(function, arguments, tangents):
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(a, t) for a, t in zip(arguments, tangents, strict=True)]
        return forward_ad.unpack_dual(function(*duals)).tangent


def test_second_derivatives_and_vectorised_jacobians(layer):
    """Each input of a scan is made from x: a derivative must go through each once."""
    x, jacobian = randn(1, 5, 4).requires_grad_(), torch.autograd.functional.jacobian
    assert gradgradcheck(lambda x: layer(x)[0], x, atol=1e-4)
    plain = jacobian(lambda x: layer(x)[0], x)
    for strategy in ("reverse-mode", "forward-mode"):
        vectorised = jacobian(lambda x: layer(x)[0], x, vectorize=True, strategy=strategy)
        torch.testing.assert_close(vectorised, plain, rtol=1e-9, atol=1e-10)


def test_exported_program(layer):
    x = randn(2, 9, 4)
    program = torch.export.export(layer, (x,)).module()
    for given in (x, -2 * x):
        for got, expected in zip(flat(program(given)), flat(layer(given)), strict=True):
            close(got, expected, 1e-12)
    ours, theirs = (torch.autograd.grad(m(x)[0].sin().sum(), list(m.parameters())) for m in (layer, program))
    for got, expected in zip(theirs, ours, strict=True):
        close(got, expected, 1e-10)


@pytest.mark.parametrize("T", [1, 300])
def test_meta_device(layer, T):
    """Shapes without numbers. A tensor that a module makes on the CPU of its own accord would be refused here."""
    x = randn(2, T, 4)
    there = copy.deepcopy(layer).to("meta")
    expected, got = flat(layer(x)), flat(there(x.to("meta").requires_grad_()))
    assert [(t.shape, t.dtype) for t in got] == [(t.shape, t.dtype) for t in expected] and all(t.is_meta for t in got)
    got[0].sum().backward()
    assert [p.grad.shape for p in there.parameters()] == [p.shape for p in layer.parameters()]
    y, state = there.step(x[:, 0].to("meta"), there(x.to("meta"))[1])
    assert y.is_meta and all(t.is_meta for t in flat(state))


def test_made_on_meta():
    for kind in (S4D, Mamba, minGRU, minLSTM):
        module = kind(4, 6, device="meta")
        assert all(p.is_meta for p in module.parameters()) and module(torch.zeros(2, 5, 4, device="meta"))[0].is_meta


@pytest.mark.parametrize("kind", [S4D, Mamba, lambda width: minGRU(width, 6), lambda width: minLSTM(width, 6)])
def test_a_language_model_takes_any_of_them(kind):
    torch.manual_seed(0)
    model = LanguageModel(7, kind(4))
    tokens = torch.randint(0, 7, (2, 5))
    drawn = sample(model, tokens, 6, temperature=0)
    whole = torch.cat([tokens, drawn], 1)
    assert torch.equal(model(whole)[0][:, 4:-1].argmax(-1), drawn)  # as if read at once, without the carried state


# Bad input

A, B, C = hippo_legs(3)[0], torch.ones(3, 2), torch.ones(1, 3)
U, DELTA, RATES, IN = torch.ones(2, 5, 3), torch.ones(2, 5, 3), -torch.ones(3, 4), torch.ones(2, 5, 4)
Q = torch.ones(2, 5, 3)
BAD = [
    ("N: got 0,", hippo_legs, (0,)),
    ("N: got 2.0,", hippo_legs, (2.0,)),
    ("method: got 'trapezoid', expected one of zoh, euler,", discretize, (A, B, 0.1, "trapezoid")),
    ("A: got shape (3, 2), expected a tensor of shape (2, 2)", discretize, (A[:, :2], B, 0.1)),
    ("A: got shape (3,), expected a tensor of shape (3, 3)", discretize, (A[0], B, 0.1)),
    ("A: got shape (3, 3), expected floating point", discretize, (A.long(), B, 0.1)),
    ("B: got shape (2, 2), expected a tensor of shape (3, 2)", discretize, (A, B[:2], 0.1)),
    ("B: got shape (3,), expected a tensor of shape (3, 'M')", discretize, (A, B[:, 0], 0.1)),
    ("B: got torch.float64", discretize, (A, B.double(), 0.1)),
    ("B: got shape (3, 2), expected a tensor of shape (3,)", discretize, (A[0], B, 0.1, "zoh", True)),
    ("dt: got 0.0, expected a step above 0", discretize, (A, B, 0)),
    ("dt: got nan", discretize, (A, B, math.nan)),
    ("dt: got shape (3,), expected one number", discretize, (A, B, torch.ones(3))),
    ("dt: got shape (2,), expected one number or (3,)", discretize, (A, A, torch.ones(2), "zoh", True)),
    ("A: got dtype torch.complex64, expected a real one", LinearSSM, (A.cfloat(), B.cfloat(), C.cfloat())),
    ("C: got shape (1, 2), expected a tensor of shape (1, 3)", LinearSSM, (A, B, C[:, :2])),
    ("D: got shape (2, 1), expected a tensor of shape (1, 2)", LinearSSM, (A, B, C, torch.ones(2, 1))),
    ("mode: got 'fft', expected one of recurrent, convolution, scan", LinearSSM, (A, B, C, None, 1.0, "zoh", "fft")),
    ("x: got shape (2, 5, 3), expected (B, T, 2)", LinearSSM(A, B, C), (U,)),
    ("x: got shape (2, 0, 2), expected (B, T, 2) with at least one step", LinearSSM(A, B, C), (U[:, :0, :2],)),
    ("x: got torch.float64 on cpu, expected torch.float32", LinearSSM(A, B, C), (U[..., :2].double(),)),
    ("h0: got shape (3,), expected a tensor of shape (2, 3)", LinearSSM(A, B, C), (U[..., :2], torch.ones(3))),
    ("x_t: got shape (2, 3), expected (B, 2)", LinearSSM(A, B, C).step, (U[:, 0],)),
    ("T: got 0,", s4d_kernel, (A.cfloat(), A.cfloat(), 0)),
    ("z: got shape (3, 3), expected complex", s4d_kernel, (A.cfloat(), A, 5)),
    ("c: got shape (3,), expected a tensor of shape (3, 3)", s4d_kernel, (A[0].cfloat(), A.cfloat(), 5)),
    ("c: got shape (2, 3), expected a tensor of shape (3, 3)", s4d_kernel_direct, (A[:2].cfloat(), A.cfloat(), 5)),
    ("d_state: got 5, expected an even number", S4D, (3, 5)),
    ("init: got 'legs', expected 'lin' or 'inv'", S4D, (3, 4, "legs")),
    ("dt_min, dt_max: got 0.1 and 0.01", S4D, (3, 4, "lin", 0.1, 0.01)),
    ("u: got shape (2, 5, 3), expected (B, T, 4)", S4D(4), (U,)),
    ("u_t: got shape (2, 5, 3), expected (B, 3)", S4D(3).step, (U,)),
    ("state: got shape (1, 3, 2), expected a tensor of shape (2, 3, 2)", S4D(3, 4), (U, torch.ones(1, 3, 2).cfloat())),
    ("state: got torch.float32 on cpu, expected torch.complex64", S4D(3, 4), (U, torch.ones(2, 3, 2))),
    ("u: got shape (2, 5), expected (B, T, D)", selective_scan, (U[..., 0], DELTA, RATES, IN, IN)),
    ("u: got dtype torch.complex64", selective_scan_sequential, (U.cfloat(), DELTA, RATES, IN, IN)),
    ("delta: got shape (2, 5, 4), expected a tensor of shape (2, 5, 3)", selective_scan, (U, IN, RATES, IN, IN)),
    ("A: got shape (4,), expected a tensor of shape (3, 'N')", selective_scan, (U, DELTA, RATES[0], IN, IN)),
    ("B: got shape (2, 5, 3), expected a tensor of shape (2, 5, 4)", selective_scan, (U, DELTA, RATES, U, IN)),
    ("C: got torch.float64", selective_scan_sequential, (U, DELTA, RATES, IN, IN.double())),
    ("D: got float 1.0, expected a tensor of shape (3,)", selective_scan, (U, DELTA, RATES, IN, IN, 1.0)),
    ("h0: got shape (2, 4, 3), expected", selective_scan, (U, DELTA, RATES, IN, IN, None, torch.ones(2, 4, 3))),
    ("d_model: got 'big'", Mamba, ("big",)),
    ("dt_rank: got 0", Mamba, (4, 4, 4, 2, 0)),
    ("x: got shape (2, 5, 3), expected (B, T, 4)", Mamba(4), (U,)),
    ("state: got shape (2, 6, 16), expected two tensors", Mamba(3), (U, torch.ones(2, 6, 16))),
    ("state[1]: got shape (2, 6, 4), expected a tensor of shape (2, 6, 3)", Mamba(3),
     (U, (torch.ones(2, 6, 16), torch.ones(2, 6, 4)))),
    ("hidden_size: got -1", minGRU, (3, -1)),
    ("candidate: got 'tanh', expected 'linear' or 'g'", minLSTM, (3, 4, "tanh")),
    ("x: got shape (2, 5, 3), expected (B, T, 2)", minGRU(2, 4), (U,)),
    ("h0: got shape (1, 4), expected a tensor of shape (2, 4)", minGRU(3, 4), (U, torch.ones(1, 4))),
    ("q: got shape (2, 5), expected three dimensions", linear_attention, (Q[..., 0], Q, Q)),
    ("q: got dtype torch.int64", linear_attention, (Q.long(), Q.long(), Q)),
    ("k: got shape (2, 4, 3), expected a tensor of shape (2, 5, 3)", linear_attention, (Q, Q[:, :4], Q)),
    ("v: got shape (2, 4, 3), expected a tensor of shape (2, 5, 3)", linear_attention_recurrent, (Q, Q, Q[:, :4])),
    ("state: got a tuple of (shape (2, 3, 3)), expected three", linear_attention_recurrent, (Q, Q, Q, (Q[:, :3],))),
    ("state[1]: got shape (2, 5, 3), expected", linear_attention_recurrent, (Q, Q, Q, (Q[:, :3], Q, Q[:, 0]))),
    ("state[0]: got shape (2, 3), expected a tensor of shape (2, 3, 3)", linear_attention_step,
     (Q[:, 0], Q[:, 0], Q[:, 0], (Q[:, 0],) * 3)),
    ("q: got shape (3,), expected", linear_attention_step, (Q[0, 0], Q[:, 0], Q[:, 0], (Q[:, :3], Q[:, 0], Q[:, 0]))),
    ("x_t: got shape (3,), expected two dimensions", ssm_step, (B[:, 0], A, A, A, A, A)),
    ("h_prev: got shape (3, 3), expected a tensor of shape (2, 3)", ssm_step, (B.T, A, A, A, C, C)),
    ("B_bar: got shape (3, 2), expected a tensor of shape (3, 3)", ssm_step, (B.T, A, A, B, C, C)),
    ("X: got shape (3,), expected (N, R)", krylov, (A, A[0], 3)),
    ("A: got shape (2, 3), expected a tensor of shape (3, 3)", krylov, (A[:2], B, 3)),
    ("T: got 0", krylov, (A, B, 0)),
    ("K: got shape (3, 2), expected a tensor of shape (3, 3)", causal_convolution, (B, A)),
    ("x: got shape (3, 3), expected real", causal_convolution, (A, A.cfloat())),
]  # fmt: skip


@pytest.mark.parametrize(("message", "function", "arguments"), BAD, ids=[message for message, *_ in BAD])
def test_bad_input(message, function, arguments):
    with pytest.raises(ValueError) as error:
        function(*arguments)
    assert str(error.value).startswith(message)


def test_a_mode_set_later_is_checked_too():
    model = linear_ssm()
    model.mode = "fft"
    with pytest.raises(ValueError, match="mode: got 'fft'"):
        model(randn(1, 3, 2))


def test_ssm_step_is_the_equation():
    x, h, A_bar, B_bar, C, D = randn(5, 2), randn(5, 3), randn(3, 3), randn(3, 2), randn(4, 3), randn(4, 2)
    y, h_next = ssm_step(x, h, A_bar, B_bar, C, D)
    close(h_next[1], A_bar @ h[1] + B_bar @ x[1], 1e-12)
    close(y[1], C @ (A_bar @ h[1] + B_bar @ x[1]) + D @ x[1], 1e-12)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_as_on_a_cpu(layer):
    x = randn(2, 45, 4)

    def run(device):
        model = copy.deepcopy(layer).to(device)
        y, state = model(x.to(device))
        gradients = torch.autograd.grad(y.square().sum(), list(model.parameters()))
        y_next, _ = model.step(x[:, 0].to(device), state)
        return [t.cpu() for t in (y, y_next, *flat(state), *gradients)]

    for ours, theirs in zip(run("cuda"), run("cpu"), strict=True):
        close(ours, theirs)
