"""Arms of the simulator that insert by their wrist cameras: how good an encoder is, by what comes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robot.perception.encoder import Encoder
from robot.perception.encoder_file import ENCODER_FILE
from robot.robots.arm.eyes.hole_estimate import HoleEstimate
from robot.robots.arm.eyes.mind import LOOKS_FROM_M
from robot.robots.arm.eyes.wrist_view import HEIGHT, WIDTH, told_of
from robot.robots.arm.hidden_arm import hidden_arms
from robot.robots.arm.judging import Act, Found, found
from robot.robots.arm.training.insertions import RUNNING, WON, Insertions
from robot.tasks import peg_insert
from sim.arm.insertion import PAN_M, frame_of
from sim.camera.wrist import WristCameras
from sim.camera.wrist_looks import draw_wrist_looks

LOOKED = 10  # pictures before an episode
UNSTEADY_M, UNSTEADY_RAD = 0.006, 0.03  # of the hand, while it looks
FIRST_JUDGED_SEED = 2_000_000  # of looks: no training's


class SeenInsertions(Insertions):
    """As `Insertions`, where `place` and `frame` are what pictures say: one a decision. Each arm has a look of its own."""

    def __init__(self, count: int, seed: int, encoder: bytes, rows: Mapping[str, Any] | None = None,
                 undo: bool = False) -> None:  # fmt: skip
        self._encoder = Encoder(Path(ENCODER_FILE), encoder)
        looks = draw_wrist_looks(count, FIRST_JUDGED_SEED + seed, WIDTH, HEIGHT)
        self._cameras, self.estimates = WristCameras(looks, seed), [HoleEstimate() for _ in range(count)]
        self._frames = np.empty((count, *looks.frame_shape), np.uint8)
        self.embeddings = np.zeros((count, self._encoder.size), np.float32)  # of the newest pictures
        super().__init__(count, seed, rows, undo=undo)

    def move_board(self, lanes: np.ndarray) -> None:
        """New episodes, after a look from over the middle of where boards stand."""
        super().move_board(lanes)
        for lane in lanes:
            self.estimates[lane].begin()
        for _ in range(LOOKED):
            poses = np.zeros((len(lanes), 9))
            for k, lane in enumerate(lanes):
                off = np.array([0.0, 0.0, LOOKS_FROM_M]) + self.rng.uniform(-UNSTEADY_M, UNSTEADY_M, 3)
                poses[k, :3] = self.estimates[lane].middle + off
                bearing = float(np.arctan2(poses[k, 1], poses[k, 0] - PAN_M))
                frame = frame_of(bearing, *self.rng.uniform(-UNSTEADY_RAD, UNSTEADY_RAD, 2))
                poses[k, 3:6], poses[k, 6:9] = -frame[:, 2], frame[:, 1]
            self._take(lanes, poses)

    def _take(self, lanes: np.ndarray, poses: np.ndarray) -> None:
        """A picture of each of these lanes, from poses (n, 9) of their hands."""
        count, half_m = len(lanes), self.batch.get("hole_half_m").astype(float)[lanes, 0]
        place = np.stack([self.holes[lane].place_m for lane in lanes])
        frame = np.stack([self.holes[lane].frame for lane in lanes])
        frames = self._frames[:count]
        self._cameras.render(frames, poses, np.zeros((count, 3)), place, frame, half_m, lanes)
        for lane, pose, picture in zip(lanes, poses, frames, strict=True):
            self.embeddings[lane] = self._encoder.embed(picture)
            self.estimates[lane].see(pose, *told_of(self.embeddings[lane]))
            self.place[lane], self.frame[lane] = self.estimates[lane].place, self.estimates[lane].frame

    def _look(self) -> None:
        joint_rad = self.batch.get("joint_rad").astype(float)
        self._take(np.arange(self.count), np.stack([self.kinematics.look(each).copy() for each in joint_rad]))
        super()._look()

    def off_m(self) -> np.ndarray:
        """How far from where holes are they are taken to be, along their boards, (count,)."""
        off = self.place - np.stack([hole.place_m for hole in self.holes])
        along = np.stack([hole.frame[:, :2].T @ each for hole, each in zip(self.holes, off, strict=True)])
        return np.asarray(np.sqrt((along * along).sum(1)))


def seen_insertions(act: Act, encoder: bytes, count: int, seed: int, hidden: bool) -> tuple[Found, float, float]:
    """First episodes of many arms, and how far off holes were taken to be as they began and as they ended, m, root mean square."""
    rows = hidden_arms(count, np.random.default_rng([seed, 0x4B7]))[0] if hidden else {}
    arms = SeenInsertions(count, seed, encoder, rows)
    first, times = np.zeros(count, int), np.zeros(count)
    begun_m, ended_m = arms.off_m(), np.zeros(count)
    arms.before_going_on = lambda: off.append(arms.off_m())
    off: list[np.ndarray] = []
    for decision in range(1, round(peg_insert.LONGEST_S / peg_insert.DECISION_S) + 1):
        ended, _ = arms.step(act(arms.seen))
        new = (first == RUNNING) & (ended != RUNNING)
        first, times = np.where(new, ended, first), np.where(new, decision * peg_insert.DECISION_S, times)
        ended_m = np.where(new, off.pop(), ended_m)
        if (first != RUNNING).all():
            break
    return found(first == WON, times), rms(begun_m), rms(ended_m)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values * values).mean()))
