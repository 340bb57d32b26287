"""Turned cameras against scipy's rotations."""

import math

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mnif_core.rendering.cameras import look_at_origin_opengl, project
from mnif_core.rendering.poses import facing_origin, rolled, rotation_distance, turn_about


def test_turns_are_scipy_s_and_the_distance_is_their_angle() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(20, 3, dtype=torch.float64, generator=generator)
    found = turn_about(vectors)
    np.testing.assert_allclose(found.numpy(), Rotation.from_rotvec(vectors.numpy()).as_matrix(), atol=1e-12)
    one, other = found[:10], found[10:]
    expected = (Rotation.from_matrix(one.numpy()).inv() * Rotation.from_matrix(other.numpy())).magnitude()
    np.testing.assert_allclose(rotation_distance(one, other).numpy(), expected, atol=1e-7)
    assert float(rotation_distance(found[0], found[0])) == 0.0


def test_turning_has_a_gradient_where_nothing_is_turned() -> None:
    vector = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    gradient = torch.autograd.functional.jacobian(turn_about, vector)
    expected = torch.zeros(3, 3, 3, dtype=torch.float64)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        expected[i, j, k], expected[j, i, k] = -1.0, 1.0
    torch.testing.assert_close(gradient, expected)


def test_cameras_face_the_origin_and_roll_turns_pictures_clockwise() -> None:
    camera = look_at_origin_opengl(torch.tensor([0.7]), 0.4, 1.3)
    torch.testing.assert_close(facing_origin(camera[:, :, :3], torch.tensor([1.3])), camera)
    lens, above = torch.tensor([[50.0, 50.0, 32.0, 32.0]]), camera[:, :, 1] * 0.2  # above the middle
    for angle in (0.0, 0.3, math.pi / 2):
        turned = facing_origin(rolled(camera[:, :, :3], torch.tensor([angle])), torch.tensor([1.3]))
        rows, columns, _ = project(above, turned, lens)
        reach = 50.0 * 0.2 / 1.3
        assert math.isclose(float(columns), 32.0 + reach * math.sin(angle), abs_tol=1e-3)
        assert math.isclose(float(rows), 32.0 - reach * math.cos(angle), abs_tol=1e-3)
