"""A function of the test's is called without end.

family: objects
lab: objects
score: 0
"""
# %% integrate
def integrate(g, a, b, n):
    while True:
        g(a)
