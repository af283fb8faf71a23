"""A lens is found from pictures of a board through a known one, or refused with the reason."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from robot.cli import setup_camera
from robot.cli.setup import main
from robot.perception.board import Board
from robot.perception.calibration import BoardView, calibrate, finder
from robot.perception.lens import pixels_of, rays_of, read_lens
from sim.camera.lens import Lens
from tests.robot.perception.boards import Photographer, many_places

LENS = Lens(320, 240, 210.0, 209.0, 163.0, 117.0, (-0.22, 0.06, 0.001, -0.0005, 0.0, 0.0, 0.0, 0.0))
CHESSBOARD = Board("chessboard", 8, 6, 0.03)
CHARUCO = Board("charuco", 8, 6, 0.03, 0.022)
NEAR_M = 0.3


def off_px(found: Lens, truth: Lens) -> float:
    """By how much the two lenses disagree about where a ray is seen, over the picture but for its outermost tenth."""
    columns, rows = pixels_of(found, rays_of(truth))
    expected = np.meshgrid(np.arange(truth.width), np.arange(truth.height))
    off = np.hypot(columns - expected[0], rows - expected[1])
    y, x = truth.height // 10, truth.width // 10
    return float(np.sqrt(np.square(off[y:-y, x:-x]).mean()))


@pytest.fixture(scope="module")
def pictures() -> dict[str, list[np.ndarray]]:
    """Of each board, by its kind."""
    return {
        board.kind: [
            photographer.take(*place, seed=k) for k, place in enumerate(many_places(24, NEAR_M))
        ]
        for board in (CHESSBOARD, CHARUCO)
        for photographer in [Photographer(board, LENS)]
    }  # fmt: skip


@pytest.fixture(scope="module")
def views(pictures: dict[str, list[np.ndarray]]) -> dict[str, list[BoardView]]:
    return {
        board.kind: [view for each in pictures[board.kind] if (view := finder(board)(each)) is not None]
        for board in (CHESSBOARD, CHARUCO)
    }


@pytest.mark.parametrize("kind", ["chessboard", "charuco"])
def test_the_lens_is_found(views: dict[str, list[BoardView]], kind: str) -> None:
    assert len(views[kind]) >= 12
    found = calibrate(views[kind], LENS.width, LENS.height)
    assert found.refused == "" and found.lens is not None
    assert found.lens.error_px < 0.25 and found.worst_view_px < 0.8
    assert found.lens.focal_x_px == pytest.approx(LENS.focal_x_px, rel=0.01)
    assert found.lens.focal_y_px == pytest.approx(LENS.focal_y_px, rel=0.01)
    assert off_px(found.lens, LENS) < 0.6


def exact(places: list[tuple[np.ndarray, np.ndarray]], lens: Lens = LENS) -> list[BoardView]:
    """What a perfect detector would find of a board at these places, also of one that is seen in part."""
    grid = np.zeros((35, 3), np.float32)
    grid[:, :2] = 0.03 * (np.mgrid[:7, :5].T.reshape(-1, 2) - (3.0, 2.0))
    found = []
    for turn, place in places:
        shown, _ = cv2.projectPoints(grid, turn, place, lens.matrix, np.array(lens.distortion))
        points = shown.reshape(-1, 2).astype(np.float32)
        inside = ((points > 0.0) & (points < (lens.width - 1, lens.height - 1))).all(1)
        if inside.sum() >= 8:
            found.append(BoardView(grid[inside], points[inside]))
    return found


def test_too_few_pictures_are_refused() -> None:
    assert (
        "found 9 pictures of the board that differ; needed: 10"
        in calibrate(exact(many_places(9, NEAR_M)), 320, 240).refused
    )
    assert "found 0 pictures" in calibrate([], 320, 240).refused


def test_the_same_picture_many_times_is_one() -> None:
    found = calibrate(8 * exact(many_places(3, NEAR_M)), 320, 240)
    assert (
        found.refused
        == "found 3 pictures of the board that differ, of 24 in which it was seen; the others are like these; needed: 10"
    )


def test_a_board_that_was_never_tilted_is_refused() -> None:
    places = [(0.02 * turn, place) for turn, place in many_places(20, NEAR_M)]
    found = calibrate(exact(places), 320, 240)
    assert "all alike" in found.refused and found.tilt_rad < 0.1


def test_a_board_that_stayed_in_the_middle_is_refused() -> None:
    places = [(turn, np.array([0.3, 0.3, 1.6]) * place) for turn, place in many_places(80, NEAR_M)]
    found = calibrate(exact(places), 320, 240)
    assert found.covered < 0.7 and "bring it to the borders too" in found.refused


def test_points_that_do_not_fit_are_refused() -> None:
    rng = np.random.default_rng(0)
    shaken = [
        replace(view, in_picture=view.in_picture + rng.normal(0.0, 1.0, view.in_picture.shape).astype(np.float32))
        for view in exact(many_places(20, NEAR_M))
    ]
    found = calibrate(shaken, 320, 240)
    assert "its points are off by 1." in found.refused and "allowed: 0.48" in found.refused


def test_a_wide_lens_takes_the_rational_model() -> None:
    wide = Lens(320, 240, 150.0, 150.0, 160.0, 120.0, (0.2, 0.01, 0.0, 0.0, 0.0, 0.55, 0.03, 0.0))
    found = calibrate(exact(many_places(30, 0.2, 0.9), wide), 320, 240)
    assert found.refused == "" and found.lens is not None and found.lens.distortion[5] != 0.0
    assert found.covered > 0.8 and off_px(found.lens, wide) < 0.3


# The verb


@pytest.fixture
def folder(pictures: dict[str, list[np.ndarray]], tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    for number, frame in enumerate(pictures["chessboard"]):
        cv2.imwrite(str(made / f"{number:02d}.png"), frame)
    return made


OPTIONS = ["--columns", "8", "--rows", "6", "--square-m", "0.03"]


def test_from_a_folder_of_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "lens.toml"
    assert main(["camera", "--source", str(folder), "--into", str(into), *OPTIONS, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["lens"] == str(into) and told["error_px"] < 0.25 and told["views"] >= 12
    assert read_lens(into).focal_x_px == told["focal_px"][0] == pytest.approx(LENS.focal_x_px, rel=0.01)


def test_what_is_refused_is_not_written(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(folder.iterdir())[6:]:
        path.unlink()
    assert main(["camera", "--source", str(folder), "--into", str(tmp_path / "lens.toml"), *OPTIONS, "--json"]) == 1
    printed = capsys.readouterr()
    assert "pictures of the board that differ; needed: 10" in json.loads(printed.out)["refused"]
    assert "refused" in printed.err and not (tmp_path / "lens.toml").exists()


def test_from_a_camera_pictures_are_taken_while_the_board_is_still(
    pictures: dict[str, list[np.ndarray]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def held(config: object) -> object:
        for frame in pictures["chessboard"]:
            yield frame  # as it is brought there
            yield frame
            yield frame

    monkeypatch.setattr(setup_camera, "from_camera", held)
    arguments = [
        "camera",
        "--source",
        "/dev/video0",
        "--into",
        str(tmp_path / "lens.toml"),
        "--views",
        "12",
        *OPTIONS,
        "--json",
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["views"] == 12 and "picture 12 of 12" in printed.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--columns", "2"], "--columns: found 2, allowed: 4 to 30"),
        (["--square-m", "0"], "--square-m: found 0, allowed"),
        (["--board", "charuco", "--marker-m", "0.03"], "--marker-m: found 0.03, allowed: above 0, below 0.025"),
        ([], "found no pictures, allowed: .png"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path: Path, options: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        main(["camera", "--source", str(tmp_path), *options])
