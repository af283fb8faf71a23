"""The learner's hot path: forward and backward passes, Adam and sampling, float32 on one thread.

Matrix products go to BLAS (`np.dot` with `out` inside a kernel: no Python, no copies); everything else is fused into
passes over rows. Gradients are written by hand; the tests hold them to torch's autograd.

Critics: [observation, action] -> hidden -> hidden -> value, each hidden layer followed by LayerNorm without scale and
shift (Ball et al., 2023, RLPD) and ReLU. Weights of one critic, flat: W1 observation (n, h), W1 action (m, h), b1 (h),
W2 (h, h), b2 (h), w3 (h), b3 (1). The actor is the one of policies/actor.py.
"""

import math

import numpy as np
from numba import njit

from policies.actor import LOG_STD_MAX, LOG_STD_MIN, orthogonal, tanh32

LAYER_NORM_EPSILON = np.float32(1e-5)
LOG_STD_HALF_RANGE = np.float32(0.5 * (LOG_STD_MAX - LOG_STD_MIN))
HALF_LOG_TWO_PI = np.float32(0.9189385)
LOG_TWO = np.float32(0.6931472)
FAST = {"reassoc", "contract", "nsz", "arcp"}  # may sum in any order; NaN and infinity keep their meaning


@njit(cache=True)
def gather(rows, coins, observation, action, proposed, reward, next_observation, terminated, follows, n_step, gamma,
           refusal_cost, mirror_columns, mirror_sign, mirror_action_sign, first, out_observation, out_action,
           out_return, out_discount, out_next):  # fmt: skip
    """Copy sampled rows of a memory's columns into a batch, from its row `first` on, as n-step transitions.

    rows (k,): sampled rows; coins (k,): bit 0 set where a transition is to be seen in the mirror, bit 1 where it is to
    be taken with the proposed action rather than the executed one: that then costs `refusal_cost` times the largest
    difference between them.
    out_return: sum of gamma^i reward; out_discount: gamma^steps, or 0 after a terminal.
    """
    capacity = reward.shape[0]
    one = np.float32(1.0)
    for k in range(rows.shape[0]):
        row = rows[k]
        last = row
        total, discount = np.float32(0.0), one
        for step in range(n_step):
            total += discount * reward[last]
            discount *= gamma * (one - terminated[last])
            if step + 1 == n_step or not follows[last]:
                break
            last = (last + 1) % capacity
        i = first + k
        taken = action[row]
        if coins[k] & 2:
            taken = proposed[row]
            changed = np.float32(0.0)
            for j in range(action.shape[1]):
                changed = max(changed, abs(proposed[row, j] - action[row, j]))
            total -= refusal_cost * changed
        out_return[i], out_discount[i] = total, discount
        if coins[k] & 1:
            for j in range(observation.shape[1]):
                out_observation[i, j] = observation[row, mirror_columns[j]] * mirror_sign[j]
                out_next[i, j] = next_observation[last, mirror_columns[j]] * mirror_sign[j]
            for j in range(action.shape[1]):
                out_action[i, j] = taken[j] * mirror_action_sign[j]
        else:
            for j in range(observation.shape[1]):
                out_observation[i, j] = observation[row, j]
                out_next[i, j] = next_observation[last, j]
            for j in range(action.shape[1]):
                out_action[i, j] = taken[j]


@njit(cache=True)
def critic_size(n, m, h):
    """Number of weights of one critic."""
    return (n + m) * h + h + h * h + h + h + 1


@njit(cache=True)
def critic_parts(weights, n, m, h):
    """The flat weights (or gradients) of one critic as views."""
    a, b = n * h, (n + m) * h
    c, d = b + h, b + h + h * h
    return (
        weights[:a].reshape(n, h), weights[a:b].reshape(m, h), weights[b:c],
        weights[c:d].reshape(h, h), weights[d : d + h], weights[d + h : d + 2 * h], weights[d + 2 * h :],
    )  # fmt: skip


