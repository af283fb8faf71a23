"""How boards look to cameras on hands, and how these are mounted, drawn from a seed within the ranges of `data/wrist.toml`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sim.camera.hand_seen import BARE_HIGH_M, BARE_LOW_M, HIGH_M, LOW_M, hand_seen
from sim.camera.lens import Lens
from sim.camera.ranges import Range, check_ranges, draw_lenses, draw_values, drawn_fields, look_dtype, middle_lens
from sim.input_files import from_table, read_toml

FILE = Path(__file__).with_name("data") / "wrist.toml"
PEG, FINGER, JAW = range(3)
OPENINGS, LEAST_RAD, MOST_RAD = 12, -0.1, 0.5  # angles of the jaw for which a hand without a peg is drawn


@dataclass(frozen=True)
class BoardPlace:
    """The fields of the table [place], which says what they are."""

    plate_half_m: Range
    plate_thick_m: Range
    table_below_m: Range
    plate: Range
    table: Range
    hand: Range
    peg_apart: float
    inside: Range
    inside_fades_m: Range
    chamfer: Range
    texture_m: Range
    plate_contrast: Range
    table_contrast: Range
    light_contrast: Range
    light_m: Range
    slanted: Range
    ambient: Range


@dataclass(frozen=True)
class OnHand:
    """The fields of the table [camera], which says what they are."""

    forward_m: Range
    left_m: Range
    up_m: Range
    turned_rad: Range
    ahead_m: float
    view_rad: Range
    barrel: Range
    centre_off_share: Range
    exposure_s: Range
    latency_s: Range
    gain: Range
    vignette: Range
    defocus: Range
    read_noise: Range
    shot_noise: Range


ELSEWHERE = ("hand", "turned_rad", "centre_off_share", "slanted")  # drawn several times for a look
DRAWN = drawn_fields((BoardPlace, OnHand), ELSEWHERE)
TEXTURES, TEXTURES_M = ("plate_texture", "table_texture"), 1.0
LIGHT = ("light_x", "light_y")  # the way that the light comes from is (light_x, light_y, 1) in the base's frame
LOOK = look_dtype(DRAWN, LIGHT, TEXTURES)


@dataclass(frozen=True)
class WristLooks:
    """n looks for grey frames of one size. hands: what covers a pixel of the hand, its grey, and how far it is, m, along the camera's axis; of a
    hand without a peg OPENINGS of them for each look."""

    values: np.ndarray  # (n,) LOOK
    at_m: np.ndarray  # (n, 3) float64: the camera in the hand's frame
    axes: np.ndarray  # (n, 3, 3) float64: columns right, down, forward in the hand's frame
    rays: np.ndarray  # (n, height, width, 2) float32, see Lens.rays
    hands: np.ndarray  # (n or n * OPENINGS, 3, height, width) float32

    def __len__(self) -> int:
        return len(self.values)

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a frame."""
        return (*self.rays.shape[1:3], 1)  # type: ignore[return-value]


@cache
def load_wrist_ranges() -> tuple[BoardPlace, OnHand]:
    """Raises ValueError, naming file and field, for what is no range."""
    tables = read_toml(FILE)
    parts = from_table(FILE, BoardPlace, tables["place"], "place"), from_table(FILE, OnHand, tables["camera"], "camera")
    check_ranges(FILE, *parts)
    return parts


def draw_wrist_looks(n: int, seed: int, width: int, height: int) -> WristLooks:
    """n boards with a camera on a hand that holds a peg at each, for grey frames of width x height."""
    return _drawn(n, seed, width, height, bare=False)


def draw_block_looks(n: int, seed: int, width: int, height: int) -> WristLooks:
    """n tables with a block, which has the grey of a board, and a camera on an empty hand at each."""
    return _drawn(n, seed, width, height, bare=True)


def opening(jaw_rad: np.ndarray) -> np.ndarray:
    """Which of the drawn openings is nearest to angles of the jaw."""
    step = (MOST_RAD - LEAST_RAD) / (OPENINGS - 1)
    return np.asarray(np.clip(np.rint((jaw_rad - LEAST_RAD) / step), 0, OPENINGS - 1).astype(np.int64))


def _drawn(n: int, seed: int, width: int, height: int, bare: bool) -> WristLooks:
    place, mounted = load_wrist_ranges()
    rng = np.random.default_rng([seed, 0x3157])
    values = draw_values(n, rng, LOOK, DRAWN, TEXTURES, TEXTURES_M, place, mounted)
    bearing, slope = rng.uniform(-np.pi, np.pi, n), rng.uniform(*place.slanted, n)
    values["light_x"], values["light_y"] = slope * np.cos(bearing), slope * np.sin(bearing)
    hand = rng.uniform(*place.hand, (n, 3))
    above = hand[:, PEG] - values["plate"]
    wanted = np.where(values["plate"] < np.mean(place.hand), place.peg_apart, -place.peg_apart)
    hand[:, PEG] += np.where(np.abs(above) < place.peg_apart, wanted - above, 0.0)
    at_m = np.stack([values["forward_m"], values["left_m"], values["up_m"]], 1).astype(np.float64)
    axes = np.stack([looking(at, mounted.ahead_m) @ small_turn(rng.uniform(*mounted.turned_rad, 3)) for at in at_m])
    lenses = draw_lenses(values, rng, mounted.centre_off_share, width, height)
    rays = np.stack([lens.rays() for lens in lenses])
    light = np.stack([values["light_x"], values["light_y"], values["ambient"]], 1).astype(np.float64)
    seen = at_m, axes, rays, values["focal_px"].astype(np.float64), hand, light
    drawn = np.zeros((n, OPENINGS if bare else 1, 3, height, width), np.float32)
    if bare:
        for k, jaw_rad in enumerate(np.linspace(LEAST_RAD, MOST_RAD, OPENINGS).tolist()):
            hand_seen(*seen, BARE_LOW_M, BARE_HIGH_M, jaw_rad, drawn[:, k])
    else:
        hand_seen(*seen, LOW_M, HIGH_M, 0.0, drawn[:, 0])
    return WristLooks(values, at_m, axes, rays, drawn.reshape(-1, 3, height, width))


def nominal_wrist_lens(width: int, height: int) -> Lens:
    """The lens in the middle of the ranges: what a calibration of it would find."""
    _, mounted = load_wrist_ranges()
    return middle_lens(width, height, mounted.view_rad, mounted.barrel)


def looking(at_m: np.ndarray, ahead_m: float) -> np.ndarray:
    """Axes (3, 3) of a camera that looks at a point beyond the end of what the hand holds, upright."""
    forward = np.array([0.0, 0.0, -ahead_m]) - at_m
    forward /= np.linalg.norm(forward)
    down = forward[2] * forward - [0.0, 0.0, 1.0]
    down /= np.linalg.norm(down)
    return np.stack([np.cross(down, forward), down, forward], 1)


def small_turn(angles_rad: np.ndarray) -> np.ndarray:
    """About x, then y, then z."""
    (a, b, c), (d, e, f) = np.cos(angles_rad), np.sin(angles_rad)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, a, -d], [0.0, d, a]])
    about_y = np.array([[b, 0.0, e], [0.0, 1.0, 0.0], [-e, 0.0, b]])
    about_z = np.array([[c, -f, 0.0], [f, c, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(about_z @ about_y @ about_x)
