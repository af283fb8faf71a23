import struct
from binascii import crc_hqx

import numpy as np
import pytest

from drivers.emulators.process import build_world
from drivers.emulators.vesc import VescEmulator, VescWiring
from drivers.emulators.virtual_car import VirtualCarConfig
from drivers.emulators.world import RELEASED, SPEED, V_X

BYTE_S = 10 / 115_200


@pytest.fixture
def vesc():
    return VescEmulator(build_world(VirtualCarConfig()), VescWiring(), np.random.default_rng(0))


def packet(payload: bytes) -> bytes:
    return bytes([2, len(payload)]) + payload + struct.pack(">HB", crc_hqx(payload, 0), 3)


def until(vesc, time_s: float) -> bytes:
    """Run world and controller to a time; what has arrived at the host by then."""
    said = b""
    world = vesc._world
    while world.time_s < time_s - 1e-9:
        world.step()
        vesc.run(world.time_s)
        said += vesc.uart.arrived(world.time_s)
    return said


def test_the_firmware_version_has_the_layout_of_firmware_6(vesc):
    vesc.receive(packet(b"\x00"), 0.0)
    answer = until(vesc, 0.02)
    assert answer[2:5] == b"\x00\x06\x02"
    assert answer[5:12] == b"60_MK6\0"
    assert len(answer[12:-4]) == 12 + 8  # the processor's number, then eight bytes of abilities


def made(**wiring):
    return VescEmulator(build_world(VirtualCarConfig()), VescWiring(**wiring), np.random.default_rng(0))


def test_firmware_2_tells_its_version_alone_and_begins_its_values_with_seven_temperatures():
    vesc = made(firmware_major=2, firmware_minor=18)
    vesc.receive(packet(b"\x00"), 0.0)
    assert until(vesc, 0.02) == packet(b"\x00\x02\x12")
    vesc.receive(packet(b"\x04"), 0.02)
    answer = until(vesc, 0.04)
    assert answer[1] == 56
    assert struct.unpack_from(">h", answer, 2 + 29)[0] == 126  # 0.1 V
    vesc.receive(packet(b"\x32\x00\x00\x00\x00") + packet(b"\x41\x01\xf8"), 0.04)
    assert until(vesc, 0.08) == b""


def test_firmware_2_moves_the_servo_by_11_and_loses_its_configuration_by_12():
    vesc = made(firmware_major=2, firmware_minor=18)
    vesc.receive(packet(b"\x0b" + struct.pack(">h", 600)), 0.0)
    until(vesc, 0.1)
    assert vesc._world.command[2] == pytest.approx((0.6 - 0.5304) / -1.2135)
    vesc.receive(packet(b"\x0c" + struct.pack(">h", 500)) + packet(b"\x08" + struct.pack(">i", 9228)), 0.1)
    until(vesc, 0.5)
    assert not vesc.motor_configured
    assert vesc._world.moving[V_X] == 0.0


def test_a_servo_whose_output_is_disabled_does_not_move():
    vesc = made(servo_output=False)
    vesc.receive(packet(b"\x0c" + struct.pack(">h", 900)), 0.0)
    until(vesc, 0.2)
    assert vesc._world.command[2] == 0.0


def test_late_answers_hold_what_was_true_when_they_were_asked_for_and_may_overtake_each_other():
    vesc = made(answer_delay_s=0.1, answer_jitter_s=0.2)
    vesc.receive(packet(b"\x08" + struct.pack(">i", 9228)), 0.0)
    heard = b""
    for k in range(20):
        vesc.receive(packet(b"\x32" + struct.pack(">I", 1 << 7 | k << 22)), 0.02 * k)
        heard += until(vesc, 0.02 * (k + 1))
        assert k > 5 or heard == b""
    heard += until(vesc, 1.0)
    numbers = [heard[at + 3] << 2 | heard[at + 4] >> 6 for at in range(0, len(heard), 14)]
    assert sorted(numbers) == list(range(20)) != numbers
    speeds = dict(
        zip(numbers, (struct.unpack_from(">i", heard, at + 7)[0] for at in range(0, len(heard), 14)), strict=True)
    )
    assert speeds[0] < 200 < speeds[10] < speeds[19]


