"""The usual way to draw what a camera sees, as a yardstick: OpenGL without a window, and without a GPU (EGL and Mesa's llvmpipe).

It draws the same places with the same looks as `sim.camera`: a first pass through a pinhole, a second one for lens, defocus, vignette and
noise. The rolling shutter is a shift of rows, nothing is beyond the ceiling, and tape is aliased. What is kind to it is done: one
vertex array a course at a sample each 20 cm, one draw call and one uniform a frame, all frames in one texture that is read back at once.
"""

import importlib
import os
from typing import Any

import numpy as np

from sim.camera.looks import Looks
from sim.camera.textures import CONTRAST, textures
from sim.tracks.track import Course

NEEDS = "pip install 'robot-practice[gl]', and EGL with a software renderer (Debian: apt-get install libegl1 libgl1 libgl1-mesa-dri)"
EVERY = 4  # of a course's samples, 5 cm apart
FLOOR, TAPE, WALL, CEILING = range(4)
SHELL_M, NEAR_M, FAR_M = 20.0, 0.02, 100.0
ACROSS, DOWN = 16, 8  # frames of one texture
ROWS = 15  # vec4 of a frame: matrix, colours of four surfaces, and what DATA says

DATA = f"""
    layout(std140) uniform Frames {{ vec4 data[{ACROSS * DOWN} * {ROWS}]; }};
    uniform int frame;
    #define F(k) data[frame * {ROWS} + (k)]
    // F(0..3): rows of the matrix; F(4..7): colours of floor, tape, wall, ceiling
    // F(8): wall height, tape inset, tape half width, ceiling; F(9): texels per metre of floor, wall, ceiling, light
    // F(10): contrasts of them; F(11): textures of floor, wall, ceiling, -; F(12): stripe, far, gain, vignette
    // F(13): focal length, defocus, read noise, shot noise
    // F(14): pixels that the exposure moves by, pixels from the first to the last row
"""
VERTEX = (
    "#version 330\n"
    + DATA
    + """
    in vec2 at; in vec2 inwards; in float side; in float along; in float kind;
    out vec3 where_m; out float along_m; flat out int surface;
    void main() {
        surface = int(kind);
        vec3 p = vec3(at, 0.0);
        if (surface == 1) p.xy += inwards * (F(8).y + side * F(8).z), p.z = 0.001 * min(1.0, F(8).z * 1e6);
        if (surface == 2) p.z = 0.5 * (side + 1.0) * F(8).x;
        if (surface == 3) p.z = F(8).w;
        where_m = p; along_m = along;
        vec4 q = vec4(p, 1.0);
        gl_Position = vec4(dot(F(0), q), dot(F(1), q), dot(F(2), q), dot(F(3), q));
    }"""
)
FRAGMENT = (
    "#version 330\n"
    + DATA
    + """
    uniform sampler2DArray bank;
    in vec3 where_m; in float along_m; flat in int surface;
    out vec4 seen;
    void main() {
        int k = surface == 0 || surface == 1 ? 0 : surface - 1;
        vec2 place = surface == 2 ? vec2(along_m, where_m.z) : where_m.xy;
        float pattern = (255.0 * texture(bank, vec3(place * F(9)[k], F(11)[k])).r - 128.0) / CONTRAST;
        float light = surface == 1 ? 1.0 : 1.0 + F(10)[k] * pattern;
        if (k == 0) light *= 1.0 + F(10).w * (255.0 * texture(bank, vec3(place * F(9).w, 0.0)).r - 128.0) / CONTRAST;
        if (surface == 2 && F(12).x > 0.0 && (int(along_m / F(12).x) & 1) == 1) light *= 0.6;
        seen = F(4 + surface) * light;
    }""".replace("CONTRAST", f"{CONTRAST:.1f}")
)

