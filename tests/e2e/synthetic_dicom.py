"""Pairs that were pulled as DICOM files, as pydicom reads them."""

import json

import numpy as np
import pydicom

IMAGES = {False: "Secondary Capture Image Storage", True: "Multi-frame Grayscale Word Secondary Capture Image Storage"}


def read_pairs(folder, volumes=False):
    """By number: image, mask. Asserts what all files must say, and that no two objects share a UID."""
    pairs, uids = {}, []
    for line in map(json.loads, (folder / "manifest.jsonl").read_text().splitlines()):
        image, mask = pydicom.dcmread(folder / line["image"]), pydicom.dcmread(folder / line["mask"])
        assert image.SOPClassUID.name == IMAGES[volumes] and mask.SOPClassUID.name == "Segmentation Storage"
        for dataset in (image, mask):
            check_marked(dataset, line)
            assert dataset.StudyInstanceUID == image.StudyInstanceUID and dataset.PatientID == image.PatientID
            uids += [dataset.SOPInstanceUID, dataset.SeriesInstanceUID]
        # What is made of a source image may still show writing over tissue, or a face.
        of_no_source = line["record"]["synthetic"] == "generated"
        assert mask.PatientIdentityRemoved == "YES" and image.get("PatientIdentityRemoved") == ("YES" if of_no_source else None)
        assert image.get("BurnedInAnnotation") == ("NO" if volumes or of_no_source else None)
        uids.append(image.StudyInstanceUID)
        pairs[line["pair"]] = image, mask
    assert len(set(uids)) == len(uids) and all(uid.startswith("2.25.") and uid.is_valid for uid in uids)
    return pairs


def check_marked(dataset, line):
    job = line["job"].split("/")[1]
    assert dataset.SyntheticData == "YES" and dataset.ImageType[0] == "DERIVED"
    assert dataset.PatientID == f"SYNTHETIC-{job}-{line['pair']:06d}" and str(dataset.PatientName).startswith("SYNTHETIC^")
    assert not dataset.PatientBirthDate and not dataset.PatientSex and not dataset.ReferringPhysicianName
    (purpose,) = dataset.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109100", "DCM")
    kind = line["record"]["synthetic"]
    assert kind in dataset.SeriesDescription
    assert f"({kind})" in dataset.ImageComments and f"pair {line['pair']} of {line['job']}" in dataset.ImageComments
    assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian


def classes_of(mask, image):
    """Class numbers on the image's frames, and the names of classes 1, 2, ..."""
    names = [segment.SegmentLabel for segment in mask.SegmentSequence]
    assert [segment.SegmentNumber for segment in mask.SegmentSequence] == list(range(1, len(names) + 1))
    frames = int(image.get("NumberOfFrames", 1))
    classes = np.zeros((frames, image.Rows, image.Columns), int)
    drawn = mask.pixel_array.reshape(-1, mask.Rows, mask.Columns)
    assert len(drawn) == len(mask.PerFrameFunctionalGroupsSequence) == mask.NumberOfFrames
    for pixels, groups in zip(drawn, mask.PerFrameFunctionalGroupsSequence):
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert (source.ReferencedSOPInstanceUID, source.ReferencedSOPClassUID) == (image.SOPInstanceUID, image.SOPClassUID)
        frame = int(source.get("ReferencedFrameNumber", 1)) - 1
        if frames > 1:
            place = image.PerFrameFunctionalGroupsSequence[frame].PlanePositionSequence[0].ImagePositionPatient
            assert groups.PlanePositionSequence[0].ImagePositionPatient == place
        assert not classes[frame][pixels == 1].any(), "segments do not overlap"
        classes[frame][pixels == 1] = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    return classes, names


def affine_of(image):
    """From (column, row, frame) to the patient's right, front and up, as NIfTI has it."""
    shared = image.SharedFunctionalGroupsSequence[0]
    down, across = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    directions = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    places = np.array([groups.PlanePositionSequence[0].ImagePositionPatient for groups in image.PerFrameFunctionalGroupsSequence],
                      float)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = directions[0] * across, directions[1] * down
    affine[:3, 2], affine[:3, 3] = (places[-1] - places[0]) / (len(places) - 1), places[0]
    np.testing.assert_allclose(places, places[0] + np.outer(np.arange(len(places)), affine[:3, 2]), atol=1e-3)
    return np.diag([-1, -1, 1, 1]) @ affine
