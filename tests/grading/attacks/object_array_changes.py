"""An object that is another array and another number each time it is read.

family: objects
score: 0
"""
# %% double
class Changes:
    shape, n = (3,), 0
    def __array__(self, dtype=None, copy=None):
        self.n += 1
        return np.full(3 if self.n % 2 else (0, 1), 2.0 + self.n % 3)
    def __float__(self):
        self.n += 1
        return float(self.n)
    __int__ = __index__ = lambda self: int(float(self))

def double(x):
    return Changes()

# %% mean
def mean(rows):
    return Changes()
