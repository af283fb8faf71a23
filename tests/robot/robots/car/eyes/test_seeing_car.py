"""What a car with a camera may be told, and who takes its file."""

from pathlib import Path

import pytest

from robot.robots.car.car_file import load_car
from robot.robots.car.eyes.seeing_car import has_eyes, load_seeing_car, motor_of
from robot.robots.car.options import CarOptions
from robot.robots.car.trainer import CarTrainConfig

NAME, LIDAR = "virtual-camera-car", "virtual-car"


def test_a_camera_in_the_place_of_a_lidar_makes_the_task_another_one() -> None:
    options = CarOptions(robot=NAME)
    assert (options.task, options.mapless, options.demonstration) == ("race_track_by_camera", True, "policy")
    assert CarOptions(robot=LIDAR).task == "race_track" and not has_eyes("no-such-file.toml")
    assert CarTrainConfig(eyes=True).task == "race_track_by_camera"


def test_who_needs_a_lidar_refuses_it_and_its_motor_is_found_by_anybody() -> None:
    with pytest.raises(
        ValueError, match=r"virtual-camera-car\.toml: devices: found motor, camera, needed: motor, lidar"
    ):
        load_car(NAME)
    assert motor_of(NAME) == load_seeing_car(NAME).motor and motor_of(LIDAR) == load_car(LIDAR).motor


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"people": 2}, "--people: found 2, allowed of a car without a lidar: nothing"),
        ({"predictive_brake": False}, "--predictive-brake: found False, allowed of a car without a lidar: nothing"),
        ({"start": (0.0, 0.0, 0.0), "robot": NAME}, "--start: found"),
        ({"demonstration": "keyboard"}, "--demonstration: found 'keyboard', allowed of a car with a camera: policy"),
        ({"robot": LIDAR, "demonstration": "policy"}, "allowed of virtual-car, which has no camera"),
        ({"robot": LIDAR, "task": "race_track_by_camera"}, "allowed of virtual-car, which has no camera"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CarOptions(**{"robot": NAME, **options})  # type: ignore[arg-type]


def test_a_servo_that_cannot_turn_the_wheels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    path.write_text(
        'virtual = true\ncar = "f1tenth"\n[devices.motor]\ndriver = "vesc"\nport = "virtual"\nservo_gain = -9.0\n'
        '[devices.camera]\ndriver = "camera"\nsource = "0"\n'
    )
    with pytest.raises(ValueError, match=r"servo_gain: found -9.0, allowed: .*what lets the wheels turn"):
        load_seeing_car(str(path))
