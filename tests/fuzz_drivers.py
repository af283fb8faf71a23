"""Damage what devices send, 100,000 frames a driver, and see what their drivers make of it.

    python tests/fuzz_drivers.py --frames 100000 --seed 0
    python tests/fuzz_drivers.py --frames 100000 --drivers vesc hokuyo

Between an emulator and its driver, in step with a simulated clock, frames are cut, joined, repeated, flipped and filled with edge
values; every other one gets the right checksum again, so that it is believed. Half of the time the device begins anew first: answers
of its start are damaged, too. Then it is left in peace, and the driver must be fresh again. A driver breaks its promise where a read
raises anything but LinkLost, tells what is no number, an age below zero or an angle out of range, says what a terminal
cannot print, or does not come back. The last line is the figures as JSON; the exit status is 1 if a promise was broken.
"""

import argparse
import errno
import json
import math
import os
import struct
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from drivers.base import LIDAR_POINTS_MAX, LidarReading, LinkLost
from drivers.conformance import ages
from drivers.emulators.gamepad import EVENT, GamepadEmulator
from drivers.emulators.ld19 import crc8
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.gamepad import Gamepad, GamepadSettings
from drivers.hokuyo import Hokuyo, HokuyoSettings
from drivers.ld19 import LD19, LD19Settings
from drivers.pca9685 import Pca9685, Pca9685Settings
from drivers.rplidar import RPLidar, RPLidarSettings
from drivers.rplidar_nodes import NODE_BYTES
from drivers.scip import checksum
from drivers.vesc import Vesc, VescSettings
from drivers.vesc_protocol import frame
from sim.scratch_folder import scratch_folder

TICK_S = 0.02
EPISODE_S, PEACE_S = 3.0, 20.0  # of damage; within which a driver must be fresh again
SHARES = (1.0, 0.3, 0.05)  # of the frames that are damaged, by turns
SIGNED = 0.5  # of these, that get the right checksum again
EDGES = (b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\x00" * 4, b"\xff" * 4, b"\x7f\xc0\x00\x00", b"\x7f\x7f\xff\xff", b"0", b"9" * 12, b"\n", b"\n\n",
         b"\x1b[2J")  # fmt: skip
BUS_ERRORS = (errno.EREMOTEIO, errno.ENXIO, errno.ETIMEDOUT, errno.EIO, errno.EBUSY, errno.EAGAIN)


def same(data: bytes) -> bytes:
    """Of frames without a checksum."""
    return data


def signed_packet(data: bytes) -> bytes:
    """An LD19's, with the right sum in its last byte."""
    return data[:-1] + bytes([crc8(data[:-1])])


def signed_capsule(data: bytes) -> bytes:
    """An RPLidar's: the sum of all behind is in the lower halves of the first two bytes. Descriptors have none."""
    if len(data) < 3 or data.startswith(b"\xa5\x5a"):
        return data
    total = int(np.bitwise_xor.reduce(np.frombuffer(data[2:], np.uint8)))
    return bytes((0xA0 | total & 15, 0x50 | total >> 4)) + data[2:]


def signed_lines(data: bytes) -> bytes:
    """A Hokuyo's answer: each line behind the first one ends with its sum."""
    request, *lines = data.split(b"\n")
    ends = [line[: -2 if line[-2:-1] == b";" else -1] for line in lines]
    told = [
        end + line[len(end) : -1] + bytes([checksum(end)]) if line else line
        for end, line in zip(ends, lines, strict=True)
    ]
    return b"\n".join([request, *told])


def damaged(data: bytes, rng: np.random.Generator, earlier: list[bytes]) -> bytes:
    """A frame after one or more accidents. earlier: other ones that were sent."""
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(data) + 1))
        many = int(rng.integers(1, 9))
        match int(rng.integers(0, 8)):
            case 0 | 1 if data:
                place = at % len(data)
                data = data[:place] + bytes([data[place] ^ 1 << many % 8]) + data[place + 1 :]
            case 2:
                edge = EDGES[int(rng.integers(0, len(EDGES)))]
                data = data[:at] + edge + data[at + len(edge) :]
            case 3:
                data = data[:at] + data[at + many :]
            case 4:
                data = data[:at] + rng.bytes(many) + data[at:]
            case 5:
                data = data[:at]
            case 6:
                data = data[:at] + earlier[int(rng.integers(0, len(earlier)))][at:]
            case _:
                data = rng.bytes(len(data))
    return data


