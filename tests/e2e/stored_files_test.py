"""Whole jobs on files as hospitals store them: masks in colours, pictures that lie on their side."""

import json

from PIL import Image, ImageOps

from inputs import SETTINGS, check_pulled, set_options

PAIRS = 8
SMALL = {**SETTINGS, "fit.iterations": "4", "align.iterations": "2", "generate.steps": "2"}
# New masks are made, and models are tested on a target.
WITH_MASKS = {
    **SMALL, "masks.kind": "both", "masks.iterations": "2", "masks.batch": "2", "masks.candidates": "1",
    "evaluate.segmenter": "unet", "evaluate.seeds": "1", "evaluate.iterations": "2", "evaluate.batch": "2",
}
RED, BLACK = (255, 0, 0), (0, 0, 0)
# What turns a picture as its EXIF orientation says, undone.
STORED = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def pulled(service, folder, source, references, *options, settings):
    """The digests of the files that a job's pairs are pulled to, by name."""
    job = service.afctl("align", "--source", source, "--references", references, "--pairs", PAIRS,
                        *set_options(settings), *options)["name"]
    service.afctl("pairs", "pull", job, folder)
    return check_pulled(folder, PAIRS)


def in_red(mask):
    """A mask whose structures are white, in red on black."""
    return Image.composite(Image.new("RGB", mask.size, RED), Image.new("RGB", mask.size, BLACK), mask.convert("L"))


def test_masks_in_colours_come_back_in_these_colours(service, data, tmp_path):
    """The target's masks are grey: names and order of the classes are what must be the same."""
    for kind in ("images", "masks"):
        (tmp_path / "red" / kind).mkdir(parents=True)
        for file in (data / "source" / kind).iterdir():
            image = Image.open(file)
            (in_red(image) if kind == "masks" else image).save(tmp_path / "red" / kind / file.name)
    service.afctl("dataset", "push", "target", data / "target", "--labels", "polyp=255")
    for name, folder, labels in (("grey-masks", data / "source", "polyp=255"),
                                 ("red-masks", tmp_path / "red", "polyp=#ff0000")):
        service.afctl("dataset", "push", name, folder, "--labels", labels)
    red, grey = (pulled(service, tmp_path / f"{name}-pairs", name, data / "references", "--target", "target",
                        settings=WITH_MASKS) for name in ("red-masks", "grey-masks"))
    kinds = set()
    for line in (tmp_path / "red-masks-pairs" / "manifest.jsonl").read_text().splitlines():
        pair = json.loads(line)
        kinds.add(pair["record"]["mask_kind"])
        assert red[pair["image"]] == grey[pair["image"]]
        mask = Image.open(tmp_path / "red-masks-pairs" / pair["mask"])
        assert mask.mode == "RGB" and {colour for _, colour in mask.getcolors()} == {RED, BLACK}
        assert mask.tobytes() == in_red(Image.open(tmp_path / "grey-masks-pairs" / pair["mask"])).tobytes()
    assert kinds == {"real", "synthetic"}


def turn(folder, other, first, ending):
    """Cuts an oblong out of each image of `folder`. It lies in `other`/turned in one of the eight orientations, of
    which the first image has `first`, with a note of it; and in `other`/upright as Pillow turns it by that note."""
    turned, upright = other / "turned" / folder.name, other / "upright" / folder.name
    for made in (turned, upright):
        made.mkdir(parents=True)
    for i, file in enumerate(sorted(folder.iterdir())):
        orientation = (first + i - 1) % 8 + 1
        image = Image.open(file).crop((0, 0, 64, 48))
        stored = image if STORED[orientation] is None else image.transpose(STORED[orientation])
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.save(turned / f"{file.stem}{ending}", exif=exif, quality=95, subsampling=0)  # PNG knows no quality
        again = Image.open(turned / f"{file.stem}{ending}")
        assert again.size == ((48, 64) if orientation > 4 else (64, 48))
        ImageOps.exif_transpose(again).save(upright / file.name)
        assert ending == ".jpg" or Image.open(upright / file.name).tobytes() == image.tobytes()


def test_pairs_of_turned_pictures_are_those_of_upright_ones(service, data, tmp_path):
    # An image and its mask are stored in different orientations: each has its own note.
    turn(data / "source" / "images", tmp_path / "source", first=1, ending=".jpg")
    turn(data / "source" / "masks", tmp_path / "source", first=4, ending=".png")
    turn(data / "references" / "images", tmp_path / "references", first=6, ending=".jpg")
    pairs = {}
    for form in ("upright", "turned"):
        pushed = service.afctl("dataset", "push", form, tmp_path / "source" / form, "--labels", "polyp=255")
        assert pushed["largest"] == "64x48"
        assert ("turned as the EXIF orientation says" in service.stderr) == (form == "turned")
        pairs[form] = pulled(service, tmp_path / f"{form}-pairs", form, tmp_path / "references" / form, settings=SMALL)
    assert pairs["turned"] == pairs["upright"]
