"""Legal arguments at the ends of their range: size 1, the largest and smallest numbers, decay 0 and 1, steps of 0 and huge
ones, masked and infinite logits. Results are those of torch.nn or of a plain form, and no number is lost."""

import math

import pytest
import torch
from torch import nn

from rnncourse.gru import GRU
from rnncourse.linear import linear_attention, linear_attention_recurrent, minGRU, minLSTM
from rnncourse.lstm import LSTM
from rnncourse.recurrence import RNN
from rnncourse.seq2seq import AdditiveAttention, beam_search, greedy
from rnncourse.ssm import (
    S4D,
    LinearSSM,
    Mamba,
    discretize,
    linear_scan,
    linear_scan_sequential,
    selective_scan,
    selective_scan_sequential,
)
from tests.tensors import close, randn

PAIRS = [(RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU)]
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("value", [0.0, "smallest", "largest", "-largest"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_networks_of_one_unit_take_every_number_as_torch_does(ours, theirs, value, dtype):
    info = torch.finfo(dtype)
    value = {"smallest": info.smallest_normal, "largest": info.max, "-largest": -info.max}.get(value, value)
    torch.manual_seed(0)
    theirs = theirs(1, 1, batch_first=True, dtype=dtype)
    ours = ours(1, 1, dtype=dtype)
    ours.load_state_dict(theirs.state_dict())
    results = []
    for model in (ours, theirs):
        x = torch.full((1, 1, 1), value, dtype=dtype, requires_grad=True)
        output, _ = model(x)
        results.append((output, *torch.autograd.grad(output.sum(), [x, *model.parameters()], materialize_grads=True)))
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)
    assert results[0][0].isfinite().all()


@pytest.mark.parametrize("dtype", [*FLOATS, torch.complex64, torch.complex128])
@pytest.mark.parametrize("decay", [0.0, 1.0, -1.0])
def test_a_scan_with_decay_0_or_1_forgets_or_keeps_everything(dtype, decay):
    b = randn(2, 40, 3).round(decimals=1).to(dtype)
    a = torch.full_like(b, decay)
    h0 = torch.ones(2, 3, dtype=dtype)
    h, plain = linear_scan(a, b, h0), linear_scan_sequential(a, b, h0)
    assert torch.allclose(h, plain, rtol=0, atol=40 * torch.finfo(dtype).eps)
    if decay == 0:
        assert torch.equal(h, b)
    elif decay == 1 and dtype == torch.float64:
        close(h, h0[:, None] + b.cumsum(1), 1e-12)


def test_a_scan_keeps_the_largest_numbers():
    largest = torch.finfo(torch.float64).max
    b = torch.zeros(1, 64, 1, dtype=torch.float64)
    b[:, 3] = largest
    assert (linear_scan(torch.ones_like(b), b)[:, 3:] == largest).all()


@pytest.mark.parametrize("delta", [0.0, 1e-30, 1e4, 1e30])
def test_a_selective_scan_takes_steps_of_0_and_huge_ones(delta):
    u, B, C = randn(2, 20, 3), randn(2, 20, 4, seed=1), randn(2, 20, 4, seed=2)
    A = -randn(3, 4, seed=3).abs() - 0.1
    steps = torch.full_like(u, delta)
    y, plain = (scan(u, steps, A, B, C) for scan in (selective_scan, selective_scan_sequential))
    assert y.isfinite().all()
    assert torch.allclose(y, plain, rtol=1e-10, atol=1e-12)
    if delta == 0:
        assert (y == 0).all()  # from a zero state nothing is ever written


@pytest.mark.parametrize("method", ["zoh", "bilinear", "backward_euler"])
@pytest.mark.parametrize("dt", [1e-30, 1e30])
def test_a_stable_system_takes_tiny_and_huge_steps(method, dt):
    A, B = -torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    A_bar, B_bar = discretize(A, B, dt, method, diagonal=True)
    end = {"zoh": 0.0, "bilinear": -1.0, "backward_euler": 0.0}[method]
    close(A_bar, torch.full_like(A, 1.0 if dt < 1 else end), 1e-9)
    assert B_bar.isfinite().all() and (dt > 1 or (B_bar.abs() < 1e-29).all())


@pytest.mark.parametrize("kind", [minGRU, minLSTM])
@pytest.mark.parametrize("gate", [-1e30, 1e30])
def test_gates_that_are_shut_or_open_lose_no_number(kind, gate):
    torch.manual_seed(0)
    model = kind(1, 1, dtype=torch.float64)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "linear_h" not in name:
                p.fill_(gate if name.endswith("bias") else 0.0)
    x, h0 = torch.ones(1, 5, 1, dtype=torch.float64, requires_grad=True), torch.full((1, 1), 0.7, dtype=torch.float64)
    h, _ = model(x, h0)
    (slope,) = torch.autograd.grad(h.sum(), x)
    assert h.isfinite().all() and slope.isfinite().all()
    if kind is minGRU and gate < 0:
        assert (h == 0.7).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_attention_has_weights_whatever_the_scores(dtype, size):
    torch.manual_seed(0)
    attention = AdditiveAttention(1, 1, 1).to(dtype)
    annotations = size * torch.tensor([[[1.0], [-1.0], [0.5]]], dtype=dtype)
    padding = torch.tensor([[False, True, True]])
    context, weights = attention(torch.full((1, 1), size, dtype=dtype), attention.memory(annotations, padding))
    assert weights.tolist() == [[1, 0, 0]] and torch.equal(context, annotations[:, 0])
    _, weights = attention(torch.full((1, 1), -size, dtype=dtype), attention.memory(annotations))
    assert weights.isfinite().all() and abs(weights.sum().item() - 1) < 1e-6


@pytest.mark.parametrize("offset", [-1e4, 0.0, 1e4])
def test_linear_attention_has_a_mean_wherever_the_keys_lie(offset):
    q, k, v = randn(1, 6, 2), randn(1, 6, 2, seed=1) + offset, randn(1, 6, 3, seed=2)
    y, recurrent = linear_attention(q, k, v), linear_attention_recurrent(q, k, v)[0]
    assert torch.allclose(y, recurrent, rtol=1e-9, atol=1e-9)
    assert (y <= v.max() + 1e-9).all() and (y >= v.min() - 1e-9).all()


@pytest.mark.parametrize("layer", [lambda: S4D(1, 2), lambda: Mamba(1, 1), lambda: minGRU(1, 1), lambda: minLSTM(1, 1)])
def test_layers_of_size_1_step_as_they_scan(layer):
    torch.manual_seed(0)
    layer = layer().double()
    x = randn(1, 1, 1)
    y, _ = layer(x)
    stepped, _ = layer.step(x[:, 0], None)
    assert y.shape[:2] == (1, 1) and torch.allclose(y[:, 0], stepped, atol=1e-12)


def test_a_system_of_size_1_is_one_product():
    one = torch.ones(1, 1, dtype=torch.float64)
    y, h = LinearSSM(-one, one, one, dt=1.0, mode="scan")(one[None])
    close(y[0], (1 - math.exp(-1)) * one, 1e-12)
    close(h, y[0], 1e-12)


class Fixed(nn.Module):
    """A model whose logits are the same at every step."""

    start, end = 0, 1

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def encode(self, source, lengths=None):
        return torch.zeros(1, len(source), 1, dtype=self.logits.dtype), None

    def decoder(self, token, state, memory):
        return self.logits.expand(len(token), -1), state, None


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_search_takes_masked_and_huge_logits(dtype):
    inf = math.inf
    source = torch.zeros(1, 1, dtype=torch.long)
    only = Fixed(torch.tensor([-inf, 0.0, -inf], dtype=dtype))  # nothing but the end
    huge = Fixed(torch.tensor([-1e4, -1e4, 1e4], dtype=dtype))  # never the end
    for model, tokens, ended in ((only, [], True), (huge, [2, 2, 2], False)):
        (found,) = greedy(model, source, 3)
        assert (found.tokens, found.log_probability, found.ended) == (tokens, 0.0, ended)
        best = beam_search(model, source, 3, width=2)[0][0]
        assert (best.tokens, best.log_probability, best.ended) == (tokens, 0.0, ended)
