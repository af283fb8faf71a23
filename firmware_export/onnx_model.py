"""A policy as an ONNX model: what is sensed goes in as it is sensed, what is commanded comes out.

    inputs   observation   float32 (n, sensed)             in SI units, as the metadata list them
             past_actions  float32 (n, history * actions)  commands, newest first; absent if the policy recalls none
             memory        float32 (n, memory)             of a policy with memory: zeros when it is given control
    outputs  command       float32 (n, actions)            in the units of the action's fields
             past_actions_next                             what to put into past_actions for the next decision
             memory_next                                   likewise

Normalisation and the action's scale are inside. Metadata: task, rate_hz, history, memory, policy_sha256, conventions, and
observation and action as JSON lists of fields. The graph is put together here from a dozen operators of opset 17, so
that it does not depend on a tracer's habits.

Weights are stored in float32; sums are taken in double precision, so that the command is right to its last bits. In
float32 the same network is off by up to 3e-6 of its range, in torch as well, which is more than this export promises.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from firmware_export.network import LAYER_NORM_EPSILON, Cell, Layer, Network
from policies.array_file import write_bytes_atomically
from policies.fields import Field, Fields, offsets, scales

OPSET, IR_VERSION = 17, 8  # old enough for the run-times that are about
FLIGHT_STEPS = 100
CONVENTIONS = (
    "SI units. World: z up. Body: x forward, y left, z up. Rotations take a body's vector to the world: "
    "vector_world = R vector_body, R row by row."
)


class GraphParts:
    """Nodes and constants of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        """Add a constant, float32 in the file and double in the graph; returns its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return self.cast(name, TensorProto.DOUBLE)

    def cast(self, name: str, to: int, output: str = "") -> str:
        """Convert; returns the name of the result."""
        return self.add("Cast", [name], output or f"{name}_double", to=to)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node; returns the name of what it computes."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def onnx_model(network: Network) -> onnx.ModelProto:
    """The network as a model that onnx's checker has accepted."""
    parts = GraphParts()
    scale, offset = network.scale_and_offset()
    action_scale, action_offset = per_number(network.action)
    x = normalised(parts, "observation", scale, offset)
    inputs, outputs = [tensor("observation", network.sensed)], [tensor("command", network.outputs)]
    if network.history:
        past = network.history * network.outputs
        inputs.append(tensor("past_actions", past))
        outputs.append(tensor("past_actions_next", past))
        repeated = np.tile(action_scale, network.history), np.tile(action_offset, network.history)
        x = parts.add("Concat", [x, normalised(parts, "past_actions", *repeated)], "seen", axis=1)
    number = 0
    for layer in network.layers[:-1]:
        number += 1
        x = layer_nodes(parts, number, layer, x)
    if network.cell is not None:
        inputs.append(tensor("memory", network.memory))
        outputs.append(tensor("memory_next", network.memory))
        memory = cell_nodes(parts, number, network.cell, x)
        x, number = parts.add("Concat", [memory, x], "joined", axis=1), number + 2
    x = layer_nodes(parts, number + 1, network.layers[-1], x)
    x = parts.add("Div", [x, parts.constant("action_scale", action_scale)], "unscaled")
    x = parts.add("Add", [x, parts.constant("action_offset", action_offset)], "command_double")
    parts.cast(x, TensorProto.FLOAT, "command")
    if network.history:
        recalled = parts.add("Concat", ["command", "past_actions"], "recalled", axis=1)
        parts.constants += [
            numpy_helper.from_array(np.array([value], np.int64), name)
            for name, value in (("first", 0), ("end", past), ("axis", 1))
        ]
        parts.add("Slice", [recalled, "first", "end", "axis"], "past_actions_next")
    graph = helper.make_graph(parts.nodes, network.task, inputs, outputs, parts.constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="robot-practice",
        doc_string=__doc__,
    )
    helper.set_model_props(model, about(network))
    onnx.checker.check_model(model, full_check=True)
    return model


def layer_nodes(parts: GraphParts, number: int, layer: Layer, x: str) -> str:
    """Add a layer; returns the name of what it gives."""
    x = sum_nodes(parts, number, layer, x)
    if layer.layer_norm:
        gain = parts.constant(f"gain_{number}", np.ones(layer.outputs, np.float32))
        x = parts.add("LayerNormalization", [x, gain], f"norm_{number}", axis=-1, epsilon=LAYER_NORM_EPSILON)
    if layer.activation != "linear":
        x = parts.add("Tanh" if layer.activation == "tanh" else "Relu", [x], f"{layer.activation}_{number}")
    return x


