"""Series of DICOM files and their masks have the voxels and places that pydicom and nibabel give them, or are refused with one clear line."""

import json
import pathlib
import subprocess

import nibabel
import numpy
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from folders_test import REAL

BIN = pathlib.Path(__file__).parents[2] / "build" / "bin"
CT, MR, SEG = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.66.4"
LIVER = REAL / "volumes" / "liver-ct-dicom"
# Directions of a row and of a column, in DICOM's axes.
PLANES = {"axial": (1, 0, 0, 0, 1, 0), "coronal": (1, 0, 0, 0, 0, -1), "sagittal": (0, 1, 0, 0, 0, -1),
          "feet first": (-1, 0, 0, 0, 1, 0), "oblique": (0.96, 0.28, 0, -0.224, 0.768, -0.6)}
SPACING = (0.8, 0.6, 2.5)  # between rows, columns, slices


def dump(lines, out):
    done = subprocess.run([BIN / "volume-dump", out], input="".join(f"{line}\n" for line in lines), text=True, check=True,
                          capture_output=True, timeout=120)
    assert done.stderr == "", "nothing is printed but the lines"
    return [json.loads(line) for line in done.stdout.splitlines()]


def write(dataset, file, syntax=ExplicitVRLittleEndian):
    if syntax == RLELossless:
        dataset.compress(RLELossless)
    dataset.file_meta.TransferSyntaxUID = syntax
    file.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(file, enforce_file_format=True)


def little_endian(dataset):
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def with_pixels(dataset, pixels, stored=None):
    bits = 8 * pixels.dtype.itemsize
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored = bits, stored or bits
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return little_endian(dataset)


def slices(count=5, plane="axial", kind="int16", shear=0.0, seed=0):
    """A series in the order of its places, each slice with a slope of its own."""
    random = numpy.random.default_rng(seed)
    row, column = numpy.reshape(PLANES[plane], (2, 3)).astype(float)
    step = SPACING[2] * numpy.cross(row, column) + shear * column
    dtype, found = numpy.dtype(kind), []
    low, high = (-100, 100) if dtype.kind == "i" else (0, 200)
    for number in range(count):
        dataset = Dataset()
        dataset.SOPClassUID, dataset.SOPInstanceUID = CT, f"1.2.3.{number}"
        dataset.Modality, dataset.SeriesInstanceUID, dataset.PatientName = "CT", "1.2.3", "Zeppelin"
        dataset.PixelSpacing, dataset.ImageOrientationPatient = list(SPACING[:2]), list(PLANES[plane])
        dataset.ImagePositionPatient = [round(float(value), 6) for value in numpy.array([-30, 12, 70]) + number * step]
        dataset.RescaleSlope, dataset.RescaleIntercept = 1 + number / 4, -10
        with_pixels(dataset, random.integers(low, high, (7, 6)).astype(dtype), 12 if kind.endswith("16") else None)
        found.append(dataset)
    return found


def write_series(folder, datasets, syntax=ExplicitVRLittleEndian):
    """Under names that say nothing of the order."""
    for number, dataset in enumerate(datasets):
        write(dataset, folder / f"{(7 * number + 3) % 1009:04d}{'.dcm' if number % 2 else ''}", syntax)
    return folder


def reference(datasets):
    """The volume by the standard's equation (PS3.3, C.7.6.2.1.1) and nibabel's axes; `datasets` in the order of their places."""
    planes = [dataset.pixel_array * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
              for dataset in datasets]
    return nifti(numpy.stack(planes), datasets[0].ImageOrientationPatient, datasets[0].PixelSpacing,
                 [dataset.ImagePositionPatient for dataset in datasets])


def nifti(planes, orientation, spacing, positions):
    """`planes`: [slice, row, column]."""
    affine, positions = numpy.eye(4), numpy.array(positions, float)
    affine[:3, 0] = numpy.array(orientation[:3], float) * float(spacing[1])
    affine[:3, 1] = numpy.array(orientation[3:], float) * float(spacing[0])
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(positions) - 1)
    affine[:3, 3] = positions[0]
    return nibabel.as_closest_canonical(nibabel.Nifti1Image(planes.transpose(2, 1, 0).astype(numpy.float32),
                                                            numpy.diag([-1, -1, 1, 1]) @ affine))


def check(line, raw, expected, name=""):
    assert "error" not in line, (name, line)
    assert tuple(line["size"]) == expected.shape, name
    ours = numpy.fromfile(raw, numpy.float32).reshape(expected.shape, order="F")
    numpy.testing.assert_allclose(ours, expected.get_fdata(), rtol=1e-6, atol=1e-6)
    numpy.testing.assert_allclose(numpy.reshape(line["affine"], (3, 4)), expected.affine[:3], rtol=0, atol=1e-4)


