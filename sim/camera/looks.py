"""How places and cameras look, drawn from a seed within the ranges of `data/looks.toml`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sim.camera.lens import Lens
from sim.camera.ranges import Range, check_ranges, draw_lenses, draw_values, drawn_fields, look_dtype, middle_lens
from sim.input_files import from_table, read_toml

FILE = Path(__file__).with_name("data") / "looks.toml"
FLOOR, OUTSIDE, TAPE, WALL, STRIPE, CEILING, BACKGROUND = range(7)  # rows of `Looks.colours`
TEXTURES = ("floor_texture", "wall_texture", "ceiling_texture", "background_texture")  # numbers of sim.camera.textures
TEXTURES_M = 30.0
GREY = np.array([0.299, 0.587, 0.114])  # of red, green, blue (ITU-R BT.601, as OpenCV's)


@dataclass(frozen=True)
class Place:
    """The fields of the table [place], which says what they are."""

    walls_share: float
    tape_beside_walls_share: float
    stripes_share: float
    same_floor_outside_share: float
    wall_height_m: Range
    stripe_m: Range
    tape_inset_m: Range
    tape_half_width_m: Range
    ceiling_m: Range
    far_m: Range
    floor_texture_m: Range
    wall_texture_m: Range
    ceiling_texture_m: Range
    floor_contrast: Range
    wall_contrast: Range
    ceiling_contrast: Range
    background_contrast: Range
    light_contrast: Range
    light_m: Range
    colour: Range
    saturation: Range
    tape_apart: float
    wall_apart: float


@dataclass(frozen=True)
class Mounted:
    """The fields of a table of [camera], which says what they are."""

    height_m: Range
    forward_m: Range
    roll_rad: Range
    pitch_rad: Range
    yaw_rad: Range
    dive_rad_per_m_s2: Range
    view_rad: Range
    barrel: Range
    centre_off_share: Range
    exposure_s: Range
    readout_s: Range
    latency_s: Range
    gain: Range
    white_balance: Range
    vignette: Range
    defocus: Range
    read_noise: Range
    shot_noise: Range


DRAWN = drawn_fields((Place, Mounted), ("colour", "saturation", "white_balance"))
LOOK = look_dtype(DRAWN, (), TEXTURES)


@dataclass(frozen=True)
class Looks:
    """n looks for frames of one size. colours: grey levels before `gain`, in the order FLOOR ... BACKGROUND."""

    values: np.ndarray  # (n,) LOOK
    colours: np.ndarray  # (n, 7, channels) float32
    rays: np.ndarray  # (n, height, width, 2) float32, see Lens.rays
    lenses: tuple[Lens, ...]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a frame."""
        return (*self.rays.shape[1:3], self.colours.shape[2])  # type: ignore[return-value]


def camera_names() -> tuple[str, ...]:
    """The cameras of the file."""
    return tuple(read_toml(FILE)["camera"])


@cache
def load_ranges(camera: str) -> tuple[Place, Mounted]:
    """The ranges of places and of a camera by its name. Raises ValueError for an unknown one, naming what there is."""
    tables = read_toml(FILE)
    cameras = tables["camera"]
    if camera not in cameras:
        raise ValueError(f"camera: found {camera!r}, allowed: {', '.join(cameras)}")
    table = dict(cameras[camera])
    values = cameras[table.pop("like", camera)] | table
    values.pop("like", None)
    place = from_table(FILE, Place, tables["place"], "place")
    mounted = from_table(FILE, Mounted, values, f"camera.{camera}")
    check_ranges(FILE, place, mounted)
    return place, mounted


def nominal_lens(width: int, height: int, camera: str) -> Lens:
    """The lens in the middle of a camera's ranges: what a calibration of it would find."""
    _, mounted = load_ranges(camera)
    return middle_lens(width, height, mounted.view_rad, mounted.barrel)


def draw_looks(n: int, seed: int, width: int, height: int, colour: bool, camera: str = "any") -> Looks:
    """n places with a camera in each, for frames of width x height: RGB, or grey."""
    place, mounted = load_ranges(camera)
    rng = np.random.default_rng([seed, 0x100C])
    values = draw_values(n, rng, LOOK, DRAWN, TEXTURES, TEXTURES_M, place, mounted)
    has_walls = rng.random(n) < place.walls_share
    has_tape = ~has_walls | (rng.random(n) < place.tape_beside_walls_share)
    values["wall_height_m"][~has_walls] = 0.0
    values["tape_half_width_m"][~has_tape] = 0.0
    values["stripe_m"][rng.random(n) >= place.stripes_share] = 0.0
    colours = draw_colours(n, rng, place, mounted)
    lenses = draw_lenses(values, rng, mounted.centre_off_share, width, height)
    seen = colours if colour else (colours @ GREY)[..., None]
    return Looks(values, np.ascontiguousarray(seen, np.float32), np.stack([lens.rays() for lens in lenses]), lenses)


def draw_colours(n: int, rng: np.random.Generator, place: Place, mounted: Mounted) -> np.ndarray:
    """(n, 7, 3) grey levels of red, green, blue. Tape and walls differ from the floor, or nobody could drive by them."""
    colours = rng.uniform(*place.colour, (n, 7, 3))
    mean = colours.mean(2, keepdims=True)
    colours = mean + rng.uniform(*place.saturation, (n, 7, 1)) * (colours - mean)
    same = rng.random(n) < place.same_floor_outside_share
    colours[same, OUTSIDE] = colours[same, FLOOR]
    floor = colours[:, FLOOR] @ GREY
    for surface, apart in ((TAPE, place.tape_apart), (WALL, place.wall_apart), (STRIPE, place.wall_apart)):
        above = colours[:, surface] @ GREY - floor
        wanted = np.where(floor < np.mean(place.colour), apart, -apart)
        colours[:, surface] += np.where(np.abs(above) < apart, wanted - above, 0.0)[:, None]
    balance = np.ones((n, 1, 3))
    balance[:, :, 0], balance[:, :, 2] = rng.uniform(*mounted.white_balance, (2, n, 1))
    return np.clip(colours * balance, 5.0, 250.0)
