"""Whether a servo can follow all goals that it may be told: what it is, how it is set to work, and what limits it keeps for itself.

A servo that spins instead of holding a place, or that stops at a limit that somebody has left in it, carries an arm elsewhere than it
is told, and says nothing. So it is not commanded, and named with what to do about it.
"""

from drivers.servo_dialect import Dialect, Identity

OPENS = "robot setup arm sets it"


def unfit(dialect: Dialect, identity: Identity, lowest: int, highest: int) -> str:
    """Why a servo, by what it told of itself, cannot be told goals from `lowest` to `highest`, steps; empty if it can."""
    if identity.model not in dialect.models:
        allowed = ", ".join(f"{number} ({name})" for number, name in dialect.models.items())
        return f"found model {identity.model}, allowed: {allowed}; it is not commanded"
    if identity.mode not in dialect.modes:
        allowed = ", ".join(f"{number} ({name})" for number, name in dialect.modes.items())
        return (
            f"found mode {identity.mode} (register {dialect.mode_at}), allowed: {allowed}; it is not commanded; {OPENS}"
        )
    low, high = identity.limits
    if identity.limits != dialect.no_limits and not low <= lowest <= highest <= high:
        return (
            f"found position limits {low} to {high} (registers {dialect.limits_at}), allowed: none within {lowest} to {highest}, "
            f"its joint's range; it is not commanded; {OPENS}"
        )
    return ""
