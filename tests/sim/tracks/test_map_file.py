"""Maps in the map_server format: what is free, and what is wrong with a file, in one line."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sim.tracks.map_file import load_map
from tests.sim.drawn_maps import FIELDS, FREE, UNKNOWN, WALL, write_map


def test_the_lower_left_pixel_lies_at_the_origin(tmp_path: Path) -> None:
    pixels = np.full((4, 6), FREE, np.uint8)
    pixels[3, 0] = WALL
    grid = load_map(write_map(tmp_path, pixels))
    assert grid.occupied.shape == (4, 6)
    assert grid.occupied[0, 0] and grid.occupied.sum() == 1
    assert (grid.origin_x_m, grid.origin_y_m, grid.origin_yaw_rad, grid.resolution_m) == (-3.0, -2.0, 0.0, 0.05)


@pytest.mark.parametrize("suffix", ["png", "pgm"])
@pytest.mark.parametrize(
    ("changes", "solid"),
    [
        ({}, [True, True, False]),  # black, unknown grey, white
        ({"negate": 1}, [False, True, True]),
        ({"mode": "scale"}, [True, True, False]),
        ({"mode": "scale", "free_thresh": 0.3}, [True, False, False]),
        ({"mode": "raw"}, [False, True, True]),  # per cent: 0 is free, above 100 unknown
    ],
)
def test_a_cell_is_solid_unless_the_map_says_that_it_is_free(
    tmp_path: Path, suffix: str, changes: dict[str, Any], solid: list[bool]
) -> None:
    pixels = np.array([[WALL, UNKNOWN, FREE]], np.uint8)
    path = write_map(tmp_path, pixels, image=f"map.{suffix}", **changes)
    np.testing.assert_array_equal(load_map(path).occupied[0], solid)


def test_colours_are_averaged_and_transparent_cells_are_unknown(tmp_path: Path) -> None:
    pixels = np.array([[[255, 255, 255, 255], [255, 255, 255, 0], [255, 255, 200, 255], [255, 0, 0, 255]]], np.uint8)
    path = write_map(tmp_path, pixels, mode="scale")
    np.testing.assert_array_equal(load_map(path).occupied[0], [False, True, False, True])
    path = write_map(tmp_path, pixels, mode="trinary")
    np.testing.assert_array_equal(load_map(path).occupied[0], [False, True, False, True])


def test_sixteen_bits_a_pixel_are_read(tmp_path: Path) -> None:
    path = write_map(tmp_path, np.array([[0, 65535, 50000]], np.uint16))
    np.testing.assert_array_equal(load_map(path).occupied[0], [True, False, True])


@given(cells=st.integers(1, 2**12 - 1), negate=st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_grid_survives_being_written_as_a_map(tmp_path_factory: Any, cells: int, negate: bool) -> None:
    occupied = np.array([bool(cells >> k & 1) for k in range(12)]).reshape(3, 4)
    pixels = np.where(occupied[::-1] ^ negate, 0, 255).astype(np.uint8)
    path = write_map(tmp_path_factory.mktemp("map"), pixels, negate=int(negate))
    np.testing.assert_array_equal(load_map(path).occupied, occupied)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": None}, r"map.yaml: image: found None, allowed: the name of a PNG or PGM file"),
        ({"resolution": 0}, r"map.yaml: resolution: found 0.0, allowed: more than 0"),
        ({"resolution": "fine"}, r"map.yaml: resolution: found 'fine', allowed: a number"),
        ({"resolution": math.nan}, r"map.yaml: resolution: found nan, allowed: a number"),
        ({"origin": [0.0, 1.0]}, r"map.yaml: origin: found \[0.0, 1.0\], allowed: \[x m, y m, yaw rad\]"),
        ({"free_thresh": 0.7}, r"map.yaml: free_thresh, occupied_thresh: found 0.7, 0.65"),
        ({"occupied_thresh": None}, r"map.yaml: occupied_thresh: found None, allowed: a number"),
        ({"negate": 2}, r"map.yaml: negate: found 2, allowed: 0 or 1"),
        ({"mode": "binary"}, r"map.yaml: mode: found 'binary', allowed: trinary, scale, raw"),
    ],
)
def test_a_bad_field_is_refused_by_file_field_found_and_allowed(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_map(write_map(tmp_path, np.full((4, 4), FREE, np.uint8), **changes))


def test_a_missing_or_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere.yaml: found no such file"):
        load_map(tmp_path / "nowhere.yaml")
    path = write_map(tmp_path, np.full((4, 4), FREE, np.uint8))
    (tmp_path / "map.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"image: found 'map.png', which cannot be read"):
        load_map(path)
    (tmp_path / "map.png").unlink()
    with pytest.raises(ValueError, match=r"image: found 'map.png', which is not there"):
        load_map(path)
    path.write_text("a: [1, 2")
    with pytest.raises(ValueError, match=r"map.yaml: found no YAML"):
        load_map(path)
    path.write_text("just words")
    with pytest.raises(ValueError, match=r"map.yaml: found str, allowed: the fields image"):
        load_map(path)


@pytest.mark.parametrize("free_thresh", [0.1, 0.196, 0.25, 0.6])
@pytest.mark.parametrize("suffix", ["png", "pgm", "bmp", "tif"])
def test_grey_205_is_unknown_whatever_the_threshold(tmp_path: Path, free_thresh: float, suffix: str) -> None:
    path = write_map(
        tmp_path, np.array([[WALL, UNKNOWN, FREE]], np.uint8), image=f"map.{suffix}", free_thresh=free_thresh
    )
    np.testing.assert_array_equal(load_map(path).occupied[0], [True, True, False])


def test_unknown_survives_a_jpeg(tmp_path: Path) -> None:
    pixels = np.full((64, 96), UNKNOWN, np.uint8)
    pixels[16:48, 32:64] = FREE
    occupied = load_map(write_map(tmp_path, pixels, image="map.jpg", free_thresh=0.25)).occupied
    assert occupied[:12].all() and occupied[:, :28].all() and not occupied[20:44, 36:60].any()


@pytest.mark.parametrize("mode", ["P", "1", "LA", "RGB", "RGBA", "I;16"])
def test_every_kind_of_pixel_is_read(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(np.array([[0, 255, 0]], np.uint8))
    picture = Image.fromarray(np.array([[0, 65535, 0]], np.uint16)) if mode == "I;16" else grey.convert(mode)
    np.testing.assert_array_equal(load_map(write_map(tmp_path, picture)).occupied[0], [True, False, True])


def test_a_plain_pgm_with_comments_is_read(tmp_path: Path) -> None:
    path = write_map(tmp_path, np.zeros((1, 3), np.uint8), image="map.pgm")
    (tmp_path / "map.pgm").write_text("P2\n# by hand\n3 1\n# white is 15\n15\n0 15 12\n")
    np.testing.assert_array_equal(load_map(path).occupied[0], [True, False, True])


@pytest.mark.parametrize(
    "text",
    [
        "image: map.png\r\nresolution: 0.05\r\norigin: [-3, -2, 0]\r\nnegate: 0\r\noccupied_thresh: 0.65\r\nfree_thresh: 0.196\r\n",
        "image:\tmap.png\nresolution:\t5e-2\norigin:\t[-3.0, -2.0, 0.0]\nnegate: false\noccupied_thresh: 0.65\nfree_thresh: 0.196",
        "# by hand\nimage: ./map.png  # beside\nresolution: 0.05\norigin:\n- -3\n- -2\n- 0\nnegate: 0\n"
        "occupied_thresh: 0.65\nfree_thresh: 0.196\nmode: trinary\nmap_name: hall\ncreated: 2024-01-01\n",
        "---\nimage: '{folder}/map.png'\nresolution: '0.05'\norigin: [-3.0, -2.0, 0.0]\noccupied_thresh: 0.5\nfree_thresh: 0.5\n",
    ],
)
def test_yaml_as_people_write_it_is_read(tmp_path: Path, text: str) -> None:
    write_map(tmp_path, np.full((4, 4), FREE, np.uint8))
    path = tmp_path / "my hall.yml"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("{folder}", str(tmp_path)).encode() + "\n# Größe".encode("latin-1"))
    grid = load_map(path)
    assert (grid.resolution_m, grid.origin_x_m, grid.origin_y_m) == (0.05, -3.0, -2.0) and not grid.occupied.any()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "which cannot be read"),
        (lambda whole: whole[:20], "which cannot be read"),
        (lambda whole: b"", "which cannot be read"),
        (lambda whole: whole.replace(b"IDAT", b"IDAX"), "which cannot be read"),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "pgm", "bmp", "tif", "jpg"])
def test_a_broken_image_is_refused_in_one_line(tmp_path: Path, suffix: str, spoil: Any, message: str) -> None:
    path = write_map(tmp_path, np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8), image=f"map.{suffix}")
    file = tmp_path / f"map.{suffix}"
    spoilt = spoil(file.read_bytes())
    if spoilt == file.read_bytes():
        return
    file.write_bytes(spoilt)
    with pytest.raises(ValueError, match=rf"map.yaml: image: found 'map.{suffix}', {message}") as refused:
        load_map(path)
    assert "\n" not in str(refused.value)


def test_a_huge_map_with_a_small_hall_is_cut_to_the_hall(tmp_path: Path) -> None:
    pixels = np.zeros((13_500, 13_500), np.uint8)
    pixels[200:600, 200:800] = FREE
    pixels[320:480, 320:680] = WALL
    grid = load_map(write_map(tmp_path, pixels, origin=[10.0, 20.0, 0.5]))
    assert grid.occupied.shape == (404, 604) and grid.resolution_m == 0.05
    u, v = (200 - 2) * 0.05, (13_500 - 600 - 2) * 0.05
    assert grid.origin_x_m == pytest.approx(10.0 + u * math.cos(0.5) - v * math.sin(0.5))
    assert grid.origin_y_m == pytest.approx(20.0 + u * math.sin(0.5) + v * math.cos(0.5))


def test_a_fine_map_is_drawn_coarser_and_a_wall_of_one_pixel_stays(tmp_path: Path) -> None:
    pixels = np.full((6000, 6000), FREE, np.uint8)
    pixels[3001, :] = WALL
    grid = load_map(write_map(tmp_path, pixels, resolution=0.02))
    assert grid.resolution_m == pytest.approx(0.04) and grid.occupied.shape == (3000, 3000)
    assert grid.occupied[3000 - 1 - 1500].all() and grid.occupied.sum() == 3000


def test_what_is_too_large_is_refused_with_the_largest_size(tmp_path: Path) -> None:
    path = write_map(tmp_path, np.full((6000, 6000), FREE, np.uint8), resolution=0.08)
    with pytest.raises(ValueError, match=r"found a free area 6000 x 6000 pixels .* allowed: at most 24 million pixels"):
        load_map(path)
    path = write_map(tmp_path, np.full((4, 4), FREE, np.uint8), image="map.pgm")
    (tmp_path / "map.pgm").write_bytes(b"P5\n40000 40000\n255\n")
    with pytest.raises(ValueError, match=r"40000 x 40000 pixels are more than the 500 million allowed"):
        load_map(path)


def test_an_image_of_another_computer_is_refused_with_the_name_that_would_do(tmp_path: Path) -> None:
    path = write_map(tmp_path, np.full((4, 4), FREE, np.uint8))
    path.write_text(path.read_text().replace("image: map.png", "image: /home/pi/maps/map.png"))
    with pytest.raises(
        ValueError, match=r"'/home/pi/maps/map.png', which is not there \(image: map.png would be found\)"
    ):
        load_map(path)


def test_thresholds_that_leave_nothing_free_are_named(tmp_path: Path) -> None:
    path = write_map(tmp_path, np.array([[89, 178]], np.uint8))
    with pytest.raises(
        ValueError, match=r"free_thresh: found 0.196 and pixels from 89 to 178 of 255, none of them free"
    ):
        load_map(path)


@given(values=st.dictionaries(st.sampled_from(sorted(FIELDS)), st.one_of(
    st.none(), st.text(max_size=5), st.floats(), st.booleans(), st.integers(), st.lists(st.floats(), max_size=4))))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_whatever_a_field_holds_the_answer_is_a_grid_or_one_line(tmp_path_factory: Any, values: dict[str, Any]) -> None:
    path = write_map(tmp_path_factory.mktemp("map"), np.full((4, 4), FREE, np.uint8))
    path.write_text("".join(f"{name}: {value}\n" for name, value in (FIELDS | values).items()))
    try:
        assert load_map(path).occupied.shape == (4, 4)
    except ValueError as refused:
        assert str(refused).startswith(str(path)) and "\n" not in str(refused)
