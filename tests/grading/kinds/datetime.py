"""Values of the standard library's own classes."""
# %%
import datetime

# %% datetime
def day():
    ### BEGIN SOLUTION
    return datetime.date(2020, 1, 1)
    ### END SOLUTION

# %% test datetime
assert day().year == 2020

# %% timedelta
def wait(now, train):
    """How long until the train; nothing for one that has left."""
    ### BEGIN SOLUTION
    return max(train - now, datetime.timedelta(0))
    ### END SOLUTION

# %% test timedelta
noon = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.timezone.utc)
train = datetime.datetime(2024, 5, 1, 14, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
assert wait(noon, train) == datetime.timedelta(minutes=30)
assert wait(train, noon) == datetime.timedelta()
assert wait(noon, train).total_seconds() == 1800

# %% fraction_and_decimal
def shares(cents, people):
    """Each one's exact share, and the same in euros with two places."""
    ### BEGIN SOLUTION
    from decimal import Decimal
    from fractions import Fraction

    share = Fraction(cents, people)
    return share, (Decimal(cents) / people / 100).quantize(Decimal("0.01"))
    ### END SOLUTION

# %% test fraction_and_decimal
from decimal import Decimal
from fractions import Fraction

share, euros = shares(1000, 3)
assert isinstance(share, Fraction) and share == Fraction(1000, 3)
assert 3 * share == 1000 and share.denominator == 3
assert euros == Decimal("3.33") and str(euros) == "3.33"
