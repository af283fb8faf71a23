"""Which kinds of robots can be set up."""

from pathlib import Path

from robot.commissioning.commissioning import ENTRY_POINTS
from robot.runtime.joining import brings, joined

ROBOTS = Path(__file__).parents[1] / "robots"


def kinds() -> list[str]:
    """Those of this project, and those that joined."""
    own = (path.name for path in sorted(ROBOTS.iterdir()) if brings(path.name, "commissioning", ENTRY_POINTS))
    return [*own, *joined(ENTRY_POINTS)]
