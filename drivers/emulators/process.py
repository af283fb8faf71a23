"""The emulator process: `python -m drivers.emulators.process --config FILE` runs one virtual car behind two ptys.

On stdout it prints one line of JSON: where the devices, the sockets and the truth are. Its clock is real time, or
lockstep: a client of the lockstep socket sends a time (float64, seconds, little-endian), the process takes in what
waits on the ptys as sent at the present time, moves the world on, writes what the devices have sent by then, and
answers with the time reached. The control socket takes one JSON object a line, `{"do": NAME, ...}`, with the names of
`Emulator.faults`, and answers `{}` or `{"error": ...}`:

    freeze_lidar, silence_vesc, stick_imu   on: true or false; silence_vesc holds the bus of a PCA9685
    power_cycle_vesc    takes the power of a PCA9685 away for a moment: it comes back asleep
    vesc_fault      code: what GET_VALUES reports while the motor is released; 0: none
    lidar_health    status: 0 good, 1 warning, 2 protection stop
    power_cycle_lidar   takes its power away for a moment
    corrupt, drop   device: "vesc" or "lidar"; rate: share of its bytes
    garbage         device; hex: bytes that appear on its line
    unplug, plug    device; "camera" too
    camera          vice: silent, frozen, black, covered or torn; on: true or false
    late_camera     seconds: pictures come so much later
    wall            s: across the course there; remove_walls takes all away
    put             x, y, yaw: set the car down, as a kidnapper does; put_on_course takes s, lateral, heading_error
    park_nose_in    s: across the course, nose to the left wall
    lift            on: true: its wheels hang free, so that they turn and it stays; false: it stands on them again
"""

import argparse
import gc
import json
import math
import mmap
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.emulators.child import end_when_told
from drivers.emulators.esc import EscWiring
from drivers.emulators.i2c_line import I2CLine
from drivers.emulators.keep_time import keep_time, late_s, pieces, share
from drivers.emulators.lidars import EmulatedLidar, find_lidar
from drivers.emulators.lines import Line, Pty
from drivers.emulators.pwm_car import PwmCarEmulator
from drivers.emulators.uart import Uart
from drivers.emulators.vesc import VescEmulator, VescWiring
from drivers.emulators.virtual_car import TIME, TRUTH, TRUTH_BYTES, TRUTH_SEQUENCE, VirtualCarConfig, load_config
from drivers.emulators.world import CHARGE, ODOMETER, STEER, VOLTAGE, World
from drivers.unix_socket import listen
from sim.car.model import CarParameters, hidden_car, load_parameters
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.map_world import map_world

POSITIVE = ("baud", "sample_s", "range_m", "turn_hz", "oscillator_share", "full_speed_m_s")
NOT_ZERO = ("erpm_per_m_s", "servo_per_rad", "servo_us_per_rad")
NOT_NEGATIVE = ("model", "firmware_major", "firmware_minor", "answer_delay_s", "answer_jitter_s", "drop_out", "boot_s",
                "steady_s", "late_s", "stall_rate", "stall_s", "ghosts", "clock_ms", "spin_up_s")  # fmt: skip
POLL_MS = 2  # real time: how often the world is brought up to date when nobody writes to it


