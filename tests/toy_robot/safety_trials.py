"""What is broken on the toy."""

from drivers.emulators.packet_host import Truth
from robot.practice.episodic_mind import Reason
from robot.safety.campaign.trials import Fault, SafetyTrials, order
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode
from tests.toy_robot.emulator import STATE, WATCHDOG_S


def see(truth: Truth) -> Seen:
    _, _, speed_m_s, push_n = STATE.unpack(truth.state)
    return Seen(abs(speed_m_s), push_n != 0.0, 0, 0.0)


TRIALS = SafetyTrials(
    see=see,
    reasons=Reason,
    moving_m_s=0.1,
    faults=(Fault("cart silent", order("silence", on=True), order("silence", on=False), Mode.STOP, (Reason.BLIND,),
                  1000.0 * (WATCHDOG_S + 1.0), hold_s=0.2, designed="not pushed; goes on when it is heard"),),
)  # fmt: skip