def test_a_board_that_lies_upside_down_and_turned_measures_in_its_own_axes():
    vesc = made(imu_upside_down=True, imu_yaw_rad=0.5, accel_noise_m_s2=0.0, accel_bias_m_s2=0.0,
                gyro_noise_rad_s=0.0, gyro_bias_rad_s=0.0)  # fmt: skip
    moving = vesc._world.moving
    moving[5], moving[11], moving[12] = 1.0, 2.0, 3.0  # yaw rate, accelerations ahead and to the left
    vesc._world.before[:] = moving
    x, y, z, _, _, turn = vesc._measure_imu(0.0)
    assert turn == pytest.approx(-np.degrees(1.0))
    assert z == pytest.approx(-1.0)
    assert 9.80665 * x == pytest.approx(2.0 * np.cos(0.5) + 3.0 * np.sin(0.5))
    assert 9.80665 * y == pytest.approx(-(3.0 * np.cos(0.5) - 2.0 * np.sin(0.5)))


def test_values_have_the_fields_of_the_firmware_at_their_places(vesc):
    vesc.receive(packet(b"\x08" + struct.pack(">i", 9228)), 0.0)
    until(vesc, 0.9)
    vesc.receive(packet(b"\x04"), 0.9)
    answer = until(vesc, 0.92)
    assert answer[:3] == b"\x02\x4a\x04"  # 74 bytes, as recorded from a real one
    assert len(answer) == 79
    assert struct.unpack_from(">i", answer, 2 + 23)[0] == pytest.approx(9228, rel=0.05)  # ERPM
    assert struct.unpack_from(">h", answer, 2 + 27)[0] == pytest.approx(125, abs=3)  # 0.1 V
    assert answer[2 + 53] == 0  # fault


def test_the_selective_answer_holds_the_chosen_fields_of_the_full_one(vesc):
    request = b"\x32" + struct.pack(">I", 1 << 7 | 1 << 8 | 1 << 15)  # ERPM, voltage, fault
    vesc.receive(packet(request), 0.0)
    answer = until(vesc, 0.02)
    assert answer[:7] == b"\x02\x0c" + request
    assert struct.unpack_from(">h", answer, 7 + 4)[0] == 126


def test_an_answer_begins_when_the_request_has_arrived_and_takes_its_time_on_the_wire(vesc):
    vesc.receive(packet(b"\x04"), 0.0)
    world = vesc._world
    world.step()
    vesc.run(world.time_s)
    assert vesc.uart.arrived(6 * BYTE_S) == b""
    assert len(vesc.uart.arrived(16.5 * BYTE_S)) == 10
    assert len(vesc.uart.arrived(1.0)) == 69


def test_a_torn_or_wrong_packet_is_skipped_and_the_next_one_is_obeyed(vesc):
    rpm = packet(b"\x08" + struct.pack(">i", 4614))
    wrong = bytearray(packet(b"\x08" + struct.pack(">i", 9999)))
    wrong[4] ^= 1
    vesc.receive(b"\xff\x03\x02" + bytes(wrong) + rpm[:5], 0.0)
    vesc.receive(rpm[5:], 0.005)
    until(vesc, 0.2)
    assert vesc._world.command[:2] == (SPEED, 1.0)


def test_after_1000_ms_without_a_motor_command_the_car_coasts(vesc):
    vesc.receive(packet(b"\x08" + struct.pack(">i", 9228)), 0.0)
    servo = packet(b"\x0c" + struct.pack(">h", 500))
    for k in range(9):
        vesc.receive(servo + packet(b"\x04"), 0.1 * k)  # neither servo nor requests feed the watchdog
        until(vesc, 0.1 * (k + 1))
    assert vesc._world.command[0] == SPEED
    vesc.receive(servo, 0.95)
    until(vesc, 1.1)
    assert vesc._world.command[0] == RELEASED
    assert vesc._world.moving[V_X] > 1.0


