"""A policy as an app for crazyflie-firmware, which flies it as the out-of-tree controller.

    policy-app/
      Makefile app-config Kbuild     build it: make CRAZYFLIE_BASE=...
      src/policy_controller.c        when the policy flies, what it sees, what its action means to the firmware
      src/landing.c                  how the drone comes down when nobody else brings it down
      src/witness.c                  what it tells of its decisions
      src/upload.c                   how other weights come over the air, into RAM (int8)
      src/observation.c              what it sees of an estimate
      src/policy_app.h               what depends on drone and path
      src/policy.c policy.h          the network
      src/image_record.c             what robot flash knows the image by
      src/path.c sine_cosine.c       where the set-point is, for a task that follows a path

Sources of the firmware's interface: github.com/bitcraze/crazyflie-firmware, docs/development/oot.md and
src/modules/interface (stabilizer_types.h, controller, param.h, log.h); motors are numbered as the rotors of
`sim.quadrotor.model` (power_distribution_quadrotor.c: M1 front right, then clockwise seen from above).
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_export.agreed import policy_id
from firmware_export.arithmetic import Kernel
from firmware_export.c_data import nested
from firmware_export.c_source import c_source
from firmware_export.compilers import cortex_m4_object, shared_library
from firmware_export.flying import FLIGHT_TEMPLATES, SEEN, check_flies, defines, full_thrust_n, rotor_numbers
from firmware_export.network import Network
from policies.array_file import write_bytes_atomically
from sim.quadrotor.model import QuadrotorParameters, load_parameters

HERE = Path(__file__).parent
TEMPLATES, STUBS = (HERE / "crazyflie_templates", FLIGHT_TEMPLATES), HERE / "crazyflie_stubs"
FIRST_FIRMWARE = "2025.12"  # the first release whose rotors take a controller's forces (powerDistributionForce)
STEPS_PER_SECOND = 1000  # of the firmware's control loop
PATH_ACCELERATION_MAX_M_S2 = 8.0  # of a path that policy.lapS makes faster
PLATFORMS = {"crazyflie_2_0": "CF2", "crazyflie_2_1": "CF2", "crazyflie_2_1_plus": "CF2",
             "crazyflie_2_1_brushless": "CF21BL"}  # fmt: skip  # of Kconfig
OTHER_FRAMES = (
    "BOLT"  # Bitcraze's controller for frames of others'; for policies with memory, which find out what they fly
)
# Kconfig's "platform setup": whose thrust curve the battery compensation has.
PROPELLERS = {"crazyflie_2_0": "CRAZYFLIE_LEGACY_PROPELLERS", "crazyflie_2_1": "CRAZYFLIE_LEGACY_PROPELLERS",
              "crazyflie_2_1_plus": "CRAZYFLIE_21_PLUS"}  # fmt: skip
SEEN_ON_PATHS = SEEN | {"path_acceleration": 12}
# Two banks of another policy's weights have to fit into the 40 to 50 kB of RAM that the firmware leaves: only integers do.
RAM_BANKS: dict[Kernel, int] = {"fma": 0, "muladd": 0, "int8": 2}
# Those of the firmware's Makefile that matter to what compiles. It has no -Wextra; we have.
FIRMWARE_FLAGS = ("-Wmissing-braces", "-fno-strict-aliasing", "-fno-math-errno", "-mfp16-format=ieee")


@dataclass(frozen=True)
class AppPath:
    """A closed path for the set-point to follow, a Fourier series.

    amplitudes_m: (axis, harmonic, sine and cosine), world; the path begins at the set-point of the firmware's commander.
    lap_s: the time of a lap unless the parameter policy.lapS says another.
    warm_up_s: how long the set-point takes from rest to full speed.
    preview_s: between the accelerations that the policy is told.
    """

    amplitudes_m: np.ndarray
    lap_s: float
    warm_up_s: float
    preview_s: float

    def lap_min_s(self) -> float:
        """The shortest lap without more than PATH_ACCELERATION_MAX_M_S2."""
        order = np.arange(1, self.amplitudes_m.shape[1] + 1)
        turn = np.outer(np.linspace(0.0, 2.0 * math.pi, 1000), order)
        sines, cosines = self.amplitudes_m[..., 0], self.amplitudes_m[..., 1]
        acceleration = (2.0 * math.pi * order) ** 2 * (np.sin(turn)[:, None] * sines + np.cos(turn)[:, None] * cosines)
        greatest = float(np.linalg.norm(acceleration.sum(2), axis=1).max())  # of a lap of one second
        return math.sqrt(greatest / PATH_ACCELERATION_MAX_M_S2)


def write_app(
    folder: Path,
    network: Network,
    drone: str,
    kernel: Kernel = "fma",
    path: AppPath | None = None,
    trained_for: str = "",
) -> list[Path]:
    """Write the app's files to `folder`; returns them.

    drone: which Crazyflie it is for, a name in `sim/quadrotor/data`, of a policy with memory any quadrotor's name or file;
    forces are shares of its full thrust. path: needed by
    policies that are told accelerations ahead, and by them alone. trained_for: whose thrust curve turns rotor speeds
    into newtons, if another's: a policy knows thrusts, not the speeds of motors it never had. Raises ValueError for a
    policy that does not see or decide what a Crazyflie's controller can.
    """
    if drone not in PLATFORMS and not network.memory:
        raise ValueError(f"drone: found {drone!r}, allowed: {', '.join(PLATFORMS)}")
    learned = load_parameters(trained_for or drone)
    check(network, path)
    source = c_source(network, kernel, RAM_BANKS[kernel])
    units = [
        "policy_controller",
        "observation",
        "landing",
        "witness",
        "upload",
        "policy",
        "sine_cosine",
        "image_record",
        *(["path"] if path is not None else []),
    ]
    files = {
        "Makefile": makefile(),
        "app-config": app_config(drone),
        "README.md": readme(network, drone),
        "Kbuild": "obj-y += src/\n",
        "src/Kbuild": "".join(f"obj-y += {unit}.o\n" for unit in units)
        + "CFLAGS_policy.o := -O2\n"
        + needs_firmware("$(srctree)"),
        "src/policy.c": source.code,
        "src/policy.h": source.header,
        "src/policy_app.h": app_header(learned, full_thrust_n(load_parameters(drone)), path, policy_id(network.sha256)),
    }
    files |= {
        f"src/{template.name}": template.read_text()
        for unit in units
        for templates in TEMPLATES
        for template in sorted(templates.glob(f"{unit}.[ch]"))
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(folder / name, [text.encode()])
    return [folder / name for name in files]


def check(network: Network, path: AppPath | None) -> None:
    """Raise ValueError unless the controller can fill in what the network sees and carry out what it decides."""
    check_flies(network, SEEN if path is None else SEEN_ON_PATHS, "on a Crazyflie")
    if STEPS_PER_SECOND % network.rate_hz:
        raise ValueError(f"rate_hz: found {network.rate_hz:g}, allowed: a divisor of {STEPS_PER_SECOND}")


def app_header(learned: QuadrotorParameters, full_n: float, path: AppPath | None, identity: int) -> str:
    """policy_app.h: the numbers that policy_controller.c and path.c are compiled with.

    learned: the drone the policy was trained for; full_n: the full thrust of the one that flies it.
    """
    numbers = {**rotor_numbers(learned), "FULL_THRUST_N": full_n}
    if path is not None:
        numbers |= {
            "PATH_LAP_S": path.lap_s,
            "PATH_LAP_MIN_S": path.lap_min_s(),
            "PATH_WARM_UP_S": path.warm_up_s,
            "PATH_PREVIEW_S": path.preview_s,
        }
    lines = [
        "/* A rotor at the share u of full speed gives THRUST_0_N + THRUST_1_N u + THRUST_2_N u^2, in training; in flight it",
        "   can give FULL_THRUST_N. */",
    ]
    lines += ["#pragma once", "", f"#define POLICY_ID 0x{identity:08x}u"]
    lines += defines(numbers)
    if path is not None:
        amplitudes = nested(path.amplitudes_m.astype(np.float32)).replace("\n", " \\\n")
        lines += [f"#define PATH_HARMONICS {path.amplitudes_m.shape[1]}", f"#define PATH_AMPLITUDES_M {amplitudes}"]
    return "\n".join(lines) + "\n"


def makefile() -> str:
    return (
        "# make CRAZYFLIE_BASE=...: where crazyflie-firmware is, with its submodules and its tool chain.\n"
        "CRAZYFLIE_BASE ?= ../crazyflie-firmware\n"
        "OOT_CONFIG := $(PWD)/app-config\n"
        f"{needs_firmware('$(CRAZYFLIE_BASE)')}"
        "include $(CRAZYFLIE_BASE)/tools/make/oot.mk\n"
    )


def needs_firmware(base: str) -> str:
    """Lines of a makefile that end it with a message, unless `base` has firmware that gives forces to the rotors.

    Older firmware compiles, and forgets them: the rotors would keep what they had when the policy takes over.
    """
    return (
        f"MIXER := {base}/src/modules/src/power_distribution_quadrotor.c\n"
        "ifeq ($(wildcard $(MIXER)),)\n"
        f"$(error {base}: found no crazyflie-firmware there: set CRAZYFLIE_BASE)\n"
        "endif\n"
        "ifeq ($(shell grep -l 'control->normalizedForces' $(MIXER)),)\n"
        f"$(error {base}: found firmware whose powerDistributionForce is empty, so that a policy's forces never reach the "
        f"rotors; allowed: release {FIRST_FIRMWARE} or later)\n"
        "endif\n"
    )


def app_config(drone: str) -> str:
    propellers = f"CONFIG_{PROPELLERS[drone]}=y\n" if drone in PROPELLERS else ""
    return (
        f"CONFIG_PLATFORM_{PLATFORMS.get(drone, OTHER_FRAMES)}=y\n"
        f"{propellers}"
        "CONFIG_APP_ENABLE=y\n"
        "CONFIG_APP_PRIORITY=1\n"
        "CONFIG_APP_STACKSIZE=350\n"
        "CONFIG_CONTROLLER_OOT=y\n"
    )


def readme(network: Network, drone: str) -> str:
    platform, full_n = PLATFORMS.get(drone, OTHER_FRAMES).lower(), full_thrust_n(load_parameters(drone))
    return f"""# A policy for {network.task}, {drone}

