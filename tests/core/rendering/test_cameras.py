"""SRN's fixed test cameras, against poses of the published data."""

import pytest
import torch

from mnif_core.rendering.cameras import spiral_opengl

# camera-to-world of SRN Cars' test views in OpenCV axes, as their pose files have it
PUBLISHED = {
    1: [
        [-0.8774137496948242, 0.0030140201561152935, -0.4797249734401703, 0.6236426830291748],
        [0.4797344505786896, 0.00551290949806571, -0.8773964643478394, 1.1406152248382568],
        [1.955777406692505e-07, -0.9999802708625793, -0.006283054128289223, 0.008168087340891361],
    ],
    125: [
        [0.5440211296081543, -0.5933132171630859, 0.5933132171630859, -0.7713071703910828],
        [-0.8390715718269348, -0.38468101620674133, 0.38468098640441895, -0.5000853538513184],
        [2.9802322387695312e-08, -0.7071068286895752, -0.7071067690849304, 0.9192388653755188],
    ],
}


@pytest.mark.parametrize("view", PUBLISHED)
def test_published_poses(view: int) -> None:
    opencv = torch.tensor(PUBLISHED[view]) * torch.tensor([1.0, -1.0, -1.0, 1.0])
    torch.testing.assert_close(spiral_opengl()[view], opencv, atol=1e-5, rtol=0)


def test_fewer_views_are_evenly_spread() -> None:
    few = spiral_opengl(6, distance=2.0)
    torch.testing.assert_close(few[:, :, :3], spiral_opengl()[::50, :, :3])
    torch.testing.assert_close(few[:, :, 3].norm(dim=-1), torch.full((6,), 2.0))
