"""A function is wrong on purpose, and the lab's own that stands in for it is kept for later.

family: objects
lab: objects
score: 3
"""
# %% step
def step(x):
    return kept[-1](x) if kept else 0
kept = []

# %% sequence
def sequence(x, n):
    kept.append(step)
    for _ in range(n):
        x = step(x)
    return x

# %%
try:
    print(step(5), [k(5) for k in kept])
except Exception as error:
    print(error)
