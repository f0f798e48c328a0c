"""The GRU against torch.nn.GRU, and its other conventions against torch where weights make them equal."""

from typing import ClassVar

import pytest
import torch

from rnncourse.gru import GRU, gru_sequence, gru_step, update_bias_
from tests.recurrent_contract import EXACT, RecurrentContract, TorchContract


class TestGRU(TorchContract):
    ours, theirs = GRU, torch.nn.GRU

    def plain(self, module, x, state):
        h = gru_sequence(x, state[0][0], *module.weights(0), module.reset_after, module.update)
        return h, h[None, :, -1]


class NegatedGRU(torch.nn.GRU):
    """torch's GRU with the rows of z negated: 1 − σ(a) = σ(−a), so its z is 1 − z."""

    def forward(self, *arguments):
        self._flat_weights = [
            torch.cat([r, -z, n]) for r, z, n in (getattr(self, name).chunk(3) for name in self._flat_weights_names)
        ]
        return super().forward(*arguments)


class TestUpdateOfThePaper(TestGRU):
    options: ClassVar = {"update": "paper"}

    def theirs(self, *arguments, update="paper", **options):
        return NegatedGRU(*arguments, **options)


class TestResetBefore(RecurrentContract):
    ours, options, plain = GRU, {"reset_after": False}, TestGRU.plain


class TestResetBeforeAndUpdateOfThePaper(TestResetBefore):
    options: ClassVar = {"reset_after": False, "update": "paper"}


def random_step(B=3, D=4, H=5, bias=True):
    torch.manual_seed(0)
    x_t, h_prev = torch.randn(B, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)
    return x_t, h_prev, torch.nn.GRUCell(D, H, bias, dtype=torch.float64)


@pytest.mark.parametrize("bias", [True, False])
def test_step_equals_torch(bias):
    x_t, h_prev, cell = random_step(bias=bias)
    torch.testing.assert_close(gru_step(x_t, h_prev, *cell.parameters()), cell(x_t, h_prev), **EXACT)


@torch.no_grad()
def test_updates_are_one_function_under_two_names():
    x_t, h_prev, cell = random_step()
    expected = cell(x_t, h_prev)
    for W in cell.parameters():
        W[5:10] *= -1
    torch.testing.assert_close(gru_step(x_t, h_prev, *cell.parameters(), update="paper"), expected, **EXACT)


@torch.no_grad()
def test_resets_agree_where_they_commute_and_only_there():
    x_t, h_prev, cell = random_step()
    before = gru_step(x_t, h_prev, *cell.parameters(), reset_after=False)
    assert (before - cell(x_t, h_prev)).abs().max() > 0.01  # in general they differ

    open_reset = [W.clone() for W in cell.parameters()]
    open_reset[2][:5] = 100  # b_ih of r: r = 1
    cell.bias_ih.copy_(open_reset[2])
    torch.testing.assert_close(gru_step(x_t, h_prev, *open_reset, reset_after=False), cell(x_t, h_prev), **EXACT)

    x_t, h_prev, cell = random_step()
    cell.weight_hh[10:] = torch.diag(torch.randn(5))  # r ⊙ (W_hn h) = W_hn (r ⊙ h) for a diagonal W_hn
    cell.bias_hh[10:] = 0
    after = cell(x_t, h_prev)
    torch.testing.assert_close(gru_step(x_t, h_prev, *cell.parameters(), reset_after=False), after, **EXACT)


@torch.no_grad()
@pytest.mark.parametrize("reset_after", [True, False])
def test_what_z_of_one_means(reset_after):
    """Cho et al. keep the old state where z = 1, Chung et al. replace it."""
    x_t, h_prev, cell = random_step()
    cell.bias_ih[5:10] = 100  # z = 1
    kept = gru_step(x_t, h_prev, *cell.parameters(), reset_after=reset_after)
    torch.testing.assert_close(kept, h_prev, **EXACT)
    replaced = gru_step(x_t, h_prev, *cell.parameters(), reset_after=reset_after, update="paper")
    assert replaced.abs().max() < 1 and (replaced - h_prev).abs().max() > 0.1


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"update": "paper"}, {"num_layers": 2}, {"bidirectional": True}])
def test_update_bias_sets_the_share_kept(options):
    gru = GRU(4, 5, dtype=torch.float64, **options)
    value = torch.tensor([-3.0, -1.0, 0.0, 2.0, 6.0], dtype=torch.float64)
    kept = torch.exp(value) / (1 + torch.exp(value))
    for parameter in gru.parameters():
        parameter.fill_(0)
    for name, parameter in gru.named_parameters():
        if name.startswith("bias_"):
            parameter[5:10] = 7.0  # whatever stood there, in either bias
    assert update_bias_(gru, value) is gru
    h0 = torch.randn(gru.num_layers * gru.directions, 2, 5, dtype=torch.float64)
    _, h_n = gru(torch.randn(2, 3, 4, dtype=torch.float64), h0)
    torch.testing.assert_close(h_n, kept**3 * h0, **EXACT)  # the candidate is 0
    _, h_n = update_bias_(gru, 2.0)(torch.randn(2, 3, 4, dtype=torch.float64), h0)
    torch.testing.assert_close(h_n, kept[3] ** 3 * h0, **EXACT)


def test_bad_update_bias():
    with pytest.raises(ValueError, match=r"^gru: got bias=False, expected"):
        update_bias_(GRU(4, 5, bias=False))
    with pytest.raises(ValueError, match=r"^value: got shape \(3,\), expected a number or \(5,\)"):
        update_bias_(GRU(4, 5), torch.zeros(3))


@pytest.mark.parametrize(
    "name, change",
    [
        ("x_t", {"x_t": torch.zeros(2, 4)}),
        ("h_prev", {"h_prev": torch.zeros(5)}),
        ("W_ih", {"W_ih": torch.zeros(5, 4)}),
        ("W_hh", {"W_hh": torch.zeros(15, 4)}),
        ("b_ih", {"b_ih": torch.zeros(5)}),
        ("b_hh", {"b_hh": torch.zeros(1)}),
        ("update", {"update": "cho"}),
    ],
)
def test_bad_step(name, change):
    good = {
        "x_t": torch.zeros(3, 4), "h_prev": torch.zeros(3, 5), "W_ih": torch.zeros(15, 4), "W_hh": torch.zeros(15, 5),
        "b_ih": torch.zeros(15), "b_hh": torch.zeros(15),
    }  # fmt: skip
    with pytest.raises(ValueError, match=rf"^{name}: got .*, expected"):
        gru_step(**(good | change))


def test_bad_sequence_and_module():
    for shape in ((3, 4), (3, 0, 4)):
        with pytest.raises(ValueError, match=r"^x: got .*, expected"):
            gru_sequence(torch.zeros(shape), torch.zeros(3, 5), torch.zeros(15, 4), torch.zeros(15, 5))
    with pytest.raises(ValueError, match=r"^update: got 'chung', expected"):
        GRU(4, 5, update="chung")
