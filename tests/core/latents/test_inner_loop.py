"""Auto-decoding against the authors' step, and the row-wise optimiser against torch's."""

from typing import Any

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, Int, jaxtyped
from torch import Tensor

from mnif_core.latents.inner_loop import LatentTable, RowAdam, auto_decoding_loss
from mnif_core.networks.mixture import MixtureSiren
from mnif_core.rendering.cameras import pixel_directions
from mnif_core.rendering.volume import composite, elu_density, sample_depths
from tests.golden_data import case_names, golden_mixture, layer_major, load_case, tensors

CASES = [(name, variant) for name in case_names("d_") for variant in load_case(name)[0]["constants"]["variants"]]


def drawn_rays(data: dict[str, Tensor], constants: dict[str, Any]) -> dict[str, Tensor]:
    """Points, depths, directions and targets of the drawn views and pixels, from cameras and images alone."""
    height, width, count = constants["H"], constants["W"], constants["points_per_ray"]
    points, directions, targets = [], [], []
    near, far = torch.tensor(constants["near"]), torch.tensor(constants["far"])
    depths = sample_depths(near, far, count)
    for scene, views, chosen in zip(data["idx"], data["view_inds"], data["pix_inds"], strict=True):
        pixels = torch.stack([chosen // width, chosen % width], dim=-1)
        focal = data["focal"][scene]
        intrinsics = torch.stack([focal, focal, torch.tensor(width / 2), torch.tensor(height / 2)])
        for view in views:
            camera = data["c2w"][scene, view, :3]
            direction = pixel_directions(pixels, intrinsics, camera)
            points.append(camera[:, 3] + direction[:, None] * depths[:, None])
            directions.append(direction)
            targets.append(data["images"][scene, view].flatten(1)[:, chosen.long()].T)
    rays, scenes = torch.cat(directions), len(data["idx"])
    return {
        "coords": torch.cat(points).view(scenes, -1, 3),
        "t_vals": depths.expand(len(rays), -1),
        "rays_d": rays,
        "gt": torch.cat(targets).view(scenes, -1, 3),
    }


def rendered(mixture: MixtureSiren, latents: Tensor, data: dict[str, Tensor]) -> Tensor:
    scenes, samples = data["coords"].shape[0], data["t_vals"].shape[-1]
    values = mixture.instance(latents)(data["coords"]).view(-1, samples, 4)
    norms = data["rays_d"].norm(dim=-1)
    pixels = composite(values[..., :3], elu_density(values[..., 3]), data["t_vals"], norms, last_distance=1e10)
    return pixels.color.view(scenes, -1, 3)


def reconstruction(mixture: MixtureSiren, latents: Tensor, data: dict[str, Tensor]) -> Tensor:
    return (rendered(mixture, latents, data) - data["gt"]).square().mean((1, 2))


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_golden_rays_lead_to_the_same_loss(name: str, variant: str) -> None:
    meta, arrays = load_case(name)
    data, constants, tolerance = tensors(arrays), meta["constants"], meta["tolerance"][variant]
    mixture = golden_mixture(data, constants["w0"], sine_output=False)
    drawn = drawn_rays(data, constants)
    assert torch.equal(drawn["gt"], data["gt"])
    latents = data["latents"][data["idx"].long()]
    torch.testing.assert_close(rendered(mixture, latents, drawn), data["pred"], atol=tolerance["pred_atol"], rtol=0)
    loss = reconstruction(mixture, latents, drawn).mean()
    torch.testing.assert_close(loss, data[f"{variant}_loss"], atol=tolerance["loss_atol"], rtol=0)


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_golden_step(name: str, variant: str) -> None:
    meta, arrays = load_case(name)
    data, tolerance = tensors(arrays), meta["tolerance"][variant]
    settings, constants = meta["constants"]["variants"][variant], meta["constants"]
    mixture = golden_mixture(data, constants["w0"], sine_output=False)
    bases = mixture.config.num_bases
    table = LatentTable(mixture.mean_latent(), len(data["latents"]), 0.0)
    with torch.no_grad():
        table.weight.copy_(data["latents"])
    index = data["idx"].long()

    prediction = rendered(mixture, table(index), data)
    torch.testing.assert_close(prediction, data["pred"], atol=tolerance["pred_atol"], rtol=0)
    losses = reconstruction(mixture, table(index), data)
    total = auto_decoding_loss(losses, table(index), settings["weight_decay_inner"])
    torch.testing.assert_close(losses.mean(), data[f"{variant}_loss"], atol=tolerance["loss_atol"], rtol=0)
    torch.testing.assert_close(total, data[f"{variant}_loss_total"], atol=tolerance["loss_atol"], rtol=0)
    total.backward()

    relative = float(tolerance["grad"].split()[2])  # "atol = 0.0001 * max|grad of that array|"

    def same_gradient(ours: Tensor | None, theirs: Tensor) -> None:
        torch.testing.assert_close(ours, theirs, atol=relative * float(theirs.abs().max()), rtol=0)

    assert table.weight.grad is not None
    same_gradient(table.weight.grad[index], data[f"{variant}_context_grad"])
    moved = {"T": mixture.projection.weight, "T_bias": mixture.projection.bias}
    for layer in range(mixture.config.num_layers):
        moved |= {f"W{layer}": mixture.basis_weights[layer], f"b{layer}": mixture.basis_biases[layer]}
    rows = {f"{variant}_{kind}_{key}" for kind in ("grad", "after") for key in ("T", "T_bias")}
    theirs = {key: layer_major(value, bases) if key in rows else value for key, value in data.items()}
    for key, parameter in moved.items():
        same_gradient(parameter.grad, theirs[f"{variant}_grad_{key}"])

    torch.optim.SGD(table.parameters(), lr=settings["lr_inner"]).step()
    torch.testing.assert_close(table.weight, data[f"{variant}_latents_after"], atol=tolerance["latents_atol"], rtol=0)
    torch.optim.AdamW(mixture.parameters(), lr=constants["lr_outer"], weight_decay=0.0).step()
    for key, parameter in moved.items():
        after = theirs.get(f"{variant}_after_{key}")
        if after is not None:
            assert parameter.grad is not None
            clear = parameter.grad.abs() > 1e-6  # the case says: compare only there
            assert clear.any()
            torch.testing.assert_close(parameter[clear], after[clear], atol=tolerance["latents_atol"], rtol=0)
    last = reconstruction(mixture, table(index), data).mean()
    torch.testing.assert_close(last, data[f"{variant}_loss_after"], atol=tolerance["loss_atol"], rtol=0)


def train(optimizer: torch.optim.Optimizer, table: Tensor, rows: list[list[int]]) -> None:
    target = torch.linspace(-1, 1, table.numel()).view_as(table)
    for chosen in rows:
        optimizer.zero_grad()
        ((table - target)[chosen] ** 2).sum().backward()
        optimizer.step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2)])
