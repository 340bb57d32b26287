"""Frames do not tell where, how large and how turned a silhouette was; errors do not tell its paint."""

import math

import torch
from torch import Tensor

from mnif_core.unseen.centred_frames import Placing, centred_frames, frame_errors, turned


def bar(centre: tuple[float, float], length: float, angle: float) -> tuple[Tensor, Tensor]:
    """A bar with one end of another colour, in a picture of 96 pixels: colours times share, share, each `[1, ...]`."""
    y, x = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
    along, across = turned(torch.stack([x, y], -1) - torch.tensor(centre), torch.tensor(-angle)).unbind(-1)
    share = ((length - along.abs()).clamp(-0.5, 0.5) + 0.5) * ((length / 3 - across.abs()).clamp(-0.5, 0.5) + 0.5)
    color = torch.where((along > 0)[..., None], torch.tensor([0.9, 0.2, 0.1]), torch.tensor([0.1, 0.3, 0.8]))
    return (color * share[..., None])[None], share[None]


def test_the_placing_of_a_bar() -> None:
    _, share = bar((40.0, 50.0), 24.0, 0.5)
    placing = Placing.of(share)
    torch.testing.assert_close(placing.centres, torch.tensor([[40.0, 50.0]]), atol=0.05, rtol=0)
    expected = math.sqrt((24.0**2 + 8.0**2) / 3)
    assert abs(float(placing.radii) / expected - 1) < 0.01
    assert Placing.of(torch.zeros(1, 4, 4)).radii.isnan().all()


def test_frames_forget_place_size_and_roll() -> None:
    colors, share = bar((48.0, 48.0), 24.0, 0.0)
    first = centred_frames(colors, share, Placing.of(share), torch.zeros(1))[0]
    for centre, length, angle in (((30.0, 60.0), 24.0, 0.0), ((50.0, 44.0), 32.0, 0.0), ((44.0, 52.0), 26.0, 0.6)):
        colors, share = bar(centre, length, angle)
        frames = centred_frames(colors, share, Placing.of(share), torch.tensor([angle, angle + 0.4]))[0]
        errors = frame_errors(frames, first)[:, 0]
        assert errors[0] < 2e-3 < 10 * 2e-3 < errors[1]


def test_errors_forget_the_paint_but_not_the_parts() -> None:
    colors, share = bar((48.0, 48.0), 24.0, 0.0)
    placing, none = Placing.of(share), torch.zeros(1)
    one = centred_frames(colors, share, placing, none)[0]
    repainted = centred_frames(0.5 * colors + 0.2 * share[..., None], share, placing, none)[0]
    swapped = centred_frames(colors.flip(2), share, placing, none)[0]
    assert float(frame_errors(one, repainted)) < 1e-4
    assert float(frame_errors(one, swapped)) > 1e-2
    assert float(frame_errors(one, one)) < 1e-6
