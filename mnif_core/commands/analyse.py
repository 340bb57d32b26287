"""The paper's tables and figures of a saved field, and the authors' own checkpoints."""

from dataclasses import dataclass, field
from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional

from mnif_core.commands.field import FieldCommand, chosen_device, load_field
from mnif_core.commands.tables import print_efficiency, print_figures
from mnif_core.evaluation.evaluation_config import EvaluationConfig
from mnif_core.saved_run import output_folder
from mnif_core.training.config import Device


@dataclass
class Evaluate:
    """The paper's row of figures: reconstruction of training and test data, generation, memorisation.

    What is shown is judged too, with real instances beside: images by a linear classifier of the data's labels,
    solids by whether they are one piece, scenes by their sharpness (1: as real views). Groups with "each" compare
    equally many.
    """

    run: Positional[Path]
    """A run's folder, the field folder in it, or a demo field: demo:cars, demo:clothes, demo:solids."""
    data: Path | None = None
    """The data that the run was trained on. None: the demo set. Labels are those of a labels.csv in the
    folder or beside the file (columns name and label), of "label", "labels" or "y" in an .npz, or of sub-folders."""
    test_data: Path | None = None
    """Test instances that lie apart. None: those of --data that the run held out, or the test split of scenes."""
    inception: Path | None = None
    """Weights of the Inception network that FID is defined with. None: a network whose weights are installed, and
    whose scores are not FID."""
    output: Path | None = None
    """Folder to write to. None: the run's, of a demo field outputs/demo-fields."""
    skip_bad: bool = False
    """Leave unreadable files out, as in training."""
    device: Device = "auto"
    """Where to compute."""
    settings: OmitArgPrefixes[EvaluationConfig] = field(default_factory=EvaluationConfig)
    """What to draw, and how much to look at."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.evaluation.evaluation import evaluate
        from mnif_core.evaluation.metrics.classes import PENALTY
        from mnif_core.evaluation.metrics.extractors import inception_extractor, offline_extractor
        from mnif_core.evaluation.subjects import read_subject

        run = load_field(self.run, self.device)
        device, folder = run.device, self.output or output_folder(self.run)
        extractor = offline_extractor(device) if self.inception is None else inception_extractor(self.inception, device)
        subject = read_subject(run, self.data, self.test_data, self.settings, extractor, self.skip_bad)
        found = evaluate(subject, extractor, self.settings, folder)
        for part in found.unchanged:
            print(f"{part}: unchanged")
        if not found.has_samples:
            print("this field has no prior: there is nothing to say of samples")
        print_figures(found.figures, f"{len(run.latents)} training instances")
        print(f"features: {extractor.name}, {extractor.preprocessing}")
        if any(name.startswith("class") for values in found.figures.values() for name in values):
            print(f"classes: a linear classifier of real training images' features, trained with penalty {PENALTY:g}")
        print(" | ".join(map(str, [folder / "evaluation.json", *found.pictures])), flush=True)


@dataclass
class Bases(FieldCommand):
    """How alike the basis networks are, layer by layer (Fig. 4)."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.commands.basis_picture import bases

        bases(self.load(), self.output or self.folder / "bases.png")


@dataclass
class Efficiency:
    """Parameters, multiply-adds, latency and memory of all presets and of any runs, beside the paper's columns."""

    runs: Positional[tuple[Path, ...]] = ()
    """Runs to measure too, or demo fields such as demo:cars."""
    output: Path | None = None
    """JSON to write. None: the table alone."""
    device: Device = "auto"
    """Where to measure."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.evaluation.efficiency import table
        from mnif_core.files.atomic import write_json

        fields = {str(run): load_field(run, self.device) for run in self.runs}
        device = chosen_device(self.device)
        rows = table(device, {name: (field.modulation.config, field.signal) for name, field in fields.items()})
        print_efficiency(rows, device)
        print('"follows": whether the paper\'s counts follow from its stated (L, W, M, H); its GFLOPS are MACs.')
        if self.output is not None:
            print(f"JSON in {write_json(self.output, {'device': str(device), 'rows': rows})}", flush=True)


@dataclass
class ImportOfficial:
    """Turn the authors' checkpoints into a saved field."""

    folder: Positional[Path]
    """Holds stage1/{metainits,contexts} and stage2/{ckpt,config.yaml}, or is a stage-1 folder itself."""
    output: Path
    """Folder to write the field to."""
    epoch: int | None = None
    """Of stage 1. None: the last."""
    w0: float | None = None
    """Frequency scale. None: the one in config.yaml."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.official import import_official

        field = import_official(self.folder, self.epoch, self.w0)
        prior = "with its prior" if field.prior is not None else "without a prior"
        print(f"{field.signal.kind} field of {len(field.latents)} latents, {prior} | {field.save(self.output)}")
