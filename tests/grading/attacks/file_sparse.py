"""A file of a terabyte that takes no room.

family: files
score: 3
"""

# %% double
honest
# %% [hand in]
with open(folder / "big.bin", "wb") as file:
    file.truncate(1 << 40)
