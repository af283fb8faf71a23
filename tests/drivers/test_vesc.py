import math
import struct
from dataclasses import replace

import pytest

from drivers.emulators.world import BRAKE, V_X
from drivers.vesc import Vesc, VescLimits, VescSettings, take_over
from drivers.vesc_protocol import GET_VALUES_SELECTIVE, SET_SERVO_POS, FrameParser, fault_name, frame
from tests.drivers.test_vesc_protocol import RECORDED_VALUES


def test_values_and_imu_come_in_units_of_the_international_system(bench):
    b = bench(noise=0.0, car={"steer_trim_rad": 0.0})
    b.vesc.open()
    b.drive(0.2, 1.5, 2.0)
    b.wait(0.02)
    reading = b.vesc.read()
    moving = b.world.moving
    assert reading.erpm_speed_m_s == pytest.approx(moving[3], abs=0.01)
    assert reading.yaw_rate_rad_s == pytest.approx(moving[5], abs=0.01)
    assert reading.accel_y_m_s2 == pytest.approx(moving[3] * moving[5], abs=0.1)
    assert reading.accel_z_m_s2 == pytest.approx(9.81, abs=0.02)
    assert reading.input_voltage_v == pytest.approx(moving[9], abs=0.11)
    assert reading.tachometer_m == pytest.approx(moving[10], abs=0.06)
    assert reading.fault_code == 0


def test_the_recorded_answer_is_read_as_what_it_says(bench):
    b = bench()
    b.vesc.open()
    b.wait(0.02)
    b.vesc.read()
    b.emulator.faults["silence_vesc"](True)
    b.emulator.faults["garbage"]("vesc", RECORDED_VALUES.hex())
    reading = b.vesc.read()
    assert reading.input_voltage_v == pytest.approx(37.5)
    assert reading.erpm_speed_m_s == 0.0
    assert reading.motor_current_a == 0.0
    assert reading.tachometer_m == pytest.approx(-31936 * 10 / 4614)


def test_answers_are_dated_by_the_request_even_if_the_reader_was_held_up(bench):
    b = bench()
    b.vesc.open()
    b.drive(0.0, 1.0, 0.2)
    b.wait(0.5)
    assert b.vesc.read().values_age_s == pytest.approx(0.5)


def test_every_tick_asks_once(bench, monkeypatch):
    b = bench()
    b.vesc.open()
    b.drive(0.0, 1.0, 0.2)
    sent, write = bytearray(), b.vesc._port.write
    monkeypatch.setattr(b.vesc._port, "write", lambda data: (sent.extend(data), write(data)))
    b.drive(0.0, 1.0, 0.2)  # ten ticks
    assert [payload[0] for payload in FrameParser().feed(bytes(sent))].count(GET_VALUES_SELECTIVE) == 10


def test_write_tells_what_was_sent_after_limits(bench):
    sent = write_once(bench(), 1.0, 99.0)
    assert sent.speed_m_s == pytest.approx(6.0, abs=1e-4)
    assert sent.steer_rad == pytest.approx(0.4189, abs=1e-3)  # the servo has steps of a thousandth
    assert not sent.refused


def test_the_servo_goes_no_further_than_its_end_and_that_is_told(bench):
    assert write_once(bench(), -1.0, 1.0).steer_rad == pytest.approx((1.0 - 0.5304) / -1.2135)  # 0.4189 lies beyond


def test_a_speed_that_cannot_be_held_brakes(bench):
    sent = write_once(bench(), 0.1, 0.15)
    assert (sent.speed_m_s, sent.brake_current_a) == (0.0, 40.0)


def opened(b):
    """Open the driver, and let the controller tell its version."""
    b.vesc.open()
    b.wait(0.02)
    b.vesc.read()
    return b


def write_once(b, steer_rad, speed_m_s):
    return opened(b).vesc.write(steer_rad, speed_m_s)


