"""Nothing of a DICOM file but its pixels leaves the machine: words in every element and in the files' names are nowhere."""

import numpy
import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset, FileMetaDataset
from PIL import Image

from inputs import SETTINGS, set_options

WORD = "Zeppelin"
TEXTS = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}


def planted(number):
    """A CT slice with the word in every element of the standard that holds text, in private ones and in an overlay."""
    dataset = Dataset()
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        if vr in TEXTS and keyword and tag >> 16 > 0x0008:
            dataset.add_new(tag, vr, f"{WORD}-{number}"[:16])
    dataset.PatientName = f"{WORD}^Jane"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{number}"
    dataset.Modality, dataset.InstitutionName, dataset.StudyDate = "CT", WORD, "19700101"
    dataset.OtherPatientIDsSequence = [Dataset()]
    dataset.OtherPatientIDsSequence[0].PatientID = WORD
    block = dataset.private_block(0x0041, f"{WORD} 1.0", create=True)
    block.add_new(1, "LO", WORD)
    block.add_new(2, "OB", WORD.encode() * 2)
    dataset.add_new(0x60003000, "OW", WORD.encode() * 8)
    dataset.DataSetTrailingPadding = WORD.encode()
    pixels = numpy.random.default_rng(number).integers(0, 2000, (64, 64)).astype(numpy.int16)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 64, 64, 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.WindowCenter, dataset.WindowWidth = -1024, 1, 40, 400
    dataset.PixelData = pixels.tobytes()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.SourceApplicationEntityTitle = WORD
    return dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("planted")
    for kind in ("images", "masks", "references"):
        (root / kind).mkdir()
    for number in range(6):
        name = f"{WORD}^Jane^{number}"
        planted(number).save_as(root / "images" / name, enforce_file_format=True)
        mask = numpy.zeros((64, 64), numpy.uint8)
        mask[16:48, 16:48] = 255
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
        planted(100 + number).save_as(root / "references" / f"{name}.dcm", enforce_file_format=True)
    text = (root / "images" / f"{WORD}^Jane^0").read_bytes()
    assert text.count(WORD.encode()) > 500, "the words are really there"
    return root


def test_no_word_is_sent_or_stored(new_service, folder, tmp_path):
    service = new_service().start_coordinator()
    (tmp_path / "set").mkdir()
    for kind in ("images", "masks"):
        (folder / kind).rename(tmp_path / "set" / kind)
    service.afctl("dataset", "push", "planted", tmp_path / "set", "--labels", "organ=255", "--window", "ct-abdomen")
    job = service.afctl("align", "--source", "planted", "--references", folder / "references", "--pairs", 8,
                        *set_options(SETTINGS))["name"]
    service.afctl("job", "cancel", job)
    seen = pngs = 0
    for file in service.state_dir().rglob("*"):
        if not file.is_file():
            continue
        content = file.read_bytes()
        seen += 1
        pngs += content.startswith(b"\x89PNG")
        for word in (WORD.encode(), WORD.encode("utf-16-le"), WORD.encode("utf-16-be"), b"Jane", b"DICM"):
            assert word not in content, file
    assert seen > pngs >= 12