`make CRAZYFLIE_BASE=/path/to/crazyflie-firmware`, then `robot flash RUN --image build/{platform}.bin
--robot crazyflie` (`make cload` does not read back what it wrote).

The firmware's own controller flies until the parameter `policy.arm` is set to 1. Send position set-points, ten a second
or more; those of the on-board high-level commander count as well. The policy goes to them and keeps the heading it had;
after 200 ms without one it hands back.

| parameter | default | |
| --- | --- | --- |
| `policy.arm` | 0 | 1: the policy flies; 0: the firmware's controller, and a fault is forgotten |
| `policy.selfOk` | | 1: weights, constants and golden vectors are intact (read-only); 0 refuses to arm |
| `policy.id` | | the first 32 bits of the policy's SHA-256 (read-only) |
| `policy.controller` | | the value of `stabilizer.controller` that chooses this controller (read-only) |
| `landing.guard` | 0 | 1: land when set-points end or the battery is low; 2: land now; 0: only while armed |
| `policy.tiltDeg`, `policy.rateDegS`, `policy.fenceM` | 60, 1000, 3 | limits: beyond them it hands back |
| `policy.fullN` | the firmware's `THRUST_MAX`, or {full_n:.4g} | a rotor's thrust, N, at normalized force 1 |
| `policy.lapS` | | time of a lap, taken over at arming (policies that follow a path) |

