"""Files in the lab's folder go from one to the other."""
# %% file_read
def load():
    ### BEGIN SOLUTION
    return open('in.txt').read()
    ### END SOLUTION

# %% test file_read
open('in.txt', 'w').write('a')
assert load() == 'a'

# %%
import csv
import json
from pathlib import Path

# %% file_written
def save(people):
    """Write `people.csv` with a head, and their number into `count.json`."""
    ### BEGIN SOLUTION
    with open("people.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["name", "age"])
        writer.writeheader()
        writer.writerows(people)
    json.dump({"count": len(people)}, open("count.json", "w"))
    ### END SOLUTION

# %% test file_written
people = [{"name": "Ann", "age": 31}, {"name": "Bo", "age": 4}]
save(people)
assert json.loads(Path("count.json").read_text()) == {"count": 2}
with open("people.csv", newline="") as file:
    assert list(csv.DictReader(file)) == [{"name": "Ann", "age": "31"}, {"name": "Bo", "age": "4"}]

# %% path_handed_over
def longest(folder):
    """The path of the longest text in a folder."""
    ### BEGIN SOLUTION
    return max(folder.glob("*.txt"), key=lambda path: len(path.read_text()))
    ### END SOLUTION

# %% test path_handed_over
folder = Path("texts")
folder.mkdir(exist_ok=True)
for name, length in (("a", 3), ("b", 9), ("c", 5)):
    (folder / f"{name}.txt").write_text("x" * length)
(folder / "d.md").write_text("y" * 20)
found = longest(folder)
assert found == folder / "b.txt"
assert isinstance(found, Path) and found.stem == "b"
