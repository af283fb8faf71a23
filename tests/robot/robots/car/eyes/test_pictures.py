"""Pictures of a run by the time at which they were taken, and in the run's picture."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from robot.perception.frames import FrameWriter, embedding_dtype
from robot.robots.car.eyes.encoder_file import encoder_beside
from robot.robots.car.eyes.pictures import OLDEST_S, pictures_at
from robot.robots.car.plots import draw, load_run
from robot.robots.car.practice import SHIPPED_SEEING_POLICY
from robot.tasks.race_track.by_camera import SEEN


def keep(run: Path, first_s: float, greys: list[int]) -> None:
    """One part of a run's pictures, ten a second."""
    writer = FrameWriter(run, "lossless", encoder_beside(SHIPPED_SEEING_POLICY), SEEN, None)
    for k, grey in enumerate(greys):
        made = np.zeros((), embedding_dtype(SEEN))
        made["measured_s"], made["frame"] = first_s + 0.1 * k, k + 1
        writer.add(np.full((8, 16), grey, np.uint8), made)
    writer.close()


def test_it_is_the_newest_that_had_been_taken(tmp_path: Path) -> None:
    keep(tmp_path, 1.0, [10, 20, 30])
    keep(tmp_path, 2.0, [40, 50])
    found = pictures_at(tmp_path, [1.15, 2.11, 0.9, 2.2 + OLDEST_S])
    assert [None if picture is None else int(picture.mean()) for picture in found] == [20, 50, None, None]


def test_only_what_may_be_shown_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, 1.0, list(range(40)))
    decoded, decode = [], cv2.imdecode

    def noted(data: np.ndarray, how: int) -> np.ndarray | None:
        decoded.append(data)
        return decode(data, how)

    monkeypatch.setattr(cv2, "imdecode", noted)
    (found,) = pictures_at(tmp_path, [3.05])
    assert found is not None and int(found.mean()) == 20
    assert len(decoded) == 5


def test_a_run_that_kept_pictures_shows_what_was_seen_at_its_fastest_corner(
    tmp_path: Path, make_made_up_run: Callable[..., Path]
) -> None:
    run = make_made_up_run(tmp_path)
    outputs = load_run(run).outputs
    first_s, last_s = float(outputs["time_s"][0]), float(outputs["time_s"][-1])
    keep(run, first_s, [99] * (int((last_s - first_s) / 0.1) + 1))
    shown = load_run(run)
    assert [int(picture.mean()) for picture in shown.seen.values()] == [99] * len(shown.seen)
    assert next(iter(shown.seen)).startswith("fastest corner: ")
    titles = [axes.get_title(loc="left") for axes in draw(shown).axes]
    assert any(title.startswith("seen at the fastest corner") for title in titles)
    assert not any("seen at" in axes.get_title(loc="left") for axes in draw(replace(shown, seen={})).axes)


def test_a_run_whose_pictures_are_cut_is_drawn_without_them_and_says_so(
    tmp_path: Path, make_made_up_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_made_up_run(tmp_path)
    (run / "frames.mcap").write_bytes(b"")
    assert load_run(run).seen == {}
    assert f"{run / 'frames.mcap'}: found no encoder.onnx in it" in capsys.readouterr().err