WHOLE = "#version 330\nin vec2 corner; void main() { gl_Position = vec4(corner, 0.0, 1.0); }"
SENSOR = (
    "#version 330\n"
    + DATA
    + f"const int ACROSS = {ACROSS};\n"
    + """
    uniform sampler2D scene; uniform sampler2DArray rays; uniform ivec2 size; uniform uint seed;
    out vec4 seen;
    uint word(uint w) {
        w ^= w >> 16; w *= 0x7FEB352Du; w ^= w >> 15; w *= 0x846CA68Bu; return w ^ (w >> 16);
    }
    void main() {
        ivec2 pixel = ivec2(gl_FragCoord.xy), tile = pixel / size, at = pixel - tile * size;
        #undef F
        #define F(k) data[(tile.y * ACROSS + tile.x) * ROWS + (k)]
        vec2 ray = texelFetch(rays, ivec3(at.x, size.y - 1 - at.y, tile.y * ACROSS + tile.x), 0).xy;
        vec2 off = (vec2(at) + 0.5) / vec2(size) - 0.5;
        vec2 from = 0.5 * vec2(size) + F(13).x * vec2(ray.x, -ray.y) + vec2(F(14).y * off.y, 0.0);
        ivec2 p = clamp(ivec2(from), ivec2(1), size - 2) + tile * size;
        vec4 around = texelFetch(scene, p + ivec2(1, 0), 0) + texelFetch(scene, p - ivec2(1, 0), 0)
                    + texelFetch(scene, p + ivec2(0, 1), 0) + texelFetch(scene, p - ivec2(0, 1), 0);
        vec4 value = mix(texelFetch(scene, p, 0), 0.25 * around, 4.0 * F(13).y);
        int whole = int(0.5 * F(14).x);
        for (int k = 1; k <= whole; k++)
            value += texelFetch(scene, p + ivec2(k, 0), 0) + texelFetch(scene, p - ivec2(k, 0), 0);
        value /= float(1 + 2 * whole);
        value *= F(12).z * (1.0 - F(12).w * 2.0 * dot(off, off));
        uint begin = seed + 3u * uint(pixel.y * 65536 + pixel.x);
        for (int c = 0; c < CHANNELS; c++) {
            uint w = word(begin + uint(c));
            float noise = (float((w & 255u) + (w >> 8 & 255u) + (w >> 16 & 255u) + (w >> 24)) - 510.0) / 147.8;
            value[c] += noise * sqrt(F(13).z * F(13).z + 255.0 * F(13).w * value[c]) / 255.0;
        }
        seen = value;
    }""".replace("* ROWS", f"* {ROWS}")
)


