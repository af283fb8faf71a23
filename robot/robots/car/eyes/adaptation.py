"""A driver with a camera, made better in a simulator of the course that it has seen: the camera's part in practice's adaptation."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from policies.policy_file import load_policy
from robot.perception.encoder_file import ENCODER_FILE
from robot.practice.practice import Adapted
from robot.robots.car.car_file import as_believed
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, load_course
from robot.robots.car.eyes.rooms import learned_rooms, with_walls
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.eyes.seen_laps import SEEN_LAPS_FILE, load_seen_laps
from robot.robots.car.eyes.taught_here import looks_like_here, taught_here, teacher_here
from robot.robots.car.options import CarOptions
from robot.robots.car.practice import SHIPPED_POLICY
from robot.tasks.race_track.by_camera import EMBEDDING
from robot.tasks.race_track.task import OBSERVATION_SIZE


def adapt(config: CarOptions, folder: Path, step: int, weights: np.ndarray, layers: tuple[int, ...],
          seed: int) -> Adapted | None:  # fmt: skip
    """The policy taught the course, and the car, that its first laps have shown by the transition of that step; None before those are
    driven.
    """
    lap = load_course(folder / COURSE_FILE)[0]  # first: who draws another course empties the laps before that
    told = load_seen_laps(folder / SEEN_LAPS_FILE, step)
    if told is None:
        return None
    seen, found = told
    encoder = (folder / ENCODER_FILE).read_bytes()
    rooms = learned_rooms(encoder, weights, layers, seed)
    course = with_walls(lap, seen["s"], seen["lateral"], rooms.told(seen["observation"]))
    looks = looks_like_here(seen["observation"][:, :EMBEDDING], course, encoder, weights, layers, seed)
    believed = as_believed(config.robot, load_seeing_car(config.robot))
    front, rear, trim_rad = (float(found[name]) for name in ("front_grip_share", "rear_grip_share", "trim_rad"))
    car = replace(believed, front_grip_share=front * believed.front_grip_share, steer_trim_rad=trim_rad,
                  rear_grip_share=rear * believed.rear_grip_share)  # fmt: skip
    knowing = load_policy(SHIPPED_POLICY, "race_track", OBSERVATION_SIZE).weights
    teacher = teacher_here(course, car, knowing, seed)
    taught = taught_here(course, car, teacher, looks, encoder, weights, layers, seed)
    width_m = course.width_left + course.width_right
    belief = {"course_m": course.length_m, "least_width_m": float(width_m.min()), "most_width_m": float(width_m.max()),
              "front_grip_share": front, "rear_grip_share": rear, "trim_rad": trim_rad}  # fmt: skip
    text = (f"taught its course: {course.length_m:.1f} m, {width_m.min():.1f} to {width_m.max():.1f} m wide, grip {front:.2f} in "
            f"front and {rear:.2f} behind, of the nominal one, trim {trim_rad:.3f} rad, from {len(seen)} decisions")  # fmt: skip
    return Adapted(taught, belief, text)
