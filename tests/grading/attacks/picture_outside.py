"""Markdown that asks for pictures which are not the student's.

family: leaks
score: 0
"""

# %% [hand in]
import base64

dot = b"\x89PNG\r\n\x1a\nother-student-mark-4713"
(course / "secret.png").write_bytes(dot)
(folder / "link.png").symlink_to(course / "secret.png")
names = [
    "../../../secret.png",
    str(course / "secret.png"),
    "link.png",
    "./x/../../../../secret.png",
    "../../aa-honest/small/small.ipynb",
]
words = "\n".join(f"![a]({name}) <img src='{name}'>" for name in names)
notebook["cells"].append(
    {"cell_type": "markdown", "id": "ask", "metadata": {}, "source": words}
)
