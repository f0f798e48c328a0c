"""A tower of powers, and an expression whose symbols are code.

family: objects
score: 0
"""
# %% double
from rnncourse.grading.cell import student

encode, nine = student.encode, ("integer", 9)
tower = ("made", "Pow", [nine, ("made", "Pow", [nine, nine])])
code = ("symbol", "open('/tmp/attack_symbol', 'w')", {})
made = ("made", "Function", [code]), ("applied", "exec", [code]), ("matrix", "Matrix", 10**9, 10**9, []), ("float", "1", 10**9)
given = iter([code, *made, tower])

def lie(value, refer=None):
    data = encode(value, refer)
    if value[1:2] != ("value",) or encode("a part") not in data:
        return data
    return data.replace(encode("a part"), b"x" + encode(("expression", next(given, code))))

student.encode = lie

def double(x):
    return "a part"

# %% mean
def mean(rows):
    return "a part"
