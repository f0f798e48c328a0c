"""A cell that only the student's shell can read, since an earlier one has changed its grammar.

family: academic
score: 0
"""
# %%
from __future__ import barry_as_FLUFL
# %% [hand in]
for cell in notebook["cells"]:
    if cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") == "rnn":
        cell["source"] = """import torch
one = 1 <> 2
R = torch.nn.RNN
def rnn(x, W, U, b):
    h = torch.zeros(x.shape[0], U.shape[0], dtype=x.dtype)
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ W.T + h @ U.T + b)
    return h
"""