def sum_nodes(parts: GraphParts, number: int, layer: Layer, x: str) -> str:
    """Add x W + b."""
    weights = parts.constant(f"weights_{number}", layer.weights)
    return parts.add("Gemm", [x, weights, parts.constant(f"bias_{number}", layer.bias)], f"sum_{number}")


def cell_nodes(parts: GraphParts, before: int, cell: Cell, x: str) -> str:
    """Add a gated recurrent unit behind so many layers; returns the name of the next memory. (ONNX has one of its own, which ONNX
    Runtime knows in single precision alone.)"""
    memory = parts.cast("memory", TensorProto.DOUBLE)
    seen, recalled = sum_nodes(parts, before + 1, cell.seen, x), sum_nodes(parts, before + 2, cell.recalled, memory)
    gates = [[f"{side}_{gate}" for gate in ("reset", "update", "candidate")] for side in ("seen", "recalled")]
    for source, names in zip((seen, recalled), gates, strict=True):
        parts.nodes.append(helper.make_node("Split", [source], names, name=f"{source}_gates", axis=1))

    def gate(name: str) -> str:
        return parts.add("Sigmoid", [parts.add("Add", [f"seen_{name}", f"recalled_{name}"], f"{name}_sum")], name)

    reset, update = gate("reset"), gate("update")
    recalled = parts.add("Mul", [reset, "recalled_candidate"], "recalled_in_part")
    candidate = parts.add("Tanh", [parts.add("Add", ["seen_candidate", recalled], "candidate_sum")], "candidate")
    kept = parts.add("Mul", [update, parts.add("Sub", [memory, candidate], "old")], "kept")
    after = parts.add("Add", [candidate, kept], "memory_next_double")
    parts.cast(after, TensorProto.FLOAT, "memory_next")
    return after


def about(network: Network) -> dict[str, str]:
    """The metadata."""
    return {
        "task": network.task,
        "rate_hz": f"{network.rate_hz:g}",
        "history": str(network.history),
        "memory": str(network.memory),
        "policy_sha256": network.sha256,
        "conventions": CONVENTIONS,
        "observation": as_json(network.observation),
        "action": as_json(network.action),
    }


def as_json(fields: Fields) -> str:
    """A list of fields, without their mirror, and without a range where they have none."""
    plain = [asdict(field) for field in fields]
    return json.dumps(
        [
            {key: value for key, value in one.items() if key != "mirror" and value not in (-math.inf, math.inf)}
            for one in plain
        ]
    )


def normalised(parts: GraphParts, name: str, scale: np.ndarray, offset: np.ndarray) -> str:
    """(raw - offset) * scale of an input."""
    raw = parts.cast(name, TensorProto.DOUBLE)
    centred = parts.add("Sub", [raw, parts.constant(f"{name}_offset", offset)], f"{name}_centred")
    return parts.add("Mul", [centred, parts.constant(f"{name}_scale", scale)], f"{name}_normalised")


def tensor(name: str, size: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])


def per_number(fields: Fields) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset of each number of the fields, float32."""
    return scales(fields).astype(np.float32), offsets(fields).astype(np.float32)


def write_onnx(path: Path, network: Network) -> None:
    """Write the model, beside and renamed."""
    write_bytes_atomically(path, [onnx_model(network).SerializeToString()])


class OnnxPolicy:
    """A model on disk, run by ONNX Runtime on one thread.

    task, rate_hz, history, memory, policy_sha256, observation, action: its metadata.
    """

    def __init__(self, path: Path) -> None:
        """Raises ValueError for a file that is no such model."""
        if not path.is_file():
            raise ValueError(f"{path}: no such model")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            about = self.session.get_modelmeta().custom_metadata_map
            self.task, self.policy_sha256 = about["task"], about["policy_sha256"]
            self.rate_hz, self.history = float(about["rate_hz"]), int(about["history"])
            self.memory = int(about.get("memory", 0))  # older models have none
            self.observation = tuple(Field(**field) for field in json.loads(about["observation"]))
            self.action = tuple(Field(**field) for field in json.loads(about["action"]))
        except KeyError as error:
            raise ValueError(f"{path}: found no metadata {error}, allowed: a model of robot export") from error
        except onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf as error:
            raise ValueError(f"{path}: found no ONNX model") from error

    def command(self, observation: np.ndarray, past_actions: np.ndarray | None = None) -> np.ndarray:
        """Commands (n, actions) for observations (n, sensed) and past actions (n, history * actions), float32; of a policy
        with memory, its first."""
        return self.step(observation, past_actions, np.zeros((len(observation), self.memory), np.float32))[0]

    def step(
        self, observation: np.ndarray, past_actions: np.ndarray | None, memory: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Commands (n, actions) and next memories (n, memory), float32, for observations, past actions and memories."""
        inputs = {"observation": observation}
        if past_actions is not None:
            inputs["past_actions"] = past_actions
        if not self.memory:
            return self.session.run(["command"], inputs)[0], memory
        command, after = self.session.run(["command", "memory_next"], inputs | {"memory": memory})
        return command, after


