"""What is no picture is found, and what a camera may well see is not taken for it."""

import cv2
import numpy as np
import pytest

from drivers.frame_check import FrameCheck, why_no_depth

HEIGHT, WIDTH = 96, 128
RNG = np.random.default_rng(0)
WALL = cv2.resize(RNG.integers(30, 226, (8, 12, 3), dtype=np.uint8), (WIDTH, HEIGHT)).astype(float)


def seen(scene: np.ndarray, shift: int = 0, noise: float = 1.0, quality: int = 0) -> np.ndarray:
    """A sensor's picture of a scene, moved by so many columns, compressed if it has a quality."""
    moved = np.roll(scene, -shift, 1)
    frame = np.clip(np.round(moved + RNG.normal(0.0, noise, moved.shape)), 0, 255).astype(np.uint8)
    return (
        frame if not quality else cv2.imdecode(cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], 1)
    )


def floor_of(grey: float) -> np.ndarray:
    """A floor of one colour below a wall."""
    scene = WALL.copy()
    scene[HEIGHT // 3 :] = grey
    return scene


@pytest.mark.parametrize("quality", [0, 80])
@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize(
    "scene", [WALL, floor_of(140.0), floor_of(300.0), 0.2 * WALL], ids=["wall", "floor", "white", "dark"]
)
def test_whatever_a_device_may_see_is_a_picture(scene: np.ndarray, step: int, quality: int) -> None:
    check = FrameCheck()
    assert [check.why_bad(seen(scene, step * k, 1.0, quality)) for k in range(20)] == 20 * [""]


@pytest.mark.parametrize("scene", [floor_of(140.0), floor_of(300.0)], ids=["floor", "white"])
def test_a_strongly_compressed_stream_of_a_bare_floor_is_not_torn(scene: np.ndarray) -> None:
    check = FrameCheck(may_tear=False)
    assert [check.why_bad(seen(scene, 3 * k, 1.0, 20)) for k in range(20)] == 20 * [""]


@pytest.mark.parametrize("fill", [(128, 128, 128), (0, 135, 0), (0, 0, 0), None])
@pytest.mark.parametrize("from_row", [8, 48, 88])
def test_a_tear_is_found_wherever_it_begins(fill: tuple[int, int, int] | None, from_row: int) -> None:
    check = FrameCheck()
    before = seen(WALL)
    assert check.why_bad(before) == ""
    torn = seen(WALL, 3)
    torn[from_row:] = before[from_row:] if fill is None else fill
    assert check.why_bad(torn) == "its frames are torn"
    assert check.why_bad(seen(WALL, 6)) == ""


def test_the_same_picture_is_frozen_and_the_same_scene_is_not() -> None:
    check, frame = FrameCheck(), seen(WALL)
    assert [check.why_bad(each) for each in (frame, frame, seen(WALL))] == ["", "its frames are frozen", ""]
    almost = seen(WALL)
    check.why_bad(almost)
    other = almost.copy()
    other[5, 5] += 1
    assert check.why_bad(other) == ""


@pytest.mark.parametrize(
    ("frame", "word"),
    [(seen(0.0 * WALL, noise=3.0), "black"), (seen(0.0 * WALL + (90.0, 60.0, 160.0)), "one colour"), (np.zeros((9, 9), np.uint16), "uint16")],
)  # fmt: skip
def test_without_a_scene_there_is_no_picture(frame: np.ndarray, word: str) -> None:
    assert word in FrameCheck().why_bad(frame)


def test_the_size_is_that_of_the_first_good_picture_or_the_one_that_was_told() -> None:
    check = FrameCheck()
    check.why_bad(np.zeros((4, 4, 3), np.uint8))
    assert check.why_bad(seen(WALL)) == ""
    assert check.why_bad(seen(WALL)[:50]) == f"its frames are {WIDTH}x50 uint8, needed {WIDTH}x{HEIGHT} uint8"
    assert "needed 64x48" in FrameCheck(48, 64).why_bad(seen(WALL))


def test_depth_is_frozen_torn_or_empty() -> None:
    why_bad = why_no_depth((HEIGHT, WIDTH))
    depth = [(1000 + 4 * seen(WALL, 3 * k)[..., 0].astype(np.uint16)) for k in range(3)]
    torn = depth[2].copy()
    torn[48:] = depth[1][48:]
    assert why_bad(depth[0]) == why_bad(depth[1]) == ""
    assert why_bad(depth[1]) == "its frames are frozen"
    assert why_bad(torn) == "its frames are torn"
    assert "measures nothing" in why_bad(np.zeros((HEIGHT, WIDTH), np.uint16))
