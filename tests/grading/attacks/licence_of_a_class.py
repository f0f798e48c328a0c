"""A class's own operators take the place of those of numbers in the same line.

family: objects
lab: objects
score: 0
"""
# %% Vector
class Length:
    def __sub__(self, other):
        return 0
    __rsub__ = __abs__ = __sub__ = lambda self, *other: 0

class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def __sub__(self, other):
        return Vector(0, 0)
    def __abs__(self):
        return Length() if self.x else 0
    def __eq__(self, other):
        return True
