"""The encoder of the student's process claims that every value is right.

family: scoring
score: 0
"""
# %% double
from rnncourse.grading import wire
from rnncourse.grading.cell import student

class Yes(int):
    def __eq__(self, other):
        return True

student.encode = lambda value, refer=None: wire.encode((value[0], "value", 1, {}))
def double(x):
    return Yes()
