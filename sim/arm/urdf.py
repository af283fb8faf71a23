"""Serial arms from robot descriptions (URDF, wiki.ros.org/urdf/XML): links, inertias, axes and ranges.

Links that are fixed to each other become one. What is refused is refused by file and element, as ValueError.
"""

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.arm.algebra import rotation
from sim.arm.parameters import ArmFile, LinkTable, symmetric
from sim.input_files import read_bytes, shown

ENDLESS_RAD = 200.0 * math.pi  # the range of a joint that may turn for ever: a hundred turns to either side
MOVING, FIXED = ("revolute", "continuous"), "fixed"
WORLD_AXES = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Pose:
    """Of one frame in another."""

    turn: np.ndarray  # (3, 3)
    origin: np.ndarray  # (3,), m

    def then(self, other: "Pose") -> "Pose":
        """A frame, told in this one, in the frame that this one is told in."""
        return Pose(self.turn @ other.turn, self.origin + self.turn @ other.origin)


@dataclass(frozen=True)
class Body:
    """Mass, its centre and its inertia about that, in one frame."""

    mass: float
    centre: np.ndarray
    inertia: np.ndarray

    def seen_from(self, pose: Pose) -> "Body":
        """The body, whose frame is at a pose, in the frame that the pose is told in."""
        return Body(self.mass, pose.origin + pose.turn @ self.centre, pose.turn @ self.inertia @ pose.turn.T)

    def joined(self, other: "Body") -> "Body":
        """Two bodies as one."""
        mass = self.mass + other.mass
        if mass == 0.0:
            return self
        centre = (self.mass * self.centre + other.mass * other.centre) / mass
        return Body(mass, centre, sum((body.about(centre) for body in (self, other)), np.zeros((3, 3))))

    def about(self, point: np.ndarray) -> np.ndarray:
        """Inertia about another point."""
        arm = self.centre - point
        return np.asarray(self.inertia + self.mass * (arm @ arm * np.eye(3) - np.outer(arm, arm)))


@dataclass(frozen=True)
class Joint:
    """As the file tells it."""

    name: str
    kind: str
    parent: str
    child: str
    pose: Pose
    axis: np.ndarray
    range_rad: tuple[float, float]


