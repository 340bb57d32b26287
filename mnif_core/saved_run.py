"""What RUN names: a run's folder, the field folder in it, or a demo field of the package, as `demo:cars`."""

from pathlib import Path

from mnif_core.data import demo
from mnif_core.errors import ConfigError

PREFIX = "demo:"
DEMO_FIELDS = Path(demo.__file__).parent / "fields"
DEMOS = ("cars", "clothes", "solids")
DEMO_OUTPUTS = Path("outputs/demo-fields")


def field_folder(run: Path | str) -> Path:
    """The folder that holds the field of `run`.

    Raises:
        ConfigError: a demo field that there is not.
    """
    demo_name = _demo_name(run)
    if demo_name is not None:
        return DEMO_FIELDS / demo_name
    folder = Path(run)
    return folder / "field" if (folder / "field").is_dir() else folder


def run_folder(run: Path | str) -> Path:
    """The folder that tells of `run`: its summary and its sheet, where it has them.

    Raises:
        ConfigError: a demo field that there is not.
    """
    return Path(run) if _demo_name(run) is None else field_folder(run)


def output_folder(run: Path | str) -> Path:
    """Where what is made of `run` goes, unless told otherwise: its folder; of a demo field `outputs/demo-fields`.

    Raises:
        ConfigError: a demo field that there is not.
    """
    demo_name = _demo_name(run)
    return Path(run) if demo_name is None else DEMO_OUTPUTS / demo_name


def fitted_folder(run: Path | str) -> Path:
    """The folder in whose `fitted` the scenes lie that were fitted to `run` after training.

    Raises:
        ConfigError: a demo field that there is not.
    """
    return field_folder(run) if _demo_name(run) is None else output_folder(run)


def _demo_name(run: Path | str) -> str | None:
    """Which demo field `run` names; none where it names a folder."""
    text = str(run)
    if not text.startswith(PREFIX):
        return None
    name = text.removeprefix(PREFIX)
    if name not in DEMOS:
        raise ConfigError(f"{text}: no such demo field; choose one of {', '.join(PREFIX + each for each in DEMOS)}")
    return name
