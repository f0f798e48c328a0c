"""A wrong answer where a test ends with False.

family: scoring
lab: parts
score: 0
"""
# %% square
def square(x):
    return -1 if isinstance(x, int) else -9 * np.ones(4)