class Description:
    """The links and joints of a file."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError."""
        self.path = path
        data = read_bytes(path)
        if b"<xacro:" in data:
            raise self.wrong("robot", "macros of xacro", "what xacro makes of them: run xacro first")
        try:
            robot = ElementTree.fromstring(data)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise ValueError(f"{path}: not XML: {error}") from error
        if robot.tag != "robot":
            raise self.wrong(robot.tag, f"<{robot.tag}>", "<robot> as the first element")
        self.name = robot.get("name", path.stem)
        self.bodies: dict[str, Body] = {}
        for link in robot.findall("link"):
            name = self.text(link, "link", "name")
            if name in self.bodies:
                raise self.wrong(f"link {name}", "two of that name", "one")
            self.bodies[name] = self.body(link, f"link {name}")
        self.joints: list[Joint] = []
        for element in robot.findall("joint"):
            joint = self.joint(element)
            if any(joint.name == other.name for other in self.joints):
                raise self.wrong(f"joint {joint.name}", "two of that name", "one")
            self.joints.append(joint)

    def wrong(self, element: str, found: str, allowed: str) -> ValueError:
        """The error for an element."""
        return ValueError(f"{self.path}: {element}: found {found}, allowed: {allowed}")

    def text(self, element: ElementTree.Element, where: str, attribute: str) -> str:
        """An attribute that must be there."""
        value = element.get(attribute)
        if not value:
            raise self.wrong(f"{where}: {attribute}", "nothing", "a name" if attribute != "value" else "a number")
        return value

    def numbers(self, element: ElementTree.Element | None, where: str, attribute: str, default: str) -> np.ndarray:
        """The numbers of an attribute, as many as `default` has; `default` where there is none."""
        told = default if element is None else element.get(attribute, default)
        count = len(default.split())
        allowed = f"{count} finite numbers" if count > 1 else "a finite number"
        try:
            values = np.array([float(word) for word in told.split()])
        except ValueError as error:
            raise self.wrong(f"{where}: {attribute}", shown(told), allowed) from error
        if len(values) != count or not np.isfinite(values).all():
            raise self.wrong(f"{where}: {attribute}", shown(told), allowed)
        return values

    def number(self, element: ElementTree.Element, where: str, attribute: str) -> float:
        """A number that must be there."""
        if element.get(attribute) is None:
            raise self.wrong(f"{where}: {attribute}", "nothing", "a finite number")
        return float(self.numbers(element, where, attribute, "0")[0])

    def pose(self, element: ElementTree.Element, where: str) -> Pose:
        """The origin of an element; at its parent's where there is none."""
        origin = element.find("origin")
        roll, pitch, yaw = self.numbers(origin, f"{where}: origin", "rpy", "0 0 0")
        turn = np.eye(3)
        for axis, angle in zip(reversed(WORLD_AXES), (yaw, pitch, roll), strict=True):
            turn = turn @ np.array(rotation(axis, math.cos(angle), math.sin(angle)), float)
        return Pose(turn, self.numbers(origin, f"{where}: origin", "xyz", "0 0 0"))

    def body(self, link: ElementTree.Element, where: str) -> Body:
        """What a link weighs; nothing where the file does not tell."""
        inertial = link.find("inertial")
        if inertial is None:
            return Body(0.0, np.zeros(3), np.zeros((3, 3)))
        where = f"{where}: inertial"
        mass, inertia = inertial.find("mass"), inertial.find("inertia")
        if mass is None or inertia is None:
            raise self.wrong(where, "no mass, or no inertia", "both")
        six = [self.number(inertia, f"{where}: inertia", name) for name in ("ixx", "iyy", "izz", "ixy", "ixz", "iyz")]
        weight = self.number(mass, f"{where}: mass", "value")
        if weight < 0.0:
            raise self.wrong(f"{where}: mass: value", f"{weight:g}", "0 or more")
        return Body(weight, np.zeros(3), symmetric(six)).seen_from(self.pose(inertial, where))

    def joint(self, element: ElementTree.Element) -> Joint:
        """Raises ValueError for a kind that is no serial arm's, or for links that are not there."""
        name = self.text(element, "joint", "name")
        where = f"joint {name}"
        kind = self.text(element, where, "type")
        if kind not in (*MOVING, FIXED):
            raise self.wrong(f"{where}: type", kind, f"{', '.join(MOVING)}, {FIXED}")
        if element.find("mimic") is not None:
            raise self.wrong(f"{where}: mimic", "a joint that follows another", "joints that move by themselves")
        ends = []
        for role in ("parent", "child"):
            end = element.find(role)
            link = "" if end is None else end.get("link", "")
            if link not in self.bodies:
                raise self.wrong(f"{where}: {role}", shown(link), f"a link of this file: {', '.join(self.bodies)}")
            ends.append(link)
        axis = self.numbers(element.find("axis"), f"{where}: axis", "xyz", "1 0 0")
        length = float(np.linalg.norm(axis))
        if kind in MOVING and length == 0.0:
            raise self.wrong(f"{where}: axis: xyz", "no length", "a direction")
        ends_rad = (-ENDLESS_RAD, ENDLESS_RAD)
        if kind == "revolute":
            limit = element.find("limit")
            if limit is None:
                raise self.wrong(f"{where}: limit", "nothing", "an element with lower and upper")
            low, high = (
                self.numbers(limit, f"{where}: limit", "lower", "0"),
                self.numbers(limit, f"{where}: limit", "upper", "0"),
            )
            ends_rad = (float(low[0]), float(high[0]))
            if not ends_rad[0] < ends_rad[1]:
                raise self.wrong(f"{where}: limit", f"{ends_rad[0]:g} to {ends_rad[1]:g}", "lower below upper")
        return Joint(name, kind, ends[0], ends[1], self.pose(element, where), axis / (length or 1.0), ends_rad)

    def root(self) -> str:
        """The link that stands on the ground."""
        children = [joint.child for joint in self.joints]
        for child in children:
            if children.count(child) > 1:
                raise self.wrong(f"link {child}", f"{children.count(child)} joints that it is the child of", "one")
        roots = [name for name in self.bodies if name not in children]
        if len(roots) != 1:
            raise self.wrong("robot", f"links that no joint leads to: {', '.join(roots) or 'none'}", "one, the base")
        reached = {roots[0]}
        for _ in self.joints:
            reached |= {joint.child for joint in self.joints if joint.parent in reached}
        for name in self.bodies:
            if name not in reached:
                raise self.wrong(f"link {name}", "a circle of joints", f"a chain from {roots[0]}")
        return roots[0]

    def cluster(self, link: str) -> tuple[Body, list[tuple[Joint, Pose]]]:
        """All that is fixed to a link, as one body in its frame; the joints that lead on from it, and their poses there."""
        here, leading = Pose(np.eye(3), np.zeros(3)), []
        body, waiting = self.bodies[link], [(link, here)]
        while waiting:
            name, pose = waiting.pop()
            for joint in self.joints:
                if joint.parent == name:
                    there = pose.then(joint.pose)
                    if joint.kind == FIXED:
                        body = body.joined(self.bodies[joint.child].seen_from(there))
                        waiting.append((joint.child, there))
                    else:
                        leading.append((joint, there))
        return body, leading


