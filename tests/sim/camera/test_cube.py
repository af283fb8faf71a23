"""What a camera on a hand sees of a block, against rays cast in double precision, and against what must follow."""

import numpy as np
import pytest

from sim.arm.around_block import HALF_M, peg_end
from sim.arm.insertion import PAN_M, frame_of
from sim.camera.wrist import BlockCameras
from sim.camera.wrist_looks import OPENINGS, WristLooks, draw_block_looks, opening

WIDTH, HEIGHT = 64, 48
BLOCK = np.array([PAN_M + 0.2, 0.01, -0.0275])
PLAIN = ("defocus", "read_noise", "shot_noise", "plate_contrast", "table_contrast", "light_contrast", "vignette")


@pytest.fixture(scope="module")
def looks() -> WristLooks:
    """Without noise, blur and patterns, in plain light: the block has one grey, and so has the table."""
    looks = draw_block_looks(3, 1, WIDTH, HEIGHT)
    for name in PLAIN:
        looks.values[name] = 0.0
    looks.values["gain"], looks.values["ambient"] = 1.0, 1.0
    return looks


def hand(off_m: tuple[float, float, float]) -> np.ndarray:
    """The pose of an upright hand, so far from the block."""
    return np.concatenate([BLOCK + off_m, [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def seen(
    looks: WristLooks, off_m: tuple[float, float, float], yaw_rad: float = 0.3, jaw_rad: float = 0.45, look: int = 0
) -> np.ndarray:
    out, frame = np.empty((1, HEIGHT, WIDTH, 1), np.uint8), frame_of(0.0, 0.0, yaw_rad)
    BlockCameras(looks, 0).render_block(out, peg_end(hand(off_m))[None], np.zeros((1, 3)), BLOCK[None], frame[None],
                                        np.array([HALF_M]), np.array([jaw_rad]), np.array([look]))  # fmt: skip
    return out[0, :, :, 0].astype(float)


def met(looks: WristLooks, off_m: tuple[float, float, float], yaw_rad: float, look: int, fine: int = 8) -> np.ndarray:
    """The share of each pixel whose rays meet the block, (HEIGHT, WIDTH): slabs, in double precision, in the block's frame."""
    frame, end = frame_of(0.0, 0.0, yaw_rad), peg_end(hand(off_m))
    at = frame.T @ (end[:3] + looks.at_m[look] - BLOCK)  # the hand is upright: its axes are the base's
    share, focal = np.zeros((HEIGHT, WIDTH)), float(looks.values["focal_px"][look])
    for part in range(fine * fine):
        beside = (np.array([part % fine, part // fine]) + 0.5) / fine - 0.5
        ray = np.dstack([looks.rays[look] + beside / focal, np.ones((HEIGHT, WIDTH))]) @ looks.axes[look].T @ frame
        one, other = (-HALF_M - at) / ray, (HALF_M - at) / ray
        share += np.minimum(one, other).max(2) < np.maximum(one, other).min(2)
    return share / fine**2


@pytest.mark.parametrize("look", range(3))
@pytest.mark.parametrize(
    ("off_m", "yaw_rad"), [((0.0, 0.0, 0.08), 0.3), ((0.03, -0.02, 0.05), -0.6), ((-0.02, 0.01, 0.04), 0.0)]
)
def test_the_block_covers_what_rays_in_double_precision_meet(
    looks: WristLooks, look: int, off_m: tuple[float, float, float], yaw_rad: float
) -> None:
    frame, share = seen(looks, off_m, yaw_rad, look=look), met(looks, off_m, yaw_rad, look)
    free = looks.hands[OPENINGS * look + opening(np.array([0.45]))[0], 0] == 0.0
    block, table = float(looks.values["plate"][look]), float(looks.values["table"][look])
    assert (free & (share == 1.0)).sum() > 30
    assert np.abs(frame - (table + share * (block - table)))[free].max() < 0.25 * (block - table)
    assert np.abs(frame - block)[free & (share == 1.0)].max() < 1.0
    assert np.abs(frame - table)[free & (share == 0.0)].max() < 1.0


def test_a_block_between_the_fingers_hides_nothing_of_the_finger_that_is_nearer_and_jaws_are_drawn_as_they_are(
    looks: WristLooks,
) -> None:
    finger = looks.hands[opening(np.array([0.45]))[0]]
    grasped = seen(looks, (0.0, 0.0, 0.0), 0.0)
    sure = finger[0] == 1.0
    assert sure.sum() > 50
    nearer = sure & (met(looks, (0.0, 0.0, 0.0), 0.0, 0) == 0.0)
    assert grasped[nearer] == pytest.approx(finger[1][nearer], abs=1.0)
    closed, open_ = (looks.hands[opening(np.array([rad]))[0], 0].sum() for rad in (-0.05, 0.45))
    assert closed > open_ + 20.0  # it comes into the picture as it closes


def test_faces_that_look_to_the_light_are_lighter(looks: WristLooks) -> None:
    slanted = draw_block_looks(1, 1, WIDTH, HEIGHT)
    for name in PLAIN:
        slanted.values[name] = 0.0
    slanted.values["gain"], slanted.values["ambient"], slanted.values["light_x"], slanted.values["light_y"] = (
        1.0,
        0.4,
        0.0,
        0.0,
    )
    share, frame = met(slanted, (0.0, 0.0, 0.03), 0.0, 0) == 1.0, seen(slanted, (0.0, 0.0, 0.03), 0.0)
    greys = np.unique(np.rint(frame[share & (slanted.hands[OPENINGS - 1, 0] == 0.0)]))
    plate = float(slanted.values["plate"][0])
    assert greys.max() == pytest.approx(plate, abs=1.5) and greys.min() == pytest.approx(0.4 * plate, abs=1.5)


def test_looks_and_arrays_that_are_not_there_are_refused(looks: WristLooks) -> None:
    cameras, out = BlockCameras(looks, 0), np.empty((2, HEIGHT, WIDTH, 1), np.uint8)
    told = (out, np.zeros((2, 9)), np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3, 3)), np.zeros(2))
    with pytest.raises(ValueError, match="look: found 0 to 3, allowed: 0 to 2"):
        cameras.render_block(*told, np.zeros(2), np.array([0, 3]))
    with pytest.raises(ValueError, match=r"jaw_rad: found an array \(3,\), allowed: \(2,\)"):
        cameras.render_block(*told, np.zeros(3), np.zeros(2, int))