def test_series_of_every_plane_type_and_coding_are_pydicoms(tmp_path):
    cases = [(plane, "int16", ExplicitVRLittleEndian) for plane in PLANES]
    cases += [("oblique", kind, ImplicitVRLittleEndian) for kind in ("uint8", "int8", "uint16", "uint32", "int32")]
    cases += [("coronal", "int16", ExplicitVRBigEndian), ("coronal", "uint16", RLELossless)]
    folders, expected = [], []
    for number, (plane, kind, syntax) in enumerate(cases):
        datasets = slices(plane=plane, kind=kind, seed=number)
        expected.append(reference(datasets))
        if syntax == ExplicitVRBigEndian:
            for dataset in datasets:
                dataset.PixelData = dataset.pixel_array.astype(">i2").tobytes()
        folders.append(write_series(tmp_path / str(number), datasets, syntax))
    out = tmp_path / "out"
    out.mkdir()
    for number, line in enumerate(dump(folders, out)):
        check(line, out / f"{number}.raw", expected[number], cases[number])
        assert line["modality"] == "CT" and not line["tilted"]


def enhanced(order):
    """A volume in one file, whose frames are stored in this order."""
    source = slices(6, "oblique")
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality, dataset.SeriesInstanceUID = MR, "1.2.5", "MR", "1.2.3"
    with_pixels(dataset, numpy.stack([source[k].pixel_array for k in order]))
    dataset.NumberOfFrames = len(order)
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, orientation.ImageOrientationPatient = source[0].PixelSpacing, source[0].ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for k in order:
        frame, position, values = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = source[k].ImagePositionPatient
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = source[k].RescaleSlope, -10, "US"
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [position], [values]
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    return dataset, reference(source)


def test_frames_of_one_file_and_a_tilted_gantry_are_volumes(tmp_path):
    dataset, expected = enhanced([3, 0, 5, 1, 4, 2])
    write(dataset, tmp_path / "enhanced" / "IM1")
    tilted = slices(shear=0.7)
    write_series(tmp_path / "tilted", tilted)
    first, second, alone = dump([tmp_path / "enhanced", tmp_path / "tilted", tmp_path / "enhanced" / "IM1"], tmp_path)
    check(first, tmp_path / "0.raw", expected)
    check(alone, tmp_path / "2.raw", expected)
    check(second, tmp_path / "1.raw", reference(tilted))
    assert second["tilted"] and not first["tilted"]


def changed(number, **values):
    datasets = slices()
    for name, value in values.items():
        setattr(datasets[number], name, value)
    return datasets


def without(number, keyword):
    datasets = slices()
    delattr(datasets[number], keyword)
    return datasets


def coloured():
    datasets = slices()
    datasets[1].SamplesPerPixel, datasets[1].PhotometricInterpretation, datasets[1].PlanarConfiguration = 3, "RGB", 0
    datasets[1].PixelData *= 3
    return datasets


