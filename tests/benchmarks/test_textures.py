"""The judge of textures, on a field whose colours are known."""

from pathlib import Path

from tests.benchmarks.textures import Textures, compare
from tests.core.export.known_fields import blob


def test_textures_show_what_few_vertices_cannot(tmp_path: Path) -> None:
    blob("scene").save(tmp_path / "field")
    found = compare(Textures(tmp_path, faces=60, texture=128, instances=1, views=3, size=48))
    gain = found["texture"]["surface_psnr"] - found["vertex_colours"]["surface_psnr"]
    assert found["texture"]["surface_psnr"] > 25 and gain > 1.0
    # what silhouettes differ by is in both
    assert abs(found["texture"]["psnr"] - found["vertex_colours"]["psnr"]) < gain
