"""A flight's log: read to its last whole chunk, and never the reason why a drone comes down."""

import os
from pathlib import Path

import numpy as np
import pytest

from robot.logs.mcap_file import DamagedLog, RefusedLog
from robot.robots.car.options import CarOptions
from robot.robots.quadrotor.flight_log import FLIGHT, FlightLog, is_flight, read_flight
from robot.runtime.run_folder import save_config


def fly(log: FlightLog, ticks: int = 200) -> None:
    for tick in range(1, ticks + 1):
        record = np.zeros((), FLIGHT)
        record["tick"], record["time_s"] = tick, 0.02 * tick
        record["position_m"] = np.random.default_rng(tick).normal(size=3)
        log.add(record)
    log.add_event("landed", ticks, 0.02 * ticks)


@pytest.fixture
def flown(tmp_path: Path) -> Path:
    with FlightLog(tmp_path / "log.mcap") as log:
        fly(log)
    return tmp_path / "log.mcap"


def test_what_was_flown_is_read(flown: Path) -> None:
    flight, events = read_flight(flown)
    assert list(flight["tick"]) == list(range(1, 201)) and len(events) == 1
    assert is_flight(flown.parent)


def test_a_log_without_an_end_is_read_to_its_last_chunk(flown: Path) -> None:
    flown.write_bytes(flown.read_bytes()[: flown.stat().st_size // 2])
    flight, _ = read_flight(flown)
    assert 0 < len(flight) < 200 and is_flight(flown.parent)


def test_a_damaged_or_foreign_log_is_refused(flown: Path) -> None:
    data = bytearray(flown.read_bytes())
    data[len(data) // 2] ^= 1
    flown.write_bytes(data)
    with pytest.raises(DamagedLog, match=r"log\.mcap"):
        read_flight(flown)
    flown.write_text("hello")
    with pytest.raises(RefusedLog, match=r"log\.mcap: not an MCAP file"):
        is_flight(flown.parent)


def test_a_log_is_never_written_over(flown: Path) -> None:
    with pytest.raises(FileExistsError, match=r"log\.mcap"):
        FlightLog(flown)


def test_a_disk_that_fills_up_in_flight_is_told_after_the_landing(tmp_path: Path) -> None:
    landed = False
    with (
        pytest.raises(OSError, match=r"No space left on device: '.*log\.mcap'"),
        FlightLog(tmp_path / "log.mcap") as log,
    ):
        fly(log, 60)
        os.dup2(os.open("/dev/full", os.O_WRONLY), log._file.fileno())
        fly(log, 400)
        landed = True
    assert landed


def test_an_error_of_the_flight_comes_before_that_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="fell"), FlightLog(tmp_path / "log.mcap") as log:
        os.dup2(os.open("/dev/full", os.O_WRONLY), log._file.fileno())
        fly(log, 400)
        raise RuntimeError("fell")


def test_a_config_on_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"config\.toml"):
        save_config(tmp_path, CarOptions())
