"""Which pictures of a camera are none: black, blank, torn, frozen, of another size. What is not good renews no age.

A real sensor has noise: no two pictures are equal to the byte, and no row of one is of one value unless it is saturated. So
equality is evidence, and nothing else has to be known of what the camera looks at. A simulated camera needs noise, too.
"""

from collections.abc import Callable

import numpy as np

DARK = 10.0  # mean grey level, of 255, below which nothing is seen
BLANK = 2.0  # standard deviation within each colour: a hand before the lens, a lens cap with the light on
TORN_SHARE = 1 / 16  # of the rows; fewer are left to what looks at the picture
MOVED = 4.0  # mean difference of grey levels, of what is above a tear: a still scene may repeat itself in compressed pictures
DETAIL = 0.5  # mean difference of neighbouring pixels, grey levels: noise alone has more
FILLS = (
    (128, 0),
    ((128, 128, 128), (0, 135, 0), (0, 0, 0)),
)  # of grey and of colour: a JPEG's decoder's, zeros as YUV, zeros
FILL_OFF = 3  # grey levels
MEASURED_SHARE = 0.01  # of a depth picture, at least
STRIDE = 8  # rows and columns between the pixels that are looked at first


class FrameCheck:
    """Of one camera, since it was opened. height, width: of every picture; those of the first good one, unless they were told.

    may_tear: False where the source finds torn pictures by itself: of a floor of one colour, a strongly compressed picture has
    rows of one value, and rows that do not change. compressed: False where no two rows that show something are equal from picture to picture, but of a torn
    one, however little moves.
    """

    def __init__(self, height: int = 0, width: int = 0, may_tear: bool = True, compressed: bool = True) -> None:
        self._size, self._may_tear = (height, width), may_tear
        self._moved = MOVED if compressed else 0.0
        self._before: np.ndarray | None = None

    def why_bad(self, frame: np.ndarray) -> str:
        """What is wrong with the newest picture, (height, width) or (height, width, 3) uint8; empty for a good one."""
        before, self._before = self._before, frame
        size, height, width = frame.shape[:2], *self._size
        if frame.dtype != np.uint8 or (height or size[0], width or size[1]) != size:
            return f"its frames are {size[1]}x{size[0]} {frame.dtype}, needed {width}x{height} uint8"
        sample = np.ascontiguousarray(frame[::STRIDE, ::STRIDE])
        if sample.mean() < DARK:
            return "its frames are black: is the lens covered, is there light?"
        if sample.std(axis=(0, 1)).max() < BLANK:
            return "its frames are of one colour: is the lens covered?"
        if before is not None and before.shape != frame.shape:
            before = None
        if before is not None and np.array_equal(sample, before[::STRIDE, ::STRIDE]) and np.array_equal(frame, before):
            return "its frames are frozen"
        rows = max(1, round(TORN_SHARE * size[0]))
        if self._may_tear and (
            is_filled(frame[-rows:]) or (before is not None and continues(frame, before, rows, self._moved))
        ):
            return "its frames are torn"
        self._size = size
        return ""


def is_filled(rows: np.ndarray) -> bool:
    """Whether rows hold one value, one of those that are put where data is missing."""
    first = rows[0, 0]
    if not (rows[-1] == first).all() or not (rows == first).all():
        return False
    off = np.abs(np.array(FILLS[rows.ndim - 2], int).reshape(-1, first.size) - first.astype(int).ravel())
    return bool((off.max(axis=1) <= FILL_OFF).any())


def continues(frame: np.ndarray, before: np.ndarray, rows: int, least: float = MOVED) -> bool:
    """Whether the last rows are still those of the picture before, while what is above has moved on, by grey levels.

    Without detail they tell nothing: compressed, a bare floor may well be the same again.
    """
    if not np.array_equal(frame[-rows:], before[-rows:]):
        return False
    if np.abs(np.diff(frame[-rows:].astype(np.int32), axis=1)).mean() < DETAIL:
        return False
    moved = np.abs(frame[:rows].astype(np.int32) - before[:rows]).mean()
    return bool(moved > least)


def why_no_depth(size: tuple[int, int]) -> Callable[[np.ndarray], str]:
    """What is wrong with depth pictures, (height, width) uint16, one after another; empty for a good one."""
    before = np.zeros(size, np.uint16)

    def why_bad(depth: np.ndarray) -> str:
        nonlocal before
        earlier, before = before, depth
        if depth.shape != size or depth.dtype != np.uint16:
            return f"its frames are {depth.shape[1]}x{depth.shape[0]} {depth.dtype}, needed {size[1]}x{size[0]} uint16"
        if np.count_nonzero(depth) < MEASURED_SHARE * depth.size:
            return "it measures nothing: is it covered, or all out of its range?"
        if np.array_equal(depth[::STRIDE], earlier[::STRIDE]) and np.array_equal(depth, earlier):
            return "its frames are frozen"
        rows = max(1, round(TORN_SHARE * size[0]))
        return "its frames are torn" if depth[-rows:].any() and continues(depth, earlier, rows) else ""

    return why_bad
