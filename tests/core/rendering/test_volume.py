"""Volume rendering against the authors' numbers, nerfacc, and worked examples."""

import math

import nerfacc
import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.rendering.cameras import pixel_directions
from mnif_core.rendering.volume import RenderedRays, composite, elu_density, sample_depths, softplus_density
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
    data, constants, atol = tensors(arrays), meta["constants"], meta["tolerance"]["rays_atol"]
    rays = data["rays_o"].shape[0]
    near, far = torch.full((rays,), constants["near"]), torch.full((rays,), constants["far"])
    count = constants["points_per_ray"]
    torch.testing.assert_close(sample_depths(near, far, count), data["t_vals"], atol=atol, rtol=0)
    jittered = sample_depths(near, far, count, data["jitter_u"])
    torch.testing.assert_close(jittered, data["jitter_t_vals"], atol=atol, rtol=0)
    points = data["rays_o"][:, None] + data["rays_d"][:, None] * data["t_vals"][..., None]
    torch.testing.assert_close(points, data["coords"], atol=atol, rtol=0)


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
    assert torch.autograd.gradcheck(
        lambda c, s: composite(c, s, depths, norms, background=-1.0, last_distance=0.3)[:3], (colors, density)
    )


def test_weights_are_nerfaccs() -> None:
    colors, density, depths, norms = random_rays()
    rendered = composite(colors, density, depths, norms, last_distance=0.3)
    ends = torch.cat([depths[:, 1:], depths[:, -1:] + 0.3], dim=-1)
    scale = norms[:, None]
    weights, _, _ = nerfacc.render_weight_from_density(depths * scale, ends * scale, density)
    torch.testing.assert_close(rendered.weights, weights, atol=1e-10, rtol=1e-8)
    sums = nerfacc.accumulate_along_rays(weights, torch.cat([colors, depths[..., None]], dim=-1))
    opacity = nerfacc.accumulate_along_rays(weights, None)
    torch.testing.assert_close(rendered.color, sums[:, :3] + 1.0 - opacity, atol=1e-10, rtol=1e-8)
    torch.testing.assert_close(rendered.depth, sums[:, 3], atol=1e-10, rtol=1e-8)
    torch.testing.assert_close(rendered.accumulation, opacity[:, 0], atol=1e-10, rtol=1e-8)


def test_empty_space_shows_the_background() -> None:
    colors, density, depths, norms = random_rays()
    rendered = composite(colors, 0 * density, depths, norms, background=0.25)
    torch.testing.assert_close(rendered.color, torch.full_like(rendered.color, 0.25))
    assert rendered.accumulation.abs().max() == 0


def test_dense_rays_stay_finite() -> None:
    colors, density, depths, norms = (ray.float() for ray in random_rays())
    density = (1e6 * density).requires_grad_(True)
    rendered = composite(colors, density, depths, norms, last_distance=1e10)
    torch.testing.assert_close(rendered.color, colors[:, 0])
    rendered.color.sum().backward()
    assert density.grad is not None
    assert density.grad.isfinite().all()


def test_the_last_sample_extends_by_the_mean_spacing() -> None:
    colors, density, depths, norms = random_rays()
    for ray in range(depths.shape[0]):
        mean = float((depths[ray, -1] - depths[ray, 0]) / (depths.shape[1] - 1))
        given = composite(colors[ray], density[ray], depths[ray], norms[ray], last_distance=mean)
        torch.testing.assert_close(composite(colors[ray], density[ray], depths[ray], norms[ray]), given)


def test_one_sample_needs_an_extent() -> None:
    one = torch.ones(2, 1)
    with pytest.raises(ConfigError, match="2 or more samples"):
        composite(torch.ones(2, 1, 3), one, one, torch.ones(2))
    rendered = composite(torch.ones(2, 1, 3), one, one, torch.ones(2), last_distance=math.log(2.0))
    torch.testing.assert_close(rendered.accumulation, torch.full((2,), 0.5))


def test_densities_are_not_negative() -> None:
    raw = torch.linspace(-50, 50, 1001)
    for activation in (elu_density, softplus_density):
        assert (activation(raw) >= 0).all()
    assert elu_density(raw).max() == 10.0
    torch.testing.assert_close(softplus_density(torch.zeros(1)), torch.tensor([10 * math.log(2.0)]))


def test_pixels_off_the_principal_point() -> None:
    turn = torch.tensor([[0.0, -1.0, 0.0, 9.0], [1.0, 0.0, 0.0, 9.0], [0.0, 0.0, 1.0, 9.0]])  # 90 degrees around z
    direction = pixel_directions(torch.tensor([[4, 2]]), torch.tensor([10.0, 20.0, 1.0, 2.0]), turn)
    # in the camera (1.5 / 10, -2.5 / 20, -1); the translation does not matter
    torch.testing.assert_close(direction, torch.tensor([[0.125, 0.15, -1.0]]))


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


@jaxtyped(typechecker=beartype)
def directions_of(
    pixels: Float[Tensor, "r 2"], intrinsics: Float[Tensor, "r 4"], cameras: Float[Tensor, "r 3 4"]
) -> Float[Tensor, "r 3"]:
    return pixel_directions(pixels, intrinsics, cameras)


@jaxtyped(typechecker=beartype)
def depths_of(
    near: Float[Tensor, "*b"], far: Float[Tensor, "*b"], uniform: Float[Tensor, "*b n"]
) -> Float[Tensor, "*b n"]:
    return sample_depths(near, far, uniform.shape[-1], uniform)


@jaxtyped(typechecker=beartype)
def rays_of(
    colors: Float[Tensor, "*b n 3"],
    density: Float[Tensor, "*b n"],
    depths: Float[Tensor, "*b n"],
    norms: Float[Tensor, "*b"],
) -> RenderedRays:
    rendered = composite(colors, density, depths, norms)
    fits(rendered.color, rendered.accumulation, rendered.depth, rendered.weights, density)
    return rendered


@jaxtyped(typechecker=beartype)
def fits(
    color: Float[Tensor, "*b 3"],
    accumulation: Float[Tensor, "*b"],
    depth: Float[Tensor, "*b"],
    weights: Float[Tensor, "*b n"],
    density: Float[Tensor, "*b n"],
) -> None:
    """The outputs' shapes agree with each other and with the samples."""


@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
def test_shapes(batch: tuple[int, ...]) -> None:
    depths = depths_of(torch.full(batch, 0.8), torch.full(batch, 1.8), torch.rand(*batch, 7))
    rendered = rays_of(torch.rand(*batch, 7, 3), torch.rand(*batch, 7), depths, torch.ones(batch))
    assert rendered.weights.shape == (*batch, 7)
    assert directions_of(torch.rand(6, 2), torch.rand(6, 4), torch.rand(6, 3, 4)).shape == (6, 3)
