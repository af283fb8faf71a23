"""Where a kind of robot keeps what it brings: in a folder of robot/robots, or behind an entry point of another package."""

import importlib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

OWN = "robot.robots"


def joined(group: str) -> dict[str, EntryPoint]:
    """What other packages bring, by name."""
    return {point.name: point for point in entry_points(group=group)}


def brings(kind: str, module: str, group: str) -> bool:
    """Whether there is what `brought` would find."""
    return _is_own(kind, module) or kind in joined(group)


def _is_own(kind: str, module: str) -> bool:
    place = f"{OWN}.{kind}"
    return bool(kind.isidentifier() and find_spec(place) and find_spec(f"{place}.{module}"))


def brought(kind: str, module: str, name: str, group: str) -> Any:
    """`name` of `robot/robots/KIND/MODULE.py`, or the entry point of this group that is called KIND. Raises ValueError if
    there is neither.
    """
    if _is_own(kind, module):
        return getattr(importlib.import_module(f"{OWN}.{kind}.{module}"), name)
    points = joined(group)
    if kind not in points:
        others = ", ".join(points) or "none joined"
        raise ValueError(f"robot: found {kind!r}, allowed: a folder of robot/robots with a {module}.py, {others}")
    return points[kind].load()


def later(module: str, name: str) -> Callable[..., Any]:
    """A function that is imported when it is first called: who asks for a robot's options alone need not wait."""

    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments, **named)

    return call
