"""Named configurations: the paper's five, the small ones of its tables, its rivals', tiny ones and ones between.

The paper's columns of parameters do not all follow from its (L, W, M, H): image S has 5.93 M learnable and 17.0 K
instance parameters (Table 1 says 4.6 M and 17.2 K), voxel S 5.13 M (Table 2 says 4.6 M). 4.6 M and 17.2 K are NeRF S.
Functa's image row mixes two networks: 3.3 M and 8.602 GMACs have 8 hidden layers, 2,629.6 K an instance have 10.
GEM's 3.299 GMACs are three hidden layers of 512, but a SIREN with its 921.3 K weights has three of 553 (3.77 GMACs).
The tiny ones take minutes on two CPU cores, the middle ones an evening there, or minutes on one consumer GPU. The rates
of both follow from their shape: see `learning_rates`. The paper's presets have the paper's.
The spatial presets (`spatial_mixture`) are for diverse pictures, thousands of several classes: with as many latent
numbers what differs from place to place comes out sharper. Of one class, and of few instances, the plain ones have the
smaller latent for a prior to learn: 320 numbers for 706 solids gave better reconstructions, but broken samples.
`ns-train mnif` trains nerf-s, `mnif-tiny` and `mnif-mid` the presets of their names: options start at their values.
"""

from dataclasses import replace
from typing import TypeVar

from mnif_core.errors import ConfigError
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.functa import FunctaConfig
from mnif_core.networks.hypernetwork import HypernetworkConfig
from mnif_core.networks.mixture import CoefficientPolicy, MixtureConfig
from mnif_core.networks.modulation import ModulationConfig
from mnif_core.networks.spatial_mixture import SpatialMixtureConfig
from mnif_core.preset_config import Preset, ScenePreset, StageConfig, VoxelPreset
from mnif_core.prior.latent_prior import PriorConfig
from mnif_core.signals.kinds import SIGNALS
from mnif_core.signals.scenes import SceneSignal

Kind = TypeVar("Kind", bound=Preset)
DIMENSIONS: dict[str, tuple[int, int]] = {
    kind: (signal.in_dim, signal.at_resolution(64).out_dim) for kind, signal in SIGNALS.items()
}
"""Of each kind of signal: coordinates of a point, d, and values, k."""


def _mixture(
    modality: str,
    shape: tuple[int, int, int, int],
    w0: float = 30.0,
    coefficients: CoefficientPolicy = "latent",
) -> MixtureConfig:
    in_dim, out_dim = DIMENSIONS[modality]
    layers, width, bases, latent = shape
    output = SIGNALS[modality].output_activation
    return MixtureConfig(in_dim, out_dim, layers, width, bases, latent, coefficients, w0, output)


def _spatial(shape: tuple[int, int, int, int], grid: int, corner_dim: int, w0: float = 30.0) -> SpatialMixtureConfig:
    in_dim, out_dim = DIMENSIONS["image"]
    return SpatialMixtureConfig(
        in_dim, out_dim, *shape, w0=w0, output_activation="sine", grid=grid, corner_dim=corner_dim
    )


def _published(modality: str, modulation: ModulationConfig, epochs: int, **other: object) -> Preset:
    """A.2 and A.3. Where the paper is silent, the authors' scripts: w0, sigma, learned rates, schedule of the noise.

    Their rates, uniform in 0.005 to 0.1 and divided by the batch of 32, start here at their mean, 0.0525 / 32.
    """
    kind = {"image": Preset, "voxel": VoxelPreset, "scene": ScenePreset}[modality]
    return replace(
        kind(
            modality,
            modulation,
            FittingConfig(inner_rate=0.0525 / 32),
            StageConfig(epochs),
            PriorConfig(modulation.latent_dim),
            StageConfig(1000),
            points=4096 if modality == "voxel" else None,
            validation_share=0.02,
        ),
        **other,  # type: ignore[arg-type]
    )


def _paper(modality: str, shape: tuple[int, int, int, int], epochs: int, **other: object) -> Preset:
    w0 = 50.0 if modality == "voxel" and shape[1] == 64 else 30.0
    return _published(modality, _mixture(modality, shape, w0), epochs, **other)


