"""Objects that compute with themselves: symbols, matrices of them, polynomials."""
# %%
import sympy as sp

# %% sympy
### BEGIN SOLUTION
y = sp.Symbol('x') ** 2
### END SOLUTION

# %% test sympy
assert y.diff() == 2 * sp.Symbol('x')

# %% sympy_matrix
def rotation(angle):
    ### BEGIN SOLUTION
    return sp.Matrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])
    ### END SOLUTION

# %% test sympy_matrix
a, b = sp.symbols("a b", real=True)
assert rotation(a).shape == (2, 2)
assert sp.simplify(rotation(a).det()) == 1
assert sp.simplify(rotation(a) * rotation(b) - rotation(a + b)) == sp.zeros(2, 2)
assert rotation(sp.pi / 2) == sp.Matrix([[0, -1], [1, 0]])

# %%
import numpy as np

# %% polynomial
def with_roots(roots):
    """NumPy's polynomial with these roots and leading coefficient 1."""
    ### BEGIN SOLUTION
    return np.polynomial.Polynomial.fromroots(roots)
    ### END SOLUTION

# %% test polynomial
p = with_roots([1.0, -2.0])
assert isinstance(p, np.polynomial.Polynomial)
np.testing.assert_allclose(p.coef, [-2, 1, 1])
np.testing.assert_allclose(p.deriv()(np.arange(3.0)), [1, 3, 5])
np.testing.assert_allclose(sorted((p * p).roots().real), [-2, -2, 1, 1], atol=1e-5)
