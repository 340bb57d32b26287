"""SRN layout for nerfstudio: one instance for a single-scene method, many for this project's.

Light on purpose: nerfstudio imports dataparsers while it is still importing itself.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.plugins.registry_dataparser import DataParserSpecification

from mnif_core.data.srn_files import Instance, list_instances, read_instance, split_views
from mnif_core.errors import DataError

HALF_EXTENT = 0.6  # the box of an SRN object has unit diagonal
NAMED = 8  # instances that an error lists


@dataclass
class SrnDataParserConfig(DataParserConfig):
    """Scenes in SRN layout (`rgb/`, `pose/`, `intrinsics.txt` in each instance)."""

    _target: type[Any] = field(default_factory=lambda: SrnDataParser)
    data: Path = Path()
    """Root with <category>_{train,val,test}, one such folder, a folder of instances, or one instance."""
    category: str | None = None
    """Which category, where the root holds several (cars, chairs, ...)."""
    instance: str | None = None
    """Which instance a single-scene method trains on, where the folder holds several."""
    held_out_views: int = 3
    """Views of every instance kept from training, evenly spread, for evaluation."""


class SrnDataParser(DataParser):
    """One instance for a single-scene method; many by `list_instances` and `outputs_of`."""

    config: SrnDataParserConfig

    def _generate_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> DataparserOutputs:
        data, name = self.config.data, self.config.instance
        instances = list_instances(data, self.config.category, "train")
        choices = ", ".join(path.name for path in instances[:NAMED]) + (", ..." if len(instances) > NAMED else "")
        if name is not None:
            instances = [path for path in instances if path.name == name]
            if not instances:
                raise DataError(f"{data}: no instance {name}; pass one of {choices} by srn --instance")
        if len(instances) > 1:
            raise DataError(
                f"{data}: {len(instances)} instances, and this method trains on one; "
                f"pass one of {choices} by srn --instance, or train all by ns-train mnif"
            )
        return self.outputs_of(read_instance(instances[0]), split)

    def outputs_of(self, instance: Instance, split: str) -> DataparserOutputs:
        """Cameras and pictures of an instance: its training views (`train`), or the held-out ones (`val`, `test`).

        Raises:
            DataError: no training view would remain.
        """
        pictures = instance.image_filenames
        training, held_out = split_views(len(pictures), self.config.held_out_views, pictures[0].parent.parent)
        chosen = training if split == "train" else held_out
        cameras = Cameras(
            camera_to_worlds=torch.from_numpy(instance.camera_to_worlds[chosen]),
            fx=instance.fx,
            fy=instance.fy,
            cx=instance.cx,
            cy=instance.cy,
            width=instance.width,
            height=instance.height,
            camera_type=CameraType.PERSPECTIVE,
        )
        return DataparserOutputs(
            image_filenames=[pictures[i] for i in chosen],
            cameras=cameras,
            alpha_color=torch.ones(3),
            scene_box=SceneBox(aabb=HALF_EXTENT * torch.tensor([[-1.0] * 3, [1.0] * 3])),
            dataparser_transform=torch.eye(4)[:3],
            dataparser_scale=1.0,
            metadata={},
        )


SrnDataParserSpecification = DataParserSpecification(
    config=SrnDataParserConfig(), description="Scenes in SRN layout (rgb/, pose/, intrinsics.txt per instance)."
)