# At too high a rate the loss becomes so steep that inner steps overshoot, for good. With H = 256 one run of ten did at
# 1e-3; with bounded steps none of six did at twice that rate, where three of six did without, and it is as good
IMAGE_TINY = Preset(
    "image",
    _mixture("image", (2, 64, 64, 64)),
    FittingConfig(inner_rate=0.01, inner_clip=3.0),
    StageConfig(2500, "steps", batch_size=16, rate=None, warmup_steps=50, clip_norm=1.0),
    PriorConfig(64, width=512, ema_decay=0.99),
    StageConfig(1500, "steps", batch_size=64, rate=1e-3),
    resolution=32,
    points=512,
    validation_share=0.1,
    prior_kind="auto",
)
# Auto-decoding: of shapes as unlike as a chair and a piano three inner steps learn little (IoU 0.2 after 1,000 steps).
# Without shade half of the furniture comes out in pieces; cars, which have no thin parts, are better without
VOXEL_TINY = VoxelPreset(
    "voxel",
    _mixture("voxel", (2, 64, 64, 64), w0=10.0),
    FittingConfig("auto-decoding", 1200, 1e-2, latent_std=0.01, weight_decay=1e-5, refit_steps=400, inner_points=256),
    StageConfig(5000, "steps", batch_size=64, rate=None, warmup_steps=100, clip_norm=1.0),
    IMAGE_TINY.prior,
    IMAGE_TINY.stage_2,
    latent_rate=1e-2,
    points=256,
    validation_share=0.1,
    prior_kind="auto",
    shade=1.5,
)
# Silent in the paper: w0, and the latents' start and decay as small values (the authors' script: zeros, and 1.0 on the
# sum over the batch)
NERF_S = ScenePreset(
    "scene",
    MixtureConfig(),
    FittingConfig("auto-decoding", latent_std=0.01, weight_decay=1e-4),
    StageConfig(614_000, "steps", batch_size=8),  # 2,000 epochs of 2,458 scenes
    PriorConfig(MixtureConfig().latent_dim),
    StageConfig(77_000, "steps"),  # 1,000 epochs of their latents
    resolution=128,
    validation_share=0.02,
)
# Many scenes with few rays each, low w0, high clipped rates: what minutes on two cores need. Where rays keep to the
# box, latents at a rate of 1e-2 end in noise. A refit of 60 steps takes as long as 250 steps do, for less (0.07 dB)
MNIF_TINY = ScenePreset(
    "scene",
    _mixture("scene", (3, 64, 64, 32), w0=10.0),
    FittingConfig("auto-decoding", latent_std=0.01, weight_decay=1e-5),
    StageConfig(2500, "steps", batch_size=64, rate=None, warmup_steps=100, clip_norm=1.0),
    PriorConfig(32, width=512, ema_decay=0.99),
    StageConfig(1500, "steps", batch_size=64, rate=1e-3),
    latent_rate=5e-3,
    views_per_scene=16,
    pixels_per_view=1,
    foreground_share=0.5,
    box=True,
    held_out_views=3,
    prior_kind="auto",
    signal=SceneSignal(samples_per_ray=24, density="softplus"),
)


def _mid(tiny: Kind, shape: tuple[int, int, int, int], w0: float, length: int, **other: object) -> Kind:
    """Between tiny and the paper's: twice the bases, a layer more, longer.

    Latents grow less, since what a prior learns well is small; priors are wider, since there is time to train them.
    """
    return replace(
        tiny,
        modulation=_mixture(tiny.modality, shape, w0),
        stage_1=replace(tiny.stage_1, length=length, warmup_steps=200),
        prior=PriorConfig(shape[3], width=1024, ema_decay=0.999),
        stage_2=StageConfig(5000, "steps", batch_size=64, rate=5e-4),
        **other,  # type: ignore[arg-type]
    )


