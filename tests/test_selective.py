"""selective: the scan against its definition, finite differences and its own memory; Mamba against the paper's block."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from rnncourse.ssm import (
    Mamba,
    selective,
    selective_scan,
    selective_scan_sequential,
)
from tests.tensors import close, randn


def selective_arguments(B=2, T=7, D=3, N=4, dtype=torch.float64, seed=0):
    """u, delta, A, B, C, D, h0; A has a positive entry too."""
    shapes = [(B, T, D), (B, T, D), (D, N), (B, T, N), (B, T, N), (D,), (B, D, N)]
    arguments = [randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate(shapes)]
    arguments[1] = F.softplus(arguments[1])
    arguments[2] = -arguments[2].exp()
    if D:
        arguments[2][0, 0] = 0.1
    return arguments


# Where B·D·N is small one chunk takes all steps; with a small buffer there are several, of 16 steps, the last shorter
@pytest.mark.parametrize("buffer", [1, selective.BUFFER_ELEMENTS])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 7, 3, 4), (2, 16, 1, 2), (3, 53, 5, 2), (0, 20, 2, 2)])
@pytest.mark.parametrize("bare", [False, True])
def test_selective_scan_is_its_definition(monkeypatch, shape, buffer, bare):
    monkeypatch.setattr(selective, "BUFFER_ELEMENTS", buffer)
    arguments = [t.requires_grad_() for t in selective_arguments(*shape)]
    used = arguments[:5] if bare else arguments
    results = []
    for scan in (selective_scan, selective_scan_sequential):
        y, h = scan(*used, return_state=True)
        assert y.shape == shape[:1] + shape[1:3] and torch.equal(scan(*used), y)
        results.append([y, h, *torch.autograd.grad((y**2).sum() + (h**3).sum(), used)])
        results[-1] += torch.autograd.grad(scan(*used).sum(), used)  # the last state unused
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs, 1e-11)


def test_selective_scan_in_chunks_of_its_own_choice():
    arguments = [t.requires_grad_() for t in selective_arguments(2, 70, 256, 32)]  # 32 steps of 2·256·32 elements
    results = []
    for scan in (selective_scan, selective_scan_sequential):
        y = scan(*arguments)
        results.append([y, *torch.autograd.grad((y**2).sum(), arguments)])
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs, 1e-11)


def test_selective_scan_gradient_is_that_of_finite_differences(monkeypatch):
    monkeypatch.setattr(selective, "BUFFER_ELEMENTS", 1)
    arguments = [t.requires_grad_() for t in selective_arguments(1, 18, 2, 2)]
    assert gradcheck(lambda *args: selective_scan(*args, return_state=True), arguments)
    for fixed in (slice(0, 0), slice(2, 5)):  # all of them variable, or some held fixed
        arguments = [t.requires_grad_() for t in selective_arguments(1, 3, 2, 2)]
        arguments[fixed] = [t.detach() for t in arguments[fixed]]
        assert gradgradcheck(lambda *args: selective_scan(*args, return_state=True), arguments)


def test_a_second_derivative_goes_through_each_input_once():
    """As in Mamba, delta is made from u: its part of the gradient must not count in u's own as well."""
    x, (_, _, A, B, C, *_) = randn(2, 5, 3).requires_grad_(), selective_arguments(T=5)
    results = []
    for scan in (selective_scan, selective_scan_sequential):
        (first,) = torch.autograd.grad(scan(x, F.softplus(x), A, B, C).sin().sum(), x, create_graph=True)
        results.append((first, *torch.autograd.grad(first.square().sum(), x)))
    torch.testing.assert_close(*results)


def test_float32_selective_scan_is_exact_to_rounding():
    arguments = selective_arguments(2, 300, 8, 16, torch.float32)
    arguments[2] = -torch.arange(1.0, 17).expand(8, 16)
    exact = selective_scan_sequential(*(t.double() for t in arguments))
    error = (selective_scan(*arguments) - exact).abs().max() / exact.abs().max()
    assert error.item() < 1e-6


def test_selective_scan_keeps_its_precision_under_autocast():
    arguments = [t.requires_grad_() for t in selective_arguments(2, 40, 3, 4, torch.float32)]

    def run():
        y = selective_scan(*arguments)
        return [y, *torch.autograd.grad((y**2).sum(), arguments)]

    expected = run()
    with torch.autocast("cpu", torch.bfloat16):
        actual = run()
    for ours, theirs in zip(actual, expected, strict=True):
        close(ours, theirs, 1e-5)


