"""fast: what the private operators compute, and what happens where a torch has none of them."""

import warnings

import pytest
import torch
from torch.nn import functional as F

from rnncourse import fast
from rnncourse.lstm import LSTM
from tests.tensors import randn


@pytest.fixture(autouse=True)
def asked_anew():
    fast._operators_are_there.cache_clear()
    yield
    fast._operators_are_there.cache_clear()


def test_without_a_private_operator_a_warning_says_so_once_and_the_result_is_the_same(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(fast, "OPERATORS", ("_linear_pointwise", "_gone"))
    lstm, x = LSTM(400, 400), randn(9, 10, 400, dtype=torch.float32)
    with pytest.warns(RuntimeWarning, match=r"has no torch\.ops\.mkldnn\._gone: large layers run on") as caught:
        output, _ = lstm(x)
        output.sum().backward()
    assert len(caught) == 1
    theirs = torch.nn.LSTM(400, 400, batch_first=True)
    theirs.load_state_dict(lstm.state_dict())
    torch.testing.assert_close(output, theirs(x)[0], rtol=1e-5, atol=1e-6)


def test_with_all_of_them_nothing_is_said():
    W, x = randn(400, 400, dtype=torch.float32), randn(9, 400, dtype=torch.float32)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(fast.product(x, W), F.linear(x, W), rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(fast.step_product(W, 10, 9)(x), F.linear(x, W), rtol=1e-5, atol=1e-4)
