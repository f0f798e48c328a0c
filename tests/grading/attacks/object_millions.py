"""A million objects in one answer, and as many one after another.

family: objects
score: 0
"""
# %% double
class Thing:
    pass

def double(x):
    return [Thing() for _ in range(1_000_000)]

# %% mean
def mean(rows):
    return (Thing() for _ in range(1_000_000))