Log variables: `policy.active`, `policy.fault` (1 self-test, 2 set-point old, 3 set-point no position, 4 not finite,
5 tilt, 6 rate, 7 fence, 8 parameter, 9 landing by itself, 10 other weights are looked through), `policy.decisions`, `policy.refusals`, `policy.handbacks`,
`policy.version` (of weights that came over the air; 0: as flashed), `policy.m1`, `policy.m2`, `policy.m3`, `policy.m4` (what the newest decision asks of the
rotors, 65535 as 1), `policy.since` (for how many ms it has), `policy.age` (ms since a new set-point), `policy.us` (a decision's time), `policy.x`, `policy.y`, `policy.z` (where it is
told to be, m), `landing.phase` (1 coming down, 2 down), `landing.cause` (1 told to, 2 no set-points, 3 battery low).

Of every fiftieth decision it tells all that the network saw and did, over the app channel, in parts of 30 bytes: 0x57, the
part's number, then the number of the decision (uint32) and the numbers (float32). `robot run` checks them bit by bit.
{memory_text(network)}
## Other weights over the air

An app of integers (`--kernel int8`) takes other weights of the same shape over the app channel into RAM, where it has two banks
beside the flash: `src/upload.c` says how. They fly when their CRC-32 and their golden vectors have come out on board, at once
and without a restart, but never while the policy flies. After a restart those that were flashed fly again.