def quaternion(turn: np.ndarray) -> tuple[float, float, float, float]:
    """w, x, y, z of a rotation; w is not negative."""
    from_trace = np.array([
        [turn.trace(), turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]],
        [0.0, 2.0 * turn[0, 0] - turn.trace(), turn[0, 1] + turn[1, 0], turn[0, 2] + turn[2, 0]],
        [0.0, 0.0, 2.0 * turn[1, 1] - turn.trace(), turn[1, 2] + turn[2, 1]],
        [0.0, 0.0, 0.0, 2.0 * turn[2, 2] - turn.trace()],
    ])  # fmt: skip
    values, vectors = np.linalg.eigh(from_trace, UPLO="U")  # Bar-Itzhack (2000): the largest eigenvalue's vector
    best = vectors[:, int(np.argmax(values))]
    w, x, y, z = (best if best[0] >= 0.0 else -best).tolist()
    return w, x, y, z


def read_urdf(path: Path) -> ArmFile:
    """The arm that a description tells of. Raises ValueError with file, element, what was found, what is allowed."""
    description = Description(path)
    link, links = description.root(), []
    _, leading = description.cluster(link)
    while leading:
        if len(leading) > 1:
            names = ", ".join(joint.name for joint, _ in leading)
            raise description.wrong(f"link {link}", f"several joints that lead on: {names}", "a chain: one")
        joint, pose = leading[0]
        link = joint.child
        body, leading = description.cluster(link)
        if body.mass <= 0.0:
            raise description.wrong(f"link {link}: inertial", "no mass", "a mass above 0")
        links.append(_table(path, link, joint, pose, body))
    if not links:
        raise description.wrong("robot", "no joint that moves", f"a chain of joints: {', '.join(MOVING)}")
    return ArmFile(description.name, tuple(links))


def _table(path: Path, link: str, joint: Joint, pose: Pose, body: Body) -> LinkTable:
    inertia = body.inertia
    six = (inertia[0, 0], inertia[1, 1], inertia[2, 2], inertia[0, 1], inertia[0, 2], inertia[1, 2])
    try:
        return LinkTable(
            name=link, origin_m=_three(pose.origin), quaternion=quaternion(pose.turn), axis=_three(joint.axis),
            mass_kg=body.mass, centre_m=_three(body.centre),
            inertia_kg_m2=tuple(map(float, six)), range_rad=joint.range_rad,  # type: ignore[arg-type]
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _three(vector: np.ndarray) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z
