"""Pictures that students hand in: what its bytes say it is, however it is called, and none with script."""

import base64
import binascii

PICTURES = {  # how their bytes begin
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}


def kind_of(data: bytes) -> str:
    """The MIME type of a picture made of dots, and an empty string for anything else."""
    kind = next((kind for kind, begin in PICTURES.items() if data.startswith(begin)), "")
    return "" if kind == "image/webp" and data[8:12] != b"WEBP" else kind


def decoded(words: str) -> bytes:
    """The bytes of a picture in base64, and none where it isn't one."""
    try:
        data = base64.b64decode("".join(words.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if kind_of(data) else b""


def bundle(data: bytes) -> dict[str, str]:
    """A picture as a notebook holds it."""
    return {kind_of(data): base64.b64encode(data).decode()}
