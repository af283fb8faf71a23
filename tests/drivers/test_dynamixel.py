"""XL330: golden packets of the e-Manual, the emulated chain, the vendor's own SDK."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.conformance import Rig, check_driver
from drivers.dynamixel import (
    ANSWER,
    PING,
    READ,
    WRITE,
    Dynamixel,
    DynamixelSettings,
    crc16,
    dynamixel,
    packet,
    unpacked,
)
from drivers.emulators.dynamixel import (
    ERRORS,
    GOAL,
    ID,
    POSITION,
    TORQUE,
    DynamixelEmulator,
    Servo,
    crc,
    factory_table,
)
from drivers.emulators.servo_chain import ArmShafts
from tests.drivers.servo_bench import Bench, until

IDS = (1, 2, 3, 4, 5, 6)
POSE = np.array([0.1, -0.3, 0.5, 0.4, -0.2, 0.6])
SPEAKS = Dynamixel()


@pytest.fixture
def chain(tmp_path):
    made = []

    def make(ids=IDS, supply_v=5.0):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        servos = [Servo(factory_table(servo), joint) for joint, servo in enumerate(ids)]
        shafts = ArmShafts(POSE, supply_v, nominal_v=5.0)
        made.append(Bench(DynamixelEmulator(servos, shafts, np.random.default_rng(0)), folder))
        return made[-1]

    yield make
    for bench in made:
        bench.pty.unplug()


def opened(bench, **settings):
    driver = dynamixel(DynamixelSettings(bench.port, **settings), bench)
    driver.open()
    bench.ticks(driver, 20)
    return driver


@pytest.mark.parametrize(
    ("made", "manual"),
    [
        (packet(1, PING), "FF FF FD 00 01 03 00 01 19 4E"),
        (packet(1, ANSWER, b"\x00\x06\x04\x26"), "FF FF FD 00 01 07 00 55 00 06 04 26 65 5D"),
        (packet(1, READ, b"\x84\x00\x04\x00"), "FF FF FD 00 01 07 00 02 84 00 04 00 1D 15"),
        (packet(1, ANSWER, b"\x00\xa6\x00\x00\x00"), "FF FF FD 00 01 08 00 55 00 A6 00 00 00 8C C0"),
        (packet(1, WRITE, b"\x74\x00\x00\x02\x00\x00"), "FF FF FD 00 01 09 00 03 74 00 00 02 00 00 CA 89"),
        (SPEAKS.sync_read((1, 2), 132, 4), "FF FF FD 00 FE 09 00 82 84 00 04 00 01 02 CE FA"),
        (packet(2, ANSWER, b"\x00\x1f\x08\x00\x00"), "FF FF FD 00 02 08 00 55 00 1F 08 00 00 BA BE"),
        (
            SPEAKS.sync_write(116, {1: b"\x96\x00\x00\x00", 2: b"\xaa\x00\x00\x00"}),
            "FF FF FD 00 FE 11 00 83 74 00 04 00 01 96 00 00 00 02 AA 00 00 00 82 87",
        ),
    ],
)
def test_the_packets_of_the_e_manual(made, manual):
    assert made == bytes.fromhex(manual)


@given(st.binary(max_size=40))
def test_driver_and_emulator_have_the_same_crc(data):
    assert crc16(data) == crc(data)


@given(st.lists(st.sampled_from([0xFF, 0xFD, 0x00, 0x55]), max_size=30).map(bytes))
def test_what_looks_like_a_header_is_stuffed_and_comes_out_again(data):
    whole = packet(3, ANSWER, b"\x00" + data)
    assert whole.find(b"\xff\xff\xfd\x00", 1) < 0
    assert unpacked(whole, 0) == (3, bytes([ANSWER, 0]) + data, len(whole))
    assert SPEAKS.answers(whole, len(data)) == ([(3, 0, data)], 0)


@given(st.integers(0, 5), st.integers(0, 200), st.integers(1, 255))
def test_a_damaged_byte_costs_the_packet_that_it_is_in(which, place, change):
    packets = [packet(servo, ANSWER, bytes(range(24))) for servo in IDS]
    damaged = bytearray(packets[which])
    damaged[place % len(damaged)] ^= change
    stream = b"".join([*packets[:which], bytes(damaged), *packets[which + 1 :]])
    assert [each.servo for each in SPEAKS.answers(stream, 23)[0]] == [servo for servo in IDS if servo != which + 1]


def test_it_keeps_every_promise_of_a_driver(chain):
    bench = chain()

    def act(driver, command):
        sent = driver.write(command)
        return sent.goal_rad, sent.refused

    check_driver(Rig(
        make=lambda port: dynamixel(DynamixelSettings(port), bench), port=bench.port, wait=bench.wait,
        silence=lambda on: setattr(bench.emulator, "silent", on), garbage=bench.pty.write,
        unplug=bench.pty.unplug, plug=bench.pty.plug, start_s=1.0, fresh_s=0.05, act=act,
        commands=((0.0, 0.1, 0.2, 0.3, 0.4, 0.5), (9.0, -9.0, 9.0, -9.0, 9.0, -9.0)),
    ))  # fmt: skip


def test_goals_are_reached_and_stop_holds(chain):
    bench = chain()
    driver = opened(bench)
    driver.torque(True)
    goals = (0.3, -0.2, 0.4, 0.3, 0.0, 0.2)
    reading = bench.ticks(driver, 100, goals)[-1]
    assert reading.position_rad == pytest.approx(goals, abs=0.06)
    assert reading.voltage_v == pytest.approx(5.0, abs=0.3)
    assert driver.trouble() == ""
    driver.stop()
    driver.close()
    bench.wait(1.0)
    assert [bench.emulator.shafts.angle_rad(joint) for joint in range(6)] == pytest.approx(goals, abs=0.06)


def test_a_servo_that_overheats_shuts_down_and_is_named(chain):
    bench = chain()
    driver = opened(bench)
    driver.torque(True)
    bench.ticks(driver, 20, tuple(POSE))
    bench.emulator.servos[1].temperature_c = 71.0
    assert bench.ticks(driver, 3)[-1].status[1] == 4.0
    assert "servo 2: overheated" in driver.trouble()
    assert bench.emulator.servos[1].table[TORQUE] == 0
    bench.emulator.servos[1].temperature_c = 30.0
    driver.torque(True)
    bench.ticks(driver, 3)
    assert bench.emulator.servos[1].table[TORQUE] == 0, "before a reboot"


def test_registers_of_the_eeprom_are_locked_while_torque_is_on(chain):
    servo = chain().emulator.servos[0]
    assert servo.write(TORQUE, b"\x01") == 0
    assert servo.write(ID, b"\x09") == 7
    assert servo.write(POSITION, b"\x00") == 7
    assert servo.write(GOAL, (5000).to_bytes(4, "little")) == 4
    assert servo.write(TORQUE, b"\x00") == 0
    assert servo.write(ID, b"\x09") == 0
    servo.power_on()
    assert (servo.id, servo.table[ERRORS]) == (9, 0)


def test_the_vendor_s_sdk_works_against_the_emulator(chain, monkeypatch):
    """dynamixel-sdk, unmodified."""
    sdk = pytest.importorskip("dynamixel_sdk")
    monkeypatch.setattr(
        "dynamixel_sdk.port_handler.LATENCY_TIMER", 300
    )  # ms, of a slow adapter: tests share the processor
    bench = chain()
    bench.emulator.servos[5].present = False
    with bench.in_real_time() as port:
        handler, packets = sdk.PortHandler(port), sdk.PacketHandler(2.0)
        assert handler.openPort()
        until(lambda: packets.ping(handler, 1), lambda told: told == (1200, 0, 0))
        assert packets.ping(handler, 6)[1] == sdk.COMM_RX_TIMEOUT
        until(lambda: packets.write1ByteTxRx(handler, 2, TORQUE, 1), lambda told: told == (0, 0))
        until(lambda: packets.write1ByteTxRx(handler, 2, ID, 9), lambda told: told == (0, 7))
        told = until(lambda: packets.read4ByteTxRx(handler, 2, POSITION), lambda told: told[1:] == (0, 0))
        assert told[0] == pytest.approx(2048 + POSE[1] * 4096 / (2 * math.pi), abs=300)
        writes = sdk.GroupSyncWrite(handler, packets, GOAL, 4)
        for servo in (1, 2, 3):
            assert writes.addParam(servo, [0x10, 0x08, 0, 0])
        assert writes.txPacket() == 0
        reads = sdk.GroupSyncRead(handler, packets, GOAL, 4)
        for servo in (1, 2, 3):
            assert reads.addParam(servo)
        until(reads.txRxPacket, lambda told: told == 0)
        assert [reads.getData(servo, GOAL, 4) for servo in (1, 2, 3)] == [0x810] * 3
        handler.closePort()
