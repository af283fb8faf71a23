"""A robot that the project does not know survives a small campaign: a device falls silent, processes are killed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot.cli.safety import main
from robot.robots.car.safety_trials import TRIALS as OF_CAR
from robot.safety.campaign.campaign import Outcome, Trial, kill_faults, run_session
from robot.safety.campaign.trials import find_trials
from tests.toy_robot.joining import join
from tests.toy_robot.practice import ToyOptions


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        join(tmp_path_factory.mktemp("site"), patch)
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield Path.cwd()


def test_it_survives_a_small_campaign(joined: Path) -> None:
    trials, outcome = find_trials("toy"), Outcome()
    told: list[Trial] = []
    # How soon a dead control's guardian acts is a question for a machine that has nothing else to do
    killed = [replace(kill_faults(name), zero_throttle_ms=None) for name in ("control", "recorder")]
    options = ToyOptions(clock="realtime", minutes=10.0)
    run_session(trials, options, joined, [*trials.faults, *killed], np.random.default_rng(1), outcome, told.append)
    assert [trial.fault for trial in told] == ["cart silent", "kill -9 control", "kill -9 recorder"]
    assert told[0].mode == "STOP" and told[0].reason == "BLIND" and told[0].zero_throttle_ms is not None
    figures = outcome.figures()
    assert figures["as_designed"], figures["trials"]
    assert figures["transitions"] > 0 and figures["transitions_lost"] == 0


def test_what_a_robot_does_not_bring_is_refused(joined: Path) -> None:
    with pytest.raises(ValueError, match="--stops: found with --task toy, allowed: with one whose robot brings stops"):
        main(["--task", "toy", "--stops", "3"])
    with pytest.raises(ValueError, match="--track: found with --task toy, allowed: with a task that has tracks"):
        main(["--task", "toy", "--track", "oval"])
    assert find_trials("car") is OF_CAR
