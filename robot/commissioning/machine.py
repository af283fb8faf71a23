"""What a computer needs to drive a robot: rights, priority, rules for its ports, room on its disk, the right time.

Nothing is changed. Where to look, and what the system allows this user, is handed in, so that a bare computer can be
made of a folder.
"""

import errno
import grp
import os
import pwd
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from robot.commissioning.checks import Check
from robot.runtime.realtime import PRIORITY
from sim.cache_folder import writable

SERIAL_GROUPS = ("dialout", "uucp")  # that own serial ports: Debian and its kin; Arch, openSUSE
FREE_MIN_B = 2 * 10**9  # an hour of practice
RULES = ("usr/lib/udev/rules.d/60-serial.rules", "lib/udev/rules.d/60-serial.rules", "etc/udev/rules.d/60-serial.rules")
BUILT_S = 1764374400.0  # 29 November 2025: no clock that is right shows less
LIMITS_FILE = "/etc/security/limits.d/robot-practice.conf"


def user_name() -> str:
    """Of who runs this process, whatever the variable USER was left at by su or a service; the number of one without a name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def groups_of_system() -> dict[str, list[str]]:
    """Members of each group, as the system's tables have them."""
    return {entry.gr_name: list(entry.gr_mem) for entry in grp.getgrall()}


def groups_in_force() -> list[str]:
    """Those of this process."""
    names = []
    for number in {*os.getgroups(), os.getegid()}:
        try:
            names.append(grp.getgrgid(number).gr_name)
        except KeyError:  # a number without a name
            names.append(str(number))
    return names


def may_be_realtime() -> bool:
    """Tried for a moment, as control does it."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        return False
    os.sched_setscheduler(0, policy, parameters)
    return True


@dataclass(frozen=True)
class Machine:
    """This computer, or another one for tests. root: of its files; work: where runs are written.

    may_be_realtime: whether the system lets this process run before all others.
    """

    root: Path = Path("/")
    work: Path = Path(".")
    user: str = field(default_factory=user_name)
    superuser: bool = field(default_factory=lambda: os.geteuid() == 0)
    groups: dict[str, list[str]] = field(default_factory=groups_of_system)
    in_force: list[str] = field(default_factory=groups_in_force)
    may_be_realtime: Callable[[], bool] = may_be_realtime
    free_b: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    now_s: Callable[[], float] = time.time


def checks_of(machine: Machine) -> list[Check]:
    """All that is looked at, whatever the robot."""
    return [serial_group(machine), priority(machine), udev_rules(machine), disk(machine), clock(machine)]


def serial_group(machine: Machine) -> Check:
    name = "serial group"
    group = next((each for each in SERIAL_GROUPS if each in machine.groups), None)
    if machine.superuser:
        return Check(name, True, "this is the superuser")
    if group is None:
        return Check(
            name, False, f"this system has none of {', '.join(SERIAL_GROUPS)}",
            f"sudo groupadd {SERIAL_GROUPS[0]} && sudo usermod -aG {SERIAL_GROUPS[0]} {machine.user}, then log in again; and a "
            "udev rule that gives the ports to it",
        )  # fmt: skip
    if group in machine.in_force:
        return Check(name, True, group)
    if machine.user in machine.groups[group]:
        return Check(
            name, False, f"{machine.user} is in {group}, but not in this session", "log out and in again, or restart"
        )
    return Check(
        name, False, f"{machine.user} is not in {group}", f"sudo usermod -aG {group} {machine.user}, then log in again"
    )


def priority(machine: Machine) -> Check:
    name = "real-time priority"
    if machine.may_be_realtime():
        return Check(name, True, "allowed")
    return Check(
        name, False, f"control asks for SCHED_FIFO {PRIORITY}, and is refused",
        f"printf '{machine.user} - rtprio {PRIORITY}\\n{machine.user} - memlock unlimited\\n' | sudo tee {LIMITS_FILE}, then log in "
        "again",
    )  # fmt: skip


def udev_rules(machine: Machine) -> Check:
    name = "udev rules"
    if any((machine.root / rule).is_file() for rule in RULES):
        return Check(name, True, "serial ports have names that survive replugging")
    return Check(
        name,
        False,
        "no rule names serial ports in /dev/serial/by-id",
        "sudo apt-get install udev, and plug the devices in again",
    )


def disk(machine: Machine) -> Check:
    name = "disk"
    try:
        free_b = machine.free_b(machine.work)
    except OSError as error:
        return Check(
            name, False, f"{machine.work}: {os.strerror(error.errno or errno.EIO)}", "start it in a folder that exists"
        )
    if not writable(machine.work):
        return Check(name, False, f"{machine.work.resolve()} cannot be written to", "start it in a folder of your own")
    found = f"{free_b / 1e9:.1f} GB free"
    if free_b < FREE_MIN_B:
        return Check(name, False, found, f"make room: runs need {FREE_MIN_B / 1e9:.0f} GB; old ones are in runs/")
    return Check(name, True, found)


def clock(machine: Machine) -> Check:
    name = "clock"
    found = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(machine.now_s()))
    if machine.now_s() < BUILT_S:
        return Check(name, False, found, "sudo timedatectl set-ntp true, on a network: runs are named by the time")
    return Check(name, True, found)
