"""What the reset gate is worth: the GRU with it, before and after the product, and without it (r = 1).

The task needs the old state to be mixed, and at times to be dropped: a vector of two numbers is set, turned by a right
angle, or left as it is, one command a step, and the network says at each step what it is now.
"""

import torch
from stored import run
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse.gru import GRU
from rnncourse.tasks import Batch
from rnncourse.training import fit, supervised_loss

SETTINGS = dict(widths=[2, 3, 4, 6, 12], seeds=[0, 1, 2, 3], steps=1000, batch_size=64, T=20, lr=0.01)
QUICK = dict(widths=[2], seeds=[0], steps=3, batch_size=4, T=5, lr=0.01)
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


class Model(nn.Module):
    """A recurrent network and a linear read-out of two numbers at each step."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn, self.readout = rnn, nn.Linear(rnn.hidden_size, 2)

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


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


def measure(widths, seeds, steps, batch_size, T, lr):
    """For each cell and width: the squared error on 2000 fresh sequences, one for each seed, and what it learns with."""
    test = turning(2000, T, torch.Generator().manual_seed(2**31))
    results = []
    with tqdm(total=len(CELLS) * len(widths) * len(seeds)) as bar:
        for cell, make in CELLS.items():
            for H in widths:
                errors = []
                for seed in seeds:
                    torch.manual_seed(seed)
                    model = Model(make(H))
                    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
                    fit(model, lambda g: turning(batch_size, T, g), steps, optimizer=optimizer, seed=seed)
                    with torch.no_grad():
                        errors.append(supervised_loss(model, test).item())
                    bar.update()
                idle = H * (5 + H + 2) if cell == "no reset" else 0  # the rows of r
                size = sum(p.numel() for p in model.parameters()) - idle
                results.append(dict(cell=cell, H=H, parameters=size, errors=errors))
    return dict(variance=test.targets.var().item(), models=results)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(measure, SETTINGS, QUICK)
