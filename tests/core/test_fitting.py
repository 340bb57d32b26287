"""Auto-decoding against the authors' step, and the row-wise optimiser against torch's."""

import pytest
import torch
from torch import Tensor

from mnif_core.fitting import LatentTable, RowAdam, auto_decoding_loss
from mnif_core.mixture import MixtureSiren
from mnif_core.rendering import composite, elu_density
from tests.golden_data import case_names, golden_mixture, layer_major, load_case, tensors


def rendered(mixture: MixtureSiren, latents: Tensor, data: dict[str, Tensor]) -> Tensor:
    scenes, samples = data["coords"].shape[0], data["t_vals"].shape[-1]
    values = mixture.instance(latents)(data["coords"]).view(-1, samples, 4)
    norms = data["rays_d"].norm(dim=-1)
    pixels = composite(values[..., :3], elu_density(values[..., 3]), data["t_vals"], norms, last_distance=1e10)
    return pixels.color.view(scenes, -1, 3)


def reconstruction(mixture: MixtureSiren, latents: Tensor, data: dict[str, Tensor]) -> Tensor:
    return (rendered(mixture, latents, data) - data["gt"]).square().mean((1, 2))


@pytest.mark.parametrize("variant", ["official", "strong"])
@pytest.mark.parametrize("name", case_names("d_"))
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

    def same_gradient(ours: Tensor | None, theirs: Tensor) -> None:
        torch.testing.assert_close(ours, theirs, atol=1e-4 * float(theirs.abs().max()), rtol=0)

    assert table.weight.grad is not None
    same_gradient(table.weight.grad[index], data[f"{variant}_context_grad"])
    moved = {"T": mixture.projection.weight, "T_bias": mixture.projection.bias}
    for layer in range(mixture.config.num_layers):
        moved |= {f"W{layer}": mixture.basis_weights[layer], f"b{layer}": mixture.basis_biases[layer]}
    theirs = {
        key: layer_major(value, bases) if key.rpartition("_grad_")[2].startswith("T") or "_after_T" in key else value
        for key, value in data.items()
    }
    for key, parameter in moved.items():
        same_gradient(parameter.grad, theirs[f"{variant}_grad_{key}"])

    torch.optim.SGD(table.parameters(), lr=settings["lr_inner"]).step()
    torch.testing.assert_close(table.weight, data[f"{variant}_latents_after"], atol=tolerance["latents_atol"], rtol=0)
    torch.optim.AdamW(mixture.parameters(), lr=constants.get("lr_outer", 1e-4), weight_decay=0.0).step()
    for key, parameter in moved.items():
        after = theirs.get(f"{variant}_after_{key}")
        if after is not None:
            assert parameter.grad is not None
            clear = parameter.grad.abs() > 1e-6  # the case says: compare only there
            torch.testing.assert_close(parameter[clear], after[clear], atol=1e-6, rtol=0)
    last = reconstruction(mixture, table(index), data).mean()
    torch.testing.assert_close(last, data[f"{variant}_loss_after"], atol=tolerance["loss_atol"], rtol=0)


def train(optimizer: torch.optim.Optimizer, table: Tensor, rows: list[list[int]]) -> None:
    target = torch.linspace(-1, 1, table.numel()).view_as(table)
    for chosen in rows:
        optimizer.zero_grad()
        ((table - target)[chosen] ** 2).sum().backward()
        optimizer.step()


def test_row_adam_is_adam_where_all_rows_move() -> None:
    ours, theirs = (torch.nn.Parameter(torch.ones(4, 3)) for _ in range(2))
    rows = [[0, 1, 2, 3]] * 20
    train(RowAdam([ours], lr=0.1), ours, rows)
    train(torch.optim.Adam([theirs], lr=0.1), theirs, rows)
    torch.testing.assert_close(ours, theirs)


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
