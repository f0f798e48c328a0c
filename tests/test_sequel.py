"""The LSTM's sequel: sLSTM and mLSTM against the authors' package, against the equations, and where these overflow."""

import importlib.util
import math
import runpy
from itertools import product
from pathlib import Path

import pytest
import torch

from rnncourse.lstm import mlstm_step, slstm_step

B, T, D, H = 3, 12, 5, 4


def random(*shape, seed, scale=1.0):
    return scale * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slstm_inputs(scale=1.0):
    """x (B, T, D) and W_ih, W_hh, b_ih, b_hh."""
    x = random(B, T, D, seed=0, scale=scale)
    return x, [random(*shape, seed=k + 1) for k, shape in enumerate([(4 * H, D), (4 * H, H), (4 * H,), (4 * H,)])]


def slstm_start(dtype=torch.float64):
    zeros = torch.zeros(B, H, dtype=dtype)
    return zeros, zeros, zeros, zeros - math.inf


def mlstm_inputs(scale=1.0):
    """q, k, v, a_i, a_f, a_o, each (B, T, …)."""
    widths = (H, H, H, 1, 1, H)
    return [random(B, T, n, seed=k, scale=1.0 if k < 3 else scale) for k, n in enumerate(widths)]


def mlstm_start(dtype=torch.float64):
    return torch.zeros(B, H, H, dtype=dtype), torch.zeros(B, H, dtype=dtype), torch.full((B, 1), -math.inf, dtype=dtype)


def run_slstm(x, weights, forget="sigmoid"):
    state, outputs = slstm_start(x.dtype), []
    for x_t in x.unbind(1):
        state = slstm_step(x_t, *state, *weights, forget=forget)
        outputs.append(state[0])
    return torch.stack(outputs, 1)


def run_mlstm(inputs, forget="sigmoid"):
    state, outputs = mlstm_start(inputs[0].dtype), []
    for step in zip(*(x.unbind(1) for x in inputs), strict=True):
        h_t, *state = mlstm_step(*step, *state, forget=forget)
        outputs.append(h_t)
    return torch.stack(outputs, 1)


def naive_slstm(x, weights, forget="sigmoid"):
    """The equations as they stand, without a stabiliser."""
    W_ih, W_hh, b_ih, b_hh = weights
    h, c, n, _ = slstm_start(x.dtype)
    outputs = []
    for x_t in x.unbind(1):
        a_i, a_f, a_g, a_o = (x_t @ W_ih.T + b_ih + h @ W_hh.T + b_hh).split(H, 1)
        i, f = a_i.exp(), a_f.sigmoid() if forget == "sigmoid" else a_f.exp()
        c, n = f * c + i * a_g.tanh(), f * n + i
        h = a_o.sigmoid() * c / n
        outputs.append(h)
    return torch.stack(outputs, 1)


def naive_mlstm(inputs, forget="sigmoid"):
    C, n, _ = mlstm_start(inputs[0].dtype)
    outputs = []
    for q, k, v, a_i, a_f, a_o in zip(*(x.unbind(1) for x in inputs), strict=True):
        i, f = a_i.exp(), a_f.sigmoid() if forget == "sigmoid" else a_f.exp()
        C = f[..., None] * C + i[..., None] * torch.einsum("bi,bj->bij", v, k)
        n = f * n + i * k
        norm = torch.einsum("bi,bi->b", n, q).abs().clamp(min=1)
        outputs.append(a_o.sigmoid() * torch.einsum("bij,bj->bi", C, q) / norm[:, None])
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
def test_they_are_their_equations(forget):
    torch.testing.assert_close(run_slstm(*slstm_inputs(), forget), naive_slstm(*slstm_inputs(), forget), rtol=0, atol=1e-12)
    torch.testing.assert_close(run_mlstm(mlstm_inputs(), forget), naive_mlstm(mlstm_inputs(), forget), rtol=0, atol=1e-12)


