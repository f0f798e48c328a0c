"""Folders in folders, as deep as a path may be.

family: files
score: 3
"""

# %% double
honest
# %% [hand in]
import os

place = folder
while len(str(place)) < 3500:
    place = place / ("d" * 200)
    place.mkdir()
