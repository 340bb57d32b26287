"""What the model reads from nerfstudio's bundles of rays, in the core's terms."""

import torch
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.networks.instance_networks import InstanceNetworks


def scenes_of(ray_bundle: RayBundle) -> Tensor | None:
    """The scene of each ray `[rays]`, or none where they have none: the viewer's, a camera path's."""
    scenes = ray_bundle.metadata.get("scene")
    return None if scenes is None else scenes.reshape(-1)


def scenes_in(ray_bundle: RayBundle) -> Tensor | None:
    """The scenes `[scenes]` of rays that are contiguous by scene, equally many of each; none where they have none.

    Raises:
        ConfigError: more rays of one scene than of another.
    """
    scenes = scenes_of(ray_bundle)
    if scenes is None:
        return None
    scenes, counts = scenes.unique_consecutive(return_counts=True)
    if counts.unique().numel() > 1:
        raise ConfigError("a bundle needs the same number of rays of every scene, contiguous by scene")
    return scenes


def rays_of(networks: InstanceNetworks, ray_bundle: RayBundle) -> tuple[Tensor, Tensor, Tensor]:
    """Origins and directions with z = -1 in the camera, `[scenes, rays, 3]`, and the directions' lengths `[all, 1]`."""
    norms = ray_bundle.metadata.get("directions_norm")
    norms = torch.ones_like(ray_bundle.directions[..., :1]) if norms is None else norms
    shape = (networks.num_instances, -1, 3)
    origins, directions = ray_bundle.origins, ray_bundle.directions * norms
    return origins.reshape(shape).float(), directions.reshape(shape).float(), norms.reshape(-1, 1)
