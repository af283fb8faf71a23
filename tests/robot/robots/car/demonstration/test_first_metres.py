"""Cars that are wired, mounted or told wrongly are found out in the first half metre; cars that merely differ are not."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.base import LidarReading, VescReading
from drivers.emulators.process import Emulator
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.rplidar import RPLidar
from drivers.vesc import Vesc
from policies.actor import actor_layers, initial_weights
from robot.robots.car.car_file import load_car
from robot.robots.car.demonstration.first_metres import LOOK_S, FirstMetres, Stage
from robot.robots.car.demonstration.looking_round import View
from robot.robots.car.demonstration.wiring import Leg, Measured, judge, measure
from robot.robots.car.devices import Motor
from robot.robots.car.mind import Pipeline
from robot.robots.car.records import RECORDS
from robot.robots.car.setup import PipelineSetup
from robot.robots.car.shield.supervision import Command, execute
from robot.runtime.control_loop import ControlLoop
from robot.runtime.driver_device import DriverDevice
from robot.runtime.robot import Device
from robot.safety.supervisor import Mode
from robot.tasks.race_track import task as race_track
from sim.car.model import load_parameters

TICK_S = 0.02
CAR = load_parameters()
VIRTUAL = load_car("virtual-car")


def prove(folder: Path, settings: dict | None = None, **virtual: object) -> tuple[FirstMetres, Emulator]:
    """Drive the first metres of an emulated car whose file says `settings`, and whose truth is `virtual`."""
    emulator = Emulator(VirtualCarConfig(**virtual), folder)  # type: ignore[arg-type]

    class Clock:
        def now(self) -> float:
            return emulator.time_s

    vesc = Vesc(replace(VIRTUAL.motor, port=str(folder / "vesc"), **(settings or {})), Clock())
    lidar = RPLidar(replace(VIRTUAL.lidar, port=str(folder / "lidar")), Clock())
    vesc.open()
    lidar.open()
    check, command, sent_rad = FirstMetres(CAR.packed()), Command(0.0, 0.0, 40.0), 0.0
    while check.active and emulator.time_s < 15.0:
        emulator.advance(emulator.time_s + TICK_S)
        values, points = vesc.read(), lidar.read()
        fresh = values.values_age_s < 0.1 and points.scan_age_s < 0.1
        check.step(emulator.time_s, TICK_S, sent_rad, values, points, fresh)
        command = execute(Mode.RUN, check.command, command)
        if command.brake_a > 0.0:
            sent_rad = vesc.brake(command.brake_a, command.steer_rad).steer_rad
        else:
            sent_rad = vesc.write(command.steer_rad, command.speed_m_s).steer_rad
    vesc.close()
    lidar.close()
    emulator.vesc_pty.unplug()
    emulator.lidar_pty.unplug()
    assert not check.active
    assert emulator.world.collisions == 0
    assert abs(emulator.world.moving[3]) < 0.05, "the car stands when it is judged"
    return check, emulator


MISTAKES = {
    "steering reversed": ({"servo_gain": 1.2135}, {}, "the steering is reversed .* change the sign of servo_gain"),
    "lidar turned round": ({}, {"lidar": {"mount_yaw_rad": math.pi}}, r"the lidar is turned .* 180 deg .*add [+-]3.14 to mo"),
    "lidar turned": ({}, {"lidar": {"mount_yaw_rad": -0.7}}, r"the lidar is turned .* 40 deg to the left .*add -0.70 to"),
    "lidar mirrored": ({}, {"lidar": {"mirrored": True}}, "left and right exchanged: change mirrored$"),
    "gyro reversed": ({}, {"vesc": {"imu_upside_down": True}}, "the IMU lies upside down"),
    "wheels tell too little": ({"erpm_per_m_s": 5998.0}, {}, r"1.\d\d times as far .* divide erpm_per_m_s by 1.[23]"),
    "wheels tell too much": ({"erpm_per_m_s": 3230.0}, {}, r"0.7\d times as far .* divide erpm_per_m_s by 0.7"),
    "wheels tell next to nothing": ({"erpm_per_m_s": 46140.0}, {}, "erpm_per_m_s is far too large"),
    "servo disabled": ({}, {"vesc": {"servo_output": False}}, "enable the servo output"),
    "servo off its centre": ({"servo_offset": 0.8}, {}, r"the wheels point -0.2\d rad to the left: take servo_gain times -0.2\d off servo_offset"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_what_to_do_and_nothing_is_touched(tmp_path: Path, name: str) -> None:
    settings, truth, words = MISTAKES[name]
    check, _ = prove(tmp_path, settings, **truth)
    assert check.finding
    assert re.search(words, check.finding), check.finding


@pytest.mark.parametrize(
    ("track", "trim_rad", "delay_s", "grip", "erpm_per_m_s", "mount_yaw_rad"),
    [
        ("oval", 0.1, 0.12, 0.42, 4153.0, 0.03),
        ("bean", -0.1, 0.02, 1.26, 5075.0, -0.03),
        ("chicane", -0.1, 0.12, 0.42, 5075.0, 0.0),
    ],
)
def test_a_car_that_differs_as_cars_do_passes(
    tmp_path: Path, track: str, trim_rad: float, delay_s: float, grip: float, erpm_per_m_s: float, mount_yaw_rad: float
) -> None:
    check, emulator = prove(
        tmp_path,
        track=track,
        car={"steer_trim_rad": trim_rad, "actuation_s": delay_s, "grip": grip},
        vesc={"erpm_per_m_s": erpm_per_m_s},
        lidar={"mount_yaw_rad": mount_yaw_rad},
    )
    assert check.finding == ""
    measured = check.measured
    assert measured is not None and measured.wheels is not None and measured.lidar_yaw_rad is not None
    assert measured.wheels == pytest.approx(4614.0 / erpm_per_m_s, abs=0.03)
    assert measured.lidar_yaw_rad == pytest.approx(-mount_yaw_rad, abs=0.03)
    assert measured.trim_rad == pytest.approx(trim_rad, abs=0.03)
    x, y = emulator.world.moving[:2]
    assert math.hypot(x - emulator.world.course.x[0], y - emulator.world.course.y[0]) < 0.9


def test_without_room_ahead_the_car_stays_where_it_is(tmp_path: Path) -> None:
    check, emulator = prove(tmp_path, start=(1.6, -0.8, -math.pi / 2))
    assert "no room ahead" in check.finding
    assert emulator.world.moving[10] == 0.0  # odometer


def room(x: float, y: float, yaw: float, rng: np.random.Generator) -> View:
    """A view of a room of 6 x 4 m with a pillar, from a pose."""
    angles = rng.uniform(-math.pi, math.pi, 1200)
    points = []
    for beam in angles + yaw:
        cos_b, sin_b = math.cos(beam), math.sin(beam)
        distance = min(((3.0 if cos_b > 0 else -3.0) - x) / cos_b, ((2.0 if sin_b > 0 else -2.0) - y) / sin_b)
        along, off = (1.5 - x) * cos_b + (1.0 - y) * sin_b, (1.5 - x) * sin_b - (1.0 - y) * cos_b
        if along > 0 and abs(off) < 0.3:
            distance = along - math.sqrt(0.09 - off * off)
        distance += rng.normal(0.0, 0.01)
        points.append((distance * math.cos(beam - yaw), distance * math.sin(beam - yaw), distance))
    view = View()
    view.points = np.array(points)
    return view


@pytest.mark.parametrize("way", [(0.3, 0.05, 0.25), (-0.3, 0.1, -0.25), (0.05, 0.45, 0.2)])
@pytest.mark.parametrize("gyro_sign", [1.0, -1.0])
def test_a_way_between_two_views_is_found_in_any_direction_whatever_the_gyro_says(way, gyro_sign) -> None:
    rng = np.random.default_rng(1)
    found = room(*way, rng).motion_from(room(0.0, 0.0, 0.0, rng), gyro_sign * way[2])
    assert found == pytest.approx(way, abs=0.006)


def test_a_corridor_without_features_tells_no_way_along_it() -> None:
    rng = np.random.default_rng(2)

    def corridor(x: float) -> View:
        angles = rng.uniform(-math.pi, math.pi, 1200)
        distances = 1.0 / np.maximum(np.abs(np.sin(angles)), 0.01) + rng.normal(0.0, 0.01, 1200)
        view = View()
        view.points = np.stack([distances * np.cos(angles), distances * np.sin(angles), distances], axis=1)[
            distances < 9
        ]
        return view

    assert corridor(0.3).motion_from(corridor(0.0), 0.01) is None


def test_a_backward_motor_is_told_from_a_reversed_steering_and_from_a_turned_lidar() -> None:
    steer = 0.2
    turn = -0.3 * math.tan(steer) / CAR.wheelbase_m
    legs = [Leg(steer, 0.3, turn, (-0.3, -0.03, turn)), Leg(-steer, 0.3, -turn, (-0.3, 0.03, -turn))]
    assert judge(measure(legs, CAR.wheelbase_m, CAR.rear_axle_m)).startswith("the motor runs backwards")


def test_without_the_lidars_word_a_reversed_turn_leaves_a_doubt() -> None:
    assert "or the IMU lies upside down" in judge(Measured(-1.0, None, None, None, 0.0))
    assert judge(Measured(1.0, None, None, None, 0.05)) == ""


def test_a_fault_holds_the_car_until_it_is_over() -> None:
    check = FirstMetres(CAR.packed())
    nothing = LidarReading(*(np.empty(0, np.float32) for _ in range(3)), 0.01, 0)
    for tick in range(500):
        check.step(0.02 * tick, 0.02, 0.0, VescReading(), nothing, may_drive=False)
        assert check.command.speed_m_s == 0.0 and check.command.brake_a > 0.0
    assert check.active


def test_the_pipeline_ends_with_the_reason_and_the_car_at_rest(tmp_path: Path) -> None:
    emulator = Emulator(VirtualCarConfig(lidar={"mount_yaw_rad": math.pi}), tmp_path)

    class Clock:
        def now(self) -> float:
            return emulator.time_s

        def sleep_until(self, time_s: float) -> None:
            emulator.advance(max(time_s, emulator.time_s))

    vesc = Vesc(replace(VIRTUAL.motor, port=str(tmp_path / "vesc")), Clock())
    lidar = RPLidar(replace(VIRTUAL.lidar, port=str(tmp_path / "lidar")), Clock())
    layers = actor_layers(race_track.OBSERVATION_SIZE, race_track.ACTION_SIZE)
    setup = PipelineSetup(
        seed=0, practice_s=60.0, laps=0, explore=False, predictive_brake=True, demonstrate=True, keyboard=False,
        car=CAR.packed(), layers=layers, weights=initial_weights(layers, np.random.default_rng(0), 0.1), grid=None,
        course=None,
    )  # fmt: skip
    pipeline, told = Pipeline(setup), []
    vesc.open()
    lidar.open()
    clock = Clock()
    devices: dict[str, Device] = {"motor": Motor(vesc, clock), "lidar": DriverDevice(lidar)}
    loop = ControlLoop(clock, devices, pipeline, np.zeros((), RECORDS.readings), 1, pipeline.tick_s)
    loop.start()
    while not loop.outputs["finished"] and emulator.time_s < 15.0:
        loop.wait()
        loop.run_tick(0, False, 0, 0.0, (0.0, 0.0))
        told += pipeline.events
    kinds = [kind for kind, _ in told]
    assert loop.outputs["finished"]
    assert [fields["reason"] for kind, fields in told if kind == "failure"] == [pipeline.first_lap.first_metres.finding]
    assert "the lidar is turned" in pipeline.first_lap.first_metres.finding
    assert not {"collision", "recovery", "lap"} & set(kinds)
    assert emulator.world.collisions == 0 and abs(emulator.world.moving[3]) < 0.05


def scan_of(half_rad: float, begin_rad: float = 0.0) -> LidarReading:
    """A wall 3 m away in all directions that the lidar looks in, `half_rad` to either side of `begin_rad`."""
    angle = begin_rad + np.linspace(-half_rad, half_rad, 200)
    angle = ((angle + math.pi) % (2.0 * math.pi) - math.pi).astype(np.float32)
    return LidarReading(angle, np.full(200, 3.0, np.float32), np.zeros(200, np.float32), 0.0, 0)


@pytest.mark.parametrize(("begin_rad", "looks"), [(0.0, True), (0.5, True), (math.pi, False), (2.2, False)])
def test_a_lidar_of_270_degrees_that_is_turned_away_from_the_way_is_named_before_a_wheel_turns(begin_rad, looks):
    check = FirstMetres(load_parameters().packed())
    for tick in range(40):
        check.step(
            0.02 * tick, 0.02, 0.0, VescReading(values_age_s=0.01, imu_age_s=0.01), scan_of(2.356, begin_rad), True
        )
        if check.finding:
            break
    assert ("blind side is turned ahead" in check.finding) != looks
    assert check.command.speed_m_s == 0.0 or looks


def test_the_first_look_lasts_as_long_as_any_other():
    """A fast lidar brings enough points in the first tick, of one side alone."""
    check = FirstMetres(load_parameters().packed())
    for tick in range(40):
        side = scan_of(0.7, begin_rad=1.3 * tick)
        check.step(0.02 * tick, 0.02, 0.0, VescReading(values_age_s=0.01, imu_age_s=0.01), side, True)
        if check.stage is not Stage.LOOK:
            break
    assert 0.02 * tick >= LOOK_S
    assert check.finding == ""
