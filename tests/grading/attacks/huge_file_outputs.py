"""An answer, and 30 MiB of empty lists in its outputs.

family: resources
score: 0
"""

# %% double
honest
# %% [hand in]
import json

cell = next(
    cell
    for cell in notebook["cells"]
    if cell["metadata"].get("nbgrader", {}).get("grade_id") == "double"
)
cell["outputs"] = [
    {"output_type": "display_data", "metadata": {}, "data": {"application/json": 4711}}
]
text = json.dumps(notebook).replace("4711", "[" + "[]," * ((30 << 20) // 3) + "0]")
(folder / "small.ipynb").write_text(text)
notebook = None
