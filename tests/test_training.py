"""training: the loop against a loop written out, resuming against never stopping, checkpoints that go wrong."""

import itertools
import math
import random
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from rnncourse import tasks, training
from rnncourse.recurrence import RNN, LanguageModel
from rnncourse.tasks import Batch
from rnncourse.training import fit, supervised_loss

TASK = partial(tasks.adding, 8, 6)
VALIDATION = tasks.adding(32, 6, 10**6)


class Regressor(nn.Module):
    """The number after the last step; with dropout, so that torch's generator matters."""

    def __init__(self, width=8, dropout=0.3):
        super().__init__()
        self.rnn, self.dropout, self.readout = RNN(2, width), nn.Dropout(dropout), nn.Linear(width, 1)

    def forward(self, x):
        return self.readout(self.dropout(self.rnn(x)[0][:, -1]))


def regressor(seed=0, **options):
    torch.manual_seed(seed)
    return Regressor(**options)


def parameters(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()]).tolist()


def test_a_step_is_what_the_chapter_says():
    ours, theirs = regressor(dropout=0), regressor(dropout=0)
    history = fit(ours, TASK, 20, optimizer=torch.optim.SGD(ours.parameters(), lr=0.1), clip=0.5, seed=3)
    generator = torch.Generator().manual_seed(3)
    losses, norms = [], []
    for _ in range(20):
        x, y, _ = TASK(generator)
        loss = ((theirs(x) - y) ** 2).mean()
        gradients = torch.autograd.grad(loss, list(theirs.parameters()))
        norm = torch.cat([g.flatten() for g in gradients]).norm().item()
        with torch.no_grad():
            for p, g in zip(theirs.parameters(), gradients, strict=True):
                p -= 0.1 * g * min(1, 0.5 / norm)
        losses.append(loss.item())
        norms.append(norm)
    assert max(norms) > 0.5 > min(norms), "the test needs clipped steps and others"
    assert history.loss == pytest.approx(losses, rel=1e-4)
    assert history.gradient_norm == pytest.approx(norms, rel=1e-4)
    assert parameters(ours) == pytest.approx(parameters(theirs), abs=1e-5)
    assert history.stopped == "steps"


def test_it_learns():
    model = regressor(width=16, dropout=0)
    before = supervised_loss(model, VALIDATION).item()
    history = fit(model, partial(tasks.adding, 32, 6), 300, optimizer=torch.optim.Adam(model.parameters(), lr=1e-2))
    after = supervised_loss(model, VALIDATION).item()
    assert after < 1 / 12 < 1 / 6 < before, "half the error of the constant answer"
    assert len(history.loss) == len(history.gradient_norm) == 300


def test_any_model_and_task():
    """Integers at every step, a model that returns a state too; a data set; several inputs."""
    torch.manual_seed(0)
    model = LanguageModel(10, RNN(8, 16))
    history = fit(model, partial(tasks.copying, 8, 3, symbols=8, memory=2), 200)
    assert history.loss[-1] < 0.7 * history.loss[0]
    digits = tasks.digits("valid")
    history = fit(model := nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), partial(tasks.minibatch, digits, 64), 200)
    assert history.loss[-1] < 0.7 * history.loss[0]

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(()))

        def forward(self, a, b):
            return self.scale * (a + b)

    def pairs(generator):
        a, b = torch.rand(2, 8, 1, generator=generator)
        return Batch((a, b), a + b)

    fit(model := Sum(), pairs, 200, optimizer=torch.optim.SGD(model.parameters(), lr=0.3))
    assert model.scale.item() == pytest.approx(1, abs=1e-3)


def test_same_seed_same_numbers():
    histories = []
    for seed in (0, 0, 1):
        histories.append(fit(regressor(), TASK, 5, seed=seed))
    assert histories[0] == histories[1]
    assert histories[0].loss != histories[2].loss


OPTIMIZERS = {
    "Adam": partial(torch.optim.Adam, lr=0.05),
    "RMSprop": partial(torch.optim.RMSprop, lr=0.01),
    "SGD": partial(torch.optim.SGD, lr=0.05, momentum=0.9),
}


