"""Small renderings of many scenes from all around, which tell how a picture may have been taken.

They are made once for a field, and serve any number of pictures. Shape letters: s scenes, n renderings, r rolls.
"""

import math
from dataclasses import dataclass, replace

import torch
from rich.progress import track
from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.generative_field import GenerativeField
from mnif_core.rendering.cameras import look_at_origin_opengl
from mnif_core.rendering.poses import rolled, rotation_distance
from mnif_core.unseen.centred_frames import Placing, centred_frames, frame_errors, turned
from mnif_core.unseen.scene_fitting import signal_of_scenes

SIDE, SAMPLES = 32, 12  # pixels of a rendering, samples on a ray
ZOOM, SHIFT = 0.03, 0.015  # how far off a framing that is alike may be: of log focal lengths, of focal lengths
OTHERWISE = 0.05  # how likely any other framing is, beside that of training views
LEAST = 0.01  # share of a rendering that shows the scene, below which it says nothing


@dataclass(frozen=True)
class PoseGrid:
    """Cameras and scenes that are tried. Angles are degrees."""

    scenes: int = 16
    """Half of them training scenes that are unlike each other, half samples of the prior."""
    azimuths: int = 24
    """Evenly around the horizon; as dense, and so fewer, above and below it."""
    elevations: tuple[float, ...] = (-72.0, -56.0, -40.0, -24.0, -8.0, 8.0, 24.0, 40.0, 56.0, 72.0)
    """Above the horizon."""
    rolls: tuple[float, ...] = (-16.0, -8.0, 0.0, 8.0, 16.0)
    """About the optical axis; a picture is turned for them, so they cost no rendering."""
    distances: tuple[float, ...] = (1.0,)
    """Of the camera to the origin, in those of the training views."""

    def cameras(self, distance: float) -> Tensor:
        """Camera-to-world `[v, 3, 4]`, OpenGL axes, where training views are `distance` from the origin."""
        found = []
        for share in self.distances:
            for elevation in map(math.radians, self.elevations):
                count = max(1, round(self.azimuths * math.cos(elevation)))
                azimuths = torch.arange(count) * (2 * math.pi / count)
                found.append(look_at_origin_opengl(azimuths, elevation, share * distance))
        return torch.cat(found)


@dataclass(frozen=True)
class Hypothesis:
    """How a picture may have been taken.

    Attributes:
        latent: `[h]`, of the scene that it was compared with.
        rotation: `[3, 3]` of the camera, OpenGL axes; it looks at the origin.
        distance: of the camera to the origin.
        intrinsics: `[3]`: focal length, and where the optical axis is, x and y, in pixels.
        error: of the comparison.
    """

    latent: Tensor
    rotation: Tensor
    distance: float
    intrinsics: Tensor
    error: float


