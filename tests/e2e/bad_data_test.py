"""Data that can't end well is refused at submission, by afctl alone: with what is wrong, names and the remedy, and nothing is queued."""

import shutil

import pytest
from PIL import Image, ImageDraw

from inputs import SETTINGS, set_options

TINY = {**SETTINGS, "evaluate.segmenter": "unet", "evaluate.seeds": "1", "evaluate.iterations": "3", "evaluate.batch": "2"}


@pytest.fixture(scope="module")
def pushed(service, data):
    for name in ("source", "target"):
        service.afctl("dataset", "push", name, data / name, "--labels", "polyp=255")
    return data


def push(service, name, folder):
    return service.afctl("dataset", "push", name, folder, "--labels", "polyp=255")


def align(service, references, *options, source="source", settings=SETTINGS, expect=0):
    return service.afctl("align", "--source", source, "--references", references, "--pairs", "8", *set_options(settings),
                         *options, expect=expect)


def refused(service, references, *options, **more):
    """The message; no job was made."""
    before = len(service.afctl("job", "list")["jobs"])
    error = align(service, references, *options, **more, expect=1)["error"]
    assert error["code"] == "INVALID_ARGUMENT", error
    assert len(service.afctl("job", "list")["jobs"]) == before
    return error["message"]


def declared(service, references, *options, **more):
    """The warnings of a job, which is cancelled."""
    job = align(service, references, *options, **more)
    service.afctl("job", "cancel", job["name"])
    return job.get("warnings", [])


@pytest.fixture
def copy(pushed, tmp_path):
    """copy(NAME) copies one of the folders."""
    return lambda name: shutil.copytree(pushed / name, tmp_path / f"copy-of-{name}")


def test_target_that_is_the_source(service, pushed):
    message = refused(service, pushed / "references", "--target", "source")
    assert "--target source: 12 of the 12 images are no held-out ones" in message and "and 2 more" in message


def test_target_that_is_the_source_stored_anew(service, pushed, copy):
    folder = copy("source")
    for file in sorted((folder / "images").iterdir()):
        Image.open(file).resize((96, 96)).convert("RGB").save(file.with_suffix(".jpg"), quality=80)
        file.unlink()
        mask = folder / "masks" / file.name
        Image.open(mask).resize((96, 96), Image.Resampling.NEAREST).save(mask)
    push(service, "source-anew", folder)
    assert "12 of the 12 images" in refused(service, pushed / "references", "--target", "source-anew")


def test_references_copied_from_the_target(service, pushed, tmp_path):
    (tmp_path / "references").mkdir()
    files = sorted((pushed / "target" / "images").iterdir())
    for file in files[:5]:
        shutil.copy(file, tmp_path / "references")
    message = refused(service, tmp_path / "references", "--target", "target")
    assert "5 of the 8 images" in message and f"{files[0].stem} = {files[0].stem}" in message
    # Few are left out of the figures.
    for file in files[2:5]:
        (tmp_path / "references" / file.name).unlink()
    assert any("2 of the 8 images" in text and "figures leave them out" in text
               for text in declared(service, tmp_path / "references", "--target", "target"))


def test_references_that_are_the_sources(service, pushed):
    assert "give images of the other domain" in refused(service, pushed / "source" / "images")


def test_copies_of_one_reference_count_once(service, pushed, tmp_path):
    (tmp_path / "references").mkdir()
    for i in range(10):
        shutil.copy(pushed / "references" / "images" / "000001.png", tmp_path / "references" / f"copy-{i}.png")
    warnings = declared(service, tmp_path / "references")
    assert any("9 of the 10 files are there twice" in text and "there are 1" in text for text in warnings)
    assert any("a single reference" in text for text in warnings)
    assert "only 1 references are given" in refused(service, tmp_path / "references", "--set", "align.references=3")


def test_one_source_pair(service, pushed, copy):
    folder = copy("source")
    for kind in ("images", "masks"):
        for file in sorted((folder / kind).iterdir())[1:]:
            file.unlink()
    push(service, "one-pair", folder)
    assert "at least 2 are needed" in refused(service, pushed / "references", source="one-pair")


def test_copies_of_one_source_image(service, pushed, copy):
    folder = copy("source")
    for file in (folder / "images").iterdir():
        shutil.copy(pushed / "source" / "images" / "000001.png", file)
    push(service, "copies", folder)
    assert "1 different source image" in refused(service, pushed / "references", source="copies")


def test_masks_of_nothing(service, pushed, copy):
    folder = copy("source")
    for file in (folder / "masks").iterdir():
        Image.new("L", (64, 64)).save(file)
    push(service, "empty-masks", folder)
    message = refused(service, pushed / "references", source="empty-masks")
    assert "none of its 12 masks shows anything but background" in message


def test_lesions_that_vanish(service, pushed, copy):
    folder = copy("source")
    for file in (folder / "images").iterdir():
        Image.open(file).resize((640, 640)).save(file)
        mask = Image.new("L", (640, 640))
        for i in range(20):
            ImageDraw.Draw(mask).rectangle((23 + 29 * i, 23 + 27 * i, 25 + 29 * i, 23 + 27 * i), fill=255)
        mask.save(folder / "masks" / file.name)
    push(service, "tiny-lesions", folder)
    message = refused(service, pushed / "references", source="tiny-lesions")
    assert "of 240 polyp structures" in message and "vanish at 64 px" in message


def test_small_lesions_name_the_preset_that_keeps_them(service, pushed, copy):
    folder = copy("source")
    for file in (folder / "images").iterdir():
        Image.open(file).resize((640, 640)).save(file)
        mask = Image.new("L", (640, 640))
        for i in range(8):
            ImageDraw.Draw(mask).rectangle((30 + 71 * i, 31 + 67 * i, 35 + 71 * i, 36 + 67 * i), fill=255)
        mask.save(folder / "masks" / file.name)
    push(service, "small-lesions", folder)
    message = refused(service, pushed / "references", source="small-lesions")
    assert "with --preset unet-128 0 vanish" in message
    assert declared(service, pushed / "references", "--preset", "unet-128", source="small-lesions") == []


def test_evaluation_that_can_show_nothing_is_declared(service, pushed):
    warnings = declared(service, pushed / "references", "--target", "target", settings=TINY)
    assert any("`not measured`" in text and "1 run on each side, needs 3" in text for text in warnings)
    message = refused(service, pushed / "references", "--target", "target",
                      settings={**TINY, "evaluate.synthetic_share": "0"})
    assert "both sides would be the same models" in message
