"""A notebook of 30 MiB whose JSON takes thirty times that: lists.

family: resources
score: 0
"""

# %% [hand in]
(folder / "small.ipynb").write_bytes(
    b'{"nbformat": 4, "cells": [], "x": [' + b"[]," * ((30 << 20) // 3) + b"0]}"
)
notebook = None
