"""Pairs in the forms of other programs, read by these programs' own rules."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import time

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from inputs import PAIRS
from processes import BIN
from synthetic_dicom import classes_of, read_pairs

LABELS = ["background", "polyp"]


@pytest.fixture(scope="module")
def plain(service, finished_job, tmp_path_factory):
    """The pairs as they are: by number, image and mask."""
    folder = tmp_path_factory.mktemp("plain")
    service.afctl("pairs", "pull", finished_job, folder)
    return {number: (pixels(folder / "images" / f"{number:06d}.png"), pixels(folder / "masks" / f"{number:06d}.png"))
            for number in range(1, PAIRS + 1)}


def pixels(path):
    return np.asarray(Image.open(path))


def structures_of(mask):
    """Each connected structure's number, from 1 on, with all eight neighbours; 0 outside."""
    numbers, count = np.zeros(mask.shape, int), 0
    for start in map(tuple, np.argwhere(mask)):
        if numbers[start]:
            continue
        count += 1
        waiting = [start]
        while waiting:
            row, column = waiting.pop()
            if 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and mask[row, column] and not numbers[row, column]:
                numbers[row, column] = count
                waiting += [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return numbers


def pull(service, job, folder, form, **options):
    return service.afctl("pairs", "pull", job, folder, "--format", form, **options)


def check_nnunet(folder):
    """nnU-Net v2's rules of a raw dataset, as its verify_dataset_integrity has them."""
    dataset = json.loads((folder / "dataset.json").read_text())
    assert {"labels", "channel_names", "numTraining", "file_ending"} <= set(dataset)
    ending = dataset["file_ending"]
    images = sorted((folder / "imagesTr").iterdir())
    cases = {re.fullmatch(rf"(.+)_\d{{4}}{re.escape(ending)}", path.name)[1] for path in images}
    assert len(cases) == len(images) == dataset["numTraining"]
    labels = sorted(dataset["labels"].values())
    assert labels == list(range(len(labels))) and dataset["labels"]["background"] == 0
    assert {path.name for path in (folder / "labelsTr").iterdir()} == {case + ending for case in cases}
    for case in cases:
        image, label = pixels(folder / "imagesTr" / f"{case}_0000{ending}"), pixels(folder / "labelsTr" / f"{case}{ending}")
        # Its reader of natural images takes each colour of the file for a channel.
        assert image.shape == (*label.shape, len(dataset["channel_names"])) and image.dtype == np.uint8
        assert set(np.unique(label)) <= set(labels)
    return cases


def test_nnunet_dataset_is_whole(service, finished_job, plain, tmp_path):
    folder = tmp_path / "Dataset501_Polyps"
    assert pull(service, finished_job, folder, "nnunet")["pulled"] == PAIRS
    assert check_nnunet(folder) == {f"{number:06d}" for number in plain}
    for number, (image, mask) in plain.items():
        assert (pixels(folder / "imagesTr" / f"{number:06d}_0000.png") == image).all()
        assert (pixels(folder / "labelsTr" / f"{number:06d}.png") == (mask == 255)).all()


def test_class_numbers_and_their_names(service, finished_job, plain, tmp_path):
    pull(service, finished_job, tmp_path / "pairs", "imagefolder")
    assert (tmp_path / "pairs" / "labels.txt").read_text().splitlines() == LABELS
    for number, (image, mask) in plain.items():
        assert (pixels(tmp_path / "pairs" / "images" / f"{number:06d}.png") == image).all()
        assert (pixels(tmp_path / "pairs" / "masks" / f"{number:06d}.png") == (mask == 255)).all()


def test_coco_instances_are_the_masks_structures(service, finished_job, plain, tmp_path):
    pull(service, finished_job, tmp_path / "pairs", "coco")
    coco = COCO(tmp_path / "pairs" / "annotations" / "instances.json")
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == LABELS[1:]
    images = coco.loadImgs(coco.getImgIds())
    assert [image["file_name"] for image in images] == [f"{number:06d}.png" for number in plain]
    structures = 0
    for image in images:
        mask = plain[image["id"]][1] == 255
        assert (image["height"], image["width"]) == mask.shape
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        numbers = structures_of(mask)
        assert len(annotations) == numbers.max()
        structures += len(annotations)
        drawn = np.zeros(mask.shape, int)
        for annotation in annotations:
            one = coco.annToMask(annotation)
            assert one.sum() == annotation["area"]
            rows, columns = np.nonzero(one)
            assert annotation["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert len(set(numbers[one == 1])) == 1 and annotation["iscrowd"] == 0
            drawn += one
        assert (drawn == mask).all()
    assert structures >= PAIRS / 2  # the test saw some


def test_dicom_files_are_the_pairs_and_marked_synthetic(service, finished_job, plain, tmp_path):
    assert pull(service, finished_job, tmp_path / "pairs", "dicom")["pulled"] == PAIRS
    pairs = read_pairs(tmp_path / "pairs")
    assert set(pairs) == set(plain)
    for number, (image, mask) in pairs.items():
        expected = plain[number][0]
        stored = image.pixel_array if image.SamplesPerPixel == 3 else np.repeat(image.pixel_array[..., None], 3, 2)
        assert (stored == expected).all()
        classes, names = classes_of(mask, image)
        assert names == LABELS[1:] and (classes[0] == (plain[number][1] == 255)).all()
    # What afctl itself would send of the folder, and that another pull gives the same files.
    service.afctl("dataset", "convert", tmp_path / "pairs", tmp_path / "out", "--labels", "polyp=1", "--stems", "keep")
    pull(service, finished_job, tmp_path / "again", "dicom")
    for number, (image, mask) in plain.items():
        assert (pixels(tmp_path / "out" / "images" / f"{number:06d}.png") == image).all()
        assert (pixels(tmp_path / "out" / "masks" / f"{number:06d}.png") == (mask == 255)).all()
        for kind in ("images", "masks"):
            first, second = (tmp_path / folder / kind / f"{number:06d}.dcm" for folder in ("pairs", "again"))
            assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("form, index, mask", [("nnunet", "dataset.json", "labelsTr"), ("imagefolder", "labels.txt", "masks"),
                                               ("coco", "annotations/instances.json", "masks"), ("dicom", None, "masks")])
def test_interrupted_export_goes_on(service, finished_job, tmp_path, form, index, mask):
    folder = tmp_path / "pairs"
    pull(service, finished_job, folder, form)
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    lines = (folder / "manifest.jsonl").read_text().splitlines(keepends=True)
    (folder / "manifest.jsonl").write_text("".join(lines[:20]) + lines[20][:30])
    if index:
        (folder / index).unlink()
    (spoiled,) = (folder / mask).glob("000004.*")
    spoiled.write_bytes(b"spoiled")
    summary = pull(service, finished_job, folder, form)
    assert (summary["pulled"], summary["repaired"]) == (PAIRS - 20, 1)
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    # Another form of the same pairs needs a folder of its own.
    pull(service, finished_job, folder, "folder", expect=1)
    assert f"format {form}" in service.stderr


class Shell:
    """bash on a terminal of its own, with afctl's completion."""

    def __init__(self, folder):
        script = subprocess.run([BIN / "afctl", "completion", "bash"], capture_output=True, text=True, check=True, timeout=60)
        (folder / "completion").write_text(script.stdout)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvp("bash", ["bash", "--noprofile", "--norc", "-i"])
        self.type("PS1= ; bind 'set enable-bracketed-paste off'; source ./completion; afctl() { printf '<%s>' \"$@\"; "
                  "printf '\\nen''d\\n'; }; afctl\n")
        self.read("end")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read(self, last):
        text, give_up = "", time.monotonic() + 30
        while last not in text:
            assert time.monotonic() < give_up, text
            if select.select([self.terminal], [], [], 1)[0]:
                text += os.read(self.terminal, 65536).decode()
        return text

    def complete(self, line):
        """The words that the command gets, once the line was completed with a tab."""
        self.type(line + "\t\n")
        return re.findall(r"<(.*?)>", self.read("end"))

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    yield shell
    shell.close()


@pytest.mark.parametrize("line, words", [
    ("afctl comp", ["completion"]),
    ("afctl job li", ["job", "list"]),
    ("afctl --json --server pairs job wat", ["--json", "--server", "pairs", "job", "watch"]),
    ("afctl pairs pull --fo", ["pairs", "pull", "--format"]),
    ("afctl pairs pull JOB DIR --format nn", ["pairs", "pull", "JOB", "DIR", "--format", "nnunet"]),
    ("afctl pairs pull JOB DIR --format di", ["pairs", "pull", "JOB", "DIR", "--format", "dicom"]),
    ("afctl pairs pull --format=im", ["pairs", "pull", "--format=imagefolder"]),
    ("afctl align --method rein", ["align", "--method", "reinhard"]),
    ("afctl job list --state ca", ["job", "list", "--state", "cancelled"]),
    ("afctl completion fi", ["completion", "fish"]),
    ("afctl dataset push colon 'my fo", ["dataset", "push", "colon", "my folder/"]),
    ("afctl --ca my\\ fi", ["--ca", "my file"]),
    ("afctl job list --json --serv", ["job", "list", "--json", "--server"]),
])
def test_bash_completes_commands_options_values_and_files(shell, tmp_path, line, words):
    (tmp_path / "my folder").mkdir()
    (tmp_path / "my file").touch()
    assert shell.complete(line) == words


@pytest.mark.parametrize("name, check", [("zsh", ["-f", "-n"]), ("fish", ["--no-config", "--no-execute"])])
def test_scripts_of_other_shells_are_in_their_language(tmp_path, name, check):
    script = subprocess.run([BIN / "afctl", "completion", name], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "imagefolder" in script and "set-retention" in script
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    (tmp_path / "script").write_text(script)
    done = subprocess.run([name, *check, tmp_path / "script"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
