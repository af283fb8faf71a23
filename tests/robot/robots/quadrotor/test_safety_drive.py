"""Flights in one process: they come down gently whatever becomes of their host, and what flew them can be decided again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policies.policy_file import load_policy
from robot.logs.reader import LogReader
from robot.logs.replay import replay
from robot.logs.setups import find_setup
from robot.logs.writer import LogWriter
from robot.robots.quadrotor.devices import CrazyflieDevice
from robot.robots.quadrotor.flight import Flight
from robot.robots.quadrotor.flown import Phase
from robot.robots.quadrotor.records import APP_BYTES, APP_PACKETS, records_of
from robot.robots.quadrotor.safety_drive import CAUSES, HARD_M_S, DroneDrive, drone_of, start_drive
from robot.robots.quadrotor.safety_trials import DRONES, STOPS, SYSTEMS
from robot.safety.campaign.stops.lockstep_stops import forked

HOVER = str(Path(__file__).parents[3] / "recordings" / "policies" / "hover.npz")
VARIANT: dict[str, Any] = {
    "policy": HOVER,
    "quadrotor": "crazyflie_2_0",
    "positioning": "lighthouse",
    "mass": 1.0,
    "policy_on": "board",
}


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one, logged."""
    folder = tmp_path_factory.mktemp("flight")
    firmware, driver, setup = drone_of(VARIANT, 1)
    one = Flight(setup, {"crazyflie": CrazyflieDevice(driver)}, driver.clock)
    assert one.fly(folder / "log.mcap").landed
    driver.close()
    assert 0.05 < firmware.impact_m_s < HARD_M_S
    return folder


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DroneDrive]:
    """One that has just begun to climb."""
    one = start_drive(VARIANT, 2, True, tmp_path_factory.mktemp("drive"))
    while one.mind.mission.phase < Phase.TAKE_OFF or one.seen().speed_m_s < 1.0:
        one.tick()
    yield one
    one.close()


def test_decisions_of_the_policy_on_board_are_checked_in_flight_and_again_in_the_replay(flight: Path) -> None:
    outputs = LogReader(flight).outputs()
    assert outputs["figures"]["decisions_checked"][-1] >= 20
    assert outputs["is_decision"].sum() == outputs["figures"]["decisions_checked"][-1]
    assert replay(flight).equal


def test_one_flipped_bit_of_what_the_policy_on_board_saw_is_named_by_the_replay(flight: Path, tmp_path: Path) -> None:
    records = records_of("hover")
    log = LogReader(flight).contents(records.readings.names or ())
    packets = log.readings["crazyflie"]["app_packets"].reshape(-1, APP_PACKETS, APP_BYTES)
    row = int(np.flatnonzero((packets[:, 0, 0] == 30) & (packets[:, 0, 2] == 4))[2])  # the fifth part of the third one
    log.readings["crazyflie"]["app_packets"][row, 9] ^= 64
    with LogWriter(tmp_path / "log.mcap", records, len(load_policy(Path(HOVER)).weights)) as new:
        new.add_setup(1, find_setup(flight, 1)[1])
        new.add_readings(log.readings)
        new.add_outputs(log.outputs)
    report = replay(tmp_path)
    assert report.first_difference is not None
    assert 0 <= report.first_difference.tick - int(log.readings["tick"][row]) < 25, "as soon as it is whole"


@pytest.mark.parametrize("cause", CAUSES)
def test_a_drone_that_climbs_comes_down_gently_and_stays_down(drive: DroneDrive, cause: str) -> None:
    told = forked(drive, {cause: CAUSES[cause]}, 0.0)
    assert told["ended"] and told["impact_m_s"] is None


def test_a_drone_whose_host_is_stopped_lands_before_it_goes_on_and_the_host_says_so(drive: DroneDrive) -> None:
    for _ in range(100):
        drive.tick()
    CAUSES["host stopped for 4 s"].do(drive)
    begin_s = drive.time_s
    while not drive.over and drive.time_s < begin_s + 12.0:
        drive.tick()
    assert "nothing heard" in drive.mind.mission.flown.trouble or "lands by itself" in drive.mind.mission.flown.trouble
    assert drive.worst_touch_m_s < HARD_M_S and drive.seen().speed_m_s == 0.0


def test_a_policy_that_loses_hold_of_another_airframe_gives_back_while_the_firmware_can_still_land_it(
    tmp_path: Path,
) -> None:
    drive = start_drive(VARIANT | {"quadrotor": "crazyflie_2_1"}, 1, True, tmp_path)
    while not drive.over:
        drive.tick()
    assert "the policy gave the rotors back: tilted too far" in drive.mind.mission.flown.trouble
    assert drive.worst_touch_m_s < HARD_M_S
    drive.close()


def test_without_a_landing_of_its_own_a_drone_falls_and_that_is_seen(tmp_path: Path) -> None:
    drive = start_drive(VARIANT, 3, False, tmp_path)
    while drive.mind.mission.phase < Phase.POLICY:
        drive.tick()
    told = forked(drive, {"host killed": CAUSES["host killed"]}, 0.0)
    assert told["impact_m_s"] > 2.0
    drive.close()


def test_flights_go_round_the_drones_and_their_positioning_systems() -> None:
    rng = np.random.default_rng(3)
    drawn = [STOPS.variant(number, rng) for number in range(32)]
    assert {(one["quadrotor"], one["positioning"]) for one in drawn} == {(q, p) for q in DRONES for p in SYSTEMS}
    assert {one["policy_on"] for one in drawn} == {"board", "host"}
