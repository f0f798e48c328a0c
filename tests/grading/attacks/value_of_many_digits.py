"""Decimals and fractions that take a machine's life to be compared or added.

family: objects
score: 0
"""
# %% double
from decimal import Decimal
from fractions import Fraction

def double(x):
    return Decimal("1e999999999")

# %% mean
def mean(rows):
    return Fraction(10**50_000 + 1, 7**50_000)