class GlCameras:
    """Frames of cars on courses, at most ACROSS * DOWN of them at a time, each with the look of its number.

    Raises what moderngl raises where there is no EGL.
    """

    def __init__(self, courses: list[Course], looks: Looks) -> None:
        os.environ["LP_NUM_THREADS"] = "0"  # a core, as for us; Mesa reads it when the context is made
        moderngl: Any = importlib.import_module("moderngl")
        gl = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl="libEGL.so.1")
        self._gl = gl
        self.renderer = str(gl.info["GL_RENDERER"])
        height, width, self._channels = looks.frame_shape
        size = width * ACROSS, height * DOWN
        self._scene, self._frames_seen = (gl.texture(size, 1 if self._channels == 1 else 4) for _ in range(2))
        self._scene_drawn = gl.framebuffer([self._scene], gl.depth_renderbuffer(size))
        self._seen = gl.framebuffer([self._frames_seen])
        program = gl.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        sensor = gl.program(vertex_shader=WHOLE, fragment_shader=SENSOR.replace("CHANNELS", str(self._channels)))
        bank = textures(0)
        self._bank = gl.texture_array((bank.shape[2], bank.shape[1], len(bank)), 1, bank.tobytes())
        self._rays = gl.texture_array((width, height, len(looks)), 2, looks.rays.tobytes(), dtype="f4")
        for texture in (self._bank, self._rays):
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._bank.use(0)
        self._rays.use(1)
        self._scene.use(2)
        sensor["rays"].value, sensor["scene"].value, sensor["size"].value = 1, 2, (width, height)
        self._frames = gl.buffer(reserve=ACROSS * DOWN * ROWS * 16)
        self._frames.bind_to_uniform_block(0)
        self._which, self._seed, self._looks = program["frame"], sensor["seed"], looks
        corners = np.array([[-1, -1], [3, -1], [-1, 3]], np.float32)
        self._whole = gl.vertex_array(sensor, [(gl.buffer(corners.tobytes()), "2f", "corner")])
        self._shapes = []
        for course in courses:
            vertices, indices = mesh(course)
            content = [(gl.buffer(vertices.tobytes()), "2f 2f 1f 1f 1f", "at", "inwards", "side", "along", "kind")]
            self._shapes.append(gl.vertex_array(program, content, gl.buffer(indices.tobytes())))
        self._out = bytearray(size[0] * size[1] * self._channels)

    def render(self, pose: np.ndarray, motion: np.ndarray, world: np.ndarray) -> bytearray:
        """The pixels of all frames: pose, motion (n, 3) and world (n,) as `sim.camera.camera.Cameras` takes them."""
        height, width, _ = self._looks.frame_shape
        self._frames.write(frame_data(pose, motion, self._looks).tobytes())
        self._gl.enable(self._gl.DEPTH_TEST)
        self._scene_drawn.use()
        self._scene_drawn.clear()
        for k, course in enumerate(world):
            self._scene_drawn.viewport = (k % ACROSS * width, k // ACROSS * height, width, height)
            self._which.value = k
            self._shapes[course].render()
        self._gl.disable(self._gl.DEPTH_TEST)
        self._seen.use()
        self._seed.value = (self._seed.value + 0x9E3779B9) % 2**32
        self._whole.render()
        self._seen.read_into(self._out, components=self._channels, alignment=1)
        return self._out


def mesh(course: Course) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 7) float32 (at, inwards, side, along, kind) and triangles (m, 3) int32 of a course."""
    left, right = (wall[::EVERY] for wall in course.walls())
    along = course.spacing_m * EVERY * np.arange(len(left))
    inwards = (right - left) / np.linalg.norm(right - left, axis=1, keepdims=True)
    vertices, triangles, first = [], [], 0
    for kind in (TAPE, WALL):
        for wall, direction in ((left, inwards), (right, -inwards)):
            n = len(wall)
            for side in (-1.0, 1.0):
                columns = (wall, direction, np.full(n, side), along, np.full(n, float(kind)))
                vertices.append(np.column_stack(columns))
            here, ahead = first + np.arange(n), first + (np.arange(n) + 1) % n
            triangles += [np.stack([here, ahead, here + n], 1), np.stack([ahead, ahead + n, here + n], 1)]
            first += 2 * n
    low, high = left.min(0) - SHELL_M, left.max(0) + SHELL_M
    for kind in (FLOOR, CEILING):
        corners = [[x, y, 0.0, 0.0, 0.0, 0.0, kind] for x in (low[0], high[0]) for y in (low[1], high[1])]
        vertices.append(np.array(corners))
        triangles.append(first + np.array([[0, 1, 2], [1, 3, 2]]))
        first += 4
    return np.concatenate(vertices).astype(np.float32), np.concatenate(triangles).astype(np.int32)


def frame_data(pose: np.ndarray, motion: np.ndarray, looks: Looks) -> np.ndarray:
    """What the shaders know of each frame, (n, ROWS, 4) float32."""
    values, (height, width, _) = looks.values, looks.frame_shape
    data = np.zeros((len(pose), ROWS, 4))
    yaw = pose[:, 2] + values["yaw_rad"]
    cos_y, sin_y = np.cos(yaw), np.sin(yaw)
    cos_p, sin_p = np.cos(values["pitch_rad"]), np.sin(values["pitch_rad"])
    ahead = np.stack([cos_y * cos_p, sin_y * cos_p, -sin_p], 1)
    right = np.stack([sin_y, -cos_y, np.zeros_like(yaw)], 1)
    above = np.cross(right, ahead)
    eye = np.stack([pose[:, 0] + values["forward_m"] * np.cos(pose[:, 2]),
                    pose[:, 1] + values["forward_m"] * np.sin(pose[:, 2]), values["height_m"]], 1)  # fmt: skip
    focal = 0.5 * width / np.tan(0.5 * values["view_rad"])
    for row, axis, scale in ((0, right, 2.0 * focal / width), (1, above, 2.0 * focal / height), (3, ahead, 1.0)):
        data[:, row, :3] = axis * np.reshape(scale, (-1, 1))
    data[:, 2, :3] = ahead * (FAR_M + NEAR_M) / (FAR_M - NEAR_M)
    data[:, :4, 3] = -(data[:, :4, :3] * eye[:, None]).sum(2)
    data[:, 2, 3] -= 2.0 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    data[:, 4:8, :3] = looks.colours[:, [0, 2, 3, 5]] / 255.0
    rows = (
        ("wall_height_m", "tape_inset_m", "tape_half_width_m", "ceiling_m"),
        ("floor_texture_m", "wall_texture_m", "ceiling_texture_m", "light_m"),
        ("floor_contrast", "wall_contrast", "ceiling_contrast", "light_contrast"),
        ("floor_texture", "wall_texture", "ceiling_texture"),
        ("stripe_m", "far_m", "gain", "vignette"),
        ("", "defocus", "read_noise", "shot_noise"),
    )
    for k, names in enumerate(rows):
        for column, name in enumerate(names):
            data[:, 8 + k, column] = values[name] if name else focal
    data[:, 9] = 1.0 / data[:, 9]
    data[:, 14, 0] = np.abs(motion[:, 1]) * values["exposure_s"] * focal
    data[:, 14, 1] = motion[:, 1] * values["readout_s"] * focal
    return data.astype(np.float32)
