"""The files around a mesh that it names, pictures above all, and what could not be had of them."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnif_core.errors import DataError
from mnif_core.files.named_files import find_named
from mnif_core.meshes.parts import Up

if TYPE_CHECKING:
    from PIL import Image

MOST_SAID = 6  # of one mesh
MORE_FORMATS = ("TGA", "DDS")  # that textures come in, beside those of pictures
TEXTURE_SIZE = 512  # pixels a side that textures are shrunk to: views are small, and finer detail would flicker


class Surroundings:
    """Where a mesh lies, and what is said of it: one line in the end, however much is missing.

    Args:
        path: of the mesh.
        pictures: whether those that it names are read.
    """

    def __init__(self, path: Path, pictures: bool = True) -> None:
        self.path, self.pictures = path, pictures
        self.up: Up | None = None  # axis that the file itself says
        self.given = 0  # files that trimesh asked for and got
        self._said: dict[str, None] = {}
        self._pictures: dict[tuple[str, bool], NDArray[np.uint8] | None] = {}

    @property
    def said(self) -> str:
        """What was said, each once, and how much more there is."""
        first, more = list(self._said)[:MOST_SAID], len(self._said) - MOST_SAID
        return "; ".join(first) + (f"; {more} more" if more > 0 else "")

    def say(self, text: str) -> None:
        """Remember what is left out or decided."""
        self._said[text] = None

    def find(self, name: str, folder: Path | None = None) -> Path | None:
        """The file that a mesh, or one of its files in `folder`, calls `name`; see `find_named`."""
        return find_named(name, folder or self.path.parent)

    def get(self, name: str) -> bytes:
        """Content of a picture that the mesh names, as trimesh asks for it.

        Raises:
            DataError: it is not there or no picture, which is remembered.
        """
        file = self.find(name) if self.pictures else None
        if file is None:
            self.say(f"texture '{name}' is missing")
            raise DataError(f"{self.path}: '{name}' is missing; restore it")
        content = file.read_bytes()
        try:
            _opened(content, name).close()
        except DataError as error:
            self.say(str(error))
            raise
        self.given += 1
        return content

    def texture(self, name: str, folder: Path | None = None, alpha: bool = True) -> NDArray[np.uint8] | None:
        """RGBA `[height, width, 4]` of a picture file; none if there is none, which is remembered."""
        if not self.pictures:
            return None
        file = self.find(name, folder)
        if file is None:
            self.say(f"texture '{name}' is missing")
            return None
        return self.decoded(str(file), file.read_bytes(), name, alpha)

    def decoded(self, key: str, content: bytes, name: str, alpha: bool) -> NDArray[np.uint8] | None:
        """RGBA `[height, width, 4]` of a picture's bytes, decoded once a `key`; none if that fails.

        Args:
            key: of the picture among the mesh's.
            content: its bytes.
            name: what to call it.
            alpha: whether the picture's own alpha counts; if not it is 255.
        """
        if not self.pictures:
            return None
        if (key, alpha) not in self._pictures:
            picture = None
            try:
                with _opened(content, name) as image:
                    picture = self.shrunk(image, name, alpha)
            except DataError as error:
                self.say(str(error))
            self._pictures[key, alpha] = picture
        return self._pictures[key, alpha]

    def shrunk(self, image: "Image.Image", name: str, alpha: bool) -> NDArray[np.uint8]:
        """RGBA `[height, width, 4]`, at most 512 pixels a side.

        Raises:
            DataError: damaged, or of numbers that nothing says how to read.
        """
        from PIL import Image

        from mnif_core.files.picture_modes import rgba

        whole = Image.fromarray(rgba(image, f"texture '{name}'"))
        if not alpha:
            whole.putalpha(255)  # before shrinking, which weighs colours by alpha
        whole.thumbnail((TEXTURE_SIZE, TEXTURE_SIZE), Image.Resampling.BOX)
        return np.array(whole)


def _opened(content: bytes, name: str) -> "Image.Image":
    """A picture, its header read and believed.

    Raises:
        DataError: of no format that is read, or of more pixels than its bytes can hold.
    """
    from PIL import Image

    from mnif_core.files.picture_files import FORMATS, FREE_PIXELS, PIXELS_PER_BYTE

    try:
        picture = Image.open(io.BytesIO(content), formats=(*FORMATS, *MORE_FORMATS))
    except Exception as error:  # Pillow raises whatever its decoders meet
        raise DataError(f"texture '{name}' is not readable; save it as .png") from error
    width, height = picture.size
    if width * height > max(FREE_PIXELS, PIXELS_PER_BYTE * len(content)):
        raise DataError(f"texture '{name}' claims {width} x {height} pixels in {len(content)} bytes; save it anew")
    return picture
