"""What is broken on the toy."""

from enum import IntEnum

from robot.safety.campaign.trials import Fault, SafetyTrials, order
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode
from tests.toy_robot.cart import Truth
from tests.toy_robot.emulator import WATCHDOG_S


class Reason(IntEnum):
    NONE, BLIND = range(2)


def see(truth: Truth) -> Seen:
    return Seen(abs(truth.speed_m_s), truth.push_n != 0.0, 0, 0.0)


TRIALS = SafetyTrials(
    see=see,
    reasons=Reason,
    moving_m_s=0.1,
    faults=(Fault("cart silent", order("silence", on=True), order("silence", on=False), Mode.STOP, (Reason.BLIND,),
                  1000.0 * (WATCHDOG_S + 1.0), hold_s=0.2, designed="not pushed; goes on when it is heard"),),
)  # fmt: skip
