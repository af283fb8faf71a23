"""The learner: the same steps as plain torch, the same bytes for a seed, whole resumption, and that it learns."""

import dataclasses

import numpy as np
import pytest
import torch

from policies.actor import Actor, actor_layers, initial_weights
from policies.array_file import read_arrays, write_arrays
from policies.fields import Mirror
from policies.replay import transition_dtype
from policies.rlpd import Rlpd
from policies.rlpd_config import RlpdConfig, schedule
from robot.bench.learner import TorchRlpd

N, M = 6, 2
SMALL = RlpdConfig(batch=32, critic_hidden=32, actor_hidden=16, critics=3, critic_subset=2, memory=2000)
MIRROR = Mirror(np.array([0, 2, 1, 3, 4, 5]), np.array([-1, 1, 1, 1, 1, -1], np.float32), np.array([-1, 1], np.float32))


def some_transitions(count, seed=0, demonstrations=0):
    rng = np.random.default_rng(seed)
    transitions = np.zeros(count, transition_dtype(N, M))
    transitions["step"] = np.arange(count)
    for name in ("observation", "next_observation", "reward"):
        transitions[name] = rng.standard_normal(transitions[name].shape)
    transitions["action"] = transitions["proposed"] = rng.uniform(-1, 1, (count, M))
    transitions["terminated"] = rng.random(count) < 0.1
    transitions["demonstration"][:demonstrations] = 1
    return transitions


def make_learner(config=SMALL, **arguments):
    return Rlpd(config, N, M, MIRROR, **arguments)


@pytest.mark.parametrize("anchor", [0.0, 0.5])
def test_several_updates_are_those_of_plain_torch(anchor):
    config = dataclasses.replace(SMALL, anchor=anchor, anchor_end=anchor, entropy_start=-1.5, entropy_end=-1.5)
    learner = make_learner(
        config, policy_weights=initial_weights(actor_layers(N, M, (16, 16)), np.random.default_rng(3))
    )
    learner.add(some_transitions(200, demonstrations=50))
    plain = TorchRlpd(learner)
    anchor_actor = Actor(learner.layers, learner.actor_weights())
    for update in range(12):
        learner.sample_batch()
        batch = [torch.tensor(part) for part in learner.batch]
        noise, subset = learner.noise(), learner.rng.permutation(3)[:2]
        learner.step_critics(noise, subset)
        assert learner.loss == pytest.approx(plain.critic_update(batch, torch.tensor(noise), subset), rel=1e-4)
        if update % 2:
            noise = learner.noise()
            learner.step_actor(noise)
            learner.step_alpha()
            wanted = np.stack([anchor_actor.mean(row) for row in learner.batch[0]])
            plain.actor_update(batch[0], torch.tensor(noise), -1.5, torch.tensor(wanted), anchor)
    for e in range(3):
        np.testing.assert_allclose(learner.critics[e], plain.critics[e].flat(), atol=1e-4)
        np.testing.assert_allclose(learner.targets[e], plain.targets[e].flat(), atol=1e-5)
    np.testing.assert_allclose(learner.actor, plain.actor.flat(), atol=1e-4)
    assert learner.log_alpha == pytest.approx(plain.log_alpha.item(), abs=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    weights = []
    for seed in (1, 1, 2):
        learner = make_learner(dataclasses.replace(SMALL, seed=seed))
        learner.add(some_transitions(100))
        learner.update(20)
        weights.append(learner.actor_weights().tobytes() + learner.critics.tobytes())
    assert weights[0] == weights[1] != weights[2]


def test_a_resumed_learner_goes_on_bit_for_bit(tmp_path):
    transitions = some_transitions(300, demonstrations=40)
    learner = make_learner()
    learner.add(transitions[:200])
    learner.update(30)
    learner.save(tmp_path / "learner.npz")
    resumed = make_learner()
    resumed.load(tmp_path / "learner.npz")
    resumed.restore(transitions[:200])
    assert resumed.transitions_seen == 200
    assert resumed.decisions == 160
    for one in (learner, resumed):
        one.add(transitions[200:])
        one.update(30)
    for name, array in learner.state().items():
        assert array.tobytes() == resumed.state()[name].tobytes(), name


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path):
    path = tmp_path / "learner.npz"
    learner = make_learner()
    learner.save(path)
    with pytest.raises(ValueError, match=r"learner\.npz: field gamma is 0\.9"):
        make_learner(dataclasses.replace(SMALL, gamma=0.5)).load(path)
    with pytest.raises(ValueError, match="field actor is float32 of shape"):
        Rlpd(SMALL, N + 1, M).load(path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"learner\.npz"):
        learner.load(path)
    write_arrays(path, {"a": np.zeros(2)})
    with pytest.raises(ValueError, match="not a learner's checkpoint"):
        learner.load(path)
    assert read_arrays(path).keys() == {"a"}