@dataclass
class Damage:
    """What is done to frames. share: of them that are damaged; 0: peace. sign: gives one the right checksum again."""

    rng: np.random.Generator
    sign: Callable[[bytes], bytes] = same
    share: float = 0.0
    frames: int = 0  # damaged so far
    earlier: list[bytes] = field(default_factory=lambda: [b"\0"])

    def strikes(self) -> bool:
        struck = bool(self.share) and self.rng.random() < self.share
        self.frames += struck
        return struck

    def sent(self, data: bytes) -> bytes:
        """What arrives of a frame."""
        if not self.strikes():
            self.earlier = [*self.earlier[-20:], data]
            return data
        broken = damaged(data, self.rng, self.earlier)
        return self.sign(broken) if broken and self.rng.random() < SIGNED else broken


class SimulatedCar:
    """A virtual car in step with this process, one driver of which is looked at. motor: its motor controller's, not its lidar's."""

    def __init__(
        self, folder: Path, damage: Damage, make: Callable[[str, Any], Any], motor: bool, **config: str
    ) -> None:
        self.emulator = Emulator(VirtualCarConfig(**config), folder)  # type: ignore[arg-type]
        self.device = self.emulator.vesc if motor else self.emulator.lidar
        line = self.emulator.vesc_pty if motor else self.emulator.lidar_pty
        self.driver = make(line.name, self)
        self._moves, self._rng = motor, damage.rng
        if config.get("motor_model") == "pca9685":
            break_bus(line, damage)
        else:
            break_wire(self.device.uart, damage)

    def now(self) -> float:
        return self.emulator.time_s

    def wait(self) -> None:
        if self._moves:
            self.driver.write(self._rng.uniform(-0.4, 0.4), self._rng.uniform(-1.0, 2.0))
        self.emulator.advance(self.emulator.time_s + TICK_S)

    def begin_anew(self) -> None:
        """Its power is gone for a moment; a motor controller's port is opened again."""
        if self._moves:
            self.driver.close()
            open_again(self.driver)
        else:
            self.device.reboot(self.emulator.time_s)

    def is_well(self, reading: Any) -> bool:
        return max(ages(reading).values()) < 0.2 and not self.driver.trouble()

    def close(self) -> None:
        self.driver.close()
        self.emulator.vesc_pty.unplug()
        self.emulator.lidar_pty.unplug()


def break_wire(uart: Any, damage: Damage) -> None:
    """Of a serial line, or a connection: all that is sent in one go is a frame; so are the nodes of a standard scan that come at once."""
    send, nodes = uart.send, uart.damage

    def damaged_nodes(data: bytes) -> bytes:
        if len(data) < NODE_BYTES or uart.garbled or not damage.strikes():
            return bytes(nodes(data))
        whole = [data[k : k + NODE_BYTES] for k in range(0, len(data), NODE_BYTES)]
        return b"".join(
            damaged(node, damage.rng, whole) if damage.rng.random() < damage.share else node for node in whole
        )

    uart.send = lambda data, at_s: send(damage.sent(data), at_s)
    if damage.sign is signed_capsule:  # an RPLidar's nodes go past `send`
        uart.damage = damaged_nodes


def break_bus(line: Any, damage: Damage) -> None:
    """Of a chip on I2C: transfers fail, and what is written or read is another value; the kernel keeps to the length."""
    transfer = line._transfer

    def damaged_transfer(address: int, data: bytes, read: int) -> bytes:
        if not damage.strikes():
            return bytes(transfer(address, data, read))
        match int(damage.rng.integers(0, 3)):
            case 0:
                code = int(damage.rng.choice(BUS_ERRORS))
                raise OSError(code, os.strerror(code))
            case 1 if len(data) > 1:
                return bytes(transfer(address, data[:1] + damage.rng.bytes(len(data) - 1), read))
        return damage.rng.bytes(len(transfer(address, data, read)))

    line._transfer = damaged_transfer