def test_alive_feeds_the_watchdog(vesc):
    vesc.receive(packet(b"\x08" + struct.pack(">i", 9228)), 0.0)
    for k in range(4):
        until(vesc, 0.9 * (k + 1))
        vesc.receive(packet(b"\x1e"), 0.9 * (k + 1))
    assert vesc._world.command[0] == SPEED


def test_a_speed_below_900_erpm_releases_the_motor(vesc):
    vesc.receive(packet(b"\x08" + struct.pack(">i", 899)), 0.0)
    until(vesc, 0.2)
    assert vesc._world.command[0] == RELEASED


def test_a_fault_releases_the_motor_and_500_ms_longer(vesc):
    rpm = packet(b"\x08" + struct.pack(">i", 9228))
    vesc.fault_code = 4
    for k in range(10):
        vesc.receive(rpm, 0.1 * k)
        until(vesc, 0.1 * (k + 1))
        if k == 2:
            vesc.fault_code = 0
        assert vesc._world.command[0] == (RELEASED if k < 8 else SPEED)


def test_a_silent_controller_lets_go_when_its_watchdog_ends(vesc):
    rpm = packet(b"\x08" + struct.pack(">i", 9228))
    vesc.receive(rpm, 0.0)
    until(vesc, 0.5)
    vesc.silent = True
    vesc.receive(rpm + packet(b"\x04"), 0.5)
    assert until(vesc, 0.9) == b""
    assert vesc._world.command[0] == SPEED
    until(vesc, 1.2)
    assert vesc._world.command[0] == RELEASED


def test_a_stuck_imu_repeats_itself(vesc):
    request = packet(b"\x41\x01\xf8")
    vesc.receive(request, 0.0)
    first = until(vesc, 0.02)
    vesc.imu_stuck = True
    for k in range(3):
        vesc.receive(request, 0.02 * (k + 1))
        assert until(vesc, 0.02 * (k + 2)) == first


def test_bits_flip_and_bytes_vanish_at_the_rates_asked_for(vesc):
    data = bytes(100_000)
    vesc.uart.corrupt_rate = 0.01
    flipped = vesc.uart.damage(data)
    assert sum(map(bool, flipped)) == pytest.approx(1000, rel=0.2)
    vesc.uart.corrupt_rate, vesc.uart.drop_rate = 0.0, 0.01
    assert 100_000 - len(vesc.uart.damage(data)) == pytest.approx(1000, rel=0.2)


def test_a_motor_whose_wires_are_exchanged_turns_backwards_and_tells_nothing_of_it():
    vesc = made(erpm_per_m_s=-4614.0)
    vesc.receive(packet(b"\x08" + struct.pack(">i", 4614)), 0.0)
    until(vesc, 0.6)
    vesc.receive(packet(b"\x04"), 0.6)
    answer = until(vesc, 0.62)
    assert vesc._world.moving[V_X] == pytest.approx(-1.0, abs=0.05)
    assert struct.unpack_from(">i", answer, 2 + 23)[0] == pytest.approx(4614, rel=0.05)
    assert struct.unpack_from(">i", answer, 2 + 45)[0] > 100  # tachometer
    vesc.receive(packet(b"\x06" + struct.pack(">i", 10_000)), 0.62)
    until(vesc, 0.9)
    assert vesc._world.moving[V_X] < -1.1


def test_the_servo_gets_no_further_than_the_steerings_stops():
    vesc = made(servo_low=0.3, servo_high=0.7)
    for position, reached in ((900, 0.7), (100, 0.3), (500, 0.5)):
        vesc.receive(packet(b"\x0c" + struct.pack(">h", position)), vesc._world.time_s)
        until(vesc, vesc._world.time_s + 0.2)
        assert vesc._world.command[2] == pytest.approx((reached - 0.5304) / -1.2135)
