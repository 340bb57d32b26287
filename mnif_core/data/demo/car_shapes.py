"""Procedural cars: a few continuous parameters -> a coloured triangle mesh.

Body types are clusters in one parameter space, not different programs, so that a small latent space can hold all cars.
Every part is a loft: a stack of closed rings. Axes: y along the car (nose at +y), x across it, z up.
"""

from __future__ import annotations

import colorsys
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from mnif_core.meshes.raycast import ColouredMesh

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CarShape:
    """Proportions of a car. Lengths are metres; shares are of the car's length unless said otherwise."""

    length: float
    width: float
    height: float
    clearance: float  # height of the sill above the ground
    belt: float  # height of the belt line, where the windows begin, above the ground
    hood: float  # share from the nose to the foot of the windscreen
    deck: float  # share from the tail to the foot of the rear window
    nose: float  # height of the hood at the nose, as a share of the belt's height
    tail: float  # height of the deck at the tail, as a share of the belt's height
    windscreen: float  # horizontal run of the windscreen: 0 stands upright
    rear_window: float  # horizontal run of the rear window
    roof_width: float  # width of the roof as a share of the body's width
    wheel: float  # radius of the wheels
    front_overhang: float  # share from the nose to the front axle
    rear_overhang: float  # share from the tail to the rear axle
    boxiness: float  # exponent of the superellipses that round the body: 3 is soft, 7 is a box
    side_glass: float  # share of the cabin's side that has windows, from the front
    bed: float  # how far an open load bed covers the deck, 0 to 1


# fmt: off
# length, width, height, clearance, belt | hood, deck, nose, tail, windscreen, rear window, roof width
# | wheel, front and rear overhang, boxiness, side glass, bed
BODY_TYPES: dict[str, CarShape] = {
    "sedan":     CarShape(4.70, 1.84, 1.46, 0.19, 0.95, 0.270, 0.17, 0.80, 0.90, 0.13, 0.14, 0.76,
                          0.35, 0.19, 0.21, 4.2, 1.0, 0.0),
    "hatchback": CarShape(3.90, 1.76, 1.52, 0.18, 0.95, 0.230, 0.02, 0.79, 0.92, 0.15, 0.11, 0.80,
                          0.34, 0.19, 0.17, 3.8, 1.0, 0.0),
    "suv":       CarShape(4.65, 1.94, 1.82, 0.26, 1.14, 0.250, 0.02, 0.84, 0.94, 0.10, 0.06, 0.84,
                          0.41, 0.19, 0.20, 5.5, 1.0, 0.0),
    "pickup":    CarShape(5.20, 1.92, 1.80, 0.29, 1.12, 0.250, 0.38, 0.86, 1.00, 0.10, 0.03, 0.82,
                          0.42, 0.18, 0.23, 6.0, 1.0, 1.0),
    "van":       CarShape(4.90, 1.94, 2.10, 0.21, 1.15, 0.130, 0.01, 0.76, 0.98, 0.14, 0.03, 0.86,
                          0.37, 0.18, 0.20, 5.5, 0.7, 0.0),
    "coupe":     CarShape(4.35, 1.90, 1.27, 0.15, 0.84, 0.330, 0.12, 0.74, 0.94, 0.16, 0.24, 0.70,
                          0.36, 0.20, 0.20, 3.4, 0.9, 0.0),
    "bus":       CarShape(7.00, 2.25, 2.70, 0.30, 1.30, 0.015, 0.01, 0.92, 1.00, 0.04, 0.02, 0.91,
                          0.46, 0.21, 0.24, 6.5, 1.0, 0.0),
}
# fmt: on
TYPE_SHARES = (0.22, 0.19, 0.18, 0.12, 0.11, 0.12, 0.06)  # of the cars, in the order of the types above


@dataclass(frozen=True)
class CarPaint:
    """Colours of a car, RGB in [0, 1]."""

    body: tuple[float, float, float]
    roof: tuple[float, float, float]
    skirt: tuple[float, float, float]


