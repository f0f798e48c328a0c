"""The student writes a class, on its own or under one of the lab's."""
# %% own_class
class Account:
    ### BEGIN SOLUTION
    def __init__(self, n): self.n = n
    ### END SOLUTION

# %% test own_class
assert Account(3).n == 3

# %%
class Shape:
    """What has an area. Do not change it."""

    unit = "m²"

    def __init__(self, name):
        self.name = name

    def area(self):
        raise NotImplementedError

    def describe(self):
        return f"{self.name}: {self.area():.1f} {self.unit}"

# %% subclass_of_the_labs
### BEGIN SOLUTION
class Square(Shape):
    def __init__(self, side):
        super().__init__("square")
        self.side = side

    def area(self):
        return self.side**2
### END SOLUTION

# %% test subclass_of_the_labs
square = Square(1.5)
assert issubclass(Square, Shape) and isinstance(square, Shape)
assert square.describe() == "square: 2.2 m²"
square.side = 3
assert square.area() == 9
shapes = [Square(side) for side in (1, 2)]
assert sum(shape.area() for shape in shapes) == 5

# %% operators
### BEGIN SOLUTION
class Money:
    def __init__(self, cents):
        self.cents = cents

    def __add__(self, other):
        return Money(self.cents + other.cents)

    def __rmul__(self, factor):
        return Money(factor * self.cents)

    def __eq__(self, other):
        return isinstance(other, Money) and self.cents == other.cents

    def __lt__(self, other):
        return self.cents < other.cents

    def __bool__(self):
        return self.cents != 0

    def __repr__(self):
        return f"Money({self.cents})"

    def __str__(self):
        return f"{self.cents / 100:.2f} €"
### END SOLUTION

# %% test operators
assert Money(150) + Money(50) == Money(200)
assert 3 * Money(5) == Money(15)
assert Money(1) != Money(2)
assert Money(1) < Money(2) and not Money(2) < Money(1)
assert not Money(0) and Money(1)
assert repr(Money(7)) == "Money(7)" and f"{Money(120)}" == "1.20 €"
assert [money.cents for money in sorted([Money(3), Money(1), Money(2)])] == [1, 2, 3]
assert max(Money(3), Money(9)).cents == 9
