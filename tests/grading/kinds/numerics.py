"""A course on numerical methods: what is solved comes from the test, as a function."""
# %%
import warnings
import numpy as np
from scipy.integrate import solve_ivp

class NoRoot(ValueError):
    """There is no change of sign to start from."""

# %% bisect
def bisect(f, a, b, tolerance=1e-8):
    """A zero of `f` between `a` and `b`, as (zero, number of halvings).

    `f` is asked at most once for each point. Raises `NoRoot` where f(a) and f(b) have the same sign.
    """
    ### BEGIN SOLUTION
    at_a, at_b = f(a), f(b)
    if at_a * at_b > 0:
        raise NoRoot(f"f({a}) and f({b}) have the same sign")
    if at_a == 0 or at_b == 0:
        return (a if at_a == 0 else b), 0
    halvings = 0
    while b - a > tolerance:
        middle = (a + b) / 2
        at_middle = f(middle)
        halvings += 1
        if at_a * at_middle <= 0:
            b = middle
        else:
            a, at_a = middle, at_middle
    return (a + b) / 2, halvings
    ### END SOLUTION

# %% test bisect, 3
zero, halvings = bisect(lambda x: x**2 - 2, 0, 2)
assert abs(zero - 2**0.5) < 1e-8, "the root of two"
assert 27 <= halvings <= 29
### BEGIN HIDDEN TESTS
asked = []

def f(x):
    asked.append(x)
    return np.cos(x)

zero, halvings = bisect(f, 1, 2, tolerance=1e-4)
np.testing.assert_allclose(zero, np.pi / 2, atol=1e-4)
assert len(asked) == len(set(asked)) <= halvings + 3, "each point once"
assert bisect(lambda x: x - 1, 1, 3)[0] == 1
try:
    bisect(lambda x: x**2 + 1, -1, 1)
except NoRoot:
    pass
else:
    raise AssertionError("no change of sign")
### END HIDDEN TESTS

# %% wrong bisect: asks again at the ends for each halving
def bisect(f, a, b, tolerance=1e-8):
    if f(a) * f(b) > 0:
        raise NoRoot("the same sign")
    if f(a) == 0:
        return a, 0
    halvings = 0
    while b - a > tolerance:
        middle = (a + b) / 2
        halvings += 1
        if f(a) * f(middle) <= 0:
            b = middle
        else:
            a = middle
    return (a + b) / 2, halvings

# %% wrong bisect: raises something else
def bisect(f, a, b, tolerance=1e-8):
    assert f(a) * f(b) <= 0
    if f(a) == 0:
        return a, 0
    halvings, at_a = 0, f(a)
    while b - a > tolerance:
        middle, halvings = (a + b) / 2, halvings + 1
        a, b = (a, middle) if at_a * f(middle) <= 0 else (middle, b)
    return (a + b) / 2, halvings

# %% wrong bisect: keeps the half without the zero
def bisect(f, a, b, tolerance=1e-8):
    halvings = 0
    while b - a > tolerance:
        middle, halvings = (a + b) / 2, halvings + 1
        if f(a) * f(middle) <= 0:
            a = middle
        else:
            b = middle
    return (a + b) / 2, halvings

