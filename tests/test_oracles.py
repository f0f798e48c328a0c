"""The models beside other people's: implementations from PyPI that share no code with ours.

    pip install -e '.[oracle]' && pytest -m oracle

A test is skipped where its package isn't installed.
"""

import importlib.util
from importlib import metadata

import pytest
import torch
from torch.nn import functional as F

from rnncourse.linear import linear_attention, linear_attention_recurrent, minGRU, minLSTM
from rnncourse.linear.minimal import feature_map
from rnncourse.ssm import Mamba, linear_scan, selective_scan
from tests.tensors import close, randn

pytestmark = pytest.mark.oracle
HOW = "pip install -e '.[oracle]'"


def imported(name):
    return pytest.importorskip(name, reason=HOW, exc_type=ImportError)


def values_and_gradients(function, inputs):
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    y = function(*inputs)
    return y, *torch.autograd.grad(y.sin().sum(), inputs)


def same(ours, theirs, inputs, tolerance):
    for got, expected in zip(*(values_and_gradients(f, inputs) for f in (ours, theirs)), strict=True):
        close(got, expected, tolerance)


def mixer(module, d_model, d_state, **sizes):
    """The block of transformers with the parameters of ours."""
    config = imported("transformers").MambaConfig(
        hidden_size=d_model, state_size=d_state, num_hidden_layers=1, use_conv_bias=True, use_bias=False, **sizes
    )
    theirs = imported("transformers.models.mamba.modeling_mamba").MambaMixer(config, layer_idx=0).to(module.D.dtype)
    theirs.load_state_dict(module.state_dict())
    return theirs


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize("sizes", [(8, 4, 4, 2, 1), (12, 16, 3, 1, 5)], ids=str)
def test_mamba_is_that_of_transformers(sizes, dtype, tolerance):
    """Both ways by state_dict: names and shapes are the authors'. Theirs takes exponentials in float32 throughout."""
    d_model, d_state, d_conv, expand, dt_rank = sizes
    torch.manual_seed(0)
    module = Mamba(d_model, d_state, d_conv, expand, dt_rank, dtype=dtype)
    theirs = mixer(module, d_model, d_state, conv_kernel=d_conv, expand=expand, time_step_rank=dt_rank)
    module.load_state_dict(theirs.state_dict())
    x = randn(2, 37, d_model).to(dtype)
    same(lambda x: module(x)[0], theirs, [x], tolerance)


@pytest.mark.parametrize("kind", ["minGRU", "minLSTM"])
def test_minimal_networks_are_those_of_mingru_pytorch(kind):
    theirs = getattr(imported(f"minGRU_pytorch.{kind}"), kind)(5).double()
    ours = {"minGRU": minGRU, "minLSTM": minLSTM}[kind](5, 5, candidate="g", bias=False, dtype=torch.float64)
    (weight,) = theirs.parameters()
    names = ["linear_h", "linear_z"] if kind == "minGRU" else ["linear_h", "linear_f", "linear_i"]
    with torch.no_grad():
        for name, part in zip(names, weight.chunk(len(names)), strict=True):
            getattr(ours, name).weight.copy_(part)
    same(lambda x: ours(x)[0], theirs, [2 * randn(3, 40, 5)], 1e-10)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("T", [8, 128, 1024])
def test_linear_scan_is_that_of_accelerated_scan(T, reverse):
    scan = imported("accelerated_scan.ref").scan
    a, b = torch.tanh(randn(2, T, 3)), randn(2, T, 3, seed=1)
    same(
        lambda a, b: linear_scan(a, b, reverse=reverse),
        lambda a, b: scan(a.mT.contiguous(), b.mT.contiguous(), reverse=reverse).mT,
        [a, b],
        1e-11,
    )


@pytest.mark.parametrize("T", [1, 7, 64, 300])
def test_linear_scan_is_that_of_mambapy(T):
    pscan = imported("mambapy.pscan").pscan
    inputs = [torch.tanh(randn(2, T, 3)), randn(2, T, 3, seed=1)]
    same(linear_scan, lambda a, b: pscan(a[..., None], b[..., None])[..., 0], inputs, 1e-11)


@pytest.mark.parametrize("T", [1, 7, 64, 300])
def test_selective_scan_is_that_of_mambapy(T):
    block = imported("mambapy.mamba").MambaBlock
    D, N = 3, 4
    inputs = [
        randn(2, T, D), F.softplus(randn(2, T, D, seed=1)), -randn(D, N, seed=2).exp(), randn(2, T, N, seed=3),
        randn(2, T, N, seed=4), randn(D, seed=5),
    ]  # fmt: skip
    same(selective_scan, lambda *inputs: block.selective_scan(None, *inputs), inputs, 1e-10)


def test_linear_attention_is_that_of_flash_linear_attention():
    """Its plain form, in float32, loaded by its path: the package around it wants Triton. The features are ours."""
    imported("einops")
    try:
        path = metadata.distribution("fla-core").locate_file("fla/ops/linear_attn/naive.py")
    except metadata.PackageNotFoundError:
        pytest.skip(HOW)
    spec = importlib.util.spec_from_file_location("fla_naive_linear_attn", path)
    naive = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(naive)

    def theirs(q, k, v):
        heads = (feature_map(q)[:, :, None], feature_map(k)[:, :, None], v[:, :, None])  # (B, T, 1, …): one head
        return naive.naive_recurrent_linear_attn(*heads, normalize=True)[0].squeeze(2)

    inputs = [randn(2, 30, 4, dtype=torch.float32, seed=seed) for seed in range(3)]
    for ours in (linear_attention, lambda *qkv: linear_attention_recurrent(*qkv)[0]):
        close(ours(*inputs), theirs(*inputs), 1e-5)
