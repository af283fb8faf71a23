"""The recorded library replays to the byte on this machine and with this program; see `tests/recordings/make.py`."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot.cli.replay import main
from robot.logs.reader import LogReader
from robot.logs.replay import Difference, replay
from robot.logs.setups import mind_for
from robot.robots.car.mind import Pipeline
from robot.safety.supervisor import Mode

RECORDINGS = Path(__file__).parents[2] / "recordings"
DRIVES = ("laps", "collision", "link-loss", "mapless", "scratch", "flight")


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(RECORDINGS / name, tmp_path / name))


@pytest.mark.parametrize("name", DRIVES)
def test_a_recorded_drive_is_decided_again_to_the_byte(name: str) -> None:
    report = replay(RECORDINGS / name, lambda life: mind_for(RECORDINGS / name, life))
    assert report.first_difference is None
    assert report.ticks == len(LogReader(RECORDINGS / name).outputs()) > 300


def test_the_laps_begin_with_a_demonstration_and_take_new_weights_on_the_way() -> None:
    log = LogReader(RECORDINGS / "laps")
    kinds = [event["kind"] for event in log.events()]
    assert kinds.count("lap") >= 2 and "calibration" in kinds
    assert [int(weights["version"]) for batch in log.batches() for weights in batch.weights] == [1]


def test_the_collision_is_followed_by_a_recovery() -> None:
    outputs = LogReader(RECORDINGS / "collision").outputs()
    hit = int(np.argmax(outputs["figures"]["collisions"] > 0))
    assert hit > 0 and (outputs["mode"][hit:] == Mode.RECOVER).any()
    assert outputs["figures"]["recoveries"][-1] > outputs["figures"]["recoveries_failed"][-1]


def test_after_the_link_loss_the_car_drives_on() -> None:
    log = LogReader(RECORDINGS / "link-loss")
    up = np.concatenate([batch.readings["motor"]["up"] for batch in log.batches()])
    outputs = log.outputs()
    down = np.flatnonzero(up == 0)
    assert down[0] > 0 and down[-1] < len(up) - 100
    assert (outputs["mode"][down] >= Mode.STOP).mean() > 0.8
    assert outputs["mode"][-1] == Mode.RUN


def test_one_changed_weight_of_the_setup_is_named_by_the_first_action(copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("link-loss")
    setup = mind_for(folder, 1).setup
    weights = setup.weights.copy()
    weights[-4] += 1e-3  # the bias of the first action's mean
    difference = replay(folder, lambda life: Pipeline(replace(setup, weights=weights))).first_difference
    decisions = LogReader(folder).outputs()
    assert isinstance(difference, Difference)
    assert difference.field.startswith(("proposed", "brake_reason", "steer_rad", "overrides"))
    assert difference.tick == decisions["tick"][np.argmax(decisions["is_decision"] > 0)]


def test_the_command_replays_a_folder_and_writes_a_junit_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], copy_of: Callable[[str], Path]
) -> None:
    damaged = copy_of("collision")
    data = bytearray((damaged / "log.mcap").read_bytes())
    data[len(data) // 2] ^= 4
    (damaged / "log.mcap").write_bytes(data)
    copy_of("link-loss")
    copy_of("flight")
    status = main([str(tmp_path), "--junit", str(tmp_path / "replay.xml"), "--json"])
    assert status == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["equal"] is False
    suite = ElementTree.parse(tmp_path / "replay.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "0")
    assert [case.get("name") for case in suite if len(case) == 1] == ["flight", "link-loss"], "a car's and a drone's"


def test_the_command_names_the_first_tick_that_a_flipped_bit_has_lost(
    capsys: pytest.CaptureFixture[str], copy_of: Callable[[str], Path]
) -> None:
    folder = copy_of("collision")
    data = bytearray((folder / "log.mcap").read_bytes())
    data[len(data) // 3] ^= 16
    (folder / "log.mcap").write_bytes(data)
    assert main([str(folder), "--json"]) == 1
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["first_difference"]["tick"] == figures["ticks"] + 1
    assert "chunk" in figures["first_difference"]["field"]
