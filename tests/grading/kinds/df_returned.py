"""The student's function gives back a frame, a series, a frame in groups."""
# %%
import pandas as pd

# %% df_returned
def table():
    ### BEGIN SOLUTION
    return pd.DataFrame({'x': [1, 2]})
    ### END SOLUTION

# %% test df_returned
assert list(table().columns) == ['x']

# %% series_returned
def rainfall(days):
    ### BEGIN SOLUTION
    index = pd.date_range("2024-03-01", periods=len(days), name="day")
    return pd.Series(days, index=index, dtype="float64", name="mm")
    ### END SOLUTION

# %% test series_returned
expected = pd.Series(
    [0.0, 4.5, 1.25], index=pd.date_range("2024-03-01", periods=3, name="day"), name="mm"
)
pd.testing.assert_series_equal(rainfall([0, 4.5, 1.25]), expected)
assert rainfall([1, 2]).loc["2024-03-02"] == 2

# %% groups_returned
def by_town(trips):
    ### BEGIN SOLUTION
    return trips.groupby("town")
    ### END SOLUTION

# %% test groups_returned
trips = pd.DataFrame({"town": ["Ulm", "Bonn", "Ulm"], "km": [3.0, 4.0, 5.5]})
groups = by_town(trips)
assert groups.ngroups == 2
assert groups["km"].sum().to_dict() == {"Bonn": 4.0, "Ulm": 8.5}
assert sorted(name for name, part in groups) == ["Bonn", "Ulm"]
assert len(groups.get_group("Ulm")) == 2
