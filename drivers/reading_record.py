"""What a driver's read gives, as a record of fixed size, and back: the record's fields are those of the reading's class.

A float becomes f8, an int u4, a tuple of floats so many f8, an array of at most n numbers (`Annotated[np.ndarray, n]`) n f4;
arrays of one reading are of one length, which the record's field `points` holds. A field whose name ends in `age_s` is the age
of others. What a dictionary holds, whose names a robot chooses, is the robot's to record.

Text is UTF-8, cut to its field, with zeros behind it.
"""

from dataclasses import fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from drivers.base import NEVER_S

ReadingT = TypeVar("ReadingT")
Field = tuple[str, str] | tuple[str, str, tuple[int, ...]]
KNOWN: dict[Any, dict[str, Any]] = {}  # by class
FORMATS = {float: "f8", int: "u4", bool: "u4"}


def hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields that are recorded, in order."""
    if kind not in KNOWN:
        told = get_type_hints(kind, include_extras=True)
        KNOWN[kind] = {
            field.name: told[field.name] for field in fields(kind) if get_origin(told[field.name]) is not dict
        }
    return KNOWN[kind]


def is_tuple(hint: Any) -> bool:
    """Whether a field holds a tuple of floats."""
    return get_origin(hint) is tuple


def is_array(hint: Any) -> bool:
    """Whether a field holds an array."""
    return hint not in FORMATS and not is_tuple(hint)


def reading_fields(kind: type) -> list[Field]:
    """The record's fields for a reading of this class."""
    arrays: list[Field] = [(name, "f4", (get_args(hint)[1],)) for name, hint in hints(kind).items() if is_array(hint)]
    return [
        *((name, FORMATS[hint]) for name, hint in hints(kind).items() if hint in FORMATS),
        *((name, "f8", (len(get_args(hint)),)) for name, hint in hints(kind).items() if is_tuple(hint)),
        *arrays,
        *([("points", "u4")] if arrays else []),
    ]


def fill(record: np.ndarray, reading: Any) -> None:
    """Write a reading into its record."""
    for name, hint in hints(type(reading)).items():
        value = getattr(reading, name)
        if is_array(hint):
            points = min(len(value), get_args(hint)[1])
            record["points"] = points
            record[name][:points] = value[:points]
        else:
            record[name] = value


def forget(record: np.ndarray) -> None:
    """Let a record say that nothing was received: every age is NEVER_S, and there are no points."""
    for name in record.dtype.names or ():
        if name.endswith("age_s") and record.dtype[name].shape == ():
            record[name] = NEVER_S
        elif name == "points":
            record[name] = 0


def reading_of(record: np.ndarray, kind: type[ReadingT]) -> ReadingT:
    """The reading that a record was filled with."""
    return kind(**{name: value_of(record, name, hint) for name, hint in hints(kind).items()})


def value_of(record: np.ndarray, name: str, hint: Any) -> Any:
    """What a field of a record holds, in its type."""
    if hint in FORMATS:
        return hint(record[name])
    return tuple(record[name].tolist()) if is_tuple(hint) else record[name][: int(record["points"])]


def fill_text(field: np.ndarray, text: str) -> None:
    """Write a text into its field (n,) u1."""
    data = np.frombuffer(text.encode()[: len(field)], np.uint8)
    field[: len(data)], field[len(data) :] = data, 0


def text_of(field: np.ndarray) -> str:
    """The text that a field was filled with."""
    return field.tobytes().rstrip(b"\0").decode(errors="replace") if field[0] else ""
