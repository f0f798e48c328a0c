"""The lab's own function is called with an object that notes what is done with it.

family: objects
lab: objects
score: 0
"""
# %% step
def step(x):
    raise ValueError

# %% sequence
class Traced:
    noted = []
    def __getattr__(self, name):
        self.noted.append(name)
        return Traced()
    def __call__(self, *arguments):
        return Traced()
    def __mul__(self, other):
        self.noted.append(("mul", other))
        return Traced()
    __rmul__ = __add__ = __radd__ = __mul__

def sequence(x, n):
    try:
        step(Traced())
    finally:
        print(Traced.noted)
    return 3 * x

# %%
Traced.noted
