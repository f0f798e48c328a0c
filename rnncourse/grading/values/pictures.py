"""Pictures of PIL: their mode, size and pixels."""

import sys

from rnncourse.grading.values.form import Form, all_exactly, exactly

MODES = {
    "1",
    "L",
    "P",
    "RGB",
    "RGBA",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "LA",
    "PA",
    "La",
    "RGBa",
    "I;16",
}


def _is_picture(kind: type) -> bool:
    image = sys.modules.get("PIL.Image")
    return image is not None and issubclass(kind, image.Image)


def _picture(image):
    palette = image.getpalette() if image.mode in ("P", "PA") else None
    return (image.mode, image.size, image.tobytes(), palette) if image.mode in MODES else None


def _from_picture(parts):
    from PIL import Image

    mode, size, data, palette = parts
    width, height = all_exactly(int, size)
    if mode not in MODES or width * height > 64 << 20 or min(width, height) < 0:
        raise ValueError(f"a picture of mode {mode!r}, {width} × {height}")
    image = Image.frombytes(mode, (width, height), exactly(bytes, data))
    if palette is not None:
        image.putpalette(exactly(list, palette))
    return image


FORMS = [Form("picture", _is_picture, _picture, _from_picture)]
