"""The simple RNN against torch.nn.RNN, the language model and sampling from it."""

import math
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from rnncourse.recurrence import RNN, LanguageModel, rnn_sequence, rnn_step, sample
from rnncourse.tasks import parity
from tests.recurrent_contract import EXACT, TorchContract


class TestRNN(TorchContract):
    ours, theirs = RNN, torch.nn.RNN

    def plain(self, module, x, state):
        h = rnn_sequence(x, state[0][0], *module.weights(0), **self.options)
        return h, h[None, :, -1]


class TestRNNWithRelu(TestRNN):
    options: ClassVar = {"nonlinearity": "relu"}

    def test_complex_numbers_equal_torch(self):
        module = self.make(dtype=torch.complex64)
        with pytest.raises(ValueError, match=r"^x: got dtype torch.complex64, expected a real one"):
            module(torch.zeros(2, 3, 4, dtype=torch.complex64))


def random_step(B=3, D=4, H=5, bias=True):
    torch.manual_seed(0)
    x_t, h_prev = torch.randn(B, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)
    cell = torch.nn.RNNCell(D, H, bias, dtype=torch.float64)
    return x_t, h_prev, cell


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_step_equals_torch(bias, nonlinearity):
    x_t, h_prev, cell = random_step(bias=bias)
    cell.nonlinearity = nonlinearity
    h_t = rnn_step(x_t, h_prev, *cell.parameters(), nonlinearity=nonlinearity)
    torch.testing.assert_close(h_t, cell(x_t, h_prev), **EXACT)


@pytest.mark.parametrize(
    "name, change",
    [
        ("x_t", {"x_t": torch.zeros(2, 4)}),
        ("x_t", {"x_t": torch.zeros(4)}),
        ("h_prev", {"h_prev": torch.zeros(5)}),
        ("W_ih", {"W_ih": torch.zeros(5, 3)}),
        ("W_hh", {"W_hh": torch.zeros(4, 5)}),
        ("b_ih", {"b_ih": torch.zeros(1)}),
        ("b_hh", {"b_hh": torch.zeros(5, 1)}),
        ("nonlinearity", {"nonlinearity": "sin"}),
    ],
)
def test_bad_step(name, change):
    good = {
        "x_t": torch.zeros(3, 4), "h_prev": torch.zeros(3, 5), "W_ih": torch.zeros(5, 4), "W_hh": torch.zeros(5, 5),
        "b_ih": torch.zeros(5), "b_hh": torch.zeros(5),
    }  # fmt: skip
    with pytest.raises(ValueError, match=rf"^{name}: got .*, expected"):
        rnn_step(**(good | change))
    if name != "x_t":
        arguments = good | change
        x = arguments.pop("x_t")[:, None]
        with pytest.raises(ValueError, match=rf"^{name}: got .*, expected"):
            rnn_sequence(x, arguments.pop("h_prev"), **arguments)


@pytest.mark.parametrize("shape", [(3, 4), (3, 0, 4)])
def test_bad_sequence(shape):
    weights = [torch.zeros(5, 4), torch.zeros(5, 5)]
    with pytest.raises(ValueError, match=r"^x: got .*, expected"):
        rnn_sequence(torch.zeros(shape), torch.zeros(3, 5), *weights)


def test_bad_nonlinearity():
    with pytest.raises(ValueError, match=r"^nonlinearity: got 'elu', expected"):
        RNN(4, 5, nonlinearity="elu")


def model(V=7, **options):
    torch.manual_seed(0)
    return LanguageModel(V, RNN(3, 6, **options)).double()


def test_language_model_is_embedding_network_and_readout():
    lm = model(num_layers=2)
    rnn = torch.nn.RNN(3, 6, 2, batch_first=True, dtype=torch.float64)
    rnn.load_state_dict(lm.rnn.state_dict())
    tokens = torch.randint(7, (2, 5))
    logits, state = lm(tokens)
    h, expected_state = rnn(lm.embedding.weight[tokens])
    torch.testing.assert_close(logits, F.linear(h, lm.readout.weight, lm.readout.bias), **EXACT)
    torch.testing.assert_close(state, expected_state, **EXACT)


