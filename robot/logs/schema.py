"""How records become messages that Foxglove, PlotJuggler and ROS read: `ros2msg` schemas and CDR bytes, from dtypes.

CDR (OMG DDS-XTypes 1.3, 7.4.1, little-endian PLAIN_CDR) puts each primitive at a multiple of its own size, counted from
the end of a 4-byte header, and a fixed-length array without a length in front. A NumPy record whose fields lie at such
offsets, without padding, therefore is its own CDR body: encoding is the header and the record's bytes. A field may be a
record itself, if that begins and ends at a multiple of 8.
"""

import re

import numpy as np

CDR_HEADER = b"\x00\x01\x00\x00"  # PLAIN_CDR, little-endian, no options
SCHEMA_ENCODING, MESSAGE_ENCODING = "ros2msg", "cdr"
PACKAGE = "robot_practice/msg/"
SEPARATOR = "=" * 80 + "\n"
WIDEST = 8

PRIMITIVES = {"|b1": "bool", "|u1": "uint8", "|i1": "int8", "<u2": "uint16", "<i2": "int16", "<u4": "uint32",
              "<i4": "int32", "<u8": "uint64", "<i8": "int64", "<f4": "float32", "<f8": "float64"}  # fmt: skip
FORMATS = {name: kind for kind, name in PRIMITIVES.items()}
LINE = re.compile(r"(?P<kind>[a-z]+\d*|robot_practice/\w+)(?:\[(?P<length>\d{1,9})\])? (?P<name>[a-z]\w*)")


def check_layout(dtype: np.dtype) -> None:
    """Raise ValueError unless records of this dtype are their own CDR body: aligned fields, no padding."""
    end = 0
    for name, (field, offset, *_) in (dtype.fields or {}).items():
        width = field.base.itemsize
        if field.fields is not None:
            check_layout(field)
            width = WIDEST
            if field.itemsize % WIDEST:
                raise ValueError(f"record field {name} has {field.itemsize} bytes, allowed: multiples of {WIDEST}")
        elif field.base.str not in PRIMITIVES:
            raise ValueError(f"record field {name} is {field.base.str}, allowed: {', '.join(PRIMITIVES)}")
        if offset != end or offset % width:
            raise ValueError(f"record field {name} lies at byte {offset}, after {end}: put wider types first")
        end = offset + field.itemsize
    if end == 0 or end != dtype.itemsize:
        raise ValueError(f"a record of {dtype.itemsize} bytes has fields in the first {end}: no padding is allowed")


def message_definition(dtype: np.dtype) -> str:
    """The dtype as a ROS 2 message definition, one field a line; a field that is a record has its own definition below,
    whose name is the field's.
    """
    check_layout(dtype)
    lines, below = [], []
    for name, (field, *_) in (dtype.fields or {}).items():
        if field.fields is not None:
            kind = f"robot_practice/{name.title().replace('_', '')}"
            lines.append(f"{kind} {name}\n")
            below.append(f"{SEPARATOR}MSG: {kind}\n{message_definition(field)}")
        else:
            length = f"[{int(np.prod(field.shape))}]" if field.shape else ""
            lines.append(f"{PRIMITIVES[field.base.str]}{length} {name}\n")
    return "".join(lines + below)


def dtype_of_definition(definition: str) -> np.dtype:
    """The inverse of `message_definition`. Raises ValueError for what that cannot have made."""
    first, *rest = definition.split(SEPARATOR)
    parts: dict[str, str] = {}
    for part in rest:
        head, _, body = part.partition("\n")
        parts[head.removeprefix("MSG: ")] = body
    dtype = _dtype(first, parts)
    if message_definition(dtype) != definition:
        raise ValueError("a definition that this project does not write")
    return dtype


def _dtype(lines: str, parts: dict[str, str]) -> np.dtype:
    fields: list[tuple] = []
    for line in lines.splitlines():
        found = LINE.fullmatch(line)
        if found is None or found["kind"] not in (parts if "/" in found["kind"] else FORMATS):
            raise ValueError(f"'{line[:60]}' is no field of a record")
        if "/" in found["kind"]:
            within = {kind: body for kind, body in parts.items() if kind != found["kind"]}
            fields.append((found["name"], _dtype(parts[found["kind"]], within)))
        else:
            fields.append(
                (found["name"], FORMATS[found["kind"]], *([(int(found["length"]),)] if found["length"] else []))
            )
    return np.dtype(fields)


def encode(record: np.ndarray | np.void) -> bytes:
    """A record as a CDR message; the dtype must have passed `check_layout`."""
    return CDR_HEADER + record.tobytes()


def decode(messages: list[bytes], dtype: np.dtype) -> np.ndarray:
    """CDR messages as an array (n,) of records. Raises ValueError if a message has another length than the records."""
    size = len(CDR_HEADER) + dtype.itemsize
    for message in messages:
        if len(message) != size or not message.startswith(CDR_HEADER):
            raise ValueError(f"message of {len(message)} bytes, the records of its schema have {size}")
    whole = np.dtype([("header", "S4"), ("record", dtype)])
    return np.frombuffer(b"".join(messages), whole)["record"]
