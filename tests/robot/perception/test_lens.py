"""Through the view a camera's picture is what the encoder's lens would have shown."""

from pathlib import Path

import numpy as np
import pytest

from robot.perception.lens import View, rays_of, read_lens, widest_pinhole, write_lens
from sim.camera.lens import Lens

CAMERA = Lens(320, 240, 165.0, 165.0, 158.0, 121.5, (-0.25, 0.05, 0.001, -0.001, 0.0, 0.0, 0.0, 0.0), 0.2, 20)


def seen_by(lens: Lens) -> np.ndarray:
    """What a lens shows of a world whose brightness is a smooth function of direction: (height, width, 3), blue first."""
    x, y = np.moveaxis(rays_of(lens), -1, 0)
    blue, green, red = (127.5 + 100.0 * np.sin(a * x + b * y) for a, b in ((6.0, 1.0), (2.0, 5.0), (5.0, 4.0)))
    return np.round(np.stack([blue, green, red], -1)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "seen_as", [None, Lens(96, 48, 60.0, 60.0, 47.5, 23.5, (0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0))]
)
def test_a_picture_is_what_the_other_lens_would_have_shown(channels: int, seen_as: Lens | None) -> None:
    found = View(48, 96, channels, CAMERA, seen_as).of(seen_by(CAMERA)).astype(float)
    expected = seen_by(seen_as or widest_pinhole(CAMERA, 96, 48)).astype(float)[..., ::-1]
    if channels == 1:
        expected = (expected @ (0.299, 0.587, 0.114))[..., None]
    off = np.abs(found - expected)
    assert (
        off.mean() < 1.0 and np.quantile(off, 0.99) < 3.0
    )  # rounding, means of 2 x 2 pixels, half a pixel at the border


def test_without_a_lens_pictures_are_made_smaller(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, 32:] = 200
    found = View(24, 32, 1, None).of(frame)
    assert found.shape == (24, 32, 1) and found[0, 0, 0] == 0 and found[0, 31, 0] == 200


def test_a_frame_that_the_lens_was_not_calibrated_for_is_refused() -> None:
    with pytest.raises(ValueError, match="frame: found 64x48, allowed: 320x240"):
        View(48, 96, 1, CAMERA).of(np.zeros((48, 64, 3), np.uint8))


def test_a_lens_comes_back_from_its_file(tmp_path: Path) -> None:
    write_lens(tmp_path / "lens.toml", CAMERA)
    assert read_lens(tmp_path / "lens.toml") == CAMERA


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("width = 0", "width: found 0, allowed: 1 to"),
        ("focal_x_px = -1.0", "focal_x_px: found -1"),
        ("focus = 1.0", "focus"),
    ],
)
def test_a_file_that_is_no_lens_is_refused(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "lens.toml"
    write_lens(path, CAMERA)
    name = line.split()[0]
    path.write_text(
        "\n".join([each for each in path.read_text().splitlines() if not each.startswith(name + " ")] + [""])
    )
    path.write_text(f"{line}\n{path.read_text()}")
    with pytest.raises(ValueError, match=words):
        read_lens(path)
