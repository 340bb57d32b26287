"""Cameras of pictures that a field has made itself: found among renderings, and refined by the gradient of poses."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mnif_core.generative_field import GenerativeField
from mnif_core.rendering.cameras import look_at_origin_opengl
from mnif_core.rendering.poses import facing_origin, rolled, rotation_distance, turn_about
from mnif_core.signals.scenes import SceneSignal
from mnif_core.unseen.centred_frames import Placing
from mnif_core.unseen.pose_bank import PoseBank, PoseGrid, framing_penalty, typical_latents
from mnif_core.unseen.pose_refinement import Guesses, MovingGuesses, Refinement, RefinementConfig
from mnif_core.unseen.whitening import Whitening
from tests.painted_boxes import SIDE, painted_boxes

NOMINAL = torch.tensor([1.025 * SIDE, SIDE / 2, SIDE / 2])


@pytest.fixture(scope="module")
def field() -> GenerativeField:
    return painted_boxes()


@pytest.fixture(scope="module")
def bank(field: GenerativeField) -> PoseBank:
    return PoseBank(field, PoseGrid(scenes=6, elevations=(10.0, 24.0, 38.0)))


def rendered(field: GenerativeField, latent: Tensor, camera: Tensor, lens: Tensor) -> tuple[Tensor, Tensor]:
    """Picture `[SIDE, SIDE, 3]` and opacity by a camera and focal length, x, y of its axis."""
    seen = SceneSignal.of(field.signal).render_view(field.instance(latent), camera, lens[[0, 0, 1, 2]], SIDE, SIDE)
    return seen.color[0], seen.accumulation[0]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "roll", "lens"),
    [
        (0.4, 20.0, 0.0, NOMINAL.tolist()),
        (3.6, 40.0, 17.0, NOMINAL.tolist()),
        (5.0, 25.0, -12.0, [0.7 * 1.025 * SIDE, SIDE / 2 + 5, SIDE / 2 - 3]),
    ],
)
def test_the_camera_of_a_training_scene_is_found(
    field: GenerativeField, bank: PoseBank, azimuth: float, elevation: float, roll: float, lens: list[float]
) -> None:
    level = look_at_origin_opengl(torch.tensor([azimuth]), math.radians(elevation), 1.3)[0, :, :3]
    true = rolled(level, torch.tensor(math.radians(roll)))
    camera = facing_origin(true, torch.tensor(1.3))
    picture, share = rendered(field, bank.latents[2], camera, torch.tensor(lens))
    found = bank.hypotheses(picture, share, NOMINAL, 5, math.radians(20.0), framing=0.0)
    # from the other end the box is alike but for its paint
    flip = turn_about(torch.tensor([0.0, 0.0, math.pi]))
    near = math.radians(22.0)
    assert float(rotation_distance(torch.stack([true, flip @ true]), found[0].rotation).min()) < near
    assert min(float(rotation_distance(one.rotation, true)) for one in found) < near
    errors = [one.error for one in found]
    assert errors == sorted(errors)
    for number, one in enumerate(found):
        for other in found[:number]:
            assert float(rotation_distance(one.rotation, other.rotation)) >= math.radians(20.0)
    # every camera shows its scene where the picture has it
    wanted = Placing.of(share[None])
    for one in found:
        pose = facing_origin(one.rotation, torch.tensor(one.distance))
        placing = Placing.of(rendered(field, one.latent, pose, one.intrinsics)[1][None])
        assert float((placing.centres - wanted.centres).norm()) < 0.5
        assert abs(float(placing.radii / wanted.radii) - 1.0) < 0.05


def test_framing_as_in_training_costs_nothing() -> None:
    assert float(framing_penalty(NOMINAL[0], NOMINAL[1:], NOMINAL)) < 1e-6
    for change in (2.0, 4.0):  # what is framed otherwise costs the same, however it is framed
        assert 2.8 < float(framing_penalty(change * NOMINAL[0], NOMINAL[1:], NOMINAL)) < 3.1
        assert 2.8 < float(framing_penalty(NOMINAL[0], NOMINAL[1:] + 0.1 * change * SIDE, NOMINAL)) < 3.1


def test_typical_scenes_are_some_of_training_and_some_samples(field: GenerativeField) -> None:
    latents = typical_latents(field, 6, seed=0)
    known = (torch.cdist(latents, field.latents).min(1).values < 1e-6).tolist()
    assert known == [True] * 3 + [False] * 3
    assert len(typical_latents(painted_boxes(prior=False), 6, seed=0)) == 6
    assert len(typical_latents(painted_boxes(prior=False), 60, seed=0)) == 12


def start_of(latents: Tensor, rotation: Tensor) -> Guesses:
    """Guesses of one view, with the training views' lens."""
    count = len(latents)
    return Guesses(
        latents,
        rotation.expand(count, 1, 3, 3).clone(),
        latents.new_full((count, 1), 1.3),
        NOMINAL.to(latents).expand(count, 1, 3).clone(),
        latents.new_zeros(count),
    )


