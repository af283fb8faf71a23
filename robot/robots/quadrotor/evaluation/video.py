"""A flight as a video: one panel a pilot, drawn in perspective, in real time.

GIF files are written by Pillow, MP4 files by OpenCV (the extra `video`).
"""

import errno
import importlib.util
import io
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from policies.array_file import write_bytes_atomically
from robot.views.plot_style import BLUE, GREEN, GREY, INK, ORANGE, PALE, RED
from sim.quadrotor.model import STEP_S, QuadrotorParameters, rotation_matrix
from sim.scratch_folder import scratch_folder

PANEL = (480, 480)  # pixels
SHARPER = 2  # drawn this many times as large, then shrunk
DECISIONS_PER_FRAME = 4  # 25 frames a second
TRAIL = 120  # decisions
HALF_BOX_M = 0.6
MIN_ARM_M = 0.06  # smaller drones are drawn as large as this

EYE = np.array([-1.7, -2.0, 1.5])  # looks at the origin
FOCAL_LENGTH = 1.4  # in panel widths
SKY = "#f7f8fb"

Flight = tuple[np.ndarray, np.ndarray]  # states (decisions, N_STATE), actions (decisions, N_ROTORS)


def project(points: np.ndarray) -> np.ndarray:
    """Points (..., 3), m, to pixels of a panel (..., 2)."""
    forward = -EYE / np.linalg.norm(EYE)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    seen = (np.asarray(points) - EYE) @ np.stack([right, np.cross(forward, right), forward], axis=1)
    scale = FOCAL_LENGTH * PANEL[0] * SHARPER
    middle = SHARPER * np.array([0.5, 0.47]) * PANEL
    return scale * seen[..., :2] / seen[..., 2:] + middle


def mixed(first: str, second: str, share: float) -> tuple[int, ...]:
    """A colour between two, given as #rrggbb."""
    pairs = [(int(first[k : k + 2], 16), int(second[k : k + 2], 16)) for k in (1, 3, 5)]
    return tuple(round(a + share * (b - a)) for a, b in pairs)


