"""What a camera on a hand sees of a board with a hole, against rays cast in double precision, and against what must follow."""

import numpy as np
import pytest

from sim.arm.insertion import PAN_M, frame_of
from sim.arm.peg import PegScene
from sim.camera import board, hand_seen
from sim.camera.wrist import WristCameras
from sim.camera.wrist_looks import WristLooks, draw_wrist_looks

WIDTH, HEIGHT = 64, 48
PLACE, HALF_M = np.array([PAN_M + 0.2, 0.01, -0.055]), 0.00825


@pytest.fixture(scope="module")
def looks() -> WristLooks:
    """Without noise, blur and patterns, in plain light."""
    looks = draw_wrist_looks(4, 1, WIDTH, HEIGHT)
    for name in (
        "defocus",
        "read_noise",
        "shot_noise",
        "plate_contrast",
        "table_contrast",
        "light_contrast",
        "vignette",
    ):
        looks.values[name] = 0.0
    looks.values["gain"], looks.values["ambient"] = 1.0, 1.0
    return looks


@pytest.fixture(scope="module")
def cameras(looks: WristLooks) -> WristCameras:
    return WristCameras(looks, 0)


def seen(cameras: WristCameras, height_m: float, aside_m: tuple[float, float] = (0.0, 0.0), tilt_rad: float = 0.0,
         look: int = 0, speed_m_s: float = 0.0) -> np.ndarray:  # fmt: skip
    """A frame from so far over the hole, in the attitude of the hole."""
    frame = frame_of(0.1, tilt_rad, 0.05)
    pose = np.concatenate([PLACE + frame @ [*aside_m, height_m], -frame[:, 2], frame[:, 1]])
    out = np.empty((1, HEIGHT, WIDTH, 1), np.uint8)
    motion = speed_m_s * frame[None, :, 0]
    return cameras.render(out, pose[None], motion, PLACE[None], frame[None], np.array([HALF_M]), np.array([look]))[
        0, :, :, 0
    ].copy()


def test_sizes_are_those_of_the_simulated_peg_and_hole() -> None:
    scene = PegScene()
    assert (scene.depth, scene.chamfer) == (board.HOLE_DEPTH_M, board.CHAMFER_M)
    assert hand_seen.HIGH_M[0].tolist() == [scene.half_width, scene.half_width, scene.length]


@pytest.mark.parametrize("look", range(4))
def test_the_hole_is_where_rays_in_double_precision_meet_it(
    cameras: WristCameras, looks: WristLooks, look: int
) -> None:
    aside_m = np.array([0.006, -0.022])
    frame = seen(cameras, 0.035, (-aside_m[0], -aside_m[1]), look=look).astype(float)
    ray = np.einsum("ij,vuj->vui", looks.axes[look], np.dstack([looks.rays[look], np.ones((HEIGHT, WIDTH))]))
    along = (-0.035 - looks.at_m[look, 2]) / ray[..., 2]  # to the board, which lies across the hand's z
    on_board = looks.at_m[look, :2] + along[..., None] * ray[..., :2] - aside_m
    out_m = np.abs(on_board).max(2)
    plate = float(looks.values["plate"][look])
    covered = looks.hands[look, 0] > 0.0
    free_plate = ~covered & (out_m > HALF_M + 0.004) & (out_m < 0.04)
    in_hole = ~covered & (out_m < HALF_M - 0.003)
    assert in_hole.sum() > 3 and free_plate.sum() > 200
    assert np.abs(frame[free_plate] - plate).max() < 1.0
    assert frame[in_hole].max() < 0.45 * plate
    # a pixel that the edge divides is as dark as the hole's share of it: together they are as large as the hole
    near = ~covered & (out_m < HALF_M + 0.004)
    depth = along[near]
    size_m2 = (depth / looks.values["focal_px"][look]) ** 2 * np.linalg.norm(ray[near], axis=1) / -ray[near][:, 2]
    share = np.clip((plate - frame[near]) / (plate - frame[in_hole].mean()), 0.0, 1.0)
    assert (share * size_m2).sum() == pytest.approx((2.0 * HALF_M) ** 2, rel=0.15)


def test_the_peg_vanishes_in_the_hole_as_it_goes_in(cameras: WristCameras, looks: WristLooks) -> None:
    hand = looks.hands[0, 0] > 0.99
    plate = float(looks.values["plate"][0])
    shown = [
        int((np.abs(seen(cameras, -depth_m).astype(float) - plate)[hand] > 10.0).sum())
        for depth_m in (0.0, 0.007, 0.014)
    ]
    assert shown[0] > shown[1] > shown[2] > 0
    assert shown[0] - shown[2] > 20


def test_a_hand_that_moves_smears_the_board_and_not_itself(cameras: WristCameras, looks: WristLooks) -> None:
    looks.values["exposure_s"] = 0.02
    still, fast = seen(cameras, 0.04).astype(float), seen(cameras, 0.04, speed_m_s=0.3).astype(float)
    hand = looks.hands[0, 0] > 0.99
    assert np.array_equal(still[hand], fast[hand])
    assert np.abs(still - fast)[~hand].max() > 20.0


def test_noise_is_new_in_each_frame_and_the_same_for_the_same_seed() -> None:
    looks = draw_wrist_looks(2, 3, WIDTH, HEIGHT)
    first, again = WristCameras(looks, 5), WristCameras(looks, 5)
    one, two = seen(first, 0.03), seen(first, 0.03)
    assert not np.array_equal(one, two)
    assert np.array_equal(one, seen(again, 0.03)) and np.array_equal(two, seen(again, 0.03))


def test_a_look_that_is_not_there_and_arrays_that_do_not_fit_are_refused(cameras: WristCameras) -> None:
    with pytest.raises(ValueError, match="look: found 4 to 4, allowed: 0 to 3"):
        seen(cameras, 0.03, look=4)
    with pytest.raises(ValueError, match="pose: found an array"):
        cameras.render(np.empty((1, HEIGHT, WIDTH, 1), np.uint8), np.zeros((1, 3)), np.zeros((1, 3)), PLACE[None],
                       np.eye(3)[None], np.array([HALF_M]), np.zeros(1, int))  # fmt: skip
