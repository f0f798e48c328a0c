"""scan: the fast linear recurrence against a loop, scipy and the form in logarithms; three scans and Python's own."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from torch.autograd import gradcheck, gradgradcheck

from rnncourse.ssm.scan import associative_scan, compose_affine, linear_scan, linear_scan_sequential

METHODS = ["sequential", "hillis_steele", "blelloch"]
# One step; odd; long enough for chunks, with steps left over; for chunks of chunks; several trailing dimensions; empty
SHAPES = [(1, 1), (2, 7, 3), (3, 103, 2), (1, 4099, 1), (2, 333, 2, 3), (1, 40, 9000), (0, 50, 3), (2, 50, 0)]


def draw(shape, dtype=torch.float64, seed=0):
    """Coefficients of modulus up to 1.1, zeros among them, inputs and a first state."""
    generator = torch.Generator().manual_seed(seed)
    a, b, h0 = (torch.randn(s, dtype=dtype, generator=generator) for s in (shape, shape, shape[:1] + shape[2:]))
    a = 1.1 * torch.tanh(a.abs()) * torch.sgn(a)
    return torch.where(torch.rand(shape, generator=generator) < 0.05, 0, a), b, h0


def loop(a, b, h0, reverse=False):
    """The definition, in NumPy."""
    a, b, h = (t.detach().numpy() for t in (a, b, h0))
    result = np.empty_like(b)
    for t in reversed(range(b.shape[1])) if reverse else range(b.shape[1]):
        h = a[:, t] * h + b[:, t]
        result[:, t] = h
    return torch.from_numpy(result)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("shape", SHAPES)
def test_fast_equals_plain_equals_definition(shape, dtype, reverse):
    a, b, h0 = draw(shape, dtype)
    expected = loop(a, b, h0, reverse)
    for scan in (linear_scan, linear_scan_sequential):
        h = scan(a, b, h0, reverse)
        assert h.shape == b.shape and h.is_contiguous()
        torch.testing.assert_close(h, expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(scan(a, b, reverse=reverse), loop(a, b, 0 * h0, reverse), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 3), st.integers(1, 300), st.integers(0, 4), st.booleans(), st.integers(0, 10**6))
def test_all_forms_agree(B, T, D, reverse, seed):
    a, b, h0 = draw((B, T, D), seed=seed)
    h = linear_scan(a, b, h0, reverse)
    torch.testing.assert_close(h, linear_scan_sequential(a, b, h0, reverse), rtol=1e-11, atol=1e-11)
    in_order = [x.flip(1) for x in (a, b)] if reverse else [a, b]
    for method in METHODS:
        product, from_zero = associative_scan(compose_affine, tuple(in_order), method)
        scanned = product * h0[:, None] + from_zero
        torch.testing.assert_close(h, scanned.flip(1) if reverse else scanned, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("pole", [0.9, -0.5, 1.0])
def test_constant_coefficients_are_scipys_recursive_filter(pole):
    a = torch.tensor(pole, dtype=torch.float64)
    b = torch.randn(3, 500, 2, dtype=torch.float64)
    expected = torch.from_numpy(lfilter([1.0], [1.0, -pole], b.numpy(), axis=1))
    torch.testing.assert_close(linear_scan(a.expand_as(b), b), expected, rtol=1e-11, atol=1e-11)


def log_space(a, b):
    """Heinsen's form for positive a and b: h_t = exp(A_t + log Σ_s exp(log b_s − A_s)), A_t = Σ_s log a_s."""
    A = a.log().cumsum(1)
    return torch.exp(A + torch.logcumsumexp(b.log() - A, 1))


def test_float32_is_exact_to_rounding_and_more_exact_than_logarithms():
    torch.manual_seed(0)
    a, b = torch.rand(4, 2048, 16), torch.rand(4, 2048, 16)
    exact = loop(a.double(), b.double(), torch.zeros(4, 16).double())
    error = ((linear_scan(a, b) - exact) / exact).abs().max().item()
    torch.testing.assert_close(log_space(a.double(), b.double()), exact, rtol=1e-10, atol=0)
    error_log = ((log_space(a, b) - exact) / exact).abs().max().item()
    assert error < 1e-6 < error_log and error_log > 50 * error


