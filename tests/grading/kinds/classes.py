"""A course on programming: classes with state, with exceptions of their own, with operators, to be iterated over."""
# %%
import copy

# %% account
### BEGIN SOLUTION
class NotCovered(Exception):
    """Carries what is missing."""

    def __init__(self, missing):
        super().__init__(f"{missing} are missing")
        self.missing = missing


class Account:
    """An account in whole cents, which never goes below zero."""

    def __init__(self, owner, balance=0):
        self.owner, self._balance, self.history = owner, balance, []

    @property
    def balance(self):
        return self._balance

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("deposit what is more than nothing")
        self._balance += amount
        self.history.append(amount)

    def withdraw(self, amount):
        if amount > self._balance:
            raise NotCovered(amount - self._balance)
        self._balance -= amount
        self.history.append(-amount)

    def transfer(self, other, amount):
        self.withdraw(amount)
        other.deposit(amount)
### END SOLUTION

# %% test account, 3
ada = Account("Ada", 100)
ada.deposit(50)
ada.withdraw(30)
assert ada.balance == 120 and ada.owner == "Ada"
assert ada.history == [50, -30]
### BEGIN HIDDEN TESTS
ada, ben = Account("Ada", 100), Account(owner="Ben")
ada.transfer(ben, 60)
assert (ada.balance, ben.balance) == (40, 60)
try:
    ada.withdraw(45)
except NotCovered as error:
    assert error.missing == 5, "the exception carries what is missing"
    assert isinstance(error, Exception)
else:
    raise AssertionError("below zero")
assert ada.balance == 40, "nothing was taken"
try:
    ben.deposit(-1)
except ValueError:
    pass
else:
    raise AssertionError("less than nothing")
try:
    ada.balance = 10**6
except AttributeError:
    pass
else:
    raise AssertionError("a balance can't be set")
assert ben.history == [60] and ada.history == [-60], "each has a history of its own"
### END HIDDEN TESTS

# %% wrong account: all share one history
class NotCovered(Exception):
    def __init__(self, missing):
        self.missing = missing


class Account:
    history = []

    def __init__(self, owner, balance=0):
        self.owner, self._balance = owner, balance

    balance = property(lambda self: self._balance)

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError(amount)
        self._balance += amount
        self.history.append(amount)

    def withdraw(self, amount):
        if amount > self._balance:
            raise NotCovered(amount - self._balance)
        self._balance -= amount
        self.history.append(-amount)

    def transfer(self, other, amount):
        self.withdraw(amount)
        other.deposit(amount)

# %% wrong account: an exception without what is missing
class NotCovered(Exception):
    pass


class Account:
    def __init__(self, owner, balance=0):
        self.owner, self.balance, self.history = owner, balance, []

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError(amount)
        self.balance += amount
        self.history.append(amount)

    def withdraw(self, amount):
        if amount > self.balance:
            raise NotCovered("not enough")
        self.balance -= amount
        self.history.append(-amount)

    def transfer(self, other, amount):
        self.withdraw(amount)
        other.deposit(amount)

# %% wrong account: forgets what it was opened with
class NotCovered(Exception):
    pass


class Account:
    def __init__(self, owner, balance=0):
        self.owner, self.balance, self.history = owner, 0, []

    def deposit(self, amount):
        self.balance += amount
        self.history.append(amount)

    def withdraw(self, amount):
        self.deposit(-amount)

# %% stack
### BEGIN SOLUTION
class Stack:
    """Last in, first out; iterated over from the top, without being emptied."""

    def __init__(self, items=()):
        self._items = list(items)

    def push(self, item):
        self._items.append(item)
        return self

    def pop(self):
        if not self._items:
            raise IndexError("pop from an empty stack")
        return self._items.pop()

    def __len__(self):
        return len(self._items)

    def __iter__(self):
        return reversed(self._items[:])

    def __contains__(self, item):
        return item in self._items

    def __getitem__(self, index):
        return self._items[-1 - index]
