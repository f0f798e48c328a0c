"""A link in place of a folder, and a notebook below it.

family: files
score: 0
"""
# %% [hand in]
(folder / "data").symlink_to(course / "submitted" / "zz-honest" / "small")
