"""Right for two numbers of four, and wrong by little: a part of the points.

family: scoring
lab: parts
score: 3.75
"""
# %% square
def square(x):
    return x if isinstance(x, int) else x * x + 0.25