class HeldPad:
    """A pad whose buttons and sticks are moved at random; events keep their size, as the kernel's do."""

    def __init__(self, folder: Path, damage: Damage, kind: str) -> None:
        self.pad = GamepadEmulator(kind, folder / "pad")
        self.driver = Gamepad(GamepadSettings(f"{kind}:{folder / 'pad'}"), self)
        self.time_s, self._rng, self._damage = 0.0, damage.rng, damage
        self.pad._write = self._write  # type: ignore[method-assign]

    def now(self) -> float:
        return self.time_s

    def wait(self) -> None:
        pad, rng = self.pad, self._rng
        pad.left, pad.right = rng.random() < 0.5, rng.random() < 0.5
        pad.steer, pad.throttle = rng.uniform(-1.0, 1.0, 2).tolist()
        self.time_s += TICK_S
        pad.run(self.time_s)

    def _write(self, at_s: float, kind: int, code: int, value: int) -> None:
        event, rng = [int(at_s), int(1e6 * (at_s % 1.0)), kind, code, value], self._rng
        if self._damage.strikes():
            low, high = ((-(1 << 63), (1 << 63) - 1),) * 2, ((0, 65535),) * 2
            ends = (*low, *high, (-(1 << 31), (1 << 31) - 1))
            for place in rng.choice(5, int(rng.integers(1, 4)), replace=False).tolist():
                least, most = ends[place]
                event[place] = (
                    int(rng.choice((least, most, 0, 1, 3)))
                    if rng.random() < 0.5
                    else int(rng.integers(least, most, endpoint=True))
                )
            event[2:4] = [max(0, each) for each in event[2:4]]
        os.write(self.pad._end, struct.pack(EVENT.format, *event))

    def begin_anew(self) -> None:
        """Its receiver is pulled and plugged in again."""
        self.pad.unplug()
        self.pad.plug()

    def is_well(self, reading: Any) -> bool:
        """What is held is told: at rest, each stick's own noise aside."""
        pad = self.pad
        told = (reading.run, reading.by_hand) == (pad.right, pad.left)
        return (
            told
            and abs(reading.steer - pad.steer) < 0.2
            and abs(reading.throttle - pad.throttle) < 0.2
            and reading.event_age_s < 0.1
        )

    def close(self) -> None:
        self.driver.close()
        self.pad.unplug()


@dataclass(frozen=True)
class Kind:
    """A driver: what its devices are, with a share of the frames each; make: a bench, of folder, damage and device."""

    devices: tuple[str, ...]
    make: Callable[[Path, Damage, str], Any]
    sign: Callable[[bytes], bytes] = same


def lidar(driver: Any, settings: Any) -> Callable[[Path, Damage, str], SimulatedCar]:
    def make(folder: Path, damage: Damage, device: str) -> SimulatedCar:
        model, _, mode = device.partition(" ")
        more = {"scan_mode": mode} if mode else {}
        return SimulatedCar(
            folder, damage, lambda port, clock: driver(settings(port=port, **more), clock), False, lidar_model=model
        )

    return make


def motor(driver: Any, settings: Any) -> Callable[[Path, Damage, str], SimulatedCar]:
    return lambda folder, damage, device: SimulatedCar(
        folder, damage, lambda port, clock: driver(settings(port=port), clock), True, motor_model=device
    )


KINDS = {
    "vesc": Kind(("vesc",), motor(Vesc, VescSettings), lambda data: frame(data[2:-3]) if 5 < len(data) < 260 else data),
    "pca9685": Kind(("pca9685",), motor(Pca9685, Pca9685Settings)),
    "rplidar": Kind(
        ("rplidar-a3 standard", "rplidar-a1", "rplidar-a3", "rplidar-s2", "rplidar-s3", "rplidar-c1"),
        lidar(RPLidar, RPLidarSettings), signed_capsule,
    ),
    "ld19": Kind(("ld19",), lidar(LD19, LD19Settings), signed_packet),
    "hokuyo": Kind(("hokuyo-ust-10lx",), lidar(Hokuyo, HokuyoSettings), signed_lines),
    "gamepad": Kind(("f710", "xbox", "ps", "f710-d", "xbox-bluetooth"), HeldPad),
}  # fmt: skip


