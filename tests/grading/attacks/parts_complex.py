"""Complex results, whose squared error is below zero: the points are complex.

family: scoring
lab: parts
score: 0
"""
# %% square
def square(x):
    return 1 + 2j if isinstance(x, int) else x * x + 1000j
