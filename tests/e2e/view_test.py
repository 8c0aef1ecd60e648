"""Fields of view: cut from real folders, put back, and the frames of a job's pairs."""

import json

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from folders_test import REAL, SETS
from inputs import SETTINGS, check_pulled, set_options


@pytest.mark.parametrize("name", ["polyps/polypgen-c5", "fundus/drishti"])
def test_masks_of_a_real_set_come_back_within_the_view(service, tmp_path, name):
    folder = REAL / name
    if not folder.is_dir():
        pytest.skip(f"no real images of {name} on this machine: ../shared/realdata is not there")
    few = tmp_path / "few"
    for kind in ("images", "masks"):
        (few / kind).mkdir(parents=True)
        for file in sorted((folder / kind).iterdir())[:24]:
            (few / kind / file.name).symlink_to(file)
    # Links that lead out of the folder are refused; these are the test's own.
    for file in [*few.glob("*/*")]:
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    service.afctl("view", few, tmp_path / "views", "--labels", SETS[name])
    service.afctl("view", "--undo", tmp_path / "views", tmp_path / "views", tmp_path / "back")
    lost = whole = 0
    for file in sorted((few / "masks").iterdir()):
        mask, back = Image.open(file).convert("L"), Image.open(tmp_path / "back" / f"{file.stem}.png").convert("L")
        assert mask.size == back.size
        difference = ImageChops.difference(mask, back)
        whole += sum(mask.histogram()[1:])
        lost += sum(difference.histogram()[1:])
    assert lost <= 0.02 * whole, "lesions lie within the view"


def framed(folder, count, word=""):
    """Images whose view lies in the right half of a black frame, with a word beside it."""
    folder.mkdir(parents=True)
    for i in range(count):
        picture = Image.new("RGB", (192, 96), (4, 4, 4))
        tissue = Image.merge("RGB", [Image.effect_noise((90, 90), 30).point(lambda v, b=base: max(40, min(255, v - 128 + b)))
                                     for base in (170, 90, 70)])
        picture.paste(tissue, (99, 3))
        ImageDraw.Draw(picture).text((8, 40), word, fill=(250, 250, 250))
        picture.save(folder / f"{i}.png")
    return folder


def test_pairs_come_in_the_references_frames_and_as_views(service, data, tmp_path):
    references = framed(tmp_path / "references", 5, word="J. DOE 1970")
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    job = service.afctl("align", "--source", "source", "--references", references, "--pairs", 36, *set_options(SETTINGS))["name"]
    service.afctl("pairs", "pull", job, tmp_path / "framed")
    service.afctl("pairs", "pull", job, "--frames", "view", tmp_path / "views")
    check_pulled(tmp_path / "framed")
    check_pulled(tmp_path / "views")
    for line in map(json.loads, (tmp_path / "framed" / "manifest.jsonl").read_text().splitlines()):
        framing = line["record"]["framing"]
        assert framing["of"] == "references" and framing["reference"] in {"0", "1", "2", "3", "4"}
        image = Image.open(tmp_path / "framed" / line["image"]).convert("L")
        assert image.size == (64, 32) == Image.open(tmp_path / "framed" / line["mask"]).size
        assert image.crop((0, 0, 30, 32)).getextrema()[1] < 30, "no word, and no tissue, in the border"
        assert ImageStat.Stat(image.crop((36, 4, 60, 28))).mean[0] > 40, "tissue in the view"
        assert Image.open(tmp_path / "views" / line["image"]).size == (64, 64)
    service.afctl("pairs", "pull", job, tmp_path / "views", expect=1)
    assert "holds the pairs as views" in service.stderr


def test_a_job_without_frames_has_no_views(service, data, tmp_path):
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    job = service.afctl("align", "--source", "source", "--references", data / "references", "--pairs", 36,
                        *set_options({**SETTINGS, "framing": "none"}))["name"]
    service.afctl("pairs", "pull", job, tmp_path / "whole")
    service.afctl("pairs", "pull", job, "--frames", "view", tmp_path / "views", expect=1)
    assert "framing=none" in service.stderr
