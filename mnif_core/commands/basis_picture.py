"""A picture of how alike the bases of a mixture are (Fig. 4)."""

from pathlib import Path

from mnif_core.errors import ConfigError
from mnif_core.extras import require
from mnif_core.files.atomic import whole_file
from mnif_core.generative_field import GenerativeField
from mnif_core.networks.mixture import MixtureSiren
from mnif_core.networks.orthogonality import basis_similarity


def bases(field: GenerativeField, output: Path) -> None:
    """Draw |cosine| between bases, a panel per layer (Fig. 4), and print each layer's mean and largest.

    Raises:
        ConfigError: the field's modulation is not a mixture.
        DependencyError: matplotlib is not installed.
    """
    require("matplotlib", output)
    if not isinstance(field.modulation, MixtureSiren):
        raise ConfigError(f"a field of modulation '{field.modulation.config.kind}' has no bases; pass one of a mixture")
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    similarities = [similarity.detach().cpu() for similarity in basis_similarity(field.modulation)]
    figure, axes = pyplot.subplots(1, len(similarities), figsize=(3 * len(similarities), 3.4), squeeze=False)
    for index, (similarity, panel) in enumerate(zip(similarities, axes[0], strict=True)):
        image = panel.imshow(similarity, vmin=0, vmax=1, cmap="viridis")
        pairs = max(1, similarity.numel() - len(similarity))
        mean, largest = float(similarity.sum()) / pairs, float(similarity.max())
        panel.set_title(f"layer {index}: mean {mean:.2f}")
        panel.set_xticks([])
        panel.set_yticks([])
        print(f"layer {index}: |cosine| between {len(similarity)} bases, mean {mean:.3f}, largest {largest:.3f}")
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.8)
    with whole_file(output) as scratch:
        figure.savefig(scratch, format="png", dpi=110, bbox_inches="tight")
    pyplot.close(figure)
    print(f"picture in {output}", flush=True)
