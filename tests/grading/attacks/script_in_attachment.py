"""Script in attachments that call themselves pictures, and in their names.

family: reader
score: 0
"""

# %% [hand in]
import base64

evil = base64.b64encode(
    b"<svg onload=alert(1)><script>alert(1)</script></svg>"
).decode()
pictures = {
    "x.svg": {"image/svg+xml": evil},
    "x.png": {"image/png": evil},
    '"><script>alert(1)</script>': {"image/gif": evil},
    "h.html": {"text/html": "<script>alert(1)</script>"},
    "w": {"image/webp": base64.b64encode(b"RIFF<script>alert(1)").decode()},
}
words = "".join(
    f"![<script>alert(1)</script>](attachment:{name})\n" for name in pictures
)
notebook["cells"].append(
    {
        "cell_type": "markdown",
        "id": "evil",
        "metadata": {},
        "source": words,
        "attachments": pictures,
    }
)
