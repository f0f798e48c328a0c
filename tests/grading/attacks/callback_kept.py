"""A function of the test's is called in a thread, when the test is over, and by a later answer.

family: objects
lab: objects
score: 6
"""
# %% scale
honest

# %% integrate
import threading

kept = []
def integrate(g, a, b, n):
    kept.append(g)
    thread = threading.Thread(target=g, args=(a,))
    thread.start()
    thread.join()
    return sum(g(a + (b - a) * (i + 0.5) / n) for i in range(n)) * (b - a) / n

# %%
for g in kept:
    g(1)

# %% step
def step(x):
    return kept[-1](x)
