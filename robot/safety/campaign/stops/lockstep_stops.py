"""Hundreds of stops in minutes: the whole stack in one process on lockstep time, judged by the simulator's truth.

A car drives behind the predictive brake; at random moments the process forks, and the fork stops the car for one of
`CAUSES`, or for two of them at once, until it stands. The drive itself goes on as if nothing had happened.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.rplidar import RPLidar
from drivers.vesc import Vesc
from policies.policy_file import load_policy
from robot.robots.car.devices import Motor
from robot.robots.car.mind import Phase, Pipeline
from robot.robots.car.practice import SHIPPED_POLICY
from robot.robots.car.records import RECORDS
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.monitors import Flag
from robot.robots.car.shield.stop_follower import StopFollower
from robot.robots.car.shield.stop_plan import NOTICED_TICKS
from robot.robots.car.world import load_world
from robot.robots.robot_file import load_robot
from robot.runtime.control_loop import ControlLoop
from robot.runtime.driver_device import DriverDevice
from robot.runtime.robot import Device
from robot.safety.campaign.stops.stops import Stop
from robot.safety.campaign.stops.unverified import Unverified
from robot.safety.supervisor import Mode
from robot.tasks.race_track.task import OBSERVATION_SIZE, TICK_S
from sim.car.model import hidden_car, load_parameters
from sim.scratch_folder import scratch_folder
from sim.tracks.built_in_tracks import BUILT_IN

FIRST_S = 3.0  # of a drive before its first stop
BETWEEN_S = (0.3, 1.2)
STOPS_EACH = 20  # of one drive
WATCHED_S = 9.0  # a car on ice stands after less
MOVING_M_S = 1.0  # slower ones are not worth stopping
STANDING_M_S = 0.05
GIVEN_UP_S = 60.0  # a drive that has not moved for so long is over
SPIN_M_S = 0.3  # slower, a car that faces elsewhere has not spun
GRIP_SHARES = (0.4, 1.2)
TRIM_SIGMA_RAD, LATENCY_SIGMA_S = 0.004, 0.003  # what a demonstration leaves open
PAIRED_SHARE = 0.25


class LockstepClock:
    """The emulated devices' time, which goes on when somebody waits."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.time_s = 0.0

    def now(self) -> float:
        return self.time_s

    def sleep_until(self, time_s: float) -> None:
        if time_s > self.time_s:
            self.emulator.advance(time_s)
            self.time_s = time_s


@dataclass
class Drive:
    """One car on its course, and what drives it."""

    emulator: Emulator
    clock: LockstepClock
    loop: ControlLoop
    pipeline: Pipeline
    vesc: Vesc
    lidar: RPLidar
    requested: int = 0  # what the session asks of control: 1 to finish, 2 an emergency stop
    dead_ticks: int = -1  # since control has died; -1: it lives
    noticed_ticks: int = 0  # how long it takes until the guardian has noticed that
    follower: StopFollower | None = None  # what the guardian does then

    def tick(self) -> None:
        """One tick of control, or, where that has died, of the guardian that plays its plan."""
        self.loop.wait()
        if self.dead_ticks < 0:
            self.loop.run_tick(self.requested, False, 0, 0.0, (0.0, 0.0))
            return
        self.dead_ticks += 1
        if self.dead_ticks > max(self.noticed_ticks, NOTICED_TICKS):  # before, the plan has not begun
            reading = self.vesc.read() if self.follower is not None else None
            self.follower = self.follower or StopFollower(self.pipeline.stop_plan, self.dead_ticks)
            servo_rad, brake_a = self.follower.command(self.dead_ticks, reading)
            self.vesc.brake(brake_a, servo_rad)


def _ask(request: int) -> Callable[[Drive], None]:
    return lambda drive: setattr(drive, "requested", request)


def _end_of_time(drive: Drive) -> None:
    drive.pipeline.tally.practice_s = math.inf


