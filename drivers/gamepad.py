"""A gamepad in a person's hand: F710, Xbox and PlayStation pads, by what the kernel says of their buttons and sticks.

The kernel's event device (Documentation/input/event-codes.rst, include/uapi/linux/input.h) gives one `struct input_event`
for each change, and a SYN_REPORT behind those that belong together. It says nothing while nothing changes: a pad whose
batteries are out, or that is out of reach, looks like one that is held still. So a reading tells its age, and who drives by
it must not take an old one for a held button: a thumb on a stick, or a finger on a trigger, makes tens of events a second
and more. An event is as old as the kernel says, by the clock of `RealClock`, not as young as it was read.

What was held before the device was opened, or while events were lost (SYN_DROPPED), counts as released until it is
pressed again.
"""

import errno
import fcntl
import os
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivers.base import NEVER_S, Clock, LinkLost
from drivers.declared import Declared

EVENT = struct.Struct("@llHHi")  # seconds, microseconds, type, code, value
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
SYN_REPORT, SYN_DROPPED = 0, 3
ABS_X, ABS_Y, ABS_Z, ABS_RX, ABS_RY, ABS_RZ = range(6)
BTN_TL, BTN_TR = 0x136, 0x137
BTN_TOP2, BTN_PINKIE = 0x124, 0x125  # the fifth and sixth of a plain joystick: the shoulders of an F710 in its mode D
EVIOCGID, EVIOCGABS = 0x80084502, 0x80184540  # the latter and the axis's code
EVIOCSCLOCKID = 0x400445A0
ID, ABSOLUTE = struct.Struct("@4H"), struct.Struct("@6i")
READ_MAX = EVENT.size * 256
FLAT = 0.08  # of a stick's way, about its middle
AUTO = "auto"
INPUTS = Path("/dev/input")


@dataclass(frozen=True)
class Mapping:
    """Of one family of pads: which codes steer, drive and hold, and what an axis's ends are where the kernel does not say."""

    name: str
    steer: int
    throttle: int
    by_hand: int  # held: the person drives
    run: int  # held: the robot may drive by itself
    low: int
    high: int


