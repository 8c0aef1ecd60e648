"""Every NIfTI file within reach either has the same voxels and places as with nibabel or is refused with one clear line."""

import json
import pathlib
import subprocess
import warnings

import nibabel
import numpy
import pytest

from folders_test import REAL

BIN = pathlib.Path(__file__).parents[2] / "build" / "bin"
FOLDERS = {"nibabel": pathlib.Path(nibabel.__file__).parent / "tests" / "data", "awkward": REAL / "awkward" / "nifti",
           "volumes": REAL / "volumes" / "spleen-ct-nifti"}
LEAST = {"nibabel": 2, "awkward": 3, "volumes": 2}  # files that are compared


def dump(files, out):
    done = subprocess.run([BIN / "volume-dump", out], input="".join(f"{file}\n" for file in files), text=True, check=True,
                          capture_output=True, timeout=120)
    assert done.stderr == "", "nothing is printed but the lines"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(files)
    return lines


def reference(file):
    """The volume with its axes as the patient's, or why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = nibabel.load(file)
        except Exception as error:  # of many kinds
            return None, str(error)
        if not isinstance(image, (nibabel.Nifti1Image, nibabel.Nifti2Image)):
            return None, "not NIfTI, or in two pieces"
        shape = image.shape
        if image.get_data_dtype().kind not in "iuf" or len(shape) < 3 or any(side != 1 for side in shape[3:]):
            return None, f"{image.get_data_dtype()} {shape}"
        if len(shape) > 3:
            image = nibabel.Nifti1Image(numpy.asarray(image.dataobj).reshape(shape[:3]), image.affine)
        return nibabel.as_closest_canonical(image), ""


def check(file, line, raw):
    expected, why = reference(file)
    if "error" in line:
        assert "; " in line["error"] and "\n" not in line["error"]
        if expected is not None:
            voxels = expected.get_fdata()
            assert not numpy.isfinite(voxels).all() or min(expected.shape) < 2, f"{file.name}: {line['error']}"
        return False
    assert expected is not None, f"{file.name}: read, but nibabel says {why}"
    assert tuple(line["size"]) == expected.shape, file.name
    ours = numpy.fromfile(raw, numpy.float32).reshape(expected.shape, order="F")
    numpy.testing.assert_allclose(ours, expected.get_fdata().astype(numpy.float32), rtol=1e-6, atol=0)
    scale = numpy.abs(expected.affine[:3]).max()
    assert numpy.allclose(numpy.reshape(line["affine"], (3, 4)), expected.affine[:3], rtol=0, atol=1e-5 * scale), file.name
    return True


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_each_file_has_the_same_voxels_or_is_refused(name, tmp_path):
    if not FOLDERS[name].is_dir():
        pytest.skip(f"no {name} NIfTI files on this machine: ../shared/realdata is not there")
    files = sorted(file for file in FOLDERS[name].rglob("*") if file.name.endswith((".nii", ".nii.gz", ".hdr", ".img")))
    lines = dump(files, tmp_path)
    compared = sum(check(file, line, tmp_path / f"{number}.raw") for number, (file, line) in enumerate(zip(files, lines)))
    assert compared >= LEAST[name]


def test_every_type_and_orientation_is_nibabels(tmp_path):
    random = numpy.random.default_rng(3)
    files = []
    types = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "int64", "uint64", "float32", "float64")
    orientations = ("RAS", "LPS", "PIR", "SLA", "IAL", "ASR", "RSP", "LAI", "PSL", "RAS")
    for number, (kind, axes) in enumerate(zip(types, orientations)):
        dtype = numpy.dtype(kind).newbyteorder(">" if number % 2 else "<")
        low, high = (-100, 100) if dtype.kind in "if" else (0, 200)
        voxels = random.uniform(low, high, (5, 6, 7)).astype(dtype)
        turn = nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"),
                                                   nibabel.orientations.axcodes2ornt(axes))
        # Oblique by some degrees, with three different spacings.
        angle = 0.2
        oblique = numpy.array([[numpy.cos(angle), -numpy.sin(angle), 0], [numpy.sin(angle), numpy.cos(angle), 0], [0, 0, 1]])
        affine = numpy.eye(4)
        affine[:3, :3] = oblique @ numpy.diag([0.8, 1.5, 5])
        affine[:3, 3] = 3, -20, 70
        affine = affine @ nibabel.orientations.inv_ornt_aff(turn, (5, 6, 7))
        form = nibabel.Nifti2Image if number % 3 == 2 else nibabel.Nifti1Image
        image = form(voxels, affine, dtype=dtype)
        image.header.set_slope_inter(0.5 if number % 4 == 1 else 1, -3 if number % 4 == 1 else 0)
        if number % 2:  # told by the quaternion alone
            image.set_qform(affine, code=1)
            image.set_sform(None, code=0)
        files.append(tmp_path / f"{kind}.nii{'.gz' if number % 2 == 0 else ''}")
        nibabel.save(image, files[-1])
    lines = dump(files, tmp_path)
    assert all(check(file, line, tmp_path / f"{number}.raw") for number, (file, line) in enumerate(zip(files, lines)))