def test_language_model_does_not_see_the_future():
    lm = model()
    tokens = torch.randint(7, (2, 5))
    changed = tokens.clone()
    changed[:, 3:] = (changed[:, 3:] + 1) % 7
    torch.testing.assert_close(lm(tokens)[0][:, :3], lm(changed)[0][:, :3], rtol=0, atol=0)
    assert not torch.equal(lm(tokens)[0][:, 3], lm(changed)[0][:, 3])


def test_bad_language_model():
    for options in ({"bidirectional": True}, {"batch_first": False}):
        with pytest.raises(ValueError, match=r"^rnn: got .*, expected"):
            LanguageModel(7, RNN(3, 6, **options))
    for tokens in (torch.zeros(3), torch.zeros(3, dtype=torch.long), torch.tensor([[7]]), torch.tensor([[-1]])):
        with pytest.raises(ValueError, match=r"^tokens: got .*, expected"):
            model()(tokens)


def test_sampling_without_temperature_is_the_argmax_of_each_prefix():
    lm, prompt = model(), torch.tensor([[1, 2], [3, 0]])
    tokens = prompt
    for _ in range(6):  # the whole prefix anew each time, where `sample` carries the state
        tokens = torch.cat([tokens, lm(tokens)[0][:, -1].argmax(-1, keepdim=True)], 1)
    assert torch.equal(sample(lm, prompt, 6, temperature=0), tokens[:, 2:])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_sampling_follows_the_softmax_of_the_logits(temperature):
    lm = model()
    n, generator = 20000, torch.Generator().manual_seed(0)
    drawn = sample(lm, torch.tensor([[1, 4]]).expand(n, 2), 1, temperature, generator)
    p = (lm(torch.tensor([[1, 4]]))[0][0, -1] / temperature).softmax(-1)
    frequency = torch.bincount(drawn.flatten(), minlength=7) / n
    assert ((frequency - p).abs() < 5 * (p * (1 - p) / n).sqrt()).all()  # 5 standard deviations


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 5), st.integers(1, 3), st.integers(0, 99))
def test_sampling_is_reproducible(steps, B, seed):
    lm, prompt = model(), torch.ones(B, 2, dtype=torch.long)
    first, second = (sample(lm, prompt, steps, generator=torch.Generator().manual_seed(seed)) for _ in range(2))
    assert first.shape == (B, steps) and first.dtype == torch.long and torch.equal(first, second)


BAD = [("temperature", -1.0), ("temperature", float("nan")), ("steps", -1), ("steps", 1.5)]


@pytest.mark.parametrize("name, value", BAD)
def test_bad_sampling(name, value):
    with pytest.raises(ValueError, match=rf"^{name}: got {value}, expected"):
        sample(model(), torch.tensor([[1]]), **({"steps": 2} | {name: value}))


def test_sampling_needs_a_prompt():
    with pytest.raises(ValueError, match=r"^prompt: got .*, expected"):
        sample(model(), torch.zeros(2, 0, dtype=torch.long), 3)


def test_a_recurrent_network_of_two_units_computes_parity_at_any_length():
    """One layer without recurrence can't (Minsky and Papert): with s the parity so far, s + x and s + x − 1, cut at 0."""
    rnn = RNN(1, 2, nonlinearity="relu", bias=True)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(torch.tensor([[1.0], [1.0]]))
        rnn.weight_hh_l0.copy_(torch.tensor([[1.0, -2.0], [1.0, -2.0]]))  # s = h_1 − 2 h_2
        rnn.bias_ih_l0.copy_(torch.tensor([0.0, -1.0]))
        rnn.bias_hh_l0.zero_()
    bits, targets, _ = parity(3, 2000)
    h, _ = rnn(bits[..., None].float())
    assert torch.equal(h[..., 0] - 2 * h[..., 1], targets.float())


def test_sampling_at_a_temperature_near_zero_takes_the_most_likely():
    """logits / 1e-45 are infinite, and a softmax of two infinities is no number."""
    torch.manual_seed(0)
    model = LanguageModel(6, RNN(4, 5))
    prompt = torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(sample(model, prompt, 8, temperature=1e-45), sample(model, prompt, 8, temperature=0))
    with pytest.raises(ValueError, match=r"^temperature: got inf, expected a number"):
        sample(model, prompt, 8, temperature=math.inf)
