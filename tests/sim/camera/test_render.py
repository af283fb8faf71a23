"""What the renderer draws, against rays cast one by one in double precision, with OpenCV's lens and SciPy's rotations."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sim.camera.camera import Camera
from sim.camera.lens import Lens
from sim.camera.looks import BACKGROUND, CEILING, FLOOR, STRIPE, TAPE, WALL
from sim.distance_field import OccupancyGrid
from tests.sim.camera.bare import GREYS, bare_look

CELL_M = 0.04
TURNED_RAD, ORIGIN_M = 0.6, np.array([3.0, -2.0])
ROOM_M = np.array([[0.4, 0.8], [6.0, 4.4]])  # low and high corner in the grid's own axes
LENS = Lens(64, 48, 24.0, 24.0, 30.8, 23.1, (0.01, 0.0, 0.002, -0.001, 0.0, 0.05, 0.0, 0.0))
MOUNT = {"height_m": 0.22, "forward_m": 0.15, "roll_rad": 0.05, "pitch_rad": 0.12, "yaw_rad": -0.08,
         "wall_height_m": 0.5, "ceiling_m": 2.5, "far_m": 20.0, "stripe_m": 0.6, "texture_x_m": 7.3, "texture_y_m": 7.3}  # fmt: skip
TAPED = {"wall_height_m": 0.0, "tape_inset_m": 0.3, "tape_half_width_m": 0.1, "far_m": 5.0}
POSE = np.array([1.9, 1.7, 0.5])  # in the grid's own axes


def room() -> OccupancyGrid:
    occupied = np.ones((130, 170), bool)
    low, high = np.round(ROOM_M / CELL_M).astype(int)
    occupied[low[1] : high[1], low[0] : high[0]] = False
    return OccupancyGrid("room", occupied, CELL_M, *ORIGIN_M, TURNED_RAD)


def in_map(pose: np.ndarray) -> np.ndarray:
    """A pose of the grid's own axes, in the map's frame."""
    turned = Rotation.from_euler("z", TURNED_RAD).as_matrix()[:2, :2]
    return np.array([*(ORIGIN_M + turned @ pose[:2]), pose[2] + TURNED_RAD])


def cast(pose: np.ndarray, look: dict[str, float]) -> np.ndarray:
    """The surface that each pixel sees, (48, 64)."""
    camera = np.array([[LENS.focal_x_px, 0, LENS.centre_x_px], [0, LENS.focal_y_px, LENS.centre_y_px], [0, 0, 1.0]])
    v, u = np.mgrid[: LENS.height, : LENS.width]
    pixels = np.stack([u, v], 2).reshape(-1, 1, 2).astype(np.float64)
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-12)
    rays = cv2.undistortPoints(pixels, camera, np.array(LENS.distortion), criteria=until).reshape(-1, 2)
    car = Rotation.from_euler("ZYX", [look["yaw_rad"], look["pitch_rad"], look["roll_rad"]])
    ahead = np.stack([np.ones(len(rays)), -rays[:, 0], -rays[:, 1]], 1)
    direction = Rotation.from_euler("z", pose[2]).apply(car.apply(ahead))
    eye = np.array([pose[0] + look["forward_m"] * np.cos(pose[2]), pose[1] + look["forward_m"] * np.sin(pose[2])])
    height_m = look["height_m"]
    with np.errstate(divide="ignore"):
        to_walls = np.where(direction[:, :2] > 0, ROOM_M[1] - eye, ROOM_M[0] - eye) / direction[:, :2]
        to_floor = np.where(direction[:, 2] < 0, -height_m / direction[:, 2], np.inf)
        to_ceiling = np.where(direction[:, 2] > 0, (look["ceiling_m"] - height_m) / direction[:, 2], np.inf)
    to_wall, axis = to_walls.min(1), to_walls.argmin(1)
    along = np.where(
        axis == 0, (eye + to_wall[:, None] * direction[:, :2])[:, 1], (eye + to_wall[:, None] * direction[:, :2])[:, 0]
    )
    level = np.sqrt((direction[:, :2] ** 2).sum(1))
    seen = np.full(len(rays), BACKGROUND)
    seen[to_ceiling * level < look["far_m"]] = CEILING
    seen[to_floor * level < look["far_m"]] = FLOOR
    if look["wall_height_m"] > 0.0:
        top = height_m + to_wall * direction[:, 2]
        stripe = np.floor((along - 0.5 * CELL_M + look["texture_x_m"] + 512.0) / look["stripe_m"]).astype(int) % 2
        wall = (to_wall < to_floor) & (top < look["wall_height_m"])
        seen[wall] = np.where(stripe == 1, STRIPE, WALL)[wall]
    else:
        on_floor = eye + to_floor[:, None] * direction[:, :2]
        edge = np.minimum(on_floor - ROOM_M[0], ROOM_M[1] - on_floor).min(1)
        seen[(seen == FLOOR) & (np.abs(edge - look["tape_inset_m"]) < look["tape_half_width_m"])] = TAPE
        seen[(seen == FLOOR) & (edge < 0.0)] = 1
    return seen.reshape(LENS.height, LENS.width)


def near_an_edge(surfaces: np.ndarray) -> np.ndarray:
    """Pixels with another surface within two pixels: far tape covers a part of so many."""
    image = surfaces.astype(np.uint8)
    kernel = np.ones((5, 5), np.uint8)
    return cv2.dilate(image, kernel) != cv2.erode(image, kernel)


@pytest.mark.parametrize("turn", [0.0, 1.3, 2.9, -2.2])
@pytest.mark.parametrize("more", [{}, TAPED], ids=["walls", "tape"])
def test_every_pixel_sees_what_a_ray_cast_by_itself_meets(turn: float, more: dict[str, float]) -> None:
    look = MOUNT | more
    pose = POSE + [0.0, 0.0, turn]
    frame = Camera(room(), bare_look(LENS, **look), 0).render(in_map(pose))
    wanted = cast(pose, look)
    greys = np.array([GREYS[surface] for surface in sorted(GREYS)])[wanted]
    lit = np.abs(frame.astype(float) / greys - 1.0) < 0.21  # walls are brighter or darker by their direction
    inside = ~near_an_edge(wanted)
    assert len(np.unique(wanted)) >= (4 if more else 3) and inside.mean() > 0.4
    assert lit[inside].all()
    assert lit.mean() > 0.92  # of the others a part: an edge is where it should be within a pixel


def test_far_tape_covers_a_part_of_its_pixels() -> None:
    look = MOUNT | TAPED | {"tape_half_width_m": 0.025}
    fine = Lens(
        512, 384, *(8.0 * LENS.focal_x_px,) * 2, *(8.0 * centre + 3.5 for centre in (30.8, 23.1)), LENS.distortion
    )
    off = []
    for turn in (0.0, 1.3, 2.9, -2.2):
        pose = in_map(POSE + [0.0, 0.0, turn])
        frame = Camera(room(), bare_look(LENS, **look), 0).render(pose).astype(float)
        blocks = Camera(room(), bare_look(fine, **look), 0).render(pose).reshape(48, 8, 64, 8).mean((1, 3))
        assert frame[24:].mean() == pytest.approx(blocks[24:].mean(), rel=0.03)
        off.append(np.abs(frame - blocks)[24:].mean())
    assert np.mean(off) < 3.0  # of 180 grey levels between floor and tape


def test_rows_are_seen_at_their_own_time() -> None:
    speed, yaw_rate, readout_s = 3.0, 3.0, 0.1
    look = MOUNT | {"wall_height_m": 1.5, "stripe_m": 0.2, "forward_m": 0.0}
    frame = Camera(room(), bare_look(LENS, **look, readout_s=readout_s), 0).render(in_map(POSE), speed, yaw_rate)
    still = Camera(room(), bare_look(LENS, **look), 0)
    rows = []
    for v in range(LENS.height):
        late_s = readout_s * ((v + 0.5) / LENS.height - 0.5)
        ahead_m = speed * late_s * np.array([np.cos(POSE[2]), np.sin(POSE[2])])
        rows.append(still.render(in_map(POSE + [*ahead_m, yaw_rate * late_s]))[v])
    off, off_at_once = ((np.abs(frame.astype(int) - other) > 12).mean() for other in (rows, still.render(in_map(POSE))))
    assert off < 0.02 < 0.1 < off_at_once


def test_a_turning_car_sees_the_average_over_its_exposure() -> None:
    level = MOUNT | {"roll_rad": 0.0, "pitch_rad": 0.0, "wall_height_m": 2.4}
    pinhole = Lens(64, 48, 60.0, 60.0, 31.5, 23.5)
    yaw_rate, exposure_s = 4.0, 0.02
    frame = Camera(room(), bare_look(pinhole, **level, exposure_s=exposure_s), 0).render(in_map(POSE), 0.0, yaw_rate)
    still = Camera(room(), bare_look(pinhole, **level), 0)
    turned = yaw_rate * exposure_s * np.linspace(-0.5, 0.5, 41)
    average = np.mean([still.render(in_map(POSE + [0, 0, turn])) for turn in turned], 0)
    sharp = np.abs(still.render(in_map(POSE)) - average)[20, 8:-8]
    blurred = np.abs(frame - average)[20, 8:-8]
    assert sharp.max() > 10.0
    assert blurred.max() < 0.5 * sharp.max() and blurred.mean() < 0.3 * sharp.mean()


def test_braking_lowers_the_nose() -> None:
    look = MOUNT | TAPED | {"roll_rad": 0.0, "dive_rad_per_m_s2": 0.01}
    camera = Camera(room(), bare_look(LENS, **look), 0)
    horizon = [
        (camera.render(in_map(POSE), acceleration=each)[:, 32] != GREYS[FLOOR]).sum() for each in (-8.0, 0.0, 8.0)
    ]
    assert horizon[0] < horizon[1] < horizon[2]
    lowered = Camera(room(), bare_look(LENS, **(look | {"pitch_rad": look["pitch_rad"] + 0.08})), 0)
    np.testing.assert_array_equal(camera.render(in_map(POSE), acceleration=-8.0), lowered.render(in_map(POSE)))
