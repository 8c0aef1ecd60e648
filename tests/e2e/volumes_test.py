"""Volumes as a hospital has them become synthetic volumes with masks: through the real programs, killed and resumed."""

import gzip
import hashlib
import json

import nibabel
import numpy
import pytest

from folders_test import REAL
from inputs import set_options
from processes import poll
from synthetic_dicom import affine_of, classes_of, read_pairs

PAIRS = 5
QUICK = {"fit.iterations": "6", "fit.batch": "2", "align.iterations": "4", "align.batch": "2", "align.pool": "4",
         "align.check_interval": "2", "generate.steps": "2", "judge.iterations": "2", "gates.mask_agreement": "0",
         "evaluate.iterations": "3", "evaluate.seeds": "1", "figures.samples": "8"}
WORD = b"Zeppelin"


@pytest.fixture(scope="module")
def volumes(service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    for name, domain, count, seed in (("source", "source", 4, 1), ("references", "target-a", 4, 2), ("target", "target-a", 4, 3)):
        service.afctl("phantom", folder / name, "--kind", "volume", "--domain", domain, "--count", count, "--seed", seed,
                      "--size", 24)
    return folder


def start(service, volumes, settings=None):
    for name, folder in (("ct", "source"), ("ct-target", "target")):
        service.afctl("dataset", "push", name, volumes / folder, "--labels", "organ=1,lesion=2", "--window", "ct-soft-tissue")
    return service.afctl("align", "--source", "ct", "--references", volumes / "references" / "images", "--window",
                         "ct-soft-tissue", "--preset", "unet3d-32", "--target", "ct-target", "--pairs", PAIRS,
                         *set_options({**QUICK, **(settings or {})}))["name"]


def check_pulled(folder, source):
    """Asserts that a pulled folder holds each pair once, each where its source volume lies. Returns the files' digests."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert [line["pair"] for line in lines] == list(range(1, PAIRS + 1))
    digests = {}
    for line in lines:
        image, mask = nibabel.load(folder / line["image"]), nibabel.load(folder / line["mask"])
        origin = nibabel.load(source / "masks" / f"{line['record']['mask']}.nii.gz")
        assert image.shape == mask.shape and max(image.shape) == 128
        numpy.testing.assert_array_equal(image.affine, mask.affine)
        for grid in (image, mask):  # as large as the volume, and in its place
            def corners(nifti):
                ends = numpy.array([[-0.5, -0.5, -0.5, 1], [side - 0.5 for side in nifti.shape] + [1]])
                return ends @ nifti.affine.T
            numpy.testing.assert_allclose(corners(grid), corners(origin), atol=1e-2)
        values = numpy.asarray(image.dataobj)
        assert -160 <= values.min() < values.max() <= 240, "Hounsfield units within the window"
        assert set(numpy.unique(numpy.asarray(mask.dataobj))) <= {0, 1, 2} and numpy.asarray(mask.dataobj).any()
        for kind in ("image", "mask"):
            digests[line[kind]] = hashlib.sha256((folder / line[kind]).read_bytes()).hexdigest()
            assert digests[line[kind]] == line[f"{kind}_sha256"]
    return digests


@pytest.fixture(scope="module")
def pulled(service, volumes, tmp_path_factory):
    """A job that nothing disturbed, and the digests of its pairs."""
    job = start(service, volumes)
    service.afctl("job", "watch", job)
    folder = tmp_path_factory.mktemp("pulled") / "pairs"
    service.afctl("pairs", "pull", job, folder)
    return job, check_pulled(folder, volumes / "source"), folder


def test_a_job_makes_volumes_in_the_place_and_values_of_their_sources(service, pulled):
    job, digests, folder = pulled
    assert len(set(digests[f"images/{pair:06d}.nii.gz"] for pair in range(1, PAIRS + 1))) == PAIRS
    assert (folder / "contact-sheet.png").stat().st_size > 1000
    figures = json.loads((folder / "figures.json").read_text())
    of_slices = {figure["name"] for figure in figures if "three slices" in figure.get("note", "")}
    assert {"mmd to target", "fd (filter bank) to target", "near copies (percent)"} <= of_slices
    assert not {"mask agreement", "dice of organ on target (percent)"} & of_slices
    found = {(figure["name"], figure["subject"]) for figure in figures if figure["value"] is not None}
    for name, subject in (("mmd to target", "stage 2"), ("mask agreement", "pairs"), ("near copies (percent)", "pairs"),
                          ("dice of organ on target (percent)", "real + pairs")):
        assert (name, subject) in found, found
    records = [json.loads(line)["record"] for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert {record["synthetic"] for record in records} == {"restyled", "recoloured"}
    assert all(record["gates"]["passed"] for record in records)
    state = service.afctl("job", "get", job)
    assert state["state"] == "JOB_STATE_SUCCEEDED", state


def test_a_report_shows_the_slices(service, pulled, tmp_path):
    service.afctl("report", pulled[0], "-o", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "unet3d-32" in text and "iVBORw0KGgo" in text


def test_a_job_that_is_killed_goes_on_to_the_same_bytes(new_service, volumes, pulled, tmp_path):
    service = new_service().start_coordinator().start_worker()
    job = start(service, volumes)
    for stage in ("fit", "align", "generate"):
        poll(lambda: {stage["id"]: stage["state"] for stage in service.afctl("job", "get", job)["stages"]}[stage] not in
             ("STAGE_STATE_WAITING", "STAGE_STATE_QUEUED"), 300, f"{stage} to begin")
        service.restart_worker()
    service.restart_coordinator()
    service.afctl("job", "watch", job)
    service.afctl("pairs", "pull", job, tmp_path / "pairs")
    assert check_pulled(tmp_path / "pairs", volumes / "source") == pulled[1]


def test_nnunet_reads_the_pairs_as_a_dataset(service, pulled, tmp_path):
    service.afctl("pairs", "pull", pulled[0], tmp_path / "Dataset501_ct", "--format", "nnunet")
    index = json.loads((tmp_path / "Dataset501_ct" / "dataset.json").read_text())
    assert index["file_ending"] == ".nii.gz" and index["labels"] == {"background": 0, "organ": 1, "lesion": 2}
    image = nibabel.load(tmp_path / "Dataset501_ct" / "imagesTr" / "000001_0000.nii.gz")
    label = nibabel.load(tmp_path / "Dataset501_ct" / "labelsTr" / "000001.nii.gz")
    assert image.shape == label.shape
    refused = service.afctl("pairs", "pull", pulled[0], tmp_path / "coco", "--format", "coco", expect=1)["error"]
    assert "volumes" in refused["message"] and not (tmp_path / "coco").exists()


def test_dicom_files_hold_the_volumes_in_their_place(service, pulled, tmp_path):
    for form in ("folder", "dicom"):
        service.afctl("pairs", "pull", pulled[0], tmp_path / form, "--format", form)
    pairs = read_pairs(tmp_path / "dicom", volumes=True)
    assert set(pairs) == set(range(1, PAIRS + 1))
    for number, (image, mask) in pairs.items():
        volume, labels = (nibabel.load(tmp_path / "folder" / kind / f"{number:06d}.nii.gz") for kind in ("images", "masks"))
        # Columns go to the left and rows to the back, frames up.
        def frames(nifti):
            return numpy.asarray(nifti.dataobj)[::-1, ::-1].T
        values = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        numpy.testing.assert_array_equal(values, frames(volume))
        classes, names = classes_of(mask, image)
        assert names == ["organ", "lesion"]
        numpy.testing.assert_array_equal(classes, frames(labels))
        turned = volume.affine @ [[-1, 0, 0, volume.shape[0] - 1], [0, -1, 0, volume.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1]]
        numpy.testing.assert_allclose(affine_of(image), turned, atol=1e-3)
        assert mask.FrameOfReferenceUID == image.FrameOfReferenceUID
        assert (image.WindowCenter, image.WindowWidth) == (40, 400), "ct-soft-tissue"
    # What afctl itself would send of the folder: the same voxels, under the same window.
    service.afctl("dataset", "convert", tmp_path / "dicom", tmp_path / "out", "--labels", "organ=1,lesion=2", "--window",
                  "ct-soft-tissue", "--stems", "keep")
    for file in sorted((tmp_path / "folder").glob("*s/*.nii.gz")):
        ours, theirs = (nibabel.load(path) for path in (tmp_path / "out" / file.relative_to(tmp_path / "folder"), file))
        numpy.testing.assert_array_equal(numpy.asarray(ours.dataobj), numpy.asarray(theirs.dataobj))
        numpy.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-3)


def test_the_python_client_pulls_the_same_files(service, pulled, tmp_path):
    import alignflow

    with alignflow.connect(service.address) as client:
        assert client.pull(pulled[0], tmp_path / "pairs").pairs == PAIRS
        first = next(iter(client.pairs(pulled[0])))
        with pytest.raises(ValueError, match="nibabel"):
            first.image_array()
    for name, digest in pulled[1].items():
        assert hashlib.sha256((tmp_path / "pairs" / name).read_bytes()).hexdigest() == digest
    # A folder that afctl has begun is the same to it.
    assert service.afctl("pairs", "pull", pulled[0], tmp_path / "pairs")["pulled"] == 0


def refuse(service, *arguments):
    error = service.afctl(*arguments, expect=1)["error"]
    assert error["code"] in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"), error
    return error["message"]


def test_what_works_on_pictures_alone_is_refused_before_anything_is_computed(service, volumes, data, pulled):
    ask = ("align", "--source", "ct", "--pairs", 2, "--references")
    references = volumes / "references" / "images"
    assert "--preset unet3d-32" in refuse(service, *ask, references)
    for setting, word in (("method=framing", "view"), ("framing=references", "view"), ("masks.kind=both", "masks"),
                          ("judge.segmenter=unet-lite0", "U-Net"), ("evaluate.segmenter=dpt", "U-Net")):
        assert word in refuse(service, *ask, references, "--preset", "unet3d-32", "--set", setting)
    assert "references of the same kind" in refuse(service, *ask, data / "references", "--preset", "unet3d-32")
    service.afctl("dataset", "push", "polyps", data / "source", "--labels", "polyp=255")
    assert "--target polyps is of pictures" in refuse(service, *ask, references, "--preset", "unet3d-32", "--target", "polyps")
    assert "is of pictures" in refuse(service, "align", "--source", "polyps", "--pairs", 2, "--references", references,
                                      "--preset", "unet3d-32")


def test_no_word_of_a_header_is_sent_or_stored(new_service, volumes, tmp_path):
    service = new_service().start_coordinator()
    planted = 0
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
        for file in sorted((volumes / "source" / kind).iterdir()):
            image = nibabel.load(file)
            image = nibabel.Nifti1Image(numpy.asarray(image.dataobj), image.affine)
            for field in ("descrip", "aux_file", "intent_name", "db_name"):
                image.header[field] = WORD
            for code in (2, 6):  # DICOM, comment
                image.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, WORD + b" Jane"))
            target = tmp_path / "set" / kind / file.name
            nibabel.save(image, target)
            planted += gzip.decompress(target.read_bytes()).count(WORD)
    assert planted >= 8 * 5, "the words are really there"
    service.afctl("dataset", "push", "planted", tmp_path / "set", "--labels", "organ=1,lesion=2")
    packed = 0
    for file in service.state_dir().rglob("*"):
        if not file.is_file():
            continue
        content = file.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            packed += 1
            content += gzip.decompress(content)
        assert WORD not in content and b"Jane" not in content, file
    assert packed == 8


def test_a_real_ct_in_slabs_becomes_new_volumes(service, tmp_path):
    real = REAL / "volumes" / "spleen-ct-nifti"
    if not real.is_dir():
        pytest.skip("no real volumes on this machine: ../shared/realdata is not there")
    # As if of two scanners: the references' slabs are brighter.
    for kind in ("images", "masks"):
        for folder in ("slabs", "bright"):
            (tmp_path / folder / kind).mkdir(parents=True)
        whole = nibabel.load(next((real / kind).iterdir()))
        for number, first in enumerate((0, 4, 8)):
            slab = whole.slicer[:, :, first:first + 18]
            nibabel.save(slab, tmp_path / "slabs" / kind / f"slab{number}.nii.gz")
            values = numpy.asarray(slab.dataobj) + (60 if kind == "images" else 0)
            nibabel.save(nibabel.Nifti1Image(values.astype(numpy.int16), slab.affine),
                         tmp_path / "bright" / kind / f"slab{number}.nii.gz")
    pushed = service.afctl("dataset", "push", "spleen", tmp_path / "slabs", "--window", "ct-abdomen", "--labels", "spleen=1")
    assert "164x166x18" in json.dumps(pushed)
    job = service.afctl("align", "--source", "spleen", "--references", tmp_path / "bright" / "images", "--window", "ct-abdomen",
                        "--preset", "unet3d-32", "--pairs", 2, *set_options({**QUICK, "gates.memorization": "0"}))["name"]
    service.afctl("job", "watch", job)
    service.afctl("pairs", "pull", job, tmp_path / "pairs")
    image, mask = (nibabel.load(tmp_path / "pairs" / kind / "000001.nii.gz") for kind in ("images", "masks"))
    assert image.shape == mask.shape == (126, 128, 87), "proportions are those in millimetres: 130 x 132 x 90"
    values = numpy.asarray(image.dataobj)
    assert numpy.asarray(mask.dataobj).any() and -150 <= values.min() < values.max() <= 250

    def level(values):  # of the body within the window
        return numpy.median(values[(values > -100) & (values < 250)])
    slab = numpy.asarray(nibabel.load(tmp_path / "slabs" / "images" / "slab0.nii.gz").dataobj)
    recoloured = numpy.asarray(nibabel.load(tmp_path / "pairs" / "images" / "000002.nii.gz").dataobj)
    assert level(recoloured) > level(slab) + 20, "the recoloured pair has the references' look"
