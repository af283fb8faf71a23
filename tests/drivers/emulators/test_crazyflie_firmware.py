"""Flights by raw packets: set-points, high-level commands, watchdogs, the supervisor."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.emulators.crtp import Packet, Port
from sim.quadrotor.model import CRAZYFLIES

CAN_BE_ARMED, IS_ARMED, CAN_FLY, IS_FLYING, IS_TUMBLED, IS_LOCKED, IS_CRASHED = 0, 1, 3, 4, 5, 6, 7
PLAN_FLIES, PLAN_FINISHED = 8, 9
TAKE_OFF, LAND, GO_TO, STOP = 7, 8, 12, 3


def test_it_says_who_it_is(make_drone):
    drone = make_drone()
    assert drone.firmware.receive(b"\xff") == b"\xff"
    assert drone.ask(Port.LINK, 0, b"hello") == b"hello"
    assert drone.ask(Port.LINK, 1, b"\0").rstrip(b"\0") == b"Bitcraze Crazyflie"
    assert drone.ask(Port.PLATFORM, 1, b"\0") == b"\0\x0c\0\0\0"
    assert drone.ask(Port.PLATFORM, 1, b"\2") == b"\2CF21\0"
    assert drone.ask(Port.MEM, 0, b"\1") == b"\1\0"


def test_it_stays_on_the_ground_until_it_is_armed(make_drone):
    drone = make_drone()
    assert drone.flag(CAN_BE_ARMED)
    drone.stream(1.0, 7, 0.0, 0.0, 1.0, 0.0)
    assert drone.position[2] == 0.0
    assert drone.high_level(TAKE_OFF, "ff?f", 1.0, 0.0, False, 2.0) != 0
    assert drone.arm() == bytes([0x81, 1, 1])
    assert drone.flag(IS_ARMED)
    assert drone.flag(CAN_FLY)


def test_who_arms_and_does_not_fly_is_disarmed_after_half_a_minute(make_drone):
    drone = make_drone()
    drone.arm()
    drone.wait(29.0)
    assert drone.flag(IS_ARMED)
    drone.wait(1.5)
    assert not drone.flag(IS_ARMED)
    assert drone.arm() == bytes([0x81, 1, 1])


@pytest.mark.parametrize("quadrotor", CRAZYFLIES)
def test_it_hovers_within_centimetres_of_a_position(make_drone, quadrotor: str):
    drone = make_drone(quadrotor=quadrotor)
    drone.climb(1.0)
    drone.stream(10.0, 7, 0.0, 0.0, 1.0, 0.0)
    errors = []
    for _ in range(100):
        drone.stream(0.04, 7, 0.5, -0.3, 1.0, 45.0)
        errors.append(math.dist(drone.position, (0.5, -0.3, 1.0)))
    assert np.mean(errors[50:]) < 0.11  # by truth: the estimate itself is some centimetres off
    assert drone.yaw_deg == pytest.approx(45.0, abs=4.0)


@pytest.mark.parametrize(
    ("kind", "values", "velocity"),
    [
        (8, (0.4, 0.0, 0.0, 0.0), (0.4, 0.0)),
        (10, (0.4, 0.0, 0.0, 1.0), (0.0, 0.4)),
        (1, (0.0, -0.4, 0.0, 0.0), (0.0, -0.4)),
    ],
    ids=["world", "body, which looks along y", "world, of old"],
)
def test_it_flies_at_the_speed_asked_for(make_drone, kind: int, values: tuple, velocity: tuple):
    drone = make_drone(noise=0.0)
    drone.climb(1.0)
    drone.stream(2.5, 7, 0.0, 0.0, 1.0, 90.0)
    drone.stream(3.0, kind, *values)
    assert drone.body.state[7:9] == pytest.approx(velocity, abs=0.05)
    assert drone.position[2] == pytest.approx(1.0, abs=0.1)


def test_manual_set_points_tilt_it(make_drone):
    drone = make_drone(noise=0.0)
    drone.climb(2.0)
    hover = round(65535 * drone.body.hover_force())
    drone.stream(0.6, 11, 0.0, 8.0, 0.0, hover, 0, layout="fffHB")  # pitch is nose up in the packet
    assert drone.tilt_deg == pytest.approx(8.0, abs=1.5)
    assert drone.body.state[7] < -0.3  # so it flies backwards


def test_old_style_thrust_stays_locked_until_zero_was_sent(make_drone):
    drone = make_drone()
    drone.arm()
    for _ in range(50):
        drone.ask(Port.COMMANDER, 0, struct.pack("<fffH", 0, 0, 0, 55000))
        drone.wait(0.02)
    assert drone.position[2] == 0.0
    drone.ask(Port.COMMANDER, 0, struct.pack("<fffH", 0, 0, 0, 0))
    for _ in range(50):
        drone.ask(Port.COMMANDER, 0, struct.pack("<fffH", 0, 0, 0, 55000))
        drone.wait(0.02)
    assert drone.position[2] > 0.1


def test_high_level_commands_fly_a_round_trip(make_drone):
    drone = make_drone()
    drone.arm()
    assert drone.high_level(TAKE_OFF, "ff?f", 1.0, 0.0, False, 2.0) == 0
    assert drone.high_level(TAKE_OFF, "ff?f", 2.0, 0.0, False, 2.0) != 0  # it has taken off
    drone.wait(1.0)
    assert drone.flag(PLAN_FLIES)
    assert not drone.flag(PLAN_FINISHED)
    drone.wait(4.0)
    assert drone.flag(PLAN_FINISHED)
    assert drone.position == pytest.approx([0.0, 0.0, 1.0], abs=0.1)
    assert drone.high_level(GO_TO, "BBfffff", 1, 0, 0.5, 0.5, -0.2, 1.0, 2.0) == 0  # relative
    drone.wait(3.5)
    assert drone.position == pytest.approx([0.5, 0.5, 0.8], abs=0.1)
    assert math.radians(drone.yaw_deg) == pytest.approx(1.0, abs=0.1)
    assert drone.high_level(GO_TO, "BBfffff", 0, 1, 0.0, 0.5, 0.8, 1.0, 2.0) == 0  # straight, at constant speed
    drone.wait(1.0)
    assert drone.position[0] == pytest.approx(0.25, abs=0.15)
    drone.wait(2.0)
    assert drone.high_level(LAND, "ff?f", 0.0, 0.0, True, 2.0) == 0
    assert drone.high_level(LAND, "ff?f", 0.0, 0.0, True, 9.0) != 0  # it is landing
    drone.wait(3.0)
    assert drone.position[2] == 0.0
    assert not drone.firmware.forces.any()
    assert drone.flag(IS_FLYING)  # it thinks so until its motors have been still for two seconds
    drone.wait(1.5)
    assert not drone.flag(IS_FLYING)
    drone.wait(3.0)
    assert not drone.flag(IS_ARMED)  # landed for three seconds


def test_the_high_level_commander_flies_on_without_a_link(make_drone):
    drone = make_drone()
    drone.arm()
    drone.high_level(TAKE_OFF, "ff?f", 0.5, 0.0, False, 1.0)
    drone.wait(6.0)
    assert drone.state == "FLYING"
    assert drone.position[2] == pytest.approx(0.5, abs=0.1)


def test_when_set_points_stop_it_levels_after_half_a_second_and_is_off_after_two(make_drone):
    drone = make_drone(noise=0.0)
    drone.climb(1.5)
    drone.stream(1.0, 8, 1.0, 0.0, 0.0, 0.0)
    drone.wait(0.4)
    assert drone.state == "FLYING"
    assert drone.body.state[7] > 0.8  # still at speed
    drone.wait(0.15)
    assert drone.state == "LEVEL_OUT"
    drone.wait(0.5)
    assert drone.tilt_deg < 2.0
    assert drone.position[2] == pytest.approx(1.5, abs=0.15)
    drone.wait(1.0)
    assert drone.state == "LOCKED"
    assert not drone.firmware.forces.any()
    drone.wait(1.5)
    assert drone.position[2] == 0.0
    assert drone.flag(IS_LOCKED)
    assert drone.arm() == bytes([0x81, 0, 0])  # until the next start


def test_set_points_that_come_again_in_time_take_it_back(make_drone):
    drone = make_drone()
    drone.climb(1.0)
    drone.wait(1.0)
    assert drone.state == "LEVEL_OUT"
    drone.stream(2.0, 7, 0.0, 0.0, 1.0, 0.0)
    assert drone.state == "FLYING"


def test_the_ground_wins_over_the_high_level_commander_until_it_gives_the_priority_back(make_drone):
    drone = make_drone()
    drone.climb(1.0)
    drone.high_level(GO_TO, "BBfffff", 0, 0, 0.0, 0.0, 0.3, 0.0, 1.0)
    drone.stream(2.0, 7, 0.0, 0.0, 1.0, 0.0)
    assert drone.position[2] == pytest.approx(1.0, abs=0.1)
    drone.high_level(GO_TO, "BBfffff", 0, 0, 0.0, 0.0, 0.6, 0.0, 1.0)
    drone.ask(Port.SETPOINT, 1, b"\0\0\0\0\0")
    drone.wait(2.5)
    assert drone.position[2] == pytest.approx(0.6, abs=0.1)


def test_without_a_plan_the_motors_stop_when_the_ground_gives_the_priority_back(make_drone):
    drone = make_drone()
    drone.climb(0.5)
    drone.ask(Port.SETPOINT, 1, b"\0\0\0\0\0")
    drone.wait(0.02)
    assert not drone.firmware.forces.any()


@pytest.mark.parametrize(("port", "data"), [(Port.SUPERVISOR, b"\x03"), (Port.LOCALIZATION, b"\x03")])
def test_the_emergency_stop_is_immediate_and_for_good(make_drone, port: Port, data: bytes):
    drone = make_drone()
    drone.climb(1.0)
    drone.ask(port, 1, data)
    drone.wait(0.05)
    assert not drone.firmware.forces.any()
    drone.stream(1.0, 7, 0.0, 0.0, 1.0, 0.0)
    assert drone.state == "LOCKED"
    assert drone.position[2] == 0.0


def test_the_emergency_watchdog_stops_it_a_second_after_its_last_feeding(make_drone):
    drone = make_drone()
    drone.climb(1.0)
    for _ in range(4):
        drone.ask(Port.SUPERVISOR, 1, b"\x04")
        drone.stream(0.8, 7, 0.0, 0.0, 1.0, 0.0)
    assert drone.state == "FLYING"
    drone.stream(0.3, 7, 0.0, 0.0, 1.0, 0.0)
    assert drone.state == "LOCKED"


def test_a_tumbled_drone_crashes_and_recovers_when_it_is_put_upright(make_drone):
    drone = make_drone()
    drone.climb(1.0)
    drone.body.put(0.0, 0.0, 0.0, 0.0, roll_rad=math.pi)
    drone.stream(0.3, 7, 0.0, 0.0, 1.0, 0.0)
    assert drone.state == "CRASHED"
    assert drone.flag(IS_TUMBLED)
    assert not drone.firmware.forces.any()
    assert drone.ask(Port.SUPERVISOR, 1, b"\x02") == bytes([0x82, 0, 0])
    drone.body.put(0.0, 0.0, 0.0, 0.0)
    drone.wait(0.1)
    assert drone.ask(Port.SUPERVISOR, 1, b"\x02") == bytes([0x82, 1, 1])
    drone.wait(0.1)
    assert not drone.flag(IS_CRASHED)
    assert drone.flag(CAN_BE_ARMED)


def test_disarming_in_flight_stops_the_motors(make_drone):
    drone = make_drone()
    drone.climb(1.0)
    drone.ask(Port.PLATFORM, 0, b"\x01\x00")  # as before protocol version 12
    drone.wait(0.05)
    assert not drone.firmware.forces.any()
    assert drone.state in ("RESET", "PREFLIGHT_FAILED")


def test_a_drone_that_tumbles_while_it_is_levelled_is_locked(make_drone):
    drone = make_drone()
    drone.climb(1.0)
    drone.wait(0.6)
    drone.body.put(0.0, 0.0, 0.0, 0.0, roll_rad=math.pi)
    drone.wait(0.3)
    assert drone.state == "LOCKED"


@pytest.mark.parametrize(
    "datagram",
    [b"", bytes(32), b"\x7c", b"\x7c\x63", b"\x7c\x07\x00", b"\x3c\x00", b"\x8c", b"\x8c\x07\x00\x01", b"\x9d\x01",
     b"\xdc\x01", b"\x5c\x02", b"\x5d\x06", b"\x5d\x07\x01", b"\x2d\x00", b"\x2f\x00", b"\x2f\x07", b"\x4d\x00"],
)  # fmt: skip
def test_packets_without_sense_do_nothing(make_drone, datagram: bytes):
    drone = make_drone()
    drone.climb(0.5)
    drone.firmware.receive(datagram)
    drone.stream(0.2, 7, 0.0, 0.0, 0.5, 0.0)
    assert drone.state == "FLYING"


def plan(kind: int, flag: bool, *values: float) -> bytes:
    """A high-level command with any numbers."""
    if kind == GO_TO:
        return struct.pack("<BBBB5f", kind, 0, flag, flag, *values)
    return struct.pack("<BBff?f", kind, 0, values[0], values[1], flag, values[2])


@settings(max_examples=25)
@given(st.data())
def test_whatever_is_received_the_drone_stays_in_the_world(make_drone, data: st.DataObject):
    drone = make_drone()
    drone.climb(0.5)
    sensible = st.builds(
        lambda port, channel, payload: Packet(port, channel, payload).encoded(),
        st.sampled_from([2, 3, 5, 7, 8, 9, 13]), st.integers(0, 3), st.binary(max_size=30),
    )  # fmt: skip
    numbers = st.lists(st.floats(width=32), min_size=4, max_size=5)
    wild = st.builds(
        lambda kind, values: Packet(7, 0, struct.pack(f"<B{len(values)}f", kind, *values)).encoded(),
        st.sampled_from([1, 4, 7, 8, 9, 10]), numbers,
    )  # fmt: skip
    plans = st.builds(
        lambda kind, flag, values: Packet(8, 0, plan(kind, flag, *values)).encoded(),
        st.sampled_from([7, 8, 12]), st.booleans(), st.tuples(*[st.floats(width=32)] * 5),
    )  # fmt: skip
    for datagram in data.draw(st.lists(st.one_of(sensible, wild, plans, st.binary(max_size=33)), max_size=12)):
        drone.firmware.receive(datagram)
        drone.wait(0.03)
        drone.firmware.outgoing()
    assert np.isfinite(drone.body.state).all()
    assert np.isfinite(drone.firmware.forces).all()


def test_gains_are_parameters_of_the_controller(make_drone):
    drone = make_drone()
    index = [p.name for p in drone.firmware.param.parameters].index("posCtlPid.xKp")
    drone.climb(1.0)
    drone.ask(Port.PARAM, 2, struct.pack("<Hf", index, 0.0))
    drone.stream(2.0, 7, 1.0, 0.0, 1.0, 0.0)
    assert drone.position[0] < 0.3
    drone.ask(Port.PARAM, 2, struct.pack("<Hf", index, 2.0))
    drone.stream(2.0, 7, 1.0, 0.0, 1.0, 0.0)
    assert drone.position[0] > 0.7


def test_a_controller_that_is_not_there_is_not_chosen(make_drone):
    drone = make_drone()
    assert drone.firmware.param.parameters[0].name == "stabilizer.controller"
    for wanted in (6, 2, 0):
        assert drone.ask(Port.PARAM, 2, bytes([0, 0, wanted])) == b"\0\0\1"


def test_the_console_tells_what_the_supervisor_does(make_drone):
    drone = make_drone()
    drone.arm()
    text = b"".join(datagram[1:] for datagram in drone.firmware.outgoing() if datagram[0] == 0x0C).decode()
    assert "SUP: ready\n" in text
