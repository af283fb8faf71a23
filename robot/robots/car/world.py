"""Where a car drives: the walls, and the course between them."""

from dataclasses import dataclass
from pathlib import Path

from drivers.emulators.hidden_wiring import hidden_wiring
from robot.robots.car.car_file import load_car
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, load_course
from robot.robots.car.eyes.seeing_car import SeeingCarFile, has_eyes, load_seeing_car
from robot.robots.car.options import CarOptions
from robot.views.progress_line import ProgressLine
from sim.car.model import CarParameters, hidden_car, load_parameters
from sim.distance_field import OccupancyGrid, distance_at, rasterise
from sim.tracks.built_in_tracks import BUILT_IN, DEFAULT_TRACK, built_in
from sim.tracks.map_world import map_world
from sim.tracks.track import Course

START_CLEAR_M = 0.15  # half a car


@dataclass(frozen=True)
class World:
    """Where the car drives: the walls, and the course between them."""

    grid: OccupancyGrid
    course: Course
    loops: str = ""  # all loops that a map has, in words, if there are several


def load_world(track: str, map_path: str, loop: int = 0, start: tuple[float, float, float] | None = None) -> World:
    """A built-in track by name, or a map_server map by its YAML file. Raises ValueError for neither.

    loop: of a map that has several; 0: the best, or the one nearest to `start` (x m, y m, yaw rad), from there on.
    """
    if map_path:
        with ProgressLine(f"map {map_path}: finding its course") as tell:
            found = map_world(Path(map_path), start, loop, tell)
        return World(found.grid, found.course, found.loops)
    name = DEFAULT_TRACK if track == "default" else track
    if name not in BUILT_IN:
        raise ValueError(f"--track: found '{name}', allowed: {', '.join(BUILT_IN)}")
    course = built_in(name)
    return World(rasterise(course), course)


def true_car(options: CarOptions) -> CarParameters | None:
    """What the virtual car really is, whatever its robot's file believes; None for a real robot."""
    robot = load_seeing_car(options.robot) if has_eyes(options.robot) else load_car(options.robot)
    if not robot.virtual:
        return None
    wiring_seed = None if isinstance(robot, SeeingCarFile) else robot.wiring_seed
    car = load_parameters() if wiring_seed is None else hidden_wiring(wiring_seed).true_car()
    return (
        car
        if options.hidden_seed is None
        else hidden_car(options.hidden_seed, car, apart=options.hidden_tyres == "apart")
    )


def world_of(options: CarOptions) -> World:
    """The world of a session. Raises ValueError naming the option that does not fit it."""
    world = load_world(options.track, options.map, options.loop, options.start_pose)
    if options.start_pose is not None:
        x, y, _ = options.start_pose
        clear_m = float(distance_at(world.grid.distance_m, world.grid.frame, x, y))
        if clear_m < START_CLEAR_M:
            raise ValueError(
                f"--start: found x {x}, y {y}, where the map has a wall or nothing known {max(0.0, clear_m):.2f} m away, "
                f"allowed: a place with {START_CLEAR_M} m free around it"
            )
    return world


def about_loops(world: World, loop: int) -> str:
    """Which of a map's loops is driven, and how another is chosen; empty if there is one alone."""
    if not world.loops:
        return ""
    which = f"loop {loop}" if loop else "the first, or the one nearest to --start,"
    return f"several loops: {world.loops}; driven is {which} of {world.course.length_m:.0f} m; --loop N for another"


def course_of(folder: Path, options: CarOptions) -> Course:
    """The course that a run drives on: the world's, or the one that its demonstration lap made."""
    if options.mapless:
        return load_course(folder / COURSE_FILE)[0]
    return world_of(options).course
