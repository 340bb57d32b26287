"""Files of transforms as nerfstudio, instant-ngp, Blender and people write them: the right cameras, or one line."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnif_core.data.instances import Instance, named_files, read_instance
from mnif_core.errors import DataError
from mnif_core.files.notes import collected_notes
from tests.core.data.written_cameras import FOCAL, SIZE, cameras

Content = dict[str, Any]
Edit = Callable[[Content], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three views, each of another colour."""
    (tmp_path / "car/images").mkdir(parents=True)
    for view in range(3):
        Image.new("RGB", (SIZE, SIZE), (60 * view, 0, 0)).save(tmp_path / f"car/images/{view}.png")
    return tmp_path / "car"


def content() -> Content:
    poses = cameras(3).tolist()
    frames = [{"file_path": f"images/{view}.png", "transform_matrix": pose} for view, pose in enumerate(poses)]
    return {"camera_model": "OPENCV", "fl_x": FOCAL, "fl_y": FOCAL, "cx": 8, "cy": 8, "w": SIZE, "h": SIZE} | {
        "frames": frames
    }


def read(folder: Path, edit: Edit, encoding: str = "utf-8", name: str = "transforms.json") -> Instance:
    edited = content()
    edit(edited)
    (folder / name).write_bytes(json.dumps(edited).encode(encoding))
    return read_instance(folder)


def frames(edit: Callable[[int, Content], object]) -> Edit:
    return lambda c: [edit(number, frame) for number, frame in enumerate(c["frames"])]


def without(*keys: str, **values: Any) -> Edit:
    return lambda c: ([c.pop(key) for key in keys], c.update(values))


ANGLE = 2 * math.atan(0.5 * SIZE / FOCAL)