class Panel:
    """Draws one pilot's flight."""

    def __init__(self, pilot: str, flight: Flight, quadrotor: QuadrotorParameters) -> None:
        self.pilot, (self.states, self.actions) = pilot, flight
        scale = max(1.0, MIN_ARM_M / quadrotor.arm_x_m)
        x, y = scale * quadrotor.arm_x_m, scale * quadrotor.arm_y_m
        self.rotors = np.array([[x, -y, 0.0], [-x, -y, 0.0], [-x, y, 0.0], [x, y, 0.0]])
        angle = np.linspace(0.0, 2.0 * math.pi, 24, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
        self.discs = self.rotors[:, None] + 0.75 * min(x, y) * circle
        crashed = np.flatnonzero(np.abs(self.states[:, :3]).max(axis=1) >= HALF_BOX_M)
        self.end = int(crashed[0]) if len(crashed) else len(self.states)
        self.room = Image.new("RGB", (SHARPER * PANEL[0], SHARPER * PANEL[1]), SKY)
        self.pen = ImageDraw.Draw(self.room)
        self.draw_room()

    def draw(self, decision: int) -> Image.Image:
        image = self.room.copy()
        self.pen = ImageDraw.Draw(image)
        at = min(decision, self.end - 1)
        self.draw_trail(at)
        self.draw_drone(at)
        self.draw_text(decision, at)
        return image.reduce(SHARPER)

    def line(self, points: np.ndarray, colour: str | tuple[int, ...], width: float) -> None:
        pixels = [tuple(p) for p in project(points)]
        self.pen.line(pixels, fill=colour, width=round(width * SHARPER), joint="curve")

    def draw_room(self) -> None:
        """The floor of the box, its edges, and the set-point."""
        b = HALF_BOX_M
        for k in np.linspace(-b, b, 7):
            self.line(np.array([[k, -b, -b], [k, b, -b]]), PALE, 1)
            self.line(np.array([[-b, k, -b], [b, k, -b]]), PALE, 1)
        corners = [(-b, -b), (b, -b), (b, b), (-b, b)]
        for x, y in corners[1:]:
            self.line(np.array([[x, y, -b], [x, y, b]]), PALE, 1)
        self.line(np.array([[x, y, b] for x, y in corners[1:]]), PALE, 1)
        for axis in 0.05 * np.eye(3):
            self.line(np.array([-axis, axis]), GREEN, 2)

    def draw_trail(self, at: int) -> None:
        """Where the drone was, and its shadow on the floor."""
        path = self.states[max(0, at - TRAIL) : at + 1 : 2, :3]
        for k in range(len(path) - 1):
            self.line(path[k : k + 2], mixed(SKY, BLUE, 0.1 + 0.8 * k / len(path)), 2)
        x, y, _ = self.states[at, :3]
        shadow = np.array([[x, y, -HALF_BOX_M]]) + self.discs[:, ::2].reshape(-1, 3) * [0.6, 0.6, 0.0]
        for disc in shadow.reshape(4, -1, 3):
            self.pen.polygon([tuple(p) for p in project(disc)], fill=mixed(SKY, GREY, 0.35))

    def draw_drone(self, at: int) -> None:
        """Arms, rotors coloured by their commands (blue idle, red full), and the rotors' axis."""
        state = self.states[at]
        rotation = np.array(rotation_matrix.py_func(*state[3:7])).reshape(3, 3)
        place = state[:3]
        discs, rotors = self.discs @ rotation.T + place, self.rotors @ rotation.T + place
        up = place + rotation @ [0.0, 0.0, 0.09]
        far_first = np.argsort(-np.linalg.norm(rotors - EYE, axis=1))
        for k in far_first:
            self.line(np.array([place, rotors[k]]), INK, 3)
        for k in far_first:
            colour = mixed(BLUE, RED, float(0.5 * self.actions[at, k] + 0.5))
            front = k in (0, 3)
            self.pen.polygon([tuple(p) for p in project(discs[k])], fill=colour, outline=ORANGE if front else INK,
                             width=SHARPER)  # fmt: skip
        self.line(np.array([place, up]), INK, 2)

    def draw_text(self, decision: int, at: int) -> None:
        size = 15 * SHARPER
        font, small = ImageFont.load_default(1.3 * size), ImageFont.load_default(size)
        error_cm = 100.0 * float(np.linalg.norm(self.states[at, :3]))
        fate = f"left the box at {STEP_S * self.end:.2f} s" if decision >= self.end else f"{error_cm:5.1f} cm away"
        self.pen.text((size, 0.8 * size), self.pilot, fill=INK, font=font)
        self.pen.text((size, 2.4 * size), f"{STEP_S * decision:4.2f} s    {fate}", font=small,
                      fill=RED if decision >= self.end else GREY)  # fmt: skip


def frames(flights: dict[str, Flight], quadrotor: QuadrotorParameters) -> Iterator[Image.Image]:
    """The panels of all pilots side by side, every DECISIONS_PER_FRAME decisions."""
    panels = [Panel(pilot, flight, quadrotor) for pilot, flight in flights.items()]
    decisions = max(len(panel.states) for panel in panels)
    for decision in range(0, decisions, DECISIONS_PER_FRAME):
        image = Image.new("RGB", (PANEL[0] * len(panels), PANEL[1]))
        for k, panel in enumerate(panels):
            image.paste(panel.draw(decision), (PANEL[0] * k, 0))
        yield image


def check_format(path: Path) -> None:
    """Raise ValueError for an ending that `save_video` does not write, or not on this machine."""
    if path.suffix not in (".gif", ".mp4"):
        raise ValueError(f"--video: found {path.name!r}, allowed: a name that ends in .mp4 or .gif")
    if path.suffix == ".mp4" and importlib.util.find_spec("cv2") is None:
        raise ValueError("--video: an .mp4 needs OpenCV: pip install 'robot-practice[cameras]'; a .gif does not")


def save_video(path: Path, images: Iterable[Image.Image]) -> None:
    """Write a .gif or an .mp4. Raises ValueError as `check_format`; OSError if there is no room for it."""
    check_format(path)
    frame_s = DECISIONS_PER_FRAME * STEP_S
    if path.suffix == ".gif":
        first, *others = (image.quantize(64) for image in images)
        data = io.BytesIO()
        first.save(data, "gif", save_all=True, append_images=others, duration=round(1000 * frame_s), loop=0)
        write_bytes_atomically(path, [data.getvalue()])
        return
    import cv2

    with scratch_folder("policy-film") as folder:  # OpenCV says nothing of a disk that is full, or not to be written to
        film, shown = folder / path.name, 0
        writer = None
        for image in images:
            shown += 1
            if writer is None:
                writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 1.0 / frame_s, image.size)
            writer.write(np.asarray(image)[:, :, ::-1])
        if writer is not None:
            writer.release()
        if round(cv2.VideoCapture(str(film)).get(cv2.CAP_PROP_FRAME_COUNT)) != shown:
            raise OSError(errno.EIO, "the film could not be written whole: is the disk full?", str(film))
        write_bytes_atomically(path, [film.read_bytes()])
