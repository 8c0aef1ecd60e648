"""Every DICOM file within reach either has the same pixels as with pydicom or is refused with one clear line."""

import json
import pathlib
import shutil
import subprocess
import warnings

import numpy
import pydicom
import pytest
from PIL import Image
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array

from folders_test import REAL

BIN = pathlib.Path(__file__).parents[2] / "build" / "bin"
FOLDERS = {"pydicom": pathlib.Path(pydicom.__file__).parent / "data",
           "awkward": REAL / "awkward" / "dicom", "volumes": REAL / "volumes" / "liver-ct-dicom"}
OTHERS = {".py", ".pyc", ".json", ".txt", ".dump", ".xml", ".pem", ".md", ".icc", ".png", ".nrrd"}
LOSSY = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51)}
# pydicom's plugins don't decode the first; the second has a value that it does not accept.
OURS_ALONE = {"JPEG-lossy.dcm", "badVR.dcm"}


def files_of(name):
    if not FOLDERS[name].is_dir():
        pytest.skip(f"no {name} DICOM files on this machine: ../shared/realdata is not there")
    return [file for file in sorted(FOLDERS[name].rglob("*")) if file.is_file() and file.suffix not in OTHERS]


@pytest.fixture(scope="module", params=sorted(FOLDERS))
def dumped(request, tmp_path_factory):
    """Of each file its path, what dicom-dump says of it, and where its frames lie."""
    files, out = files_of(request.param), tmp_path_factory.mktemp("dump")
    done = subprocess.run([BIN / "dicom-dump", out], input="".join(f"{file}\n" for file in files), text=True, check=True,
                          capture_output=True, timeout=300)
    assert done.stderr == "", "decoders print nothing"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(files) > 0
    return [(file, line, out / str(number)) for number, (file, line) in enumerate(zip(files, lines))]


def reference(file):
    """The data set, and its frames as stored; None where pydicom can't decode them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(file, force=True)
            return dataset, pixel_array(dataset, raw=True)
        except Exception:  # of many kinds
            return None, None


def frames(line, out, ending, kind):
    shape = (line["rows"], line["columns"]) + ((line["samples"],) if line["samples"] > 1 else ())
    return numpy.stack([numpy.fromfile(f"{out}-{frame}.{ending}", kind).reshape(shape) for frame in range(line["frames"])])


def close(ours, theirs, lossy):
    difference = numpy.abs(ours.astype(float) - theirs.astype(float))
    # Decoders of lossy JPEG round, and widen halved colours, in ways of their own.
    return (difference.max() <= 3 and (difference > 0).mean() < 0.1) if lossy else difference.max() == 0


def test_each_file_has_the_same_samples_or_is_refused(dumped):
    compared = 0
    for file, line, out in dumped:
        dataset, stored = reference(file)
        if "error" in line:
            assert stored is None, f"{file.name}: {line['error']}, but pydicom reads it"
            assert "; " in line["error"] and "\n" not in line["error"]
            continue
        assert stored is not None or file.name in OURS_ALONE, f"{file.name}: pydicom does not read it"
        if stored is None:
            continue
        if line["decoded_photometric"] == "RGB" and line["photometric"].startswith("YBR_FULL"):
            stored = pixel_array(dataset)  # RGB
        ours = frames(line, out, "raw", numpy.float64)
        lossy = dataset.file_meta.TransferSyntaxUID in LOSSY
        assert close(ours, stored.reshape(ours.shape), lossy), file.name
        assert line["frames_of_header"] == line["frames"], "the header alone says the same"
        compared += 1
    assert compared >= 4


def test_values_and_what_is_shown_are_pydicoms(dumped):
    compared = 0
    for file, line, out in dumped:
        dataset, stored = reference(file)
        if stored is None or "error" in line or "refused" in line or not line["own_window"]:
            continue
        shown = numpy.stack([numpy.asarray(Image.open(f"{out}-{frame}.png")) for frame in range(line["frames"])])
        lossy = dataset.file_meta.TransferSyntaxUID in LOSSY
        if line["photometric"] == "PALETTE COLOR":
            expected = numpy.rint(apply_color_lut(stored, dataset) / 257.0)
        elif line["samples"] == 3:
            colours = pixel_array(dataset)
            expected = numpy.rint(colours * 255.0 / 65535) if colours.dtype.itemsize == 2 else colours
        else:
            values = apply_modality_lut(stored, dataset)
            ours = frames(line, out, "values", numpy.float32)
            assert lossy or numpy.allclose(ours, values.reshape(ours.shape), rtol=1e-6, atol=0), file.name
            expected = shown_greys(values, dataset)
        expected = expected.reshape((line["frames"],) + expected.shape[-2 if line["samples"] == 1 and
                                    line["photometric"] != "PALETTE COLOR" else -3:])
        if line["aspect"] != 1:
            continue
        assert shown.shape == expected.shape, file.name
        difference = numpy.abs(shown.astype(float) - expected)
        # A value in the middle of two greys may be rounded either way.
        assert difference.max() <= (4 if lossy else 1) and (lossy or (difference > 0).mean() < 0.01), (file.name, difference.max())
        compared += 1
    assert compared >= 2


def shown_greys(values, dataset):
    """0 to 255, by pydicom's window or table."""
    least, most = (0, 2**dataset.BitsStored - 1) if dataset.PixelRepresentation == 0 else (
        -(2**(dataset.BitsStored - 1)), 2**(dataset.BitsStored - 1) - 1)
    if "RescaleSlope" in dataset and "RescaleIntercept" in dataset:
        least, most = (value * dataset.RescaleSlope + dataset.RescaleIntercept for value in (least, most))
    if "WindowCenter" in dataset:
        values = apply_voi_lut(values, dataset, prefer_lut=False)
    grey = numpy.rint((values - float(least)) / float(most - least) * 255)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    if "PixelPaddingValue" in dataset:
        grey[pixel_array(dataset, raw=True) == dataset.PixelPaddingValue] = 0
    return grey


def test_afctl_reads_the_pictures_and_names_the_rest(service, dumped, tmp_path):
    pictures, others = tmp_path / "pictures", tmp_path / "others"
    images = refused = 0
    for number, (file, line, _) in enumerate(dumped):
        picture = "error" not in line and "refused" not in line
        # What is no DICOM file by its content or its name is left out, as any other file is.
        if not picture and file.suffix != ".dcm":
            continue
        folder = pictures if picture else others
        folder.mkdir(exist_ok=True)
        # A folder whose first DICOM file is a volume is read as one of volumes: those come last.
        shutil.copy(file, folder / f"{'z' if line.get('frames', 1) > 1 and not picture else ''}{number}.dcm")
        images += line["frames"] if picture else 0
        refused += not picture
    converted = service.afctl("dataset", "convert", pictures, tmp_path / "out")
    assert converted["images"] == images == len(list((tmp_path / "out" / "images").iterdir()))
    if refused:
        error = service.afctl("dataset", "convert", others, tmp_path / "none", expect=1)["error"]
        assert error["code"] == "INVALID_ARGUMENT" and not (tmp_path / "none").exists()
        assert refused == 1 or f"{refused} faults" in error["message"]
