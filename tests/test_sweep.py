"""Sweeps: members go where they would have gone alone, the best rate is the best, and a stopped script goes on."""

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from rnncourse.gru import GRU
from rnncourse.layers import orthogonal_
from rnncourse.recurrence import RNN
from rnncourse.tasks import adding, first_token_recall
from rnncourse.training import fit

sys.path.insert(0, str(Path(__file__).parents[1] / "book" / "experiments"))
import stored
import sweep as sweeps

KINDS = {
    "RNN": lambda D, H: orthogonal_(RNN(D, H)),
    "GRU": GRU,
    "GRU, reset before": partial(GRU, reset_after=False),
    "LSTM": partial(nn.LSTM, batch_first=True),
    "held orthogonal": lambda D, H: parametrizations.orthogonal(RNN(D, H), "weight_hh_l0", orthogonal_map="cayley"),
}


@pytest.mark.parametrize("task", ["adding", "recall", "every step"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_member_goes_where_it_would_have_gone_alone(kind, task):
    def make():
        return sweeps.Reader(KINDS[kind](*((2, 5) if task == "adding" else (3, 5))), 1 if task == "adding" else 3, last=last)

    def every_step(generator):
        batch = first_token_recall(4, 7, generator, vocab_size=3)
        return batch._replace(targets=batch.inputs.roll(1, 1))

    last = task != "every step"
    recall = partial(first_token_recall, 4, 7, vocab_size=3)
    data = {"adding": partial(adding, 4, 7), "recall": recall, "every step": every_step}
    models = []
    runs = sweeps.sweep(
        make, data[task], rates=[0.01, 0.1], seeds=[3, 4], updates=6, every=2, measures=dict(model=lambda m: models.append(m))
    )
    assert [(run["rate"], run["seed"]) for run in runs] == [(0.01, 3), (0.01, 4), (0.1, 3), (0.1, 4)]
    for run, model in zip(runs, models, strict=True):
        torch.manual_seed(run["seed"])
        alone = make()
        optimizer = torch.optim.Adam(alone.parameters(), lr=run["rate"])
        loss = fit(alone, data[task], 6, optimizer=optimizer, seed=0).loss
        torch.testing.assert_close(torch.tensor(run["losses"]), torch.tensor(loss).view(3, 2).mean(1), rtol=1e-3, atol=1e-6)
        for mine, its in zip(model.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-4, atol=2e-5)


def test_a_stream_goes_on_with_the_state_of_each_member():
    torch.manual_seed(0)
    members = sweeps.Members([sweeps.Reader(RNN(3, 5), 3, last=False) for _ in range(2)], [0.1, 0.1])
    x = torch.randint(3, (4, 8))
    whole, end = members(x)
    first, h = members(x[:, :3])
    second, h = members(x[:, 3:], h)
    torch.testing.assert_close(torch.cat([first, second], 2), whole)
    torch.testing.assert_close(h, end)


def test_a_sweep_ends_when_one_rate_has_learnt_it_from_all_seeds():
    def make():
        model = sweeps.Reader(RNN(2, 4), 1)
        nn.init.zeros_(model.readout.weight)
        return model

    def nothing(generator):  # the right answer is always 2
        batch = adding(8, 3, generator)
        return batch._replace(targets=torch.full_like(batch.targets, 2))

    runs = sweeps.sweep(make, nothing, rates=[1e-5, 0.1], seeds=[0, 1], updates=500, every=5, solved=0.1)
    slow, fast = runs[:2], runs[2:]
    assert all(run["learnt"] is None for run in slow)
    ends = [run["learnt"] for run in fast]
    assert max(ends) < 500
    assert all(5 * len(run["losses"]) == max(ends) for run in slow)
    assert all(run["losses"][-1] < 0.1 and min([1, *run["losses"][:-1]]) >= 0.1 for run in fast)


def test_a_member_that_diverges_is_left_behind_alone():
    def wild(generator):
        batch = adding(4, 3, generator)
        return batch._replace(targets=1e18 * batch.targets)

    def make():
        return sweeps.Reader(RNN(2, 3), 1)

    runs = sweeps.sweep(make, wild, rates=[1e-3, 1e38], seeds=[0], updates=20, every=2)
    assert runs[1]["losses"][-1] is None and None not in runs[1]["losses"][:-1]
    assert len(runs[0]["losses"]) == 10 and None not in runs[0]["losses"]


def table(*rows):
    keys = ("model", "rate", "seed", "learnt", "losses")
    return dict(command="made", results=[dict(zip(keys, row, strict=True)) for row in rows])


def test_the_best_rate_is_that_of_most_seeds_then_of_the_first_to_be_done_then_of_the_lowest_loss():
    record = table(
        ("A", 1, 0, 100, [2, 0.1]), ("A", 1, 1, None, [2, 0.0]),  # one of two
        ("A", 2, 0, 900, [2, 0.1]), ("A", 2, 1, 800, [2, 0.1]),  # both, late
        ("A", 3, 0, 50, [2, 0.1]), ("A", 3, 1, 850, [2, 0.2]),  # both, the slower one earlier
        ("B", 1, 0, None, [0.1, 0.9]), ("B", 1, 1, None, [0.1, 0.9]),
        ("B", 2, 0, None, [5.0, 0.8]), ("B", 2, 1, None, [5.0, 0.8]),
        ("B", 3, 0, None, [0.1]), ("B", 3, 1, None, [0.1, None]),  # one of them diverged
    )  # fmt: skip
    found = stored.best(record, model="A")
    assert (found.rate, found.learnt, found.updates, found.losses) == (3, 2, [50, 850], [0.1, 0.2])
    assert stored.best(record, model="B").rate == 2
    assert stored.best(record, model="B").values("seed") == [0, 1]
    assert stored.best(record, model="B", rate=3).losses == [0.1, float("inf")]
    with pytest.raises(ValueError, match="model': 'C'"):
        stored.best(record, model="C")


def test_a_script_that_was_stopped_goes_on_where_it_was(tmp_path):
    path, calls = tmp_path / "made.part", []

    def part(name):
        calls.append(name)
        return [dict(rate=1, name=name)]

    first = stored.Memory(path, dict(a=1))
    first.remember(partial(part, "x"), lag=1)
    again = stored.Memory(path, dict(a=1))
    assert again.remember(partial(part, "y"), lag=1) == [dict(lag=1, rate=1, name="x")]
    again.remember(partial(part, "z"), lag=2)
    assert calls == ["x", "z"]
    assert [run["name"] for run in again.results] == ["x", "z"]
    other = stored.Memory(path, dict(a=2))  # other settings: measured anew
    assert other.remember(partial(part, "new"), lag=1)[0]["name"] == "new"
