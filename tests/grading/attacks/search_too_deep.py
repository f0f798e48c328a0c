"""Code so deeply nested that the search fails, but not a student's own recursion limit.

family: academic
score: 0
"""
# %%
import sys
sys.setrecursionlimit(100000)
# %% [hand in]
for cell in notebook["cells"]:
    if cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") == "rnn":
        cell["source"] = "x = " + "-" * 4000 + "1" + """
import torch
R = torch.nn.RNN
def rnn(x, W, U, b):
    h = torch.zeros(x.shape[0], U.shape[0], dtype=x.dtype)
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ W.T + h @ U.T + b)
    return h
"""