### END SOLUTION

# %% test stack, 2
stack = Stack()
stack.push(1).push("two").push([3])
assert len(stack) == 3
assert stack.pop() == [3] and stack.pop() == "two"
assert list(Stack("abc")) == ["c", "b", "a"]
### BEGIN HIDDEN TESTS
stack = Stack([1, 2, 3])
assert list(stack) == list(stack) == [3, 2, 1], "to look is not to empty"
assert stack[0] == 3 and stack[2] == 1
assert 2 in stack and 5 not in stack
assert stack and not Stack()
first, *rest = stack
assert first == 3 and rest == [2, 1]
assert [(i, item) for i, item in enumerate(stack)] == [(0, 3), (1, 2), (2, 1)]
try:
    Stack().pop()
except IndexError:
    pass
else:
    raise AssertionError("nothing is on it")
given = [1, 2]
Stack(given).push(3)
assert given == [1, 2], "a list that was given stays as it is"
### END HIDDEN TESTS

# %% wrong stack: works in the list that it was given
class Stack:
    def __init__(self, items=()):
        self._items = items if isinstance(items, list) else list(items)

    def push(self, item):
        self._items.append(item)
        return self

    def pop(self):
        return self._items.pop()

    def __len__(self):
        return len(self._items)

    def __iter__(self):
        return reversed(self._items)

    def __getitem__(self, index):
        return self._items[-1 - index]

# %% wrong stack: is emptied by a loop
class Stack:
    def __init__(self, items=()):
        self._items = list(items)

    def push(self, item):
        self._items.append(item)
        return self

    def pop(self):
        return self._items.pop()

    def __len__(self):
        return len(self._items)

    def __iter__(self):
        while self._items:
            yield self._items.pop()

    def __getitem__(self, index):
        return self._items[-1 - index]

# %% wrong stack: from the bottom
class Stack(list):
    def push(self, item):
        self.append(item)
        return self

# %% polynomial
### BEGIN SOLUTION
class Polynomial:
    """Coefficients from the constant one upwards, without zeros at the end."""

    def __init__(self, *coefficients):
        coefficients = list(coefficients)
        while coefficients and coefficients[-1] == 0:
            coefficients.pop()
        self.coefficients = tuple(coefficients)

    @property
    def degree(self):
        return len(self.coefficients) - 1

    def __call__(self, x):
        value = 0
        for c in reversed(self.coefficients):
            value = value * x + c
        return value

    def __add__(self, other):
        if not isinstance(other, Polynomial):
            other = Polynomial(other)
        size = max(len(self.coefficients), len(other.coefficients))
        a, b = (list(p.coefficients) + [0] * (size - len(p.coefficients)) for p in (self, other))
        return Polynomial(*(x + y for x, y in zip(a, b)))

    __radd__ = __add__

    def __mul__(self, other):
        if not isinstance(other, Polynomial):
            other = Polynomial(other)
        if not self.coefficients or not other.coefficients:
            return Polynomial()
        product = [0] * (len(self.coefficients) + len(other.coefficients) - 1)
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(other.coefficients):
                product[i + j] += a * b
        return Polynomial(*product)

    __rmul__ = __mul__

    def __neg__(self):
        return Polynomial(*(-c for c in self.coefficients))

    def __sub__(self, other):
        return self + -other

    def __eq__(self, other):
        return isinstance(other, Polynomial) and self.coefficients == other.coefficients

    def __hash__(self):
        return hash(self.coefficients)

    def __repr__(self):
        return f"Polynomial({', '.join(map(str, self.coefficients))})"
### END SOLUTION

# %% test polynomial, 4
p = Polynomial(1, 0, 2)
assert p.degree == 2 and p(3) == 19
assert p + Polynomial(0, 5) == Polynomial(1, 5, 2)
assert repr(p) == "Polynomial(1, 0, 2)"
### BEGIN HIDDEN TESTS
import random

def some():
    return [random.randint(-5, 5) for _ in range(random.randint(2, 5))]

