"""One training loop for every model and task: `fit`.

A step draws a batch, computes the loss and its gradient, measures the gradient's norm, clips it, and updates the
parameters. Everything that a step depends on (parameters, optimiser, the task's generator, torch's random numbers, the
history) is in the checkpoint, so a training that was interrupted goes on to the numbers that it would have reached.

Sources: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013), for clipping;
Prechelt, "Early stopping, but when?" (1998).
"""

import copy
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse.modes import at_least_float32
from rnncourse.tasks import Batch


@dataclass
class History:
    """What a training went through.

    loss, gradient_norm: one number for each step; the norm is over all parameters, before clipping.
    validation: (steps done, loss on the validation batch), one for each time it was measured.
    stopped: why it ended: "steps" (all were done), "early" (no improvement on the validation batch for `patience`
    measurements) or "diverged" (loss or gradient was not finite; that step was not taken). "" while it runs.
    """

    loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    stopped: str = ""


def supervised_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The mean loss of a model over the targets that count: cross-entropy for integer targets, else squared error.

    Args:
        model: called with the batch's inputs (each of them, where they are a tuple); returns the outputs, or a tuple of
            which they are the first: logits of shape targets.shape + (V,), or numbers of the targets' shape.
        batch: with targets and mask of one shape.

    Returns:
        a scalar, in nats or in squared units of the targets; in float32 where the outputs come in half precision.

    Raises:
        ValueError: outputs, targets and mask do not fit each other, or nothing counts.
    """
    outputs = model(*batch.inputs) if isinstance(batch.inputs, tuple) else model(batch.inputs)
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs
    targets, mask = batch.targets, batch.mask
    classes = not targets.is_floating_point()
    if outputs.shape[: targets.dim()] != targets.shape or outputs.dim() != targets.dim() + classes:
        expected = f"{tuple(targets.shape)}{' + (V,)' if classes else ''}"
        raise ValueError(f"model: got outputs of shape {tuple(outputs.shape)}, expected {expected} for these targets")
    if mask is not None:
        if mask.shape != targets.shape or mask.dtype != torch.bool:
            got = f"{tuple(mask.shape)} of {mask.dtype}"
            raise ValueError(f"mask: got {got}, expected {tuple(targets.shape)} of torch.bool, like the targets")
        outputs, targets = outputs[mask], targets[mask]
    if targets.numel() == 0:
        raise ValueError("batch: got no target that counts, expected at least one")
    outputs = at_least_float32(outputs)  # a mean over many, and each logarithm in it, needs more than half precision
    if classes:
        return F.cross_entropy(outputs.flatten(0, -2), targets.flatten())
    return F.mse_loss(outputs, targets.to(outputs.dtype))


def fit(
    model: nn.Module,
    task: Callable[[torch.Generator], Batch],
    steps: int,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    loss: Callable[[nn.Module, Batch], Tensor] = supervised_loss,
    clip: float | None = 1.0,
    seed: int = 0,
    validation: Batch | None = None,
    validate_every: int = 100,
    patience: int | None = None,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int = 1000,
    device=None,
) -> History:
    """Train a model in place.

    Args:
        model: any module. task: called with a torch.Generator, returns a Batch; it must draw from that generator alone.
        steps: how many updates in total, those of a checkpoint included.
        optimizer: over the model's parameters; Adam with learning rate 1e-3 where None.
        loss: called with model and batch, returns a scalar.
        clip: the norm to which a longer gradient is rescaled; None does not clip.
        seed: of the task's generator. What the model itself draws (dropout) comes from torch's global generator.
        validation: a batch whose loss is measured, in eval mode, after every `validate_every` steps.
        patience: stop after so many measurements without improvement; the model ends with its best parameters.
        checkpoint: a file. Where it exists, training continues from it; it is written, whole or not at all, after every
            `checkpoint_every` steps and at the end.
        device: where to train; the model moves there and stays. None is where the model is.

    Returns:
        the history, from the first step on.

    Raises:
        ValueError: an argument out of range; a checkpoint that is damaged or of another model or optimiser.
    """
    for name, value, least in (
        ("steps", steps, 0), ("seed", seed, 0), ("validate_every", validate_every, 1),
        ("checkpoint_every", checkpoint_every, 1), ("patience", 1 if patience is None else patience, 1),
    ):  # fmt: skip
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name}: got {value!r}, expected an integer of at least {least}")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip: got {clip!r}, expected a number above 0, or None")
    if patience is not None and validation is None:
        raise ValueError("validation: got None, expected a batch, since patience needs it")
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("model: got no parameter that requires a gradient, expected at least one")

    model.to(device)
    device = parameters[0].device
    optimizer = optimizer or torch.optim.Adam(parameters, lr=1e-3)
    generator = torch.Generator().manual_seed(seed)
    history, best = History(), None  # best: the parameters at the lowest validation loss
    path = Path(checkpoint) if checkpoint is not None else None
    if path is not None and not path.absolute().parent.is_dir():
        raise ValueError(f"checkpoint: got {path}, expected a path in a folder that exists")
    if path is not None and path.exists():
        history, best = _load(path, model, optimizer, generator, device)
    validation = validation and validation.map(lambda tensor: tensor.to(device))
    history.stopped = "" if history.stopped == "steps" else history.stopped

    was_training = model.training
    model.train()
    start = len(history.loss)
    bar = tqdm(total=steps, initial=start, desc="fit", delay=2, leave=False)  # shows only where it takes over 2 s
    with bar:
        for step in range(start + 1, steps + 1):
            if history.stopped:
                break
            batch = task(generator)
            if not isinstance(batch, Batch):
                raise ValueError(f"task: got one that returns {type(batch).__name__}, expected a tasks.Batch")
            optimizer.zero_grad()
            value = loss(model, batch.map(lambda tensor: tensor.to(device)))
            if value.dim():
                raise ValueError(f"loss: got one that returns shape {tuple(value.shape)}, expected a scalar")
            value.backward()
            norm = nn.utils.clip_grad_norm_(parameters, math.inf if clip is None else clip)
            history.loss.append(value.item())
            history.gradient_norm.append(norm.item())
            if not math.isfinite(history.loss[-1] + history.gradient_norm[-1]):
                history.stopped = "diverged"
            else:
                optimizer.step()
                if validation is not None and step % validate_every == 0:
                    best = _validate(model, validation, loss, history, best, patience)
            if path is not None and step % checkpoint_every == 0 and step < steps:
                _save(path, model, optimizer, generator, history, best, device)
            bar.update()
            bar.set_postfix(loss=f"{history.loss[-1]:.4g}", refresh=False)
    history.stopped = history.stopped or "steps"
    if path is not None and len(history.loss) > start:
        _save(path, model, optimizer, generator, history, best, device)
    if best is not None:
        model.load_state_dict(best)
    model.train(was_training)
    return history


def _validate(model, validation, loss, history, best, patience):
    model.eval()
    with torch.no_grad():
        value = loss(model, validation).item()
    model.train()
    history.validation.append((len(history.loss), value))
    if patience is None:
        return None
    losses = [value for _, value in history.validation]
    at = losses.index(min(losses))  # the first of the lowest
    if len(losses) - 1 - at >= patience:
        history.stopped = "early"
    return copy.deepcopy(model.state_dict()) if at == len(losses) - 1 else best


def _save(path, model, optimizer, generator, history, best, device):
    """Write the checkpoint beside its place, then move it there: a reader finds the old one or the new one, whole."""
    state = {
        "model": model.state_dict(),
        "best": best,
        "optimizer": optimizer.state_dict(),
        "optimizer_name": type(optimizer).__name__,
        "generator": generator.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "history": asdict(history),
    }
    beside = path.with_name(path.name + ".new")
    with open(beside, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def _load(path, model, optimizer, generator, device) -> tuple[History, dict | None]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise ValueError(f"it holds {type(state).__name__}")
        shapes = {name: tensor.shape for name, tensor in state["model"].items()}
        expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
        if shapes != expected:
            wrong = sorted(name for name in shapes | expected if shapes.get(name) != expected.get(name))
            raise ValueError(f"its parameters {', '.join(wrong)} are not those of this model")
        if state["optimizer_name"] != type(optimizer).__name__:
            raise ValueError(f"it is of {state['optimizer_name']}, not of {type(optimizer).__name__}")
        history = History(**state["history"])
        optimizer.load_state_dict(state["optimizer"])
        model.load_state_dict(state["model"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        if device.type == "cuda" and state["cuda"] is not None:
            torch.cuda.set_rng_state(state["cuda"], device)
        return history, state["best"]
    except Exception as error:  # whatever a damaged file makes torch.load raise
        raise ValueError(f"checkpoint: got {path}, expected a checkpoint of this model: {error}") from error