def test_prior_data_is_sampled_by_its_share():
    config = dataclasses.replace(SMALL, prior_share_start=0.5, prior_share_end=0.25, prior_share_steps=100)
    learner = make_learner(config)
    transitions = some_transitions(300, demonstrations=100)
    transitions["reward"] = transitions["demonstration"]
    learner.add(transitions[:100])
    learner.sample_batch()
    assert learner.batch[2].sum() == 32, "with nothing else, all of it"
    learner.add(transitions[100:150])
    learner.sample_batch()
    assert learner.batch[2].sum() == 12, "half way from a half to a quarter"
    learner.add(transitions[150:])
    learner.sample_batch()
    assert learner.batch[2].sum() == 8


def test_overridden_decisions_teach_both_the_executed_and_the_proposed_action():
    learner = make_learner()
    transitions = some_transitions(50)
    transitions["action"], transitions["proposed"] = 0.25, -0.5
    learner.add(transitions)
    learner.sample_batch()
    assert set(np.abs(learner.batch[1]).ravel()) == {0.25, 0.5}


def refuse_more_than(most: float, config: RlpdConfig) -> tuple[float, float]:
    """Learn one decision an episode, paid by the first action, of which a supervisor lets no more than `most` through.
    Returns the mean of that action of the policy, and how much of the last ones was refused."""
    learner = Rlpd(config, N, M)
    rng = np.random.default_rng(0)
    actor = Actor(learner.layers, learner.actor_weights())
    refused = []
    for step in range(500):
        transition = np.zeros(1, transition_dtype(N, M))
        transition["step"], transition["terminated"] = step, 1
        transition["observation"] = rng.uniform(-1, 1, N)
        proposed = actor.sample(transition["observation"][0], rng.standard_normal(M, np.float32))
        executed = np.minimum(proposed, np.array([most, 1.0], np.float32))
        transition["action"], transition["proposed"], transition["reward"] = executed, proposed, executed[0]
        refused.append(proposed[0] - executed[0])
        learner.add(transition)
        learner.update()
        actor.set_weights(learner.actor_weights())
    means = [actor.mean(rng.uniform(-1, 1, N).astype(np.float32))[0] for _ in range(100)]
    return float(np.mean(means)), float(np.mean(refused[-100:]))


def test_it_learns_to_propose_what_a_supervisor_lets_through():
    config = dataclasses.replace(SMALL, entropy_end=-6.0, entropy_steps=500, critic_rate=3e-3, actor_rate=3e-3)
    mean, refused = refuse_more_than(0.3, config)
    assert 0.2 < mean < 0.35
    assert refused < 0.03
    _, unminded = refuse_more_than(0.3, dataclasses.replace(config, refusal_cost=0.0))
    assert unminded > 0.1


def test_the_actor_stays_while_the_critics_warm_up():
    learner = make_learner()
    learner.add(some_transitions(100))
    before, critics = learner.actor_weights(), learner.critics.copy()
    assert learner.update(10, move_actor=False) == 10
    np.testing.assert_array_equal(learner.actor_weights(), before)
    assert (learner.critics != critics).any()


def test_a_policy_to_start_from_keeps_its_actions_and_gets_the_configured_noise():
    policy = initial_weights(actor_layers(N, M, (16, 16)), np.random.default_rng(5)) * 3
    learner = make_learner(dataclasses.replace(SMALL, std_start=0.1), policy_weights=policy)
    ours, theirs = Actor(learner.layers, learner.actor_weights()), Actor(learner.layers, policy)
    observation = np.random.default_rng(6).standard_normal(N).astype(np.float32)
    np.testing.assert_array_equal(ours.mean(observation), theirs.mean(observation))
    stretch = np.arctanh(ours.sample(observation, np.ones(M, np.float32))) - np.arctanh(ours.mean(observation))
    np.testing.assert_allclose(stretch, 0.1, atol=1e-3)
    with pytest.raises(ValueError, match="weights have shape"):
        make_learner(policy_weights=policy[:-1])


def test_the_robots_actor_follows_the_trained_one_at_its_share():
    learner = make_learner(dataclasses.replace(SMALL, average_share=0.25, average_share_end=0.25))
    learner.add(some_transitions(100))
    before = learner.actor_weights()
    learner.update(SMALL.updates_per_actor)
    np.testing.assert_allclose(learner.actor_weights(), before + 0.25 * (learner.actor - before), atol=1e-6)


def test_rates_and_averages_settle_as_practice_goes_on():
    config = dataclasses.replace(SMALL, rates_end=0.0, average_share=0.5, average_share_end=0.1, settle_steps=200)
    moved = []
    for lived in (100, 200, 300):
        learner = make_learner(config)
        learner.add(some_transitions(lived))
        critics, actor, average = learner.critics.copy(), learner.actor.copy(), learner.average_actor.copy()
        learner.update(SMALL.updates_per_actor)
        moved.append((np.abs(learner.critics - critics).max(), np.abs(learner.actor - actor).max()))
        if lived == 100:
            share = 0.3
            np.testing.assert_allclose(learner.average_actor, average + share * (learner.actor - average), atol=1e-6)
    assert moved[0] == pytest.approx((0.5e-3 * SMALL.updates_per_actor, 0.5e-3), rel=0.1)
    assert moved[1] == moved[2] == (0.0, 0.0)


