"""How records become messages that Foxglove, PlotJuggler and ROS read: `ros2msg` schemas and CDR bytes, from dtypes.

CDR (OMG DDS-XTypes 1.3, 7.4.1, little-endian PLAIN_CDR) puts each primitive at a multiple of its own size, counted from
the end of a 4-byte header, and a fixed-length array without a length in front. A NumPy record whose fields lie at such
offsets, without padding, therefore is its own CDR body: encoding is the header and the record's bytes.
"""

import numpy as np

CDR_HEADER = b"\x00\x01\x00\x00"  # PLAIN_CDR, little-endian, no options
SCHEMA_ENCODING, MESSAGE_ENCODING = "ros2msg", "cdr"
PACKAGE = "robot_practice/msg/"

PRIMITIVES = {"|b1": "bool", "|u1": "uint8", "|i1": "int8", "<u2": "uint16", "<i2": "int16", "<u4": "uint32",
              "<i4": "int32", "<u8": "uint64", "<i8": "int64", "<f4": "float32", "<f8": "float64"}  # fmt: skip


def check_layout(dtype: np.dtype) -> None:
    """Raise ValueError unless records of this dtype are their own CDR body: aligned fields, no padding."""
    end = 0
    for name, (field, offset, *_) in (dtype.fields or {}).items():
        if field.base.str not in PRIMITIVES:
            raise ValueError(f"record field {name} is {field.base.str}, allowed: {', '.join(PRIMITIVES)}")
        if offset != end or offset % field.base.itemsize:
            raise ValueError(f"record field {name} lies at byte {offset}, after {end}: put wider types first")
        end = offset + field.itemsize
    if end == 0 or end != dtype.itemsize:
        raise ValueError(f"a record of {dtype.itemsize} bytes has fields in the first {end}: no padding is allowed")


def message_definition(dtype: np.dtype) -> str:
    """The dtype as a ROS 2 message definition, one field a line."""
    check_layout(dtype)
    lines = []
    for name, (field, *_) in (dtype.fields or {}).items():
        length = f"[{int(np.prod(field.shape))}]" if field.shape else ""
        lines.append(f"{PRIMITIVES[field.base.str]}{length} {name}\n")
    return "".join(lines)


def encode(record: np.ndarray | np.void) -> bytes:
    """A record as a CDR message; the dtype must have passed `check_layout`."""
    return CDR_HEADER + record.tobytes()


def decode(messages: list[bytes], dtype: np.dtype) -> np.ndarray:
    """CDR messages as an array (n,) of records.

    Raises ValueError if a message has another length than this program's records: the log is of another version.
    """
    size = len(CDR_HEADER) + dtype.itemsize
    for message in messages:
        if len(message) != size or not message.startswith(CDR_HEADER):
            raise ValueError(f"message of {len(message)} bytes, this version's records have {size}")
    whole = np.dtype([("header", "S4"), ("record", dtype)])
    return np.frombuffer(b"".join(messages), whole)["record"]