@pytest.mark.parametrize(
    "settings",
    [{}, {"weight_decay": 0.3}, {"betas": (0.0, 0.9), "eps": 1e-3}],
    ids=["defaults", "weight decay", "betas and eps"],
)
def test_row_adam_is_adam_where_all_rows_move(
    settings: dict[str, Any], shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    # beyond every target: a row whose gradient is exactly zero would count as absent
    ours, theirs = (torch.nn.Parameter(torch.full(shape, 2.0, dtype=dtype)) for _ in range(2))
    rows = [[0, 1, 2, 3]] * 20
    train(RowAdam([ours], lr=0.1, **settings), ours, rows)
    train(torch.optim.Adam([theirs], lr=0.1, **settings), theirs, rows)
    # rounding of numbers about 1, once a step
    torch.testing.assert_close(ours, theirs, atol=20 * torch.finfo(dtype).eps, rtol=0)


def test_row_adam_leaves_absent_rows_alone_and_counts_steps_by_row() -> None:
    table = torch.nn.Parameter(torch.ones(4, 3))
    optimizer = RowAdam([table], lr=0.1)
    train(optimizer, table, [[0, 1], [1, 2], [1]])
    assert torch.equal(table[3], torch.ones(3))
    assert optimizer.state[table]["steps"].tolist() == [1, 3, 1, 0]
    target = torch.linspace(-1, 1, 12).view(4, 3)
    single = torch.nn.Parameter(torch.ones(1, 3))
    adam = torch.optim.Adam([single], lr=0.1)
    for _ in range(3):
        adam.zero_grad()
        ((single - target[1]) ** 2).sum().backward()
        adam.step()
    torch.testing.assert_close(table[1], single[0])


def test_row_adam_keeps_the_moments_of_absent_rows() -> None:
    table = torch.nn.Parameter(torch.ones(4, 3))
    optimizer = RowAdam([table], lr=0.1, weight_decay=0.3)
    train(optimizer, table, [[0, 1], [0, 3]])
    state = optimizer.state[table]
    before = {key: value.clone() for key, value in {**state, "row": table.detach()}.items()}
    train(optimizer, table, [[1, 2], [1]])
    for key, value in {**state, "row": table.detach()}.items():
        assert torch.equal(value[[0, 3]], before[key][[0, 3]])
        assert not torch.equal(value[1], before[key][1])
    assert state["mean"][[0, 3]].abs().min() > 0


def test_row_adam_without_gradients_moves_nothing() -> None:
    present, absent = (torch.nn.Parameter(torch.ones(4, 3)) for _ in range(2))
    optimizer = RowAdam([present, absent], lr=0.1)
    train(optimizer, present, [[0]])
    optimizer.zero_grad()
    assert optimizer.step(lambda: 7.0) == 7.0
    assert torch.equal(absent, torch.ones(4, 3))
    assert optimizer.state[present]["steps"].tolist() == [1, 0, 0, 0]


def test_row_adam_goes_on_from_its_state() -> None:
    whole, halved = (torch.nn.Parameter(torch.ones(4, 3)) for _ in range(2))
    rows = [[0, 1], [2], [1, 3], [0]]
    train(RowAdam([whole], lr=0.1), whole, rows)
    first = RowAdam([halved], lr=0.1)
    train(first, halved, rows[:2])
    second = RowAdam([halved], lr=0.1)
    second.load_state_dict(first.state_dict())
    train(second, halved, rows[2:])
    assert torch.equal(whole, halved)


def test_latents_start_around_the_mean() -> None:
    torch.manual_seed(0)
    table = LatentTable(torch.full((5,), 0.25), 4000, std=0.1)
    weight = table.weight.detach()
    assert abs(float(weight.mean()) - 0.25) < 0.01
    assert abs(float(weight.std()) - 0.1) < 0.01


def test_the_seed_decides_the_latents() -> None:
    def start(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return LatentTable(torch.zeros(5), 4, std=0.1).weight

    assert torch.equal(start(3), start(3))
    assert not torch.equal(start(3), start(4))
    assert torch.equal(LatentTable(torch.full((5,), 0.25), 4, std=0.0).weight, torch.full((4, 5), 0.25))


def test_loss_averages_instances_and_sums_the_penalty() -> None:
    losses, latents = torch.tensor([1.0, 3.0]), torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    assert auto_decoding_loss(losses, latents, 0.5).item() == 2.0 + 0.25 * 14.0


@jaxtyped(typechecker=beartype)
def looked_up(table: LatentTable, index: Int[Tensor, " s"]) -> Float[Tensor, "s h"]:
    return table(index)


@jaxtyped(typechecker=beartype)
def objective(losses: Float[Tensor, " s"], latents: Float[Tensor, "s h"]) -> Float[Tensor, ""]:
    return auto_decoding_loss(losses, latents, 0.5)


def test_shapes() -> None:
    latents = looked_up(LatentTable(torch.zeros(5), 4, std=0.1), torch.tensor([3, 0, 3]))
    assert latents.shape == (3, 5)
    assert objective(torch.rand(3), latents).ndim == 0
