"""Whether an arm's devices are there and speak: ports, IDs, supply, firmware, faults; each with its remedy. Nothing is commanded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from drivers.base import LinkLost
from drivers.board_stage import BoardStage
from drivers.declared import make_driver
from drivers.emulators.virtual_arm import CAMERA, start_virtual_arm
from drivers.servo_bus import ServoBus, ServoSettings
from drivers.servo_registers import Found, ServoRegisters
from robot.commissioning.camera_check import at_pipe, check_of_camera
from robot.commissioning.checks import Check
from robot.robots.arm.arm_file import ArmFile, load_arm
from robot.robots.arm.setup_arm.chain import POWER
from robot.robots.arm.setup_arm.hidden_wiring import hidden_wiring
from robot.runtime.clock import RealClock

LISTEN_S, POLL_S = 1.0, 0.02
SET_UP = "robot setup arm gives each an ID of its own"


def checks(name: str) -> list[Check]:
    """Of an arm by its name or file; a virtual one is started. Raises ValueError for a wrong file."""
    arm = load_arm(name)
    with ports_of(arm) as ports:
        follower = replace(arm.follower, port=ports["follower"])
        board: BoardStage = make_driver(replace(arm.board, port=ports["board"]), RealClock())
        leader = [] if arm.leader is None else checks_of_leader(replace(arm.leader, port=ports["leader"]))
        if arm.camera is None:
            return [*checks_of_servos(follower), *checks_of_board(board, ports["board"]), *leader]
        stage = checks_of_board(board, ports["board"], "it tells how often it has moved; the camera tells where to")
        camera = at_pipe(arm.camera, ports[CAMERA]) if arm.virtual else arm.camera
        return [*checks_of_servos(follower), *stage, *leader, check_of_camera(camera)]


@contextmanager
def ports_of(arm: ArmFile) -> Iterator[dict[str, str]]:
    """Where its devices are."""
    if not arm.virtual:
        leader = {} if arm.leader is None else {"leader": arm.leader.port}
        yield {"follower": arm.follower.port, "board": arm.board.port, **leader}
        return
    rows = {} if arm.wiring_seed is None else hidden_wiring(arm.wiring_seed).rows
    emulator = start_virtual_arm(
        "realtime", [*arm.rest_rad, arm.hold_rad], 0, rows, wiring=arm.virtual_wiring, leader=arm.leader is not None,
        camera_seed=None if arm.camera is None else 0,
    )  # fmt: skip
    try:
        yield emulator.ports
    finally:
        emulator.close()


def checks_of_servos(settings: ServoSettings) -> list[Check]:
    """Port, who answers, what they are, and what they say of themselves."""
    bus: ServoBus = make_driver(settings, RealClock())
    dialect, clock = bus.dialect, RealClock()
    try:
        with ServoRegisters(settings.port, settings.baud, dialect, clock) as registers:
            heard = registers.find(settings.ids)
    except LinkLost as error:
        return [Check("servos' port", False, settings.port, str(error))]
    found = [Check("servos' port", True, settings.port), *checks_of_ids(heard, settings.ids)]
    if not all(each.ok for each in found):
        return found
    firmware = sorted({identity.firmware for identity in heard.identities.values()})
    told = ", ".join(firmware)
    found.append(
        Check(
            "servos' firmware",
            len(firmware) == 1,
            told,
            "" if len(firmware) == 1 else f"{told}: bring them to the same",
        )
    )
    try:
        trouble, volts = listened(bus)
    except LinkLost as error:
        trouble, volts = str(error), 0.0
    return [*found, Check("servos' state", not trouble, f"{volts:.1f} V, no faults", trouble)]


def checks_of_ids(heard: Found, wanted: tuple[int, ...]) -> list[Check]:
    """Whether each ID has one servo."""
    name = "servos' IDs"
    if heard.doubled:
        twice = ", ".join(map(str, heard.doubled))
        return [
            Check(
                name, False, f"two of {twice}", f"answers of servo {twice} are spoilt, as of two with one ID: {SET_UP}"
            )
        ]
    missing = [servo for servo in wanted if servo not in heard.identities]
    if missing:
        silent = ", ".join(map(str, missing))
        return [
            Check(
                name,
                False,
                f"no answer of {silent}",
                f"no answer of servo {silent}: {POWER} Has it another ID? {SET_UP}",
            )
        ]
    return [Check(name, True, ", ".join(map(str, wanted)))]


def listened(bus: ServoBus) -> tuple[str, float]:
    """What is wrong with servos, in a line, and their lowest voltage. Raises LinkLost."""
    clock = RealClock()
    bus.open()
    try:
        end_s = clock.now() + LISTEN_S
        reading = bus.read()
        while clock.now() < end_s:
            clock.sleep_until(clock.now() + POLL_S)
            reading = bus.read()
        return bus.trouble(), float(reading.voltage_v[: len(bus.settings.ids)].min())
    finally:
        bus.close()


def checks_of_board(stage: BoardStage, port: str, told: str = "it tells where it is") -> list[Check]:
    """Port, and whether the stage answers. told: what it does then, for a person."""
    clock = RealClock()
    try:
        stage.open()
        end_s = clock.now() + LISTEN_S
        while clock.now() < end_s:
            clock.sleep_until(clock.now() + POLL_S)
            stage.read()
        trouble = stage.trouble()
    except LinkLost as error:
        return [Check("board's port", False, port, str(error))]
    finally:
        stage.close()
    return [Check("board's port", True, port), Check("board answers", not trouble, told, trouble)]


def checks_of_leader(settings: ServoSettings) -> list[Check]:
    """Port, and whether all servos answer. They are only read: neither mode nor limits of theirs matter."""
    dialect = make_driver(settings, RealClock()).dialect
    try:
        with ServoRegisters(settings.port, settings.baud, dialect, RealClock()) as registers:
            heard = registers.find(settings.ids)
    except LinkLost as error:
        return [Check("leader's port", False, settings.port, str(error))]
    silent = ", ".join(str(servo) for servo in settings.ids if servo not in heard.identities)
    remedy = f"no whole answer of the leader's servo {silent}: {POWER} Until all are heard, the arm does not work"
    found = f"no answer of {silent}" if silent else ", ".join(map(str, settings.ids))
    return [
        Check("leader's port", True, settings.port),
        Check("leader's servos", not silent, found, remedy if silent else ""),
    ]
