"""Right answers as NumPy's scalars: the points are its numbers, and count.

family: scoring
lab: parts
score: 7
"""
# %% square
def square(x):
    return np.multiply(x, x)