def test_on_a_noisy_wire_bad_frames_are_counted_and_no_wrong_value_comes_through(bench):
    b = bench(noise=0.0)
    b.vesc.open()
    b.drive(0.0, 0.5, 1.0)
    b.emulator.faults["corrupt"]("vesc", 0.003)
    b.emulator.faults["drop"]("vesc", 0.003)
    ages = []
    for _ in range(150):
        b.wait(0.02)
        reading = b.vesc.read()
        ages.append(reading.values_age_s)
        b.vesc.write(0.0, 0.5)
        assert 0.45 < reading.erpm_speed_m_s < 0.55
        assert reading.accel_z_m_s2 == pytest.approx(9.81, abs=0.02)
        assert reading.fault_code == 0
    assert b.vesc.parser.bad_frames > 5
    assert max(ages) < 0.3


def test_what_is_not_finite_stops_the_car_and_is_reported(bench):
    b = bench(noise=0.0)
    b.vesc.open()
    b.drive(0.0, 2.0, 1.0)
    for _ in range(50):
        b.wait(0.02)
        sent = b.vesc.write(0.0, math.nan)
    assert sent.refused
    assert sent.brake_current_a > 0
    assert abs(b.world.moving[3]) < 0.01
    assert "nan" in b.vesc.trouble()
    b.vesc.write(0.0, 1.0)
    assert "nan" not in b.vesc.trouble()


def test_stop_brakes_and_the_controllers_own_watchdog_then_lets_go(bench):
    b = bench(noise=0.0)
    b.vesc.open()
    b.drive(0.0, 3.0, 1.0)
    b.vesc.stop()
    b.wait(0.5)
    assert abs(b.world.moving[3]) < 0.1
    assert b.world.command[0] == 3
    b.wait(1.0)
    assert b.world.command[0] == 0


def test_alive_keeps_the_brake_on(bench):
    b = opened(bench())
    b.vesc.brake(10.0)
    for _ in range(10):
        b.wait(0.5)
        b.vesc.alive()
    assert b.world.command[:2] == (3, 10.0)


def test_coasting_lets_the_car_roll(bench):
    b = bench(noise=0.0)
    b.vesc.open()
    b.drive(0.0, 2.0, 1.0)
    b.vesc.coast()
    b.wait(0.5)
    assert b.world.command[:2] == (2, 0.0)
    assert 1.7 < b.world.moving[3] < 2.0


def test_braking_is_cut_to_what_the_settings_allow(bench):
    b = opened(bench())
    assert b.vesc.brake(1e6).brake_current_a == 40.0
    assert b.vesc.brake(-5.0).brake_current_a == 0.0
    for refused in (b.vesc.brake(math.nan), b.vesc.brake(1.0, math.nan)):
        assert refused.refused and refused.brake_current_a == 40.0


def test_faults_have_names_and_are_told(bench):
    b = bench()
    b.vesc.open()
    b.emulator.faults["vesc_fault"](2)
    b.drive(0.0, 1.0, 0.2)
    assert b.vesc.read().fault_code == 2
    assert "under voltage" in b.vesc.trouble()
    assert fault_name(4) == "absolute over current"
    assert fault_name(200) == "fault 200"


def test_half_a_frame_from_before_a_reconnection_is_forgotten(bench):
    b = bench()
    b.vesc.open()
    b.drive(0.0, 1.0, 0.2)
    b.emulator.faults["garbage"]("vesc", "023e04aabb")
    b.wait(0.02)
    b.vesc.read()
    assert b.vesc.reconnect()
    b.drive(0.0, 1.0, 0.2)
    assert (b.vesc.parser.bad_frames, b.vesc.parser.skipped_bytes) == (0, 0)


