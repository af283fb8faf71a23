"""Which kinds of robots can be set up."""

from pathlib import Path

from robot.commissioning.commissioning import ENTRY_POINTS, find_commissioning
from robot.runtime.joining import brings, joined

ROBOTS = Path(__file__).parents[1] / "robots"


def kinds() -> list[str]:
    """Those of this project, and those that joined."""
    own = (path.name for path in sorted(ROBOTS.iterdir()) if brings(path.name, "commissioning", ENTRY_POINTS))
    return [*own, *joined(ENTRY_POINTS)]


def called() -> dict[str, str]:
    """Kinds, by what `robot setup` calls them."""
    return {find_commissioning(kind).called or kind: kind for kind in kinds()}


def kind_of(name: str) -> str:
    """Of a robot by its name or file. Raises ValueError for one that no kind knows."""
    for kind in kinds():
        if find_commissioning(kind).knows(name):
            return kind
    raise ValueError(f"--robot: found '{name}', allowed: a robot of one of the kinds {', '.join(called())}")
