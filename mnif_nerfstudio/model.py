"""Rays to colours: which latent each ray uses, the losses of both stages, and which scene a camera shows."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.base_model import Model, ModelConfig
from torch import Tensor
from torch.nn import Parameter
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from mnif_core.generative_field import GenerativeField
from mnif_core.latents.inner_loop import auto_decoding_loss
from mnif_core.latents.latent_noise import noised
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.kernels.dispatch import Implementation
from mnif_core.networks.mixture import CoefficientPolicy
from mnif_core.presets import NERF_S
from mnif_core.prior.labels import classes_of, numbers_of
from mnif_core.prior.latent_prior import LatentPrior
from mnif_core.prior.protocol import Prior, PriorChoice
from mnif_core.rendering.occupancy import Occupancy
from mnif_core.signals.scenes import SceneSignal
from mnif_core.training.prior_choice import Choice
from mnif_core.unseen.saved_scenes import SavedScenes
from mnif_core.viewing.selection import Selection, base_latent, latent_of
from mnif_nerfstudio.field import MnifField
from mnif_nerfstudio.preset_options import mixture_of, model_options, prior_of, require_sensible, signal_of
from mnif_nerfstudio.prior_batch import PriorBatch
from mnif_nerfstudio.rays import rays_of, scenes_in, scenes_of

NOTHING = 1e-6  # opacity of rays that hit nothing
PAPER = model_options(NERF_S)


@dataclass
class MnifModelConfig(ModelConfig):
    """Mixture of neural implicit functions over many scenes. Defaults are the paper's SRN Cars configuration."""

    _target: type[Any] = field(default_factory=lambda: MnifModel)
    hidden_layers: int = PAPER["hidden_layers"]
    """Hidden layers L of each basis network."""
    width: int = PAPER["width"]
    """Channels W of each hidden layer."""
    num_bases: int = PAPER["num_bases"]
    """Basis networks M per layer."""
    latent_dim: int = PAPER["latent_dim"]
    """Latent dimensions H."""
    coefficients: CoefficientPolicy = PAPER["coefficients"]
    """How latents become mixture coefficients: projected (paper), one per layer and basis, or one per basis."""
    w0: float = PAPER["w0"]
    """Frequency scale of the sines."""
    latent_std: float = PAPER["latent_std"]
    """Standard deviation of the latents at the start (the paper's sigma, not given there)."""
    latent_weight_decay: float = PAPER["latent_weight_decay"]
    """Penalty lambda/2 sum phi^2 on the latents of a step."""
    latent_noise: float = PAPER["latent_noise"]
    """Noise on the latents of a step, as a share of their spread over all scenes; the paper has none."""
    near_plane: float = PAPER["near_plane"]
    """Depth of the first sample along the optical axis, for the data's cameras."""
    far_plane: float = PAPER["far_plane"]
    """Depth of the last sample along the optical axis, for the data's cameras."""
    samples_per_ray: int = PAPER["samples_per_ray"]
    """Samples on a ray, stratified in training and evenly spaced otherwise."""
    density: Literal["elu", "softplus"] = PAPER["density"]
    """Density activation: the paper's `elu`, or `softplus`, which forms surfaces in fewer steps."""
    prior_kind: PriorChoice = PAPER["prior_kind"]
    """What samples are drawn from: diffusion (paper), another kind, or auto: held-out latents choose."""
    prior_width: int = PAPER["prior_width"]
    """Channels of the prior's residual MLP."""
    prior_blocks: int = PAPER["prior_blocks"]
    """Residual blocks of the prior."""
    prior_batch_size: int = PAPER["prior_batch_size"]
    """Latents in one step of stage 2."""
    prior_schedule: Literal["squared-cosine", "linear"] = PAPER["prior_schedule"]
    """Noise schedule of the prior."""
    prior_prediction: Literal["x0", "epsilon", "v"] = PAPER["prior_prediction"]
    """What the prior's network predicts."""
    prior_ema_decay: float = PAPER["prior_ema_decay"]
    """Decay of the EMA of the prior's weights, which sampling uses."""
    implementation: Implementation = "auto"
    """Plain torch, fused Triton kernels, or tiny-cuda-nn (trains as with auto); auto takes what is fastest."""
    eval_num_rays_per_chunk: int = 4096
    """Rays rendered at once outside training."""
    enable_collider: bool = False
    """Unused: near and far follow the camera's distance."""
    loss_coefficients: dict[str, float] = field(default_factory=dict)
    """Unused: each stage has one loss."""