def test_gradients_of_poses_lenses_and_latents_are_finite_differences() -> None:
    field = painted_boxes()
    field.modulation.double()
    field.latents = field.latents.double()
    rotation = look_at_origin_opengl(torch.tensor([0.4], dtype=torch.float64), 0.4, 1.3)[0, :, :3]
    generator = torch.Generator().manual_seed(3)
    picture = torch.rand(1, SIDE, SIDE, 3, dtype=torch.float64, generator=generator)
    refinement = Refinement(field, picture, NOMINAL.double()[None])
    model = MovingGuesses(start_of(field.latents[:2], rotation), Whitening.of(field.latents))
    with torch.no_grad():
        for part in model.parameters():
            part.add_(0.01 * torch.randn(part.shape, dtype=torch.float64, generator=generator))
    pixels = torch.tensor([[12, 14], [14, 16], [16, 18], [17, 15], [15, 12]])  # of the box, away from its edges
    view = torch.zeros(len(pixels), dtype=torch.long)
    refinement.objective(model, view, pixels).sum().backward()
    step = 1e-6
    for part in model.parameters():
        assert part.grad is not None
        for place in range(part.numel()):
            values = []
            for sign in (1.0, -1.0):
                with torch.no_grad():
                    part.view(-1)[place] += sign * step
                    values.append(float(refinement.objective(model, view, pixels).sum()))
                    part.view(-1)[place] -= sign * step
            assert (values[0] - values[1]) / (2 * step) == pytest.approx(
                float(part.grad.view(-1)[place]), rel=1e-4, abs=1e-8
            )


def test_refinement_finds_the_way_back(field: GenerativeField) -> None:
    true = look_at_origin_opengl(torch.tensor([0.4]), 0.4, 1.3)[0, :, :3]
    latent = field.latents[5]
    picture, _ = rendered(field, latent, facing_origin(true, torch.tensor(1.3)), NOMINAL)
    away = true @ turn_about(torch.tensor([0.08, -0.1, 0.06]))
    start = start_of(torch.stack([latent, latent]), away)
    start = replace(start, rotations=torch.stack([away, true @ turn_about(torch.tensor([0.0, 1.2, 0.0]))])[:, None])
    refinement = Refinement(field, picture[None], NOMINAL[None], RefinementConfig(pull=0.0))
    before, found = refinement.moved(start, 0), refinement.moved(start, 60)
    assert torch.equal(before.rotations, start.rotations)
    assert float(rotation_distance(found.rotations[0, 0], true)) < 0.5 * float(rotation_distance(away, true))
    assert found.errors[0] < 0.5 * before.errors[0] and found.errors[0] < found.errors[1]
    again = refinement.moved(start, 60)
    assert torch.equal(again.rotations, found.rotations) and torch.equal(again.errors, found.errors)
