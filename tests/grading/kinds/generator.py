"""The student's function is a generator, or its class is one's like."""
# %% generator
def count():
    ### BEGIN SOLUTION
    yield from (1, 2)
    ### END SOLUTION

# %% test generator
assert list(count()) == [1, 2]

# %% generator_with_send
def averager():
    ### BEGIN SOLUTION
    total, number, mean = 0.0, 0, None
    while True:
        value = yield mean
        total, number = total + value, number + 1
        mean = total / number
    ### END SOLUTION

# %% test generator_with_send
average = averager()
next(average)
assert average.send(10) == 10
assert average.send(20) == 15
average.close()
try:
    average.send(1)
except StopIteration:
    pass
else:
    raise AssertionError("a generator that was closed is at its end")

# %%
import itertools

# %% generator_without_end
def primes():
    ### BEGIN SOLUTION
    found = []
    for n in itertools.count(2):
        if all(n % p for p in found):
            found.append(n)
            yield n
    ### END SOLUTION

# %% test generator_without_end
assert list(itertools.islice(primes(), 6)) == [2, 3, 5, 7, 11, 13]
assert next(p for p in primes() if p > 30) == 31
one, other = primes(), primes()
assert [next(one), next(one), next(other), next(one)] == [2, 3, 2, 5]
assert iter(one) is one
