"""The denoiser against the authors' numbers."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.prior.denoiser import FEW, DenoiserConfig, ResidualMLP, timestep_embedding
from tests.golden_data import case_names, load_case, tensors

THEIRS = {
    "norm1": "block1.0",
    "linear1": "block1.2",
    "norm2": "block2.0",
    "linear2": "block2.3",
    "time": "blockt.1",
}


def official_name(name: str) -> str:
    """The authors' key of one of our parameters."""
    parts = name.split(".")
    if parts[0] == "blocks":
        return ".".join(["blocks", parts[1], THEIRS[parts[2]], parts[3]])
    top = {"time": "block_time.0", "input": "block_input", "norm": "block_output.0", "output": "block_output.2"}
    return f"{top[parts[0]]}.{parts[1]}"


def golden_denoiser(meta: dict[str, Any], data: dict[str, Tensor]) -> ResidualMLP:
    constants = meta["constants"]
    denoiser = ResidualMLP(
        DenoiserConfig(
            latent_dim=constants["in_channels"],
            width=constants["hidden"],
            blocks=constants["blocks"],
            groups=constants["groups"],
            time_dim=constants["time_emb"],
        )
    )
    names = list(denoiser.state_dict())
    assert {f"net.{official_name(name)}" for name in names} == {key for key in data if key.startswith("net.")}
    denoiser.load_state_dict({name: data[f"net.{official_name(name)}"] for name in names})
    return denoiser


@pytest.mark.parametrize("name", case_names("e_"))
def test_golden_output_loss_gradients_and_steps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    meta, arrays = load_case(name)
    data, tolerance = tensors(arrays), meta["tolerance"]
    # the authors' own embedding: group norms magnify the last place of a machine's exponential and cosine
    monkeypatch.setattr("mnif_core.prior.denoiser.timestep_embedding", lambda timesteps, dim: data[f"temb{dim}"])
    denoiser = golden_denoiser(meta, data)
    timesteps = data["t"].long()
    output = denoiser(data["q_sample"], timesteps)
    torch.testing.assert_close(output, data["net_out"], atol=tolerance["net_out_atol"], rtol=0)
    losses = (data["x0"] - output).square().mean(1)
    torch.testing.assert_close(losses, data["train_loss"], atol=tolerance["net_out_atol"], rtol=1e-5)
    losses.mean().backward()
    exact = copy.deepcopy(denoiser).double()
    exact.zero_grad()
    (data["x0"].double() - exact(data["q_sample"].double(), timesteps)).square().mean().backward()
    for (key, parameter), reference in zip(denoiser.named_parameters(), exact.parameters(), strict=True):
        golden = data.get(f"grad.{official_name(key)}")
        if golden is not None:
            assert reference.grad is not None
            rounding = float((golden - reference.grad).abs().max())  # of the authors' single precision
            atol = 1e-4 * float(golden.abs().max()) + rounding
            torch.testing.assert_close(parameter.grad, golden, atol=atol, rtol=0)
            assert rounding < 0.01 * float(golden.abs().max())

    decayed = [p for key, p in denoiser.named_parameters() if key.endswith("weight")]
    plain = [p for key, p in denoiser.named_parameters() if not key.endswith("weight")]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4)
    clear = torch.ones_like(denoiser.input.weight, dtype=torch.bool)
    for _ in range(3):
        optimizer.zero_grad()
        (data["x0"] - denoiser(data["q_sample"], timesteps)).square().mean().backward()
        assert denoiser.input.weight.grad is not None
        clear &= denoiser.input.weight.grad.abs() > 1e-4  # Adam takes a whole step by the sign of a smaller one
        optimizer.step()
    assert clear.any()
    golden = data["adamw3_block_input.weight"]
    atol = 1e-6 + 3 * 0.01 * 1e-4  # of three steps of 1e-4, the share by which rounding may move a gradient
    torch.testing.assert_close(denoiser.input.weight[clear], golden[clear], atol=atol, rtol=0)


@pytest.mark.parametrize("name", case_names("e_"))
def test_golden_time_embedding(name: str) -> None:
    meta, arrays = load_case(name)
    data, atol = tensors(arrays), meta["tolerance"]["temb_atol"]
    for key in (key for key in data if key.startswith("temb")):
        dim = int(key.removeprefix("temb"))
        torch.testing.assert_close(timestep_embedding(data["t"], dim), data[key], atol=atol, rtol=0)


def test_blocks_start_as_identity_whatever_their_number() -> None:
    torch.manual_seed(0)
    for blocks in (1, 2, 3):
        denoiser = ResidualMLP(DenoiserConfig(latent_dim=4, width=32, blocks=blocks))
        x, t = torch.randn(5, 4), torch.arange(5)
        hidden = denoiser.input(x)
        # every block passes its input on, and each skip adds the first hidden state once more
        for _ in range(blocks // 2):
            hidden = hidden + denoiser.input(x)
        expected = denoiser.output(torch.nn.functional.silu(denoiser.norm(hidden)))
        torch.testing.assert_close(denoiser(x, t), expected)


def test_a_width_that_groups_do_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="multiple of 16"):
        DenoiserConfig(latent_dim=4, width=40)


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_predictions_without_a_graph_are_those_with_one(count: int) -> None:
    torch.manual_seed(0)
    denoiser = ResidualMLP(DenoiserConfig(latent_dim=5, width=64)).double()
    for block in denoiser.blocks:
        last = block.linear2
        assert isinstance(last, torch.nn.Linear)
        torch.nn.init.normal_(last.weight)
        torch.nn.init.normal_(last.bias)
    latents, timesteps = torch.randn(count, 5, dtype=torch.float64), torch.arange(count)
    with torch.no_grad():
        plain = denoiser(latents, timesteps)
    torch.testing.assert_close(plain, denoiser(latents, timesteps).detach(), atol=1e-10, rtol=1e-10)
