"""A flight is decided again to the byte from its log, wherever its policy runs; what was changed in it is named."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policies.policy_file import weights_crc
from robot.logs.reader import LogReader
from robot.logs.replay import replay
from robot.logs.replay_folder import try_replay
from robot.logs.setups import find_setup
from robot.logs.writer import LogWriter
from robot.robots.quadrotor.devices import CrazyflieDevice
from robot.robots.quadrotor.flight import Flight
from robot.robots.quadrotor.flown import Phase
from robot.robots.quadrotor.records import records_of
from robot.robots.quadrotor.setup import FlightSetup
from tests.robot.robots.quadrotor.test_mission import HOVER, STEPS, EasyDrone, setup

RECORDS = records_of("hover")


class PatientDrone(EasyDrone):
    """Stays where it is while a policy on the host turns it."""

    def write_rates(self, rate_rad_s, thrust) -> None:
        assert self.armed and np.isfinite([*rate_rad_s, thrust]).all()


@pytest.fixture(scope="module", params=["board", "host"])
def flown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Where the policy ran, and the folder of a short flight."""
    folder, drone = tmp_path_factory.mktemp(request.param), PatientDrone()
    brief = replace(setup(policy_on=request.param), points_m=STEPS[:1])
    one = Flight(brief, {"crazyflie": CrazyflieDevice(drone)}, drone.clock)  # type: ignore[arg-type]
    assert one.fly(folder / "log.mcap").landed
    return request.param, folder


