"""The test hands over a function of its own, which the student's function calls."""
# %% callback
def newton(f, df, x):
    ### BEGIN SOLUTION
    for _ in range(50):
        x = x - f(x) / df(x)
    return x
    ### END SOLUTION

# %% test callback
assert abs(newton(lambda x: x * x - 2, lambda x: 2 * x, 1.0) - 2 ** 0.5) < 1e-9

# %% mock_handed_over
def retry(task, times):
    """The result of `task()`, which is tried again after a ValueError, `times` times in all."""
    ### BEGIN SOLUTION
    for left in reversed(range(times)):
        try:
            return task()
        except ValueError:
            if not left:
                raise
    ### END SOLUTION

# %% test mock_handed_over
from unittest.mock import Mock

task = Mock(side_effect=[ValueError("busy"), ValueError("busy"), {"rows": 3}])
assert retry(task, 5) == {"rows": 3}
assert task.call_count == 3
task.assert_called_with()
task = Mock(side_effect=ValueError("shut"))
try:
    retry(task, 2)
except ValueError as error:
    assert str(error) == "shut"
else:
    raise AssertionError("the last error is the caller's")
assert task.call_count == 2

# %%
import numpy as np

# %% thousand_calls
def minimise(f, gradient, start, rate=0.05, steps=1000):
    """So many steps down the gradient; the point, and what `f` was at each."""
    ### BEGIN SOLUTION
    x, seen = np.array(start, float), []
    for _ in range(steps):
        x -= rate * gradient(x)
        seen.append(f(x))
    return x, np.array(seen)
    ### END SOLUTION

# %% test thousand_calls
target, asked = np.array([2.0, -1.0]), []

def bowl(x):
    asked.append(x.copy())
    return float(((x - target) ** 2).sum())

x, seen = minimise(bowl, lambda x: 2 * (x - target), [0, 0])
np.testing.assert_allclose(x, target, atol=1e-6)
assert len(asked) == seen.size == 1000
assert (np.diff(seen) <= 0).all()
np.testing.assert_allclose(asked[0], [0.2, -0.1])
