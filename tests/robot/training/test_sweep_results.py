"""What is said about a sweep at its end."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from robot.cli import train as verb
from robot.training import run_sweep
from robot.training.run_sweep import Outcome, save
from robot.training.sweep_file import Sweep, load_sweep
from robot.training.sweep_results import as_table, median_and_worst, results_of, save_results

# Ratio of the runs with seed 0, 1, 2; None: no lap; "": failed
RATIOS = {True: (1.1, 1.3, 1.2), False: (1.05, None, "")}


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """A sweep of six runs that have all ended, in runs/sweeps/grip of the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("grip.toml").write_text("[vary]\nrandomise = [true, false]\nseed = [0, 1, 2]\n")
    sweep = load_sweep(Path("grip.toml"))
    folder = Path("runs/sweeps/grip")
    folder.mkdir(parents=True)
    for run in sweep.runs:
        ratio = RATIOS[run.varied["randomise"]][run.varied["seed"]]
        figures = {"ratio": ratio, "ratio_low_grip": ratio, "crashes": 0, "wall_s": 2.0, "ratios": {"oval": ratio}}
        failed = ratio == ""
        save(folder, run, Outcome({}, {}, "Traceback\nValueError: no") if failed else Outcome(figures, {}), 0)
    return sweep


def test_results_have_a_row_a_run(sweep: Sweep) -> None:
    folder = Path("runs/sweeps/grip")
    save_results(sweep, folder)
    rows = list(csv.DictReader((folder / "results.csv").open()))
    assert [row["id"] for row in rows] == [run.id for run in sweep.runs]
    assert [row["ratio"] for row in rows] == ["1.1", "1.3", "1.2", "1.05", "", ""]
    assert [row["error"] for row in rows] == [""] * 5 + ["ValueError: no"]
    assert rows[3]["randomise"] == "False" and Path(rows[3]["run"], "result.json").is_file()
    assert (folder / "picture.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_median_and_worst_are_over_the_seeds_of_a_value(sweep: Sweep) -> None:
    groups = save_results(sweep, Path("runs/sweeps/grip"))
    assert [(group.option, group.value, len(group.done)) for group in groups] == [
        ("", "all", 5),
        ("randomise", True, 3),
        ("randomise", False, 2),
    ]
    assert median_and_worst(groups[1], "ratio", max) == (1.2, 1.3)
    assert median_and_worst(groups[1], "ratio", min) == (1.2, 1.1)
    assert median_and_worst(groups[0], "ratio", max) == (1.2, np.inf)  # no lap is worse than any lap


def test_the_table_shows_them(sweep: Sweep) -> None:
    shown = io.StringIO()
    console = Console(width=100, file=shown)
    console.print(as_table(sweep, save_results(sweep, Path("runs/sweeps/grip"))))
    text = shown.getvalue()
    assert "3 of 3" in text and "2 of 3" in text and "none" in text and "1.3" in text


def test_a_result_that_is_not_whole_is_named(sweep: Sweep) -> None:
    folder = Path("runs/sweeps/grip")
    (folder / sweep.runs[0].id / "result.json").write_text("{")
    with pytest.raises(ValueError, match=rf"{sweep.runs[0].id}/result\.json: .* allowed: "):
        results_of(sweep, folder)


def test_the_verb_prints_one_json_object_last(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    Path("done.toml").write_text('name = "grip"\n[vary]\nseed = [0, 1]\n')
    assert verb.main(["--sweep", "done.toml", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures.pop("wall_s") > 0.0
    assert figures == {"sweep": "runs/sweeps/grip", "runs": 2, "done": 2, "failed": 0, "restarted": 0}


def test_ctrl_c_reports_what_is_done(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_sweep, "run_sweep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        verb.main(["--sweep", "grip.toml"])
    assert len(Path("runs/sweeps/grip/results.csv").read_text().splitlines()) == 7
