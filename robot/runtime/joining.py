"""Where a kind of robot keeps what it brings: in a folder of robot/robots, or behind an entry point of another package."""

import importlib
import importlib.util
from importlib.metadata import EntryPoint, entry_points
from typing import Any


def joined(group: str) -> dict[str, EntryPoint]:
    """What other packages bring, by name."""
    return {point.name: point for point in entry_points(group=group)}


def brought(kind: str, module: str, name: str, group: str) -> Any:
    """`name` of `robot/robots/KIND/MODULE.py`, or the entry point of this group that is called KIND. Raises ValueError if
    there is neither.
    """
    place = f"robot.robots.{kind}"
    if kind.isidentifier() and importlib.util.find_spec(place) and importlib.util.find_spec(f"{place}.{module}"):
        return getattr(importlib.import_module(f"{place}.{module}"), name)
    points = joined(group)
    if kind not in points:
        others = ", ".join(points) or "none joined"
        raise ValueError(f"robot: found {kind!r}, allowed: a folder of robot/robots with a {module}.py, {others}")
    return points[kind].load()
