"""Store a number and give it back when asked: an LSTM of four units against simple networks, rates and seeds swept.

The layers are torch.nn's: they equal the package's to rounding (chapter `lstm`), and at this size run faster.
"""

from functools import partial
from itertools import product

import torch
from stored import run
from torch import nn
from tqdm import tqdm

from rnncourse.layers import orthogonal_
from rnncourse.lstm import forget_bias_
from rnncourse.tasks import Batch
from rnncourse.training import fit

NETWORKS = {  # name -> layer, units, initialisation
    "LSTM, 4 units": (nn.LSTM, 4, partial(forget_bias_, value=1.0)),
    "RNN, 10 units": (nn.RNN, 10, orthogonal_),  # about as many parameters as the LSTM
    "RNN, 32 units": (nn.RNN, 32, orthogonal_),
}


def store_and_ask(batch_size, T, seed):
    """Sequences (B, T, 3) of a number, the mark `store` and the mark `ask`; targets (B, T, 1).

    The target is the number that came with the last `store` where `ask` stands, and 0 elsewhere: 0 is the best guess.
    """
    generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
    value = 2 * torch.rand(batch_size, T, generator=generator) - 1
    store = torch.rand(batch_size, T, generator=generator) < 0.15
    ask = (torch.rand(batch_size, T, generator=generator) < 0.3) & ~store
    store[:, 0], ask[:, 0] = True, False
    held = torch.zeros(batch_size, T)
    for t in range(T):
        held[:, t] = torch.where(store[:, t], value[:, t], held[:, t - 1])
    return Batch(torch.stack([value, store, ask], -1), (held * ask)[..., None])


class Answering(nn.Module):
    """A recurrent layer with a read-out at every step."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn, self.readout = rnn, nn.Linear(rnn.hidden_size, 1)

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


@torch.no_grad()
def share_of_guess(model, T):
    """The squared error where a number is asked for, as a share of that of always answering 0: at any delay, and at each."""
    batch = store_and_ask(4000, T, 10_000)
    store, ask = batch.inputs[..., 1] == 1, batch.inputs[..., 2] == 1
    step = torch.arange(T).expand_as(store)
    delay = step - (step * store).cummax(1).values  # since the last `store`
    error, guess = (model(batch.inputs) - batch.targets)[..., 0].square(), batch.targets[..., 0].square()
    by_delay = [(error[ask & (delay == k)].mean() / guess[ask & (delay == k)].mean()).item() for k in range(1, min(T, 21))]
    return round((error[ask].mean() / guess[ask].mean()).item(), 5), [round(share, 5) for share in by_delay]


def train(network, rate, seed, *, T, batch_size, steps):
    layer, units, initialise = NETWORKS[network]
    torch.manual_seed(seed)
    model = Answering(initialise(layer(3, units, batch_first=True)))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    fit(model, partial(store_and_ask, batch_size, T), steps, optimizer=optimizer, seed=seed)
    left, by_delay = share_of_guess(model, T)
    return dict(left=left, left_three_times_as_long=share_of_guess(model, 3 * T)[0], by_delay=by_delay)


def measure(networks, rates, seeds, **options):
    torch.set_num_threads(1)
    runs = list(product(networks, rates, range(seeds)))
    return [
        dict(network=network, rate=rate, seed=seed) | train(network, rate, seed, **options)
        for network, rate, seed in tqdm(runs, desc="trainings")
    ]


SETTINGS = dict(
    networks=list(NETWORKS),
    rates=[1e-3, 3e-3, 1e-2],
    seeds=3,
    T=20,
    batch_size=64,
    steps=3000,
)
QUICK = SETTINGS | dict(networks=["LSTM, 4 units"], rates=[1e-2], seeds=1, T=8, steps=5)

if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
