"""Ranges, slices and dates without measure.

family: objects
score: 0
"""
# %% double
def double(x):
    return range(10**15)

# %% mean
import datetime

def mean(rows):
    return [datetime.timedelta.max, datetime.datetime.max, slice(None, 10**18), range(-(10**18), 10**18)]
