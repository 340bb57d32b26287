"""What `Selection` accepts and says, and which latent it names."""

import subprocess
import sys

import pytest
import torch

from mnif_core.errors import ConfigError
from mnif_core.latents.geometry import principal_directions
from mnif_core.prior.bootstrap import BootstrapPrior
from mnif_core.unseen.saved_scenes import SavedScene
from mnif_core.viewing.selection import SAMPLERS, Selection, latent_of, networks_of
from tests.small_field import small_field

NAMES = ["sedan", "van", "pickup"]


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("train:3", Selection("train", scene=3)),
        ("sample:7", Selection("sample", seed=7)),
        ("sample:7:red chair: tall", Selection("sample", seed=7, label="red chair: tall")),
        ("fitted:chair", Selection("fitted", name="chair")),
        ("between:3,9,0.25", Selection("between", scene=3, other=9, mix=0.25)),
        ("corners:3,9,1,0,0.25,1", Selection("corners", corners=(3, 9, 1, 0), across=0.25, down=1.0)),
    ],
)
def test_parse_reads_every_form(text: str, selection: Selection) -> None:
    assert Selection.parse(text) == selection


@pytest.mark.parametrize(
    "text",
    [
        "",
        "car",
        "train",
        "train:x",
        "train:1.5",
        "sample:",
        "sample:chair",
        "fitted:",
        "between:3,9",
        "corners:1,2,3,0.5,0.5",
        "render:1",
    ],
)
def test_parse_names_the_forms(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Selection.parse(text)
    message = str(caught.value)
    assert "\n" not in message
    assert repr(text) in message
    for form in ("train:3", "sample:7", "between:3,9,0.5", "corners:0,1,2,3,0.5,0.5"):
        assert form in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train:-1", "scene -1"),
        ("sample:-2", "seed is -2"),
        ("between:3,9,1.5", "mix is 1.5"),
        ("between:3,9,nan", "mix is nan"),
        ("between:3,-9,0.5", "scene -9"),
        ("corners:0,1,2,-3,0,0", "scene -3"),
        ("corners:0,1,2,3,0,2", "down is 2"),
    ],
)
def test_parse_names_the_number_out_of_range(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        Selection.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("train:van", Selection("train", scene=1)),
        ("train:PICK", Selection("train", scene=2)),
        ("train:2", Selection("train", scene=2)),
        ("train:7", Selection("train", scene=7)),  # said to be none where it is looked up
        ("between:sedan,up,0.25", Selection("between", scene=0, other=2, mix=0.25)),
        ("corners:van,0,pickup,sedan,0.25,1", Selection("corners", corners=(1, 0, 2, 0), across=0.25, down=1.0)),
    ],
)
def test_training_instances_go_by_name(text: str, selection: Selection) -> None:
    assert Selection.parse(text, NAMES) == selection


