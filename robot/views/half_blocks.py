"""A grey picture in a terminal: a character is two pixels, one over the other."""

import numpy as np
from rich.text import Text


def half_blocks(picture: np.ndarray) -> Text:
    """Of (height, width) uint8: a line for every two rows; below an odd last one it is black."""
    if len(picture) % 2:
        picture = np.concatenate([picture, np.zeros_like(picture[:1])])
    text = Text(no_wrap=True)
    for upper, lower in zip(picture[::2].tolist(), picture[1::2].tolist(), strict=True):
        for above, below in zip(upper, lower, strict=True):
            text.append("▀", f"rgb({above},{above},{above}) on rgb({below},{below},{below})")
        text.append("\n")
    return text