def sample_shape(rng: np.random.Generator) -> CarShape:
    """Draw proportions: one body type, pulled towards another, every parameter jittered."""
    types = np.array([astuple(shape) for shape in BODY_TYPES.values()])
    one, other = rng.choice(len(types), p=TYPE_SHARES), rng.choice(len(types), p=TYPE_SHARES)
    values = types[one] + rng.uniform(0.0, 0.3) * (types[other] - types[one])
    values *= np.clip(rng.normal(1.0, 0.05, values.shape), 0.88, 1.12)
    shape = CarShape(*values.tolist())
    # A cabin needs some height, wheels some room, whatever was drawn.
    belt = min(shape.belt, shape.height - 0.4)
    limits = {"belt": belt, "side_glass": min(shape.side_glass, 1.0), "bed": min(shape.bed, 1.0)}
    return CarShape(**{**shape.__dict__, **limits})


def sample_paint(rng: np.random.Generator) -> CarPaint:
    """Draw colours: mostly reds, yellows, greens and blues, from grey to saturated; some roofs are of another tone."""
    hue = rng.choice([0.0, 0.11, 0.38, 0.60], p=[0.3, 0.2, 0.2, 0.3]) + rng.normal(0.0, 0.035)
    body = colorsys.hsv_to_rgb(hue % 1.0, 0.8 * rng.beta(1.1, 0.9), rng.uniform(0.42, 0.88))
    roof_tone = rng.choice([0.30, 0.82])
    roof_share = max(0.0, rng.uniform(-1.6, 0.9))
    skirt_share = rng.uniform(0.1, 0.9)
    return CarPaint(body, _mix(body, (roof_tone,) * 3, roof_share), _mix(body, (0.30, 0.30, 0.32), skirt_share))


def car_mesh(shape: CarShape, paint: CarPaint) -> ColouredMesh:
    """Build the mesh of a car, about 15,000 triangles."""
    parts = [_body(shape, paint), _cabin(shape, paint), *_wheels(shape), *_lights(shape), *_trim(shape)]
    counts = np.cumsum([0] + [len(part.vertices) for part in parts])
    vertices = np.concatenate([part.vertices for part in parts])
    low, high = vertices.min(0), vertices.max(0)
    return ColouredMesh(
        (vertices - (low + high) / 2) / np.linalg.norm(high - low),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.triangles + first for part, first in zip(parts, counts[:-1], strict=True)]),
        np.concatenate([part.colours for part in parts]),
    )


def _mix(one: tuple[float, ...], other: tuple[float, ...], share: float) -> tuple[float, float, float]:
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(one, other, strict=True))
    return red, green, blue


def _ring(points: int, exponent: float) -> Array:
    """Superellipse in [-1, 1]^2, evenly spaced in angle: `[points, 2]`, anticlockwise."""
    angle = (np.arange(points) + 0.5) * (2 * np.pi / points)
    direction = np.stack([np.cos(angle), np.sin(angle)], -1)
    return direction / (np.abs(direction) ** exponent).sum(-1, keepdims=True) ** (1 / exponent)


def _loft(rings: Array, colours: Array) -> ColouredMesh:
    """Join rings `[rings, points, 3]` into a closed surface; colours `[rings - 1, points, 3]` are the quads'.

    The end rings should be small: their holes are closed by a fan. Rings turn anticlockwise seen from the last one.
    """
    count, points, _ = rings.shape
    index = np.arange(count * points).reshape(count, points)
    following = np.roll(index, -1, axis=1)
    a, b, c, d = index[:-1], following[:-1], following[1:], index[1:]
    sides = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], -2).reshape(-1, 3)
    first, last = count * points, count * points + 1
    bottom = np.stack([following[0], index[0], np.full(points, first)], -1)
    top = np.stack([index[-1], following[-1], np.full(points, last)], -1)
    vertices = np.concatenate([rings.reshape(-1, 3), rings[0].mean(0)[None], rings[-1].mean(0)[None]])
    triangles = np.concatenate([sides, bottom, top])
    quads = np.repeat(colours.reshape(-1, 3), 2, axis=0)
    corners = vertices[triangles]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], area)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    return ColouredMesh(vertices, normals, triangles, np.concatenate([quads, colours[0], colours[-1]]))