class Emulator:
    """One virtual car: the world, both devices, their ptys, and the truth for judges."""

    def __init__(self, config: VirtualCarConfig, directory: Path) -> None:
        self.world = build_world(config)
        noise = np.random.default_rng([config.seed, 0xE8]).spawn(2)
        kind = find_lidar(config.lidar_model)
        lidar = changed(scaled(kind.wiring, config.noise), "lidar", config.lidar)
        self._lock = threading.Lock()  # a bus is used while time goes on
        vesc = changed(scaled(VescWiring(), config.noise), "vesc", config.vesc)
        esc = changed(EscWiring(), "esc", config.esc)
        self.vesc: Any = VescEmulator(self.world, vesc, noise[0])
        if config.motor_model == "pca9685":
            self.vesc = PwmCarEmulator(self.world, esc, noise[0])
        self.lidar = kind.make(self.world, lidar, noise[1])
        self._lidar_baud = vars(lidar).get("baud", 0)
        self.vesc_pty: Line = (
            Pty(directory / "vesc")
            if config.motor_model == "vesc"
            else I2CLine(directory / "vesc", self.vesc.transfer, self._lock)
        )
        self.lidar_pty = kind.line(directory / "lidar", self.lidar)
        self.camera = None if config.camera_seed is None else make_camera(self.world, directory, config.camera_seed)
        self.time_s = 0.0
        self.late_s = 0.0  # how long, in all, this process was late
        self._sequence = 0
        with open(directory / "truth", "w+b") as file:
            file.truncate(TRUTH_BYTES)
            self._truth = mmap.mmap(file.fileno(), TRUTH_BYTES)
        self.faults: dict[str, Callable[..., None]] = {
            "freeze_lidar": lambda on: setattr(self.lidar, "frozen", bool(on)),
            "silence_vesc": lambda on: setattr(self.vesc, "silent", bool(on)),
            "stick_imu": lambda on: setattr(self.vesc, "imu_stuck", bool(on)),
            "vesc_fault": lambda code: setattr(self.vesc, "fault_code", int(code)),
            "power_cycle_vesc": lambda: self.vesc.chip.power_up(),
            "lidar_health": lambda status: setattr(self.lidar, "health", int(status)),
            "power_cycle_lidar": lambda: self.lidar.reboot(self.time_s),
            "corrupt": lambda device, rate: setattr(self._uart(device), "corrupt_rate", float(rate)),
            "drop": lambda device, rate: setattr(self._uart(device), "drop_rate", float(rate)),
            "garbage": lambda device, hex: self._port(device).write(bytes.fromhex(hex)),
            "unplug": lambda device: self._port(device).unplug(),
            "plug": lambda device: self._port(device).plug(),
            "camera": lambda vice, on: self._port("camera").fault(vice, on),
            "late_camera": lambda seconds: self._port("camera").be_late(float(seconds)),
            "wall": lambda s: self.world.put_wall(float(s)),
            "remove_walls": self.world.remove_walls,
            "put": lambda x, y, yaw: self.world.put(float(x), float(y), float(yaw)),
            "put_on_course": self.world.put_on_course,
            "park_nose_in": lambda s: self.world.park_nose_in(float(s)),
            "lift": lambda on: self.world.lift(bool(on)),
        }
        self.publish()

    def _uart(self, device: str) -> Uart:
        uart: Uart = {"vesc": self.vesc, "lidar": self.lidar}[device].uart
        return uart

    def _port(self, device: str) -> Any:
        """What can be unplugged. Raises ValueError for what this car has not."""
        ports = {"vesc": self.vesc_pty, "lidar": self.lidar_pty, "camera": self.camera}
        if ports.get(device) is None:
            raise ValueError(f"device: found {device!r}, allowed: {', '.join(name for name in ports if ports[name])}")
        return ports[device]

    def advance(self, until_s: float) -> None:
        """Take in what the host has written, as sent now, and run world and devices on to a time."""
        with self._lock:
            self._hear(self.vesc_pty.read(), self.lidar_pty.read())
            self._run(until_s)

    def catch_up(self, now_s: float) -> None:
        """The same in real time; see `keep_time`."""
        missed_s, since_s = now_s - self.time_s, self.time_s
        self.late_s += late_s(missed_s)
        vesc, lidar, count = self.vesc_pty.read(), self.lidar_pty.read(), pieces(missed_s)
        for k in range(count):
            with self._lock:
                self._hear(vesc[share(len(vesc), k, count)], lidar[share(len(lidar), k, count)])
                self._run(since_s + missed_s * (k + 1) / count)

    def _hear(self, vesc: bytes, lidar: bytes) -> None:
        if vesc:
            self.vesc.receive(vesc, self.time_s)
        self.lidar.uart.garbled = self.lidar_pty.baud() not in (0, self._lidar_baud)
        if lidar:
            self.lidar.receive(lidar, self.time_s)

    def _run(self, until_s: float) -> None:
        vesc, lidar, world = self.vesc, self.lidar, self.world
        while True:
            reached_s = min(world.time_s, until_s)
            vesc.run(reached_s)
            lidar.run(reached_s)
            if self.camera is not None:
                self.camera.run(reached_s)
            if world.time_s >= until_s - 1e-9:
                break
            world.step()
        self.time_s = until_s
        self.vesc_pty.write(vesc.arrived(until_s))
        self.lidar_pty.write(lidar.arrived(until_s))
        self.publish()

    def publish(self) -> None:
        """Write the truth to its block."""
        world = self.world
        moving = world.moving.tolist()
        mode, value, steer = world.command
        self._sequence += 2
        TRUTH_SEQUENCE.pack_into(self._truth, 0, self._sequence - 1)
        TRUTH.pack_into(
            self._truth, TRUTH_SEQUENCE.size, world.time_s, *moving[: STEER + 1], *world.place, world.collisions,
            world.laps, world.last_lap_s, moving[CHARGE], moving[VOLTAGE], mode, value, steer, moving[ODOMETER],
            world.impact_m_s, world.people.hit, world.people.worst_m_s, self.late_s,
        )  # fmt: skip
        TRUTH_SEQUENCE.pack_into(self._truth, 0, self._sequence)

    def order(self, line: bytes) -> bytes:
        """Carry out one line from the control socket; returns the answer's line."""
        try:
            request: dict[str, Any] = json.loads(line)
            name = request.pop("do")
            if name not in self.faults:
                raise ValueError(f"do: found {name!r}, allowed: {', '.join(self.faults)}")
            self.faults[name](**request)
            self.publish()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n"
        return b"{}\n"


