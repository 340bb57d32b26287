"""What a kind of data is to all the rest of the house: images, solids, scenes, or one that is added from outside.

A new kind is a frozen dataclass that implements `Signal`, and its data implement `Observations`. Put into
`signals.kinds.SIGNALS` it can be saved and loaded; its data are read by an entry of `data.readers.READERS`. The rooms
above do with it what they do with anything that has pictures; what only some kinds have stands in tables by kind:
`export.solid.SOLIDS`, `export.surface.COLOURS`, `export.turntable.FILMS`, `export.onnx_network.OUTPUTS`,
`unseen.reconstruction.RECONSTRUCTIONS` and `unseen.reconstruction.WHOLE_SCORES`, `evaluation.subjects.SUBJECTS` and
`evaluation.subjects.READ`, `viewing.page.DISPLAYS`.

Shape letters: s instances, p points, k values, v views.
"""

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

from torch import Tensor

from mnif_core.errors import ConfigError
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.networks.siren import OutputActivation

if TYPE_CHECKING:
    import trimesh

Own = TypeVar("Own", bound="Signal")


class Drawing(NamedTuple):
    """Instances as people see them."""

    pictures: Tensor
    """One of each: `[s, height, width, 3]` in [0, 1], on the CPU."""
    meshes: "list[trimesh.Trimesh] | None" = None
    """Of each, where the pictures are pictures of meshes."""


class Signal(Protocol):
    """What coordinates and values of a field mean, and how an instance is shown. Implemented as a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    kind: ClassVar[str]
    """In files and tables."""
    noun: ClassVar[str]
    """What people call an instance; its plural ends in s."""
    in_dim: ClassVar[int]
    """Coordinates of a point, d."""
    output_activation: ClassVar[OutputActivation] = "sine"
    """Of the networks of its presets: values in [-1, 1], or any."""
    score_name: ClassVar[str] = "PSNR"
    """Of what `score` gives."""
    score_unit: ClassVar[str] = " dB"
    """Behind its number, with a space before it where one belongs there."""
    thumbnail: ClassVar[int] = 64
    """Resolution at which `draw` makes small pictures."""

    @property
    def half_side(self) -> float:
        """Half the side of the cube around the origin that holds all instances, in units of the coordinates."""
        return 1.0

    @property
    def out_dim(self) -> int:
        """Values of the field, k."""
        ...

    @property
    def points(self) -> int:
        """Points at which `show` evaluates the field of one instance."""
        ...

    @classmethod
    def at_resolution(cls: type[Own], resolution: int) -> Own:
        """Data of a preset's resolution: pixels along a side of pictures and views, cells along a side of grids."""
        ...

    def decode(self, networks: InstanceNetworks, *args: Any, **options: Any) -> Tensor:
        """What instances are, in this kind's own form, `[s, ...]` in [0, 1]; options are its own."""
        ...

    def score(self, values: Tensor, targets: Tensor) -> Tensor:
        """How well values meet targets, both `[s, p, k]` in [-1, 1]: `[s]`, higher is better.

        PSNR in dB (values are not clamped, authors'), unless a kind has another measure.
        """
        error = ((values - targets) * 0.5).square().mean((1, 2))
        return -10.0 * error.clamp(min=1e-8).log10()

    def draw(self, networks: InstanceNetworks, resolution: int | None = None) -> Drawing:
        """One picture of each instance.

        Args:
            networks: one per instance.
            resolution: side of images and views in pixels, of grids in cells. None: the data's.
        """
        ...

    def picture(self, networks: InstanceNetworks, rows: int) -> Tensor:
        """The one instance of `networks` in `rows` rows and the data's proportions: `[rows, width, 3]` in [0, 1]."""
        return self.draw(networks, rows).pictures[0]

    def show(self, networks: InstanceNetworks) -> None:
        """Compute what a person looks at at once, in the data's size: the work by which an instance's cost is told."""
        self.decode(networks)

    def view(
        self,
        networks: InstanceNetworks,
        camera_to_world: Tensor,
        intrinsics: Tensor | None = None,
        height: int | None = None,
        width: int | None = None,
    ) -> Tensor:
        """What one camera `[3, 4]` (OpenGL) sees of each instance: `[s, height, width, 3]` in [0, 1].

        Args:
            networks: one per instance.
            camera_to_world: `[3, 4]`, OpenGL axes.
            intrinsics: `[4]` fx, fy, cx, cy in pixels. None: the data's.
            height: rows. None: the data's.
            width: columns. None: the data's.

        Raises:
            ConfigError: instances are not seen by cameras.
        """
        raise ConfigError(f"a field of kind '{self.kind}' has no cameras; use decode")

    def cameras(self, views: int) -> Tensor:
        """Fixed cameras `[v, 3, 4]` (OpenGL) around an instance, from the horizon to straight above.

        Raises:
            ConfigError: fewer than one, or instances are not seen by cameras.
        """
        raise ConfigError(f"{views} views: choose 1; fields of scenes have more")

    @classmethod
    def of(cls: type[Own], signal: "Signal", lacks: str = "") -> Own:
        """`signal` itself, for code that serves this kind alone.

        Args:
            signal: of a field.
            lacks: what a field of another kind has not, for the message.

        Raises:
            ConfigError: it is of another kind.
        """
        if not isinstance(signal, cls):
            raise ConfigError(f"a field of kind '{signal.kind}' {lacks or f'is none of {cls.noun}s'}")
        return signal
