"""The test looks at the student's function instead of calling it."""
# %%
import inspect

# %% signature
def f(a, b=2):
    ### BEGIN SOLUTION
    return a + b
    ### END SOLUTION

# %% test signature
assert list(inspect.signature(f).parameters) == ['a', 'b']

# %% keyword_only
### BEGIN SOLUTION
def ticket(age, /, *, student=False, day: str = "Monday") -> float:
    return 5.0 if student or age < 18 else 9.0
### END SOLUTION

# %% test keyword_only
parameters = inspect.signature(ticket).parameters
assert list(parameters) == ["age", "student", "day"]
assert parameters["age"].kind is inspect.Parameter.POSITIONAL_ONLY
assert parameters["student"].kind is inspect.Parameter.KEYWORD_ONLY
assert parameters["student"].default is False
assert parameters["day"].annotation is str and ticket.__annotations__["return"] is float
assert ticket.__name__ == "ticket"
assert ticket(40, student=True) == 5
try:
    ticket(40, True)
except TypeError:
    pass
else:
    raise AssertionError("student goes by its name alone")

# %% source_looked_at
### BEGIN SOLUTION
def digits(n):
    return n if n < 10 else n % 10 + digits(n // 10)
### END SOLUTION

# %% test source_looked_at
import ast

tree = ast.parse(inspect.getsource(digits))
assert not any(isinstance(node, (ast.For, ast.While)) for node in ast.walk(tree)), "without a loop"
assert digits(4711) == 13