SAME = {
    "as it is": without(),
    "nulls": without(k1=None, k2=None, camera_angle_x=None, mask_path=None),
    "no distortion said": without(k1=0, k2=0.0, p1=-0.0, k4=0),
    "fl_x only": without("fl_y"),
    "fl_y only": without("fl_x"),
    "camera_angle_x": without("fl_x", "fl_y", camera_angle_x=ANGLE),
    "camera_angle_y": without("fl_x", "fl_y", camera_angle_y=ANGLE),
    "fields of view in degrees": without("fl_x", "fl_y", x_fov=math.degrees(ANGLE), y_fov=math.degrees(ANGLE)),
    "angle of no size": without("fl_x", "fl_y", "w", "h", "cx", "cy", camera_angle_x=ANGLE),
    "numbers as text": without(fl_x=str(FOCAL)),
    "of twice the size": without(fl_x=2 * FOCAL, fl_y=2 * FOCAL, cx=16, cy=16, w=2 * SIZE, h=2 * SIZE),
    "size in each frame": lambda c: (
        without("w", "h", "fl_x", "fl_y", "cx", "cy")(c),
        frames(lambda i, f: f.update(w=SIZE * (i + 1), h=SIZE * (i + 1), fl_x=FOCAL * (i + 1)))(c),
    ),
    "a frame's null": frames(lambda i, f: f.update(fl_x=None)),
    "flat matrices": frames(lambda i, f: f.update(transform_matrix=np.ravel(f["transform_matrix"]).tolist())),
    "three rows": frames(lambda i, f: f.update(transform_matrix=f["transform_matrix"][:3])),
    "backslashes": frames(lambda i, f: f.update(file_path=f["file_path"].replace("/", "\\"))),
    "dot slash": frames(lambda i, f: f.update(file_path="./" + f["file_path"])),
    "other case": frames(lambda i, f: f.update(file_path=f["file_path"].upper())),
    "no suffix": frames(lambda i, f: f.update(file_path=f["file_path"].removesuffix(".png"))),
    "another machine's path": frames(lambda i, f: f.update(file_path="C:\\data\\car\\" + f["file_path"])),
    "another root": frames(lambda i, f: f.update(file_path="/home/else/car/" + f["file_path"])),
    "a pinhole by another name": without(camera_model="SIMPLE_RADIAL", k1=0.0),
    "flags that are off": without(is_fisheye=False, orthographic=None),
    "keys of others": without(aabb_scale=4, ply_file_path="a.ply", applied_scale=1.0),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_views_however_they_are_written(folder: Path, case: str) -> None:
    found = read(folder, SAME[case])
    np.testing.assert_allclose(found.camera_to_worlds, cameras(3)[:, :3], atol=1e-6)
    np.testing.assert_allclose(found.intrinsics, [[FOCAL, FOCAL, 8, 8]] * 3, rtol=1e-6)
    assert [found.decode(view)[0, 0, 0] for view in range(3)] == [0, 60, 120]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_read(folder: Path, encoding: str) -> None:
    assert len(read(folder, without(), encoding).image_filenames) == 3


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPG", ".jpeg", ".webp"])
def test_suffixes_that_are_left_out_are_found(folder: Path, suffix: str) -> None:
    for view in range(3):
        path = folder / f"images/{view}.png"
        Image.open(path).save(folder / f"images/{view}{suffix}")
        if suffix != ".png":
            path.unlink()
    found = read(folder, frames(lambda i, f: f.update(file_path=f"images/{i}")), name="transforms_train.json")
    assert [path.suffix for path in found.image_filenames] == [suffix] * 3


def test_intrinsics_of_each_axis_and_frame(folder: Path) -> None:
    found = read(folder, without("fl_x", "fl_y", camera_angle_x=ANGLE, camera_angle_y=2 * math.atan(0.5)))
    np.testing.assert_allclose(found.intrinsics[0], [FOCAL, SIZE, 8, 8], rtol=1e-6)
    found = read(folder, lambda c: c["frames"][1].update(fl_x=20.0, cx=9.0))
    np.testing.assert_allclose(found.intrinsics[:, [0, 2]], [[FOCAL, 8.0], [20.0, 9.0], [FOCAL, 8.0]], rtol=1e-6)


def masked(folder: Path, name: str, values: Any) -> Instance:
    (folder / "masks").mkdir()
    Image.fromarray(values).save(folder / f"masks/{name}")
    return read(folder, lambda c: c["frames"][1].update(mask_path=f"masks/{name}"))


HALF = np.zeros((SIZE, SIZE), dtype=np.uint8)
HALF[:, SIZE // 2 :] = 1


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("a.png", 255 * HALF),
        ("a.png", HALF),
        ("a.png", HALF.astype(bool)),
        ("a.jpg", 255 * HALF),
        ("a.png", np.dstack([255 * HALF] * 3)),
        ("a.png", 65535 * HALF.astype(np.uint16)),
    ],
    ids=["bytes", "ones", "bits", "JPEG", "RGB", "16 bits"],
)
def test_what_a_mask_leaves_out_is_white(folder: Path, name: str, mask: Any) -> None:
    with collected_notes() as notes:
        found = masked(folder, name, mask)
    assert len(notes) == 1 and "masks of 1 of 3 views leave out is taken as white" in notes[0]
    assert (found.decode(1)[:, : SIZE // 2] == 255).all()
    assert (found.decode(1)[:, SIZE // 2 :, 0] == 60).all()
    assert (found.decode(0)[..., 0] == 0).all()
    assert len(named_files(folder)) == 4


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((4, 8), dtype=np.uint8), r"a\.png: 8 x 4 pixels, its picture 16 x 16; write masks"),
        (np.zeros((SIZE, SIZE), dtype=np.uint8), r"a\.png: black all over"),
    ],
)
def test_bad_masks_are_one_line(folder: Path, mask: Any, message: str) -> None:
    found = masked(folder, "a.png", mask)
    with pytest.raises(DataError, match=message):
        found.decode(1)


BAD: dict[str, tuple[Edit, str]] = {
    "fisheye flag": (without(is_fisheye=True), r"frame 0 has a distorting lens \(is_fisheye\); undistort"),
    "fisheye model": (without(camera_model="OPENCV_FISHEYE"), r"distorting lens \(OPENCV_FISHEYE\)"),
    "panorama": (without(camera_model="EQUIRECTANGULAR"), r"distorting lens \(EQUIRECTANGULAR\)"),
    "unknown model": (without(camera_model="THIN_PRISM_FISHEYE"), r"distorting lens \(THIN_PRISM_FISHEYE\)"),
    "orthographic": (without(orthographic=True), r"distorting lens \(orthographic\)"),
    "one frame's lens": (lambda c: c["frames"][2].update(k1=0.2), r"frame 2 has a distorting lens \(k1\)"),
    "list of distortion": (without(distortion_params=[0, 0.1, 0, 0]), r"distorting lens \(distortion_params\)"),
    "distortion as text": (without(k2="0.1"), r"distorting lens \(k2\)"),
    "another shape": (without(w=32, h=16), "intrinsics of 32 x 16 pixels, pictures of 16 x 16, which are of another"),
    "centre outside": (without("w", "h", cx=200, cy=200), r"principal point \(200, 200\) is outside"),
    "no focal length": (without("fl_x", "fl_y"), "no valid focal length"),
    "negative": (without(fl_x=-5.0), "no valid focal length"),
    "huge": (without(w=1e300, h=1e300), "no valid focal length"),
    "angle of a half turn": (without("fl_x", "fl_y", camera_angle_x=3.5), "no valid focal length"),
    "angle that is no number": (without("fl_x", "fl_y", camera_angle_x=[1]), "no valid focal length"),
    "infinite": (without(fl_x=math.inf), "no valid focal length"),
    "missing mask": (without(mask_path="masks/no.png"), r"masks/no\.png: missing; add it, or remove mask_path from"),
    "a mask that is a number": (without(mask_path=3), "frame 0 has no mask_path"),
    "two frames, one picture": (
        frames(lambda i, f: f.update(file_path=f"{i}/images/0.png")),
        r"frames 0 and 1 both lead to .*images/0\.png",
    ),
    "empty name": (frames(lambda i, f: f.update(file_path=" ")), "frame 0 has no file_path"),
    "transposed": (
        frames(lambda i, f: f.update(transform_matrix=np.transpose(f["transform_matrix"]).tolist())),
        "frame 0, .*: it is transposed; write the position in the last column",
    ),
    "scaled": (
        frames(lambda i, f: f.update(transform_matrix=(np.array(f["transform_matrix"]) * [[2, 2, 2, 1]]).tolist())),
        "frame 0, .*: it scales by 2; write it without",
    ),
    "mirrored": (
        frames(lambda i, f: f.update(transform_matrix=(np.array(f["transform_matrix"]) * [[-1, 1, 1, 1]]).tolist())),
        "frame 0, .*a mirror; write an orthonormal",
    ),
    "words": (frames(lambda i, f: f.update(transform_matrix="none")), "pose of frame 0.*missing or malformed"),
    "frames in a table": (lambda c: c.update(frames={"0": {}}), "not a transforms file"),
    "opencv poses": (
        frames(lambda i, f: f.update(transform_matrix=(np.array(f["transform_matrix"]) * [[1, -1, -1, 1]]).tolist())),
        r"their axes are opencv: pass --axes opencv \(ns-train: srn --axes opencv\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_meant_is_one_line(folder: Path, case: str) -> None:
    edit, message = BAD[case]
    with pytest.raises(DataError, match=message) as raised:
        read(folder, edit)
    assert "\n" not in str(raised.value) and "; " in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000, '{"frames": 3}', "\x00\x01"])
def test_what_is_no_file_of_transforms_is_one_line(folder: Path, text: str) -> None:
    (folder / "transforms.json").write_text(text)
    with pytest.raises(DataError, match=r"transforms\.json: not a transforms file; write") as raised:
        read_instance(folder)
    assert "\n" not in str(raised.value)