class LargestTensor(TorchDispatchMode):
    """The number of elements of the largest tensor that any operation returned."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.numel())
        return result


def test_selective_scan_never_holds_all_states():
    """What it saves for the gradient is O(T·D), and its buffers don't grow with T; the loop saves O(T·D·N)."""

    def memory(scan, T, D=32, N=64):
        arguments = [t.requires_grad_() for t in selective_arguments(2, T, D, N, torch.float32)]
        saved = {}

        def pack(tensor):
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // 4
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            y = scan(*arguments)
        with LargestTensor() as largest:
            scan(*arguments).sum().backward()
        assert y.shape == (2, T, D)
        return sum(saved.values()) / (2 * T * D), largest.elements  # the first in units of u

    saved, largest = memory(selective_scan, 1024)
    assert saved < 8 and largest < 2 * selective.BUFFER_ELEMENTS < 2 * 1024 * 32 * 64
    assert memory(selective_scan, 2048)[1] == largest
    assert memory(selective_scan_sequential, 64)[0] > 2 * 64


# Mamba


def test_mamba_has_the_parameters_of_the_authors_code():
    shapes = {name: tuple(p.shape) for name, p in Mamba(32, d_state=16).state_dict().items()}
    assert shapes == {
        "A_log": (64, 16), "D": (64,), "in_proj.weight": (128, 32), "conv1d.weight": (64, 1, 4), "conv1d.bias": (64,),
        "x_proj.weight": (34, 64), "dt_proj.weight": (64, 2), "dt_proj.bias": (64,), "out_proj.weight": (32, 64),
    }  # fmt: skip


def test_mamba_starts_as_published():
    torch.manual_seed(0)
    block = Mamba(512)
    close(-block.A_log.exp()[3], -torch.arange(1.0, 17), 1e-6)
    delta = F.softplus(block.dt_proj.bias)
    assert 0.00099 < delta.min() < 0.0012 and 0.097 < delta.max() < 0.1001
    assert delta.log().median().item() == pytest.approx(math.log(0.01), abs=0.25)
    assert block.dt_proj.weight.abs().max().item() == pytest.approx(32**-0.5, rel=0.01)


@pytest.mark.parametrize("d_conv", [1, 3, 4])
def test_mamba_is_the_papers_block(d_conv):
    torch.manual_seed(d_conv)
    block, x = Mamba(4, d_state=3, d_conv=d_conv, expand=3, dt_rank=2, dtype=torch.float64), randn(2, 9, 4)
    p = {name: value.detach().numpy() for name, value in block.named_parameters()}
    nn.init.normal_(block.D)

    def silu(v):
        return v / (1 + np.exp(-v))

    for b in range(2):
        h, past = np.zeros((12, 3)), [np.zeros(12)] * (d_conv - 1)
        for t in range(9):
            xz = p["in_proj.weight"] @ x[b, t].numpy()
            past = [*past, xz[:12]]
            u = silu(sum(p["conv1d.weight"][:, 0, i] * past[i] for i in range(d_conv)) + p["conv1d.bias"])
            past = past[1:]
            dbc = p["x_proj.weight"] @ u
            delta = np.log1p(np.exp(p["dt_proj.weight"] @ dbc[:2] + p["dt_proj.bias"]))
            h = np.exp(-delta[:, None] * np.exp(p["A_log"])) * h + np.outer(delta * u, dbc[2:5])
            y = (h @ dbc[5:] + p["D"] * u) * silu(xz[12:])
            close(block(x)[0][b, t].detach(), torch.from_numpy(p["out_proj.weight"] @ y), 1e-12)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_selective_scan_on_a_gpu_as_on_a_cpu():
    arguments = selective_arguments(2, 70, 256, 32)

    def run(device):
        used = [t.to(device).requires_grad_() for t in arguments]
        y = selective_scan(*used)
        return [t.cpu() for t in (y, *torch.autograd.grad(y.square().sum(), used))]

    for ours, theirs in zip(run("cuda"), run("cpu"), strict=True):
        close(ours, theirs)
