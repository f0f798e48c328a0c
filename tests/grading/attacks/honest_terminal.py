"""Not an attack: a command in a terminal, a shell's cell and a terminal of one's own work.

family: resources
score: 3
"""
# %%
get_ipython().system('echo one; tty > name')
# %%
get_ipython().run_cell_magic('bash', '', 'echo two > word')
# %% double
import os

ours, theirs = os.openpty()
os.write(theirs, b"word")
assert os.read(ours, 9) == b"word"
assert open("name").read().startswith("/dev/pts/") and open("word").read() == "two\n"
def double(x):
    return 2 * x
