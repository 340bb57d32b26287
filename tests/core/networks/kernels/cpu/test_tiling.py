"""Tiles cover all points once, keep together what belongs together, and give back what was put in."""

import pytest
import torch

from mnif_core.networks.kernels.cpu.tiling import Tiles, tiles_of


def cut(instances: int, points: int, together: int = 1, width: int = 64) -> tuple[torch.Tensor, Tiles]:
    coordinates = torch.rand(instances, points, 3)
    return coordinates, tiles_of(coordinates, [torch.empty(instances, width, 4)], together)


SHAPES = [(1, 100_003, 1), (2, 32 * 1000, 32), (70, 100, 1), (3, 6000, 6000), (5, 1, 1), (2, 40 * 90, 90)]


@pytest.mark.parametrize(("instances", "points", "together"), SHAPES)
def test_every_point_is_in_one_tile_and_comes_back_from_it(instances: int, points: int, together: int) -> None:
    coordinates, tiles = cut(instances, points, together)
    found, met = torch.full_like(coordinates, -1.0), torch.zeros(instances, points)
    for group in tiles.groups:
        for chunk in tiles.chunks:
            assert chunk.start % together == 0 and chunk.stop % together == 0
            rows = coordinates[group, chunk]
            parts = torch.full((len(rows) * tiles.parts, 3, tiles.length), torch.nan)
            tiles.put(rows, parts)
            assert parts.isfinite().all()  # what points do not fill is zero
            tiles.take(parts, found[group, chunk])
            met[group, chunk] += 1
    assert (met == 1).all()
    torch.testing.assert_close(found, coordinates, atol=0, rtol=0)


def test_parts_hold_consecutive_points_of_one_instance() -> None:
    coordinates, tiles = cut(2, 5000)
    group, chunk = tiles.groups[1], tiles.chunks[0]
    parts = torch.empty(tiles.parts, 3, tiles.length)
    tiles.put(coordinates[group, chunk], parts)
    torch.testing.assert_close(parts[1], coordinates[1, tiles.length : 2 * tiles.length].T, atol=0, rtol=0)


def test_each_part_has_its_instances_weights_without_a_copy_where_the_instance_is_alone() -> None:
    _, many = cut(70, 600)
    weights = torch.arange(70.0).view(70, 1, 1).expand(70, 4, 4).contiguous()
    group = many.groups[0]
    assert many.parts > 1 and group.stop > 1
    (each,) = many.each_part([weights[group]])
    assert each[:, 0, 0].tolist() == [instance for instance in range(group.stop) for _ in range(many.parts)]
    _, alone = cut(1, 100_000)
    (view,) = alone.each_part([weights[:1]])
    assert len(view) == alone.parts and view.data_ptr() == weights.data_ptr()


def test_no_points_are_no_tiles() -> None:
    assert cut(3, 0)[1].chunks == []
