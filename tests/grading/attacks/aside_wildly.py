"""What it did beside returning: words, warnings and files of no form.

family: objects
score: 0
"""
# %% double
from rnncourse.grading.cell import student

wild = [{"printed": [7, {"name": "x"}, {"name": [], "text": 1}]}, {"warned": [1, ("w", [["os", "system"]], "f", 1), ("w", [[[], {}]], "f", -1)]},
        {"files": {"a" * 300: None, "../x": np.zeros(1, np.uint8), "/tmp/attack_file": np.zeros(1, np.uint8), 7: 7, "a\0b": None, "": None}},
        {"files": {".": None, "..": None, "x/" * 2000: None, "con": np.zeros(3), "y": "text"}}, {"printed": [{"name": "stdout", "text": "x" * 9}] * 99_999}]
given = iter(wild * 9)
student.Child.aside = lambda self: next(given)
student.Child.written = lambda self: wild[2]["files"]

def double(x):
    return [2 * x, object()][1]

# %% mean
def mean(rows):
    return object()