def test_float32_gradient_is_exact_to_rounding():
    torch.manual_seed(0)
    a, b, weight = torch.rand(2, 1024, 16), torch.randn(2, 1024, 16), torch.randn(2, 1024, 16)

    def gradients(a, b, weight):
        a, b = a.requires_grad_(), b.requires_grad_()
        return torch.autograd.grad((linear_scan(a, b) * weight).sum(), (a, b))

    for ours, exact in zip(gradients(a, b, weight), gradients(a.double(), b.double(), weight.double()), strict=True):
        assert ((ours - exact).abs().max() / exact.abs().max()).item() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_within_its_rounding(dtype):
    a, b = torch.rand(2, 64, 3).to(dtype), torch.rand(2, 64, 3).to(dtype)
    h = linear_scan(a, b)
    assert h.dtype == dtype
    exact = loop(a.double(), b.double(), torch.zeros(2, 3).double())
    assert ((h.double() - exact) / exact).abs().max().item() < 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("T", [1, 5, 37])
def test_gradient_and_second_gradient_are_those_of_finite_differences(T, dtype, reverse):
    arguments = [t.requires_grad_() for t in draw((2 if T < 9 else 1, T, 1), dtype, seed=T)]
    assert gradcheck(lambda a, b, h0: linear_scan(a, b, h0, reverse), arguments)
    if T < 9 or not dtype.is_complex:
        assert gradgradcheck(lambda a, b, h0: linear_scan(a, b, h0, reverse), arguments)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("T", [1, 40])
