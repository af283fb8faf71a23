"""Which port is whose: servos answer when they are asked, the board's stage tells of itself.

Only where the ports of the robot's file are not theirs are others tried: a question to servos is noise to another device.
"""

import os
from collections.abc import Callable, Sequence

from drivers.base import LinkLost
from drivers.board_stage import BoardStage, BoardStageSettings
from drivers.serial_port import known_ports
from drivers.servo_dialect import Dialect
from drivers.servo_registers import IDS, ServoRegisters, Waiting
from robot.commissioning.steps import SetupError

LISTEN_S = 0.4
POLL_S = 0.02


def says_where_a_board_is(port: str, baud: int, clock: Waiting) -> bool:
    stage = BoardStage(BoardStageSettings(port, baud), clock)
    try:
        stage.open()
        end_s = clock.now() + LISTEN_S
        while clock.now() < end_s:
            clock.sleep_until(clock.now() + POLL_S)
            if stage.read().age_s < LISTEN_S:
                return True
    except LinkLost:
        return False
    finally:
        stage.close()
    return False


def has_servos(port: str, baud: int, dialect: Dialect, clock: Waiting) -> bool:
    """Whether any answers. Who talks without being asked is no servo."""
    try:
        with ServoRegisters(port, baud, dialect, clock) as registers:
            return not registers.talks(LISTEN_S) and any(registers.look_for(servo) is not None for servo in IDS)
    except LinkLost:
        return False


def find_ports(
    told: dict[str, str],
    tests: dict[str, Callable[[str], bool]],
    all_ports: Sequence[str] = (),
    apart: Sequence[str] = (),
) -> dict[str, str]:
    """The port of each device: that of the robot's file, or another one. tests: whether a device is at a port. apart: ports of devices that
    are not looked for. Raises SetupError."""
    found = {name: told[name] for name, test in tests.items() if test(told[name])}
    for name, test in tests.items():
        if name in found:
            continue
        others = others_than([*found.values(), told[name], *apart], all_ports or known_ports())
        right = [port for port in others if test(port)]
        if len(right) > 1:
            raise SetupError(
                f"{name}: found at {' and '.join(right)}, allowed: one; unplug the other, or name its port in the robot's file"
            )
        if not right:
            tried = ", ".join([told[name], *others])
            raise SetupError(
                f"{name}: found at none of {tried}; is it plugged in and powered? robot doctor looks at rights and rules"
            )
        found[name] = right[0]
    return found


def others_than(taken: Sequence[str], ports: Sequence[str]) -> list[str]:
    """Each of the other ports once, by its first name: most have two."""
    passed, others = set(map(os.path.realpath, taken)), []
    for port in ports:
        if os.path.realpath(port) not in passed:
            passed.add(os.path.realpath(port))
            others.append(port)
    return others
