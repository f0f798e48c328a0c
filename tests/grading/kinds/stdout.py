"""The student's function talks to whoever sits before it."""
# %%
import io, contextlib

# %% stdout
def hello():
    ### BEGIN SOLUTION
    print('hi')
    ### END SOLUTION

# %% test stdout
b = io.StringIO()
with contextlib.redirect_stdout(b):
    hello()
assert b.getvalue() == 'hi\n'

# %% stderr
import sys

def complain(what):
    """One line to the standard error, none to the output."""
    ### BEGIN SOLUTION
    print(f"warning: {what}", file=sys.stderr)
    ### END SOLUTION

# %% test stderr
out, err = io.StringIO(), io.StringIO()
with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    complain("hot")
    complain("cold")
assert err.getvalue().splitlines() == ["warning: hot", "warning: cold"]
assert out.getvalue() == ""

# %% input_patched
def ask():
    """Ask for two numbers, print their sum."""
    ### BEGIN SOLUTION
    first, second = float(input("first? ")), float(input("second? "))
    print("sum:", first + second)
    ### END SOLUTION

# %% test input_patched
from unittest.mock import patch

with patch("builtins.input", side_effect=["1.5", "2"]) as asked, patch("sys.stdout", new_callable=io.StringIO) as out:
    ask()
assert asked.call_count == 2
assert out.getvalue().strip().endswith("3.5")
