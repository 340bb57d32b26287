"""Meshes, read both as scenes with their materials and as solids."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh

from mnif_core.data.voxel_files import load_voxels
from mnif_core.meshes.textured_mesh import read_textured_mesh
from tests.core.meshes.plates import FORWARD, ORDER, QUARTERS, Glb, png, textured, write_obj
from tests.core.meshes.test_three_mf import BASES, POINTS, three_mf
from tests.fuzz.containers import damage_zip
from tests.fuzz.mutations import Mutation, damage_bytes, damage_json, damage_text
from tests.fuzz.subject import Subject, require


def _read_scene(path: Path) -> None:
    mesh = read_textured_mesh(path, "y")
    count = len(mesh.triangles)
    require(all(bool(np.isfinite(part).all()) for part in (mesh.vertices, mesh.normals, mesh.colours)), "not finite")
    with np.errstate(all="ignore"):
        mesh.painter()(np.arange(count), np.full((count, 2), 0.3, np.float32), np.tile(np.float32(FORWARD), (count, 1)))


def _read_solid(path: Path) -> None:
    grids = load_voxels(path.parent, 16).grids(torch.tensor([0]))
    require(grids is not None and bool(grids.any()), "a solid of nothing")


def _box(suffix: str) -> Any:
    def write(folder: Path) -> None:
        box = trimesh.creation.box((1.0, 2.0, 3.0))
        box.visual.vertex_colors = np.arange(32, dtype=np.uint8).reshape(8, 4) * 8
        box.export(folder / f"mesh{suffix}")

    return write


def _text_box(suffix: str) -> Any:
    def write(folder: Path) -> None:
        box = trimesh.creation.box((1.0, 2.0, 3.0))
        options = {"encoding": "ascii"} if suffix == ".ply" else {}
        exported = box.export(file_type="stl_ascii" if suffix == ".stl" else suffix[1:], **options)
        (folder / f"mesh{suffix}").write_bytes(exported if isinstance(exported, bytes) else exported.encode())

    return write


def _write_obj(folder: Path) -> None:
    write_obj(folder, "Kd 1 0.5 0\nd 0.9\nmap_Kd -s 2 2 picture.png", colours=ORDER)
    (folder / "picture.png").write_bytes(png(QUARTERS))


def _glb(path: Path) -> Glb:
    glb = Glb()
    primitive = textured(glb, png(QUARTERS), {"texCoord": 0}, alphaMode="MASK", alphaCutoff=0.4)
    glb.json["samplers"] = [{"wrapS": 33071, "magFilter": 9728}]
    glb.json["textures"][0]["sampler"] = 0
    glb.json["nodes"] = [
        {"children": [1], "scale": [1, 2, 1]},
        {"mesh": 0, "rotation": [0, 0, 0.6, 0.8], "translation": [1, 2, 3]},
    ]
    glb.json["scenes"] = [{"nodes": [0]}]
    primitive["attributes"]["COLOR_0"] = glb.array(np.array(ORDER, np.uint8), normalized=True)
    primitive["targets"] = [{"POSITION": glb.array(np.ones((4, 3), np.float32))}]
    glb.json["meshes"] = [{"primitives": [primitive], "weights": [0.5]}]
    glb.write(path)
    return glb


def _write_glb(folder: Path) -> None:
    _glb(folder / "mesh.glb")


def _write_gltf(folder: Path) -> None:
    glb = _glb(folder / "packed.glb")
    (folder / "packed.glb").unlink()
    glb.json["buffers"][0]["uri"] = "mesh.bin"
    (folder / "mesh.bin").write_bytes(glb.binary)
    (folder / "mesh.gltf").write_text(json.dumps(glb.json))


def _write_3mf(folder: Path) -> None:
    triangles = '<triangle v1="0" v2="1" v3="2" pid="1" p1="0"/><triangle v1="0" v2="2" v3="3"/>'
    mesh = f"<mesh><vertices>{POINTS}</vertices><triangles>{triangles}</triangles></mesh>"
    parts = '<components><component objectid="2" transform="1 0 0 0 1 0 0 0 1 5 6 7"/></components>'
    resources = f'{BASES}<object id="2">{mesh}</object><object id="3">{parts}</object>'
    (folder / "mesh.3mf").write_bytes(three_mf(resources))


def _scene(name: str, write: Any, file: str, damage: Mutation, mesh: str | None = None) -> Subject:
    return Subject(f"mesh {name}", write, file, damage, lambda folder: _read_scene(folder / (mesh or file)))


def _solid(suffix: str, damage: Mutation) -> Subject:
    file = f"mesh{suffix}"
    return Subject(f"solid {suffix[1:]}", _box(suffix), file, damage, lambda folder: _read_solid(folder / file))


SUBJECTS = [
    _scene("obj", _write_obj, "plate.obj", damage_text),
    _scene("mtl", _write_obj, "plate.mtl", damage_text, "plate.obj"),
    _scene("obj's picture", _write_obj, "picture.png", damage_bytes, "plate.obj"),
    _scene("glb", _write_glb, "mesh.glb", damage_bytes),
    _scene("gltf", _write_gltf, "mesh.gltf", damage_json),
    _scene("gltf's buffer", _write_gltf, "mesh.bin", damage_bytes, "mesh.gltf"),
    _scene("ply", _box(".ply"), "mesh.ply", damage_bytes),
    _scene("ply of text", _text_box(".ply"), "mesh.ply", damage_text),
    _scene("off", _text_box(".off"), "mesh.off", damage_text),
    _scene("stl", _box(".stl"), "mesh.stl", damage_bytes),
    _scene("stl of text", _text_box(".stl"), "mesh.stl", damage_text),
    _scene("3mf", _write_3mf, "mesh.3mf", damage_zip(damage_text)),
    _solid(".obj", damage_text),
    _solid(".glb", damage_bytes),
    _solid(".ply", damage_bytes),
    _solid(".stl", damage_bytes),
    _solid(".off", damage_text),
    _solid(".3mf", damage_zip(damage_text)),
]
