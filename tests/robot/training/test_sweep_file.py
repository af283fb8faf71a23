"""A sweep's file: which runs it asks for, and what is said about a wrong field."""

from pathlib import Path

import pytest

from robot.tasks import find_task, task_names
from robot.training.sweep_file import Sweep, load_sweep
from robot.training.trainer import find_trainer


def sweep_of(tmp_path: Path, text: str) -> Sweep:
    path = tmp_path / "grip.toml"
    path.write_text(text)
    return load_sweep(path)


def test_every_combination_is_a_run(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path, "[train]\neffort = 0.5\n[vary]\nseed = [0, 1, 2]\nrandomise = [true, false]\n")
    assert (sweep.name, sweep.task, sweep.address) == ("grip", "race_track", "")
    assert [run.varied for run in sweep.runs] == [
        {"seed": seed, "randomise": randomise} for seed in (0, 1, 2) for randomise in (True, False)
    ]
    assert all(run.config.seed == run.varied["seed"] and run.config.effort == 0.5 for run in sweep.runs)
    assert len({run.id for run in sweep.runs}) == 6


def test_a_runs_id_depends_on_its_options_and_on_nothing_else(tmp_path: Path) -> None:
    [one] = sweep_of(tmp_path, 'name = "a"\n[train]\neffort = 1\n[vary]\nseed = [7]').runs
    other = sweep_of(tmp_path, '[train]\ntask = "race_track"\n[vary]\ncourses = [3, 256]\nseed = [8, 7]').runs
    assert one.id == next(run.id for run in other if run.varied == {"courses": 256, "seed": 7})
    [changed] = sweep_of(tmp_path, "[train]\neffort = 1.5\n[vary]\nseed = [7]").runs
    assert changed.id != one.id


@pytest.mark.parametrize("task", task_names())
def test_every_task_can_be_swept(tmp_path: Path, task: str) -> None:
    sweep = sweep_of(tmp_path, f"[train]\ntask = '{task}'\n[vary]\nseed = [0, 1]")
    assert [run.config.task for run in sweep.runs] == [task, task]
    assert sweep.worst == find_trainer(find_task(task).robot).worst


def test_options_have_their_names_of_the_command_line(tmp_path: Path) -> None:
    [run] = sweep_of(tmp_path, '[train]\nfrom = "policy.npz"').runs
    assert run.config.start_from == "policy.npz"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train", r"grip\.toml: .*table declaration"),
        ("vari = 3", r"grip\.toml: vari: found it, allowed: name, address, train, vary"),
        ("name = '../up'", r"name: found '\.\./up', allowed: letters"),
        ("address = 3", r"address: found 3, allowed: text"),
        ("train = 3", r"train: found 3, allowed: a table"),
        ("train.task = 'tank'", r"train\.task: found 'tank', allowed: .*race_track"),
        ("train.task = ['hover']", r"train\.task: found \['hover'\], allowed: text"),
        ("train.sped = 1", r"train\.sped: found it, allowed: task, seed, effort, .*from"),
        ("train.effort = 'much'", r"train\.effort: found 'much', allowed: a number"),
        ("train.effort = -1", r"grip\.toml: --effort: found -1.0, allowed: more than 0"),
        ("vary.seed = 3", r"vary\.seed: found 3, allowed: a list"),
        ("vary.seed = []", r"vary\.seed: found \[\], allowed: a list"),
        ("vary.seed = [0, 0.5]", r"vary\.seed: found 0\.5, allowed: a whole number"),
        ("vary.seed = [4, 4]", r"vary\.seed: found 4 twice, allowed: each value once"),
        ("vary.effort = [1, 1.0]", r"vary\.effort: found 1\.0 twice"),
        ("vary.task = ['race_track']", r"vary\.task: found it, allowed: one task a sweep"),
        ("train.seed = 1\nvary.seed = [2]", r"vary\.seed: found it in \[train\] too"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sweep_of(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--sweep: found '.*none\.toml'"):
        load_sweep(tmp_path / "none.toml")
