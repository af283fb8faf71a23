"""SLAMTEC's "Interface Protocol and Application Notes": requests, descriptors of answers, and what RPLidars are called.

A request is `A5 command`, with `length payload checksum` where it carries something; an answer begins with a descriptor
`A5 5A length30|mode2 type`, little-endian.
"""

from dataclasses import dataclass

STOP, RESET, SCAN = b"\xa5\x25", b"\xa5\x40", b"\xa5\x20"
GET_INFO, GET_HEALTH, GET_SAMPLE_RATE = b"\xa5\x50", b"\xa5\x52", b"\xa5\x59"
INFO, HEALTH, SAMPLE_RATE, CONF, BOARD = 0x04, 0x06, 0x15, 0x20, 0xFF  # types of answers
STANDARD, EXPRESS, ULTRA, DENSE, ULTRA_DENSE = 0x81, 0x82, 0x84, 0x85, 0x86  # ... and of scans
DESCRIPTOR_BYTES = 7
ANSWER_MAX = 256  # bytes of an answer; what a descriptor tells beyond is no descriptor
HEALTH_ERROR = 2  # protection stop
SAMPLE_RATE_SINCE, CONF_SINCE = (1, 17), (1, 24)  # the first firmware of the A series that knows these requests
# What GET_LIDAR_CONF is asked for: those with a scan mode's number behind are 0x71, 0x75, 0x7F
MODE_COUNT, US_PER_SAMPLE, ANSWER_TYPE, TYPICAL_MODE, MODE_NAME = 0x70, 0x71, 0x75, 0x7C, 0x7F
MODELS = {
    0x18: "A1", 0x28: "A2M8", 0x2C: "A2M12", 0x31: "A3", 0x41: "C1", 0x61: "S1", 0x71: "S2", 0x81: "S3",
}  # fmt: skip
# By the number of the series, the upper four bits of the model's
A2_SERIES, FIRST_OF_LATER, FIRST_WITH_SPEED = 2, 4, 6


def with_payload(command: int, payload: bytes) -> bytes:
    """A request that carries something."""
    request = bytes([0xA5, command, len(payload)]) + payload
    checksum = 0
    for byte in request:
        checksum ^= byte
    return request + bytes([checksum])


def motor_pwm(duty: int) -> bytes:
    """Request that sets the motor's duty, 0 (stop) to 1023; A2 and A3 behind their USB adapter."""
    return with_payload(0xF0, duty.to_bytes(2, "little"))


def motor_speed(rpm: int) -> bytes:
    """Request that sets the motor's speed; S series."""
    return with_payload(0xA8, rpm.to_bytes(2, "little"))


def get_conf(what: int, mode: int | None = None) -> bytes:
    """Request for a setting, or for one of a scan mode."""
    return with_payload(0x84, what.to_bytes(4, "little") + (b"" if mode is None else mode.to_bytes(2, "little")))


def express_scan(mode: int) -> bytes:
    """Request that starts a scan in a mode."""
    return with_payload(0x82, bytes([mode, 0, 0, 0, 0]))


BOARD_FLAGS = with_payload(0xFF, bytes(4))  # whether the adapter takes the motor's duty


@dataclass(frozen=True)
class Info:
    """What a device tells of itself."""

    model: int
    version: tuple[int, int]
    hardware: int

    @property
    def series(self) -> int:
        return self.model >> 4

    @property
    def knows_sample_rate(self) -> bool:
        return self.series >= FIRST_OF_LATER or self.version >= SAMPLE_RATE_SINCE

    @property
    def knows_conf(self) -> bool:
        return self.series >= FIRST_OF_LATER or self.version >= CONF_SINCE

    def __str__(self) -> str:
        major, minor = self.version
        name = MODELS.get(self.model, "of unknown model")
        return f"RPLidar {name} (model {self.model}), firmware {major}.{minor:02d}, hardware {self.hardware}"


def find_answer(stream: bytes, kind: int) -> tuple[bytes, int] | None:
    """An answer of a type in what has come: its data and where it ends; of a scan, no data, and where it begins.

    None while it is not whole.
    """
    at = -1
    while (at := stream.find(b"\xa5\x5a", at + 1)) >= 0:
        descriptor = stream[at : at + DESCRIPTOR_BYTES]
        if len(descriptor) < DESCRIPTOR_BYTES:
            return None
        length, many = int.from_bytes(descriptor[2:6], "little") & 0x3FFFFFFF, descriptor[5] >> 6
        begin = at + DESCRIPTOR_BYTES
        if descriptor[6] != kind or length > ANSWER_MAX:
            continue
        if many:
            return b"", begin
        if len(stream) >= begin + length:
            return stream[begin : begin + length], begin + length
    return None
