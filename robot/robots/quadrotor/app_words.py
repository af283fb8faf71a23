"""The app on board, by its own names: the parameters that it is told by, and the log variables that it tells by.

`firmware_export/crazyflie_app.py` writes it; its group for the policy is `policy`, for coming down `landing`.
"""

from drivers.crazyflie_reading import CONTROLLER_PARAMETER, ESTIMATOR_PARAMETER, GUARD, CrazyflieReading

ARM, SELF_TEST, IDENTITY, LAP = "policy.arm", "policy.selfOk", "policy.id", "policy.lapS"
CONTROLLER = "policy.controller"
RESET_PARAMETER = "kalman.resetEstimation"
PARAMETERS = (
    ARM, SELF_TEST, IDENTITY, LAP, CONTROLLER, GUARD, CONTROLLER_PARAMETER, ESTIMATOR_PARAMETER, RESET_PARAMETER,
)  # fmt: skip  # all that a flight reads or sets

ACTIVE, FAULT, DECISIONS = "policy.active", "policy.fault", "policy.decisions"
LANDING_PHASE, LANDING_CAUSE = "landing.phase", "landing.cause"
LOGGED = (ACTIVE, FAULT, DECISIONS, LANDING_PHASE, LANDING_CAUSE)

FIELDS = {name: name.replace(".", "_") for name in (*PARAMETERS, *LOGGED)}  # as records name them

COMING_DOWN, DOWN = 1, 2  # of LANDING_PHASE
CAUSES = ("", "as it was told", "no more set-points", "its battery is low")  # of LANDING_CAUSE
FAULTS = (
    "nothing is wrong", "its self-test has not passed", "no set-point for 200 ms", "the set-point is no position",
    "a number is not finite", "tilted too far", "turning too fast", "outside of its fence", "a parameter makes no sense",
    "it lands by itself", "other weights are being looked through",
)  # fmt: skip


def landing_by_itself(reading: CrazyflieReading) -> str:
    """Why the drone comes down by itself, or has; empty if it does not."""
    if not reading.extra.get(LANDING_PHASE, 0.0):
        return ""
    cause = int(reading.extra.get(LANDING_CAUSE, 0.0))
    return CAUSES[cause] if 0 < cause < len(CAUSES) else f"cause {cause}"


def fault_on_board(reading: CrazyflieReading) -> str:
    """Why the policy on board refused or gave back the rotors; empty if it did not."""
    fault = int(reading.extra.get(FAULT, 0.0))
    return (FAULTS[fault] if fault < len(FAULTS) else f"fault {fault}") if fault else ""
