"""Whether a drone is there, and fit to be flown: link, firmware, self-test, decks, battery, estimator; each with its remedy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from drivers.base import LinkLost
from drivers.crazyflie import Crazyflie
from drivers.crazyflie_firmware import too_old
from drivers.emulators.virtual_crazyflie import start_virtual_crazyflie
from robot.commissioning.checks import Check
from robot.commissioning.steps import SetupError
from robot.robots.quadrotor.drone_file import DroneFile, load_drone
from robot.robots.quadrotor.fitness import Standing, battery_at_rest
from robot.robots.quadrotor.setup_drone import looking
from robot.robots.quadrotor.setup_drone.hidden_drone import drone_as_documented, hidden_drone
from robot.robots.quadrotor.setup_drone.way_checks import way_checks
from robot.runtime.clock import RealClock

SETTLES_S = 12.0


def checks(name: str) -> list[Check]:
    """Of a drone by its name or file; a virtual one is started. Raises ValueError for a wrong file."""
    file, clock = load_drone(name), RealClock()
    way = [] if file.virtual else way_checks(file.crazyflie.uri)
    if not all(check.ok for check in way):
        return way
    with uri_of(file) as uri:
        drone = Crazyflie(replace(file.crazyflie, uri=uri), clock)
        try:
            drone.open()
            return [*way, Check("link", True, uri), *checks_of(drone, file.motion_capture is None)]
        except LinkLost as error:
            return [*way, Check("link", False, uri, elsewhere(uri) or str(error))]
        finally:
            drone.close()


def elsewhere(uri: str, scan: Callable[[str], list[str]] = looking.scan_radio) -> str:
    """What to do where a drone does not answer, but others do, on another channel, rate or address; empty if none does."""
    others = [looking.whole(other) for other in scan(uri)] if uri.startswith(looking.RADIO) else []
    others = [other for other in others if other != looking.whole(uri)]
    if not others:
        return ""
    return f"{uri} does not answer, but {', '.join(others)} does: set devices.crazyflie.uri to it in the robot's file"


@contextmanager
def uri_of(file: DroneFile) -> Iterator[str]:
    """Where it is."""
    if not file.virtual:
        yield file.crazyflie.uri
        return
    seed = file.wiring_seed
    hidden = drone_as_documented(file.quadrotor, file.positioning, 0) if seed is None else hidden_drone(seed)
    with start_virtual_crazyflie(hidden.config) as drone:
        yield drone.uri


def checks_of(drone: Crazyflie, by_deck: bool) -> list[Check]:
    """Nothing is commanded. by_deck: whether a deck is to tell it where it is. Raises LinkLost."""
    clock = RealClock()
    try:
        told = looking.who(drone, clock)
    except SetupError as error:
        return [Check("drone", False, "it does not answer as it should", str(error))]
    old = too_old(drone.firmware)
    found = [
        Check("firmware", not old, drone.firmware or "it does not say", f"{old}; update it with cfclient" if old else ""),
        Check("type", bool(told["quadrotor"]), told["type"] or "it does not say",
              "" if told["quadrotor"] else "name its `quadrotor` in the robot's file"),
    ]  # fmt: skip
    battery = battery_at_rest(drone.read())
    found.append(Check("battery", not battery, f"{drone.read().battery_v:.2f} V", battery))
    if not by_deck:
        return found
    if not told["positioning"]:
        return [
            *found,
            Check(
                "positioning deck", False, "none", "plug in a Lighthouse, Flow v2 or Loco deck, and restart the drone"
            ),
        ]
    found.append(Check("positioning deck", True, ", ".join(told["positioning"])))
    standing = Standing()
    fit = looking.wait(drone, clock, SETTLES_S, lambda: standing.take(clock.now(), drone.read()))
    return [
        *found,
        Check("estimator", fit, "it knows where it is" if fit else standing.why_not, "" if fit else standing.why_not),
    ]
