"""Ten thousand empty folders, walked at every run.

family: files
score: 3
"""

# %% double
honest
# %% [hand in]
for n in range(100):
    for m in range(100):
        (folder / "many" / str(n) / str(m)).mkdir(parents=True)
