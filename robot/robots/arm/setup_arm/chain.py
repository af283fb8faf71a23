"""Which servos are on the bus, and how each comes to have an ID of its own.

Vendors' tools give IDs one servo at a time, since all that have an ID obey it. That is asked of a person only where two have the same:
a single stranger is given the ID that nobody has. Which joint a servo turns is not known yet, and need not be: hands tell it later.
"""

from collections.abc import Sequence
from typing import Any

from drivers.servo_dialect import Identity
from drivers.servo_registers import Found as Heard
from drivers.servo_registers import ServoRegisters
from robot.commissioning.steps import SetupError
from robot.robots.arm.setup_arm.joints import NAMES

POWER = "is it powered, and are both ends of its cable in?"


def look(registers: ServoRegisters, wanted: Sequence[int]) -> dict[str, Any]:
    """Who is there: servos (ID, model, firmware, volts), doubled, and of which joints a servo has to be alone for its ID. Raises SetupError."""
    heard = registers.find()
    for servo, identity in heard.identities.items():
        check(registers, servo, identity)
    alone = joints_to_ask_for(heard, wanted)
    renamed = {} if alone else new_ids(heard, wanted)
    for servo, to in renamed.items():
        registers.rename(servo, to)
    return {
        "answered": sorted(heard.identities),
        "doubled": list(heard.doubled),
        "alone": alone,
        "renamed": {str(servo): to for servo, to in renamed.items()},
        "firmware": sorted({identity.firmware for identity in heard.identities.values()}),
    }


def check(registers: ServoRegisters, servo: int, identity: Identity) -> None:
    """Raises SetupError for a servo of another kind, or one that is fed wrongly."""
    models = registers.dialect.models
    if identity.model not in models:
        allowed = ", ".join(f"{number} ({name})" for number, name in models.items())
        raise SetupError(f"servo {servo}: found model {identity.model}, allowed: {allowed}")
    volts = registers.volts(servo)
    low, high = identity.volts
    if volts is None:
        raise SetupError(f"no answer of servo {servo}: {POWER}")
    if not low <= volts <= high:
        raise SetupError(
            f"servo {servo}: found {volts:.1f} V, allowed: {low:.1f} to {high:.1f}; is it the right supply?"
        )


def open_up(registers: ServoRegisters, servo: int) -> None:
    """Let a servo follow each goal within a turn. Raises LinkLost where it does not keep that."""
    for address, data in registers.dialect.opened():
        if registers.read(servo, address, len(data)) != data:
            registers.keep(servo, address, data)


def joints_to_ask_for(heard: Heard, wanted: Sequence[int]) -> list[int]:
    """Joints whose servos have to be alone on the bus to be given their IDs. Raises SetupError where servos are silent, or too many."""
    missing = [servo for servo in wanted if servo not in heard.identities and servo not in heard.doubled]
    strangers = [servo for servo in heard.identities if servo not in wanted]
    if heard.doubled:
        return [wanted.index(servo) for servo in missing]
    if len(strangers) > len(missing):
        raise SetupError(
            f"found servos {', '.join(map(str, sorted(heard.identities)))}, allowed: {len(wanted)} of them; is another arm on this bus?"
        )
    if len(strangers) < len(missing):
        raise SetupError(
            f"no answer of servo {', '.join(f'{servo} ({NAMES[wanted.index(servo)]}, unless IDs are swapped)' for servo in missing)}"
            f", of any other ID: {POWER}"
        )
    return []


def new_ids(heard: Heard, wanted: Sequence[int]) -> dict[int, int]:
    """For servos that are alone with an ID that nobody expects: one that is expected, and nobody has."""
    strangers = sorted(servo for servo in heard.identities if servo not in wanted)
    missing = [servo for servo in wanted if servo not in heard.identities]
    return dict(zip(strangers, missing, strict=True))


def name_the_one(registers: ServoRegisters, joint: int, wanted: Sequence[int]) -> int:
    """Give the only servo on the bus the ID of a joint; the ID that it had. Raises SetupError where it is not the only one."""
    heard = registers.find()
    if heard.doubled or len(heard.identities) != 1:
        found = "none" if not (heard.doubled or heard.identities) else "several"
        raise SetupError(f"{NAMES[joint]}: found {found} on the bus, allowed: its servo alone; {POWER}")
    [(servo, identity)] = heard.identities.items()
    check(registers, servo, identity)
    if servo != wanted[joint]:
        registers.rename(servo, wanted[joint])
    return servo


def all_there(registers: ServoRegisters, wanted: Sequence[int]) -> None:
    """Raises SetupError unless each ID has one servo. Those are opened up, whatever mode and limits somebody has left in them."""
    each_once(registers, wanted)
    for servo in wanted:
        open_up(registers, servo)


def each_once(registers: ServoRegisters, wanted: Sequence[int]) -> None:
    """Raises SetupError unless each ID has one servo."""
    heard = registers.find(wanted)
    if heard.doubled or sorted(heard.identities) != sorted(wanted):
        twice = f", and two with ID {', '.join(map(str, heard.doubled))}" if heard.doubled else ""
        raise SetupError(
            f"found servos {', '.join(map(str, sorted(heard.identities))) or 'none'}{twice}, allowed: {', '.join(map(str, wanted))}; plug all in again"
        )
