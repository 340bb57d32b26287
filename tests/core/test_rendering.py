"""Volume rendering against the authors' numbers, nerfacc, and worked examples."""

import math

import nerfacc
import pytest
import torch
from torch import Tensor

from mnif_core.rendering import composite, elu_density, pixel_directions, sample_depths
from tests.golden_data import case_names, load_case, tensors

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
NAMES = case_names("b_")


@pytest.mark.parametrize("name", NAMES)
def test_golden_rays(name: str) -> None:
    meta, arrays = load_case(name)
    data, atol = tensors(arrays), meta["tolerance"]["rays_atol"]
    height, width = meta["constants"]["H"], meta["constants"]["W"]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([rows, columns], -1).view(-1, 2)
    for view, (camera, focal) in enumerate(zip(data["c2w"], data["focal"], strict=True)):
        intrinsics = torch.stack([focal, focal, torch.tensor(width / 2), torch.tensor(height / 2)])
        directions = pixel_directions(pixels, intrinsics, camera[:3]).view(height, width, 3)
        torch.testing.assert_close(directions, data["grid_rays_d"][view], atol=atol, rtol=0)
        origins = camera[:3, 3].expand(height, width, 3)
        torch.testing.assert_close(origins, data["grid_rays_o"][view], atol=atol, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_golden_depths(name: str) -> None:
    meta, arrays = load_case(name)
    data, constants = tensors(arrays), meta["constants"]
    rays = data["rays_o"].shape[0]
    near, far = torch.full((rays,), constants["near"]), torch.full((rays,), constants["far"])
    count = constants["points_per_ray"]
    torch.testing.assert_close(sample_depths(near, far, count), data["t_vals"], atol=1e-6, rtol=0)
    jittered = sample_depths(near, far, count, data["jitter_u"])
    torch.testing.assert_close(jittered, data["jitter_t_vals"], atol=1e-6, rtol=0)
    points = data["rays_o"][:, None] + data["rays_d"][:, None] * data["t_vals"][..., None]
    torch.testing.assert_close(points, data["coords"], atol=1e-6, rtol=0)


@pytest.mark.parametrize("variant", ["", "jitter_", "functa_", "sigmoid_"])
@pytest.mark.parametrize("name", NAMES)
def test_golden_colours_and_gradients(name: str, variant: str) -> None:
    meta, arrays = load_case(name)
    data, constants, tolerance = tensors(arrays), meta["constants"], meta["tolerance"]
    raw = data["raw"].clone().requires_grad_(True)
    colors = raw[..., :3].sigmoid() if variant == "sigmoid_" else raw[..., :3]
    depths = data["jitter_t_vals" if variant == "jitter_" else "t_vals"]
    last = constants["functa_last_dist"] if variant == "functa_" else constants["last_dist"]
    rendered = composite(colors, elu_density(raw[..., 3]), depths, data["rays_d"].norm(dim=-1), last_distance=last)
    torch.testing.assert_close(rendered.color, data[f"{variant}rgb"], atol=tolerance["rgb_atol"], rtol=0)
    torch.testing.assert_close(rendered.accumulation, data[f"{variant}acc"], atol=tolerance["acc_atol"], rtol=0)
    torch.testing.assert_close(rendered.depth, data[f"{variant}depth"], atol=tolerance["depth_atol"], rtol=0)
    if not variant:
        torch.testing.assert_close(elu_density(data["raw"][..., 3]), data["sigma"], atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(rendered.weights, data["weights"], atol=tolerance["weights_atol"], rtol=0)
    (rendered.color * data["grad_out"]).sum().backward()
    torch.testing.assert_close(raw.grad, data[f"{variant}grad_raw"], atol=tolerance["grad_atol"], rtol=0)


def test_two_samples_by_hand() -> None:
    # optical depths ln 2 and ln 4: weights 1/2 and 1/2 * 3/4, so 1/8 of the white background is left
    density = torch.tensor([[math.log(2.0), math.log(4.0)]])
    colors = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    rendered = composite(colors, density, torch.tensor([[1.0, 2.0]]), torch.ones(1))
    torch.testing.assert_close(rendered.weights, torch.tensor([[0.5, 0.375]]))
    torch.testing.assert_close(rendered.color, torch.tensor([[0.625, 0.5, 0.125]]))
    torch.testing.assert_close(rendered.accumulation, torch.tensor([0.875]))
    torch.testing.assert_close(rendered.depth, torch.tensor([1.25]))


def random_rays(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    depths = torch.rand(5, 7, generator=generator, dtype=dtype).sort(-1).values + 0.8
    density = 5 * torch.rand(5, 7, generator=generator, dtype=dtype)
    colors = torch.rand(5, 7, 3, generator=generator, dtype=dtype)
    return colors, density, depths, torch.rand(5, generator=generator, dtype=dtype) + 1.0


def test_gradients_against_finite_differences() -> None:
    colors, density, depths, norms = random_rays()
    colors.requires_grad_(True)
    density.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda c, s: composite(c, s, depths, norms)[:3], (colors, density))


def test_weights_are_nerfaccs() -> None:
    colors, density, depths, norms = random_rays()
    rendered = composite(colors, density, depths, norms, last_distance=0.3)
    ends = torch.cat([depths[:, 1:], depths[:, -1:] + 0.3], dim=-1)
    scale = norms[:, None]
    weights, _, _ = nerfacc.render_weight_from_density(depths * scale, ends * scale, density)
    torch.testing.assert_close(rendered.weights, weights, atol=1e-10, rtol=1e-8)


def test_longer_directions_at_shorter_depths_see_the_same() -> None:
    colors, density, depths, norms = random_rays()
    one, other = (
        composite(colors, density, depths, norms),
        composite(colors, density, depths * norms[:, None], 0 * norms + 1),
    )
    torch.testing.assert_close(one.color, other.color)


def test_depths_stay_in_their_strata() -> None:
    near, far = torch.tensor([0.8]), torch.tensor([1.8])
    low, high = (sample_depths(near, far, 5, torch.full((1, 5), u)) for u in (0.0, 1.0))
    torch.testing.assert_close(low, torch.tensor([[0.8, 0.925, 1.175, 1.425, 1.675]]))
    torch.testing.assert_close(high, torch.tensor([[0.925, 1.175, 1.425, 1.675, 1.8]]))