# %% newton
def newton(f, x, derivative=None, steps=30):
    """A zero of `f`; without a derivative by a central difference. Warns (RuntimeWarning) where `steps` don't suffice."""
    ### BEGIN SOLUTION
    for _ in range(steps):
        slope = derivative(x) if derivative else (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        step = f(x) / slope
        x -= step
        if abs(step) < 1e-10:
            return x
    warnings.warn(f"no zero after {steps} steps", RuntimeWarning)
    return x
    ### END SOLUTION

# %% test newton, 2
assert abs(newton(lambda x: x**3 - 8, 3.0, lambda x: 3 * x**2) - 2) < 1e-9
assert abs(newton(np.sin, 3.0) - np.pi) < 1e-8, "without a derivative"
### BEGIN HIDDEN TESTS
calls = {"derivative": 0}

def derivative(x):
    calls["derivative"] += 1
    return np.exp(x)

assert abs(newton(lambda x: np.exp(x) - 5, 1.0, derivative=derivative) - np.log(5)) < 1e-9
assert 3 <= calls["derivative"] <= 10, "the derivative is there to be used"
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    newton(lambda x: x**2 + 1, 0.5, lambda x: 2 * x, steps=5)
assert any(issubclass(one.category, RuntimeWarning) for one in caught), "who finds nothing says so"
### END HIDDEN TESTS

# %% wrong newton: says nothing where it finds nothing
def newton(f, x, derivative=None, steps=30):
    for _ in range(steps):
        x -= f(x) / (derivative(x) if derivative else (f(x + 1e-6) - f(x - 1e-6)) / 2e-6)
    return x

# %% wrong newton: never asks for the derivative
def newton(f, x, derivative=None, steps=30):
    for _ in range(steps):
        step = f(x) / ((f(x + 1e-6) - f(x - 1e-6)) / 2e-6)
        x -= step
        if abs(step) < 1e-10:
            return x
    warnings.warn("no zero", RuntimeWarning)
    return x

# %% wrong newton: can't do without a derivative
def newton(f, x, derivative, steps=30):
    for _ in range(steps):
        x -= f(x) / derivative(x)
    return x

# %% heun
def heun(rhs, y0, times):
    """The solution of y' = rhs(t, y) at `times`, one row for each: an Euler step, then the mean of both slopes."""
    ### BEGIN SOLUTION
    rows = [np.atleast_1d(np.array(y0, float))]
    for t, after in zip(times, times[1:]):
        h, y = after - t, rows[-1]
        slope = np.asarray(rhs(t, y))
        rows.append(y + h / 2 * (slope + np.asarray(rhs(after, y + h * slope))))
    return np.array(rows)
    ### END SOLUTION

# %% test heun, 3
times = np.linspace(0, 1, 41)
y = heun(lambda t, y: -y, 1.0, times)
assert y.shape == (41, 1), "a row for each time"
np.testing.assert_allclose(y[:, 0], np.exp(-times), atol=1e-4)
### BEGIN HIDDEN TESTS
def swing(t, y):
    return [y[1], -np.sin(y[0]) + 0.1 * np.cos(t)]

times = np.sort(np.random.default_rng(3).uniform(0, 3, 400))
exact = solve_ivp(swing, (times[0], times[-1]), [1.0, 0.0], t_eval=times, rtol=1e-10, atol=1e-10).y.T
np.testing.assert_allclose(heun(swing, [1.0, 0.0], times), exact, atol=1e-3, err_msg="uneven times, two unknowns")
errors = []
for n in (21, 41):
    times = np.linspace(0, 1, n)
    errors.append(abs(heun(lambda t, y: t * y, [1.0], times)[-1, 0] - np.exp(0.5)))
assert 3.5 < errors[0] / errors[1] < 4.5, "of second order"
start = np.array([1.0, 2.0])
heun(swing, start, times)
assert (start == [1, 2]).all(), "the start was changed"
### END HIDDEN TESTS

# %% wrong heun: Euler's steps alone
def heun(rhs, y0, times):
    rows = [np.atleast_1d(np.array(y0, float))]
    for t, after in zip(times, times[1:]):
        rows.append(rows[-1] + (after - t) * np.asarray(rhs(t, rows[-1])))
    return np.array(rows)

# %% wrong heun: takes all steps for the first
def heun(rhs, y0, times):
    rows, h = [np.atleast_1d(np.array(y0, float))], times[1] - times[0]
    for t in times[:-1]:
        slope = np.asarray(rhs(t, rows[-1]))
        rows.append(rows[-1] + h / 2 * (slope + np.asarray(rhs(t + h, rows[-1] + h * slope))))
    return np.array(rows)

# %% wrong heun: works in the array that it was given
def heun(rhs, y0, times):
    y, rows = np.atleast_1d(np.asarray(y0, float)), []
    for t, after in zip(times, [*times[1:], times[-1]]):
        rows.append(y.copy())
        h = after - t
        slope = np.asarray(rhs(t, y))
        y += h / 2 * (slope + np.asarray(rhs(after, y + h * slope)))
    return np.array(rows)
