"""A robot that the project does not know trains, is judged and exported, by nothing but its entry points."""

import json
from pathlib import Path
from typing import Any

import pytest

from robot.cli import evaluate, export, train
from robot.training.sweep_file import load_sweep
from tests.firmware_export.toolchain import needs_arm_gcc
from tests.toy_robot.joining import join

SWEEP = '[train]\ntask = "toy"\n[vary]\nseed = [0, 1]\n'


@pytest.fixture(autouse=True)
def joined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    join(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)


def figures(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@needs_arm_gcc
def test_it_trains_is_judged_and_exported(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--task", "toy", "--seed", "1", "--json"]) == 0
    trained = figures(capsys)
    assert trained["arrival_s"] < 4.0
    assert (Path(trained["run"]) / "metrics.csv").read_text().splitlines()[-1].startswith("10,")

    assert evaluate.main([trained["run"], "--json"]) == 0
    found = figures(capsys)
    assert found["policy_arrival_s"] == pytest.approx(trained["arrival_s"]) and found["judged_on"] == "simulator"

    assert export.main([trained["run"], "--to", "c", "--verify", "--json"]) == 0
    proved = figures(capsys)
    assert proved["bit_equal"] and proved["selftest_flips_missed"] == 0
    assert "place" in (Path(trained["run"]) / "export" / "c" / "policy.h").read_text()


def test_help_shows_the_options_of_every_robot(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--help"]) == 0
    assert "--task toy" in capsys.readouterr().out


def test_its_sweep_is_compared_by_its_own_figures(tmp_path: Path) -> None:

    (tmp_path / "sweep.toml").write_text(SWEEP)
    assert list(load_sweep(tmp_path / "sweep.toml").worst) == ["arrival_s"]
