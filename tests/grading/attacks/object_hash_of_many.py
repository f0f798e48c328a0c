"""Ten thousand objects of one hash as the keys of a dictionary and in a set, whose hash asks for more.

family: objects
score: 0
"""
# %% double
class Same:
    def __hash__(self):
        return 4
    def __eq__(self, other):
        return self is other

def double(x):
    return {Same(): 4 for _ in range(10_000)}

# %% mean
def mean(rows):
    return {Same() for _ in range(10_000)}
