"""The VESC's protocol, firmware 3.0 and newer: frames, the numbers of its packets, and which request an answer is to.

That of the firmware (github.com/vedderb/bldc: comm/packet.c, comm/commands.c, datatypes.h, imu/imu.c): a frame is
`02 length8` or `03 length16`, payload, CRC-16/XMODEM of the payload, `03`; big-endian numbers.
"""

from binascii import crc_hqx
from collections import deque
from struct import Struct

FW_VERSION, GET_VALUES, SET_CURRENT, SET_CURRENT_BRAKE, SET_RPM = 0, 4, 6, 7, 8
SET_SERVO_POS, ALIVE, FORWARD_CAN, GET_VALUES_SELECTIVE, GET_IMU_DATA = 12, 30, 34, 50, 65
# Answers repeat the mask of their request. Bits that nobody needs number it, so that an answer is dated by its request.
IMU_MASK = 0b1_1111_1000  # acceleration x, y, z; rate x, y, z
IMU_NUMBERS = 7  # roll, pitch, yaw come before, in three bits: 1 to 7 of them
VALUES_MASK = 1 << 2 | 1 << 7 | 1 << 8 | 1 << 13 | 1 << 15  # motor current, ERPM, voltage, tachometer, fault
VALUES_NUMBER_BIT, VALUES_NUMBERS = 22, 1 << 10  # no quantity has these bits
WAITING_MAX = 500  # requests that may wait for an answer: 10 s

FAULT_NAMES = (
    "none", "over voltage", "under voltage", "gate driver", "absolute over current", "over temperature of transistors",
    "over temperature of motor", "gate driver over voltage", "gate driver under voltage", "processor under voltage",
    "booting from watchdog reset", "encoder SPI", "encoder sin/cos below minimum", "encoder sin/cos above maximum",
    "flash corruption", "high offset of current sensor 1", "high offset of current sensor 2",
    "high offset of current sensor 3", "unbalanced currents", "brake resistor", "resolver loss of tracking",
    "resolver degradation of signal", "resolver loss of signal", "flash corruption of app configuration",
    "flash corruption of motor configuration", "encoder without magnet", "encoder magnet too strong", "phase filter",
    "encoder", "low-voltage output",
)  # fmt: skip

INT = Struct(">Bi")
SHORT = Struct(">Bh")
_CRC_END = Struct(">HB")
# id; temperatures of transistors, motor; currents: motor, input, d, q; duty; erpm; voltage; Ah, Ah charged, Wh,
# Wh charged; tachometer, absolute; fault. Newer firmware appends more.
VALUES = Struct(">BhhiiiihihiiiiiiB")
CHOSEN = Struct(">BIiihiB")  # id, mask, and the quantities of VALUES_MASK
IMU_HEAD = Struct(">BH6f")
IMU_FLOATS = Struct(">6f")


def fault_name(code: int) -> str:
    """What a fault code means."""
    return FAULT_NAMES[code] if 0 <= code < len(FAULT_NAMES) else f"fault {code}"


def frame(payload: bytes) -> bytes:
    """Wrap a payload for sending."""
    size = len(payload)
    head = bytes((2, size)) if size < 256 else bytes((3, size >> 8, size & 255))
    return head + payload + _CRC_END.pack(crc_hqx(payload, 0), 3)


ASK_CHOSEN, ASK_IMU = Struct(">BI"), Struct(">BH")


class FrameParser:
    """Finds frames in a stream of bytes, however it is cut; skips what is none and counts it."""

    def __init__(self, payload_max: int = 512) -> None:
        self.payload_max = payload_max  # the firmware's own limit
        self.bad_frames = 0  # had a header, but not the right CRC or end
        self.skipped_bytes = 0
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in `data` and return the payloads that are complete now, in order."""
        payloads = []
        buffer = self._buffer + data
        position, size = 0, len(buffer)
        while position < size:
            start = buffer[position]
            if start == 2:
                payload = position + 2
                length = buffer[position + 1] if payload <= size else -1
                valid = length != 0
            elif start == 3:
                payload = position + 3
                length = buffer[position + 1] << 8 | buffer[position + 2] if payload <= size else -1
                valid = length < 0 or length >= 255
            else:
                valid = False
            if not valid or length > self.payload_max:
                position += 1
                self.skipped_bytes += 1
                continue
            end = payload + length + 3
            if length < 0 or end > size:
                break
            body = buffer[payload : payload + length]
            if buffer[end - 1] == 3 and crc_hqx(body, 0) == buffer[end - 3] << 8 | buffer[end - 2]:
                position = end
                payloads.append(body)
            else:
                self.bad_frames += 1
                self.skipped_bytes += 1
                position += 1
        self._buffer = buffer[position:]
        return payloads


class Asked:
    """Requests of one kind that wait for an answer: tells when the answered one was sent."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, int, float]] = deque(
            maxlen=WAITING_MAX
        )  # number, what the answer repeats, time

    def ask(self, number: int, repeated: int, now_s: float) -> None:
        """A request goes out; its answer will repeat `repeated`."""
        self._waiting.append((number, repeated, now_s))

    def answered(self, repeated: int | None) -> tuple[int, float] | None:
        """(number, time) of the request that an answer belongs to; None if there is none, or a later one was answered.

        repeated: None from a device that repeats nothing: in the order of its answers, this one is to the oldest
        request that waits, or, where answers were lost, to a later one, so its age has an upper bound. Older requests than the answered one wait no longer: their answers are lost.
        """
        for place, (number, key, at_s) in enumerate(self._waiting):
            if repeated is None or key == repeated:
                for _ in range(place + 1):
                    self._waiting.popleft()
                return number, at_s
        return None

    def give_up(self, before: int) -> None:
        """Expect no answers to requests of smaller numbers."""
        while self._waiting and self._waiting[0][0] < before:
            self._waiting.popleft()

    def clear(self) -> None:
        """Expect none at all."""
        self._waiting.clear()
