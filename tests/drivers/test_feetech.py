"""STS3215: golden packets of the manual, the emulated chain, the vendor's own SDK, and what goes wrong with an arm's servos."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import LinkLost
from drivers.conformance import Rig, check_driver
from drivers.emulators.feetech import (
    GOAL,
    ID,
    LOCK,
    OFFSET,
    POSITION,
    TORQUE,
    TORQUE_LIMIT,
    FeetechEmulator,
    Servo,
    factory_table,
)
from drivers.emulators.servo_chain import ArmShafts
from drivers.feetech import (
    EVERYONE,
    PING,
    READ,
    WRITE,
    Feetech,
    FeetechSettings,
    feetech,
    packet,
    sign_and_magnitude,
    signed,
)
from tests.drivers.servo_bench import Bench, until

IDS = (1, 2, 3, 4, 5, 6)
POSE = np.array([0.1, -0.3, 0.5, 0.4, -0.2, 0.6])
SPEAKS = Feetech()


@pytest.fixture
def chain(tmp_path):
    made = []

    def make(ids=IDS, supply_v=12.0, echo=False):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        servos = [Servo(factory_table(servo), joint) for joint, servo in enumerate(ids)]
        emulator = FeetechEmulator(servos, ArmShafts(POSE, supply_v), np.random.default_rng(0), echo=echo)
        made.append(Bench(emulator, folder))
        return made[-1]

    yield make
    for bench in made:
        bench.pty.unplug()


def opened(bench, **settings):
    driver = feetech(FeetechSettings(bench.port, **settings), bench)
    driver.open()
    bench.ticks(driver, 20)
    return driver


def working(bench, **settings):
    driver = opened(bench, **settings)
    driver.torque(True)
    bench.ticks(driver, 5)
    return driver


@pytest.mark.parametrize(
    ("made", "manual"),
    [
        (packet(1, PING), "FF FF 01 02 01 FB"),
        (packet(1, 0), "FF FF 01 02 00 FC"),
        (packet(1, READ, b"\x38\x02"), "FF FF 01 04 02 38 02 BE"),
        (packet(1, 0, b"\x18\x05"), "FF FF 01 04 00 18 05 DD"),
        (packet(EVERYONE, WRITE, b"\x05\x01"), "FF FF FE 04 03 05 01 F4"),
        (packet(1, WRITE, b"\x2a\x00\x08\x00\x00\xe8\x03"), "FF FF 01 09 03 2A 00 08 00 00 E8 03 D5"),
        (
            SPEAKS.sync_write(42, dict.fromkeys((1, 2, 3, 4), b"\x00\x08\x00\x00\xe8\x03")),
            "FF FF FE 20 83 2A 06 01 00 08 00 00 E8 03 02 00 08 00 00 E8 03 03 00 08 00 00 E8 03 04 00 08 00 00 E8 03 58",
        ),
        (SPEAKS.sync_read((1, 2), 56, 8), "FF FF FE 06 82 38 08 01 02 36"),
    ],
)
def test_the_packets_of_the_manual(made, manual):
    assert made == bytes.fromhex(manual)


def test_the_manual_s_answer_to_a_sync_read():
    found, damaged = SPEAKS.answers(bytes.fromhex("FF FF 01 0A 00 00 08 00 00 00 00 79 1E 55"), 8)
    assert damaged == 0
    assert [(each.servo, each.error, int.from_bytes(each.data[:2], "little")) for each in found] == [(1, 0, 2048)]


@given(st.integers(-32767, 32767), st.integers(-1023, 1023))
def test_numbers_have_a_sign_and_a_magnitude(wide, narrow):
    assert signed(int.from_bytes(sign_and_magnitude(wide, 15), "little"), 15) == wide
    assert signed(int.from_bytes(sign_and_magnitude(narrow, 10), "little"), 10) == narrow
    assert sign_and_magnitude(-1, 15) == b"\x01\x80"
    with pytest.raises(ValueError, match="below 2048"):
        sign_and_magnitude(2048, 11)


@given(st.binary(max_size=60), st.integers(0, 5), st.integers(0, 200), st.integers(1, 255))
def test_a_damaged_byte_costs_the_packet_that_it_is_in(garbage, which, place, change):
    packets = [packet(servo, 0, bytes(range(15))) for servo in IDS]
    place %= len(packets[which])
    damaged = bytearray(packets[which])
    damaged[place] ^= change
    stream = b"".join([*packets[:which], bytes(damaged), *packets[which + 1 :]])
    found = [each.servo for each in SPEAKS.answers(garbage + stream, 15)[0]]
    others = [servo for servo in IDS if servo != which + 1]
    assert others[1:] == [servo for servo in found if servo in others[1:]]
    assert others == [each.servo for each in SPEAKS.answers(stream, 15)[0] if each.servo in others]


def test_it_keeps_every_promise_of_a_driver(chain):
    bench = chain()

    def act(driver, command):
        sent = driver.write(command)
        return sent.goal_rad, sent.refused

    check_driver(Rig(
        make=lambda port: feetech(FeetechSettings(port), bench), port=bench.port, wait=bench.wait,
        silence=lambda on: setattr(bench.emulator, "silent", on), garbage=bench.pty.write,
        unplug=bench.pty.unplug, plug=bench.pty.plug, start_s=1.0, fresh_s=0.05, act=act,
        commands=((0.0, 0.1, 0.2, 0.3, 0.4, 0.5), (9.0, -9.0, 9.0, -9.0, 9.0, -9.0)),
    ))  # fmt: skip


def test_joints_are_where_the_arm_is_also_mounted_the_other_way_round(chain):
    bench = chain()
    for servo in bench.emulator.servos[:2]:
        servo.home_steps, servo.backwards = 1900, True
    driver = opened(bench, home_steps=(1900, 1900, 2048, 2048, 2048, 2048), reversed=(True, True, False, False, False, False),
                    low_rad=(-1.7, -1.7, -1.65, -1.6, -2.7, -0.15), high_rad=(1.7, 1.7, 1.65, 1.6, 2.7, 1.7))  # fmt: skip
    reading = bench.ticks(driver, 1)[0]
    angles = [bench.emulator.shafts.angle_rad(joint) for joint in range(6)]
    assert reading.position_rad == pytest.approx(angles, abs=0.02)
    assert reading.voltage_v == pytest.approx(12.0, abs=0.2)
    assert reading.temperature_c == pytest.approx(25.0, abs=2.0)


def test_torque_on_makes_no_servo_jump_and_goals_are_reached(chain):
    bench = chain()
    driver = opened(bench)
    before = bench.ticks(driver, 1)[0].position_rad
    driver.torque(True)
    for reading in bench.ticks(driver, 20):
        assert reading.position_rad == pytest.approx(before, abs=0.2)  # it was falling, and the goals before were zero
    goals = (0.3, -0.2, 0.4, 0.3, 0.0, 0.2)
    reading = bench.ticks(driver, 100, goals)[-1]
    assert reading.position_rad == pytest.approx(goals, abs=0.06)
    assert np.abs(reading.load).max() > 0.1
    assert np.abs(reading.current_a).max() > 0.1
    assert driver.trouble() == ""


def test_stop_holds_a_raised_arm(chain):
    bench = chain()
    driver = working(bench)
    bench.ticks(driver, 60, tuple(POSE))
    bench.ticks(driver, 4, (0.9, *POSE[1:]))
    driver.stop()
    driver.close()
    bench.wait(0.5)
    stopped = [bench.emulator.shafts.angle_rad(joint) for joint in range(6)]
    bench.wait(1.0)
    assert [bench.emulator.shafts.angle_rad(joint) for joint in range(6)] == pytest.approx(stopped, abs=0.01)
    assert stopped[0] < 0.6, "it went on to its goal"
    assert all(servo.table[TORQUE] == 1 for servo in bench.emulator.servos)


def test_a_command_that_is_no_number_holds_and_is_told(chain):
    bench = chain()
    driver = working(bench)
    here = bench.ticks(driver, 1)[0].position_rad
    sent = driver.write((math.nan, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert sent.refused
    assert sent.goal_rad == pytest.approx(here, abs=0.03)
    assert "refused" in driver.trouble()
    assert driver.write((0.0, 0.0, 0.0)).refused


@pytest.mark.parametrize("byte", [0, 3, 7, 20])
def test_a_bad_packet_costs_one_servo_s_freshness_and_nothing_else(chain, byte):
    bench = chain()
    driver = opened(bench)

    def spoil_the_third(data):
        at = data.find(b"\xff\xff\x03")
        return data if at < 0 else data[: at + byte] + bytes([data[at + byte] ^ 0x10]) + data[at + byte + 1 :]

    bench.damage = spoil_the_third
    readings = bench.ticks(driver, 10)
    for reading in readings[2:]:
        assert np.delete(reading.age_s, 2).max() < 0.045
    assert readings[-1].age_s[2] > 0.15
    bench.damage = lambda data: data
    assert bench.ticks(driver, 3)[-1].oldest_age_s < 0.045


def test_a_servo_that_is_missing_is_named_and_the_others_go_on(chain):
    bench = chain()
    bench.emulator.servos[3].present = False
    driver = opened(bench)
    reading = bench.ticks(driver, 30)[-1]
    assert np.delete(reading.age_s, 3).max() < 0.065  # every second exchange asks for the one that is missing
    assert reading.age_s[3] == math.inf
    assert "servo 4: no answer" in driver.trouble()
    bench.emulator.servos[3].present = True
    assert bench.ticks(driver, 30)[-1].oldest_age_s < 0.045
    assert driver.trouble() == ""


def test_two_servos_of_one_id_are_named(chain):
    bench = chain(ids=(1, 2, 3, 4, 5, 5))
    driver = opened(bench)
    reading = bench.ticks(driver, 100)[-1]
    assert "servo 5: its answers are damaged; are there two of this ID" in driver.trouble()
    assert reading.age_s[:4].max() < 0.065


def test_what_was_seen_long_ago_is_no_place_to_hold(chain):
    """An arm that was moved while nobody heard it would jump back."""
    bench = chain()
    driver = opened(bench)
    bench.emulator.silent = True
    bench.ticks(driver, 50)
    before = [servo.word(GOAL) for servo in bench.emulator.servos]
    driver.stop()
    driver.torque(True)
    bench.ticks(driver, 3)
    assert [servo.word(GOAL) for servo in bench.emulator.servos] == before
    assert not any(servo.table[TORQUE] for servo in bench.emulator.servos)


def test_another_model_is_never_commanded(chain):
    bench = chain()
    bench.emulator.servos[1].table[3:5] = (1029).to_bytes(2, "little")
    driver = opened(bench)
    before = bench.emulator.servos[1].word(GOAL)
    driver.torque(True)
    bench.ticks(driver, 10, (0.5,) * 6)
    assert "servo 2: found model 1029, allowed: 777 (STS3215)" in driver.trouble()
    assert bench.emulator.servos[1].word(GOAL) == before
    assert bench.emulator.servos[1].table[TORQUE] == 0


def test_the_wrong_supply_and_different_firmware_are_named(chain):
    bench = chain(supply_v=7.4)
    driver = opened(bench)
    assert "supply voltage" in driver.trouble()
    bench = chain()
    bench.emulator.servos[4].table[1] = 10
    driver = opened(bench)
    assert "different firmware: 1: 3.9, 2: 3.9, 3: 3.9, 4: 3.9, 5: 3.10" in driver.trouble()


def test_a_servo_that_overheats_lets_go_and_says_so(chain):
    bench = chain()
    driver = working(bench)
    bench.ticks(driver, 50, tuple(POSE))
    bench.emulator.servos[1].temperature_c = 71.0
    reading = bench.ticks(driver, 3)[-1]
    assert reading.status[1] == 4.0
    assert "servo 2: overheated" in driver.trouble()
    fallen = bench.ticks(driver, 50)[-1].position_rad
    assert abs(fallen[1] - POSE[1]) > 0.1
    bench.emulator.servos[1].temperature_c = 30.0
    driver.torque(True)
    assert bench.ticks(driver, 5)[-1].status[1] == 0.0


def test_an_adapter_that_echoes_is_no_servo(chain):
    bench = chain(echo=True)
    driver = working(bench)
    reading = bench.ticks(driver, 50, tuple(POSE))[-1]
    assert reading.position_rad == pytest.approx(POSE, abs=0.06)
    assert driver.damaged_bytes == 0
    assert driver.trouble() == ""


def test_an_answer_that_comes_late_is_not_taken_for_the_next_one_s(chain):
    bench = chain()
    driver = opened(bench)
    held = []

    def late(data):
        held.append(data)
        return held[-5] if len(held) >= 5 else b""  # 20 ms later

    bench.damage = late
    readings = bench.ticks(driver, 20)
    assert readings[-1].oldest_age_s > 0.3


def test_eeprom_keeps_what_was_written_unlocked(chain):
    servo = chain().emulator.servos[0]
    servo.write(ID, b"\x09")
    assert servo.id == 9
    servo.power_on()
    assert servo.id == 1
    servo.write(LOCK, b"\x00")
    servo.write(ID, b"\x09")
    servo.write(3, b"\x00")
    servo.power_on()
    assert (servo.id, servo.word(3)) == (9, 777)


def test_the_middle_is_made_where_a_servo_stands(chain):
    bench = chain()
    servo = bench.emulator.servos[0]
    with_offset = bench.ticks(opened(bench), 1)
    assert len(with_offset) == 1
    servo.write(TORQUE, b"\x80")
    bench.wait(0.02)
    bench.emulator._observe()
    assert servo.word(POSITION) == pytest.approx(2048, abs=10)  # it was falling
    assert servo.word(OFFSET) != 0


def test_a_servo_s_torque_limit_is_kept(chain):
    bench = chain()
    bench.emulator.servos[1].put(TORQUE_LIMIT, 50)
    driver = working(bench)
    bench.ticks(driver, 60, tuple(POSE))
    assert abs(bench.emulator.shafts.angle_rad(1) - POSE[1]) > 0.1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ids": (1, 2, 2, 4, 5, 6)}, "ids: found"),
        ({"ids": (1, 2)}, "home_steps: found 6 values, allowed: 2"),
        ({"home_steps": (2048, 2048, 2048, 2048, 200, 2048)}, "home_steps: found 200 for joint 4"),
        ({"low_rad": (2.0, -1.7, -1.65, -1.6, -2.7, -0.15)}, "low_rad, high_rad: found 2.0, 1.9 for joint 0"),
        ({"baud": 0}, "baud: found 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        FeetechSettings("/dev/null", **settings)


def test_let_go_it_is_at_once_also_while_servos_answer(chain):
    bench = chain()
    driver = working(bench)
    assert all(servo.table[TORQUE] == 1 for servo in bench.emulator.servos)
    driver.write([0.0] * len(IDS))  # and a request goes with it
    driver.let_go()
    driver.close()
    bench.wait(0.05)
    assert all(servo.table[TORQUE] == 0 for servo in bench.emulator.servos)


def test_a_port_that_vanishes_is_lost(chain):
    bench = chain()
    driver = opened(bench)
    bench.pty.unplug()
    with pytest.raises(LinkLost):
        bench.ticks(driver, 5)
    driver.stop()


def test_the_vendor_s_sdk_works_against_the_emulator(chain, monkeypatch):
    """feetech-servo-sdk, unmodified."""
    sdk = pytest.importorskip("scservo_sdk")
    monkeypatch.setattr(
        "scservo_sdk.port_handler.LATENCY_TIMER", 300
    )  # ms, of a slow adapter: tests share the processor
    bench = chain()
    bench.emulator.servos[5].present = False
    with bench.in_real_time() as port:
        handler, packets = sdk.PortHandler(port), sdk.PacketHandler(0)
        assert handler.openPort()
        until(lambda: packets.ping(handler, 1), lambda told: told == (777, 0, 0))
        assert packets.ping(handler, 6)[1] == sdk.COMM_RX_TIMEOUT
        until(lambda: packets.write1ByteTxRx(handler, 2, TORQUE, 1), lambda told: told == (0, 0))
        told = until(lambda: packets.read2ByteTxRx(handler, 2, POSITION), lambda told: told[1:] == (0, 0))
        assert told[0] == pytest.approx(2048 + POSE[1] * 4096 / (2 * math.pi), abs=300)
        writes = sdk.GroupSyncWrite(handler, packets, GOAL, 2)
        for servo in (1, 2, 3):
            assert writes.addParam(servo, [0x10, 0x08])
        assert writes.txPacket() == 0
        reads = sdk.GroupSyncRead(handler, packets, GOAL, 2)
        for servo in (1, 2, 3):
            assert reads.addParam(servo)
        until(reads.txRxPacket, lambda told: told == 0)
        assert [reads.getData(servo, GOAL, 2) for servo in (1, 2, 3)] == [0x810] * 3
        handler.closePort()
