"""Parts of indices, frames and pictures that pandas and PIL never made.

family: objects
score: 0
"""
# %% double
from rnncourse.grading.cell import student

encode = student.encode
parts = [
    ("index", ("multi", ([("", np.arange(3)), None], [np.arange(10**6), np.full(10**6, 2**62)]), ["a"])),
    ("index", ("multi", ([("", ("", np.arange(3)), "a")] * 2, [np.array([0, 2**31]), np.array([-9, 1])]), ["a", "b"])),
    ("index", ("range", (0, 10**18, 1), "n")),
    ("frame", ([("", np.arange(3))] * 2, ("range", (0, 10**12, 1), ""), ("range", (0, 2, 1), ""))),
    ("series", (("category", (np.array([0, 99]), ("", ("", np.arange(2)), ""), True)), ("range", (0, 2, 1), ""), "x")),
    ("Timestamp", (2**70, "ns", "../../etc/passwd")),
    ("picture", ("RGB", (10**5, 10**5), b"", None)), ("picture", ("os", (1, 1), b"x", None)), ("picture", ("P", (1, 1), b"x", [999] * 10**5)),
]
given = iter(parts)
answer = student.Child.call

def call(self, function, arguments, keywords):
    global part
    part = next(given, parts[-1])
    return answer(self, function, arguments, keywords)

def lie(value, refer=None):
    data = encode(value, refer)
    return data.replace(encode("a part"), b"x" + encode(part)) if value[1:2] == ("value",) else data

student.Child.call, student.encode = call, lie

def double(x):
    return "a part"

# %% mean
def mean(rows):
    return "a part"
