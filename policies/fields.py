"""What the numbers of an observation or an action mean, so that whoever runs the policy elsewhere need not guess."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A group of numbers that lie side by side and share a unit.

    The policy sees, or decides, `normalised = (raw - offset) * scale`; raw is in `unit`. `name` is a C identifier in lower
    case; `meaning` says what a person must know: the frame, the order of the numbers.
    """

    name: str
    size: int
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    meaning: str = ""

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.isidentifier() and self.name.islower()):
            raise ValueError(f"field name: found {self.name!r}, allowed: an identifier of C in lower case")
        if self.size < 1 or self.scale == 0.0:
            raise ValueError(
                f"field {self.name}: found size {self.size}, scale {self.scale}, allowed: 1 or more, not 0"
            )


def total_size(fields: tuple[Field, ...]) -> int:
    """How many numbers the fields are together."""
    return sum(field.size for field in fields)
