"""The forbidden class by its name in pieces, by other doors than getattr.

family: academic
score: 0
"""
# %% rnn
import pkgutil, torch
g = getattr
R = [g(torch.nn, "R" + f"{'N'}N"), pkgutil.resolve_name("torch.nn:RNN"), vars(torch.nn).get("".join(["R", "NN"]))]

def rnn(x, W, U, b):
    h = torch.zeros(x.shape[0], U.shape[0], dtype=x.dtype)
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ W.T + h @ U.T + b)
    return h