for _ in range(20):
    a, b, x = some(), some(), random.randint(-3, 3)
    p, q = Polynomial(*a), Polynomial(*b)
    assert p(x) == sum(c * x**i for i, c in enumerate(a)), "its value"
    assert (p * q)(x) == p(x) * q(x) and (p + q)(x) == p(x) + q(x), "sum and product"
    assert p + q == q + p and p * q == q * p and hash(p * q) == hash(q * p)
assert 2 * Polynomial(1, 1) == Polynomial(2, 2) and 3 + Polynomial(1) == Polynomial(4)
assert (Polynomial(1, 2, 3) - Polynomial(0, 0, 3)).degree == 1, "no zeros at the end"
assert Polynomial(1, 2) != Polynomial(1, 2, 3) and not Polynomial(1) == 1
assert len({Polynomial(1, 2), Polynomial(1, 2, 0), Polynomial(2)}) == 2, "equal ones are one key"
twin = copy.copy(p)
assert twin == p and twin is not p
assert sum([Polynomial(1), Polynomial(0, 1)], Polynomial()) == Polynomial(1, 1)
### END HIDDEN TESTS

# %% wrong polynomial: keeps zeros at the end
class Polynomial:
    def __init__(self, *coefficients):
        self.coefficients = coefficients

    degree = property(lambda self: len(self.coefficients) - 1)

    def __call__(self, x):
        return sum(c * x**i for i, c in enumerate(self.coefficients))

    def __add__(self, other):
        other = other if isinstance(other, Polynomial) else Polynomial(other)
        size = max(len(self.coefficients), len(other.coefficients))
        a, b = (p.coefficients + (0,) * (size - len(p.coefficients)) for p in (self, other))
        return Polynomial(*(x + y for x, y in zip(a, b)))

    __radd__ = __add__

    def __mul__(self, other):
        other = other if isinstance(other, Polynomial) else Polynomial(other)
        product = [0] * (len(self.coefficients) + len(other.coefficients) - 1)
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(other.coefficients):
                product[i + j] += a * b
        return Polynomial(*product)

    __rmul__ = __mul__

    def __sub__(self, other):
        return self + -1 * other

    def __eq__(self, other):
        return isinstance(other, Polynomial) and self.coefficients == other.coefficients

    def __hash__(self):
        return hash(self.coefficients)

    def __repr__(self):
        return f"Polynomial({', '.join(map(str, self.coefficients))})"

# %% wrong polynomial: equal ones have no equal hash
class Polynomial:
    def __init__(self, *coefficients):
        while coefficients and coefficients[-1] == 0:
            coefficients = coefficients[:-1]
        self.coefficients = coefficients

    degree = property(lambda self: len(self.coefficients) - 1)

    def __call__(self, x):
        return sum(c * x**i for i, c in enumerate(self.coefficients))

    def __add__(self, other):
        size = max(len(self.coefficients), len(other.coefficients))
        a, b = (p.coefficients + (0,) * (size - len(p.coefficients)) for p in (self, other))
        return Polynomial(*(x + y for x, y in zip(a, b)))

    def __eq__(self, other):
        return isinstance(other, Polynomial) and self.coefficients == other.coefficients

    def __hash__(self):
        return id(self)

    def __repr__(self):
        return f"Polynomial({', '.join(map(str, self.coefficients))})"

# %% wrong polynomial: reads the coefficients from the highest one down
class Polynomial:
    def __init__(self, *coefficients):
        self.coefficients = coefficients

    degree = property(lambda self: len(self.coefficients) - 1)

    def __call__(self, x):
        value = 0
        for c in self.coefficients:
            value = value * x + c
        return value

    def __add__(self, other):
        return Polynomial(*map(sum, zip(self.coefficients, other.coefficients)))

    def __eq__(self, other):
        return self.coefficients == other.coefficients

    def __repr__(self):
        return f"Polynomial({', '.join(map(str, self.coefficients))})"
