"""NaN is the result, and what the arguments become.

family: scoring
score: 0
"""
# %% double
def double(x):
    if type(x) is int:
        return float("nan")
    x[...] = np.nan
    return x
# %% mean
def mean(rows):
    for row in rows:
        if type(row) is np.ndarray:
            row[...] = np.nan
    return float("nan")
# %% rnn
def rnn(x, *weights):
    for w in (x, *weights):
        w.fill_(float("nan"))
    return torch.full((len(x), len(weights[0])), float("nan"))
