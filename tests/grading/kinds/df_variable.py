"""The student binds a name to an object of a library."""
# %%
import pandas as pd
from PIL import Image

# %% df_variable
### BEGIN SOLUTION
table = pd.DataFrame({'x': [1, 2]})
### END SOLUTION

# %% test df_variable
assert table.shape == (2, 1)

# %%
marks = pd.DataFrame(
    {"name": ["Ida", "Ida", "Olu", "Olu"], "term": [1, 2, 1, 2], "mark": [1.0, 3.0, 2.0, 2.5]}
)

# %% pivot_variable
### BEGIN SOLUTION
pivot = marks.pivot_table(index="name", columns="term", values="mark", aggfunc=["mean", "max"])
### END SOLUTION

# %% test pivot_variable
columns = pd.MultiIndex.from_product([["mean", "max"], [1, 2]], names=[None, "term"])
expected = pd.DataFrame([[1.0, 3.0] * 2, [2.0, 2.5] * 2], index=pd.Index(["Ida", "Olu"], name="name"), columns=columns)
pd.testing.assert_frame_equal(pivot, expected)
assert pivot.equals(expected)
assert pivot.loc["Olu", ("max", 2)] == 2.5

# %% picture_variable
### BEGIN SOLUTION
flag = Image.new("RGB", (6, 4), "white")
flag.paste((200, 0, 0), (0, 2, 6, 4))
### END SOLUTION

# %% test picture_variable
assert flag.size == (6, 4) and flag.mode == "RGB"
assert flag.getpixel((0, 0)) == (255, 255, 255)
assert flag.getpixel((5, 3)) == (200, 0, 0)
assert flag.convert("L").resize((3, 2)).size == (3, 2)
