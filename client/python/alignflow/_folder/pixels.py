"""Every pixel of a file, decoded by Pillow: the rule of docs/data.md, which the coordinator and its workers apply again."""

from __future__ import annotations

import dataclasses
import pathlib

from PIL import Image, ImageChops, UnidentifiedImageError

from alignflow._folder.labels import Labels

_MOST_BYTES = 256 << 20
_MOST_PIXELS = 64 << 20
_MOST_SIDE = 65535
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
_NEAR, _MOST_FAR = 16, 0.02  # how far loss moves a value, and the share of pixels that it may move further


class Unusable(Exception):
    """Why a file can't be used, and what to do: (reason, remedy)."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(reason)
        self.remedy = remedy


@dataclasses.dataclass(frozen=True)
class Facts:
    size: tuple[int, int]  # width and height, once turned as the file's orientation says
    greatest_sample: int = 0  # of 16-bit images
    histogram: tuple[int, ...] = ()  # of a mask of grey values: pixels of each


def _open(path: pathlib.Path) -> Image.Image:
    size = path.stat().st_size
    if not 0 < size <= _MOST_BYTES:
        raise Unusable("is empty" if size == 0 else "has more than 256 MiB", "store it again, or leave it out")
    image = Image.open(path, formats=_FORMATS)
    if image.width * image.height > _MOST_PIXELS or max(image.size) > _MOST_SIDE:
        raise Unusable(f"has {image.width}x{image.height} pixels, more than 64 megapixels", "make the picture smaller")
    return image


def _decoded(path: pathlib.Path) -> Image.Image:
    try:
        image = _open(path)
        image.load()
    except UnidentifiedImageError:
        raise Unusable("is no PNG, JPEG, BMP, TIFF or WebP file", "export it as PNG, or leave it out") from None
    except Image.DecompressionBombError:
        raise Unusable("has more than 64 megapixels", "make the picture smaller") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Unusable(f"is damaged, or not to be read ({error})", "export it again as PNG, or leave it out") from None
    return image


def _turned_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if image.getexif().get(0x0112, 1) >= 5 else (width, height)


def _deep_bits(path: pathlib.Path, image: Image.Image) -> bool:
    """Whether samples have 16 bits; Pillow hands out those of colours as 8."""
    if image.format == "PNG":
        with open(path, "rb") as file:
            return file.read(25)[24:25] == b"\x10"
    if image.format == "TIFF":
        return 16 in image.tag_v2.get(258, (1,))  # type: ignore[attr-defined]
    return False


def _greatest(extrema: object) -> int:
    pairs = extrema if isinstance(extrema[0], tuple) else (extrema,)  # type: ignore[index]
    return int(max(pair[1] for pair in pairs))  # type: ignore[attr-defined]


def check_image(path: pathlib.Path) -> Facts:
    image = _decoded(path)
    greatest = 0
    if _deep_bits(path, image):
        bands = image.getbands()
        colours = image if len(bands) < 4 else image.convert("RGB")
        greatest = _greatest(colours.getextrema())
        if not image.mode.startswith("I"):
            greatest = greatest << 8 | 0xff  # of the upper 8 bits, which tell how many there are
    return Facts(_turned_size(image), greatest_sample=greatest)


def _without_alpha(mask: Image.Image) -> Image.Image:
    if mask.mode not in ("LA", "RGBA"):
        return mask
    low, high = mask.getchannel("A").getextrema()
    if low != high:
        raise Unusable("the mask's transparency differs from pixel to pixel, so its label values are not clear",
                       "flatten it onto one background and store it without transparency")
    return mask.convert("L" if mask.mode == "LA" else "RGB")


def _greys(mask: Image.Image, lossy: bool) -> Image.Image:
    """One channel of values, of what has no colours."""
    if mask.mode in ("1", "L"):
        return mask.convert("L")
    if mask.mode == "P":
        colours = mask.convert("RGB")
        return mask if _coloured(colours, False) else colours.getchannel(0)
    if mask.mode.startswith("I"):
        if _greatest(mask.getextrema()) > 255:
            raise Unusable("the mask has 16 bits and values above 255, but label values are 0 to 255",
                           "give each structure a value of its own there and store the mask with 8 bits")
        return mask.convert("L")
    if mask.mode != "RGB":
        raise Unusable(f"the mask's pixels are of a kind that is not read ({mask.mode})", "store it as grey values in PNG")
    if _coloured(mask, lossy):
        raise Unusable("the mask is coloured", "say what its colours mean, as in labels={\"polyp\": \"#ff0000\", "
                       "\"background\": \"#000000\"}, or store it as grey values")
    return mask.getchannel(1)


def _coloured(picture: Image.Image, lossy: bool) -> bool:
    red, green, blue = picture.split()
    apart = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(green, blue))
    far = sum(apart.histogram()[(_NEAR if lossy else 0) + 1:])
    return far >= _MOST_FAR * picture.width * picture.height if lossy else far > 0


def _distance(colour: tuple[int, int, int], code: int) -> int:
    return max(abs(colour[0] - (code >> 16)), abs(colour[1] - (code >> 8 & 0xff)), abs(colour[2] - (code & 0xff)))


def _check_colours(mask: Image.Image, lossy: bool, labels: Labels) -> None:
    counts = mask.convert("RGB").getcolors(mask.width * mask.height) or []
    near = _NEAR if lossy else 0
    far = [(count, colour) for count, colour in counts
           if min(_distance(colour, code) for code in labels.known()) > near]  # type: ignore[arg-type]
    pixels = sum(count for count, _ in far)
    if lossy and pixels < _MOST_FAR * mask.width * mask.height or not pixels:
        return
    colour = "#%02x%02x%02x" % max(far)[1]  # type: ignore[str-format]
    raise Unusable(f"{pixels} pixels have colours, such as {colour}, that are not in the label table {labels.table()}",
                   "name them with labels, or correct the mask (smoothed edges make such colours)")


def _check_far(histogram: list[int], labels: Labels) -> None:
    far = sum(count for value, count in enumerate(histogram)
              if count and min(abs(value - code) for code in labels.known()) > _NEAR)
    if far >= _MOST_FAR * sum(histogram):
        raise Unusable(f"{100 * far / sum(histogram):.1f} % of the mask's pixels are further than {_NEAR} from every label of "
                       f"{labels.table()}, and compression with loss does not move so many",
                       "correct the labels, or store the mask as PNG from its origin")


def check_mask(path: pathlib.Path, labels: Labels | None) -> Facts:
    """Without `labels` its values are counted, for a guess."""
    mask = _decoded(path)
    lossy = mask.format == "JPEG" or mask.format == "WEBP" and _is_lossy_webp(path)
    size = _turned_size(mask)
    if lossy and labels is None:
        raise Unusable("the mask is stored with loss, so its values can't be told apart",
                       "say what they mean, as in labels={\"polyp\": 255}, or store it as PNG")
    opaque = _without_alpha(mask)
    if labels is not None and labels.coloured:
        _check_colours(opaque, lossy, labels)
        return Facts(size)
    histogram = _greys(opaque, lossy).histogram()
    if lossy and labels is not None:
        _check_far(histogram, labels)
        return Facts(size)
    return Facts(size, histogram=tuple(histogram))


def _is_lossy_webp(path: pathlib.Path) -> bool:
    with open(path, "rb") as file:
        return b"VP8L" not in file.read(1 << 16)