XBOX = Mapping("xbox", ABS_RX, ABS_Y, BTN_TL, BTN_TR, -32768, 32767)  # driver xpad
MAPPINGS = {
    "xbox": XBOX,
    "f710": Mapping("f710", ABS_RX, ABS_Y, BTN_TL, BTN_TR, -32768, 32767),  # its switch at X: as an Xbox pad's, by xpad
    "f710-d": Mapping(
        "f710-d", ABS_Z, ABS_Y, BTN_TOP2, BTN_PINKIE, 0, 255
    ),  # its switch at D: a plain joystick, by usbhid
    "ps": Mapping("ps", ABS_RX, ABS_Y, BTN_TL, BTN_TR, 0, 255),  # DualShock 4, DualSense: hid-playstation, hid-sony
    "xbox-bluetooth": Mapping("xbox-bluetooth", ABS_Z, ABS_Y, BTN_TL, BTN_TR, 0, 65535),  # hid-microsoft, hid-generic
}
KNOWN = {
    (0x046D, 0xC21F): "f710", (0x046D, 0xC219): "f710-d", (0x046D, 0xC21D): "xbox",
    (0x045E, 0x028E): "xbox", (0x045E, 0x0719): "xbox", (0x045E, 0x02A1): "xbox", (0x045E, 0x02D1): "xbox",
    (0x045E, 0x02DD): "xbox", (0x045E, 0x02EA): "xbox", (0x045E, 0x0B12): "xbox",
    (0x045E, 0x02E0): "xbox-bluetooth", (0x045E, 0x02FD): "xbox-bluetooth", (0x045E, 0x0B13): "xbox-bluetooth",
    (0x054C, 0x05C4): "ps", (0x054C, 0x09CC): "ps", (0x054C, 0x0BA0): "ps", (0x054C, 0x0CE6): "ps", (0x054C, 0x0DF2): "ps",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GamepadReading:
    """steer: 1 fully left, -1 fully right; throttle: 1 fully ahead, -1 back; 0 about the middle of a stick's way."""

    run: bool = False
    by_hand: bool = False
    steer: float = 0.0
    throttle: float = 0.0
    event_age_s: float = NEVER_S  # of the newest event


@dataclass(frozen=True)
class GamepadSettings:
    """port: an event device, such as /dev/input/by-id/...-event-joystick; `auto`: the first known one; MAPPING:PATH where the
    kernel does not tell what it is.
    """

    port: str = AUTO

    def __post_init__(self) -> None:
        name, colon, path = self.port.partition(":")
        if not self.port or (colon and (name not in MAPPINGS or not path)):
            raise ValueError(
                f"gamepad: found {self.port!r}, allowed: auto, a device, or {', '.join(MAPPINGS)} : a device"
            )


def known_pads() -> list[Path]:
    """Event devices of this machine that are known pads."""
    return [path for path in sorted(INPUTS.glob("event*")) if mapping_of(path) is not None]


def mapping_of(path: Path) -> Mapping | None:
    """What the kernel says that a device is; None if it is no pad that is known, or may not be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        answer = fcntl.ioctl(descriptor, EVIOCGID, bytes(ID.size))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    _, vendor, product, _ = ID.unpack(answer)
    return MAPPINGS.get(KNOWN.get((vendor, product), ""))


class Gamepad:
    """Driver of one pad. It only senses."""

    def __init__(self, settings: GamepadSettings, clock: Clock) -> None:
        self.settings = settings
        self.model = ""  # the mapping's name
        self._clock = clock
        self._mapping = XBOX
        self._descriptor = -1
        self._buffer = b""
        self._range: dict[int, tuple[int, int]] = {}
        self._axes: dict[int, int] = {}
        self._held: set[int] = set()
        self._shown = GamepadReading()
        self._event_s = -NEVER_S
        self._trouble = f"{settings.port}: not open"

    def open(self) -> None:
        """Open the device. Raises LinkLost with what to do about it."""
        self.close()
        path, mapping = self._find()
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            remedy = "plug the pad or its receiver in, and switch it on"
            if error.errno == errno.EACCES:
                remedy = "add yourself to its group: sudo usermod -aG input $USER, then log in again"
            raise self._lost(f"{path}: {error.strerror}; {remedy}") from error
        self._mapping, self.model, self._trouble = mapping, mapping.name, ""
        self._buffer, self._axes, self._held = b"", {}, set()
        self._shown, self._event_s = GamepadReading(), -NEVER_S
        self._range = {axis: self._range_of(axis) for axis in (mapping.steer, mapping.throttle)}
        with suppress(OSError):  # not one of the kernel's own: what it dates later than now counts as read now
            fcntl.ioctl(self._descriptor, EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))

    def _find(self) -> tuple[Path, Mapping]:
        name, colon, told = self.settings.port.partition(":")
        if colon:
            return Path(told), MAPPINGS[name]
        if name == AUTO:
            pads = known_pads()
            if not pads:
                raise self._lost(
                    f"no known gamepad in {INPUTS}: plug the pad or its receiver in, and switch it on; a user outside the group "
                    "input sees none"
                )
            path = pads[0]
        else:
            path = Path(name)
        if not path.exists():
            raise self._lost(f"{path}: no such device; plug the pad or its receiver in, and switch it on")
        mapping = mapping_of(path)
        if mapping is None:
            raise self._lost(
                f"{path}: no pad that is known; name what it is like: {', '.join(f'{each}:{path}' for each in MAPPINGS)}"
            )
        return path, mapping

    def _range_of(self, axis: int) -> tuple[int, int]:
        with suppress(OSError):
            _, low, high, *_ = ABSOLUTE.unpack(fcntl.ioctl(self._descriptor, EVIOCGABS + axis, bytes(ABSOLUTE.size)))
            if high > low:
                return low, high
        return self._mapping.low, self._mapping.high

    def read(self) -> GamepadReading:
        """The newest state. Never blocks. Raises LinkLost if the device is gone."""
        if self._descriptor < 0:
            raise LinkLost(self._trouble)
        try:
            while piece := os.read(self._descriptor, READ_MAX):
                self._take(piece)
            raise self._lost(f"{self.settings.port}: the receiver is unplugged")
        except BlockingIOError:
            pass
        except OSError as error:
            if isinstance(error, LinkLost):
                raise
            raise self._lost(f"{self.settings.port}: the receiver is unplugged ({error.strerror})") from error
        shown = self._shown
        return GamepadReading(shown.run, shown.by_hand, shown.steer, shown.throttle, self._clock.now() - self._event_s)

    def _take(self, piece: bytes) -> None:
        data = self._buffer + piece
        whole = len(data) // EVENT.size * EVENT.size
        self._buffer = data[whole:]
        for seconds, microseconds, kind, code, value in EVENT.iter_unpack(data[:whole]):
            if kind == EV_KEY:
                (self._held.add if value else self._held.discard)(code)
            elif kind == EV_ABS:
                self._axes[code] = value
            elif kind == EV_SYN and code == SYN_DROPPED:
                self._held.clear()
                self._axes.clear()
            elif kind == EV_SYN and code == SYN_REPORT:
                self._event_s = min(self._clock.now(), seconds + 1e-6 * microseconds)
                mapping = self._mapping
                self._shown = GamepadReading(
                    mapping.run in self._held, mapping.by_hand in self._held, -self._share(mapping.steer),
                    -self._share(mapping.throttle),
                )  # fmt: skip

    def _share(self, axis: int) -> float:
        """Where a stick is, -1 to 1: left and up are negative; 0 about the middle."""
        if axis not in self._axes:
            return 0.0
        low, high = self._range[axis]
        share = min(1.0, max(-1.0, (2.0 * self._axes[axis] - low - high) / (high - low)))
        return 0.0 if abs(share) < FLAT else (share - FLAT if share > 0.0 else share + FLAT) / (1.0 - FLAT)

    def trouble(self) -> str:
        """What is wrong, in one line; empty while all is well."""
        return self._trouble

    def stop(self) -> None:
        """There is nothing to bring to rest."""

    def close(self) -> None:
        """Release the device. Never raises."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)

    def reconnect(self) -> bool:
        """Try once to open it again. True when it is open."""
        try:
            self.open()
        except LinkLost:
            return False
        return True

    def _lost(self, words: str) -> LinkLost:
        self.close()
        self._trouble = words
        return LinkLost(words)


DRIVER = Declared("gamepad", "gamepad: F710, Xbox, PlayStation", GamepadSettings, Gamepad, GamepadReading)