@pytest.mark.parametrize(("mask", "value"), [(0x1F8, math.nan), (0x03F, 0.5)], ids=["no numbers", "other quantities"])
def test_an_imu_that_sends_something_else_is_not_believed(bench, mask, value):
    b = bench()
    b.vesc.open()
    b.drive(0.0, 1.0, 0.2)
    before = b.vesc.read()
    b.emulator.faults["silence_vesc"](True)
    b.emulator.faults["garbage"]("vesc", frame(struct.pack(">BH6f", 65, mask, *[value] * 6)).hex())
    b.wait(0.02)
    after = b.vesc.read()
    assert after.yaw_rate_rad_s == before.yaw_rate_rad_s
    assert after.imu_age_s > before.imu_age_s


def payloads_sent(b, monkeypatch):
    """Every payload that the driver sends from now on."""
    sent, write = [], b.vesc._port.write
    parser = FrameParser()
    monkeypatch.setattr(b.vesc._port, "write", lambda data: (sent.extend(parser.feed(data)), write(data)))
    return sent


@pytest.mark.parametrize(("major", "minor"), [(1, 12), (2, 18)])
def test_a_controller_of_old_firmware_is_refused_by_name_and_gets_no_command(bench, monkeypatch, major, minor):
    b = bench(vesc={"firmware_major": major, "firmware_minor": minor})
    sent = payloads_sent(b, monkeypatch)
    b.vesc.open()
    for _ in range(50):
        b.wait(0.02)
        reading = b.vesc.read()
        told = b.vesc.write(0.1, 1.0)
        b.vesc.brake(5.0, 0.1)
    b.vesc.stop()
    assert f"firmware {major}.{minor} is too old" in b.vesc.trouble()
    assert {payload[0] for payload in sent} == {0}
    assert (told.speed_m_s, told.brake_current_a) == (0.0, 0.0)
    assert reading.values_age_s == math.inf
    assert b.emulator.vesc.motor_configured


OLD = frame(bytes((0, 2, 18))).hex()


def test_a_version_once_told_is_not_taken_back_by_a_damaged_answer(bench):
    b = opened(bench())
    b.emulator.faults["garbage"]("vesc", OLD)
    b.drive(0.1, 1.0, 1.0)
    assert b.vesc.firmware == "6.2 60_MK6"
    assert b.world.moving[V_X] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("can_id", [-1, 12])
def test_a_controller_that_seems_too_old_by_a_damaged_answer_is_asked_again(bench, can_id):
    b = behind_can(bench, can_id) if can_id >= 0 else bench()
    b.vesc.open()
    b.emulator.faults["garbage"]("vesc", OLD)
    b.vesc.read()
    assert b.vesc.too_old
    b.drive(0.1, 1.0, 1.0)
    assert b.vesc.firmware == "6.2 60_MK6"
    assert b.world.moving[V_X] == pytest.approx(1.0, abs=0.1)


def test_nothing_is_commanded_before_the_version_is_known_however_late_it_comes(bench, monkeypatch):
    b = bench(vesc={"answer_delay_s": 0.3})
    sent = payloads_sent(b, monkeypatch)
    b.vesc.open()
    for _ in range(14):
        b.wait(0.02)
        b.vesc.read()
        b.vesc.write(0.1, 1.0)
    assert {payload[0] for payload in sent} == {0}
    b.drive(0.1, 1.0, 0.5)
    assert b.vesc.firmware == "6.2 60_MK6"
    assert SET_SERVO_POS in {payload[0] for payload in sent}


def test_a_controller_that_does_not_tell_its_version_is_named(bench):
    b = bench()
    b.vesc.open()
    b.emulator.vesc._handlers.pop(0)
    b.drive(0.0, 1.0, 1.0)
    assert "no answer to the question for its firmware's version" in b.vesc.trouble()
    assert b.world.moving[3] == 0.0


