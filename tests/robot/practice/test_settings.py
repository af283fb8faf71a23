"""A run's folder is taken up as it was left: nothing that it began with is changed in silence, nothing is misread."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from robot.cli.practice import main
from robot.practice.progress import load_progress
from robot.practice.settings import (
    CHANGES_ON_RESUME,
    load_config,
    own_settings,
    refuse_changes,
    resumed,
)
from robot.robots.car.options import CarOptions
from robot.robots.car.progress import CarProgress
from robot.runtime.run_folder import new_run_folder, save_config

BEGAN = CarOptions(robot="my-car.toml", seed=7, track="oval")
UNSET = {"hidden_seed": 3, "start": (1.0, 2.0, 90.0)}  # values for what is None otherwise


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save_config(tmp_path, BEGAN)
    return tmp_path


def test_a_config_is_read_back(run: Path) -> None:
    assert load_config(run, CarOptions) == BEGAN


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}-else"


@pytest.mark.parametrize("name", [f.name for f in fields(CarOptions) if f.name not in (*CHANGES_ON_RESUME, "map")])
def test_every_option_that_a_run_cannot_change_is_refused_by_name(name: str) -> None:
    began = replace(BEGAN, map=__file__) if name == "loop" else BEGAN  # loops are those of a map
    changed = {name: UNSET.get(name) or other(getattr(began, name))}
    with pytest.raises(ValueError, match="--(from|" + name.replace("_", "-") + "): found .* allowed with --resume"):
        refuse_changes(replace(began, **changed), began)
    with pytest.raises(ValueError, match="allowed with --resume"):
        resumed(replace(CarOptions(resume="run", map=began.map), **changed), began)


def test_what_is_not_asked_for_is_the_runs_own(run: Path) -> None:
    asked = CarOptions(resume=str(run), minutes=33.0, clock="lockstep")
    assert resumed(asked, BEGAN) == replace(BEGAN, resume=str(run), minutes=33.0, clock="lockstep")
    assert own_settings(BEGAN) == "--robot my-car.toml --seed 7 --track oval"


@pytest.mark.parametrize(
    "option", ["--robot virtual-car", "--seed 0", "--track=default", "--mapless", "--from scratch"]
)
def test_the_command_refuses_what_was_given_even_if_it_is_the_default(run: Path, option: str) -> None:
    with pytest.raises(ValueError, match=f"{option.split('=')[0].split()[0]}: found"):
        main(["--resume", str(run), *option.split()])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('seed = "one"', "seed: found 'one', allowed: a whole number"),
        ("minutes = nan", "minutes: found nan, allowed: a finite number"),
        ("minutes = -1.0", "--minutes: found -1.0"),
        ("tyres = 4", "tyres: found it, allowed: task, .*another version"),
        ("format = 2", "format: found 2, allowed: 1; the run is of another version"),
        ('clock = "sundial"', "clock: found 'sundial', allowed: realtime, lockstep"),
        ("seed = ", "not TOML"),
        ("", "found nothing, .*cut short"),
        (b"\xff\xfes", "byte 0 is 0xff, allowed: text in UTF-8"),
    ],
)
def test_a_config_that_is_wrong_is_named_by_file_and_field(tmp_path: Path, text: str | bytes, message: str) -> None:
    (tmp_path / "config.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ValueError, match=r"config\.toml: " + message):
        load_config(tmp_path, CarOptions)


def test_progress_is_read_back(tmp_path: Path) -> None:
    progress = CarProgress(practice_s=12.0, step=120)
    progress.note({"kind": "lap", "lap_s": 5.0, "practice_s": 11.0, "clean": True, "baseline": False})
    progress.save(tmp_path)
    assert load_progress(tmp_path, CarProgress) == progress


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"practice_s": 12.0, "tyre_changes": 3}', "tyre_changes: found it, .*another version"),
        ('{"practice_s": 12', "not JSON: .*cut short"),
        ("", "not JSON"),
        ("[]", r"found \[\], allowed: a JSON object"),
        ('{"practice_s": "long"}', "practice_s: found 'long', allowed: a number"),
        ('{"practice_s": NaN}', "practice_s: found nan, allowed: a finite number"),
        ('{"step": -1}', "step: found -1, allowed: 0 or more"),
        ('{"episodes": [{"merit": 5.0}]}', r"episodes\[0\]\.practice_s: found nothing, allowed: a number"),
        ('{"episodes": 5}', "episodes: found 5, allowed: a list"),
        ('{"format": 9}', "format: found 9, allowed: 1; the run is of another version"),
    ],
)
def test_a_state_that_is_wrong_is_named_by_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ValueError, match=r"state\.json: " + message):
        load_progress(tmp_path, CarProgress)


def test_a_folder_in_place_of_a_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(ValueError, match=r"state\.json: Is a directory"):
        load_progress(tmp_path, CarProgress)


@pytest.mark.parametrize("what", ["file", "link"])
def test_runs_that_is_no_folder_is_named(tmp_path: Path, what: str) -> None:
    runs = tmp_path / "runs"
    runs.write_text("") if what == "file" else runs.symlink_to("nowhere")
    with pytest.raises(OSError, match="runs"):
        new_run_folder(runs, "race_track", "practice")
