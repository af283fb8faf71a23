"""Record the small library of drives and flights that the tests replay, on the virtual car in lockstep, and on the virtual
Crazyflie, which knows no lockstep:

    python tests/recordings/make.py [NAME ...]

Each becomes a folder with log.mcap, which holds its setup. A change to anything that decides makes
the old recordings differ, and the tests then name the first difference: if it was meant, record again and say so.
They hold on any processor with fused multiply-adds, x86-64 or ARM, with glibc's libm.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from mcap.writer import CompressionType

from drivers.crazyflie import CrazyflieSettings
from drivers.emulators.virtual_car import VirtualCar, VirtualCarConfig, start_virtual_car
from drivers.rplidar import RPLidar
from drivers.vesc import Vesc
from policies.actor import actor_layers, initial_weights, weight_count
from policies.policy_file import load_policy
from robot.logs.writer import LogWriter
from robot.robots.car.car_file import load_car
from robot.robots.car.devices import Motor
from robot.robots.car.mind import Pipeline
from robot.robots.car.practice import SHIPPED_POLICY
from robot.robots.car.records import RECORDS
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.world import load_world
from robot.robots.quadrotor.devices import devices_of
from robot.robots.quadrotor.drone_file import DroneFile
from robot.robots.quadrotor.flight import LOG_FILE, Flight
from robot.robots.quadrotor.run_mission import TICKS_S, setup_of
from robot.robots.quadrotor.virtual_drone import virtual_drone
from robot.runtime.clock import LockstepClock, RealClock
from robot.runtime.control_loop import ControlLoop
from robot.runtime.driver_device import DriverDevice
from robot.runtime.events import make_event, make_weights
from robot.safety.supervisor import Mode
from robot.shared_memory.mailbox import Weights
from robot.tasks.race_track.task import TICK_S
from sim.car.model import load_parameters

FOLDER = Path(__file__).parent
LAYERS = actor_layers(50, 2)
NEW_WEIGHTS_TICK = 400
UNPLUGGED_TICK, PLUGGED_TICK = 450, 475
SET_DOWN_TICK = 450
FLUSH_TICKS = 250

Disturb = Callable[[VirtualCar, int], None]


def setup(weights: np.ndarray, demonstrate: bool, predictive_brake: bool, mapless: bool = False) -> PipelineSetup:
    """A pipeline on the oval, which it is told nothing of if `mapless`."""
    world = load_world("oval", "")
    return PipelineSetup(
        seed=1, practice_s=3600.0, laps=0, explore=True, predictive_brake=predictive_brake, demonstrate=demonstrate,
        keyboard=False, car=load_parameters().packed(), layers=LAYERS, weights=weights,
        grid=None if mapless else world.grid, course=None if mapless else world.course,
        demo_lap_s=0.0 if demonstrate else 20.0,
    )  # fmt: skip


def folder_of(name: str) -> Path:
    """An empty folder for a recording."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def record_flight(name: str) -> None:
    """Hover at a point, decided on this computer over a lossy link, and write the flight's folder."""
    clock, file = RealClock(), DroneFile(True, CrazyflieSettings(""))
    setup = replace(setup_of(FOLDER / "policies" / "hover.npz", file, "host"), points_m=np.zeros((1, 3)))
    with virtual_drone(FOLDER / "policies" / "hover.npz", loss=0.02) as drone:
        devices = devices_of(file, drone.uri, TICKS_S["host"], clock)
        flight = Flight(setup, devices, clock)
        for device in devices.values():
            device.open()
        flown = flight.fly(folder_of(name) / LOG_FILE, CompressionType.ZSTD)
        for device in devices.values():
            device.close()
    print(f"{name}: {flight.loop.tick} ticks, landed: {flown.landed} {flown.trouble}")


