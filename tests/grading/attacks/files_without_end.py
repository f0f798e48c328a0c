"""A process that says with every reply that it has written sixteen megabytes more.

family: objects
lab: objects
score: 0
"""
# %% integrate
from rnncourse.grading.cell import student

n = 0

def written(self):
    global n
    n += 1
    return {f"file{n}": np.zeros(16 << 20, np.uint8)} if n > 1 else {}

def integrate(g, a, b, n):
    return Endless()

class Endless:
    def __sub__(self, other):
        return self
    def __iter__(self):
        while True:
            yield 1

student.Child.written = written

# %% scale
def scale(x):
    return Endless()
