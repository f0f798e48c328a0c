"""The test hands over a frame, which the student's function reads or changes."""
# %%
import pandas as pd

# %% df_handed_over
def total(df):
    ### BEGIN SOLUTION
    return float(df['x'].sum())
    ### END SOLUTION

# %% test df_handed_over
assert total(pd.DataFrame({'x': [1, 2]})) == 3

# %% column_added
def add_density(countries):
    """Add a column, in place."""
    ### BEGIN SOLUTION
    countries["density"] = countries["people"] / countries["area"]
    ### END SOLUTION

# %% test column_added
countries = pd.DataFrame({"people": [84.0, 9.0], "area": [0.35, 0.09]}, index=["de", "at"])
before = countries.copy()
assert add_density(countries) is None
assert list(countries.columns) == ["people", "area", "density"]
assert abs(countries.loc["at", "density"] - 100) < 1e-9
pd.testing.assert_frame_equal(countries[["people", "area"]], before)

# %% dates_and_categories
def per_month(sales):
    ### BEGIN SOLUTION
    return sales.groupby([sales.index.month, "kind"], observed=False)["price"].mean().unstack()
    ### END SOLUTION

# %% test dates_and_categories
sales = pd.DataFrame(
    {
        "kind": pd.Categorical(["tea", "milk", "tea", "tea"], categories=["milk", "tea", "rice"]),
        "price": [2.0, 1.0, 4.0, 8.0],
    },
    index=pd.to_datetime(["2023-01-05", "2023-01-09", "2023-01-30", "2023-02-01"]),
)
table = per_month(sales)
assert list(table.columns) == ["milk", "tea", "rice"]
assert table.loc[1, "tea"] == 3 and table.loc[2, "tea"] == 8
assert table["rice"].isna().all()