def record(
    name: str, start: PipelineSetup, seconds: float, disturb: Disturb, end: Callable[[Pipeline], bool],
    hidden_seed: int | None = None,
) -> None:  # fmt: skip
    """Drive until `end` is true, at most `seconds`, and write the drive's folder."""
    folder = folder_of(name)
    pipeline = Pipeline(PipelineSetup.from_bytes(start.to_bytes()))
    new = Weights(1, 100, 0.0, start.weights * np.float32(0.98))
    version = 0
    with (
        start_virtual_car(VirtualCarConfig(track="oval", clock="lockstep", seed=1, hidden_seed=hidden_seed)) as car,
        LogWriter(folder / "log.mcap", RECORDS, weight_count(LAYERS), CompressionType.ZSTD) as log,
    ):
        clock = LockstepClock(str(car.directory / "lockstep"))
        wiring = load_car("virtual-car")
        vesc = Vesc(replace(wiring.motor, port=car.vesc_path), clock)
        lidar = RPLidar(replace(wiring.lidar, port=car.lidar_path), clock)
        vesc.open()
        lidar.open()
        devices = {"motor": Motor(vesc, clock), "lidar": DriverDevice(lidar)}
        loop = ControlLoop(clock, devices, pipeline, np.zeros((), RECORDS.readings), life=1, tick_s=TICK_S)
        loop.start()
        log.add_setup(1, start.to_bytes())
        log.add_events(make_event("start", 0, clock.now(), life=1, setup=start.digest())[None])
        while loop.tick < seconds / TICK_S and not end(pipeline):
            loop.wait()
            disturb(car, loop.tick)
            if loop.tick == NEW_WEIGHTS_TICK:
                version = new.version
                pipeline.set_weights(new.vector)
                log.add_weights(make_weights(new, loop.tick, clock.now())[None])
            loop.run_tick(0, True, version, 0.0, (0.0, 0.0))
            log.add_readings(loop.readings[None])
            log.add_outputs(loop.outputs[None])
            for kind, fields in pipeline.events:
                log.add_events(make_event(kind, loop.tick, clock.now(), **fields)[None])
            if loop.tick % FLUSH_TICKS == 0:
                log.flush()
        loop.stop()
        vesc.close()
        lidar.close()
        clock.close()
        print(f"{name}: {loop.tick} ticks, {pipeline.tally.laps_driven} laps, {pipeline.tally.collisions} collisions, "
              f"{pipeline.tally.recoveries} recoveries")  # fmt: skip


def unplugged(car: VirtualCar, tick: int) -> None:
    """The motor controller's cable comes out, and back in half a second later."""
    if tick == UNPLUGGED_TICK:
        car.fault("unplug", device="vesc")
    elif tick == PLUGGED_TICK:
        car.fault("plug", device="vesc")


def set_down(car: VirtualCar, tick: int) -> None:
    """Somebody sets the car down elsewhere, its nose to the wall."""
    if tick == SET_DOWN_TICK:
        car.fault("park_nose_in", s=15.0)


def undisturbed(car: VirtualCar, tick: int) -> None:
    """Nothing happens."""


def main(names: list[str]) -> None:
    shipped = load_policy(SHIPPED_POLICY).weights
    novice = initial_weights(LAYERS, np.random.default_rng(2), std=0.6)
    drives = {
        "laps": lambda name: record(
            name, setup(shipped, demonstrate=True, predictive_brake=True), 60.0, undisturbed,
            lambda pipeline: pipeline.tally.laps_driven >= 2),
        "collision": lambda name: record(
            name, setup(novice, demonstrate=False, predictive_brake=False), 60.0, undisturbed,
            lambda pipeline: pipeline.tally.recoveries >= 1 and pipeline.decisions.count >= 40),
        "link-loss": lambda name: record(
            name, setup(shipped, demonstrate=False, predictive_brake=True), 60.0, unplugged,
            lambda pipeline: pipeline.mode is Mode.RUN and int(pipeline.outputs["tick"]) > PLUGGED_TICK + 200),
        "mapless": lambda name: record(
            name, setup(shipped, demonstrate=True, predictive_brake=True, mapless=True), 60.0, undisturbed,
            lambda pipeline: pipeline.place.course is not None and pipeline.decisions.count >= 210, hidden_seed=101),
        "scratch": lambda name: record(
            name, setup(novice, demonstrate=False, predictive_brake=True), 60.0, set_down,
            lambda pipeline: pipeline.tally.recoveries >= 1 and pipeline.decisions.count >= 80),
        "flight": record_flight,
    }  # fmt: skip
    for name in names or drives:
        drives[name](name)


if __name__ == "__main__":
    main(sys.argv[1:])
