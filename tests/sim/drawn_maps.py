"""Maps that tests draw and write."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw

from sim.distance_field import OccupancyGrid
from sim.tracks.track import closed_course

FREE, UNKNOWN, WALL = 254, 205, 0
FIELDS = {
    "image": "map.png", "resolution": 0.05, "origin": [-3.0, -2.0, 0.0],
    "negate": 0, "occupied_thresh": 0.65, "free_thresh": 0.196,
}  # fmt: skip


def write_map(folder: Path, drawn: Image.Image | np.ndarray, **changes: Any) -> Path:
    """A map of pixels, rows downwards, and its YAML file; a field changed to None is left out."""
    fields = {name: value for name, value in (FIELDS | changes).items() if value is not None}
    picture = drawn if isinstance(drawn, Image.Image) else Image.fromarray(drawn)
    picture.save(folder / fields.get("image", "map.png"))
    path = folder / "map.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def swept(name: str, x: np.ndarray, y: np.ndarray, lane_m: float, resolution_m: float = 0.05) -> OccupancyGrid:
    """Free is what a disc of a lane's width sweeps along a line (n,), which may cross itself; all else is solid."""
    border = lane_m / 2 + 0.5
    corner = np.array([x.min() - border, y.min() - border])
    width, height = ((x.max() + border - corner[0]) / resolution_m, (y.max() + border - corner[1]) / resolution_m)
    image = Image.new("L", (round(width), round(height)), 0)
    pen, radius = ImageDraw.Draw(image), lane_m / 2 / resolution_m
    for px, py in zip((x - corner[0]) / resolution_m, (y - corner[1]) / resolution_m, strict=True):
        pen.ellipse([px - radius, py - radius, px + radius, py + radius], fill=255)
    return OccupancyGrid(name, np.asarray(image) == 0, resolution_m, float(corner[0]), float(corner[1]))


def stadium_in_a_field(length_m: float, half_lane_m: float, field_m: tuple[float, float]) -> OccupancyGrid:
    """A race track drawn as two thin lines in the middle of a large free field, as race maps often are."""
    rng = np.random.default_rng(3)
    angle, radius = np.linspace(0.0, 2 * np.pi, 14, endpoint=False), 1.0 + 0.35 * rng.uniform(-1, 1, 14)
    points = np.stack([1.6 * radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    ones = np.ones(14)
    points *= length_m / closed_course("", points, ones, ones).length_m
    course = closed_course("", points, half_lane_m * ones, half_lane_m * ones)
    image = Image.new("L", (round(field_m[0] / 0.1), round(field_m[1] / 0.1)), 255)
    pen = ImageDraw.Draw(image)
    for wall in course.walls():
        line = [((x + field_m[0] / 2) / 0.1, (y + field_m[1] / 2) / 0.1) for x, y in wall]
        pen.line([*line, line[0]], fill=0, width=2)
    return OccupancyGrid("race", np.asarray(image) == 0, 0.1, -field_m[0] / 2, -field_m[1] / 2)