@settings(max_examples=15, deadline=None)
@given(
    steps=st.integers(2, 30),
    cuts=st.lists(st.integers(1, 29), min_size=1, max_size=3),
    every=st.integers(1, 7),
    patience=st.sampled_from([None, 1, 3]),
    name=st.sampled_from(sorted(OPTIMIZERS)),
)
def test_resumed_is_uninterrupted(tmp_path_factory, steps, cuts, every, patience, name):
    def train(steps, checkpoint, seed=0):
        model = regressor(seed)
        optimizer = OPTIMIZERS[name](model.parameters())
        history = fit(
            model, TASK, steps, optimizer=optimizer, validation=VALIDATION, validate_every=4, patience=patience,
            checkpoint=checkpoint, checkpoint_every=every,
        )  # fmt: skip
        return history, parameters(model), torch.rand(3).tolist()

    path = tmp_path_factory.mktemp("fit") / "model.pt"
    for i, cut in enumerate(sorted(min(cut, steps - 1) for cut in cuts)):
        train(cut, path, seed=i)  # a new process starts from other random numbers
    assert train(steps, path, seed=99) == train(steps, None)


def test_killed_in_the_middle_of_a_step_resumes_exactly(tmp_path):
    path, calls = tmp_path / "model.pt", itertools.count()

    def dies(generator):
        if next(calls) == 17:
            generator.manual_seed(5)
            raise KeyboardInterrupt
        return TASK(generator)

    with pytest.raises(KeyboardInterrupt):
        fit(regressor(), dies, 30, checkpoint=path, checkpoint_every=5)
    history = fit(resumed := regressor(9), TASK, 30, checkpoint=path, checkpoint_every=5)
    assert history == fit(whole := regressor(), TASK, 30)
    assert parameters(resumed) == parameters(whole)


def test_finished_checkpoint_does_nothing_more(tmp_path):
    path, calls = tmp_path / "model.pt", []

    def counted(generator):
        calls.append(1)
        return TASK(generator)

    model = regressor()
    history = fit(model, counted, 10, checkpoint=path)
    written = path.read_bytes()
    other = regressor(5)
    assert fit(other, counted, 10, checkpoint=path) == history
    assert len(calls) == 10 and path.read_bytes() == written
    assert parameters(other) == parameters(model)