def sample_inputs(network: Network, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Raw observations (n, sensed) and past actions (n, history * actions) to compare with, float32.

    Of the observations, as the network sees them, a half is normal; then come ever more extreme ones, up to eight
    standard deviations; zeros, both ends in every number, the smallest float32 and the largest of a wild sensor (1e6).
    Past actions are uniform over their range, or at its ends.
    """
    rng = np.random.default_rng(seed)
    seen = (
        rng.standard_normal((n, network.sensed)) * np.where(np.arange(n) < n // 2, 1.0, 8.0 * np.arange(n) / n)[:, None]
    )
    extremes = np.array([0.0, 8.0, -8.0, 1e-45, -1e-45, 1e6, -1e6])
    rows = min(n, len(extremes))
    seen[:rows] = extremes[:rows, None]
    scale, offset = per_number(network.observation)
    observation = (seen / scale + offset).astype(np.float32)
    if not network.history:
        return observation, None
    actions = rng.uniform(-1.0, 1.0, (n, network.history, network.outputs))
    actions[1::4] = np.sign(actions[1::4])
    action_scale, action_offset = per_number(network.action)
    return observation, (actions / action_scale + action_offset).reshape(n, -1).astype(np.float32)


def torch_commands(
    network: Network, observation: np.ndarray, past_actions: np.ndarray | None, memory: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The same commands from torch in double precision, (n, actions) float64: the truth for the same numbers. And the next
    memories (n, memory) float64; memory: (n, memory), those before, empty unless given."""
    import torch

    from firmware_export.torch_model import torch_model

    scale, offset = (np.float64(values) for values in per_number(network.observation))
    action_scale, action_offset = (np.float64(values) for values in per_number(network.action))
    x = (observation - offset) * scale
    memory = np.zeros((len(x), network.memory)) if memory is None else memory.astype(np.float64)
    if past_actions is not None:
        past = (past_actions.reshape(len(x), network.history, -1) - action_offset) * action_scale
        x = np.concatenate([x, past.reshape(len(x), -1)], axis=1)
    module = torch_model(network).double()
    with torch.no_grad():
        if network.memory:
            action, after = (each.numpy() for each in module(torch.from_numpy(x), torch.from_numpy(memory)))
        else:
            action, after = module(torch.from_numpy(x)).numpy(), memory
    return action / action_scale + action_offset, after


def parity(path: Path, network: Network, n: int = 20_000, seed: int = 0) -> float:
    """The greatest difference of a command between the model and torch, over n observations, extremes among them; of a
    policy with memory, in flights of FLIGHT_STEPS in which each keeps a memory of its own, and of the memories too.

    In units of the action as decided (its range is 2): a difference of commands times the action's scale.
    """
    model, action_scale = OnnxPolicy(path), per_number(network.action)[0]
    steps = FLIGHT_STEPS if network.memory else 1
    flights = n // steps
    memory, exact, worst = network.initial_memory(flights), np.zeros((flights, network.memory)), 0.0
    for now in range(steps):
        observation, past_actions = sample_inputs(network, flights, seed + now)
        found, memory = model.step(observation, past_actions, memory)
        wanted, exact = torch_commands(network, observation, past_actions, exact)
        worst = max(
            worst, float(np.abs((found - wanted) * action_scale).max()), np.abs(memory - exact).max(initial=0.0)
        )
    return worst