def _recovery_fails(drive: Drive) -> None:
    drive.pipeline.recovered |= Flag.RECOVERY_FAILED


def _late(drive: Drive) -> None:
    drive.loop.missed_ticks += 50


def _die(noticed_ticks: int) -> Callable[[Drive], None]:
    def die(drive: Drive) -> None:
        drive.dead_ticks, drive.noticed_ticks = 0, noticed_ticks

    return die


CAUSES: dict[str, Callable[[Drive], None]] = {
    "Ctrl-C": _ask(1),
    "Ctrl-C twice": _ask(2),
    "end of time": _end_of_time,
    "recovery failed": _recovery_fails,
    "deadlines missed": _late,  # does not stop it: walking pace
    "lidar cable": lambda drive: drive.lidar.close(),
    "lidar frozen": lambda drive: drive.emulator.faults["freeze_lidar"](True),
    "control killed": _die(1),
    "control hangs": _die(NOTICED_TICKS + 1),
}
# The motor controller keeps its last command until its own watchdog lets the motor roll: nobody can brake meanwhile.
OUT_OF_REACH: dict[str, Callable[[Drive], None]] = {
    "motor cable": lambda drive: drive.vesc.close(),
    "motor silent": lambda drive: drive.emulator.faults["silence_vesc"](True),
}


def start(track: str, seed: int, hidden_seed: int | None, grip_share: float, verified: bool, folder: Path) -> Drive:
    """Put a car on its course, after a demonstration that was driven before. verified: see `lockstep_stops`."""
    nominal = load_parameters()
    car = nominal if hidden_seed is None else hidden_car(hidden_seed, nominal)
    rng = np.random.default_rng([seed, 0x57A])
    changed = {name: value for name, value in asdict(car).items() if value != getattr(nominal, name)}
    changed["grip"] = grip_share * nominal.grip
    emulator = Emulator(VirtualCarConfig(track=track, seed=seed, car=changed, directory=str(folder)), folder)
    clock = LockstepClock(emulator)
    world, policy = load_world(track, ""), load_policy(SHIPPED_POLICY, "race_track", OBSERVATION_SIZE)
    pipeline = Pipeline(
        PipelineSetup(
            seed=seed, practice_s=3600.0, laps=0, explore=False, predictive_brake=True, demonstrate=False,
            keyboard=False, car=nominal.packed(), layers=policy.layers, weights=policy.weights, grid=world.grid,
            course=world.course, demo_lap_s=30.0,
            trim_rad=car.steer_trim_rad + TRIM_SIGMA_RAD * rng.standard_normal(),
            latency_s=car.actuation_s + LATENCY_SIGMA_S * rng.standard_normal(),
        )
    )  # fmt: skip
    if not verified:
        pipeline.fallback = Unverified(pipeline.place, pipeline.fallback.cars, pipeline.latency_s)
    wiring = load_robot("virtual-car")
    vesc = Vesc(replace(wiring.motor, port=str(folder / "vesc")), clock)
    lidar = RPLidar(replace(wiring.lidar, port=str(folder / "lidar")), clock)
    vesc.open()
    lidar.open()
    devices: dict[str, Device] = {"motor": Motor(vesc, clock), "lidar": DriverDevice(lidar)}
    loop = ControlLoop(clock, devices, pipeline, np.zeros((), RECORDS.readings), 1, TICK_S)
    loop.start()
    return Drive(emulator, clock, loop, pipeline, vesc, lidar)