@pytest.mark.parametrize(
    ("delay_s", "jitter_s", "selective"),
    [(0.0, 0.0, True), (0.1, 0.0, True), (0.6, 0.0, True), (0.95, 0.0, True), (0.05, 0.06, True),
     (0.0, 0.0, False), (0.1, 0.0, False), (0.6, 0.0, False), (0.95, 0.0, False)],
)  # fmt: skip
def test_late_answers_are_never_dated_younger_than_they_are(bench, selective, delay_s, jitter_s):
    """The tachometer and the gyro tell when they were read: both grow with time."""
    b = bench(noise=0.0, vesc={"answer_delay_s": delay_s, "answer_jitter_s": jitter_s, "selective": selective})
    b.vesc.open()
    emulator = b.emulator.vesc
    measure = emulator._measure_values

    def stamped(at_s: float) -> bytes:
        values = bytearray(measure(at_s))
        struct.pack_into(">i", values, 44, round(1e6 * at_s))
        return bytes(values)

    emulator._measure_values = stamped
    emulator._measure_imu = lambda at_s: (0.0, 0.0, 1.0, 0.0, 0.0, at_s)
    late = []
    for tick in range(200):
        b.wait(0.02)
        reading = b.vesc.read()
        b.vesc.write(0.0, 0.0)
        if tick < 120:
            continue
        measured_s = 1e-6 * reading.tachometer_m * 4614.0 / 10
        late.append((b.now() - measured_s - reading.values_age_s, b.now() - math.degrees(reading.yaw_rate_rad_s)
                     - reading.imu_age_s))  # fmt: skip
    values, imu = zip(*late, strict=True)
    assert max(values) < 1e-4 and max(imu) < 1e-4
    if selective:
        assert min(values) > -0.005 and min(imu) > -0.005  # the way of the request over the wire


def test_lost_and_doubled_answers_do_not_shift_the_ages_of_later_ones(bench):
    b = opened(bench())
    b.emulator.faults["drop"]("vesc", 0.01)
    b.drive(0.0, 1.0, 3.0)
    b.emulator.faults["drop"]("vesc", 0.0)
    send = b.emulator.vesc.uart.send
    b.emulator.vesc.uart.send = lambda data, at_s: (send(data, at_s), send(data, at_s))
    b.drive(0.0, 1.0, 0.5)
    b.emulator.vesc.uart.send = send
    b.drive(0.0, 1.0, 0.2)
    b.wait(0.02)
    reading = b.vesc.read()
    assert reading.values_age_s == pytest.approx(0.02)
    assert reading.imu_age_s == pytest.approx(0.02)


@pytest.mark.parametrize("steer_rad", [-0.4189, 0.4189])
def test_the_servo_is_kept_within_its_end_stops_and_that_is_told(bench, monkeypatch, steer_rad):
    b = opened(bench())
    b.vesc.settings = replace(b.vesc.settings, servo_min=0.15, servo_max=0.85)
    sent = payloads_sent(b, monkeypatch)
    told = b.vesc.write(steer_rad, 1.0)
    (position,) = [int.from_bytes(payload[1:3], "big") / 1000 for payload in sent if payload[0] == SET_SERVO_POS]
    assert position == (0.15 if steer_rad > 0 else 0.85)
    assert told.steer_rad == pytest.approx((position - 0.5304) / -1.2135)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("erpm_per_m_s", 0.0),
        ("erpm_per_m_s", math.nan),
        ("imu_yaw_rad", 90.0),
        ("baud", 0),
        ("servo_gain", 0.0),
        ("servo_offset", 25.0),
        ("servo_offset", math.nan),
        ("servo_min", 0.9),
        ("servo_max", math.nan),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        VescSettings("/dev/a", **{field: value})


@pytest.mark.parametrize(("field", "value"), [("steer_max_rad", -1.0), ("brake_current_a", math.nan)])
def test_limits_that_make_no_sense_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        VescLimits(**{field: value})


def test_no_device_behind_the_port_is_told_with_what_to_look_for(bench):
    b = bench()
    b.emulator.faults["silence_vesc"](True)
    b.vesc.open()
    for _ in range(40):
        b.wait(0.02)
        b.vesc.read()
    assert "is a VESC there" in b.vesc.trouble()


