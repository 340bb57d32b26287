"""Whether a checkpoint's weights belong to a model, before they are loaded."""

from typing import Any

from mnif_core.errors import CheckpointError
from mnif_nerfstudio.model import MnifModel


def check_state(state: dict[str, Any], model: MnifModel) -> None:
    """Compare a checkpoint's weights with a model before loading them.

    Raises:
        CheckpointError: of another method, other latents, other labels, or another shape.
    """
    table = state.get("field.latents.weight")
    if table is None:
        raise CheckpointError("the checkpoint is not of an mnif run; pass --load-dir of one")
    if table.shape[0] != model.num_scenes:
        raise CheckpointError(
            f"the checkpoint has {table.shape[0]} latents but the data {model.num_scenes} scenes; "
            "pass the --data that the run was trained on"
        )
    rows = state.get("prior.denoiser.label.weight")
    classes = 0 if rows is None else len(rows) - 1
    if classes != model.prior.settings.classes:
        raise CheckpointError(
            f"the checkpoint knows {classes} labels, the data have {model.prior.settings.classes}; restore the data's, "
            "or pass --pipeline.datamanager.labels False to a run that began without"
        )
    for name, value in model.state_dict().items():
        if name not in state or state[name].shape != value.shape:
            found = tuple(state[name].shape) if name in state else "nothing"
            raise CheckpointError(
                f"the checkpoint holds {found} for {name}, this configuration needs {tuple(value.shape)}; "
                "resume with the method and settings of the run's config.yml"
            )
