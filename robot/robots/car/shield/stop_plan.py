"""The stop that control has verified, left where the guardians find it when control can say no more.

Row k belongs to the moment k + 1 ticks after the one in which the plan was written: servo_rad and brake_a, which are to
be sent then, turned_rad and way_m, what the car will have turned and gone since. Where no path was verified the ways are
all 0.
"""

import numpy as np

from robot.shared_memory.plan_block import PlanBlock

PLAN_TICKS = 150  # longer than any stop takes
NOTICED_TICKS = 3  # for so long the last command goes on, it is reckoned, until a guardian speaks
TICK_NS = 20_000_000  # the control loop's period; its own constant lives beside kernels, which a guardian does not load
TICK_S = 1e-9 * TICK_NS
SERVO, BRAKE, TURNED, WAY = range(4)  # columns
PLAN_SHAPE = (PLAN_TICKS, 4)


class StopPlan(PlanBlock):
    """The car's: it brakes in every row."""

    shape = PLAN_SHAPE

    @staticmethod
    def leads_to_rest(plan: np.ndarray) -> bool:
        return bool((plan[:, BRAKE] > 0.0).all())
