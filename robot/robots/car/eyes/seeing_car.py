"""What the file of a car with a camera says. It has no lidar: whoever needs one refuses such a file."""

from dataclasses import dataclass
from pathlib import Path

from drivers.camera import CameraSettings
from drivers.pca9685 import Pca9685Settings
from drivers.realsense import RealSenseSettings
from drivers.vesc import VescSettings
from robot.perception.mount import Mount
from robot.robots.car.car_file import check_steering, load_car
from robot.runtime.robot_file import read_robot, robot_names, robot_path
from sim.input_files import read_toml

CAMERA = "camera"


@dataclass(frozen=True)
class SeeingCarFile:
    """One car, as its TOML file describes it. car: the parameters that are believed of it. lens: the path of the camera's lens file
    (`robot setup camera`), from the robot file's folder; empty: pictures are taken for what the encoder was trained on. camera_...: how
    the camera is mounted, which is asked by a car whose speed the floor tells; the encoder was trained for these.
    """

    virtual: bool
    car: str
    motor: VescSettings | Pca9685Settings
    camera: CameraSettings | RealSenseSettings
    lens: str = ""
    actuation_s: float | None = None  # measured: how late a command acts; otherwise that of `car`
    camera_height_m: float = 0.2
    camera_pitch_rad: float = 0.08
    camera_forward_m: float = 0.27  # of the rear axle

    def __post_init__(self) -> None:
        check_steering(self.motor)
        self.mount  # noqa: B018 - so that a wrong one is told of

    @property
    def measures_speed(self) -> bool:
        """Whether its motor controller does."""
        return isinstance(self.motor, VescSettings)

    @property
    def mount(self) -> Mount | None:
        """Of the camera, where it has to tell how fast the car goes. Raises ValueError for one that cannot be."""
        told = Mount(self.camera_height_m, self.camera_pitch_rad, self.camera_forward_m)
        return None if self.measures_speed else told


def has_eyes(name: str) -> bool:
    """Whether a robot's file declares a camera and no lidar; one that is not there, whoever reads it misses. Raises ValueError for
    what is no TOML.
    """
    if name not in robot_names() and not Path(name).is_file():
        return False
    devices = read_toml(robot_path(name)).get("devices", {})
    return isinstance(devices, dict) and CAMERA in devices and "lidar" not in devices


def load_seeing_car(name: str) -> SeeingCarFile:
    """A car with a camera by its name, or by the path of its file. Raises ValueError, as `read_robot`."""
    return read_robot(name, SeeingCarFile)


def motor_of(name: str) -> VescSettings | Pca9685Settings:
    """The motor controller of a car, with whatever senses it has. Raises ValueError for what is wrong in its file."""
    return load_seeing_car(name).motor if has_eyes(name) else load_car(name).motor