def test_a_whole_name_goes_before_its_parts() -> None:
    assert Selection.parse("train:chair", ["armchair", "chair", "chair_two"]) == Selection("train", scene=1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train:lorry", "no name has 'lorry'; choose sedan, van, pickup, or a number from 0 to 2"),
        ("train:a", "2 names have 'a'; choose one of sedan, van"),
        ("train:", "no name has ''"),
        ("between:van,lorry,0.5", "no name has 'lorry'"),
    ],
)
def test_names_of_none_or_of_several_are_one_line(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        Selection.parse(text, NAMES)
    assert repr(text) in str(caught.value)


def test_sampler_steps_and_truncation_are_checked() -> None:
    with pytest.raises(ConfigError, match="euler"):
        Selection(sampler="euler")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 steps"):
        Selection(steps=0)
    with pytest.raises(ConfigError, match="truncation is 1.1"):
        Selection(truncation=1.1)


def test_describe_tells_all_that_matters() -> None:
    assert "2" in Selection("train", scene=2).describe(NAMES)
    assert "training solid" in Selection("train", scene=2).describe(NAMES, "solid")
    assert "pickup" in Selection("train", scene=2).describe(NAMES)
    between = Selection("between", scene=0, other=1, mix=0.25).describe(NAMES)
    assert "sedan" in between and "van" in between and "25" in between
    corners = Selection("corners", corners=(0, 1, 2, 1), across=0.3, down=0.7).describe(NAMES)
    assert all(name in corners for name in NAMES) and "30%" in corners and "70%" in corners
    sample = Selection("sample", seed=7, sampler="ddim", steps=40, truncation=0.6).describe(NAMES)
    assert "7" in sample and SAMPLERS["ddim"] in sample and "40" in sample and "60%" in sample
    assert "truncated" not in Selection("sample").describe(NAMES)
    assert "directions" in Selection("train", directions=(0.0, 1.0)).describe(NAMES)


def test_latents_of_training_and_of_mixes() -> None:
    field = small_field("image")
    latents = field.latents
    assert torch.equal(latent_of(field, Selection("train", scene=3)), latents[3:4])
    halfway = latent_of(field, Selection("between", scene=1, other=4, mix=0.5))
    torch.testing.assert_close(halfway, latents[[1, 4]].mean(0, keepdim=True))
    middle = latent_of(field, Selection("corners", corners=(0, 1, 2, 4)))
    torch.testing.assert_close(middle, latents[[0, 1, 2, 4]].mean(0, keepdim=True))
    corner = latent_of(field, Selection("corners", corners=(0, 1, 2, 4), across=1.0, down=0.0))
    torch.testing.assert_close(corner, latents[1:2])


@pytest.mark.parametrize(
    "selection",
    [Selection("train", scene=5), Selection("between", other=5), Selection("corners", corners=(0, 5, 1, 2))],
)
def test_a_training_instance_that_does_not_exist_is_named(selection: Selection) -> None:
    with pytest.raises(ConfigError, match="no scene 5; choose one of 0 to 4"):
        latent_of(small_field("image"), selection)


def test_a_sample_is_the_fields_own() -> None:
    field = small_field("image")
    ours = latent_of(field, Selection("sample", seed=3, sampler="ddim", steps=5))
    assert torch.equal(ours, field.sample_latents(1, 3, "ddim", 5))
    mean = field.latents.mean(0, keepdim=True)
    truncated = latent_of(field, Selection("sample", seed=3, sampler="ddim", steps=5, truncation=0.25))
    torch.testing.assert_close(truncated, mean + 0.25 * (ours - mean))


def test_without_a_prior_a_sample_is_a_gaussian_draw() -> None:
    field = small_field("image", prior=False)
    draws = torch.cat([latent_of(field, Selection("sample", seed=seed)) for seed in range(400)])
    torch.testing.assert_close(draws.mean(0), field.latents.mean(0), atol=0.25, rtol=0)
    torch.testing.assert_close(draws.std(0), field.latents.std(0), atol=0.25, rtol=0)
    alone = small_field("image", instances=1, prior=False)
    assert torch.equal(latent_of(alone, Selection("sample", seed=1)), alone.latents)


def test_neighbours_need_no_prior() -> None:
    field = small_field("image", prior=False)
    ours = latent_of(field, Selection("sample", seed=3, sampler="neighbours"))
    assert torch.equal(ours, field.sample_latents(1, 3, "neighbours"))
    assert "steps" not in Selection("sample", sampler="neighbours").describe(NAMES)


def test_a_label_is_asked_for_and_said() -> None:
    field = small_field("image", 6)
    field.labels = ["hat", "shoe"] * 3
    field.prior = BootstrapPrior.fit(field.latents, labels=torch.tensor([0, 1] * 3), classes=2)
    shown = Selection("sample", seed=3, label="shoe", guidance=3.0)
    assert torch.equal(latent_of(field, shown), field.sample_latents(1, 3, label="shoe", guidance=3.0))
    assert "seed 3, label shoe, smoothed bootstrap" in shown.describe(field.names, prior=field.prior)
    assert "label shoe, by DPM-Solver++ in 25 steps at guidance 3" in shown.describe(field.names)
    assert "guidance" not in Selection("sample", label="shoe", sampler="neighbours").describe(field.names)
    with pytest.raises(ConfigError, match="guidance is -1; choose 0 or more"):
        Selection("sample", guidance=-1.0)
    for prior in (field.prior, None):
        field.prior = prior
        with pytest.raises(ConfigError, match="no label 'sock'; choose one of hat, shoe"):
            latent_of(field, Selection.parse("sample:3:sock"))


def test_a_fitted_scene_may_have_a_network_of_its_own() -> None:
    field = small_field("scene")
    selection, latent = Selection("fitted", name="chair"), field.latents[1] + 1.0
    own = field.instance(field.latents[2])
    fitted = {"chair": SavedScene("chair", latent, own.weights, own.biases), "bus": SavedScene("bus", latent)}
    found = latent_of(field, selection, fitted)
    assert torch.equal(found, latent[None])
    assert torch.equal(networks_of(field, selection, found, fitted).weights[0], own.weights[0])
    mixed = field.instance(latent).weights[0]
    assert torch.equal(networks_of(field, Selection("fitted", name="bus"), found, fitted).weights[0], mixed)
    moved = Selection("fitted", name="chair", directions=(1.0,))
    there = latent_of(field, moved, fitted)
    assert torch.equal(networks_of(field, moved, there, fitted).weights[0], field.instance(there).weights[0])
    with pytest.raises(ConfigError, match="no fitted scene 'van'; add it by mnif fit-scene"):
        latent_of(field, Selection("fitted", name="van"), fitted)


@pytest.mark.parametrize("source", ["train", "sample", "between", "corners"])
def test_directions_move_any_source(source: str) -> None:
    field = small_field("image")
    still = latent_of(field, Selection(source))  # type: ignore[arg-type]
    moved = latent_of(field, Selection(source, directions=(0.0, -1.5, 0.0)))  # type: ignore[arg-type]
    directions, _ = principal_directions(field.latents, 3)
    torch.testing.assert_close(moved - still, -1.5 * directions[1:2], atol=1e-5, rtol=1e-4)


def test_import_is_light() -> None:
    code = "import sys, mnif_core.viewing.selection as s; print('viser' in sys.modules or 'trimesh' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
