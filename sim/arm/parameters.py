"""A serial arm's parameter file, and what the equations need of it.

A file tells links as robot descriptions do, each in a frame of its own. The equations want frames that are parallel to the
world's when all angles are zero: most joint axes are then coordinate axes, and most constants zero or one. Where the next
joint's axis can be made one by turning the frame about its own joint, it is turned, and the angle counted from there.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from sim.arm.algebra import rotation, rotation_of
from sim.input_files import from_table, read_toml, wrong

Three = tuple[float, float, float]
DATA = Path(__file__).parent / "data"
UNIT_WITHIN = 1e-3  # by which a file's axes and quaternions may miss a length of one
NOTHING = 1e-12  # what constants round to zero below, after turning


@dataclass(frozen=True)
class LinkTable:
    """One link and the joint that moves it, as the file tells them."""

    name: str
    origin_m: Three  # of its frame in the frame of the link before
    quaternion: tuple[float, float, float, float]  # of its frame in that of the link before, w, x, y, z, at angle zero
    axis: Three  # of its joint, in its own frame
    mass_kg: float
    centre_m: Three  # of its mass, in its own frame
    inertia_kg_m2: tuple[
        float, float, float, float, float, float
    ]  # about its centre, in its frame: xx, yy, zz, xy, xz, yz
    range_rad: tuple[float, float]

    def __post_init__(self) -> None:
        numbers = {name: value for name, value in vars(self).items() if name != "name"}
        for name, value in numbers.items():
            if not np.all(np.isfinite(value)):
                raise ValueError(f"links.{self.name}.{name}: found {value}, allowed: finite numbers")
        for name in ("quaternion", "axis"):
            length = float(np.linalg.norm(numbers[name]))
            if abs(length - 1.0) > UNIT_WITHIN:
                raise ValueError(f"links.{self.name}.{name}: found a length of {length:.4g}, allowed: 1")
        if self.mass_kg <= 0.0:
            raise ValueError(f"links.{self.name}.mass_kg: found {self.mass_kg}, allowed: above 0")
        principal = np.linalg.eigvalsh(symmetric(self.inertia_kg_m2))
        if principal[0] < 0.0 or principal[2] > (principal[0] + principal[1]) * 1.01 + NOTHING:
            raise ValueError(
                f"links.{self.name}.inertia_kg_m2: found principal moments {principal.tolist()}, allowed: none negative, "
                "the largest no more than the two others together"
            )
        if not self.range_rad[0] < self.range_rad[1]:
            raise ValueError(f"links.{self.name}.range_rad: found {list(self.range_rad)}, allowed: the lower end first")


@dataclass(frozen=True)
class Servo:
    """A position servo: a motor with gears, whose duty cycle is proportional to the error of position."""

    gain_n_m_rad: float  # at the nominal voltage
    stall_n_m: float
    no_load_rad_s: float
    stall_current_a: float
    nominal_v: float
    supply_ohm: float  # of the supply and its cable, shared by all servos
    friction_n_m: float
    backlash_rad: float  # to either side
    armature_kg_m2: float  # of the rotor, behind the gears
    speed_max_rad_s: float  # of the goal that it follows
    latency_s: float  # from a goal's way onto the bus to the servo's obeying it

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            least_is_zero = name in ("supply_ohm", "friction_n_m", "backlash_rad", "latency_s", "armature_kg_m2")
            if not math.isfinite(value) or value < 0.0 or (value == 0.0 and not least_is_zero):
                raise ValueError(f"servo.{name}: found {value}, allowed: {'0 or more' if least_is_zero else 'above 0'}")


@dataclass(frozen=True)
class Tool:
    """Where the hand works."""

    link: str
    point_m: Three  # between its fingers, in the link's frame
    approach: Three  # which way it points
    across: Three  # the axis that its jaw turns about; at right angles to `approach`


@dataclass(frozen=True)
class Capsule:
    """A part of a link's body: all that is within a radius of a line."""

    link: str
    from_m: Three
    to_m: Three
    radius_m: float


@dataclass(frozen=True)
class Pad:
    """A point of a finger that touches things: a small ball."""

    link: str
    point_m: Three
    radius_m: float


@dataclass(frozen=True)
class ArmFile:
    """All that an arm's file may tell."""

    name: str
    links: tuple[LinkTable, ...]
    servo: Servo | None = None
    tool: Tool | None = None
    capsules: tuple[Capsule, ...] = ()
    pads: tuple[Pad, ...] = ()


@dataclass(frozen=True)
class Link:
    """One link for the equations, in a frame that is parallel to the one before when the joint's angle is -offset."""

    axis: list[float]  # of its joint, through the frame's origin
    origin: list[float]  # of its frame in that of the link before, m
    offset: float  # to be added to the joint's angle
    mass: float  # kg
    first_moment: list[float]  # mass times its centre, kg m
    inertia: list[list[float]]  # about the frame's origin, kg m2


