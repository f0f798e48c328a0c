"""The adding problem: simple networks and LSTMs of one size, over 20 to 100 steps. The networks are those of lstm_recall."""

from lstm_recall import SETTINGS as RECALL
from lstm_recall import over_lags
from stored import run

from rnncourse.tasks import adding

SETTINGS = RECALL | dict(
    models=["RNN", "RNN, orthogonal", "LSTM, bias 1", "LSTM, bias 5", "LSTM, chrono"],
    lags=[20, 50, 100],
    updates=4000,
    every=100,
)
QUICK = SETTINGS | dict(
    models=["RNN", "LSTM, chrono"], lags=[10], seeds=[0], units=dict(RNN=8, LSTM=4), updates=4, every=2, batch_size=4
)


def measure(remember, **settings):
    over_lags(remember, adding, 2, 1, 1 / 6, **settings)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
