"""The forbidden class by names that other cells bind, below and above.

family: academic
score: 0
"""
# %%
from torch.nn import *
# %% rnn
import torch
R = RNN
def later():
    return d.RNN

def rnn(x, W, U, b):
    h = torch.zeros(x.shape[0], U.shape[0], dtype=x.dtype)
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ W.T + h @ U.T + b)
    return h

# %%
d = c.nn
c = torch