class PoseBank:
    """Renderings of a field's scenes from a grid of cameras, as frames.

    Args:
        field: of scenes.
        grid: which.
        seed: of the prior's samples.

    Attributes:
        latents: of the scenes `[s, h]`.

    Raises:
        ConfigError: not a field of scenes, or of scenes that show nothing.
    """

    @torch.no_grad()
    def __init__(self, field: GenerativeField, grid: PoseGrid = PoseGrid(), seed: int = 0) -> None:
        signal = signal_of_scenes(field)
        self.latents = typical_latents(field, grid.scenes, seed)
        self._signal, self._rolls = signal, torch.tensor(grid.rolls, device=field.device).deg2rad()
        small, networks = replace(signal, samples_per_ray=SAMPLES), field.instance(self.latents)
        cameras = grid.cameras(signal.camera_distance).to(field.device)
        self._rotations, self._distances = cameras[:, :, :3], cameras[:, :, 3].norm(dim=-1)
        frames, centres, radii = [], [], []
        steps = track(range(len(cameras)), "Looking at scenes from all around", transient=True)
        for camera, distance in ((cameras[step], float(self._distances[step])) for step in steps):
            # the farther, the longer: the scene keeps its size
            focal = distance / signal.camera_distance * signal.focal / signal.height * SIDE
            intrinsics = torch.tensor([focal, focal, SIDE / 2, SIDE / 2])
            seen = small.render_view(networks, camera, intrinsics, SIDE, SIDE)
            shares = seen.accumulation.clamp(0.0, 1.0)
            alone = seen.color - (1.0 - shares)[..., None] * shares.new_tensor(signal.background)
            placing = Placing.of(shares)
            frames.append(centred_frames(alone, shares, placing, shares.new_zeros(1))[:, 0])
            centres.append((placing.centres - SIDE / 2) / focal)
            radii.append(torch.where(shares.mean((1, 2)) > LEAST, placing.radii / focal, math.nan))
        if not torch.stack(radii).isfinite().any():
            raise ConfigError("the run's scenes show nothing from any side; train it on, or train again")
        # of all renderings, scene by scene within a camera; places and sizes as tangents of angles
        self._frames, self._centres, self._radii = torch.cat(frames), torch.cat(centres), torch.cat(radii)

    @torch.no_grad()
    def hypotheses(
        self, picture: Tensor, share: Tensor, nominal: Tensor, count: int, apart: float, framing: float
    ) -> list[Hypothesis]:
        """The likeliest ways in which a picture was taken, best first, whose rotations differ.

        Args:
            picture: `[side, side, 3]` in [0, 1], over the field's background.
            share: `[side, side]`, how much of each pixel is object.
            nominal: `[3]`, focal length and optical axis (x, y) in pixels, if the picture was framed as the training
                views are.
            count: how many at most.
            apart: least angle between any two rotations, in radians.
            framing: weight of being framed otherwise, against errors of frames.
        """
        alone = picture - (1.0 - share)[..., None] * picture.new_tensor(self._signal.background)
        placing = Placing.of(share[None])
        frames = centred_frames(alone[None], share[None], placing, self._rolls)[0]
        errors = frame_errors(frames, self._frames)  # [r, n]
        focal = placing.radii / self._radii  # [n]
        axes = placing.centres - focal[:, None] * turned(self._centres, self._rolls[:, None])  # [r, n, 2]
        errors = errors + framing * framing_penalty(focal, axes, nominal)
        errors = torch.where(errors.isnan(), math.inf, errors)
        scenes = len(self.latents)
        best, scene = errors.unflatten(1, (-1, scenes)).min(-1)  # [r, cameras]
        rotations = rolled(self._rotations, self._rolls[:, None].expand_as(best))
        found: list[Hypothesis] = []
        for place in best.flatten().argsort().tolist():
            roll, camera = divmod(place, best.shape[1])
            rotation = rotations[roll, camera]
            if not math.isfinite(float(best[roll, camera])):
                break
            if found and min(float(rotation_distance(rotation, other.rotation)) for other in found) < apart:
                continue
            number = camera * scenes + int(scene[roll, camera])
            intrinsics = torch.cat([focal[number : number + 1], axes[roll, number]])
            latent = self.latents[scene[roll, camera]]
            distance, error = float(self._distances[camera]), float(best[roll, camera])
            found.append(Hypothesis(latent, rotation, distance, intrinsics, error))
            if len(found) == count:
                break
        return found


def framing_penalty(focal: Tensor, axes: Tensor, nominal: Tensor) -> Tensor:
    """How unlike a training view a picture is framed: 0 if it is framed alike, about 3 if it is not at all.

    Minus the log of a Cauchy density beside `OTHERWISE`: a picture that may be framed alike is drawn to it, of others
    the silhouette alone decides.

    Args:
        focal: `[...]` pixels.
        axes: `[..., 2]`, x and y of the optical axis in pixels.
        nominal: `[..., 3]`, focal length and axis of one that is framed alike.
    """
    zoom = (focal / nominal[..., 0]).log() / ZOOM
    shift = (axes - nominal[..., 1:]) / (SHIFT * nominal[..., :1])
    alike = 1.0 / (1.0 + 0.5 * (zoom.square() + shift.square().sum(-1)))
    return math.log(1.0 + OTHERWISE) - (alike + OTHERWISE).log()


def typical_latents(field: GenerativeField, count: int, seed: int) -> Tensor:
    """Latents `[s, h]` of training scenes that are unlike each other, and of as many samples where there is a prior."""
    from sklearn.cluster import KMeans

    drawn = field.sample_latents(count // 2, seed) if field.prior is not None else field.latents[:0]
    most = min(count - len(drawn), len(field.latents))
    clusters = KMeans(most, n_init=1, random_state=seed).fit(field.latents.cpu().numpy())
    centres = torch.from_numpy(clusters.cluster_centers_).to(field.latents)
    return torch.cat([field.latents[torch.cdist(centres, field.latents).argmin(1)], drawn])
