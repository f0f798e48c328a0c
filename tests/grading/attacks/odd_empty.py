"""Results without a number in them.

family: scoring
score: 0
"""
# %% double
def double(x):
    return 4 if type(x) is int else np.zeros(0)
# %% mean
def mean(rows):
    return np.zeros((0, 2)) if len(rows) else []
# %% rnn
def rnn(x, W, U, b):
    return torch.zeros(0, len(b))
