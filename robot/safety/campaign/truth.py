"""What a judge sees of a robot: its emulated devices, and how things really are by their truth."""

import subprocess
from typing import Any, NamedTuple, Protocol


class Seen(NamedTuple):
    """One moment.

    speed_m_s: how fast it moves. driven: whether anything drives it. touches: so far, each counted once. turned_rad: from
    where it should face; 0 where that has no meaning.
    """

    speed_m_s: float
    driven: bool
    touches: int
    turned_rad: float


class Emulated(Protocol):
    """Emulated devices in a process of their own, which can be disturbed."""

    process: subprocess.Popen

    def fault(self, do: str, **arguments: Any) -> None:
        """Do something to the robot, its world or its devices. Raises ValueError if it cannot be done."""
        ...

    def truth(self) -> Any: ...

    def close(self) -> None: ...
