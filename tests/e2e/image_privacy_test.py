"""What cameras and programs write into image files beside the pixels stays behind: nothing of it is in what comes out."""

import base64
import re
import struct

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from inputs import SETTINGS, set_options

PAIRS = 32
# Each place that can hold words has one of its own.
WORDS = {place: f"Zeppelin-{place}-7731" for place in ("exif", "text", "ztxt", "itxt", "comment", "icc", "xmp")}
PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def profile():
    """An sRGB profile whose description is ours: as many bytes, so that its table still fits."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for encoding in ("ascii", "utf-16-be"):
        word = WORDS["icc"].encode(encoding)
        at = made.find("sRGB".encode(encoding), 128)
        if at >= 0 and len(made) > at + len(word):
            return made[:at] + word + made[at + len(word):]
    return made + WORDS["icc"].encode()


def exif():
    made = Image.Exif()
    made[0x010E] = made[0x013B] = made[0x8298] = WORDS["exif"]  # description, artist, copyright
    return made


def plant(folder, kinds):
    """Writes each image of a folder anew, in the kinds of files by turns, with the words in every place that there is."""
    for number, file in enumerate(sorted(folder.iterdir())):
        image = Image.open(file)
        image.load()
        file.unlink()
        if kinds[number % len(kinds)] == "png":
            info = PngInfo()
            info.add_text("Comment", WORDS["text"])
            info.add_text("Software", WORDS["ztxt"], zip=True)
            info.add_itxt("XML:com.adobe.xmp", f"<x>{WORDS['xmp']}</x>")
            info.add_itxt("Patient", WORDS["itxt"])
            image.save(file.with_suffix(".png"), pnginfo=info, exif=exif(), icc_profile=profile())
        else:
            image.convert("RGB").save(file.with_suffix(".jpg"), quality=95, subsampling=0, exif=exif(), icc_profile=profile(),
                                      comment=WORDS["comment"], xmp=f"<x>{WORDS['xmp']}</x>".encode())


def chunks(png):
    at, kinds = 8, set()
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        kinds.add(kind)
        at += length + 12
    return kinds


def check(name, content):
    for word in [*WORDS.values(), "Zeppelin"]:
        assert word.encode() not in content and word.encode("utf-16-be") not in content, (name, word)
    if content.startswith(b"\x89PNG"):
        assert chunks(content) <= PIXEL_CHUNKS, (name, chunks(content))
    elif content.startswith(b"\xff\xd8"):  # JPEG: no EXIF and XMP, no profile, no comment
        assert not re.search(rb"\xff[\xe1\xe2\xfe]..(Exif|http|ICC_PROFILE)", content, re.S), name


@pytest.fixture(scope="module")
def planted(service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    for name, domain, count, seed in (("source", "source", 8, 11), ("references", "target-a", 3, 12)):
        service.afctl("phantom", folder / name, "--kind", "polyp", "--domain", domain, "--count", count, "--seed", seed)
    plant(folder / "source" / "images", ("png", "jpg"))
    plant(folder / "source" / "masks", ("png",))
    plant(folder / "references" / "images", ("jpg", "png"))
    # The words are really there: a test that finds none below has looked for something.
    text = b"".join(file.read_bytes() for file in folder.rglob("*.*"))
    for place in ("exif", "text", "itxt", "comment", "xmp"):
        assert WORDS[place].encode() in text, place
    service.afctl("dataset", "push", "planted", folder / "source", "--labels", "polyp=255")
    return folder


@pytest.mark.parametrize("method", ["alignflow", "framing", "reinhard"])
def test_no_words_of_the_files_are_in_what_comes_out(service, planted, tmp_path, method):
    settings = SETTINGS if method == "alignflow" else {"evaluate.segmenter": "none", "gates.enabled": "off"}
    job = service.afctl("align", "--source", "planted", "--references", planted / "references", "--pairs", PAIRS,
                        "--set", f"method={method}", *set_options(settings))["name"]
    service.afctl("job", "watch", job)
    service.afctl("pairs", "pull", job, tmp_path / "references")
    service.afctl("pairs", "pull", job, tmp_path / "view", "--frames", "view")
    service.afctl("report", job, "-o", tmp_path / "report.html")
    for folder in ("references", "view"):
        files = [file for file in (tmp_path / folder).rglob("*") if file.is_file()]
        assert len(files) > PAIRS
        for file in files:
            check(file.name, file.read_bytes())
    report = (tmp_path / "report.html").read_bytes()
    check("the report", report)
    pictures = re.findall(rb"data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)", report)
    for number, picture in enumerate(pictures):
        check(f"picture {number} of the report", base64.b64decode(picture))


def test_views_that_are_cut_here_have_none_either(service, planted, tmp_path):
    service.afctl("view", planted / "source", tmp_path / "cut", "--labels", "polyp=255")
    files = [file for file in (tmp_path / "cut").rglob("*.*") if file.is_file()]
    assert len(files) >= 16
    for file in files:
        check(file.name, file.read_bytes())
