"""What an arm's servos are like, from how hard they work while it moves slowly: it weighs itself.

Its makers tell its weight. What a servo's duty has to carry is therefore known, and tells how strong the motor is; duties up and down
differ by friction and by what the turning motor induces:

    duty V / V0 = G(q) / stall + v / no_load + friction / stall * v / (|v| + STICK)

While it stands, duty is proportional to how far the joint is from its goal, beyond the gears' play: gain / stall (|error| - play).
All servos are fitted together (least squares), and each of those that bear weight by itself: of one whose direction was told wrongly,
the weight pulls the other way.
"""

import numpy as np

from robot.commissioning.steps import SetupError
from robot.commissioning.values import Value
from robot.robots.arm.setup_arm.joints import JOINTS
from robot.robots.arm.setup_arm.rig import TICK_S, Rig, Row, Tell
from robot.robots.arm.setup_arm.values import fitted
from sim.arm.batch import RAD_A_STEP
from sim.arm.parameters import so101
from sim.arm.peg import PegScene
from sim.arm.rigid_body import inertia_and_bias
from sim.arm.servo import STICK_RAD_S

POSES = ((0.0, 0.0, -0.5, 0.6, 0.0), (0.0, -1.0, 1.0, 0.5, 0.0), (0.0, -1.2, -0.3, 0.3, 0.0))  # high over the board
STROKE_RAD, SLOW_RAD_S, FAST_RAD_S = 0.25, 0.12, 0.5  # two speeds: friction hardly depends on it, what is induced does
BEGINS_S, HOLD_S, SETTLED_S = 0.2, 0.4, 0.2
BEARING = (1, 2, 3)  # joints that bear weight
CORRELATED = 16.0  # neighbouring ticks are alike
FLOORS = {"friction_n_m": 0.006, "gain_n_m_rad": 1.5, "backlash_rad": 0.0006, "stall_n_m": 0.08}
LOADED, HOLDS_MIN = 0.02, 12  # duty of a servo that bears weight; how many such holds tell of gears


def strokes(rig: Rig, tell: Tell) -> tuple[list[tuple[int, Row]], list[list[Row]]]:
    """Each joint to and fro about each pose: ticks in which one moves evenly, with its number, and holds."""
    moving: list[tuple[int, Row]] = []
    holds: list[list[Row]] = []
    count = len(POSES) * (len(JOINTS) - 1)
    for k, pose in enumerate(POSES):
        rig.lead(np.array(pose))
        for joint in range(len(JOINTS) - 1):
            tell((k * (len(JOINTS) - 1) + joint) / count, f"weighs itself: {JOINTS[joint].name}")
            first = STROKE_RAD if (k + joint) % 2 else -STROKE_RAD
            for end, pace in ((first, SLOW_RAD_S), (-first, FAST_RAD_S), (0.0, SLOW_RAD_S)):
                moving += _stroke(rig, joint, pose[joint] + end, pace)
                holds.append(rig.settle(HOLD_S)[round(SETTLED_S / TICK_S) :])
    rig.lead(rig.ready_rad)
    return moving, holds


def _stroke(rig: Rig, joint: int, end_rad: float, pace_rad_s: float) -> list[tuple[int, Row]]:
    goal = rig.posture.goal_rad
    way = end_rad - goal[joint]
    ticks = max(1, round(abs(way) / (pace_rad_s * TICK_S)))
    rows = []
    for _ in range(ticks):
        goal[joint] += way / ticks
        rows.append((joint, rig.tick()))
    return rows[round(BEGINS_S / TICK_S) :]


def weight_n_m(joint_rad: np.ndarray) -> np.ndarray:
    """Torques (6,) that carry an SO-101 with its peg."""
    _, bias = inertia_and_bias(PegScene().links(so101()), joint_rad.tolist(), [0.0] * len(joint_rad))
    return np.array(bias, float)


def motors(moving: list[tuple[int, Row]], nominal_v: float) -> list[Value]:
    """Strength and friction. Raises SetupError where the weight pulls the other way."""
    joints = np.array([joint for joint, _ in moving])
    speed = np.array([row.told.speed_rad_s[joint] for joint, row in moving])
    volts = np.array([row.told.voltage_v[joint] for joint, row in moving])
    duty = np.array([row.told.load[joint] for joint, row in moving]) * volts / nominal_v
    weight = np.array([weight_n_m(row.told.position_rad)[joint] for joint, row in moving])
    seen = np.column_stack([weight, speed / (np.abs(speed) + STICK_RAD_S), speed])
    for joint in BEARING:
        own = joints == joint
        per_n_m = float(np.linalg.lstsq(seen[own], duty[own], rcond=None)[0][0])
        if not per_n_m > 0.0:
            raise SetupError(
                f"{JOINTS[joint].name}: its weight pulls the other way than it should: were its two ends confused? Set it up anew",
                anew=True,
            )
    found, sigma = least_squares(seen, duty)
    stall = 1.0 / found[0]
    of_stall = sigma[0] * stall * stall
    friction = found[1] * stall
    return [
        fitted("stall_n_m", stall, of_stall, FLOORS["stall_n_m"]),
        fitted(
            "friction_n_m", friction, float(np.hypot(sigma[1] * stall, of_stall * found[1])), FLOORS["friction_n_m"]
        ),
    ]


def gears(holds: list[list[Row]], stall_n_m: float, of_stall: float) -> list[Value]:
    """Gain and backlash, from where joints stand while they are held. Raises SetupError where they bear nothing."""
    errors, duties = [], []
    for rows in holds:
        for joint in range(len(JOINTS) - 1):
            speeds = [abs(row.told.speed_rad_s[joint]) for row in rows]
            duty = float(np.mean([row.told.load[joint] for row in rows]))
            if max(speeds) < 0.01 and abs(duty) > LOADED:
                goal = round(rows[-1].goal_rad[joint] / RAD_A_STEP) * RAD_A_STEP
                errors.append(goal - float(np.mean([row.told.position_rad[joint] for row in rows])))
                duties.append(duty)
    if len(duties) < HOLDS_MIN:
        raise SetupError(
            "the servos bear next to no weight while the arm is held up: is it the arm that its file says?"
        )
    loads = np.array(duties)
    found, sigma = least_squares(
        np.column_stack([loads, np.sign(loads)]), np.array(errors)
    )  # error = duty / slope + play
    slope, play = 1.0 / found[0], found[1]
    of_slope = sigma[0] * slope * slope
    gain = slope * stall_n_m
    return [
        fitted("gain_n_m_rad", gain, float(np.hypot(of_slope * stall_n_m, of_stall * slope)), FLOORS["gain_n_m_rad"]),
        fitted("backlash_rad", play, float(sigma[1]), FLOORS["backlash_rad"]),
    ]


def least_squares(seen: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and their standard deviations where neighbours are alike."""
    found, *_ = np.linalg.lstsq(seen, told, rcond=None)
    left = told - (seen * found).sum(axis=1)
    variance = CORRELATED * float(np.mean(left * left))
    sigma = np.sqrt(variance * np.diag(np.linalg.pinv(seen.T @ seen)))
    return found, sigma


def weigh(rig: Rig, nominal_v: float, tell: Tell) -> list[Value]:
    """Strength, friction, gain and backlash. Raises SetupError, LinkLost."""
    moving, holds = strokes(rig, tell)
    of_motors = motors(moving, nominal_v)
    stall = of_motors[0]
    return [*of_motors, *gears(holds, float(stall.value), 0.25 * (float(stall.high) - float(stall.value)))]
