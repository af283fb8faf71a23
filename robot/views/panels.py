"""What a robot shows of itself in the live view: numbers by name and unit, and a picture of where it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from rich.console import RenderableType


@dataclass(frozen=True)
class Gauge:
    """A number that a person sees: `read(OUTPUTS, what was reached so far)`. needed: False: not shown while it is 0."""

    name: str
    read: Callable[[np.ndarray, Any], float]
    unit: str = ""
    digits: int = 0
    needed: bool = True

    def text(self, value: float) -> str:
        return f"{value:.{self.digits}f} {self.unit}".rstrip()


@dataclass(frozen=True)
class Shown:
    """A gauge, as it stands."""

    gauge: Gauge
    value: float

    @property
    def text(self) -> str:
        return self.gauge.text(self.value)


class Scene(Protocol):
    """A picture of where the robot is. title: of the place."""

    title: str

    def see(self, outputs: np.ndarray) -> None:
        """Take in a newer OUTPUTS record."""
        ...

    def render(self, columns: int, lines: int) -> RenderableType: ...
