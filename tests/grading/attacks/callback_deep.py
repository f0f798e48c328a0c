"""A function of the test's calls the answer, which calls it again.

family: objects
lab: objects
score: 3
"""
# %% scale
kept = None
def scale(x):
    return kept(x) if kept else 2 * x

# %% integrate
def integrate(g, a, b, n):
    global kept
    kept = g
    return g(a)
