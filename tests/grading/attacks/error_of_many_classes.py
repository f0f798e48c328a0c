"""An error with a lineage of a hundred thousand classes, and arguments that are objects.

family: objects
score: 0
"""
# %% double
from rnncourse.grading.cell import student

student.lineage = lambda kind: [["m", f"C{i}"] for i in range(100_000)]

class Mine(ValueError):
    pass

def double(x):
    raise Mine(Mine, Mine(), student)

# %% mean
def mean(rows):
    raise Mine(*range(10_000))
