"""Frames of the VESC's protocol, against its check value, recordings, its CRC by definition, and pyvesc."""

import itertools
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.vesc_protocol import FrameParser, frame

# Answer of a standing VESC to GET_VALUES, recorded from a real one: 27.6 degrees, 37.5 V, tachometer -31936, no fault.
RECORDED_VALUES = bytes.fromhex(
    "02 4a 04 0114 0000 00000000 00000000 00000000 00000000 0000 00000000 0177 00000009 00000000 00000174 00000000"
    "ffff8340 0002a8fe 00 120641e0 14 0115 fcd8 fcca 00000008 0000000c 00 da71 03"
)


def reference_crc(data: bytes) -> int:
    """CRC-16/XMODEM by its definition, bit by bit: the remainder of data * x^16 divided by x^16 + x^12 + x^5 + 1."""
    value = int.from_bytes(data, "big") << 16
    for bit in reversed(range(16, value.bit_length())):
        if value >> bit & 1:
            value ^= 0x11021 << (bit - 16)
    return value


def test_the_checksum_of_frames_is_crc16_xmodem():
    assert frame(b"123456789") == b"\x02\x09123456789\x31\xc3\x03"  # the catalogue's check value


@pytest.mark.parametrize(
    ("payload", "recorded"),
    [
        ("00", "02 01 00 00 00 03"),  # firmware version
        ("04", "02 01 04 40 84 03"),  # values
        ("1e", "02 01 1e f3 ff 03"),  # alive
        ("41 ffff", "02 03 41 ff ff 37 92 03"),  # IMU
        ("41 1234", "02 03 41 12 34 39 5b 03"),
        ("08 000006bb", "02 05 08 00 00 06 bb be 3b 03"),  # 1723 ERPM
        ("08 00001aed", "02 05 08 00 00 1a ed c2 16 03"),  # 6893 ERPM
    ],
)
def test_frames_known_from_other_programs(payload, recorded):
    assert frame(bytes.fromhex(payload)) == bytes.fromhex(recorded)


def test_a_long_payload_has_a_length_of_16_bits():
    payload = bytes(300)
    assert frame(payload)[:3] == b"\x03\x01\x2c"
    assert FrameParser().feed(frame(payload)) == [payload]


def test_the_recorded_answer_is_one_frame():
    parser = FrameParser()
    assert parser.feed(RECORDED_VALUES) == [RECORDED_VALUES[2:-3]]
    assert (parser.bad_frames, parser.skipped_bytes) == (0, 0)


payloads = st.binary(min_size=1, max_size=60)
# Bytes between frames that cannot begin one; and ones that can, but whose length says at once that they do not.
harmless = st.binary(max_size=20).map(lambda junk: junk.translate(bytes.maketrans(b"\x02\x03", b"\x00\x00")))
misleading = st.sampled_from([b"", b"\x02\x00", b"\x02\xff", b"\x03\x00\x10", b"\x03\xff\xff", b"\x03\x00\x02\x00"])


def feed_in_pieces(parser: FrameParser, stream: bytes, cuts: list[int]) -> list[bytes]:
    found = []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        found += parser.feed(stream[start:end])
    return found


@given(st.lists(st.tuples(harmless, misleading, payloads), max_size=8), st.lists(st.integers(0, 10_000), max_size=12))
def test_every_good_frame_is_found_however_the_stream_is_cut_and_whatever_lies_between(parts, cuts):
    stream = b"".join(junk + trap + frame(payload) for junk, trap, payload in parts)
    assert feed_in_pieces(FrameParser(payload_max=128), stream, cuts) == [payload for _, _, payload in parts]


@given(st.binary(max_size=300), st.lists(payloads, min_size=1), st.lists(st.integers(0, 10_000), max_size=8))
def test_after_any_garbage_the_stream_is_found_again(garbage, later, cuts):
    # What looks like the start of a frame may hold back as many bytes as the longest frame; then all is well.
    stream = garbage + bytes(140) + b"".join(map(frame, later))
    found = feed_in_pieces(FrameParser(payload_max=128), stream, cuts)
    assert found[len(found) - len(later) :] == later


@given(payloads, st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_never_lets_a_wrong_payload_through(payload, place, bit):
    good = frame(payload)
    broken = bytearray(good)
    broken[place % len(good)] ^= 1 << bit
    parser = FrameParser(payload_max=128)
    assert parser.feed(bytes(broken) + bytes(140) + good)[-1:] == [payload]
    assert all(each == payload for each in FrameParser(payload_max=128).feed(bytes(broken)))


def test_a_bad_checksum_is_counted():
    parser = FrameParser()
    assert parser.feed(b"\x02\x01\x04\x40\x85\x03") == []
    assert parser.bad_frames == 1


@pytest.fixture(scope="module")
def pyvesc():
    """The package pyvesc. It needs PyCRC, a name that another package has taken: a stand-in computes its checksums."""

    class CRCCCITT:
        def calculate(self, data: bytes) -> int:
            return reference_crc(data)

    package, module = types.ModuleType("PyCRC"), types.ModuleType("PyCRC.CRCCCITT")
    module.CRCCCITT = CRCCCITT
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "PyCRC", package)
        patch.setitem(sys.modules, "PyCRC.CRCCCITT", module)
        yield pytest.importorskip("pyvesc")


@given(payload=st.binary(min_size=1, max_size=400))
def test_pyvesc_understands_our_frames_and_we_understand_its(pyvesc, payload):
    codec = pyvesc.packet.codec
    assert codec.unframe(frame(payload)) == (payload, len(frame(payload)))
    assert FrameParser().feed(codec.frame(payload)) == [payload]


def test_pyvesc_drives_the_emulated_car(pyvesc, bench):
    b = bench(noise=0.0)
    rpm = pyvesc.SetRPM()
    rpm.rpm = 4614
    b.vesc.open()
    for _ in range(50):
        b.vesc._port.write(pyvesc.encode(rpm))
        b.wait(0.02)
    assert b.world.moving[3] == pytest.approx(1.0, abs=0.05)
