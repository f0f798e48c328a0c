"""LSTM and GRU with equally many parameters on the adding problem over 50 to 400 steps: updates until it is solved.

The gate that keeps starts with biases spread over the length of the task (chrono initialisation), in both networks.
"""

from functools import partial

import torch
from gru_compare import Model, size
from stored import run
from tqdm import tqdm

from rnncourse.gru import GRU, update_bias_
from rnncourse.lstm import LSTM, chrono_
from rnncourse.tasks import adding
from rnncourse.training import fit, supervised_loss

SETTINGS = dict(
    lengths=[50, 100, 200, 400], seeds=[0, 1, 2], H=32, wide=37, rate=0.01, batch_size=32, updates=1000, every=50
)
QUICK = dict(lengths=[8], seeds=[0], H=4, wide=5, rate=0.01, batch_size=4, updates=4, every=2)
SOLVED = 0.01  # squared error on fresh sequences; always answering 1 has 0.167


def measure(lengths, seeds, H, wide, rate, batch_size, updates, every):
    """For each length and model: the squared error after each `every` updates until it is solved, for each seed."""
    models = {
        "LSTM": lambda T: chrono_(LSTM(2, H), T),
        "GRU": lambda T: update_bias_(GRU(2, wide), torch.empty(wide).uniform_(1, T - 1).log()),
    }
    results = []
    with tqdm(total=len(lengths) * len(seeds) * len(models)) as bar:
        for T in lengths:
            test = adding(500, T, 2**31)
            for label, make in models.items():
                for seed in seeds:
                    torch.manual_seed(seed)
                    model = Model(make(T), 1, last=True)
                    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
                    errors = []
                    while len(errors) * every < updates and not (errors and errors[-1] < SOLVED):
                        fresh = 1000 * seed + len(errors)  # other data in every stretch
                        fit(model, partial(adding, batch_size, T), every, optimizer=optimizer, seed=fresh)
                        with torch.no_grad():
                            errors.append(supervised_loss(model, test).item())
                    results.append(dict(T=T, model=label, parameters=size(model), seed=seed, errors=errors))
                    bar.update()
    return results


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(measure, SETTINGS, QUICK)
