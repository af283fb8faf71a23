"""policy.h: what goes into an exported policy, what comes out, and its functions."""

from pathlib import Path

from firmware_export.arithmetic import Kernel
from firmware_export.network import Network
from policies.fields import Field

TEMPLATES = Path(__file__).parent / "c_templates"
USE = """\
       policy_reset(action);            once before, with the action now in force
       policy_act(sensed, action);      sensed: POLICY_SENSED numbers in their units; action: POLICY_OUTPUTS numbers"""
USE_WITH_MEMORY = """\
       struct policy_state state;
       policy_reset(&state, action);          whenever it is given control, with the action now in force
       policy_act(&state, sensed, action);    sensed: POLICY_SENSED numbers in their units; action: POLICY_OUTPUTS numbers"""


def c_header(network: Network, kernel: Kernel, banks: int = 0) -> str:
    """policy.h: what goes in, what comes out, and the functions. banks: see `c_source`."""
    rate = f"{network.rate_hz:g}"
    defines = {
        "TASK": f'"{network.task}"',
        "SHA256": f'"{network.sha256}" /* of the run\'s policy */',
        "KERNEL": f'"{kernel}"',
        "RATE_HZ": rate,
        "SENSED": str(network.sensed),
        "HISTORY": f"{network.history} /* past actions among the inputs */",
        "MEMORY": f"{network.memory} /* numbers that it remembers */",
        "INPUTS": str(network.inputs),
        "OUTPUTS": str(network.outputs),
        "BANKS": f"{banks} /* of RAM, for constants that come later */",
    }
    starts, at = {}, 0
    for field in network.observation:
        starts[f"AT_{field.name.upper()}"] = str(at)
        at += field.size
    past = (
        f"\n   then {network.history} past actions, newest first, as decided, which policy_act keeps"
        if network.history
        else ""
    )
    functions = template("functions_with_memory.h" if network.memory else "functions.h")
    return (
        template("policy.h")
        .replace("@TITLE@", title(network, kernel))
        .replace("@USE@", USE_WITH_MEMORY if network.memory else USE)
        .replace("@KEEPS@", "what is remembered" if network.memory else "the past\n   actions")
        .replace("@FUNCTIONS@", functions)
        .replace("@OBSERVATION@", field_table(network.observation) + past)
        .replace("@ACTION@", field_table(network.action))
        .replace("@RATE@", rate)
        .replace("@DEFINES@", "\n".join(f"#define POLICY_{name} {value}" for name, value in defines.items()))
        .replace("@STARTS@", "\n".join(f"#define POLICY_{name} {value}" for name, value in starts.items()))
        + "\n"
    )


def field_table(fields: tuple[Field, ...]) -> str:
    """A comment's table: where each field lies, its unit, its scale and offset, its meaning."""
    lines, at = [], 0
    for field in fields:
        place = f"{at}" if field.size == 1 else f"{at}-{at + field.size - 1}"
        lines.append(
            f"   {place:>7}  {field.name:<22} {field.unit:<14} scale {field.scale:<10.7g} offset {field.offset:<10.7g} {field.meaning}"
        )
        at += field.size
    return "\n".join(line.rstrip() for line in lines)


def title(network: Network, kernel: Kernel) -> str:
    sizes = "-".join(str(size) for size in network.sizes)
    memory = f" with a memory of {network.memory}" if network.memory else ""
    return f"A policy for {network.task}: {sizes}{memory}, kernel {kernel}. Generated from {network.sha256[:16]}."


def template(name: str) -> str:
    return (TEMPLATES / name).read_text().rstrip("\n")
