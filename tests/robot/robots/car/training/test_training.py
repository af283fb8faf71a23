"""`robot train`: what it writes, what it reports, what it refuses."""

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from policies.policy_file import load_policy
from robot.cli import train as verb
from robot.robots.car.trainer import FAMILY, CarTrainConfig
from robot.robots.car.training import trials
from robot.robots.car.training.training import recipe_for
from robot.robots.car.training.trials import LOW_GRIP, conditions, judged, trial_for
from robot.training.train import train
from sim.car.model import load_parameters
from sim.input_files import read_toml
from sim.tracks.built_in_tracks import built_in

NOMINAL = load_parameters()
BRIEF = CarTrainConfig(seed=3, effort=0.08)


@pytest.fixture(scope="module", autouse=True)
def yardstick() -> Iterator[None]:
    """What a yardstick is has its own tests; here every one is about that of the oval."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "lookup_or_compute", lambda *_: SimpleNamespace(lap_s=5.02))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return train(BRIEF, root=tmp_path_factory.mktemp("runs"))


def test_a_brief_training_drives_clean_laps(run: dict[str, Any]) -> None:
    assert 1.0 < run["ratio"] < 1.25
    assert run["crashes"] == 0
    assert run["ratio"] < run["ratio_low_grip"] < 1.4
    assert run["wall_s"] > 0.0 and run["compile_s"] > 0.0
    json.dumps(run, allow_nan=False)


def test_the_runs_folder_holds_all_that_it_should(run: dict[str, Any]) -> None:
    folder = Path(run["run"])
    assert folder.parent.name == "race_track" and folder.name.endswith("-train")
    assert read_toml(folder / "config.toml")["seed"] == 3
    assert (folder / "laps.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["iteration"]) == recipe_for(BRIEF).iterations
    assert all(math.isfinite(float(row["score"])) for row in rows)


def test_the_saved_policy_is_the_one_that_was_judged(run: dict[str, Any]) -> None:
    policy = load_policy(Path(run["run"]) / "policy.npz", "race_track", 50)
    again = judged(policy.weights, [built_in("oval")], NOMINAL)
    assert again["ratio"] == run["ratio"]
    assert policy.metadata["trained"]["seed"] == 3
    assert policy.metadata["rate_hz"] == pytest.approx(10.0)


def test_training_goes_on_from_a_run(run: dict[str, Any], tmp_path: Path) -> None:
    on = train(CarTrainConfig(effort=1e-9, start_from=run["run"]), root=tmp_path)
    assert on["ratio"] < run["ratio"] + 0.05 and on["crashes"] == 0  # fresh weights finish no lap after one step


def test_what_a_family_is_judged_on_was_not_trained_on(tmp_path: Path) -> None:
    family = train(CarTrainConfig(track=FAMILY, courses=2, effort=1e-9), root=tmp_path)
    assert set(family["ratios"]) == {"oval", "ell", "bean", "chicane"}


def test_conditions_are_the_nominal_car_low_grip_and_the_corners() -> None:
    nominal, low, *corners = conditions(NOMINAL).values()
    assert len(conditions(NOMINAL)) == 10
    assert nominal == NOMINAL
    assert low.grip == pytest.approx(LOW_GRIP * NOMINAL.grip) and low.actuation_s == NOMINAL.actuation_s
    assert len({(car.grip, car.actuation_s, car.steer_trim_rad) for car in corners}) == 8
    assert {round(car.actuation_s, 3) for car in corners} == {0.02, 0.06}


def test_without_randomisation_only_the_nominal_car_is_looked_at() -> None:
    assert recipe_for(CarTrainConfig(randomise=False)).noise is None
    assert recipe_for(CarTrainConfig(randomise=False)).spread.grip == 0.0
    trial = trial_for([built_in("oval")], NOMINAL, randomise=False)
    np.testing.assert_array_equal(trial.parameters, NOMINAL.packed()[None])
    assert len(trial_for([built_in("oval")], NOMINAL, randomise=True).course) == 10


def test_a_policy_that_cannot_lap_has_no_ratio() -> None:
    weights = np.zeros(load_policy_size(), np.float32)  # straight on at middling speed: it meets a wall every time
    assert judged(weights, [built_in("oval")], NOMINAL)["ratio"] is None


def load_policy_size() -> int:
    from policies.actor import weight_count
    from robot.robots.car.training.pretraining import LAYERS

    return weight_count(LAYERS)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"effort": 0.0}, "--effort"),
        ({"courses": 0}, "--courses"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        CarTrainConfig(**options)


def test_an_unknown_track_or_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="monza"):
        train(CarTrainConfig(track="monza"), root=tmp_path)
    with pytest.raises(ValueError, match="nowhere"):
        train(CarTrainConfig(start_from="nowhere"), root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_verb_prints_one_json_object_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert verb.main(["--effort", "0.1", "--no-randomise", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    wanted = {"run", "wall_s", "compile_s", "ratio", "crashes", "ratio_low_grip", "crashes_low_grip"}
    assert wanted <= figures.keys()
    assert (tmp_path / figures["run"] / "policy.npz").is_file()