def _blob(
    centre: tuple[float, ...], radii: tuple[float, ...], colour: tuple[float, ...], exponent: float
) -> ColouredMesh:
    """A superellipsoid: an ellipsoid at exponent 2, a rounded box above."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)[1:-1]
    direction = np.stack([np.cos(angle), np.sin(angle)], -1)
    profile = direction / (np.abs(direction) ** exponent).sum(-1, keepdims=True) ** (1 / exponent)
    rings = np.empty((len(angle), 24, 3))
    rings[..., :2] = profile[:, None, :1] * _ring(24, exponent)
    rings[..., 2] = profile[:, 1:]
    return _loft(rings * radii + centre, np.broadcast_to(np.array(colour), (len(angle) - 1, 24, 3)))


def _body_top(shape: CarShape, y: Array) -> Array:
    """Height of the hood, belt and deck at y (metres, 0 in the middle of the car)."""
    front, rear = (0.5 - shape.hood) * shape.length, (shape.deck - 0.5) * shape.length
    hood = np.clip((y - front) / (shape.length / 2 - front), 0, 1)
    deck = np.clip((rear - y) / (shape.length / 2 + rear), 0, 1)
    return shape.belt * (1 - (1 - shape.nose) * hood**1.6 - (1 - shape.tail) * deck**1.6)


def _body(shape: CarShape, paint: CarPaint) -> ColouredMesh:
    """Everything below the belt line: rings across the car, from nose to tail."""
    points, stations = 56, 44
    end = np.sin(np.linspace(np.pi / 2, -np.pi / 2, stations + 2)[1:-1])
    along = np.sign(end) * np.abs(end) ** 0.6
    rounding = (1 - np.abs(along) ** (2 * shape.boxiness)) ** (1 / shape.boxiness)
    y = along * shape.length / 2
    top, bottom = _body_top(shape, y), np.full_like(y, shape.clearance)
    middle = bottom + 0.45 * (top - bottom)
    section = _ring(points, shape.boxiness)
    half_width = shape.width / 2 * rounding * (1 - 0.07 * along**4)
    half_height = np.where(section[:, 1] > 0, (top - middle)[:, None], (middle - bottom)[:, None]) * rounding[:, None]
    rings = np.empty((stations, points, 3))
    rings[..., 0] = half_width[:, None] * section[:, 0]
    rings[..., 1] = y[:, None]
    rings[..., 2] = middle[:, None] + half_height * section[:, 1]
    height = (section[:, 1] + np.roll(section[:, 1], -1)) / 2
    colours = np.where(height[:, None] < -0.35, paint.skirt, paint.body)
    return _loft(rings, np.broadcast_to(colours, (stations - 1, points, 3)))


def _cabin(shape: CarShape, paint: CarPaint) -> ColouredMesh:
    """Windows and roof: rings around the cabin, from the belt line up to the middle of the roof."""
    points, exponent = 112, shape.boxiness + 1
    plan = _ring(points, exponent)
    wall = np.array([-0.12, 0.06, 0.28, 0.50, 0.72, 0.90, 1.0])
    dome = np.array([0.985, 0.95, 0.88, 0.75, 0.55, 0.30, 0.05])
    rise = np.concatenate([wall, np.ones_like(dome)])
    shrink = np.concatenate([np.ones_like(wall), dome])
    crown = 0.16 * (shape.height - shape.belt)
    height = shape.height - crown - shape.belt
    front = (0.5 - shape.hood - shape.windscreen * rise) * shape.length
    rear = (shape.deck - 0.5 + shape.rear_window * rise) * shape.length
    narrowing = 0.94 - (0.94 - shape.roof_width) * rise
    rings = np.empty((len(rise), points, 3))
    rings[..., 0] = (shape.width / 2 * narrowing * shrink)[:, None] * plan[:, 0]
    rings[..., 1] = ((front + rear) / 2)[:, None] + ((front - rear) / 2 * shrink)[:, None] * plan[:, 1]
    rings[..., 2] = (shape.belt + height * rise + crown * (1 - shrink**5))[:, None]
    return _loft(rings, _cabin_colours(shape, paint, plan, rise))


def _cabin_colours(shape: CarShape, paint: CarPaint, plan: Array, rise: Array) -> Array:
    """Colours `[rings - 1, points, 3]`: glass between sill and roof, but for the pillars."""
    glass = np.array([0.20, 0.23, 0.28])
    across, along = np.moveaxis((plan + np.roll(plan, -1, axis=0)) / 2, -1, 0)
    side = np.abs(across) > np.abs(along)
    corner = np.minimum(np.abs(across), np.abs(along)) > 0.84
    middle_pillar = side & (np.abs(along - 0.05) < 0.05)
    closed = side & (along < 1 - 2 * shape.side_glass)
    is_glass = ~(corner | middle_pillar | closed)
    is_band = (rise[:-1] >= 0.0) & (rise[1:] <= 0.95) & (rise[1:] > rise[:-1])
    painted = np.where((rise[:-1] < 0.85)[:, None, None], paint.body, paint.roof)
    return np.where((is_band[:, None] & is_glass)[..., None], glass, painted)


def _wheels(shape: CarShape) -> list[ColouredMesh]:
    """Four lathed wheels: a dark tyre around a lighter hub."""
    tyre, hub = (0.17, 0.17, 0.18), (0.62, 0.63, 0.65)
    thickness = 0.26
    radius = np.array([0.05, 0.9, 1.0, 1.0, 0.9, 0.60, 0.56, 0.05]) * shape.wheel
    depth = np.array([-1.0, -1.0, -0.8, 0.8, 1.0, 1.0, 0.92, 0.92]) * thickness / 2
    circle = _ring(40, 2.0)
    rings = np.empty((len(radius), 40, 3))
    rings[..., 0] = depth[:, None]
    rings[..., 1:] = radius[:, None, None] * circle
    colours = np.broadcast_to(np.array([tyre] * 6 + [hub])[:, None], (7, 40, 3))
    right = _loft(rings, colours)
    turned = np.array([-1.0, -1.0, 1.0])
    left = ColouredMesh(right.vertices * turned, right.normals * turned, right.triangles, right.colours)
    x = shape.width / 2 - thickness / 2 + 0.015
    places = [(0.5 - shape.front_overhang) * shape.length, (shape.rear_overhang - 0.5) * shape.length]
    return [
        ColouredMesh(wheel.vertices + (sign * x, y, shape.wheel), wheel.normals, wheel.triangles, wheel.colours)
        for y in places
        for sign, wheel in ((1, right), (-1, left))
    ]


def _end(shape: CarShape, top: float, x: float, z: float) -> float:
    """How far from the middle the body's rounded end lies at (x, z), where the body is `top` high."""
    rise = (z - shape.clearance) / (top - shape.clearance) - 0.45
    across, up = 2 * abs(x) / shape.width, rise / (0.55 if rise > 0 else 0.45)
    inside = max(0.0, 1 - across**shape.boxiness - abs(up) ** shape.boxiness)
    return shape.length / 2 * inside ** (0.5 / shape.boxiness)


