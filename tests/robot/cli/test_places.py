"""A result that would have no place is told before the work that makes it."""

from pathlib import Path

import pytest

from policies.array_file import try_writing
from robot.cli import evaluate, plot, replay, train

RECORDING = Path(__file__).parents[2] / "recordings" / "link-loss"
HOVER = Path(__file__).parents[2] / "recordings" / "policies" / "hover.npz"
SWEEP = '[train]\ntask = "hover"\n[vary]\nseed = [0, 1]\n'


@pytest.mark.parametrize(
    ("verb", "arguments", "work"),
    [
        (train, ["--task", "race_track"], "robot.robots.car.training.training.own_course"),
        (train, ["--task", "hover"], "robot.robots.quadrotor.training.training.airframes_for"),
        (train, ["--sweep", "sweep.toml"], "robot.training.run_sweep.train_all"),
        (evaluate, ["shipped", "--robot", "virtual-car"], "robot.robots.car.practising.lookup_or_compute"),
        (evaluate, [str(HOVER), "--video", "runs/hover.gif"], "robot.robots.quadrotor.judging.judge"),
        (replay, [str(RECORDING), "--junit", "runs/replay.xml"], "robot.logs.replay.replay"),
        (replay, [str(RECORDING.parent), "--junit", "runs/replay.xml"], "robot.logs.replay_folder.replay_folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_found_before_the_work(
    verb, arguments, work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def works(*_: object, **__: object) -> None:
        raise AssertionError("it worked first")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, works)
    (tmp_path / "runs").write_text("a file where a folder belongs, which stops even root")
    (tmp_path / "sweep.toml").write_text(SWEEP)
    with pytest.raises(OSError, match="Not a directory") as refused:
        verb.main(arguments)
    assert refused.value.filename is not None
    assert "runs" in refused.value.filename


def test_a_video_that_cannot_be_made_here_is_told_before_the_flights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="needs OpenCV"):
        evaluate.main([str(HOVER), "--video", "hover.mp4"])


def test_a_picture_that_has_no_place_is_told_before_the_log_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as refused:
        plot.main([str(tmp_path)])
    assert refused.value.filename == str(tmp_path)


def test_trying_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    try_writing(tmp_path / "runs" / "hover" / "deep")
    assert [path.name for path in tmp_path.rglob("*")] == ["runs"]


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_trying_that_is_interrupted_or_fails_leaves_nothing(
    raised: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(_descriptor: int) -> None:
        raise raised

    monkeypatch.setattr("os.fsync", meanwhile)
    with pytest.raises(type(raised)):
        try_writing(tmp_path / "runs" / "hover")
    assert list(tmp_path.iterdir()) == []