def stop(drive: Drive, causes: tuple[str, ...], apart_s: float) -> dict[str, Any]:
    """Let the causes happen, the second `apart_s` after the first, and watch until the car stands: fields of `Stop`."""
    world = drive.emulator.world
    speed_m_s = float(world.moving[3])
    begin_s, turned = drive.clock.time_s, 0.0
    collisions, world.impact_m_s = world.collisions, 0.0
    waiting = [(begin_s + k * apart_s, cause) for k, cause in enumerate(causes)]
    ended, still_s = False, 0.0
    while drive.clock.time_s < begin_s + WATCHED_S and not ended:
        while waiting and drive.clock.time_s >= waiting[0][0]:
            (CAUSES | OUT_OF_REACH)[waiting.pop(0)[1]](drive)
        drive.tick()
        if abs(world.moving[3]) > SPIN_M_S:
            turned = max(turned, abs(world.place[2]))
        slow = abs(world.moving[3]) < (STANDING_M_S if "deadlines missed" not in causes else 1.3)
        still_s = still_s + TICK_S if slow else 0.0
        ended = still_s > 0.2 and not waiting
    touched = world.collisions > collisions
    return {"speed_m_s": speed_m_s, "impact_m_s": world.impact_m_s if touched else None, "turned_rad": turned,
            "ended": ended}  # fmt: skip


def forked(drive: Drive, causes: tuple[str, ...], apart_s: float) -> dict[str, Any]:
    """`stop`, in a fork of this process; the drive here is left as it is. Raises RuntimeError if the fork fails."""
    drive.emulator.advance(drive.clock.time_s)  # the devices have taken in all that was sent: the lines are empty
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):  # whatever it is, this process must end here: the parent sees that nothing came
            os.write(write, json.dumps(stop(drive, causes, apart_s)).encode())
            status = 0
        os._exit(status)
    os.close(write)
    with open(read, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    for line in (drive.emulator.vesc_pty, drive.emulator.lidar_pty):
        line.flush()  # of what the fork said and heard
    if status != 0:
        raise RuntimeError(f"a stop for {' and '.join(causes)} broke off")
    return json.loads(told)


def drive_with_stops(drive: Drive, count: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Drive, and stop `count` times for something at random: fields of `Stop`. A drive that stands for good ends."""
    world, pipeline = drive.emulator.world, drive.pipeline
    next_s, still_s = FIRST_S, 0.0
    names = list(CAUSES)
    while count > 0 and still_s < GIVEN_UP_S:
        drive.tick()
        still_s = still_s + TICK_S if abs(world.moving[3]) < MOVING_M_S else 0.0
        drives = pipeline.mode is Mode.RUN and pipeline.phase is Phase.PRACTISE and world.moving[3] > MOVING_M_S
        if drives and drive.clock.time_s >= next_s:
            chosen = rng.choice(names, 2 if rng.random() < PAIRED_SHARE else 1, replace=False).tolist()
            told = forked(drive, tuple(chosen), float(rng.uniform(0.0, 0.4)))
            next_s = drive.clock.time_s + rng.uniform(*BETWEEN_S)
            count -= 1
            yield {"cause": " + ".join(chosen), **told}


def lockstep_stops(count: int, seed: int, report: Callable[[Stop], None], verified: bool = True) -> list[Stop]:
    """`count` stops, on the built-in tracks in turn, with hidden cars on floors of GRIP_SHARES of the nominal grip.

    verified: False drives the stops as they were before they were verified, to see that it makes a difference.
    """
    rng = np.random.default_rng([seed, 0x570])
    stops: list[Stop] = []
    number = 0
    while len(stops) < count:
        track = list(BUILT_IN)[number % len(BUILT_IN)]
        hidden_seed, grip_share = int(rng.integers(1, 2**31)), float(rng.uniform(*GRIP_SHARES))
        with scratch_folder("robot-stops") as folder:
            drive = start(track, seed + number, hidden_seed, grip_share, verified, folder)
            for told in drive_with_stops(drive, min(STOPS_EACH, count - len(stops)), rng):
                stops.append(Stop(track=track, hidden_seed=hidden_seed, grip_share=round(grip_share, 3),
                                  throttle_off_ms=None, **told))  # fmt: skip
                report(stops[-1])
            drive.vesc.close()
            drive.lidar.close()
        number += 1
    return stops