def initial_critic(observation_size: int, action_size: int, hidden: int, rng: np.random.Generator) -> np.ndarray:
    """Flat weights of a fresh critic: orthogonal layers, zero biases."""
    n, m, h = observation_size, action_size, hidden
    weights = np.zeros(critic_size(n, m, h), np.float32)
    w1, w1_action, _, w2, _, w3, _ = critic_parts(weights, n, m, h)
    first = math.sqrt(2.0) * orthogonal((n + m, h), rng)
    w1[:], w1_action[:] = first[:n], first[n:]
    w2[:] = math.sqrt(2.0) * orthogonal((h, h), rng)
    w3[:] = orthogonal((h, 1), rng)[:, 0]
    return weights


@njit(cache=True, fastmath=FAST, error_model="numpy")
def normalise(z, bias, normal, scale, out):
    """LayerNorm(z + bias), kept in `normal` with its 1 / deviation in `scale`; then ReLU into `out`. z is scratch."""
    batch, h = z.shape
    inverse = np.float32(1.0) / np.float32(h)
    for i in range(batch):
        total = np.float32(0.0)
        for j in range(h):
            value = z[i, j] + bias[j]
            z[i, j] = value
            total += value
        mean = total * inverse
        squares = np.float32(0.0)
        for j in range(h):
            value = z[i, j] - mean
            squares += value * value
        r = np.float32(1.0) / np.sqrt(squares * inverse + LAYER_NORM_EPSILON)
        scale[i] = r
        for j in range(h):
            value = (z[i, j] - mean) * r
            normal[i, j] = value
            out[i, j] = max(value, np.float32(0.0))


@njit(cache=True, fastmath=FAST, error_model="numpy")
def normalise_backward(d, normal, scale, d_bias):
    """Gradient through ReLU and LayerNorm, in place in `d`; its sum over the batch into d_bias."""
    batch, h = d.shape
    inverse = np.float32(1.0) / np.float32(h)
    d_bias[:] = np.float32(0.0)
    for i in range(batch):
        mean_d = np.float32(0.0)
        mean_dn = np.float32(0.0)
        for j in range(h):
            value = d[i, j] if normal[i, j] > np.float32(0.0) else np.float32(0.0)
            d[i, j] = value
            mean_d += value
            mean_dn += value * normal[i, j]
        mean_d *= inverse
        mean_dn *= inverse
        r = scale[i]
        for j in range(h):
            value = r * (d[i, j] - mean_d - normal[i, j] * mean_dn)
            d[i, j] = value
            d_bias[j] += value


@njit(cache=True, fastmath=FAST, error_model="numpy")
def add_action(z, action, w):
    """z += action @ w, for few action components."""
    for i in range(z.shape[0]):
        for k in range(action.shape[1]):
            a = action[i, k]
            for j in range(z.shape[1]):
                z[i, j] += a * w[k, j]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def row_dot(x, w, bias, out):
    """out = x @ w + bias for one output."""
    for i in range(x.shape[0]):
        total = bias
        for j in range(x.shape[1]):
            total += x[i, j] * w[j]
        out[i] = total


@njit(cache=True)
def critic_forward(weights, observation, action, keep, value):
    """Values (batch,) of one critic. keep: (z, normal1, h1, normal2, h2 (batch, h) each, scale1, scale2 (batch,))."""
    z, normal1, h1, normal2, h2, scale1, scale2 = keep
    w1, w1_action, b1, w2, b2, w3, b3 = critic_parts(weights, observation.shape[1], action.shape[1], z.shape[1])
    np.dot(observation, w1, z)
    add_action(z, action, w1_action)
    normalise(z, b1, normal1, scale1, h1)
    np.dot(h1, w2, z)
    normalise(z, b2, normal2, scale2, h2)
    row_dot(h2, w3, b3[0], value)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def value_backward(d_value, h2, w3, d_h2, d_w3, d_b3):
    """Gradient of the last layer: into d_h2, d_w3 and d_b3."""
    d_w3[:] = np.float32(0.0)
    d_b3[0] = np.float32(0.0)
    for i in range(h2.shape[0]):
        d = d_value[i]
        d_b3[0] += d
        for j in range(h2.shape[1]):
            d_w3[j] += d * h2[i, j]
            d_h2[i, j] = d * w3[j]


