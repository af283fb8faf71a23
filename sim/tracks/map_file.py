"""Maps of real tracks in the ROS `map_server` format: an image and a YAML file.

Format: wiki.ros.org/map_server, section 3. `origin` is the pose of the lower-left corner of the image. A cell counts as
solid unless the map says that it is free: what nobody has seen may hold a wall.
"""

import contextlib
import math
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from sim.distance_field import OccupancyGrid

MODES = ("trinary", "scale", "raw")
UNKNOWN = 50 / 255  # occupancy of grey 205, which map savers write where nobody has looked, whatever free_thresh
UNKNOWN_WITHIN, UNKNOWN_WITHIN_JPEG = 0.9 / 255, 12 / 255
PIXELS_MAX = 500_000_000
CELLS_MAX = 24_000_000  # of a grid; larger images are cut to their free part, then drawn coarser ...
COARSEST_M = 0.1  # ... but no coarser than this
ORIGIN_MAX_M = 1e7  # the Earth's quadrant: UTM coordinates are below it
# Whatever the bytes of a picture may do to the library that reads them.
IMAGE_ERRORS = (OSError, ValueError, SyntaxError, EOFError, OverflowError, IndexError, MemoryError, struct.error)


def load_map(path: Path) -> OccupancyGrid:
    """Read a map: its YAML file and the image that it names, relative to the YAML file's folder.

    Raises ValueError, naming file and field, for anything missing or out of range.
    """
    path = Path(path)
    fields = _read_fields(path)
    resolution = _number(path, fields, "resolution")
    if not 0 < resolution <= 1.0:
        raise ValueError(f"{path}: resolution: found {resolution}, allowed: more than 0 and at most 1 m per pixel")
    origin = fields.get("origin")
    numbers = [_as_number(value) for value in origin] if isinstance(origin, list) else []
    if len(numbers) != 3 or not all(_is_finite_number(value) and abs(value) <= ORIGIN_MAX_M for value in numbers):
        raise ValueError(
            f"{path}: origin: found {origin!r}, allowed: [x m, y m, yaw rad], each within {ORIGIN_MAX_M:.0f}"
        )
    free = _free_cells(path, fields)[::-1]
    return _of_workable_size(path, free, resolution, *(float(value) for value in numbers))


def _read_fields(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode(errors="replace")  # comments may be in any encoding
        # Tabs between a field and its value are common, and other readers of YAML take them.
        fields = yaml.safe_load(text.expandtabs())
    except FileNotFoundError:
        raise ValueError(f"{path}: found no such file, allowed: a map's YAML file") from None
    except OSError as error:
        raise ValueError(f"{path}: found no readable file ({error.strerror}), allowed: a map's YAML file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: found no YAML ({_first_fault(error)}), allowed: a map's YAML file") from None
    if not isinstance(fields, dict):
        raise ValueError(f"{path}: found {type(fields).__name__}, allowed: the fields image, resolution, origin, ...")
    return fields


def _first_fault(error: Exception) -> str:
    """Where and what, in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _as_number(value: Any) -> Any:
    """A number that YAML 1.1 takes for text, such as 5e-2, as a number; all else as it is."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    return value


def _is_finite_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _number(path: Path, fields: dict[str, Any], name: str) -> float:
    value = _as_number(fields.get(name))
    if not _is_finite_number(value):
        raise ValueError(f"{path}: {name}: found {fields.get(name)!r}, allowed: a number")
    return float(value)


def _free_cells(path: Path, fields: dict[str, Any]) -> np.ndarray:
    """(h, w) bool, row 0 = top of the image."""
    negate, mode = _as_number(fields.get("negate", 0)), fields.get("mode", "trinary")
    if negate not in (0, 1):
        raise ValueError(f"{path}: negate: found {negate!r}, allowed: 0 or 1")
    if mode not in MODES:
        raise ValueError(f"{path}: mode: found {mode!r}, allowed: {', '.join(MODES)}")
    occupied_above = _number(path, fields, "occupied_thresh")
    free_below = _number(path, fields, "free_thresh")
    if not 0.0 <= free_below <= occupied_above <= 1.0:
        raise ValueError(
            f"{path}: free_thresh, occupied_thresh: found {free_below}, {occupied_above}, "
            "allowed: 0 <= free_thresh <= occupied_thresh <= 1"
        )
    level, top, opaque, is_jpeg = _read_image(path, fields)
    shade = np.arange(top + 1) / top
    if mode == "raw":  # pixels are occupancies in per cent; above 100 is unknown
        is_free = (shade * 255.0 <= 100.0) & (shade * 2.55 < free_below)
    else:
        occupancy = shade if negate else 1.0 - shade
        is_free = occupancy < free_below
        if mode == "trinary":
            within = UNKNOWN_WITHIN_JPEG if is_jpeg else UNKNOWN_WITHIN
            is_free &= np.abs(occupancy - UNKNOWN) > within
    free = is_free[level]
    if opaque is not None:
        free &= opaque
    if not free.any() and level.min() < level.max():
        darkest, brightest = (255 * int(value) / top for value in (level.min(), level.max()))
        raise ValueError(
            f"{path}: free_thresh: found {free_below} and pixels from {darkest:.0f} to {brightest:.0f} of 255, none of them "
            "free, allowed: what leaves free cells"
        )
    return free


def _read_image(path: Path, fields: dict[str, Any]) -> tuple[np.ndarray, int, np.ndarray | None, bool]:
    """Brightness from 0 to `top` (h, w), row 0 = top; `top`; where it is opaque, if it says so; whether it is a JPEG."""
    name = fields.get("image")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{path}: image: found {name!r}, allowed: the name of a PNG or PGM file")
    file = path.parent / name
    try:
        with _of_any_size(), Image.open(file) as image:
            if image.width * image.height > PIXELS_MAX:
                raise ValueError(
                    f"{image.width} x {image.height} pixels are more than the {PIXELS_MAX // 1_000_000} million allowed"
                )
            image.load()
            return *_levels(image), image.format == "JPEG"
    except (FileNotFoundError, NotADirectoryError):
        beside = path.parent / Path(name.replace("\\", "/")).name
        hint = f" (image: {beside.name} would be found)" if beside != file and beside.is_file() else ""
        raise ValueError(
            f"{path}: image: found {name!r}, which is not there{hint}, allowed: a PNG or PGM file"
        ) from None
    except IMAGE_ERRORS as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}: image: found {name!r}, which cannot be read ({told}), allowed: PNG, PGM") from None


