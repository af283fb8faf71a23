"""Records as messages: an independent ROS 2 decoder must read back every field."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mcap_ros2._dynamic import generate_dynamic

from robot.logs.schema import (
    CDR_HEADER,
    PRIMITIVES,
    check_layout,
    decode,
    dtype_of_definition,
    encode,
    message_definition,
)
from robot.robots.car.records import OUTPUTS, READINGS
from robot.runtime.events import weights_dtype


def read_by_ros(dtype: np.dtype, message: bytes) -> dict[str, object]:
    """What mcap-ros2-support, which knows nothing of NumPy, finds in a message."""
    decoders = generate_dynamic("robot_practice/msg/Record", message_definition(dtype))
    found = decoders["robot_practice/msg/Record"](message)
    return values_of(found, dtype)


def values_of(found: object, dtype: np.dtype, within: str = "") -> dict[str, object]:
    """The fields of a decoded message by name, those of records in it too."""
    values: dict[str, object] = {}
    for name in dtype.names or ():
        value = getattr(found, name)
        if dtype[name].fields is not None:
            values |= values_of(value, dtype[name], f"{within}{name}.")
        else:
            values[within + name] = list(value) if isinstance(value, bytes) else value
    return values


def flat(record: np.ndarray, within: str = "") -> dict[str, np.ndarray]:
    """The fields of a record by name, those of records in it too."""
    values: dict[str, np.ndarray] = {}
    for name in record.dtype.names or ():
        inner = record.dtype[name].fields is not None
        values |= flat(record[name], f"{within}{name}.") if inner else {within + name: record[name]}
    return values


@pytest.mark.parametrize("dtype", [READINGS, OUTPUTS, weights_dtype(7684), weights_dtype(3)])
def test_an_independent_decoder_reads_every_field_of_every_record(dtype: np.dtype) -> None:
    raw = np.random.default_rng(1).integers(0, 256, dtype.itemsize, np.uint8)
    record = raw.view(dtype)[0]
    found = read_by_ros(dtype, encode(record))
    for name, value in flat(record).items():
        np.testing.assert_array_equal(np.asarray(found[name], value.dtype), value, err_msg=name)


@pytest.mark.parametrize("dtype", [READINGS, OUTPUTS, weights_dtype(3)])
def test_a_definition_tells_the_whole_record(dtype: np.dtype) -> None:
    assert dtype_of_definition(message_definition(dtype)) == dtype


@pytest.mark.parametrize(
    "definition",
    ["", "float16 x\n", "float64 x", "robot_practice/Motor m\n", "float64 x\nfloat64 x\n", "uint8 a\nfloat64 b\n"],
)
def test_a_definition_that_makes_no_record_is_refused(definition: str) -> None:
    with pytest.raises(ValueError):
        dtype_of_definition(definition)


@st.composite
def packed_dtypes(draw: st.DrawFn) -> np.dtype:
    """Structured dtypes with fields in any order: some have holes or fields that are not aligned, some do not."""
    kinds = draw(st.lists(st.tuples(st.sampled_from(sorted(PRIMITIVES)), st.integers(1, 4)), min_size=1, max_size=6))
    fields = [(f"f{k}", kind, (n,)) if n > 1 else (f"f{k}", kind) for k, (kind, n) in enumerate(kinds)]
    return np.dtype(fields, align=draw(st.booleans()))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_layout_is_accepted_is_read_alike_and_the_rest_is_refused(data: st.DataObject) -> None:
    dtype = data.draw(packed_dtypes())
    try:
        check_layout(dtype)
    except ValueError as error:
        assert "put wider types first" in str(error) or "no padding is allowed" in str(error)
        return
    raw = data.draw(hnp.arrays(np.uint8, dtype.itemsize))
    if any(dtype[name].base.kind == "b" for name in dtype.names or ()):
        raw &= 1
    record = raw.view(dtype)[0]
    found = read_by_ros(dtype, encode(record))
    for name in dtype.names or ():
        np.testing.assert_array_equal(np.asarray(found[name], record[name].dtype), record[name])


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (np.dtype([("a", "u4"), ("b", "f8")], align=True), "record field b lies at byte 8, after 4"),
        (np.dtype([("a", "u4"), ("b", "f8")]), "record field b lies at byte 4"),
        (np.dtype([("a", "f8"), ("b", "u1")], align=True), "fields in the first 9"),
        (np.dtype([("a", "S4")]), "record field a is |S4"),
        (np.dtype([("a", ">f8")]), "record field a is >f8"),
    ],
)
def test_layouts_that_are_not_cdr_are_refused(dtype: np.dtype, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("|", r"\|")):
        check_layout(dtype)


def test_the_bytes_of_a_message() -> None:
    dtype = np.dtype([("tick", "<u8"), ("speed", "<f4"), ("flags", "<u1", (3,))])
    record = np.array((7, 1.5, (1, 2, 3)), dtype)
    assert encode(record) == b"\x00\x01\x00\x00" + struct.pack("<Qf3B", 7, 1.5, 1, 2, 3)
    assert message_definition(dtype) == "uint64 tick\nfloat32 speed\nuint8[3] flags\n"


def test_decode_is_the_inverse_of_encode() -> None:
    records = np.random.default_rng(2).integers(0, 256, 5 * OUTPUTS.itemsize, np.uint8).view(OUTPUTS)
    assert decode([encode(record) for record in records], OUTPUTS).tobytes() == records.tobytes()
    assert len(decode([], OUTPUTS)) == 0


def test_a_message_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="the records of its schema have"):
        decode([CDR_HEADER + bytes(OUTPUTS.itemsize + 8)], OUTPUTS)
