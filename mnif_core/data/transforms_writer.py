"""Views with their cameras as nerfstudio's `transforms.json`, the counterpart of `transforms_files`."""

import json
from pathlib import Path

from PIL import Image

from mnif_core.data.posed_views import PosedViews
from mnif_core.files.atomic import whole_folder


def write_transforms(folder: Path, views: PosedViews) -> Path:
    """Write pictures and `transforms.json` into `folder`, at once or not at all; the latter's path.

    Raises:
        OutputError: the folder holds something, or cannot be written to.
    """
    height, width = views.pictures.shape[1:3]
    frames = []
    with whole_folder(folder) as scratch:
        for view, picture in enumerate(views.pictures):
            name = f"view_{view:03d}.png"
            Image.fromarray(picture).save(scratch / name)
            numbers = zip(("fl_x", "fl_y", "cx", "cy"), views.intrinsics[view].tolist(), strict=True)
            pose = [*views.camera_to_worlds[view].tolist(), [0.0, 0.0, 0.0, 1.0]]
            frames.append({"file_path": name, **dict(numbers), "transform_matrix": pose})
        content = {"camera_model": "OPENCV", "w": width, "h": height, "frames": frames}
        (scratch / "transforms.json").write_text(json.dumps(content, indent=1))
    return folder / "transforms.json"