def _lights(shape: CarShape) -> list[ColouredMesh]:
    """Pale head lights and red tail lights, half sunk into the body's rounded ends."""
    nose, tail = shape.nose * shape.belt, shape.tail * shape.belt
    x = 0.31 * shape.width
    front = shape.clearance + 0.62 * (nose - shape.clearance)
    rear = shape.clearance + 0.62 * (tail - shape.clearance)
    front_end, rear_end = _end(shape, nose, x, front), _end(shape, tail, x, rear)
    return [
        *(_blob((s * x, front_end - 0.04, front), (0.18, 0.10, 0.11), (0.93, 0.91, 0.80), 3) for s in (-1, 1)),
        *(_blob((s * x, 0.04 - rear_end, rear), (0.17, 0.10, 0.12), (0.78, 0.14, 0.12), 3) for s in (-1, 1)),
    ]


def _trim(shape: CarShape) -> list[ColouredMesh]:
    """Dark grille, bumpers and, for pickups, the load bed."""
    dark, bumper = (0.24, 0.24, 0.26), (0.36, 0.36, 0.38)
    y, low = 0.475 * shape.length, shape.clearance + 0.12
    nose = shape.nose * shape.belt
    grille = shape.clearance + 0.60 * (nose - shape.clearance)
    parts = [
        _blob((0, _end(shape, nose, 0, grille) - 0.05, grille), (0.15 * shape.width, 0.09, 0.10), dark, 4),
        _blob((0, y, low), (0.42 * shape.width, 0.14, 0.11), bumper, 4),
        _blob((0, -y, low), (0.42 * shape.width, 0.14, 0.11), bumper, 4),
    ]
    length = shape.bed * shape.deck * shape.length
    if length > 0.3:
        centre = (0, (shape.deck / 2 - 0.5) * shape.length, shape.belt * (1 + shape.tail) / 2 - 0.02)
        parts.append(_blob(centre, (0.40 * shape.width, 0.43 * length, 0.05), dark, 6))
    return parts