def test_transforms_are_those_of_the_loop(T, reverse):
    arguments = draw((2, T, 2))

    def loss(scan):
        return lambda *inputs: scan(*inputs, reverse).sin().sum()

    for transform in (torch.func.grad, torch.func.jacfwd, torch.func.hessian):
        got, expected = (transform(loss(f), (0, 1, 2))(*arguments) for f in (linear_scan, linear_scan_sequential))
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
    a, b, h0 = arguments
    batched = torch.func.vmap(linear_scan, (0, None, None, None))(torch.stack([a, a / 2]), b, h0, reverse)
    expected = torch.stack([linear_scan(c, b, h0, reverse) for c in (a, a / 2)])
    torch.testing.assert_close(batched, expected, rtol=1e-12, atol=1e-12)
    jacobians = [
        torch.autograd.functional.jacobian(lambda *i: linear_scan(*i, reverse), arguments, vectorize=v) for v in (0, 1)
    ]
    torch.testing.assert_close(*jacobians, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("T", [1, 500])
def test_shapes_alone(T):
    """On meta no value can be asked for, neither that of a product of coefficients."""
    a, b, h0 = (z.to("meta").requires_grad_() for z in draw((2, T, 2)))
    h = linear_scan(a, b, h0)
    h.sum().backward()
    assert h.is_meta and h.shape == b.shape and a.grad.shape == a.shape and h0.grad.shape == h0.shape


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(2, 1, 3), (2, 205, 3), (1, 2051, 1)])
def test_gradients_are_those_of_autograd_through_the_loop(shape, reverse):
    arguments = [t.requires_grad_() for t in draw(shape)]
    weight = torch.randn(shape, dtype=torch.float64)

    def both_orders(scan):
        first = torch.autograd.grad((scan(*arguments, reverse) * weight).sum(), arguments)
        again = torch.autograd.grad((scan(*arguments, reverse) * weight).sum(), arguments, create_graph=True)
        for one, other in zip(first, again, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
        return [*first, *torch.autograd.grad(sum((g**2).sum() for g in again), arguments, materialize_grads=True)]

    for ours, theirs in zip(both_orders(linear_scan), both_orders(linear_scan_sequential), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9 * theirs.abs().max().item())


def test_gradient_only_for_what_needs_one():
    a, b, h0 = draw((2, 50, 3))
    linear_scan(a, b.requires_grad_(), h0).sum().backward()
    assert a.grad is None and h0.grad is None
    expected = linear_scan_sequential(torch.cat([a[:, 1:], 0 * a[:, :1]], 1), torch.ones_like(a), reverse=True)
    torch.testing.assert_close(b.grad, expected)


def test_one_graph_used_twice():
    a, b, h0 = (t.requires_grad_() for t in draw((2, 60, 3)))
    h = linear_scan(a, b, h0)
    first = torch.autograd.grad(h.sum(), (a, b, h0), retain_graph=True)
    second = torch.autograd.grad(h.sum(), (a, b, h0))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
    h = linear_scan(a, b, h0)
    twice = torch.autograd.grad((h + h).sum(), (a, b, h0))
    for one, other in zip(first, twice, strict=True):
        torch.testing.assert_close(2 * one, other)


def test_inputs_are_left_alone_and_a_changed_output_is_noticed():
    a, b, h0 = draw((2, 60, 3))
    copies = [t.clone() for t in (a, b, h0)]
    h = linear_scan(a.requires_grad_(), b, h0)
    for tensor, copy in zip((a, b, h0), copies, strict=True):
        assert torch.equal(tensor.detach(), copy)
    h.mul_(2)  # the gradient needs h as it was
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        h.sum().backward()


def test_any_layout():
    a, b, h0 = draw((3, 70, 4))
    expected = linear_scan(a, b, h0)
    a, b = (t.permute(2, 0, 1).contiguous().permute(1, 2, 0) for t in (a, b))
    assert not a.is_contiguous()
    h0 = torch.stack([h0, h0], -1)[..., 0]
    assert torch.equal(linear_scan(a, b, h0), expected)
    constant = torch.rand(1, 1, 4, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(linear_scan(constant.expand_as(b), b).sum(), constant)
    (expected,) = torch.autograd.grad(linear_scan_sequential(constant.expand_as(b), b).sum(), constant)
    torch.testing.assert_close(gradient, expected)


def test_vanishing_products_stay_numbers():
    a = torch.full((1, 400, 1), 1e-30)
    b = torch.ones(1, 400, 1)
    assert torch.equal(linear_scan(a, b), b)  # a product of coefficients, to divide by, would be 0
    assert torch.isnan(a.cumprod(1) * (b / a.cumprod(1)).cumsum(1)).any()


@pytest.mark.parametrize("reverse", [False, True])
def test_growing_products_that_meet_no_state_stay_numbers(reverse):
    a, b = torch.full((1, 900, 1500), 10.0), torch.zeros(1, 900, 1500)  # in chunks of 42 steps; float32 ends at 10^38
    assert torch.equal(linear_scan(a, b, reverse=reverse), b)
    b[:, 20 if reverse else 880] = 1e-30
    expected = loop(a, b, torch.zeros(1, 1500), reverse)
    assert 1e-12 < expected.max() < 1e-9
    torch.testing.assert_close(linear_scan(a, b, reverse=reverse), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_state_depends_on_no_later_step(reverse):
    a, b, _ = draw((1, 90, 2))
    h = linear_scan(a, b, reverse=reverse)
    later = slice(0, 40) if reverse else slice(51, 90)
    a[:, later] = b[:, later] = math.nan
    kept = slice(40, 90) if reverse else slice(0, 51)
    torch.testing.assert_close(linear_scan(a, b, reverse=reverse)[:, kept], h[:, kept], rtol=1e-12, atol=1e-12)


def test_autocast_changes_nothing():
    a, b, h0 = draw((2, 60, 3), torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = linear_scan(a, b, h0)
    assert torch.equal(inside, linear_scan(a, b, h0)) and inside.dtype == torch.float32


def test_compiled_model_gives_the_same():
    a, b, h0 = (t.requires_grad_() for t in draw((2, 60, 3)))

    def model(a, b, h0):
        return (torch.tanh(linear_scan(torch.sigmoid(a), b, h0)) ** 2).sum()

    expected = torch.autograd.grad(model(a, b, h0), (a, b, h0))
    compiled = torch.autograd.grad(torch.compile(model, backend="aot_eager")(a, b, h0), (a, b, h0))
    for ours, theirs in zip(compiled, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


BAD_LINEAR = {
    "a: got shape (3,), expected (B, T, …)": (torch.ones(3), torch.ones(3)),
    "a: got shape (2, 0, 3), expected (B, T, …) with at least one step": (torch.ones(2, 0, 3), torch.ones(2, 0, 3)),
    "a: got a list of (a list of (float 1.0))": ([[1.0]], torch.ones(1, 1)),
    "b: got float 1.0": (torch.ones(1, 1), 1.0),
    "a: got dtype torch.int64": (torch.ones(2, 3).long(), torch.ones(2, 3).long()),
    "b: got shape (2, 3, 1), expected a tensor of shape (2, 3, 4)": (torch.ones(2, 3, 4), torch.ones(2, 3, 1)),
    "b: got torch.float64 on cpu, expected torch.float32 on cpu": (torch.ones(2, 3), torch.ones(2, 3).double()),
    "h0: got shape (1, 4), expected a tensor of shape (2, 4)": (*torch.ones(2, 2, 3, 4), torch.ones(1, 4)),
    "h0: got torch.complex64 on cpu": (torch.ones(2, 3), torch.ones(2, 3), torch.ones(2).cfloat()),
}


@pytest.mark.parametrize("message", BAD_LINEAR)
@pytest.mark.parametrize("scan", [linear_scan, linear_scan_sequential])
def test_bad_input_of_the_linear_recurrence(scan, message):
    with pytest.raises(ValueError) as error:
        scan(*BAD_LINEAR[message])
    assert str(error.value).startswith(message)


# Associative operators on integers, so that every order of work gives exactly the same; none but the first two commute
def add(left, right):
    return (left[0] + right[0],)


def maximum(left, right):
    return (torch.maximum(left[0], right[0]),)


def first(left, right):
    return (left[0] + 0 * right[0],)


def matrix_product(left, right):
    return (left[0] @ right[0] % 97,)


def affine(left, right):
    return tuple(x % 97 for x in compose_affine(left, right))


OPERATORS = [(add, [()]), (maximum, [(2,)]), (first, [(3,)]), (matrix_product, [(2, 2)]), (affine, [(2,), (2,)])]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(OPERATORS), st.integers(0, 2), st.integers(1, 40), st.integers(0, 10**6))
def test_every_order_of_work_gives_what_pythons_accumulate_gives(operator, B, T, seed):
    op, shapes = operator
    generator = torch.Generator().manual_seed(seed)
    elems = tuple(torch.randint(0, 97, (B, T, *shape), generator=generator) for shape in shapes)
    prefixes = itertools.accumulate(zip(*(e.unbind(1) for e in elems), strict=True), op)
    expected = [torch.stack(e, 1) for e in zip(*prefixes, strict=True)]
    for method in METHODS:
        result = associative_scan(op, elems, method)
        assert isinstance(result, tuple)
        for ours, theirs in zip(result, expected, strict=True):
            assert torch.equal(ours, theirs)


def test_a_single_tensor_is_given_and_returned_bare():
    x = torch.randn(2, 33, 3, dtype=torch.float64)
    for method in METHODS:
        torch.testing.assert_close(associative_scan(torch.add, x, method), x.cumsum(1))
        torch.testing.assert_close(associative_scan(torch.logaddexp, x, method), x.logcumsumexp(1))
    assert torch.equal(associative_scan(torch.add, x), associative_scan(torch.add, x, "blelloch"))


@pytest.mark.parametrize("T", [1, 2, 3, 8, 13, 64, 100])
def test_work_and_depth_are_as_stated(T):
    for method, most_calls, most_work in [
        ("sequential", T - 1, T - 1),
        ("hillis_steele", math.ceil(math.log2(T)), T * math.log2(T)),
        ("blelloch", 2 * math.log2(T), 2 * T),
    ]:
        work = []

        def op(left, right, work=work):
            work.append(left.shape[1])
            return left + right

        associative_scan(op, torch.ones(1, T), method)
        assert len(work) <= most_calls and sum(work) <= most_work
        assert sum(work) >= T - 1


@pytest.mark.parametrize("method", METHODS)
def test_scans_are_differentiable(method):
    a, b, _ = (t.requires_grad_() for t in draw((2, 7, 2)))
    assert gradcheck(lambda a, b: associative_scan(compose_affine, (a, b), method), (a, b))
    assert gradgradcheck(lambda a, b: associative_scan(compose_affine, (a, b), method), (a, b))


BAD_SCAN = {
    "method: got 'fast', expected one of sequential, hillis_steele, blelloch": (torch.add, torch.ones(1, 2), "fast"),
    "elems: got shape (3,), expected a tensor (B, T, …)": (torch.add, torch.ones(3)),
    "elems: got a tuple of ()": (compose_affine, ()),
    "elems: got a list of (shape (1, 2))": (compose_affine, [torch.ones(1, 2)]),
    "elems: got shape (1, 0), expected the same number of steps T, at least one": (torch.add, torch.ones(1, 0)),
    "elems: got a tuple of (shape (1, 2), shape (1, 3)), expected the same": (
        compose_affine, (torch.ones(1, 2), torch.ones(1, 3)),
    ),
    "op: returned a tuple of (shape (1, 1)), expected a tuple of (shape (1, 1, 2))": (
        lambda left, right: right.sum(-1), torch.ones(1, 2, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD_SCAN)
def test_bad_input_of_the_associative_scan(message):
    with pytest.raises(ValueError) as error:
        associative_scan(*BAD_SCAN[message])
    assert str(error.value).startswith(message)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("reverse", [False, True])
def test_on_a_gpu_as_on_a_cpu(reverse):
    arguments = draw((2, 333, 3))

    def run(device):
        a, b, h0 = (t.to(device).requires_grad_() for t in arguments)
        h = linear_scan(a, b, h0, reverse)
        return [t.cpu() for t in (h, *torch.autograd.grad((h**2).sum(), (a, b, h0)))]

    for ours, theirs in zip(run("cuda"), run("cpu"), strict=True):
        torch.testing.assert_close(ours, theirs)
