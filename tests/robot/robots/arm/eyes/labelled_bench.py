"""A tiny run of an arm with a camera on its hand, made by hand: its log, its pictures, its transitions, its configuration."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from policies.replay import write_segment
from robot.logs.writer import LogWriter
from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.frames import FrameWriter, Kept, embedding_dtype
from robot.robots.arm.eyes.encoder_file import SHIPPED_SEEING_POLICY, encoder_beside
from robot.robots.arm.eyes.mind import SeeingInsertionMind
from robot.robots.arm.eyes.wrist_view import HEIGHT, SIZE, TOLD, WIDTH
from robot.robots.arm.options import ArmOptions
from robot.runtime.events import make_event
from robot.runtime.run_folder import save_config
from robot.tasks.peg_insert_by_camera import SPEC

TICK_S, AGE_S, BETWEEN_S = 0.02, 0.01, 1.0  # of a picture that control knows; from an end to the next beginning
LASTS_S, IN_FROM_S = (
    3.0,
    0.06,
)  # of an episode; after its end by which a picture shows its peg, control's and camera's delays included

DECIDES = round(SPEC.decision_s / TICK_S)  # ticks of a decision
START_M, NEAR_S = 0.03, 1.0  # how far the peg is from where it ends, until so long before the end


def make_run(run: Path, outcomes: Sequence[str], kept: Kept = "lossless", shows: Sequence[bool] | None = None) -> Path:
    """A run with these outcomes. shows: which end with the peg in, in their pictures: where not told, the successes. A peg that is in is a
    bright picture, and a positive first feature; one that is out a dark one, and a negative one."""
    run.mkdir(parents=True, exist_ok=True)
    save_config(run, ArmOptions(robot="virtual-camera-arm", frames=kept))
    encoder = encoder_beside(SHIPPED_SEEING_POLICY)
    (run / ENCODER_FILE).write_bytes(encoder)
    rng, lived = np.random.default_rng(0), np.random.default_rng(1)
    log = LogWriter(run / "log.mcap", SeeingInsertionMind.records, 1)
    pictures = None if kept == "none" else FrameWriter(run, kept, encoder, SIZE, None)
    seen = [outcome == "success" for outcome in outcomes] if shows is None else shows
    period = round((LASTS_S + BETWEEN_S) / TICK_S)
    readings, outputs = (
        np.zeros(period * len(outcomes), kind)
        for kind in (SeeingInsertionMind.records.readings, SeeingInsertionMind.records.outputs)
    )
    events = [make_event("start", 0, 0.0, life=1)]
    transitions = []
    for number, (outcome, shown) in enumerate(zip(outcomes, seen, strict=True)):
        first, ends_s = number * period, number * (LASTS_S + BETWEEN_S) + LASTS_S
        end = first + round(LASTS_S / TICK_S)
        fields = {"practice_s": ends_s, "merit": LASTS_S, "outcome": outcome, "baseline": False}
        events.append(make_event("episode", end, end * TICK_S, **fields))
        for tick in range(first, first + period):
            within = shown and tick * TICK_S > end * TICK_S + IN_FROM_S - 0.5 * TICK_S
            embedding = rng.uniform(-0.5, 0.5, SIZE).astype(np.float32)
            embedding[TOLD] = rng.uniform(0.5, 0.9) if within else rng.uniform(-0.9, -0.5)
            camera = readings[tick]["camera"]
            camera["embedding"][:SIZE], camera["points"], camera["frame"] = embedding, SIZE, tick + 1
            camera["embedding_age_s"] = AGE_S
            for record in (readings[tick], outputs[tick]):
                record["life"], record["tick"], record["time_s"] = 1, tick, tick * TICK_S
            if tick < end and (tick - first) % DECIDES == 0:
                outputs[tick]["is_decision"], outputs[tick]["step"] = 1, len(transitions)
                transitions.append(np.zeros((), SeeingInsertionMind.records.transition))
                told = transitions[-1]
                told["step"], told["episode"], told["duration_s"] = len(transitions) - 1, number, SPEC.decision_s
                told["observation"], told["next_observation"] = lived.normal(size=(2, SPEC.observation_size))
                told["action"] = lived.uniform(-1.0, 1.0, SPEC.action_size)
            outputs[tick]["figures"]["end_m"] = (0.2, 0.0, START_M * (tick < end - round(NEAR_S / TICK_S)))
            outputs[tick]["figures"]["aside_m"] = (0.0003, 0.0004, -0.01)
            if pictures is not None:
                told = np.zeros((), embedding_dtype(SIZE))
                told["frame"], told["measured_s"], told["embedding"] = tick + 1, tick * TICK_S - AGE_S, embedding
                pictures.add(np.full((HEIGHT, WIDTH), 200 if within else 60, np.uint8), told)
    log.add_readings(readings)
    log.add_outputs(outputs)
    log.add_events(np.array(events))
    log.close()
    (run / "replay").mkdir()
    write_segment(run / "replay" / "0.seg", np.stack(transitions))
    if pictures is not None:
        pictures.close()
    return run
