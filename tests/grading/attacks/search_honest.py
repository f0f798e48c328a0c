"""Not an attack: names, texts and comments that only look like what is forbidden.

family: academic
score: 4
"""
# %% rnn
import re
import torch
from torch.nn import *

class RNN(Module):
    """Does what torch.nn.RNN does."""  # and not torch.rnn_tanh

pattern, kind, recurrence = re.compile("x.RNN"), "torch.nn.RNN", {"RNN": RNN}
own = recurrence["RNN"]()

def rnn(x, W, U, b):
    h = torch.zeros(x.shape[0], U.shape[0], dtype=x.dtype)
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ W.T + h @ U.T + b)
    return h