@pytest.fixture
def rewritten(flown: tuple[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """The same log with right checksums, after `change` was made to its readings and outputs, and with another setup."""

    def write(
        change: Callable[[np.ndarray, np.ndarray], None] = lambda readings, outputs: None, setup: bytes = b""
    ) -> Path:
        log = LogReader(flown[1]).contents(RECORDS.readings.names or ())
        change(log.readings, log.outputs)
        with LogWriter(tmp_path / "log.mcap", RECORDS, len(HOVER.weights)) as new:
            new.add_setup(1, setup or find_setup(flown[1], 1)[1])
            new.add_readings(log.readings)
            new.add_outputs(log.outputs)
        return tmp_path

    return write


def while_the_policy_flies(outputs: np.ndarray) -> int:
    """A row of the log."""
    return int(np.flatnonzero(outputs["figures"]["policy_flies"])[20])


def test_a_flight_is_equal_wherever_its_policy_runs(flown: tuple[str, Path], tmp_path: Path) -> None:
    report = replay(flown[1])
    assert report.equal and report.complete and report.first_difference is None
    outputs = LogReader(flown[1]).outputs()
    assert report.ticks == len(outputs)
    assert set(outputs["phase"]) == set(Phase)
    assert (outputs["is_decision"].sum() > 100) == (flown[0] == "host")
    shutil.copy(flown[1] / "log.mcap", tmp_path / "elsewhere.mcap")
    assert replay(tmp_path / "elsewhere.mcap").equal, "the log carries its setup"


@pytest.mark.parametrize(
    ("part", "field", "at"),
    [("figures", "set_point_m", 1), ("command", "position_m", 2), ("figures", "home_m", 0)],
)
def test_one_flipped_bit_of_what_was_decided_is_named(
    rewritten: Callable[..., Path], part: str, field: str, at: int
) -> None:
    def change(readings: np.ndarray, outputs: np.ndarray) -> None:
        row = int(np.flatnonzero(outputs["phase"] == Phase.TAKE_OFF)[30])
        ticks.append(int(outputs["tick"][row]))
        outputs[part][field][row].view(np.uint64)[at] ^= 1

    ticks: list[int] = []
    report = replay(rewritten(change))
    assert report.outcome == "different"
    assert report.first_difference is not None
    assert (report.first_difference.tick, report.first_difference.field) == (ticks[0], f"{part}.{field}[{at}]")


def test_one_flipped_bit_of_what_was_read_is_seen_by_what_follows_from_it(
    flown: tuple[str, Path], rewritten: Callable[..., Path]
) -> None:
    def change(readings: np.ndarray, outputs: np.ndarray) -> None:
        row = while_the_policy_flies(outputs)
        ticks.append(int(outputs["tick"][row]))
        readings["crazyflie"]["velocity_m_s"][row, 0] += 0.01
        readings["crazyflie"]["battery_v"][row] = 3.9

    ticks: list[int] = []
    difference = replay(rewritten(change)).first_difference
    assert difference is not None and difference.tick == ticks[0]
    assert difference.field == {"host": "command.rate_rad_s[0]", "board": "figures.battery_min_v"}[flown[0]]


def test_one_flipped_bit_of_the_file_is_found_by_its_checksum(flown: tuple[str, Path], tmp_path: Path) -> None:
    data = bytearray((flown[1] / "log.mcap").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "log.mcap").write_bytes(data)
    assert try_replay(tmp_path).outcome == "damaged"


def test_the_log_of_a_killed_program_is_equal_as_far_as_it_goes(flown: tuple[str, Path], tmp_path: Path) -> None:
    data = (flown[1] / "log.mcap").read_bytes()
    (tmp_path / "log.mcap").write_bytes(data[: len(data) // 2])
    report = try_replay(tmp_path)
    assert (report.outcome, report.equal, report.complete) == ("cut", True, False)
    assert report.ticks > 100


def with_another_weight(data: bytes, crc_too: bool) -> bytes:
    """A setup in which one weight is another one; crc_too: as somebody would who knows of the checksum."""
    arrays = dict(np.load(io.BytesIO(data)))
    arrays["weights"][HOVER.layers[0] * HOVER.layers[1]] += np.float32(0.25)  # a bias: it always matters
    plain = json.loads(str(arrays["plain"]))
    if crc_too:
        plain["metadata"]["crc32"] = weights_crc(arrays["weights"])
    file = io.BytesIO()
    np.savez(file, **(arrays | {"plain": np.array(json.dumps(plain))}))
    return file.getvalue()


def test_one_changed_weight_is_named(flown: tuple[str, Path], rewritten: Callable[..., Path]) -> None:
    report = try_replay(rewritten(setup=with_another_weight(find_setup(flown[1], 1)[1], crc_too=False)))
    assert report.outcome == "other version"
    assert "setup-1.npz is damaged" in report.reason and "crc32: found" in report.reason


def test_a_changed_weight_that_no_checksum_shows_decides_otherwise(
    flown: tuple[str, Path], rewritten: Callable[..., Path]
) -> None:
    report = try_replay(rewritten(setup=with_another_weight(find_setup(flown[1], 1)[1], crc_too=True)))
    assert report.outcome == "different" and report.first_difference is not None
    if flown[0] == "host":
        assert report.first_difference.field.startswith(("command.rate_rad_s", "proposed"))
    else:  # it is not the one that the drone said to carry
        assert report.first_difference.field == "command.stabilizer_controller"


def test_a_setup_is_read_as_it_was_written_and_refused_by_field() -> None:
    data = setup(policy_on="host").to_bytes()
    assert FlightSetup.from_bytes(data).to_bytes() == data

    def changed(**fields: object) -> bytes:
        arrays = dict(np.load(io.BytesIO(data)))
        plain = json.loads(str(arrays["plain"])) | fields
        file = io.BytesIO()
        np.savez(file, **(arrays | {"plain": np.array(json.dumps({k: v for k, v in plain.items() if v is not None}))}))
        return file.getvalue()

    for fields, words in (
        ({"policy_on": "moon"}, "policy_on: found 'moon', allowed: board, host"),
        ({"reach_m": None}, "reach_m: found nothing"),
        ({"wings": 2}, "wings: found it"),
        ({"metadata": None}, "metadata: found nothing"),
        ({"quadrotor": {}}, "quadrotor.mass_kg: found nothing"),
    ):
        with pytest.raises(ValueError, match=words):
            FlightSetup.from_bytes(changed(**fields))
