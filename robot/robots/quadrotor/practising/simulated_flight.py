"""Half a minute's flight in the simulator, and what a drone's log would say of it: what a fit can begin with."""

import numpy as np

from robot.robots.quadrotor.evaluation.evaluation import Conditions, Pilot, batch_for, fly
from robot.robots.quadrotor.practising.samples import SAMPLE
from robot.tasks import recover
from sim.quadrotor.batch import Starts
from sim.quadrotor.fleets import ESTIMATE
from sim.quadrotor.model import Q_W, STEP_S, V_X, W_X, QuadrotorParameters, QuadrotorRandomisation

FLIGHT_S = 30.0
STAY_DECISIONS, AWAY_M = 200, 0.3  # at each of the points that it hovers at; how far the next one is at most, each way
AT_REST = Starts(position_m=0.0, attitude_rad=0.0, velocity_m_s=0.0, rate_rad_s=0.0, centred_share=1.0)


def fly_and_log(pilot: Pilot, quadrotor: QuadrotorParameters, seed: int) -> np.ndarray:
    """SAMPLEs (n,) of one drone that goes from point to point. They end where the simulator gives it up."""
    decisions, rng = round(FLIGHT_S / STEP_S), np.random.default_rng([seed, 0x305])
    conditions = Conditions(quadrotor, QuadrotorRandomisation(), AT_REST, ESTIMATE)
    batch = batch_for(pilot, conditions, seed, 2, recover, decisions)
    alive, state = np.ones(batch.n_blocks * batch.lanes, np.bool_), batch.state_rows[0, :, 0]
    samples = np.zeros(decisions, SAMPLE)
    for k, actions in enumerate(fly(pilot, batch, decisions, alive)):
        if not alive[0]:
            return samples[: max(0, k - 1)]
        here = samples[k]
        here["board_time_s"] = STEP_S * (k + 1)  # the state after the decision that was made a step ago
        here["decided_s"] = STEP_S * k
        here["forces"] = thrust_shares(0.5 + 0.5 * actions[:, 0], quadrotor)
        here["rate_rad_s"] = state[W_X : W_X + 3] + ESTIMATE.rate_rad_s * rng.normal(size=3)
        here["velocity_m_s"] = state[V_X : V_X + 3] + ESTIMATE.velocity_m_s * rng.normal(size=3)
        here["attitude"] = state[Q_W : Q_W + 4] + 0.5 * ESTIMATE.rotation * rng.normal(size=4)
        here["active"] = 1
        if (k + 1) % STAY_DECISIONS == 0:
            state[:3] += rng.uniform(-AWAY_M, AWAY_M, 3)  # the goal is where the numbers are zero: it moves
    return samples


def thrust_shares(commands: np.ndarray, quadrotor: QuadrotorParameters) -> np.ndarray:
    """What commands (n,) ask for as shares of a rotor's full thrust: how a log tells them. A factor on the thrust cancels."""
    c_0, c_1, c_2 = quadrotor.thrust_0_n, quadrotor.thrust_1_n, quadrotor.thrust_2_n
    shares: np.ndarray = (c_0 + commands * (c_1 + commands * c_2)) / (c_0 + c_1 + c_2)
    return shares