def make_camera(world: World, directory: Path, seed: int) -> Any:
    """The car's camera. OpenCV and the renderer are loaded for a car that has one."""
    from drivers.emulators.car_camera import CarCamera

    return CarCamera(world, directory / "camera", seed)


def scaled(wiring: Any, factor: float) -> Any:
    """A copy of a device's wiring with every noise multiplied."""
    noises = {name: value * factor for name, value in vars(wiring).items() if "noise" in name or "bias" in name}
    if "drop_out" in vars(wiring):
        noises |= {"drop_out": wiring.drop_out * factor, "speed_error": wiring.speed_error * factor}
    return replace(wiring, **noises)


def changed(wiring: Any, table: str, values: dict[str, Any]) -> Any:
    """A copy of a device's wiring with other values, by their names. Raises ValueError for a wrong name or value."""
    own = vars(wiring)
    for name, value in values.items():
        if name not in own:
            raise ValueError(f"{table}: found {name}, allowed: {', '.join(own)}")
        kind = type(own[name])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise ValueError(f"{table}.{name}: found {value!r}, allowed: a value like {own[name]!r}")
        if not math.isfinite(value) or (name in POSITIVE and value <= 0) or (name in NOT_NEGATIVE and value < 0):
            wanted = "more than 0" if name in POSITIVE else "0 or more"
            raise ValueError(f"{table}.{name}: found {value!r}, allowed: a finite number, {wanted}")
    for name in NOT_ZERO:
        if values.get(name) == 0:
            raise ValueError(f"{table}.{name}: found {values[name]!r}, allowed: any other number")
    return replace(wiring, **values)


def build_world(config: VirtualCarConfig) -> World:
    """The world of a configuration. Raises ValueError naming the field that is wrong."""
    if config.track in BUILT_IN:
        course = built_in(config.track)
        grid = rasterise(course)
    elif config.track.endswith((".yaml", ".yml")) or Path(config.track).is_file():
        found = map_world(Path(config.track), config.start, config.loop)
        grid, course = found.grid, found.course
    else:
        raise ValueError(f"track: found {config.track!r}, allowed: {', '.join(BUILT_IN)}, or a map's YAML file")
    car: CarParameters = load_parameters()
    unknown = set(config.car) - set(vars(car))
    if unknown:
        raise ValueError(f"car: found {', '.join(sorted(unknown))}, allowed: {', '.join(vars(car))}")
    car = CarParameters(**vars(car) | config.car)
    if config.hidden_seed is not None:
        car = hidden_car(config.hidden_seed, car, apart=config.tyres_apart)
    start = config.start or (float(course.x[0]), float(course.y[0]), float(course.heading[0]))
    if config.people < 0:
        raise ValueError(f"people: found {config.people}, allowed: 0 or more")
    if not math.isfinite(config.start_s_m):
        raise ValueError(f"start_s_m: found {config.start_s_m}, allowed: a finite number")
    world = World(car, course, grid, start, config.people, config.seed)
    if config.start is None and config.start_s_m != 0.0:
        world.put_on_course(config.start_s_m)
    world.moving[CHARGE] = config.charge
    return world


