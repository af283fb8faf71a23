"""Runs of a sweep on Ray, on this machine: every one once, though workers are killed and runs raise."""

import fcntl
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from robot.training import run_sweep as module
from robot.training.run_sweep import SCRATCH_BYTES_MAX, Outcome, Standing, run_sweep, save, scratch_of, train_once
from robot.training.sweep_file import Run, Sweep
from sim.input_files import read_toml

EARLIER, KILLED_ONCE, RAISES, KILLED_ALWAYS = 0, 3, 8, 9  # seeds of the runs to which something happens


def training_that_dies(ledger: Path) -> Callable[..., dict[str, Any]]:
    """Writes down every start and every end of a run. Not a function of this module: workers do not import tests."""

    def train(config: Any, root: Path) -> dict[str, Any]:
        import os
        import signal

        def note(what: str) -> None:
            with ledger.open("a") as file:
                file.write(f"{what} {config.seed}\n")

        again = ledger.exists() and f"start {config.seed}\n" in ledger.read_text()
        note("start")
        folder = root / "race_track" / "some-time"
        folder.mkdir(parents=True)  # fails if what a killed worker left is still there
        (folder / "policy.npz").write_text("half")
        if config.seed == KILLED_ALWAYS or (config.seed == KILLED_ONCE and not again):
            os.kill(os.getpid(), signal.SIGKILL)
        if config.seed == RAISES:
            raise ArithmeticError("no gradient")
        (folder / "policy.npz").write_text(f"whole {config.seed}, {os.environ['NUMBA_NUM_THREADS']} thread")
        note("end")
        return {"run": str(folder), "ratio": 1.0 + config.seed}

    return train


@dataclass
class Swept:
    folder: Path
    standing: Standing
    seen: list[Standing]
    ledger: Counter[str]

    def run_folder(self, seed: int) -> Path:
        return self.folder / f"seed-{seed}"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    """A sweep of ten runs, of which one has been done before, one's worker dies once, one's always, and one raises."""
    tmp = tmp_path_factory.mktemp("sweep")
    sweep, folder, ledger, seen = seeds_of(range(10)), tmp / "sweeps" / "seeds", tmp / "ledger", []
    folder.mkdir(parents=True)
    save(folder, sweep.runs[EARLIER], Outcome({"ratio": 7.0}, {}), 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RESTARTS_MAX", 1)
        patch.setattr(module, "train", training_that_dies(ledger))
        standing = run_sweep(sweep, folder, lambda now: seen.append(replace(now)))
    yield Swept(folder, standing, seen, Counter(ledger.read_text().splitlines()))


def seeds_of(seeds: range) -> Sweep:
    """A sweep over seeds. Its config is not a class of this module either."""

    @dataclass(frozen=True)
    class Config:
        seed: int

    runs = [Run(f"seed-{seed}", {"seed": seed}, Config(seed)) for seed in seeds]
    return Sweep("seeds", "race_track", "", {"seed": list(seeds)}, runs, {})


def test_every_run_ends_exactly_once(swept: Swept) -> None:
    assert swept.standing == Standing(runs=10, done=8, failed=2, restarted=2)
    for seed in range(1, 8):
        assert swept.ledger[f"end {seed}"] == 1
        result = json.loads((swept.run_folder(seed) / "result.json").read_text())
        assert result["options"]["seed"] == seed and result["figures"]["ratio"] == 1.0 + seed
        assert result["figures"]["run"] == str(swept.run_folder(seed))
        assert result["restarts"] == (seed == KILLED_ONCE)


def test_a_run_whose_worker_was_killed_is_started_again_on_a_clean_folder(swept: Swept) -> None:
    assert {seed: swept.ledger[f"start {seed}"] for seed in range(1, 8)} == {
        seed: 2 if seed == KILLED_ONCE else 1 for seed in range(1, 8)
    }
    assert (swept.run_folder(KILLED_ONCE) / "policy.npz").read_text() == f"whole {KILLED_ONCE}, 1 thread"


def test_a_run_with_a_result_is_not_run_again(swept: Swept) -> None:
    assert swept.ledger[f"start {EARLIER}"] == 0
    assert json.loads((swept.run_folder(EARLIER) / "result.json").read_text())["figures"]["ratio"] == 7.0


@pytest.mark.parametrize(("seed", "said"), [(RAISES, "ArithmeticError: no gradient"), (KILLED_ALWAYS, "died 2 times")])
def test_a_run_that_fails_says_why_and_has_no_result(swept: Swept, seed: int, said: str) -> None:
    folder = swept.run_folder(seed)
    assert said in (folder / "error.txt").read_text()
    assert read_toml(folder / "config.toml")["seed"] == seed
    assert not (folder / "result.json").exists()


def test_progress_counts_what_was_there_and_ends_at_the_whole(swept: Swept) -> None:
    assert swept.seen[0] == Standing(runs=10, done=1)
    assert swept.seen[-1] == swept.standing
    assert not list(swept.folder.glob(".?*/")), "folders that were not renamed"


def test_ctrl_c_is_for_the_sweep_and_not_for_a_training(tmp_path: Path) -> None:
    def train(config: Any, root: Path) -> dict[str, Any]:
        root.mkdir()
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:  # as a training does: it ends early and hands back what it has
            return {"run": str(root), "interrupted": True}
        return {"run": str(root), "interrupted": False}

    before = signal.getsignal(signal.SIGINT)
    try:
        outcome = train_once(train, None, tmp_path / "scratch")
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcome.figures["interrupted"] is False


def test_a_whole_sweep_needs_no_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = seeds_of(range(3))
    for run in sweep.runs:
        save(tmp_path, run, Outcome({}, {}), 0)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run_sweep(sweep, tmp_path, lambda _: None) == Standing(runs=3, done=3)


def test_a_run_that_failed_is_tried_again_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = seeds_of(range(2))
    save(tmp_path, sweep.runs[0], Outcome({}, {}), 0)
    save(tmp_path, sweep.runs[1], Outcome({}, {}, "no disk"), 0)
    tried: list[str] = []
    monkeypatch.setattr(module, "train_all", lambda sweep, runs, *_: tried.extend(run.id for run in runs))
    run_sweep(sweep, tmp_path, lambda _: None)
    assert tried == [sweep.runs[1].id]


def test_without_ray_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"needs Ray.*pip install 'robot-practice\[sweep\]'"):
        run_sweep(seeds_of(range(1)), tmp_path, lambda _: None)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "somewhere"])
def test_an_address_where_nobody_listens_is_named(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match=f"address: found '{address}', allowed: .*host:6379"):
        run_sweep(replace(seeds_of(range(1)), address=address), tmp_path, lambda _: None)


def test_a_failed_run_that_is_done_at_last_loses_its_error(tmp_path: Path) -> None:
    [run] = seeds_of(range(1)).runs
    save(tmp_path, run, Outcome({}, {}, "no disk"), 0)
    save(tmp_path, run, Outcome({"ratio": 1.0}, {"deep/policy.npz": b"p"}), 0)
    made = {str(path.relative_to(tmp_path / run.id)) for path in (tmp_path / run.id).rglob("*") if path.is_file()}
    assert made == {"config.toml", "result.json", "deep/policy.npz"}


def test_two_processes_never_work_on_one_sweep(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="another `robot train --sweep`"):
            run_sweep(seeds_of(range(1)), tmp_path, lambda _: None)


def test_a_long_tmpdir_leaves_room_for_the_names_of_rays_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 30)))
    assert len(str(scratch_of(tmp_path))) <= SCRATCH_BYTES_MAX
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")
    assert scratch_of(tmp_path).parent == Path("/var/tmp")
