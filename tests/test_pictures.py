"""The picture at the head of each lab is the one that the book's code draws today, small, and described in words."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from tests.pictures import PICTURES, attached, drawn


@pytest.mark.parametrize("word", PICTURES)
def test_the_picture_of_a_lab_is_what_is_drawn_today(word):
    source, data = attached(word)
    (alt,) = re.findall(rf"!\[([^]]*)\]\(attachment:{word}\.png\)", source)
    assert len(alt) > 80
    assert 0 < len(data) < 60_000
    stored, today = Image.open(io.BytesIO(data)), drawn(word)
    assert stored.size == today.size, "run `python -m tests.pictures`, then `make labs`"
    # other machines smooth edges a little differently
    off = np.abs(np.asarray(stored.convert("RGB"), dtype=float) - np.asarray(today.convert("RGB"), dtype=float))
    assert off.mean() < 1, "run `python -m tests.pictures`, then `make labs`"
