"""What it says that it has changed is what it was never given.

family: objects
score: 0
"""
# %% double
from rnncourse.grading.cell import student

answer = student.Child.call
wild = iter([{-1: (4, {})}, {10**9: (4, {})}, {"x": 4}, {0: (np.ones(3), {0: (["__class__"], {})})}, {0: ([1] * 9, {0: ([0, 0, 0], 7)})}, {True: ()}] * 9)
same = iter(["__len__", -5, 10**9, [], 0.5, b"x"] * 9)

def call(self, *arguments):
    said, value, changed, _, aside = answer(self, *arguments)
    return said, value, next(wild), next(same), aside

student.Child.call = call

def double(x):
    return 2 * x

# %% mean
def mean(rows):
    return sum(rows) / len(rows)
