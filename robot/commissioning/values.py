"""What a set-up found: a value with the interval that holds the truth, or the reason why it is not believed."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """low, high: the interval; equal to the value where it is a matter of yes or no. refused: why it is not believed."""

    name: str
    value: float | bool
    low: float | bool
    high: float | bool
    refused: str = ""

    @property
    def text(self) -> str:
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        half = 0.5 * (self.high - self.low)
        return f"{self.value:.4g} ± {half:.2g}"


def judged(
    name: str, value: float, half: float, plausible: tuple[float, float], widest: float, who: str, size: float | None = None
) -> Value:  # fmt: skip
    """A value, refused where it is known to less than `widest`, or where its size (itself) is not what such robots have.

    half: of the interval. who: has such values, for people.
    """
    low, high = plausible
    refused = ""
    if not (math.isfinite(value) and math.isfinite(half)):
        refused = "not identifiable: nothing that was done tells it"
    elif not half <= widest:
        refused = f"not identifiable: {value:.4g} is known to {half:.2g} alone, {widest:.2g} is needed"
    elif not low <= (value if size is None else size) <= high:
        refused = f"not plausible: {value:.4g}, {who} have {low:.4g} to {high:.4g}"
    return Value(name, value, value - half, value + half, refused)


def yes_or_no(name: str, value: bool, refused: str = "") -> Value:
    return Value(name, value, value, value, refused)