def test_gradients_are_those_of_the_equations():
    for run, naive, tensors in (
        (lambda x, *w: run_slstm(x, w), lambda x, *w: naive_slstm(x, w), [slstm_inputs()[0], *slstm_inputs()[1]]),
        (lambda *x: run_mlstm(x), lambda *x: naive_mlstm(x), mlstm_inputs()),
    ):
        tensors = [t.requires_grad_() for t in tensors]
        ours, plain = (torch.autograd.grad(f(*tensors).square().sum(), tensors) for f in (run, naive))
        for a, b in zip(ours, plain, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


def test_without_the_stabiliser_large_gates_overflow():
    """Input gates of exp(±900): the equations give NaN in float64, the steps a cell that holds what was written last."""
    x, weights = slstm_inputs(scale=300.0)
    assert naive_slstm(x, weights).isnan().any()
    h = run_slstm(x, weights)
    assert h.isfinite().all() and h.abs().max() <= 1
    inputs = mlstm_inputs(scale=900.0)
    assert naive_mlstm(inputs).isnan().any()
    inputs = [x.requires_grad_() for x in inputs]
    h = run_mlstm(inputs)
    assert h.isfinite().all()
    assert all(g.isfinite().all() for g in torch.autograd.grad(h.sum(), inputs))


@pytest.fixture(scope="module")
def package():
    """Functions of the package xlstm; its files are loaded by path, since the package as a whole needs much else."""
    spec = importlib.util.find_spec("xlstm")
    if spec is None:
        pytest.skip("needs the package xlstm (pip install --no-deps xlstm)")
    blocks = Path(spec.origin).parent / "blocks"
    return (
        runpy.run_path(blocks / "slstm" / "src" / "vanilla" / "slstm.py")["slstm_forward_pointwise"],
        runpy.run_path(blocks / "mlstm" / "backends.py"),
    )


@pytest.mark.oracle
def test_slstm_is_the_package_s(package):
    pointwise, _ = package
    x, (W_ih, W_hh, b_ih, b_hh) = slstm_inputs()
    states, outputs = torch.zeros(4, B, H, dtype=torch.float64), []
    for x_t in x.unbind(1):
        states, _ = pointwise(x_t @ W_ih.T, states[0] @ W_hh.T, (b_ih + b_hh)[None], states, {})
        outputs.append(states[0])
    torch.testing.assert_close(run_slstm(x, (W_ih, W_hh, b_ih, b_hh)), torch.stack(outputs, 1), rtol=0, atol=1e-12)


@pytest.mark.oracle
def test_mlstm_is_the_package_s_step_and_parallel_form(package):
    _, backends = package
    q, k, v, a_i, a_f, a_o = mlstm_inputs()
    ours = run_mlstm([q, k / H**0.5, v, a_i, a_f, a_o])
    zeros = [torch.zeros(B, 1, *shape, dtype=torch.float64) for shape in ((H, H), (H, 1), (1, 1))]
    state, outputs = zeros, []
    for t in range(T):
        rows = [x[:, None, t : t + 1].clone() for x in (q, k, v, a_i, a_f)]  # it squeezes its arguments in place
        h, state = backends["recurrent_step_stabilized_simple"](*state, *rows, eps=0.0)
        outputs.append(h[:, 0, 0])
    step = a_o.sigmoid() * torch.stack(outputs, 1)
    heads = [x[:, None].clone() for x in (q, k, v, a_i, a_f)]  # (B, 1, T, …)
    parallel = a_o.sigmoid() * backends["parallel_stabilized_simple"](*heads, eps=0.0)[:, 0]
    torch.testing.assert_close(ours, step, rtol=0, atol=1e-12)
    torch.testing.assert_close(ours, parallel, rtol=0, atol=1e-12)


def test_bad_input():
    x, weights = slstm_inputs()
    state = slstm_start()
    with pytest.raises(ValueError, match="forget: got 'relu', expected 'sigmoid' or 'exp'"):
        slstm_step(x[:, 0], *state, *weights, forget="relu")
    for broken in range(1, 4):
        states = [s[:, 1:] if k == broken else s for k, s in enumerate(state)]
        with pytest.raises(ValueError, match=f"{'hcnm'[broken]}_prev: got shape"):
            slstm_step(x[:, 0], *states, *weights)
    step, names = [t[:, 0] for t in mlstm_inputs()], ["q_t", "k_t", "v_t", "a_i", "a_f", "a_o", "C_prev", "n_prev", "m_prev"]
    arguments = [*step, *mlstm_start()]
    for broken, name in list(enumerate(names))[1:]:
        wrong = [a[:, :0] if k == broken else a for k, a in enumerate(arguments)]
        with pytest.raises(ValueError, match=f"{name}: got shape"):
            mlstm_step(*wrong)
    with pytest.raises(ValueError, match="q_t: got shape"):
        mlstm_step(step[0][0], *arguments[1:])


@pytest.mark.parametrize("dtype, device", list(product([torch.float32, torch.float64], ["cpu", "meta"])))
def test_type_and_device_come_from_the_input(dtype, device):
    x, weights = slstm_inputs()
    to = {"dtype": dtype, "device": device}
    results = slstm_step(x[:, 0].to(**to), *(s.to(**to) for s in slstm_start()), *(w.to(**to) for w in weights))
    results += mlstm_step(*(t[:, 0].to(**to) for t in mlstm_inputs()), *(s.to(**to) for s in mlstm_start()))
    assert all(r.dtype == dtype and r.device.type == device for r in results)
