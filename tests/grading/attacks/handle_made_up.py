"""Numbers of objects that are not there, negative ones, and other things where a number belongs.

family: objects
score: 0
"""
# %% double
from rnncourse.grading.cell import objects

class Thing:
    pass

made_up = [["object", 10**18, "function", "f"], ["object", -7, "class", "int"], ["object", True, "object", ""], ["object", [], [], {}],
           ["object", 1, "exception", "E", [["builtins", "SystemExit"]] * 5], ["callback", 0], ["callback", -1], ["callback", "x"], 7,
           ["instance", "os", "environ", {}], ["instance", "__main__", "Names", {}], ["library", "os", "system"], ["ours", "double"], [], None]
given = iter(made_up * 3)
objects.Objects.refer = lambda self, value: next(given, ["object", 3, "object", "x"])

def double(x):
    return Thing()

# %% mean
def mean(rows):
    return [Thing() for _ in range(9)]
