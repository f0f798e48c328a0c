"""A notebook of 30 MiB whose JSON takes thirty times that: numbers.

family: resources
score: 0
"""

# %% [hand in]
(folder / "small.ipynb").write_bytes(
    b'{"nbformat": 4, "cells": [], "x": [' + b"[[0]]," * ((30 << 20) // 6) + b"0]}"
)
notebook = None