@dataclass(frozen=True)
class Arm:
    """A serial arm: links from the base on, and what is told of it in their files' own frames."""

    file: ArmFile
    links: tuple[Link, ...]
    turned: tuple[np.ndarray, ...]  # for each link, what turns vectors of the file's frame into the equations'

    @property
    def joints(self) -> int:
        return len(self.links)

    @property
    def servo(self) -> Servo:
        """Raises ValueError if the file tells none."""
        if self.file.servo is None:
            raise ValueError(
                f"{self.file.name}: servo: found nothing, allowed: a table of {', '.join(Servo.__annotations__)}"
            )
        return self.file.servo

    @property
    def tool(self) -> Tool:
        """Raises ValueError if the file tells none."""
        if self.file.tool is None:
            raise ValueError(
                f"{self.file.name}: tool: found nothing, allowed: a table of {', '.join(Tool.__annotations__)}"
            )
        return self.file.tool

    def number(self, link: str) -> int:
        """Of a link, from 0 on."""
        return [table.name for table in self.file.links].index(link)

    def turn(self, link: str, vector: Three) -> list[float]:
        """A vector of the file's frame of a link, in the equations' frame of that link."""
        return cleaned(self.turned[self.number(link)] @ np.array(vector))


def symmetric(six: Any) -> np.ndarray:
    """The matrix of xx, yy, zz, xy, xz, yz."""
    xx, yy, zz, xy, xz, yz = six
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def cleaned(values: np.ndarray) -> Any:
    """As lists, with what is a rounding error away from zero or one put there: such constants cost nothing."""
    nearest = np.round(values)
    return np.where(np.abs(values - nearest) < NOTHING, nearest, values).tolist()


def arm_of(file: ArmFile) -> Arm:
    """The arm that a file tells of."""
    links, turned, here = [], [], np.eye(3)
    axes = [np.array(table.axis) / np.linalg.norm(table.axis) for table in file.links]
    turns = [_rotation(table) for table in file.links]
    for k, table in enumerate(file.links):
        origin = here @ np.array(table.origin_m)
        here = here @ turns[k]
        axis = here @ axes[k]
        about = 0.0
        if k + 1 < len(file.links):
            about = _straightening(axis, here @ turns[k + 1] @ axes[k + 1])
            here = np.array(rotation(axis.tolist(), math.cos(about), math.sin(about)), float) @ here
        centre = here @ np.array(table.centre_m)
        about_centre = here @ symmetric(table.inertia_kg_m2) @ here.T
        inertia = about_centre + table.mass_kg * (centre @ centre * np.eye(3) - np.outer(centre, centre))
        moment = table.mass_kg * centre
        links.append(Link(cleaned(axis), cleaned(origin), -about, table.mass_kg, moment.tolist(), inertia.tolist()))
        turned.append(here)
    return Arm(file, tuple(links), tuple(turned))


def _rotation(table: LinkTable) -> np.ndarray:
    return np.array(rotation_of(np.array(table.quaternion) / np.linalg.norm(table.quaternion)), float)


def _straightening(axis: np.ndarray, following: np.ndarray) -> float:
    """By what angle about a joint's axis a frame is to be turned, for the next joint's axis to be a coordinate axis; or 0."""
    if np.max(np.abs(axis)) < 1.0 - NOTHING:
        return 0.0
    across = following - (following @ axis) * axis
    length = float(np.linalg.norm(across))
    if length < 1.0 - NOTHING:
        return 0.0
    goal = np.zeros(3)
    goal[np.argmax(np.abs(across))] = np.sign(across[np.argmax(np.abs(across))])
    return math.atan2(float(axis @ np.cross(across, goal)), float(across @ goal))


def read_arm(path: Path) -> Arm:
    """The arm in a file. Raises ValueError with file, field, what was found and what is allowed."""
    return arm_of(_read(path))


def _read(path: Path) -> ArmFile:
    values = read_toml(path)
    several: dict[str, Any] = {"links": LinkTable, "capsules": Capsule, "pads": Pad}
    for name, kind in several.items():
        tables = values.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise wrong(path, name, "something else", f"tables [[{name}]]")
        values[name] = [asdict(from_table(path, kind, table, f"{name}.{k}")) for k, table in enumerate(tables)]
    single: dict[str, Any] = {"servo": Servo, "tool": Tool}
    for name, kind in single.items():
        if name in values:
            if not isinstance(values[name], dict):
                raise wrong(path, name, "something else", f"a table [{name}]")
            values[name] = asdict(from_table(path, kind, values[name], name))
    file = from_table(path, ArmFile, values)
    names = [link.name for link in file.links]
    if not names:
        raise wrong(path, "links", "none", "tables [[links]]")
    if len(set(names)) < len(names):
        raise wrong(path, "links.name", "the same name twice", "each once")
    used = [*([("tool", file.tool.link)] if file.tool else []), *(("capsules", capsule.link) for capsule in file.capsules),
            *(("pads", pad.link) for pad in file.pads)]  # fmt: skip
    for field, link in used:
        if link not in names:
            raise wrong(path, f"{field}.link", repr(link), ", ".join(names))
    return file


def so101() -> Arm:
    """The SO-101, see `data/so101.toml`."""
    return read_arm(DATA / "so101.toml")


def toml_text(file: ArmFile) -> str:
    """A file's text: what `read_arm` reads."""
    tables = {name: value for name, value in asdict(file).items() if value not in (None, ())}
    return tomli_w.dumps(tables)