class MnifModel(Model):
    """Many scenes in one mixture; a camera shows the one that `show` has chosen.

    Rays of the data carry their scene in `metadata["scene"]` `[rays, 1]`, contiguous by scene, and the colour that
    they should have in `metadata["color"]` `[rays, 3]`, so that loss and gradient take one pass over the samples; in
    training also where in its stratum each sample lies, `metadata["jitter"]` `[rays, samples]` in [0, 1), and noise on
    the latents, `metadata["latent_noise"]` `[scenes, h]`, standard normal. A camera of the data set carries its scene
    too; any other camera (viewer, path, export) shows the chosen one.
    """

    config: MnifModelConfig
    field: MnifField
    label_numbers: Tensor | None

    def populate_modules(self) -> None:
        """Build field and prior for the scenes that the datamanager has announced in its metadata."""
        super().populate_modules()  # type: ignore[no-untyped-call]
        config, views = self.config, self.kwargs["metadata"]["views"]
        self.scene_names: list[str] = list(self.kwargs["metadata"]["scene_names"])
        self.labels: list[str] = list(self.kwargs["metadata"].get("labels", ()))
        classes = classes_of(self.labels)
        numbers = numbers_of(self.labels, classes) if classes else None
        self.register_buffer("label_numbers", numbers, persistent=False)  # they are the data's, not a run's
        require_sensible(config, views)
        signal = signal_of(config, views)
        self.field = MnifField(mixture_of(config), len(self.scene_names), signal, config.latent_std)
        self.field.mixture.implementation = config.implementation
        self.prior = LatentPrior(prior_of(config, len(classes)))
        self.choice: Choice | None = None
        self.field_folder = Path("field")
        self.shown, self._moved = Selection(), torch.zeros(())
        # steps that have changed weights in this process: thumbnails go by them
        self.fit_updates = self.prior_updates = 0
        self.processes = 1

    @property
    def signal(self) -> SceneSignal:
        """How values become pictures."""
        return self.field.signal

    @property
    def num_scenes(self) -> int:
        """Training scenes."""
        return len(self.scene_names)

    @property
    def latents(self) -> Tensor:
        """Latents of the training scenes `[scenes, h]`."""
        return self.field.latents.weight

    @property
    def prior_is_trained(self) -> bool:
        """Whether stage 2 has taken a step."""
        return self.prior.is_trained

    @property
    def fitted(self) -> SavedScenes:
        """Scenes that `mnif fit-scene` has added to the run."""
        return SavedScenes(self.field_folder, self.latents)

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """Bases (with the projection), latents, and the prior's denoiser."""
        return {
            "bases": list(self.field.mixture.parameters()),
            "latents": list(self.field.latents.parameters()),
            "prior": [p for p in self.prior.parameters() if p.requires_grad],
        }

    def forward(self, ray_bundle: RayBundle | Cameras | PriorBatch) -> dict[str, Any]:
        """Stage 1 takes rays; stage 2 takes a batch of latents, by the same door, so that DDP sees both."""
        if isinstance(ray_bundle, PriorBatch):
            latents = self.latents[ray_bundle.scenes].detach()
            return {"prior_loss": self.prior(latents, *ray_bundle[1:])}
        return super().forward(ray_bundle)

    def get_outputs(self, ray_bundle: RayBundle | Cameras) -> dict[str, Any]:
        """What a flat bundle of rays `[rays]` shows, contiguous by scene.

        Of rays with a scene and a colour: `rgb` `[rays, 3]` without a graph, `rgb_error` `[scenes]`, the mean squared
        error of colours in [0, 1], and `latents` `[scenes, h]`. Of others: see `_render`.
        """
        assert isinstance(ray_bundle, RayBundle)
        scenes, wanted = scenes_in(ray_bundle), ray_bundle.metadata.get("color")
        if scenes is None or wanted is None:
            return self._render(self.field.shown_network.networks(), ray_bundle)
        latents, noise = self.field.latents(scenes), ray_bundle.metadata.get("latent_noise")
        seen = latents if noise is None else noised(latents, self.latents, noise, self.config.latent_noise)
        networks = self.field.networks(seen)
        origins, directions, _ = rays_of(networks, ray_bundle)
        colors, jitter = wanted.to(origins).reshape(origins.shape), ray_bundle.metadata.get("jitter")
        if jitter is not None:
            jitter = jitter.reshape(*origins.shape[:2], -1)
        with torch.autocast(origins.device.type, enabled=False):
            errors, rendered = self.signal.rays_error(networks, origins, directions, colors, jitter)
        return {"rgb": rendered.reshape(-1, 3), "rgb_error": errors, "latents": latents}

    def _render(
        self, networks: InstanceNetworks, ray_bundle: RayBundle, occupancy: Occupancy | None = None
    ) -> dict[str, Tensor]:
        """Colours, opacity and distance of rays `[rays]`, contiguous by scene, each `[rays, ...]`."""
        origins, directions, norms = rays_of(networks, ray_bundle)
        with torch.autocast(origins.device.type, enabled=False):
            if occupancy is None:
                rendered = self.signal.render_rays(networks, origins, directions)
            else:
                rendered = self.signal.render_filled(networks, occupancy, origins[0], directions[0])
        # where nothing is hit at all, as far as the samples go
        depth = rendered.depth / rendered.accumulation.clamp(min=NOTHING)
        depth = torch.where(rendered.accumulation < NOTHING, self.signal.depth_range(origins, directions)[1], depth)
        return {
            "rgb": rendered.color.reshape(-1, 3),
            "accumulation": rendered.accumulation.reshape(-1, 1),
            # distance along the ray to what is hit, which nerfstudio's exporters expect: not z-depth, no background
            "depth": depth.reshape(-1, 1) * norms,
        }

    @torch.no_grad()
    def get_outputs_for_camera_ray_bundle(self, camera_ray_bundle: RayBundle) -> dict[str, Tensor]:
        """One camera's picture: `rgb` `[height, width, 3]` in [0, 1], `accumulation` and `depth` `[height, width, 1]`.

        All its rays show one scene, mixed once for the whole picture; the shown scene once for all its pictures, its
        empty space left out (see `SceneSignal.occupancy` for the tolerance). Pictures of data are exact.
        """
        scenes, occupancy = scenes_of(camera_ray_bundle), None
        if scenes is None:
            networks = self.field.shown_network.networks()
            occupancy = self.field.shown_network.occupancy(len(camera_ray_bundle) * self.signal.samples_per_ray)
        else:
            networks = self.field.networks(self.field.latents(scenes.flatten()[:1]))
        shape, chunk = camera_ray_bundle.origins.shape[:2], self.config.eval_num_rays_per_chunk
        parts = []
        for start in range(0, len(camera_ray_bundle), chunk):
            rays = camera_ray_bundle.get_row_major_sliced_ray_bundle(start, start + chunk).to(self.device)
            parts.append(self._render(networks, rays, occupancy))
        outputs = {name: torch.cat([part[name] for part in parts]).view(*shape, -1) for name in parts[0]}
        outputs["rgb"] = outputs["rgb"].clamp(0.0, 1.0)
        return outputs

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """Colour with opacity `[..., 4]`, so that exports leave the background out."""
        alpha = outputs["accumulation"].clamp(1e-6, 1.0)
        # rgb lies over the background: take its share out again
        behind = alpha.new_tensor(self.signal.background)
        color = ((outputs[output_name] - (1.0 - alpha) * behind) / alpha).clamp(0.0, 1.0)
        return torch.cat([color, alpha], dim=-1)

    def get_metrics_dict(self, outputs: dict[str, Any], batch: dict[str, Any]) -> dict[str, Tensor]:
        """PSNR in dB over the rays of the step; nothing in stage 2."""
        if "rgb" not in outputs:
            return {}
        target = batch["image"].to(outputs["rgb"])
        return {"psnr": -10.0 * torch.log10((outputs["rgb"] - target).square().mean().clamp(min=1e-8))}

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Objective of the stage that `outputs` come from. Stage 1 compares colours in [-1, 1], as the authors do."""
        if "prior_loss" in outputs:
            return {"prior_loss": outputs["prior_loss"]}
        errors = 4.0 * outputs["rgb_error"]
        # processes are averaged, but the penalty sums over the batch
        decay = self.processes * self.config.latent_weight_decay
        return {"rgb_loss": auto_decoding_loss(errors, outputs["latents"], decay)}

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Any]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """PSNR in dB and SSIM of one picture, and the real view beside the reconstruction."""
        truth = batch["image"].to(outputs["rgb"])
        real, made = truth.permute(2, 0, 1)[None], outputs["rgb"].permute(2, 0, 1)[None]
        metrics = {
            "psnr": float(peak_signal_noise_ratio(made, real, data_range=1.0)),
            "ssim": float(torch.as_tensor(structural_similarity_index_measure(made, real, data_range=1.0))),
        }
        return metrics, {"img": torch.cat([truth, outputs["rgb"]], dim=1)}

    def latent_of(self, shown: Selection) -> Tensor:
        """The latent `[1, h]` that `shown` names. Sampling takes its time; no lock is needed, no training weight read.

        Raises:
            ConfigError: a training scene that does not exist.
        """
        return latent_of(self.generative_field(), shown, self.fitted)

    def show(self, shown: Selection, latent: Tensor | None = None) -> None:
        """Let every camera without a scene of its own show `shown`; `latent` `[1, h]` spares the sampling."""
        latent = (self.latent_of(shown) if latent is None else latent).to(self.device)
        self.shown, self.field.shown_latent = shown, latent
        own = shown.source == "fitted" and not any(shown.directions)
        self.field.shown_fitted = self.fitted[shown.name] if own else None
        if shown.scenes:
            self._moved = latent - base_latent(self.generative_field(), shown)

    def refresh_shown(self) -> None:
        """Take a shown training scene's latent anew, since training has moved it."""
        if self.shown.scenes:
            self.field.shown_latent = base_latent(self.generative_field(), self.shown) + self._moved

    def generative_field(self) -> GenerativeField:
        """The artefact: everything learned, without nerfstudio; of priors the one chosen, once one is."""
        prior: Prior | None = self.prior if self.prior_is_trained else None
        if self.choice is not None:
            prior = self.choice.prior
        latents, signal = self.latents.detach(), replace(self.signal)
        return GenerativeField(self.field.mixture, latents, signal, prior, self.scene_names, labels=self.labels)