# Behind another controller, on a CAN bus


def behind_can(bench, can_id=12, **wiring):
    b = bench(vesc={"can_id": 12, **wiring})
    b.vesc = Vesc(VescSettings(str(b.emulator.vesc_pty.link), can_id=can_id, servo_min=0.0, servo_max=1.0), b)
    b.vesc.open()
    return b


@pytest.mark.parametrize("major", [3, 4, 5, 6])
def test_a_controller_behind_a_can_bus_is_driven_through_the_one_on_the_cable(bench, major):
    b = behind_can(bench, firmware_major=major, selective=major > 3)
    b.drive(0.1, 1.0, 1.5)
    reading = b.vesc.read()
    assert b.vesc.trouble() == ""
    assert b.vesc.firmware == f"{major}.2 60_MK6"
    assert reading.erpm_speed_m_s == pytest.approx(b.world.moving[V_X], abs=0.1)
    assert b.world.moving[V_X] == pytest.approx(1.0, abs=0.1)
    assert reading.values_age_s < 0.05
    assert not b.emulator.vesc.bridge_commanded


def test_what_goes_to_a_controller_behind_a_can_bus_is_wrapped_whole():
    """34, its id, and the payload as it would be without: comm/commands.c."""
    settings = VescSettings("/dev/a", can_id=12)
    assert frame(settings.addressed(bytes.fromhex("08 000006bb")))[:9] == bytes.fromhex("02 07 22 0c 08 000006bb")
    assert VescSettings("/dev/a").addressed(b"\x04") == b"\x04"


def test_a_bridge_that_is_too_old_is_named_and_never_told_to_forward(bench):
    b = behind_can(bench, bridge_major=2)
    b.drive(0.1, 1.0, 1.0)
    assert b.vesc.too_old
    assert "the VESC on the cable has firmware 2.2" in b.vesc.trouble()
    assert not b.emulator.vesc.joystick_set
    assert abs(b.world.moving[V_X]) < 0.01


def test_a_controller_that_is_too_old_behind_a_new_bridge_is_not_commanded(bench):
    b = behind_can(bench, firmware_major=2)
    b.drive(0.1, 1.0, 1.0)
    assert "VESC firmware 2.2 is too old" in b.vesc.trouble()
    assert b.emulator.vesc.motor_configured
    assert abs(b.world.moving[V_X]) < 0.01


def test_an_id_that_nobody_has_is_named_apart_from_a_cable_that_is_silent(bench):
    b = behind_can(bench, can_id=13)
    b.drive(0.0, 1.0, 1.0)
    assert "the one with CAN id 13 behind it does not" in b.vesc.trouble()
    b.emulator.vesc.silent = True
    b.vesc.open()
    b.drive(0.0, 1.0, 1.0)
    assert "no answer to the question for its firmware's version" in b.vesc.trouble()


def test_a_late_second_answer_of_the_bridge_is_not_taken_for_that_of_the_controller(bench):
    b = behind_can(bench, firmware_major=2, answer_delay_s=0.15)
    b.drive(0.0, 1.0, 1.5)
    assert "VESC firmware 2.2 is too old" in b.vesc.trouble()


def test_who_takes_over_behind_a_can_bus_brakes_at_once(bench):
    b = behind_can(bench)
    b.drive(0.0, 2.0, 1.5)
    b.vesc.close()
    b.vesc = take_over(b.vesc.settings, b)
    b.vesc.open()
    b.vesc.brake(20.0)
    b.wait(0.1)
    assert b.world.command[0] == BRAKE


@pytest.mark.parametrize("can_id", [-2, 254, 255])
def test_an_id_that_no_controller_has_is_refused(can_id):
    with pytest.raises(ValueError, match=f"can_id: found {can_id}, allowed: 0 to 253"):
        VescSettings("/dev/a", can_id=can_id)
