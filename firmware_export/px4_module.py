"""A policy as an external module of PX4: a flight mode beside the autopilot's own.

    px4/
      README.md CMakeLists.txt       build it: make px4_fmu-v6c_default EXTERNAL_MODULES_LOCATION=...
      src/CMakeLists.txt             which modules there are
      src/modules/mc_policy/
        policy_mode.cpp              the mode: when the policy flies, by which topics
        pilot.c                      PX4's frames and motors, and what speaks against flying
        observation.c policy_app.h   what the policy sees
        policy.c policy.h            the network

Sources of the interface: github.com/PX4/PX4-Autopilot, docs/en/advanced/out_of_tree_modules.md, msg/versioned (RegisterExtComponentRequest,
ArmingCheckReply, ActuatorMotors and others), src/lib/mixer_module/functions/FunctionMotors.hpp; its motors are those of the airframe
"Generic Quadcopter X".
"""

from pathlib import Path

from firmware_export.arithmetic import Kernel
from firmware_export.c_source import c_source
from firmware_export.compilers import compile_c
from firmware_export.flying import FLIGHT_TEMPLATES, SEEN, check_flies, defines, rotor_numbers
from firmware_export.network import Network
from policies.array_file import write_bytes_atomically
from sim.quadrotor.model import load_parameters

HERE = Path(__file__).parent
TEMPLATES, STUBS = HERE / "px4_templates", HERE / "px4_stubs"
NEWER = STUBS / "newer"  # what PX4 has that has a topic setpoint_config
MODULE = Path("src/modules/mc_policy")
C_SOURCES, CPP_SOURCES = ("pilot.c", "observation.c", "policy.c"), ("policy_mode.cpp",)
MICROSECONDS = 1_000_000


def write_px4_module(
    folder: Path, network: Network, quadrotor: str, kernel: Kernel = "fma", flies: str = ""
) -> list[Path]:
    """Write the module's files to `folder`; returns them.

    quadrotor: a name in `sim/quadrotor/data` or a file: what the policy has flown, for the action that hovers. flies: for a
    person, all that it has learned to fly; otherwise that one. Raises ValueError for a policy that does not see or decide what this mode can.
    """
    check(network)
    source = c_source(network, kernel)
    header = ["#pragma once", "", *defines(rotor_numbers(load_parameters(quadrotor)))]
    files = {
        "README.md": readme(network, flies or quadrotor),
        "src/CMakeLists.txt": "set(config_module_list_external\n\tmodules/mc_policy\n\tPARENT_SCOPE\n)\n",
        f"{MODULE}/CMakeLists.txt": cmake(),
        f"{MODULE}/policy.c": source.code,
        f"{MODULE}/policy.h": source.header,
        f"{MODULE}/policy_app.h": "\n".join(header) + "\n",
    }
    templates = [*TEMPLATES.iterdir(), *FLIGHT_TEMPLATES.iterdir()]
    files |= {f"{MODULE}/{template.name}": template.read_text() for template in sorted(templates)}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(folder / name, [text.encode()])
    return [folder / name for name in files]


def check(network: Network) -> None:
    """Raise ValueError unless the mode can fill in what the network sees and carry out what it decides."""
    check_flies(network, SEEN, "with PX4")
    if MICROSECONDS % network.rate_hz:
        raise ValueError(f"rate_hz: found {network.rate_hz:g}, allowed: a divisor of {MICROSECONDS}")


def cmake() -> str:
    sources = "".join(f"\t\t{name}\n" for name in (*CPP_SOURCES, *C_SOURCES))
    return (
        "px4_add_module(\n\tMODULE modules__mc_policy\n\tMAIN mc_policy\n\tCOMPILE_FLAGS\n\t\t-O2\n\tSRCS\n"
        f"{sources}\tEXTERNAL\n)\n"  # no DEPENDS: PX4 reads this before it has made its own libraries known
    )


def readme(network: Network, flies: str) -> str:
    memory = f" It remembers {network.memory} numbers, from when it takes over." if network.memory else ""
    return f"""# A policy for {network.task} as a flight mode of PX4

`make px4_fmu-v6c_default EXTERNAL_MODULES_LOCATION=/path/to/this/folder` in PX4-Autopilot (1.16 or later; any board), upload, then
`mc_policy start`, before arming (in `etc/extras.txt` on the SD card for every start). `mc_policy status` tells whether its self-test passed, and whether it flies.

The mode "Policy" can be chosen in the air, with a local position, from a ground station or a switch. It holds the place where it took over,
or goes to the newest position of `trajectory_setpoint` since; it keeps its heading.{memory} {network.rate_hz:g} decisions a second go
straight to the motors: none of PX4's controllers flies meanwhile.

It has learned to fly: {flies}. Nothing else should fly with it.

What it needs: the airframe Generic Quadcopter X (motors 1 to 4: front right, back left, front left, back right), ESCs whose speed is
about proportional to their command, `THR_MDL_FAC` whatever it is (the mode takes it into account), and `IMU_GYRO_RATEMAX` a multiple of
{network.rate_hz:g}, 400 or more.

It gives the vehicle back, and asks for Hold, with fault 1 its self-test has failed, 2 a number that it sees or decides is not finite, 3 tilted by more than 60 degrees, 4 turning
faster than 1000 degrees/s, 5 further than 3 m along an axis from where it took over, 6 the estimate is old (attitude 50 ms, position 100 ms) or invalid, or the vehicle has landed. Until the
commander has taken over, some 10 ms, all four turn at the mean of what they were told last, so that nothing turns the vehicle. Where the estimator resets place or
heading, the place that is held and the fence go along. It may be chosen again after it was left. Lost links are PX4's to act on, as in its own modes. Where the module
stops, or its topics do, it answers no arming check, and the motors turn as they were told last until the commander, 1.2 s later, acts as for a mode that cannot run (Return, where
nobody set anything else); if it answers again PX4 goes back to it by itself. It does not land: choose Land for that.

It was built with PX4's main of April 2026 and flown in PX4's own simulator (SIH), never on a vehicle. There a
policy for any quadrotor rocked at 1.3 Hz while it hovered, and fell out of it once in 288 s. Try it in simulation with your vehicle's parameters, then with a tether.
"""


def build_for_host(folder: Path, newer: bool = False) -> Path:
    """Compile a module for this computer, the rest of PX4 being stubs; returns the .so. newer: as PX4 has it after 1.17.

    Raises ValueError if no compiler is there, or it refuses.
    """
    module, out = folder / MODULE, folder / ("module-newer.so" if newer else "module.so")
    objects = [out.with_name(f"{out.stem}-{name}.o") for name in C_SOURCES]
    for name, compiled in zip(C_SOURCES, objects, strict=True):
        compile_c("gcc", ["-c", "-fPIC", module / name, "-o", compiled])
    include = [f"-I{one}" for one in (module, STUBS, *([NEWER] if newer else []))]
    sources = [*(module / name for name in CPP_SOURCES), STUBS / "stub_host.cpp"]
    compile_c("g++", ["-shared", "-fPIC", *include, *sources, *objects, "-o", out], standard="c++17")
    return out
