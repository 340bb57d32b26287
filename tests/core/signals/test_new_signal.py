"""A kind of data that the package has never heard of: what is in this file is all that it takes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mnif_core.cli import main
from mnif_core.data.readers import READERS
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.presets import PRESETS
from mnif_core.prior.latent_prior import PriorConfig
from mnif_core.signals.kinds import SIGNALS
from mnif_core.signals.protocol import Drawing, Signal
from mnif_core.training.config import TrainingConfig
from mnif_core.training.trainer import Trainer
from mnif_core.viewing.page import open_page
from mnif_core.viewing.selection import Selection
from tests.free_port import free_port


def curves(clips: Tensor) -> Tensor:
    """Clips `[n, t]` in [-1, 1] as black curves on white `[n, 32, t, 3]`."""
    rows = torch.linspace(1.0, -1.0, 32)[:, None]
    return ((clips[:, None] - rows).abs() * 8).clamp(max=1.0).unsqueeze(-1).expand(-1, -1, -1, 3)


@dataclass(frozen=True)
class AudioSignal(Signal):
    kind, noun, in_dim, out_dim = "audio", "clip", 1, 1
    points: int = 64

    @classmethod
    def at_resolution(cls, resolution: int) -> "AudioSignal":
        return cls(resolution)

    def times(self, length: int | None = None) -> Tensor:
        return torch.linspace(-1.0, 1.0, length or self.points)[:, None]

    @torch.no_grad()
    def decode(self, networks: InstanceNetworks, length: int | None = None) -> Tensor:
        times = self.times(length).to(networks.weights[0].device)
        return (networks.evaluate(times, 1 << 16)[..., 0] * 0.5 + 0.5).clamp(0.0, 1.0)

    def draw(self, networks: InstanceNetworks, resolution: int | None = None) -> Drawing:
        return Drawing(curves(self.decode(networks, resolution).cpu() * 2.0 - 1.0))


class AudioObservations:
    def __init__(self, clips: Tensor, names: Sequence[str] = ()) -> None:
        self.clips, self.names = clips, list(names) or [f"clip_{i}" for i in range(len(clips))]
        self.points, self.signal = clips.shape[1], AudioSignal(clips.shape[1])

    def observe(self, index: Tensor, chosen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        chosen = torch.arange(self.points).expand(len(index), -1) if chosen is None else chosen
        return self.signal.times()[chosen], self.clips[index].gather(1, chosen).unsqueeze(-1)

    def pictures(self, index: Tensor) -> Tensor:
        return curves(self.clips[index])

    def subset(self, index: Sequence[int]) -> "AudioObservations":
        return AudioObservations(self.clips[list(index)], [self.names[i] for i in index])

    def to(self, device: torch.device) -> "AudioObservations":
        return self  # enough for a CPU


class AudioTrainer(Trainer):
    modality = "audio"


MIXTURE = MixtureConfig(1, 1, 1, 16, 16, 8, w0=10.0)
TINY = replace(PRESETS["voxel-tiny"], modality="audio", modulation=MIXTURE, prior=PriorConfig(8, width=64, blocks=1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("audio")
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, (40, 1))
    np.save(folder / "data.npy", 0.8 * np.sin(4.0 * np.linspace(-1, 1, 64) + phases).astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIGNALS, "audio", AudioSignal)
        patch.setitem(READERS, "audio", lambda signal, data, _: AudioObservations(torch.from_numpy(np.load(data))))
        patch.setitem(PRESETS, "audio-tiny", TINY)
        config = TrainingConfig(folder / "run", fit_length=300, prior_length=300, resolution=64, device="cpu")
        AudioTrainer(folder / "data.npy", config, "audio-tiny").fit()
        yield folder / "run"


def test_trains_samples_saves_and_loads(run: Path) -> None:
    field = GenerativeField.load(run / "field")
    assert json.loads((run / "summary.json").read_text())["unseen_psnr"] > 30, "the mean of all clips has 11 dB"
    samples = field.sample(16, seed=0, length=100) * 2.0 - 1.0
    phases = 4.0 * AudioSignal().times(100)
    waves = torch.cat([phases.sin(), phases.cos()], dim=1)
    shares = torch.linalg.lstsq(waves, samples.T).solution
    assert float((waves @ shares - samples.T).square().mean()) < 0.01 < float(samples.square().mean())


def test_every_command_serves_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(run.parent / "data.npy")]
    for name, options in {"sample": [], "interpolate": [], "reconstruct": data, "evaluate": data}.items():
        assert main([name, str(run), *options]) == 0
    figures = json.loads((run / "evaluation.json").read_text())["figures"]
    assert figures["reconstruction, test"]["PSNR"] > 30 and figures["generation"]["against"] == "36 train clips"
    for name in ("clip.onnx", "clip.npz", "folder"):
        assert main(["export", str(run), str(run / name)]) == 0
    assert main(["export", str(run), str(run / "clip.glb")]) == 1
    assert "a field of clips has nothing solid" in capsys.readouterr().err
    open_page(GenerativeField.load(run / "field"), "clips", Selection(), "127.0.0.1", free_port()).stop()
