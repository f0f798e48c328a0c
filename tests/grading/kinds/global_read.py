"""The test sets what the student's function reads beside its arguments."""
# %% global_read
k = 1
def f():
    ### BEGIN SOLUTION
    return k
    ### END SOLUTION

# %% test global_read
k = 5
assert f() == 5

# %%
price, fee = 4.0, 1.0

# %% two_globals_one_deleted
def bill(n):
    """By `price` and `fee` as they are when it is called."""
    ### BEGIN SOLUTION
    return n * price + fee
    ### END SOLUTION

# %% test two_globals_one_deleted
assert bill(2) == 9
price, fee = 10.0, 0.5
assert bill(3) == 30.5
del fee
try:
    bill(1)
except NameError:
    pass
else:
    raise AssertionError("fee is gone")
fee = 0
assert bill(1) == 10

# %%
import random
import numpy as np

# %% seeded_by_the_test
def throws(n):
    """n throws of NumPy's die, by its global generator, and one of Python's."""
    ### BEGIN SOLUTION
    return np.random.randint(1, 7, n), random.random()
    ### END SOLUTION

# %% test seeded_by_the_test
np.random.seed(7)
random.seed(7)
expected, one = np.random.randint(1, 7, 20), random.random()
np.random.seed(7)
random.seed(7)
dice, real = throws(20)
np.testing.assert_array_equal(dice, expected)
assert real == one
