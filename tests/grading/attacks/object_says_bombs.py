"""Words of an object and of an error that are a hundred megabytes, or no words.

family: objects
score: 0
"""
# %% double
class Loud:
    def __repr__(self):
        return "boom " * 20_000_000
    __str__ = __format__ = lambda self, *form: repr(self)

def double(x):
    return Loud()

# %% mean
class Louder(ValueError):
    def __str__(self):
        return 7

def mean(rows):
    raise Louder("boom " * 20_000_000)
