"""A picture in characters: two rows a line, each pixel its own grey."""

import numpy as np

from robot.views.half_blocks import half_blocks


def test_a_character_is_two_pixels_one_over_the_other() -> None:
    text = half_blocks(np.array([[0, 10], [20, 30], [40, 50]], np.uint8))
    assert text.plain == "▀▀\n▀▀\n"
    assert [str(span.style) for span in text.spans] == [
        "rgb(0,0,0) on rgb(20,20,20)", "rgb(10,10,10) on rgb(30,30,30)", "rgb(40,40,40) on rgb(0,0,0)", "rgb(50,50,50) on rgb(0,0,0)",
    ]  # fmt: skip
