"""Types, zones, devices and records by names that are none.

family: objects
score: 0
"""
# %% double
from rnncourse.grading.cell import student

encode = student.encode
parts = [
    ("type", "os.system"), ("dtype", "|V99999999"), ("dtype", "O8"), ("ZoneInfo", "../../etc/passwd"), ("ZoneInfo", "/etc/passwd"), ("torch.dtype", "load"),
    ("torch.device", "cuda:99"), ("record", ("__import__", ("a",), (1,))), ("record", ("x", ("a, b):\n import os", "b"), (1, 2))), ("record", ("x", ("_make",), (1,))),
    ("record", ("x", tuple(f"a{i}" for i in range(70_000)), ())), ("defaultdict", ("eval", {})), ("deque", ([1] * 9, -1)), ("range", (0, 1, 0)), ("UUID", "x"),
    ("objects", ((10**9, 10**9), [])), ("objects", ((-1, 0), [])), ("nothing", "os"), ("poly1d", (np.ones(9), "import os")), ("nobody", ()), (7, 7), ([], {}),
]
given = iter(parts * 3)

def lie(value, refer=None):
    data = encode(value, refer)
    return data.replace(encode("a part"), b"x" + encode(next(given))) if value[1:2] == ("value",) else data

student.encode = lie

def double(x):
    return "a part"

# %% mean
def mean(rows):
    return ["a part"] * 9
