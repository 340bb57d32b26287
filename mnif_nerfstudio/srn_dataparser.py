"""Scenes in SRN layout or with `transforms.json` for nerfstudio: one for a single-scene method, many for ours.

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

from mnif_core.data.instances import Instance, read_instance
from mnif_core.data.scene_folders import list_instances, split_views
from mnif_core.errors import DataError
from mnif_core.rendering.cameras import CameraReading
from mnif_nerfstudio.one_line_errors import errors_in_one_line

HALF_EXTENT = 0.6  # world units: the box of an SRN object has unit diagonal
NAMED = 8  # instances that an error lists


@dataclass
class SrnDataParserConfig(DataParserConfig):
    """Scenes, one a folder: in SRN layout (`rgb/`, `pose/`, `intrinsics.txt`), or with `transforms.json`."""

    _target: type[Any] = field(default_factory=lambda: SrnDataParser)
    data: Path = Path()
    """Root with <category>_{train,val,test}, one such folder, a folder of instances, or one instance."""
    category: str | None = None
    """Which category, where the root holds several (cars, chairs, ...)."""
    instance: str | None = None
    """Which instance a single-scene method trains on, where the folder holds several."""
    held_out_views: int = 3
    """Views of every instance kept from training, evenly spread, for evaluation."""
    axes: str = ""
    """Axes of the poses, where they are not those of their format (SRN's: opencv; transforms.json: opengl): opencv,
    opengl (Blender's too), pytorch3d, llff or ros; behind it -w2c for world-to-camera, and -y-up, -z-down or the like
    for a world whose up is not z."""
    normalise: bool = False
    """Move the point that the cameras of each scene look at to the origin, and the cameras as far from it as SRN's."""

    @property
    def reading(self) -> CameraReading:
        """How cameras are read."""
        return CameraReading.of(self.axes, self.normalise)

    def setup(self, **kwargs: Any) -> Any:
        """The dataparser, of any method; from here on, what a user can mend ends a command in one line."""
        errors_in_one_line()
        return super().setup(**kwargs)


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
        instance = self.read(instances[0])
        outputs = self.outputs_of(instance, split)
        mask_of = dict(zip(instance.image_filenames, instance.mask_filenames, strict=True))
        masks = [mask for picture in outputs.image_filenames if (mask := mask_of[picture]) is not None]
        outputs.mask_filenames = masks if masks and len(masks) == len(outputs.image_filenames) else None
        return outputs

    def read(self, path: Path) -> Instance:
        """One instance, its cameras as the configuration says.

        Raises:
            DataError: as `read_instance`.
        """
        return read_instance(path, self.config.reading)

    def outputs_of(self, instance: Instance, split: str) -> DataparserOutputs:
        """Cameras and pictures of an instance: its training views (`train`), or the held-out ones (`val`, `test`).

        Raises:
            DataError: no training view would remain.
        """
        pictures = instance.image_filenames
        training, held_out = split_views(len(pictures), self.config.held_out_views, pictures[0].parent.parent)
        chosen = training if split == "train" else held_out
        intrinsics = torch.from_numpy(instance.intrinsics[chosen])
        cameras = Cameras(
            camera_to_worlds=torch.from_numpy(instance.camera_to_worlds[chosen]),
            fx=intrinsics[:, 0:1],
            fy=intrinsics[:, 1:2],
            cx=intrinsics[:, 2:3],
            cy=intrinsics[:, 3:4],
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
    config=SrnDataParserConfig(), description="Scenes in SRN layout, or with transforms.json, one a folder."
)