@njit(cache=True)
def critic_backward(weights, observation, action, keep, d_value, scratch, gradient):
    """Gradient of sum(d_value * value) with respect to one critic's weights, after `critic_forward` with `keep`."""
    z, normal1, h1, normal2, h2, scale1, scale2 = keep
    n, m, h = observation.shape[1], action.shape[1], z.shape[1]
    _, _, _, w2, _, w3, _ = critic_parts(weights, n, m, h)
    g1, g1_action, gb1, g2, gb2, g3, gb3 = critic_parts(gradient, n, m, h)
    value_backward(d_value, h2, w3, scratch, g3, gb3)
    normalise_backward(scratch, normal2, scale2, gb2)
    np.dot(h1.T, scratch, g2)
    np.dot(scratch, w2.T, z)
    normalise_backward(z, normal1, scale1, gb1)
    np.dot(observation.T, z, g1)
    np.dot(action.T, z, g1_action)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def value_backward_to_input(d_value, w3, normal2, scale2, d):
    """d = gradient of sum(d_value * value) before the second LayerNorm, for a constant d_value, in one pass."""
    batch, h = d.shape
    inverse = np.float32(1.0) / np.float32(h)
    for i in range(batch):
        mean_d = np.float32(0.0)
        mean_dn = np.float32(0.0)
        for j in range(h):
            value = d_value * w3[j] if normal2[i, j] > np.float32(0.0) else np.float32(0.0)
            d[i, j] = value
            mean_d += value
            mean_dn += value * normal2[i, j]
        mean_d *= inverse
        mean_dn *= inverse
        r = scale2[i]
        for j in range(h):
            d[i, j] = r * (d[i, j] - mean_d - normal2[i, j] * mean_dn)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def input_backward(d, normal1, scale1, w1_action, d_action):
    """d_action += the gradient of the first layer's action inputs; d is the gradient after the first ReLU, scratch."""
    batch, h = d.shape
    inverse = np.float32(1.0) / np.float32(h)
    for i in range(batch):
        mean_d = np.float32(0.0)
        mean_dn = np.float32(0.0)
        for j in range(h):
            value = d[i, j] if normal1[i, j] > np.float32(0.0) else np.float32(0.0)
            d[i, j] = value
            mean_d += value
            mean_dn += value * normal1[i, j]
        mean_d *= inverse
        mean_dn *= inverse
        r = scale1[i]
        for k in range(d_action.shape[1]):
            total = np.float32(0.0)
            for j in range(h):
                total += r * (d[i, j] - mean_d - normal1[i, j] * mean_dn) * w1_action[k, j]
            d_action[i, k] += total


@njit(cache=True)
def critic_action_gradient(weights, observation, action, keep, d_value, scratch, d_action):
    """d_action += d_value * d value / d action for one critic, after `critic_forward` with `keep`."""
    z, normal1, _, normal2, _, scale1, scale2 = keep
    _, w1_action, _, w2, _, w3, _ = critic_parts(weights, observation.shape[1], action.shape[1], z.shape[1])
    value_backward_to_input(d_value, w3, normal2, scale2, scratch)
    np.dot(scratch, w2.T, z)
    input_backward(z, normal1, scale1, w1_action, d_action)


@njit(cache=True)
def actor_parts(weights, n, h, outputs):
    """The flat weights (or gradients) of the actor as views."""
    a = n * h
    b, c = a + h, a + h + h * h
    d = c + h
    e = d + h * outputs
    return (weights[:a].reshape(n, h), weights[a:b], weights[b:c].reshape(h, h), weights[c:d],
            weights[d:e].reshape(h, outputs), weights[e:])  # fmt: skip


@njit(cache=True, error_model="numpy")
def bias_tanh(z, bias):
    """z = tanh(z + bias), in place."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = tanh32(z[i, j] + bias[j])


@njit(cache=True)
def actor_forward(weights, observation, h1, h2, out):
    """The actor's outputs [mean, raw log std] (batch, 2 * actions); h1, h2 (batch, h) are kept for the gradient."""
    w1, b1, w2, b2, w3, b3 = actor_parts(weights, observation.shape[1], h1.shape[1], out.shape[1])
    np.dot(observation, w1, h1)
    bias_tanh(h1, b1)
    np.dot(h1, w2, h2)
    bias_tanh(h2, b2)
    np.dot(h2, w3, out)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += b3[j]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def tanh_backward(d, h, d_bias):
    """Gradient through tanh, in place in `d`; its sum over the batch into d_bias."""
    d_bias[:] = np.float32(0.0)
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            value = d[i, j] * (np.float32(1.0) - h[i, j] * h[i, j])
            d[i, j] = value
            d_bias[j] += value