def open_again(driver: Any) -> None:
    """As whoever drives does: tried again and again."""
    for _ in range(1000):
        if driver.reconnect():
            return
    raise AssertionError(f"does not open again: {driver.trouble()}")


def check(driver: Any, reading: Any) -> None:
    """Raise AssertionError where a reading, or what is said of it, cannot be."""
    for name in (each.name for each in fields(reading)):
        value = np.asarray(getattr(reading, name), float)
        assert not np.isnan(value).any(), f"{name} is no number"
        assert name.endswith("age_s") or np.isfinite(value).all(), f"{name} is not finite"
        assert not (name.endswith("age_s") and (value < 0.0).any()), f"{name} is {value.min()}, below zero"
    if isinstance(reading, LidarReading):
        points = [getattr(reading, name) for name in ("angle_rad", "distance_m", "age_s")]
        assert len({each.shape for each in points}) == 1 and len(points[0]) <= LIDAR_POINTS_MAX, "shapes of the points"
        assert np.isfinite(points[2]).all(), "a point's age is not finite"
        assert (np.abs(points[0]) <= np.float32(math.pi)).all(), "an angle beyond pi"
        assert (points[1] >= 0.0).all(), "a distance below zero"
    for name in ("model", "mode", "firmware"):
        assert getattr(driver, name, "").isprintable(), (
            f"{name} is {getattr(driver, name)!r}, which a terminal would obey"
        )
    assert driver.trouble().isprintable(), f"it says {driver.trouble()!r}, which a terminal would obey"


def tick(bench: Any) -> Any:
    """Let time pass and read. Returns the reading, None where the link was given up and is opened again. Raises what a driver may not."""
    try:
        bench.wait()
        reading = bench.driver.read()
    except LinkLost:
        bench.driver.stop()
        bench.driver.reconnect()
        return None
    check(bench.driver, reading)
    return reading


def comes_back(bench: Any, damage: Damage) -> bool:
    """Whether the driver is fresh again within PEACE_S."""
    damage.share = 0.0
    return any((reading := tick(bench)) is not None and bench.is_well(reading) for _ in range(round(PEACE_S / TICK_S)))


def fuzz(name: str, frames: int, seed: int, folder: Path) -> dict[str, Any]:
    """Damage so many frames of a driver's devices. Figures: frames, episodes, reopened (what was believed of a damaged frame with the
    right checksum lasted until the port was opened again), broken (the first promise that was: a traceback's last lines; None).
    """
    kind, done, episodes, reopened = KINDS[name], 0, 0, 0
    for number, device in enumerate(kind.devices):
        own = folder / f"{name}-{number}"
        own.mkdir()
        damage = Damage(np.random.default_rng([seed, number]), kind.sign)
        bench = kind.make(own, damage, device)
        try:
            bench.driver.open()
            assert comes_back(bench, damage), "is not fresh after open"
            while damage.frames < -(-frames // len(kind.devices)):
                damage.share = SHARES[episodes % len(SHARES)]
                if episodes % 2:
                    bench.begin_anew()
                for _ in range(round(EPISODE_S / TICK_S)):
                    tick(bench)
                episodes += 1
                if not comes_back(bench, damage):
                    reopened += 1
                    bench.driver.close()
                    open_again(bench.driver)
                    assert comes_back(bench, damage), f"does not come back: {bench.driver.trouble()}"
        except Exception:
            where = f"{device}, frame {damage.frames}, episode {episodes}: "
            return {"frames": done + damage.frames, "episodes": episodes, "reopened": reopened,
                    "broken": where + " | ".join(traceback.format_exc().strip().splitlines()[-3:])}  # fmt: skip
        finally:
            bench.close()
        done += damage.frames
    return {"frames": done, "episodes": episodes, "reopened": reopened, "broken": None}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--frames", type=int, default=100_000, help="damaged ones, of each driver")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--drivers", nargs="+", choices=KINDS, default=list(KINDS))
    asked = options.parse_args()
    figures = {}
    with scratch_folder("robot-fuzz") as folder:
        for name in asked.drivers:
            begin_s = time.monotonic()
            figures[name] = fuzz(name, asked.frames, asked.seed, folder)
            print(f"{name:8} {figures[name]}, {time.monotonic() - begin_s:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps(figures))
    return 1 if any(each["broken"] for each in figures.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
