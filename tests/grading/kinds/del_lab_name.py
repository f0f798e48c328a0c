"""The test takes away, or puts another in the place of, what the student is to call."""
# %%
def square(x): return x * x

# %% del_lab_name
def f(x):
    ### BEGIN SOLUTION
    return square(x) + 1
    ### END SOLUTION

# %% test del_lab_name
old = square
del square
try:
    f(2)
    raise RuntimeError('square is still there after del')
except NameError:
    pass
finally:
    square = old
assert f(2) == 5

# %%
def fetch(place):
    """The temperature of a place, from far away."""
    return {"Oslo": 3.0, "Rome": 19.0}[place]

# %% name_patched
def warmest(places):
    ### BEGIN SOLUTION
    return max(places, key=fetch)
    ### END SOLUTION

# %% test name_patched
from unittest.mock import call, patch

with patch("__main__.fetch", side_effect=lambda place: -len(place)) as patched:
    assert warmest(["Lisbon", "Bern", "Paris"]) == "Bern"
assert patched.call_args_list == [call("Lisbon"), call("Bern"), call("Paris")]
assert warmest(["Oslo", "Rome"]) == "Rome"

# %%
def swap(items, i, j):
    items[i], items[j] = items[j], items[i]

# %% name_counted
def sort(items):
    """Sort in place by `swap` alone."""
    ### BEGIN SOLUTION
    for end in range(len(items) - 1, 0, -1):
        for i in range(end):
            if items[i] > items[i + 1]:
                swap(items, i, i + 1)
    ### END SOLUTION

# %% test name_counted
swaps, before = [], swap

def swap(items, i, j):
    swaps.append((i, j))
    before(items, i, j)

numbers = [3, 1, 2]
sort(numbers)
assert numbers == [1, 2, 3]
assert swaps == [(0, 1), (1, 2)]
swap = before