@pytest.mark.parametrize("patience, worse", [(1, 1), (3, 3)])
def test_early_stop_keeps_the_best(patience, worse):
    """A model that only gets worse after its second measurement: one parameter, walking away from the target."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    validation = Batch(torch.ones(1, 1), torch.full((1, 1), 2.0))  # best where the weight is 2
    seen = []

    def away(model, batch):
        seen.append(model.weight.item())
        return supervised_loss(model, batch) if not model.training else -model.weight.sum()  # each step adds 1

    history = fit(
        model, lambda generator: validation, 100, optimizer=optimizer, loss=away, clip=None, validation=validation,
        validate_every=1, patience=patience,
    )  # fmt: skip
    assert history.stopped == "early"
    assert [v for _, v in history.validation] == [1.0, 0.0, 1.0, 4.0, 9.0][: 2 + worse]
    assert len(history.loss) == 2 + worse
    assert model.weight.item() == 2.0


def test_validation_is_in_eval_mode_and_leaves_no_trace():
    model = regressor(dropout=0.9)
    history = fit(model, TASK, 10, validation=VALIDATION, validate_every=5)
    assert [step for step, _ in history.validation] == [5, 10]
    assert model.training
    model.eval()
    assert history.validation[-1][1] == pytest.approx(supervised_loss(model, VALIDATION).item())
    assert fit(regressor(dropout=0.9), TASK, 10).loss == history.loss
    fit(model, TASK, 1)
    assert not model.training, "the mode is left as it was"


@pytest.mark.parametrize("spoilt", ["loss", "gradient"])
def test_divergence_stops_before_it_spoils_the_model(spoilt):
    model, calls = regressor(), itertools.count()

    def loss(model, batch):
        value = supervised_loss(model, batch)
        if next(calls) < 3:
            return value
        return value * math.nan if spoilt == "loss" else value + (model.readout.bias * 0).sqrt().sum()

    history = fit(model, TASK, 20, loss=loss)
    assert history.stopped == "diverged" and len(history.loss) == 4
    assert not math.isfinite(history.loss[-1] + history.gradient_norm[-1])
    assert all(map(math.isfinite, parameters(model)))


def test_frozen_parameters_stay():
    model = regressor()
    model.rnn.requires_grad_(False)
    before = [p.clone() for p in model.rnn.parameters()]
    fit(model, TASK, 5)
    assert all(map(torch.equal, before, model.rnn.parameters()))


def test_nothing_is_printed_in_a_short_run(capsys):
    fit(regressor(), TASK, 3)
    assert capsys.readouterr() == ("", "")


# checkpoints that go wrong


def test_interrupted_save_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    fit(regressor(), TASK, 5, checkpoint=path)
    written = path.read_bytes()

    def half(state, file):
        file.write(b"PK half a checkpoint")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        with pytest.raises(OSError, match="No space"):
            fit(regressor(), TASK, 10, checkpoint=path)
    assert path.read_bytes() == written
    resumed = regressor(4)
    assert fit(resumed, TASK, 10, checkpoint=path) == fit(whole := regressor(), TASK, 10)
    assert parameters(resumed) == parameters(whole)
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def spoil(path, how):
    if how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("not a checkpoint")
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif how == "noise":
        path.write_bytes(random.Random(0).randbytes(5000))
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "other dictionary":
        torch.save({"weights": torch.zeros(3)}, path)
    elif how == "not a dictionary":
        torch.save(torch.zeros(3), path)
    elif how == "history":
        torch.save(torch.load(path) | {"history": {"losses": []}}, path)
    elif how == "generator":
        torch.save(torch.load(path) | {"generator": torch.zeros(3, dtype=torch.uint8)}, path)


DAMAGES = "empty,text,truncated,noise,folder,other dictionary,not a dictionary,history,generator"


@pytest.mark.parametrize("how", DAMAGES.split(","))
def test_damaged_checkpoint_is_a_value_error(tmp_path, how):
    path = tmp_path / "model.pt"
    fit(regressor(), TASK, 2, checkpoint=path)
    spoil(path, how)
    with pytest.raises(ValueError, match=r"checkpoint: got .*model\.pt, expected a checkpoint of this model"):
        fit(regressor(), TASK, 4, checkpoint=path)


def test_checkpoint_of_another_model_or_optimiser(tmp_path):
    path = tmp_path / "model.pt"
    fit(regressor(), TASK, 2, checkpoint=path)
    other = regressor(width=9)
    before = parameters(other)
    with pytest.raises(ValueError, match=r"rnn\.weight_hh_l0"):
        fit(other, TASK, 4, checkpoint=path)
    assert parameters(other) == before
    with pytest.raises(ValueError, match="it is of Adam, not of SGD"):
        fit(model := regressor(), TASK, 4, optimizer=torch.optim.SGD(model.parameters(), lr=1), checkpoint=path)


def test_checkpoint_does_not_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    path = tmp_path / "model.pt"
    torch.save({"model": Evil()}, path)
    with pytest.raises(ValueError, match="checkpoint"):
        fit(regressor(), TASK, 1, checkpoint=path)
    assert not (tmp_path / "written").exists()


# the loss


def outputs_of(tensor):
    return lambda inputs: tensor


def test_supervised_loss_is_torchs():
    torch.manual_seed(0)
    logits, classes = torch.randn(3, 5, 7), torch.randint(7, (3, 5))
    numbers, values = torch.randn(3, 5, 2), torch.randn(3, 5, 2)
    mask = torch.rand(3, 5) < 0.5
    ours = supervised_loss(outputs_of(logits), Batch(None, classes))
    torch.testing.assert_close(ours, F.cross_entropy(logits.transpose(1, 2), classes))
    ours = supervised_loss(outputs_of((logits, "a state")), Batch(None, classes, mask))
    ignored = classes.masked_fill(~mask, -100)
    torch.testing.assert_close(ours, F.cross_entropy(logits.transpose(1, 2), ignored, ignore_index=-100))
    torch.testing.assert_close(supervised_loss(outputs_of(logits[:, 0]), Batch(None, classes[:, 0])),
                               F.cross_entropy(logits[:, 0], classes[:, 0]))  # fmt: skip
    torch.testing.assert_close(supervised_loss(outputs_of(numbers), Batch(None, values)), F.mse_loss(numbers, values))
    both = mask[..., None].expand(-1, -1, 2)
    ours = supervised_loss(outputs_of(numbers), Batch(None, values, both))
    torch.testing.assert_close(ours, ((numbers - values) ** 2)[mask].mean())


@pytest.mark.parametrize(
    "outputs, batch, words",
    [
        (torch.zeros(3, 5), Batch(None, torch.zeros(3, 5, dtype=torch.long)), r"model: got outputs of shape \(3, 5\)"),
        (torch.zeros(3, 4, 7), Batch(None, torch.zeros(3, 5, dtype=torch.long)), r"expected \(3, 5\) \+ \(V,\)"),
        (torch.zeros(3, 1), Batch(None, torch.zeros(3)), r"expected \(3,\) for these targets"),
        (torch.zeros(3), Batch(None, torch.zeros(3), torch.ones(2, dtype=torch.bool)), r"mask: got \(2,\)"),
        (torch.zeros(3), Batch(None, torch.zeros(3), torch.ones(3)), "mask: got .* of torch.float32"),
        (torch.zeros(3), Batch(None, torch.zeros(3), torch.zeros(3, dtype=torch.bool)), "batch: got no target"),
    ],
)
def test_bad_outputs_are_named(outputs, batch, words):
    with pytest.raises(ValueError, match=words):
        supervised_loss(outputs_of(outputs), batch)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"steps": -1}, "steps: got -1, expected an integer of at least 0"),
        ({"steps": 2.0}, "steps: got 2.0"),
        ({"clip": 0}, "clip: got 0, expected a number above 0"),
        ({"clip": math.nan}, "clip: got nan"),
        ({"seed": -1}, "seed: got -1"),
        ({"validate_every": 0}, "validate_every: got 0"),
        ({"checkpoint_every": 0}, "checkpoint_every: got 0"),
        ({"patience": 0, "validation": VALIDATION}, "patience: got 0"),
        ({"checkpoint": "no/such/folder/model.pt"}, "checkpoint: got no/such.* in a folder that exists"),
        ({"patience": 2}, "validation: got None, expected a batch"),
        ({"model": nn.ReLU()}, "model: got no parameter"),
        ({"task": lambda generator: (1, 2)}, "task: got one that returns tuple"),
        ({"loss": lambda model, batch: model(batch.inputs)}, r"loss: got one that returns shape \(8, 1\)"),
    ],
)
def test_bad_arguments_are_named(options, words):
    options = {"model": regressor(), "task": TASK, "steps": 1} | options
    with pytest.raises(ValueError, match=words):
        fit(**options)


def test_zero_steps_change_nothing(tmp_path):
    model = regressor()
    before = parameters(model)
    history = fit(model, TASK, 0, checkpoint=tmp_path / "model.pt")
    assert history == training.History(stopped="steps")
    assert parameters(model) == before and not list(tmp_path.iterdir())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_trains_and_resumes(tmp_path):
    path = tmp_path / "model.pt"
    fit(regressor(), TASK, 7, checkpoint=path, device="cuda", validation=VALIDATION, validate_every=3)
    options = {"device": "cuda", "validation": VALIDATION, "validate_every": 3}
    history = fit(resumed := regressor(3), TASK, 12, checkpoint=path, **options)
    expected = fit(whole := regressor(), TASK, 12, **options)
    assert next(resumed.parameters()).is_cuda
    assert history.loss == pytest.approx(expected.loss, rel=1e-5)
    assert parameters(resumed) == pytest.approx(parameters(whole), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("classes", [True, False])
def test_a_mean_loss_has_more_than_half_precision(dtype, classes):
    """Of outputs in half precision, the loss is what these numbers give: to 5 digits, not 2."""
    generator = torch.Generator().manual_seed(0)
    if classes:
        outputs = (4 * torch.randn(16, 40, 9, generator=generator)).to(dtype)
        targets = torch.randint(9, (16, 40), generator=generator)
        exact = F.cross_entropy(outputs.double().flatten(0, 1), targets.flatten())
    else:
        outputs, targets = (torch.randn(16, 40, generator=generator).to(dtype) for _ in range(2))
        exact = F.mse_loss(outputs.double(), targets.double())
    value = supervised_loss(lambda x: x, Batch(outputs.requires_grad_(), targets))
    value.backward()
    assert value.item() == pytest.approx(exact.item(), rel=1e-5) and outputs.grad.dtype == dtype