def test_moving_to_another_policy_takes_its_actions_and_sets_the_anchor_there(tmp_path):
    config = dataclasses.replace(SMALL, anchor=4.0, anchor_end=0.0, anchor_steps=50, std_start=0.2)
    learner = make_learner(config)
    learner.add(some_transitions(100))
    learner.update(20)
    other = initial_weights(learner.layers, np.random.default_rng(9)) * 3
    learner.move_to(other)
    observation = np.random.default_rng(6).standard_normal(N).astype(np.float32)
    moved = Actor(learner.layers, learner.actor_weights())
    np.testing.assert_array_equal(moved.mean(observation), Actor(learner.layers, other).mean(observation))
    np.testing.assert_array_equal(learner.anchor_actor, learner.actor)
    learner.save(tmp_path / "learner.npz")
    resumed = make_learner(config)
    resumed.load(tmp_path / "learner.npz")
    assert resumed.anchored_at == 100


def test_going_back_takes_all_of_an_earlier_policy_and_sets_the_anchor_there():
    learner = make_learner(dataclasses.replace(SMALL, average_share=0.25, average_share_end=0.25))
    learner.add(some_transitions(100))
    earlier = learner.actor_weights()
    learner.update(20)
    learner.go_back(earlier)
    for actor in (learner.actor_weights(), learner.actor, learner.anchor_actor):
        np.testing.assert_array_equal(actor, earlier)
    assert learner.anchored_at == 100
    assert not learner.actor_moments[0].any()
    learner.update(20)
    assert (learner.actor_weights() != earlier).any()


def test_alpha_does_not_fall_below_its_floor():
    learner = make_learner(dataclasses.replace(SMALL, alpha_start=0.011, alpha_floor=0.01, entropy_end=-50.0))
    learner.add(some_transitions(100))
    learner.update(400)
    assert learner.metrics()["alpha"] == pytest.approx(0.01)


def test_diverged_learning_is_an_error():
    learner = make_learner()
    learner.add(some_transitions(100))
    learner.critics[0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="loss is nan at update 4"):
        learner.update(4)


def test_schedules_are_straight_lines_and_then_constant():
    assert [schedule(1.0, 0.0, 10, now) for now in (0, 5, 10, 20)] == [1.0, 0.5, 0.0, 0.0]


def test_it_learns_to_act():
    """One decision an episode, paid by how near the action is to a goal that the observation shows."""
    config = dataclasses.replace(SMALL, entropy_end=-6.0, entropy_steps=600, critic_rate=3e-3, actor_rate=3e-3)
    learner = Rlpd(config, N, M)
    rng = np.random.default_rng(0)
    actor = Actor(learner.layers, learner.actor_weights())

    def mistakes():
        observations = rng.uniform(-1, 1, (200, N)).astype(np.float32)
        return np.mean([np.abs(actor.mean(row) - 0.5 * row[:M]).max() for row in observations])

    untrained = mistakes()
    for step in range(600):
        transition = np.zeros(1, transition_dtype(N, M))
        transition["step"], transition["terminated"] = step, 1
        transition["observation"] = rng.uniform(-1, 1, N)
        action = actor.sample(transition["observation"][0], rng.standard_normal(M, np.float32))
        transition["action"] = transition["proposed"] = action
        transition["reward"] = -np.square(action - 0.5 * transition["observation"][0, :M]).sum()
        learner.add(transition)
        learner.update()
        actor.set_weights(learner.actor_weights())
    assert untrained > 0.3
    assert mistakes() < 0.1


def test_what_was_shown_is_imitated_and_the_anchor_is_there():
    learner = make_learner(dataclasses.replace(SMALL, imitation_updates=400, std_start=0.2, actor_rate=3e-3))
    shown = some_transitions(200, demonstrations=200)
    for symmetric in (shown["observation"], shown["next_observation"]):
        symmetric[:, 1:3] = symmetric[:, [1]]  # so that the mirror asks for nothing else
    shown["action"] = shown["proposed"] = np.stack([0.5 * np.tanh(shown["observation"][:, 0]), np.full(200, -0.3)], 1)
    learner.imitate()
    before = learner.actor_weights()
    learner.add(shown)
    assert (learner.actor_weights() == before).all()  # nothing was shown yet
    learner.imitate()
    actor = Actor(learner.layers, learner.actor_weights())
    errors = np.abs(np.stack([actor.mean(each["observation"]) for each in shown]) - shown["action"])
    assert errors[:, 1].mean() < 0.1 and errors[:, 0].mean() < 0.1
    assert (learner.anchor_actor == learner.actor).all() and learner.updates == 0
