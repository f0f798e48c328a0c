"""The test reads what the student wrote about a function."""
# %% docstring
def f():
    ### BEGIN SOLUTION
    'Return one.'
    return 1
    ### END SOLUTION

# %% test docstring
assert f.__doc__

# %% docstring_of_a_class
### BEGIN SOLUTION
class Queue:
    """First come, first served."""

    def __init__(self):
        self.items = []

    def put(self, item):
        """Add at the end."""
        self.items.append(item)
### END SOLUTION

# %% test docstring_of_a_class
import inspect

assert inspect.getdoc(Queue) == "First come, first served."
assert "end" in Queue.put.__doc__.lower()
assert inspect.isclass(Queue) and Queue.__name__ == "Queue"
assert "put" in dir(Queue) and hasattr(Queue(), "put") and not hasattr(Queue, "get")

# %% examples_in_a_docstring
### BEGIN SOLUTION
def half(n):
    """Half of an even number.

    >>> half(6)
    3
    >>> half(0)
    0
    """
    return n // 2
### END SOLUTION

# %% test examples_in_a_docstring
import doctest

examples = doctest.DocTestParser().get_doctest(half.__doc__, {"half": half}, "half", None, 0)
assert len(examples.examples) >= 2
assert doctest.DocTestRunner(verbose=False).run(examples).failed == 0