def warm_up(kind: EmulatedLidar) -> None:
    """Compile every kernel, or load it from the cache, before the clock runs."""
    world = build_world(VirtualCarConfig())
    lidar = kind.make(world, kind.wiring, np.random.default_rng(0))
    lidar.receive(kind.start, 0.0)
    while world.time_s < 1.0:
        world.step()
        lidar.run(world.time_s)


class Server:
    """Serves an emulator's sockets, and in real time its clock, until it is told to end."""

    def __init__(self, emulator: Emulator, directory: Path, lockstep: bool) -> None:
        self._emulator = emulator
        self._lockstep = lockstep
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self.start_s = time.monotonic()
        self._listen(directory / "control", self._obey)
        if lockstep:
            self._listen(directory / "lockstep", self._move)

    def _listen(self, path: Path, handler: Callable[[socket.socket], bool]) -> None:
        listener = listen(path)

        def accept() -> None:
            connection, _ = listener.accept()

            def handle() -> None:
                try:
                    goes_on = handler(connection)
                except ConnectionError:  # the client was killed; the next one finds the car as it is
                    goes_on = False
                if not goes_on:
                    self._poll.unregister(connection)
                    del self._handlers[connection.fileno()]
                    connection.close()

            self._watch(connection, handle)

        self._watch(listener, accept)

    def _watch(self, end: socket.socket, handler: Callable[[], None]) -> None:
        self._handlers[end.fileno()] = handler
        self._poll.register(end, select.POLLIN)

    def _move(self, connection: socket.socket) -> bool:
        request = connection.recv(TIME.size, socket.MSG_WAITALL)
        if len(request) < TIME.size:
            return False
        until_s = TIME.unpack(request)[0]
        if until_s > self._emulator.time_s:  # time never runs backwards; also false for what is not a number
            self._emulator.advance(until_s)
        connection.sendall(TIME.pack(self._emulator.time_s))
        return True

    def _obey(self, connection: socket.socket) -> bool:
        line = b""
        while not line.endswith(b"\n"):
            piece = connection.recv(4096)
            if not piece:
                return False
            line += piece
        connection.sendall(self._emulator.order(line))
        return True

    def serve(self) -> None:
        """Serve for ever."""
        if self._lockstep:
            while True:
                for descriptor, _ in self._poll.poll():
                    self._handlers[descriptor]()
        while True:
            for descriptor, _ in self._poll.poll(POLL_MS):
                self._handlers[descriptor]()
            self._emulator.catch_up(time.monotonic() - self.start_s)


def main() -> int:
    """Run the process; returns 2 and one line on stderr if the configuration is wrong."""
    parser = argparse.ArgumentParser(prog="python -m drivers.emulators.process", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="JSON or TOML file, see VirtualCarConfig")
    path = parser.parse_args().config
    try:
        config = load_config(path)
        end_when_told(config.directory)
        run(config, Path(config.directory or path.parent))
    except ValueError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    return 0


def run(config: VirtualCarConfig, directory: Path) -> None:
    """One virtual car, for ever. Raises ValueError naming the field that is wrong."""
    emulator = Emulator(config, directory)
    warm_up(find_lidar(config.lidar_model))
    scheduling = keep_time() if config.clock == "realtime" else "lockstep"
    server = Server(emulator, directory, config.clock == "lockstep")
    ready = {
        "vesc": str(directory / "vesc"),
        "lidar": emulator.lidar_pty.name,
        "camera": None if emulator.camera is None else str(directory / "camera"),
        "control": str(directory / "control"),
        "lockstep": str(directory / "lockstep") if config.clock == "lockstep" else None,
        "truth": str(directory / "truth"),
        "scheduling": scheduling,
    }
    print(json.dumps(ready), flush=True)
    gc.freeze()
    server.serve()


if __name__ == "__main__":
    sys.exit(main())
