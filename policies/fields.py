"""What the numbers of an observation or an action mean, so that nobody need guess or count, here or on a chip."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Field:
    """A group of numbers that lie side by side and share a unit.

    The policy sees, or decides, `normalised = (raw - offset) * scale`; raw is in `unit`. `name` is a C identifier in lower
    case; `meaning` says what a person must know: the frame, the order of the numbers.

    low, high: raw numbers that the world can bring about lie between them.
    mirror: how the numbers read in a mirror, as a pattern that repeats over the field: places from 1 within the pattern,
    with a minus where the sign turns. (-1,) turns every sign, (2, 1) swaps pairs, () leaves all as it is.
    """

    name: str
    size: int
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    meaning: str = ""
    low: float = -math.inf
    high: float = math.inf
    mirror: tuple[int, ...] = field(default=(), compare=False)  # for learners alone: a model's metadata have none

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.isidentifier() and self.name.islower()):
            raise ValueError(f"field name: found {self.name!r}, allowed: an identifier of C in lower case")
        if self.size < 1 or self.scale == 0.0:
            raise ValueError(
                f"field {self.name}: found size {self.size}, scale {self.scale}, allowed: 1 or more, not 0"
            )
        if not self.low < self.high:
            raise ValueError(f"field {self.name}: found low {self.low}, high {self.high}, allowed: the first one less")
        length = len(self.mirror)
        if length and (sorted(map(abs, self.mirror)) != list(range(1, length + 1)) or self.size % length):
            raise ValueError(f"field {self.name}: found mirror {self.mirror} of {self.size} numbers, allowed: each place "
                             "of a pattern once, and whole patterns")  # fmt: skip


Fields = tuple[Field, ...]


class Mirror(NamedTuple):
    """An exact symmetry: observation[columns] * sign with action * action_sign is as true as the original."""

    columns: np.ndarray  # (n,) int64
    sign: np.ndarray  # (n,) float32
    action_sign: np.ndarray  # (m,) float32


def total_size(fields: Fields) -> int:
    """How many numbers the fields are together."""
    return sum(field.size for field in fields)


def slices(fields: Fields) -> dict[str, slice]:
    """Where each field's numbers are. Raises ValueError for two of one name."""
    places: dict[str, slice] = {}
    first = 0
    for one in fields:
        if one.name in places:
            raise ValueError(f"field {one.name}: found it twice, allowed: once")
        places[one.name] = slice(first, first + one.size)
        first += one.size
    return places


def scales(fields: Fields) -> np.ndarray:
    """The scale of each number, float64."""
    return np.repeat([one.scale for one in fields], [one.size for one in fields])


def offsets(fields: Fields) -> np.ndarray:
    """The offset of each number, float64."""
    return np.repeat([one.offset for one in fields], [one.size for one in fields])


def bounds(fields: Fields) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest of each number, as the policy sees it, float64."""
    sizes = [one.size for one in fields]
    ends = np.array([[(end - one.offset) * one.scale for end in (one.low, one.high)] for one in fields])
    ends.sort(axis=1)
    return np.repeat(ends[:, 0], sizes), np.repeat(ends[:, 1], sizes)


def mirror_of(observation: Fields, action: Fields) -> Mirror:
    """The symmetry that the fields declare. Raises ValueError for actions that swap places: no learner swaps them."""
    columns, sign = _mirrored(observation)
    action_columns, action_sign = _mirrored(action)
    if (action_columns != np.arange(len(action_columns))).any():
        raise ValueError("action fields: found a mirror that swaps places, allowed: one that turns signs")
    return Mirror(columns, sign, action_sign)


def _mirrored(fields: Fields) -> tuple[np.ndarray, np.ndarray]:
    columns: list[int] = []
    signs: list[float] = []
    for one in fields:
        pattern = one.mirror or (1,)
        for _ in range(one.size // len(pattern)):
            first = len(columns)
            columns += [first + abs(place) - 1 for place in pattern]
            signs += [math.copysign(1.0, place) for place in pattern]
    return np.array(columns), np.array(signs, np.float32)