@contextlib.contextmanager
def _of_any_size() -> Iterator[None]:
    """Let the library open what it would take for an attack, and without a word: this module has its own limit."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _levels(image: Image.Image) -> tuple[np.ndarray, int, np.ndarray | None]:
    """Brightness from 0 to top, averaged over colours; top; where it is opaque. Raises ValueError for other pixels."""
    if image.mode.startswith("I"):  # 16 bits a pixel
        level = np.asarray(image)
        if level.min() < 0 or level.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        return level, 65535, None
    if image.mode == "F":
        raise ValueError("its pixels are no whole numbers")
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image), 255, None
    pixels = np.asarray(image.convert("RGBA"))
    level = pixels[:, :, 0].astype(np.uint16)
    level += pixels[:, :, 1]
    level += pixels[:, :, 2]
    return level, 3 * 255, pixels[:, :, 3] == 255


def _of_workable_size(
    path: Path, free: np.ndarray, resolution_m: float, x: float, y: float, yaw: float
) -> OccupancyGrid:
    """The grid of `free` cells (h, w), row 0 = lowest: cut and coarser if it is too large. A coarse cell is free if all
    of it is."""
    if free.size > CELLS_MAX:
        rows, columns = np.flatnonzero(free.any(axis=1)), np.flatnonzero(free.any(axis=0))
        if len(rows):
            first_row, first_column = max(0, rows[0] - 2), max(0, columns[0] - 2)
            free = free[first_row : rows[-1] + 3, first_column : columns[-1] + 3]
            u, v = first_column * resolution_m, first_row * resolution_m
            cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
            x, y = x + u * cos_yaw - v * sin_yaw, y + u * sin_yaw + v * cos_yaw
    coarser = 1
    while free.size > CELLS_MAX * coarser * coarser:
        coarser += 1
    if coarser > 1 and coarser * resolution_m > COARSEST_M:
        raise ValueError(
            f"{path}: image: found a free area {free.shape[1]} x {free.shape[0]} pixels of {resolution_m} m large, "
            f"allowed: at most {CELLS_MAX // 1_000_000} million pixels of {COARSEST_M} m"
        )
    if coarser > 1:
        height, width = (-(-size // coarser) for size in free.shape)
        whole = np.zeros((height * coarser, width * coarser), dtype=bool)
        whole[: free.shape[0], : free.shape[1]] = free
        free = np.all(whole.reshape(height, coarser, width, coarser), axis=(1, 3), keepdims=True)[:, 0, :, 0]
    return OccupancyGrid(path.stem, ~free, resolution_m * coarser, x, y, yaw)
