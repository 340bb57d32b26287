"""What a run follows from, and whether a call that goes on with it asks for the same."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from mnif_core.errors import CheckpointError
from mnif_core.files.stored_config import checked, from_json, shown
from mnif_core.latents.inner_loop import REFIT_RATE, FittingConfig
from mnif_core.preset_config import Preset, VoxelPreset
from mnif_core.prior.protocol import PriorChoice

FITTING: dict[str, Any] = {
    "latent_noise": 0.0,
    "refit_steps": 0,
    "refit_rate": REFIT_RATE,
    "inner_points": 2048,
    "settling_steps": 0,
}
"""Settings of fitting that runs of before do not name, and what they had."""
ASKED = "latent_noise"
"""The setting of fitting that a call may ask for; a run that goes on keeps its others, whatever presets have since."""
PRIOR_KIND = "diffusion"
"""The prior of runs that do not name theirs."""
SHADE = 0.0
"""Of solids of runs that do not name theirs."""
CLASSES = "classes"
"""Names the labels of a run that learns any; runs of before learned none."""


def as_begun(preset: Preset, identity: dict[str, Any], where: str = "preset") -> Preset:
    """`preset` as it was when the run of `identity` began: how latents are found, what solids' values are, which prior.

    `where` names the checkpoint and its preset in errors.

    Raises:
        CheckpointError: settings of fitting or a shade that are none.
    """
    known = _flat(identity)
    usual = asdict(preset.fitting)
    named = {name: known[key] for name in usual if (key := f"preset.fitting.{name}") in known}
    asked = {ASKED: usual[ASKED]} if ASKED in named else {}
    fitting = from_json(FittingConfig, usual | FITTING | named | asked, f"{where}.fitting")
    kind = known.get("preset.prior_kind", PRIOR_KIND)
    chosen = replace(preset, fitting=fitting)
    if isinstance(chosen, VoxelPreset):
        chosen = replace(chosen, shade=checked(known.get("preset.shade", SHADE), float, f"{where}.shade"))
    return replace(chosen, prior_kind=kind) if kind in get_args(PriorChoice) else chosen


def require_same(path: Path, theirs: dict[str, Any], ours: dict[str, Any], usual_reading: dict[str, str]) -> None:
    """Compare the identity in a checkpoint with that of a call.

    Args:
        path: of the checkpoint, for the message.
        theirs: of the run.
        ours: of the call.
        usual_reading: how runs read their data that do not say it.

    Raises:
        CheckpointError: they differ.
    """
    reading = theirs.get("reading", {})
    theirs = {**theirs, "reading": {**usual_reading, **(reading if isinstance(reading, dict) else {})}}
    usual = {f"preset.fitting.{name}": value for name, value in FITTING.items()}
    usual |= {"preset.prior_kind": PRIOR_KIND, "preset.prior.classes": 0, "preset.shade": SHADE}
    found = usual | _flat(theirs)
    for key, wanted in _flat(ours).items():
        if found.get(key) != wanted:
            raise CheckpointError(
                f"{path}: the run has {key} {shown(found.get(key))}, this call {wanted}; "
                "resume with the run's own settings"
            )


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
