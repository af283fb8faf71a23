"""A folder of logs, as CI has them: every log is listed, none ends the report, and the exit status says what was found."""

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mcap.writer import Writer

from robot.logs.junit import TestCase, write_junit
from robot.logs.mcap_file import RefusedLog
from robot.logs.reader import LogReader
from robot.logs.replay import Outcome, ReplayReport
from robot.logs.replay_folder import exit_status, find_logs, replay_folder, write_report
from robot.logs.writer import LogWriter
from robot.robots.car.records import OUTPUTS, RECORDS
from robot.shared_memory.mailbox import NO_BELIEF


class Echo:
    """A pipeline without memory: what the fixture `respond` writes into logs."""

    records, tick_s = RECORDS, 0.02

    def __init__(self, respond: Callable) -> None:
        self.outputs = np.zeros((), OUTPUTS)
        self.respond = respond

    def set_weights(self, weights: np.ndarray, belief: Mapping[str, float] = NO_BELIEF) -> None: ...

    def tick(self, readings: np.ndarray) -> None:
        if readings["tick"] == 13:
            raise IndexError("an unlucky number")
        self.outputs[...] = self.respond(readings[None])[0]


@pytest.fixture
def replayed(tmp_path: Path, respond: Callable) -> Callable[[], dict[str, ReplayReport]]:
    """Replay everything in the test's folder: reports by name."""

    def run() -> dict[str, ReplayReport]:
        results = replay_folder(tmp_path, lambda _log, _life: Echo(respond))
        write_report(tmp_path / "replay.xml", tmp_path, results)
        return {str(path.relative_to(tmp_path)): report for path, (report, _) in results.items()}

    return run


def write_foreign(path: Path, topic: str = "/imu", library: str = "somebody", schema: str = "") -> None:
    with open(path, "wb") as file:
        writer = Writer(file)
        writer.start(library=library)
        kind = writer.register_schema(schema, "ros2msg", b"uint64 tick\n") if schema else 0
        writer.add_message(writer.register_channel(topic, "json", kind), 0, b"{}", 0)
        writer.finish()


def test_every_kind_of_log_is_listed_with_its_outcome(tmp_path: Path, write_part: Callable, replayed: Callable) -> None:
    for name in ("equal", "cut", "gap", "empty", "damaged", "failed", "link"):
        (tmp_path / name).mkdir()
    write_part(tmp_path / "equal", 10, first=1)
    write_part(tmp_path / "cut", 10, first=1, close=False)
    write_part(tmp_path / "gap", 10, first=2)
    write_part(tmp_path / "failed", 20, first=1)
    write_part(tmp_path / "empty", 10, first=1).write_bytes(b"")
    damaged = bytearray(write_part(tmp_path / "damaged", 10, first=1).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged" / "log.mcap").write_bytes(damaged)
    write_foreign(tmp_path / "foreign.mcap")
    (tmp_path / "text.mcap").write_text("hello")
    (tmp_path / "folder.mcap").mkdir()
    (tmp_path / "dangling.MCAP").symlink_to("nowhere")
    (tmp_path / "link" / "back").symlink_to(tmp_path)
    write_foreign(tmp_path / "flight.mcap", "/flight", "robot-practice", "robot_practice/msg/Flight")
    reports = replayed()
    assert {name: report.outcome for name, report in reports.items()} == {
        "equal": "equal", "cut": "cut", "gap": "gap", "empty": "empty", "damaged": "damaged", "failed": "failed",
        "foreign.mcap": "foreign", "text.mcap": "foreign", "folder.mcap": "foreign", "dangling.MCAP": "foreign",
        "flight.mcap": "other version",
    }  # fmt: skip
    assert "IndexError" in reports["failed"].reason and "an unlucky number" in reports["failed"].reason
    assert (
        "/flight was written by another version" in reports["flight.mcap"].reason
        and "/imu" in reports["foreign.mcap"].reason
    )
    suite = ElementTree.parse(tmp_path / "replay.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("11", "2", "8")
    cases = {case.get("name"): case for case in suite}
    assert [one.tag for one in cases["equal"]] == ["properties"]
    assert cases["cut"][1].get("type") == "cut" and "equal for 10 ticks" in (cases["cut"][1].get("message") or "")
    told = {one.get("name"): one.get("value") for one in cases["cut"][0]}
    assert told == {"outcome": "cut", "ticks": "10", "complete": "false"}


def test_a_log_of_another_version_is_named_by_the_field(tmp_path: Path, replayed: Callable) -> None:
    (tmp_path / "old").mkdir()
    newer = np.dtype([*((name, OUTPUTS[name]) for name in OUTPUTS.names or ()), ("slip_m_s", "<f8")])
    with LogWriter(tmp_path / "old" / "log.mcap", replace(RECORDS, outputs=newer), 3) as log:
        readings, outputs = np.zeros(1, RECORDS.readings), np.zeros(1, newer)
        readings["tick"] = outputs["tick"] = readings["life"] = outputs["life"] = 1
        log.add_readings(readings)
        log.add_outputs(outputs)
    report = replayed()["old"]
    assert report.outcome == "other version" and "old" in report.reason and "slip_m_s" in report.reason


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        (["equal"], 0),
        (["equal", "cut"], 3),
        (["cut", "foreign", "equal"], 2),
        (["empty", "different", "cut"], 1),
        (["damaged"], 1),
        (["failed"], 1),
    ],
)
def test_the_exit_status_is_that_of_the_worst_log(outcomes: list[Outcome], status: int) -> None:
    assert exit_status(outcomes) == status


def test_logs_are_found_as_runs_and_as_single_files(tmp_path: Path, write_part: Callable) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        write_part(tmp_path / name, 10, close=False)
        write_part(tmp_path / name, 10, first=10)
    (tmp_path / "single.mcap").write_bytes((tmp_path / "a" / "log.mcap").read_bytes())
    assert find_logs(tmp_path) == [tmp_path / "a", tmp_path / "b", tmp_path / "single.mcap"]
    assert len(LogReader(tmp_path / "a").parts) == 2
    with pytest.raises(ValueError, match="found no logs"):
        (tmp_path / "none").mkdir()
        find_logs(tmp_path / "none")


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    listed = os.scandir

    def scandir(path: str | Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert find_logs(tmp_path) == [tmp_path / "closed"]
    [(report, _)] = replay_folder(tmp_path).values()
    assert report.outcome != "equal" and "closed" in report.reason


def test_a_log_that_may_not_be_read_is_unreadable(
    tmp_path: Path, write_part: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_part(tmp_path)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(RefusedLog, match=r"log\.mcap: Permission denied") as refusal:
        next(LogReader(path).batches())
    assert refusal.value.outcome == "unreadable"


def test_names_that_xml_has_no_characters_for_are_escaped(tmp_path: Path) -> None:
    odd = "a\x01b\udcffc<&>"
    write_junit(tmp_path / "out.xml", "odd", [TestCase("s", odd, 0.0, "error", "cut", odd)])
    [case] = ElementTree.parse(tmp_path / "out.xml").getroot()[0]
    assert case.get("name") == r"a\x01b\udcffc<&>" == case[0].text
