"""Files that people and other programs write: read whole, checked field by field, refused in one line.

Every function raises ValueError with the file, the field, what was found and what is allowed.
"""

import json
import math
import sys
import types
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", dict: "a table", list: "a list",
         tuple: "a list"}  # fmt: skip


def read_bytes(path: Path) -> bytes:
    """What is in a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; allowed: a file that can be read") from error


def read_text(path: Path) -> str:
    """The text in a file, UTF-8 with or without a byte order mark."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: byte {error.start} is {error.object[error.start]:#04x}, allowed: text in UTF-8"
        ) from error


def read_toml(path: Path) -> dict[str, Any]:
    """The tables in a TOML file."""
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    return json_object(path, read_text(path))


def json_object(path: Path, text: str, field: str = "") -> dict[str, Any]:
    """The JSON object that a text is; field: where in the file the text stands."""
    where = f"{path}: {field}: " if field else f"{path}: "
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{where}not JSON: {error}; was the file cut short?") from error
    if not isinstance(value, dict):
        raise ValueError(f"{where}found {shown(value)}, allowed: a JSON object")
    return value


def from_table(path: Path, kind: type[T], values: dict[str, Any], table: str = "") -> T:
    """A dataclass from a table: every field known, of its type, finite, and none missing that has no default.

    table: the name of the table in the file, for what is told of its fields.
    """
    hints = get_type_hints(kind, include_extras=True)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    where = f"{table}." if table else ""
    for name in values:
        if name not in known:
            raise wrong(path, where + name, "it", f"{', '.join(known)} (or is the file of another version?)")
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise wrong(path, where + name, "nothing", allowed(hints[name]))
    found = {name: checked(path, where + name, value, hints[name]) for name, value in values.items()}
    try:
        return kind(**found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def checked(path: Path, field: str, value: Any, kind: Any) -> Any:
    """The value as this type; a whole number is a number too, one that is not finite is none."""
    try:
        found = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise wrong(path, field, shown(value), allowed(kind)) from error
    if isinstance(found, float) and not math.isfinite(found):
        raise wrong(path, field, shown(value), "a finite number")
    return found


def wrong(path: Path, field: str, found: str, allowed: str) -> ValueError:
    """The error for a field."""
    return ValueError(f"{path}: {field}: found {found}, allowed: {allowed}")


def shown(value: Any) -> str:
    """A value for a message: never longer than a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def with_article(noun: str) -> str:
    """`a car`, `an arm`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def allowed(kind: Any) -> str:
    """A type in words."""
    origin = get_origin(kind)
    if origin is Annotated:
        return allowed(get_args(kind)[0])
    if origin is Literal:
        return ", ".join(map(str, get_args(kind)))
    if origin in (Union, types.UnionType):
        return " or ".join(allowed(part) for part in get_args(kind) if part is not types.NoneType)
    return KINDS.get(origin or kind, str(kind))
