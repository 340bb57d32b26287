"""The authors' checkpoint trees become fields whose outputs agree with theirs."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mnif_core.cli import main
from mnif_core.errors import CheckpointError
from mnif_core.generative_field import GenerativeField
from mnif_core.official import import_official
from mnif_core.prior.diffusion import sample_ddpm, spread_timesteps
from mnif_core.prior.latent_prior import LatentPrior
from tests.golden_data import FOLDER, case_names, drawn_from, load_case, tensors

TREES = [(name, tree) for name in case_names("g_") for tree in load_case(name)[0]["tree"]]
ATOL = {"field": "field_atol", "denoiser": "denoiser_atol", "samples": "samples_atol"}


def test_golden_trees_are_there() -> None:
    assert TREES


def moved_by_rounding(denoiser: Any, x: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
    """Outputs where the timestep differs in its last place.

    The trees' denoisers normalise groups of two channels, which magnifies the rounding of another machine's exponential
    and cosine wherever two channels are almost equal.
    """
    times = timesteps.float()
    with torch.no_grad():
        return denoiser(x, torch.nextafter(times, 2 * times))


@pytest.mark.parametrize(("name", "tree"), TREES)
def test_outputs_agree(name: str, tree: str) -> None:
    meta, arrays = load_case(name)
    field = import_official(FOLDER / name / tree)
    data = {key.removeprefix(f"{tree}_"): value for key, value in tensors(arrays).items() if key.startswith(tree)}
    atol = {kind: meta["tolerance"][key] for kind, key in ATOL.items()}
    constants = meta["tree"][tree]["constants"]
    assert field.modulation.config.w0 == constants["w0"]
    assert {"image": "image", "voxel": "voxel", "scene": "scene"}[constants["pred_type"]] == field.signal.kind

    torch.testing.assert_close(field.latents, data["contexts"])
    index = data["ctx_idx"].long()
    with torch.no_grad():
        train = field.instance(field.latents[index])(data["coords"])
        test = field.instance(data["contexts_test"][index % 4])(data["coords"])
    torch.testing.assert_close(train, data["field"], atol=atol["field"], rtol=0)
    torch.testing.assert_close(test, data["field_test"], atol=atol["field"], rtol=0)

    prior = field.prior
    assert isinstance(prior, LatentPrior)
    torch.testing.assert_close(prior.mean, data["mean"])
    torch.testing.assert_close(prior.std, data["std"])
    for weights, denoiser in (("raw", prior.denoiser), ("ema", prior.averaged)):
        with torch.no_grad():
            output = denoiser(data["x"], data["t"].long())
        rounding = 2 * (moved_by_rounding(denoiser, data["x"], data["t"].long()) - output).abs()
        error = (output - data[f"denoiser_{weights}"]).abs()
        assert (error <= atol["denoiser"] + rounding).all()
        assert (rounding.max(1).values < atol["denoiser"]).sum() >= 3, "most rows are decided without the allowance"

        def denoise(x: torch.Tensor, timestep: int, denoiser: Any = denoiser) -> torch.Tensor:
            with torch.no_grad():
                return denoiser(x, torch.full((len(x),), timestep))

        chain = prior.schedule.respaced(spread_timesteps(1000, 5))
        states: list[torch.Tensor] = []
        start = data["sample_noise"][0]
        sample_ddpm(denoise, start, chain, drawn_from(data["sample_noise"][1:]), after_step=states.append)
        for state, expected in zip(states, data[f"samples_{weights}"], strict=True):
            torch.testing.assert_close(prior.mean + prior.std * state, expected, atol=atol["samples"], rtol=0)


@pytest.mark.parametrize(("name", "tree"), TREES)
def test_imported_fields_are_saved_and_sampled(
    name: str, tree: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-official", str(FOLDER / name / tree), "--output", str(tmp_path / "field")]) == 0
    assert "10 latents, with its prior" in capsys.readouterr().out
    field = GenerativeField.load(tmp_path / "field")
    latents = field.sample_latents(3, seed=0)
    assert latents.shape == (3, 16) and latents.isfinite().all()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    own = Path(__file__).parents[1] / "golden/g_checkpoints/celebahq"
    return Path(shutil.copytree(own, tmp_path / "run"))


def test_stage_one_alone_needs_w0(tree: Path) -> None:
    with pytest.raises(CheckpointError, match="pass --w0"):
        import_official(tree / "stage1")
    field = import_official(tree / "stage1", w0=30)
    assert field.prior is None and field.fitter is not None


def without(path: str) -> Any:
    return lambda tree: (tree / path).unlink()


def without_key(key: str) -> Any:
    def change(tree: Path) -> None:
        path = tree / "stage1/metainits/epoch7.pth"
        weights = torch.load(path, weights_only=True)
        del weights[key]
        torch.save(weights, path)

    return change


def rewrite(path: str, old: str, new: str) -> Any:
    return lambda tree: (tree / path).write_text((tree / path).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("stage1/metainits/epoch7.pth"), r"metainits: no epoch<N>\.pth"),
        (without("stage1/contexts/context-epoch7.pth"), r"context-epoch7\.pth: missing"),
        (without("stage2/config.yaml"), r"config\.yaml: missing"),
        (without("stage2/ckpt/celebahq-lddimepoch=04.ckpt"), r"no \.ckpt here"),
        (without_key("model_param.net.1.0.bias"), r"has no model_param\.net\.1\.0\.bias"),
        (without_key("latent_to_mixture.weight"), r"has no latent_to_mixture\.weight"),
        (
            rewrite("stage2/config.yaml", "num_hid_channels: 32", "num_hid_channels: 64"),
            "weights and settings do not fit",
        ),
        (rewrite("stage2/config.yaml", "w0:", "w1:"), r"has no stage2\.hparams_metainr\.w0"),
        (
            rewrite("stage2/config.yaml", "squaredcos_cap_v2", "sqrt"),
            "noise_schedule is 'sqrt', not one of squared",
        ),
        (lambda tree: (tree / "stage1/metainits/epoch7.pth").write_bytes(b"cut"), "not a whole file"),
    ],
)
def test_partial_trees_are_named(tree: Path, change: Any, message: str) -> None:
    change(tree)
    with pytest.raises(CheckpointError, match=message) as raised:
        import_official(tree)
    assert str(tree) in str(raised.value) and "\n" not in str(raised.value)


def test_unknown_epochs_are_refused(tree: Path) -> None:
    with pytest.raises(CheckpointError, match="no epoch9.pth; choose one of 7"):
        import_official(tree, epoch=9)