## When nobody flies it any more

The firmware levels a drone 500 ms after its last set-point, and stops the motors after 2000 ms, in the air too. With
`landing.guard` at 1, or the policy armed, the app comes first: 400 ms after the last position set-point (100 ms after one
of another kind), or when the firmware calls the battery low, it brings the drone straight down at 0.3 m/s where it is,
until it stands, and stops the motors. It needs a position estimate for that, and neither radio nor host. Once down, it
takes off again when both are set to 0 first. Needs crazyflie-firmware {FIRST_FIRMWARE} or later: the build refuses an older
one, which would freeze the rotors.
"""


def memory_text(network: Network) -> str:
    """What the README says of a memory."""
    if not network.memory:
        return ""
    return f"""
The policy remembers {network.memory} numbers: what it has found out about the drone. They are zero whenever it takes over, kept while
it flies, and told with the decision: how many it has made since it took over (uint32), the numbers before it, and after it. The
first decision of each flight is always told.
"""


def app_sources(folder: Path) -> list[Path]:
    """The C files of an app, those that its Kbuild names. Raises ValueError if there are none."""
    kbuild = folder / "src" / "Kbuild"
    if not kbuild.is_file():
        raise ValueError(f"{folder}: found no src/Kbuild, allowed: an app that `robot export --to crazyflie` wrote")
    return [folder / "src" / f"{unit}.c" for unit in re.findall(r"obj-y \+= (\w+)\.o", kbuild.read_text())]


def build_for_host(folder: Path) -> Path:
    """Compile an app for this computer, the rest of the firmware being stubs; returns the .so.

    Raises ValueError if no compiler is there, or it refuses.
    """
    sources = [*app_sources(folder), STUBS / "stub_host.c"]
    return shared_library(sources, folder / "app.so", include=[STUBS, folder / "src"])


def build_for_cortex_m4(folder: Path, objects: Path) -> list[Path]:
    """Compile an app's files with the firmware's flags and the stubs' headers into `objects`; returns the object files.

    Not a firmware: a proof that it compiles, and what it takes. Raises ValueError like `build_for_host`.
    """
    objects.mkdir(parents=True, exist_ok=True)
    include = (f"-I{STUBS}", f"-I{folder / 'src'}")
    return [
        cortex_m4_object(source, objects / f"{source.stem}.o", "s", (*FIRMWARE_FLAGS, *include, "-std=gnu11"))
        for source in app_sources(folder)
    ]