BAD = {
    "mixed": (changed(2, SeriesInstanceUID="1.2.4"), "several series", "folder of its own"),
    "missing": (slices()[:2] + slices()[3:], "slices are missing: 5 mm", "whole series"),
    "doubled": (slices() + [slices()[1]], "same place", "remove the doubles"),
    "times": (slices() + slices(), "5 places: 2 volumes", "one of them"),
    "uneven": (changed(4, ImagePositionPatient=[-30, 12, 79]), "do not lie evenly", "resample"),
    "aside": (changed(2, ImagePositionPatient=[-25, 12, 75]), "do not lie evenly", "resample"),
    "larger": (slices()[:4] + [with_pixels(slices()[4], numpy.zeros((8, 6), numpy.int16))], "has 6x8 pixels", "one kind"),
    "turned": (changed(1, ImageOrientationPatient=list(PLANES["coronal"])), "another direction", "one kind"),
    "skewed": (changed(1, ImageOrientationPatient=[1, 0, 0, 0.6, 0.8, 0]), "right angles", "export"),
    "placeless": (without(3, "ImagePositionPatient"), "where it lies", "export"),
    "unspaced": (without(3, "PixelSpacing"), "spacing of 0", "export"),
    "zero": (changed(0, PixelSpacing=[0, 1]), "spacing of 0", "export"),
    "alone": (slices(1), "1 slice", "whole series"),
    "colours": (coloured(), "colours (RGB)", "one grey value"),
    "overflow": (changed(1, RescaleSlope="1e300"), "beyond any sense", "copy it again"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_what_is_no_volume_is_refused_with_the_folder_the_reason_and_the_remedy(service, name, tmp_path):
    datasets, reason, remedy = BAD[name]
    write_series(tmp_path / "set" / "images" / name, datasets)
    if len(datasets) == 1:  # beside one that is a volume
        write_series(tmp_path / "set" / "images" / "good", slices())
    error = service.afctl("dataset", "convert", tmp_path / "set" / "images", tmp_path / "out", expect=1)["error"]
    assert error["code"] == "INVALID_ARGUMENT" and not (tmp_path / "out").exists()
    for words in (name, reason, remedy):
        assert words in error["message"], error
    assert error["message"].count("\n") == 0 and "Zeppelin" not in error["message"]


def segmentation(image, segments, kind="BINARY", shift=0.0):
    """A DICOM-SEG of frames in any order; `segments`: by number a mask [slice, row, column]."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality, dataset.SegmentationType = SEG, "1.2.9", "SEG", kind
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, orientation.ImageOrientationPatient = image[0].PixelSpacing, image[0].ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence = [shared], []
    planes = []
    for number, mask in segments.items():
        for k in reversed(range(len(mask))):
            if not mask[k].any():
                continue
            frame, position, own = Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = [float(value) + shift for value in image[k].ImagePositionPatient]
            own.ReferencedSegmentNumber = number
            frame.PlanePositionSequence, frame.SegmentIdentificationSequence = [position], [own]
            dataset.PerFrameFunctionalGroupsSequence.append(frame)
            planes.append(mask[k])
    bits = numpy.packbits(numpy.concatenate([plane.ravel() for plane in planes]).astype(bool), bitorder="little").tobytes()
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = *planes[0].shape, len(planes)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    dataset.PixelData = bits + b"\0" * (len(bits) % 2)
    dataset["PixelData"].VR = "OB"
    return little_endian(dataset)


def label_map(count=5):
    labels = numpy.zeros((count, 7, 6), numpy.uint8)
    labels[1:4, 2:5, 1:4] = 1
    labels[2:, 5:, 4:] = 7
    return labels


def nrrd(file, labels, affine, encoding, fields=""):
    """Of [i, j, k] voxels and their affine in RAS."""
    import gzip

    def vector(values):
        return "(" + ",".join(repr(float(value)) for value in values) + ")"

    voxels = labels.astype(">i2").tobytes(order="F")
    header = ("NRRD0005\n# Complete NRRD file format specification at:\ntype: short\ndimension: 3\nspace: right-anterior-superior\n"
              f"sizes: {' '.join(map(str, labels.shape))}\nspace directions: {' '.join(vector(affine[:3, i]) for i in range(3))}\n"
              f"kinds: domain domain domain\nendian: big\nencoding: {encoding}\nspace origin: {vector(affine[:3, 3])}\n{fields}\n")
    file.write_bytes(header.encode() + (gzip.compress(voxels) if encoding == "gzip" else voxels))


def test_masks_of_every_format_are_the_same_on_their_series_grid(tmp_path):
    image, labels = slices(plane="oblique"), label_map()
    expected = nifti(labels, image[0].ImageOrientationPatient, image[0].PixelSpacing,
                     [dataset.ImagePositionPatient for dataset in image])
    folder = write_series(tmp_path / "image", image)
    write(segmentation(image, {1: labels == 1, 7: labels == 7}), tmp_path / "seg.dcm")
    write(segmentation(image, {1: labels == 1, 7: labels == 7}), tmp_path / "folder" / "one")
    nibabel.save(expected, tmp_path / "mask.nii.gz")
    voxels = labels.transpose(2, 1, 0)  # as stored: not in the patient's axes
    affine = numpy.diag([-1, -1, 1, 1]) @ stored_affine(image)
    nrrd(tmp_path / "whole.nrrd", voxels, affine, "raw")
    part = affine.copy()  # what 3D Slicer leaves of it, without empty borders
    part[:3, 3] = (affine @ [1, 2, 1, 1])[:3]
    nrrd(tmp_path / "part.seg.nrrd", voxels[1:, 2:, 1:], part, "gzip", "Segment0_Name:=a: b\nSegment0_LabelValue:=1\n")
    masks = [tmp_path / name for name in ("seg.dcm", "folder", "mask.nii.gz", "whole.nrrd", "part.seg.nrrd")]
    for number, line in enumerate(dump([f"{mask}\t{folder}" for mask in masks], tmp_path)):
        check(line, tmp_path / f"{number}.raw", expected, masks[number])


def stored_affine(image):
    affine, positions = numpy.eye(4), numpy.array([dataset.ImagePositionPatient for dataset in image], float)
    affine[:3, 0] = numpy.array(image[0].ImageOrientationPatient[:3], float) * image[0].PixelSpacing[1]
    affine[:3, 1] = numpy.array(image[0].ImageOrientationPatient[3:], float) * image[0].PixelSpacing[0]
    affine[:3, 2], affine[:3, 3] = (positions[-1] - positions[0]) / (len(positions) - 1), positions[0]
    return affine


def test_segmentations_that_are_no_labels_on_their_images_are_refused(tmp_path):
    image, labels = slices(), label_map()
    folder = write_series(tmp_path / "image", image)
    bad = {"fractional": (segmentation(image, {1: labels == 1}, "FRACTIONAL"), "fractional"),
           "shifted": (segmentation(image, {1: labels == 1}, shift=0.3), "does not lie on its image's voxels"),
           "overlapping": (segmentation(image, {1: labels == 1, 2: labels > 0}), "of several segments"),
           "longer": (segmentation(slices(6), {1: label_map(6) > 0}), "lie outside of its volume")}
    for name, (dataset, _) in bad.items():
        write(dataset, tmp_path / f"{name}.dcm")
    for line, (name, (_, words)) in zip(dump([f"{tmp_path / name}.dcm\t{folder}" for name in bad], tmp_path), bad.items()):
        assert words in line.get("error", "") and "; " in line["error"], (name, line)


def test_a_set_of_series_is_converted_and_nothing_of_headers_stays(service, tmp_path):
    for name in ("Zeppelin^Jane", "Zeppelin^Joe"):
        image, labels = slices(16, seed=len(name)), numpy.zeros((16, 7, 6), numpy.uint8)
        labels[2:14, 1:6, 1:5] = 1
        write_series(tmp_path / "set" / "images" / name, image)
        write(segmentation(image, {1: labels == 1}), tmp_path / "set" / "masks" / f"{name}.dcm")
    done = service.afctl("dataset", "convert", tmp_path / "set", tmp_path / "out", "--window", "ct-abdomen", "--labels", "organ=1")
    assert done["images"] == 2 and [item["name"] for item in done["items"]] == ["000001", "000002"]
    for kind in ("images", "masks"):
        for number in (1, 2):
            volume = nibabel.load(tmp_path / "out" / kind / f"00000{number}.nii.gz")
            assert volume.shape == (6, 7, 16)
            if kind == "images":
                assert (volume.header["cal_min"], volume.header["cal_max"]) == (-150, 250)
                numpy.testing.assert_allclose(volume.affine, reference(slices(16)).affine, atol=1e-4)
            text = b"".join((volume.header.binaryblock, repr(volume.header.extensions).encode()))
            assert b"Zeppelin" not in text


def test_real_series_and_their_masks_are_pydicoms(tmp_path):
    if not LIVER.is_dir():
        pytest.skip("no series on this machine: ../shared/realdata is not there")
    image = sorted((pydicom.dcmread(file) for file in (LIVER / "images").iterdir()), key=lambda d: d.ImagePositionPatient[2])
    expected = reference(image)
    masks = [LIVER / "masks" / name for name in ("liver.dcm", "liver_seg.nrrd", "heart_seg.nrrd", "spine_seg.nrrd")]
    lines = dump([LIVER / "images"] + [f"{mask}\t{LIVER / 'images'}" for mask in masks], tmp_path)
    check(lines[0], tmp_path / "0.raw", expected)
    read = [numpy.fromfile(tmp_path / f"{number}.raw", numpy.float32) for number in range(len(lines))]
    numpy.testing.assert_array_equal(read[1], read[2])
    assert [sorted(set(voxels)) for voxels in read[1:]] == [[0, 1], [0, 1], [0, 3], [0, 2]]
    seg = pydicom.dcmread(masks[0])
    positions = [group.PlanePositionSequence[0].ImagePositionPatient for group in seg.PerFrameFunctionalGroupsSequence]
    check(lines[1], tmp_path / "1.raw", nifti(seg.pixel_array, image[0].ImageOrientationPatient, image[0].PixelSpacing, positions))


def test_real_files_of_several_frames_are_volumes_or_refused(tmp_path):
    folder = REAL / "awkward" / "dicom"
    if not folder.is_dir():
        pytest.skip("no awkward files on this machine: ../shared/realdata is not there")
    files = sorted(file for file in folder.iterdir() if file.suffix == ".dcm")
    for file, line in zip(files, dump(files, tmp_path)):
        # None of them says where several slices lie.
        assert "; " in line.get("error", "") and "\n" not in line["error"], (file.name, line)