MNIF_MID = _mid(
    MNIF_TINY,
    (4, 64, 128, 64),
    w0=10.0,
    length=20_000,
    views_per_scene=32,
    signal=replace(MNIF_TINY.signal, samples_per_ray=32),
)
IMAGE_MID = _mid(IMAGE_TINY, (3, 64, 128, 128), w0=30.0, length=20_000, resolution=64, points=1024)
VOXEL_MID = _mid(VOXEL_TINY, (3, 64, 128, 64), w0=10.0, length=30_000, points=512)
# 64 global numbers, and 8 for each of 4 x 4 corners. A table of latents shows pictures better (auto-decoding: 27.2 dB),
# but Adam moves all its numbers alike, so that a prior finds little order in them and samples are worse
IMAGE_SPATIAL = replace(
    IMAGE_TINY,
    modulation=_spatial((2, 64, 64, 192), grid=4, corner_dim=8),
    fitting=replace(IMAGE_TINY.fitting, settling_steps=40),
    stage_1=replace(IMAGE_TINY.stage_1, length=2000),
    prior=PriorConfig(192, width=512, ema_decay=0.99),
)
PRESETS: dict[str, Preset] = {
    "image-s": _paper("image", (4, 64, 256, 1024), 800),
    "image-l": _paper("image", (5, 128, 384, 512), 800),
    "voxel-s": _paper("voxel", (4, 64, 256, 512), 400, stage_1=StageConfig(400, clip_norm=1.0)),
    "voxel-l": _paper("voxel", (5, 128, 512, 1024), 400, stage_1=StageConfig(400, clip_norm=1.0)),
    "nerf-s": NERF_S,
    "image-table-4": _paper("image", (2, 64, 64, 256), 800),
    "image-table-5": _paper("image", (2, 64, 256, 256), 800),
    "image-table-6": _paper("image", (5, 128, 256, 512), 800),
    # Functa's own rates; its inner loop is an instance's own, as ours
    "image-functa": _published(
        "image",
        FunctaConfig(2, 3, 8, 512, 256),
        800,
        fitting=FittingConfig(inner_rate=0.0525),
        stage_1=StageConfig(800, rate=3e-6),
    ),
    "image-gem": _published(
        "image",
        HypernetworkConfig(2, 3, 3, 553, 1024, 106),
        800,
        fitting=FittingConfig("auto-decoding", latent_std=0.01),
    ),
    "nerf-functa": _published(
        "scene",
        FunctaConfig(3, 4, 13, 512, 64),
        2000,
        fitting=FittingConfig(inner_rate=0.0525),
        stage_1=StageConfig(2000, batch_size=8, rate=3e-6),
        resolution=128,
    ),
    "mnif-tiny": MNIF_TINY,
    "mnif-mid": MNIF_MID,
    "image-tiny": IMAGE_TINY,
    "image-mid": IMAGE_MID,
    # as many learnable parameters as image-tiny (0.57 M). An inner step of 0.01 does nothing to Functa's first loss,
    # 0.5 lowers it most; a hypernetwork that starts at SIREN's own scale falls to the mean image at every rate tried
    "image-tiny-functa": replace(
        IMAGE_TINY,
        modulation=FunctaConfig(2, 3, 4, 340, 64),
        fitting=replace(IMAGE_TINY.fitting, inner_rate=0.5),
        stage_1=replace(IMAGE_TINY.stage_1, rate=3e-4),
    ),
    "image-tiny-hypernetwork": replace(
        IMAGE_TINY,
        modulation=HypernetworkConfig(2, 3, 2, 64, 64, 64, output_activation="sine", start_scale=0.125),
        stage_1=replace(IMAGE_TINY.stage_1, rate=3e-4),
    ),
    "voxel-tiny": VOXEL_TINY,
    "voxel-mid": VOXEL_MID,
    "voxel-tiny-functa": replace(
        VOXEL_TINY,
        modulation=FunctaConfig(3, 1, 4, 340, 64, w0=10.0),
        stage_1=replace(VOXEL_TINY.stage_1, rate=3e-4),
    ),
    "voxel-tiny-hypernetwork": replace(
        VOXEL_TINY,
        modulation=HypernetworkConfig(3, 1, 2, 64, 64, 64, w0=10.0, output_activation="sine", start_scale=0.125),
        stage_1=replace(VOXEL_TINY.stage_1, rate=3e-4),
    ),
    "image-spatial": IMAGE_SPATIAL,
    # image-s and image-l, half of their latent numbers on the grid; not in the paper
    "image-spatial-s": _published("image", _spatial((4, 64, 256, 1024), grid=4, corner_dim=32), 800),
    "image-spatial-l": _published("image", _spatial((5, 128, 384, 512), grid=4, corner_dim=16), 800),
}


def preset(name: str, modality: str) -> Preset:
    """The preset `name`.

    Raises:
        ConfigError: no such preset, or one of another modality.
    """
    if name not in PRESETS or PRESETS[name].modality != modality:
        known = ", ".join(key for key, value in PRESETS.items() if value.modality == modality)
        raise ConfigError(f"no {modality} preset '{name}'; choose one of {known}")
    return PRESETS[name]
