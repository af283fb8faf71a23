"""A run that is to go on is looked through first: what is damaged is refused by name, what is gone is said."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from policies.policy_file import save_policy
from policies.replay import write_segment
from robot.practice.best_policy import median_name
from robot.practice.resuming import CHECKPOINT
from robot.practice.run import prepare
from robot.practice.start import starting_policy, untaught_learner
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, course_bytes
from robot.robots.car.options import CarOptions
from robot.robots.car.practice import PRACTICE
from robot.robots.car.progress import CarProgress
from robot.robots.car.records import TRANSITION
from robot.runtime.json_file import write_json
from robot.runtime.run_folder import newest_life, save_config, sealed
from robot.tasks import find_task
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import built_in

BEGAN = CarOptions(mapless=True, seed=4)
SPEC = find_task(BEGAN.task)
LIVED = 40
SEGMENTS = ("replay/0000000000.seg", "replay/0000000020.seg")
FILES = ("config.toml", "state.json", "belief.json", "policy.npz", "best.npz", str(CHECKPOINT), COURSE_FILE, *SEGMENTS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, as a session leaves it."""
    run = tmp_path_factory.mktemp("whole")
    save_config(run, BEGAN)
    CarProgress(practice_s=4.0, step=LIVED, demo_lap_s=20.0).save(run)
    write_json(run / "belief.json", sealed({"grip_share": 0.8}))
    policy = starting_policy(BEGAN)
    for name in ("policy.npz", "best.npz"):
        save_policy(run / name, policy.weights, policy.layers, SPEC.name, SPEC.rate_hz, **{median_name(SPEC): 5.0})
    lived = np.zeros(LIVED, TRANSITION)
    lived["step"] = np.arange(LIVED)
    for name, part in zip(SEGMENTS, np.split(lived, len(SEGMENTS)), strict=True):
        write_segment(run / name, part)
    learner = untaught_learner(BEGAN, SPEC, policy)
    learner.add(lived)
    learner.save(run / CHECKPOINT)
    course = built_in("oval")
    (run / COURSE_FILE).write_bytes(course_bytes(course, rasterise(course)))
    return run


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "run")


def go_on(run: Path) -> str:
    """What is said when the run goes on."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("robot.practice.run.say", said.append)
        prepare(CarOptions(resume=str(run)), PRACTICE, run.parent)
    return "\n".join(said)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path, place: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1
    path.write_bytes(data)


def foreign(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n" + bytes(1000))


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_a_whole_run_goes_on_without_a_word_of_its_files(run: Path) -> None:
    assert len(go_on(run).splitlines()) == 1


@pytest.mark.parametrize("damage", [cut, empty, flip, foreign, folder_instead])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused_by_name(run: Path, name: str, damage: Callable[[Path], None]) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path != run / name}
    damage(run / name)
    with pytest.raises(ValueError, match=Path(name).name):
        go_on(run)
    assert {path: path.read_bytes() for path in before} == before  # nothing is lost


@pytest.mark.parametrize("name", ["config.toml", "state.json", "belief.json"])
def test_no_flipped_bit_of_a_text_is_believed(run: Path, name: str) -> None:
    whole = (run / name).read_bytes()
    for k in range(len(whole)):
        (run / name).write_bytes(whole[:k] + bytes([whole[k] ^ 1 << k % 8]) + whole[k + 1 :])
        with pytest.raises(ValueError, match=name):
            go_on(run)


@pytest.mark.parametrize("name", [str(CHECKPOINT), "policy.npz"])
def test_no_flipped_bit_of_an_array_is_believed(run: Path, name: str) -> None:
    for place in np.linspace(0.1, 0.9, 9):
        flip(run / name, place)
        with pytest.raises(ValueError, match=Path(name).name):
            go_on(run)
        flip(run / name, place)


@pytest.mark.parametrize("name", ["config.toml", "state.json", COURSE_FILE])
def test_what_a_run_cannot_do_without_is_named(run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(ValueError, match=name):
        go_on(run)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (str(CHECKPOINT), f"there is no .*learner.npz: it learns anew, from {LIVED} transitions"),
        ("policy.npz", "there is no .*policy.npz: the policy that it began with drives first"),
        (SEGMENTS[1], f"{LIVED // 2} of its transitions are not in .*replay"),
    ],
)
def test_what_a_run_goes_on_without_is_said(run: Path, name: str, said: str) -> None:
    (run / name).unlink()
    assert re.search(said, go_on(run))


@pytest.mark.parametrize("name", ["replay", "checkpoints", "output"])
def test_a_file_in_a_folders_place_is_named(run: Path, name: str) -> None:
    shutil.rmtree(run / name, ignore_errors=True)
    (run / name).write_text("")
    with pytest.raises(ValueError, match=f"{name}: found a file, allowed: a folder"):
        go_on(run)


def test_a_later_life_takes_no_earlier_ones_place(run: Path) -> None:
    (run / "setup-1.npz").touch()
    (run / "setup-3.npz").touch()  # the second one is gone
    assert newest_life(run) == 3
