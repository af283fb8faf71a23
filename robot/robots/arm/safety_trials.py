"""What is broken on an arm while it practises, and what must follow: it holds where it is, and nothing falls."""

from drivers.emulators.virtual_arm import ArmTruth
from robot.practice.episodic_mind import Reason
from robot.safety.campaign.trials import Fault, SafetyTrials, order
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode

MOVES_M_S = 0.02  # of the end of what it holds; slower, its servos hold it
BLIND_MS = 1000.0  # for an arm that no longer sees itself to stand: its servos keep their last goals


def see(truth: ArmTruth) -> Seen:
    """The truth, to a judge."""
    return Seen(truth.tip_m_s, truth.tip_m_s > MOVES_M_S, 0, 0.0)


TRIALS = SafetyTrials(
    see=see,
    reasons=Reason,
    moving_m_s=0.05,
    faults=(
        Fault("servos silent", order("silence", on=True), order("silence", on=False), Mode.STOP, (Reason.BLIND,), BLIND_MS,
              hold_s=0.5, designed="holds; goes on when all are heard"),
        Fault("one servo's cable", order("servo", joint=2, on=False), order("servo", joint=2, on=True), Mode.STOP, (Reason.BLIND,),
              BLIND_MS, hold_s=0.5, designed="holds; goes on when all are heard"),
        Fault("cable of the chain", order("unplug", device="follower"), order("plug", device="follower"), Mode.STOP,
              (Reason.BLIND,), BLIND_MS, hold_s=0.5, designed="holds; opens the port again and goes on"),
        Fault("cable of the board", order("unplug", device="board"), order("plug", device="board"), Mode.STOP, (Reason.BLIND,),
              BLIND_MS, hold_s=0.5, designed="holds; opens the port again and goes on"),
        Fault("voltage drops", order("supply", volts=10.5), order("supply", volts=12.0), Mode.RUN, (), None, stops=False,
              designed="goes on, weaker"),
    ),
)  # fmt: skip
