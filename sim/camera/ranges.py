"""Looks are drawn within ranges of a file: what all kinds of looks share."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sim.camera import textures
from sim.camera.lens import Lens, lens_of_view
from sim.input_files import shown, wrong

Range = tuple[float, float]
OF_TEXTURES = ("texture_x_m", "texture_y_m")  # where they begin
FOCAL = "focal_px"


def drawn_fields(kinds: Sequence[type], several: Sequence[str]) -> tuple[str, ...]:
    """The ranges of these dataclasses of which a look has one number each; of `several` it has more, or none."""
    return tuple(
        field.name for kind in kinds for field in fields(kind) if field.type == Range and field.name not in several
    )


def look_dtype(drawn: Sequence[str], of_its_own: Sequence[str], of_textures: Sequence[str]) -> np.dtype:
    """Of one look: a number by each name, numbers of `sim.camera.textures`, where these begin, m, and the focal length."""
    numbers = [(name, np.float32) for name in (*drawn, *of_its_own, *OF_TEXTURES, FOCAL)]
    return np.dtype([*numbers, *((name, np.int32) for name in of_textures)])


def check_ranges(path: Path, *parts: Any) -> None:
    """Raises ValueError, naming the file and the field, for what is no range."""
    for part in parts:
        for name, value in vars(part).items():
            if isinstance(value, tuple) and not value[0] <= value[1]:
                raise wrong(path, name, shown(value), "a low and a high number")


def draw_values(n: int, rng: np.random.Generator, look: np.dtype, drawn: Sequence[str], of_textures: Sequence[str],
                most_m: float, *parts: Any) -> np.ndarray:  # fmt: skip
    """(n,) of a `look_dtype`, all but the focal length. most_m: at which textures may begin; parts: with the ranges."""
    values = np.zeros(n, look)
    for name in drawn:
        low, high = next(getattr(part, name) for part in parts if hasattr(part, name))
        values[name] = rng.uniform(low, high, n)
    for name in of_textures:
        values[name] = rng.integers(0, textures.COUNT, n)
    for name, begins_m in zip(OF_TEXTURES, rng.uniform(0.0, most_m, (2, n)), strict=True):
        values[name] = begins_m
    return values


def draw_lenses(
    values: np.ndarray, rng: np.random.Generator, centre_off_share: Range, width: int, height: int
) -> tuple[Lens, ...]:
    """One for each of these values, whose focal lengths are filled in, for frames of width x height."""
    off = rng.uniform(*centre_off_share, (len(values), 2)) * width
    lenses = tuple(
        lens_of_view(width, height, float(look["view_rad"]), float(look["barrel"]), (x, y))
        for look, (x, y) in zip(values, off.tolist(), strict=True)
    )
    values[FOCAL] = [lens.focal_x_px for lens in lenses]
    return lenses


def middle_lens(width: int, height: int, view_rad: Range, barrel: Range) -> Lens:
    """The lens in the middle of ranges: what a calibration of it would find."""
    return lens_of_view(width, height, float(np.mean(view_rad)), float(np.mean(barrel)))