@njit(cache=True)
def actor_backward(weights, observation, h1, h2, d_out, d2, d1, gradient):
    """Gradient of sum(d_out * out) with respect to the weights, after `actor_forward`. d1, d2 (batch, h): scratch."""
    n, h, outputs = observation.shape[1], h1.shape[1], d_out.shape[1]
    _, _, w2, _, w3, _ = actor_parts(weights, n, h, outputs)
    g1, gb1, g2, gb2, g3, gb3 = actor_parts(gradient, n, h, outputs)
    np.dot(h2.T, d_out, g3)
    gb3[:] = np.float32(0.0)
    for i in range(d_out.shape[0]):
        for j in range(outputs):
            gb3[j] += d_out[i, j]
    np.dot(d_out, w3.T, d2)
    tanh_backward(d2, h2, gb2)
    np.dot(h1.T, d2, g2)
    np.dot(d2, w2.T, d1)
    tanh_backward(d1, h1, gb1)
    np.dot(observation.T, d1, g1)


@njit(cache=True, error_model="numpy")
def sample_actions(out, noise, action, log_likelihood, std):
    """Squashed Gaussian: actions, their log likelihood (batch,) and standard deviations, from the actor's outputs."""
    actions = action.shape[1]
    for i in range(action.shape[0]):
        total = np.float32(0.0)
        for j in range(actions):
            log_std = np.float32(LOG_STD_MIN) + LOG_STD_HALF_RANGE * (np.float32(1.0) + np.tanh(out[i, actions + j]))
            deviation = np.exp(log_std)
            u = out[i, j] + deviation * noise[i, j]
            softplus = max(-2 * u, np.float32(0.0)) + np.log1p(np.exp(-abs(2 * u)))
            total += np.float32(-0.5) * noise[i, j] ** 2 - log_std - HALF_LOG_TWO_PI - 2 * (LOG_TWO - u - softplus)
            action[i, j] = np.tanh(u)
            std[i, j] = deviation
        log_likelihood[i] = total


@njit(cache=True, error_model="numpy")
def actor_output_gradient(out, noise, action, std, d_action, alpha, anchor_action, anchor, d_out):
    """Gradient with respect to the actor's outputs of mean(alpha log likelihood + anchor |tanh mean - anchor|^2) plus
    what `d_action` (batch, actions) brings."""
    batch, actions = action.shape
    share = np.float32(1.0 / batch)
    for i in range(batch):
        for j in range(actions):
            a = action[i, j]
            d_u = d_action[i, j] * (1 - a * a) + alpha * share * 2 * a
            raw = np.tanh(out[i, actions + j])
            d_log_std = d_u * std[i, j] * noise[i, j] - alpha * share
            mean = np.tanh(out[i, j])
            d_out[i, j] = d_u + anchor * share * 2 * (mean - anchor_action[i, j]) * (1 - mean * mean)
            d_out[i, actions + j] = d_log_std * LOG_STD_HALF_RANGE * (1 - raw * raw)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def adam(weights, gradient, mean, square, step, rate):
    """One step of Adam (Kingma and Ba, 2015), beta 0.9 and 0.999, in place; `step` counts from 1."""
    correct_mean = np.float32(1.0 / (1.0 - 0.9**step))
    correct_square = np.float32(1.0 / (1.0 - 0.999**step))
    rate = np.float32(rate) * correct_mean
    for i in range(weights.size):
        g = gradient[i]
        m = np.float32(0.9) * mean[i] + np.float32(0.1) * g
        v = np.float32(0.999) * square[i] + np.float32(0.001) * g * g
        mean[i], square[i] = m, v
        weights[i] -= rate * m / (np.sqrt(v * correct_square) + np.float32(1e-8))


@njit(cache=True, fastmath=FAST, error_model="numpy")
def polyak(target, weights, share):
    """target += share * (weights - target)."""
    for i in range(target.size):
        target[i] += share * (weights[i] - target[i])
