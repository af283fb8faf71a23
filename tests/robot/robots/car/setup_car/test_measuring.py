"""A car that somebody else has wired is measured without a touch, or refused with what to do about it."""

import math
from collections.abc import Callable

import pytest

from drivers.emulators.hidden_wiring import HiddenWiring, hidden_wiring, wired_as_documented
from drivers.emulators.world import V_X
from robot.commissioning.steps import SetupError
from robot.robots.car.setup_car import measuring
from robot.robots.car.setup_car.legs import out_and_back, roll


def quiet(share: float, text: str) -> None:
    """Nobody is told."""


def with_(**vesc: bool | float) -> HiddenWiring:
    plain = wired_as_documented()
    return HiddenWiring(vesc, plain.lidar, plain.car, plain.right)


def test_every_value_of_a_hidden_car_lies_in_its_interval(owned: Callable) -> None:
    hidden = hidden_wiring(4)
    one = owned(hidden)
    one.world.lift(True)
    up = measuring.wheels_up(one.rig, quiet)
    one.world.lift(False)
    roll = measuring.first_roll(one.rig, quiet)
    arcs = measuring.arcs(one.rig, roll["gain"], up["gravity_m_s2"], one.car, quiet)
    delay = measuring.delay(one.rig, arcs, one.car, quiet)
    values = measuring.values_in({"arcs": arcs, "delay": delay})
    assert {value.name for value in values} == hidden.right.keys()
    for value in values:
        true = hidden.right[value.name]
        if value.name.endswith("yaw_rad"):
            true += math.tau * round((value.value - true) / math.tau)
        assert value.low <= true <= value.high, value.name
        assert not value.refused
    assert one.world.collisions == 0


def test_a_car_that_stands_on_its_wheels_is_noticed_in_the_air(owned: Callable) -> None:
    with pytest.raises(SetupError, match="do not hang free"):
        measuring.wheels_up(owned(wired_as_documented()).rig, quiet)


def test_a_car_that_is_still_in_the_air_is_noticed_on_the_ground(owned: Callable) -> None:
    one = owned(wired_as_documented())
    one.world.lift(True)
    with pytest.raises(SetupError, match="put it on the ground"):
        measuring.first_roll(one.rig, quiet)


def test_a_servo_whose_output_is_off_is_named(owned: Callable) -> None:
    one = owned(with_(servo_output=False))
    with pytest.raises(SetupError, match="enable the servo output"):
        measuring.arcs(one.rig, 1.0, 9.8, one.car, quiet)


def test_a_board_that_stands_on_edge_is_named(owned: Callable) -> None:
    one = owned(wired_as_documented())
    with pytest.raises(SetupError, match="stands on edge"):
        measuring.arcs(one.rig, 1.0, 0.3, one.car, quiet)


def test_a_motor_that_does_not_turn_is_named(owned: Callable) -> None:
    one = owned(wired_as_documented())
    one.world.lift(True)
    one.emulator.vesc.motor_configured = False
    with pytest.raises(SetupError, match="check the motor's cables"):
        measuring.wheels_up(one.rig, quiet)


def test_beside_a_wall_it_does_not_begin_to_move(owned: Callable) -> None:
    one = owned(wired_as_documented())
    one.world.put_on_course(0.0, lateral=0.6)
    place = one.world.moving[:3].copy()
    with pytest.raises(SetupError, match="are free in every direction"):
        out_and_back(one.rig, 0.53, 1.0)
    assert (one.world.moving[:2] == place[:2]).all()


def test_what_comes_near_stops_a_leg_before_it_is_touched(owned: Callable) -> None:
    one = owned(wired_as_documented())
    one.rig.stand()
    one.world.put_wall(one.world.place[0] + 1.2)
    roll(one.rig, 0.53, 0.5, 3.0)
    assert 0.2 < one.rig.reading.tachometer_m < 0.8
    one.rig.stand()
    assert one.world.collisions == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("wrong"), SetupError("broken")])
def test_it_leaves_with_standing_wheels_whatever_happens(owned: Callable, error: BaseException) -> None:
    one = owned(wired_as_documented())

    def interrupted() -> None:
        with one.rig:
            for _ in range(25):
                one.rig.tick(0.53, 0.5)
            assert one.world.moving[V_X] > 0.3
            raise error

    with pytest.raises(type(error)):
        interrupted()
    assert abs(one.world.moving[V_X]) < 0.05


@pytest.mark.parametrize(
    ("fault", "words"),
    [("silence_vesc", "not answered|no answer"), ("freeze_lidar", "sent no points"), ("stick", "fault")],
)
def test_a_device_that_fails_on_the_way_ends_the_step(owned: Callable, fault: str, words: str) -> None:
    one = owned(wired_as_documented())
    for _ in range(10):
        one.rig.tick(0.53, 0.5)
    if fault == "stick":
        one.emulator.faults["vesc_fault"](code=2)
    else:
        one.emulator.faults[fault](on=True)
    with pytest.raises(SetupError, match=words):
        for _ in range(60):
            one.rig.tick(0.53, 0.5)
