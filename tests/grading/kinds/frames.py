"""A course on tables: what a person has typed is cleaned, summed up and put together."""
# %%
import numpy as np
import pandas as pd

def readings():
    """What five people wrote down, as it came. Do not change it."""
    return pd.DataFrame(
        {
            " Station": ["north ", "South", "north", None, "SOUTH", "north"],
            "Date": ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02", "2024-01-02", "2024-01-02"],
            "level cm": ["12", "7,5", "-", "3", "8", "14"],
        }
    )

# %% clean
def clean(raw):
    """A new frame with the columns station, date, level: names in lower case without spaces around them, dates,
    numbers (a comma may stand for the point; what is none is missing); rows without a station are dropped, and numbered anew.
    """
    ### BEGIN SOLUTION
    tidy = raw.rename(columns=lambda name: name.strip().lower().split()[0])
    tidy["station"] = tidy["station"].str.strip().str.lower()
    tidy["date"] = pd.to_datetime(tidy["date"])
    tidy["level"] = pd.to_numeric(tidy["level"].str.replace(",", "."), errors="coerce")
    return tidy.dropna(subset=["station"]).reset_index(drop=True)
    ### END SOLUTION

# %% test clean, 3
tidy = clean(readings())
assert list(tidy.columns) == ["station", "date", "level"]
assert tidy["date"].dt.year.eq(2024).all(), "dates, not texts"
### BEGIN HIDDEN TESTS
raw = readings()
tidy = clean(raw)
pd.testing.assert_frame_equal(raw, readings())
expected = pd.DataFrame(
    {
        "station": ["north", "south", "north", "south", "north"],
        "date": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02", "2024-01-02"]),
        "level": [12.0, 7.5, np.nan, 8.0, 14.0],
    }
)
pd.testing.assert_frame_equal(tidy, expected, check_dtype=False)
assert tidy["level"].isna().sum() == 1
### END HIDDEN TESTS

# %% wrong clean: keeps the old row numbers
def clean(raw):
    tidy = raw.rename(columns=lambda name: name.strip().lower().split()[0])
    tidy["station"] = tidy["station"].str.strip().str.lower()
    tidy["date"] = pd.to_datetime(tidy["date"])
    tidy["level"] = pd.to_numeric(tidy["level"].str.replace(",", "."), errors="coerce")
    return tidy.dropna(subset=["station"])

# %% wrong clean: works on the frame that it was given
def clean(raw):
    raw.columns = ["station", "date", "level"]
    raw["station"] = raw["station"].str.strip().str.lower()
    raw["date"] = pd.to_datetime(raw["date"])
    raw["level"] = pd.to_numeric(raw["level"].str.replace(",", "."), errors="coerce")
    return raw.dropna(subset=["station"]).reset_index(drop=True)

# %% wrong clean: leaves dates as text
def clean(raw):
    raw = raw.copy()
    raw.columns = ["station", "date", "level"]
    return raw.dropna()

# %% summary
def summary(tidy):
    """By station, in alphabetical order, the columns mean, highest and days (different dates with a level)."""
    ### BEGIN SOLUTION
    known = tidy.dropna(subset=["level"])
    return known.groupby("station").agg(
        mean=("level", "mean"), highest=("level", "max"), days=("date", "nunique")
    )
    ### END SOLUTION

# %% test summary, 2
tidy = pd.DataFrame(
    {
        "station": ["b", "a", "b", "b"],
        "date": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02"]),
        "level": [1.0, 5.0, 2.0, 6.0],
    }
)
table = summary(tidy)
assert list(table.index) == ["a", "b"]
assert table.loc["b", "mean"] == 3
### BEGIN HIDDEN TESTS
rng = np.random.default_rng()
n = 60
tidy = pd.DataFrame(
    {
        "station": rng.choice(["east", "west", "mid"], n),
        "date": pd.Timestamp("2024-06-01") + pd.to_timedelta(rng.integers(0, 9, n), unit="D"),
        "level": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
    }
)
table = summary(tidy)
for name, part in tidy.dropna().groupby("station"):
    row = table.loc[name]
    np.testing.assert_allclose(row[["mean", "highest"]].astype(float), [part["level"].mean(), part["level"].max()])
    assert row["days"] == part["date"].nunique(), "different dates with a level"
assert table.index.name == "station" and table.shape == (3, 3)
### END HIDDEN TESTS

# %% wrong summary: counts rows for days
def summary(tidy):
    return tidy.groupby("station").agg(mean=("level", "mean"), highest=("level", "max"), days=("date", "size"))

# %% wrong summary: the station is a column
def summary(tidy):
    known = tidy.dropna(subset=["level"])
    return known.groupby("station", as_index=False).agg(
        mean=("level", "mean"), highest=("level", "max"), days=("date", "nunique")
    )

# %% wrong summary: nothing in place of missing levels
def summary(tidy):
    known = tidy.fillna({"level": 0.0})
    return known.groupby("station").agg(
        mean=("level", "mean"), highest=("level", "max"), days=("date", "nunique")
    )

# %% joined
def joined(tidy, stations):
    """Each reading with its station's river, in the order of the readings; `unknown` where no station of that name
    is listed; and as the second result the names, in a set, of listed stations that nobody has read.
    """
    ### BEGIN SOLUTION
    both = tidy.merge(stations, on="station", how="left")
    both["river"] = both["river"].fillna("unknown")
    return both, set(stations["station"]) - set(tidy["station"])
    ### END SOLUTION

# %% test joined, 3
tidy = pd.DataFrame({"station": ["north", "south", "north"], "level": [1.0, 2.0, 3.0]})
stations = pd.DataFrame({"station": ["south", "north"], "river": ["Spree", "Havel"]})
both, unread = joined(tidy, stations)
assert both["river"].tolist() == ["Havel", "Spree", "Havel"]
assert unread == set()
### BEGIN HIDDEN TESTS
stations = pd.DataFrame({"station": ["west", "north", "old"], "river": ["Elbe", "Havel", "Oder"]})
tidy = pd.DataFrame({"station": ["south", "north", "west", "north"], "level": [2.0, 1.0, np.nan, 4.0]})
both, unread = joined(tidy, stations)
pd.testing.assert_frame_equal(
    both, tidy.assign(river=["unknown", "Havel", "Elbe", "Havel"]), check_dtype=False
)
assert unread == {"old"}, "listed, and not read"
assert list(stations.columns) == ["station", "river"] and list(tidy.columns) == ["station", "level"]
### END HIDDEN TESTS

# %% wrong joined: drops readings of stations that aren't listed
def joined(tidy, stations):
    return tidy.merge(stations, on="station"), set(stations["station"]) - set(tidy["station"])

# %% wrong joined: lists both ways for unread
def joined(tidy, stations):
    both = tidy.merge(stations, on="station", how="left").fillna({"river": "unknown"})
    return both, set(stations["station"]) ^ set(tidy["station"])

# %% wrong joined: a list, sorted by station
def joined(tidy, stations):
    both = tidy.merge(stations, on="station", how="left").fillna({"river": "unknown"})
    return both.sort_values("station"), [s for s in stations["station"] if s not in list(tidy["station"])]
