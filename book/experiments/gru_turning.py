"""What the reset gate is worth: the GRU with it, before and after the product, and without it (r = 1).

The task needs the old state to be mixed, and at times to be dropped: a vector of two numbers is set, turned by a right
angle, or left as it is, one command a step, and the network says at each step what it is now.
"""

from functools import partial
from itertools import product

import torch
from stored import run
from sweep import Reader, sweep
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse.gru import GRU
from rnncourse.tasks import Batch
from rnncourse.training import supervised_loss

SETTINGS = dict(
    models=["reset after", "reset before", "no reset"],
    widths=[2, 3, 4, 6, 12],
    rates=[0.01, 0.03, 0.1],
    seeds=[0, 1, 2, 3, 4],
    updates=1000,
    every=100,
    batch_size=32,
    T=20,
)
QUICK = SETTINGS | dict(widths=[2], rates=[0.01], seeds=[0], updates=4, every=2, batch_size=4, T=5)
SET, TURN, KEEP = range(3)  # drawn with probabilities 0.2, 0.4, 0.4


def turning(batch_size: int, T: int, generator: torch.Generator) -> Batch:
    """inputs (B, T, 5): the command, one-hot, and two numbers from −1 to 1. targets (B, T, 2): the vector."""
    command = torch.bucketize(torch.rand(batch_size, T, generator=generator), torch.tensor([0.2, 0.6]))
    command[:, 0] = SET
    numbers = 2 * torch.rand(batch_size, T, 2, generator=generator) - 1
    vector, vectors = torch.zeros(batch_size, 2), []
    for c, new in zip(command.unbind(1), numbers.unbind(1), strict=True):
        turned = torch.stack([-vector[:, 1], vector[:, 0]], 1)  # (B, 2)
        vector = torch.where(c[:, None] == SET, new, torch.where(c[:, None] == TURN, turned, vector))
        vectors.append(vector)
    return Batch(torch.cat([F.one_hot(command, 3).float(), numbers], 2), torch.stack(vectors, 1))


@torch.no_grad()
def without_reset_(gru: GRU) -> GRU:
    """Hold r at 1, in place: σ(100) is 1 in float32 and has the derivative 0, so that training leaves it there."""
    H = gru.hidden_size
    for name, parameter in gru.named_parameters():
        parameter[:H] = 100.0 if name == "bias_ih_l0" else 0.0
    return gru


CELLS = {
    "reset after": lambda H: GRU(5, H),
    "reset before": lambda H: GRU(5, H, reset_after=False),
    "no reset": lambda H: without_reset_(GRU(5, H)),
}


def reader(model, H):
    return Reader(CELLS[model](H), 2, last=False)


def parameters(model, H):
    """How many numbers a model learns with: without the reset gate, its rows lie idle."""
    idle = H * (5 + H + 2) if model == "no reset" else 0
    return sum(p.numel() for p in reader(model, H).parameters()) - idle


def measure(remember, models, widths, T, batch_size, **options):
    test = turning(2000, T, torch.Generator().manual_seed(2**31))
    guess = test.targets.square().mean().item()  # the error of always answering 0

    @torch.no_grad()
    def error(model):
        return supervised_loss(model, test).item()

    for model, H in tqdm(list(product(models, widths)), desc="networks"):
        make = partial(reader, model, H)
        part = partial(sweep, make, partial(turning, batch_size, T), measures=dict(error=error), **options)
        remember(part, model=model, H=H, parameters=parameters(model, H), guess=guess)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
