"""Which mask belongs to which image, by the names of the files without their endings: the rules of
worker/data/stem_match.cc, in the same order."""

from __future__ import annotations

import dataclasses
import unicodedata

_SEPARATORS = ("_", "-", ".", " ", "")
_MASK_ENDS = ("mask", "masks", "segmentation", "seg", "segmented", "gt", "groundtruth", "ground_truth", "label", "labels",
              "annotation", "annotations", "manual", "manual1", "1st_manual", "1stHO", "binary_mask", "segmentation_mask")
_MASK_FRONTS = ("mask", "masks", "segmentation", "seg", "gt", "groundtruth", "label", "labels", "annotation")
_IMAGE_ENDS = ("image", "img", "original", "orig", "rgb", "photo", "training", "test")
_IMAGE_FRONTS = ("image", "images", "img", "original", "photo")


def _lower(text: str) -> str:
    """ASCII alone: marks are compared so."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def _composed(stem: str) -> str:
    return unicodedata.normalize("NFC", stem)


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", stem).casefold())


@dataclasses.dataclass(frozen=True)
class Mark:
    """What a stem carries to say that it is a mask's, or an image's. Empty: nothing."""

    text: str = ""
    in_front: bool = False

    def on(self, stem: str) -> bool:
        if len(stem) <= len(self.text):
            return False
        part = stem[:len(self.text)] if self.in_front else stem[len(stem) - len(self.text):]
        return _lower(part) == _lower(self.text)

    def cut(self, stem: str) -> str:
        return stem[len(self.text):] if self.in_front else stem[:len(stem) - len(self.text)]

    def description(self) -> str:
        return f"`{self.text}` {'in front' if self.in_front else 'at its end'}"


def _marks(ends: tuple[str, ...], fronts: tuple[str, ...]) -> list[Mark]:
    return [mark for separator in _SEPARATORS
            for mark in [Mark(separator + word) for word in ends] + [Mark(word + separator, True) for word in fronts]]


MASK_MARKS = _marks(_MASK_ENDS, _MASK_FRONTS)
IMAGE_MARKS = _marks(_IMAGE_ENDS, _IMAGE_FRONTS)
NO_MARK = Mark()


@dataclasses.dataclass
class Match:
    """Indices of images and masks. `rule` is empty where it is the same name."""

    rule: str = ""
    pairs: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    images_alone: list[int] = dataclasses.field(default_factory=list)
    masks_alone: list[int] = dataclasses.field(default_factory=list)
    image_doubles: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # (later, first)
    mask_doubles: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def whole(self) -> bool:
        return not (self.images_alone or self.masks_alone or self.image_doubles or self.mask_doubles)


def _keys(stems: list[str], mark: Mark) -> tuple[dict[str, int], list[tuple[int, int]], list[int]]:
    first: dict[str, int] = {}
    doubles, without = [], []
    for index, stem in enumerate(stems):
        if mark.text and not mark.on(stem):
            without.append(index)
        elif first.setdefault(mark.cut(stem), index) != index:
            doubles.append((index, first[mark.cut(stem)]))
    return first, doubles, without


def _rule_text(image: Mark, mask: Mark, plain: str) -> str:
    if not image.text and not mask.text:
        return plain
    return ("the mask's name is the image's" + (f" without {image.description()}" if image.text else "") +
            (f" with {mask.description()}" if mask.text else ""))


def _match_by(images: list[str], image_mark: Mark, masks: list[str], mask_mark: Mark, plain: str) -> Match:
    of_image, image_doubles, images_alone = _keys(images, image_mark)
    of_mask, mask_doubles, masks_alone = _keys(masks, mask_mark)
    return Match(rule=_rule_text(image_mark, mask_mark, plain),
                 pairs=sorted((image, of_mask[key]) for key, image in of_image.items() if key in of_mask),
                 images_alone=sorted(images_alone + [image for key, image in of_image.items() if key not in of_mask]),
                 masks_alone=sorted(masks_alone + [mask for key, mask in of_mask.items() if key not in of_image]),
                 image_doubles=image_doubles, mask_doubles=mask_doubles)


def _marks_of_most(stems: list[str], marks: list[Mark]) -> list[Mark]:
    return [NO_MARK] + [mark for mark in marks if 2 * sum(map(mark.on, stems)) >= len(stems)]


def match_stems(images: list[str], masks: list[str]) -> Match:
    """By the first rule that matches every file; where none does, by the one that matches most."""
    best = _match_by(images, NO_MARK, masks, NO_MARK, "")
    if best.whole() or not images or not masks:
        return best
    folds = ((_composed, "the same name in Unicode's composed form"),
             (_folded, "the same name, upper and lower case aside"))
    image_marks, mask_marks = _marks_of_most(images, IMAGE_MARKS), _marks_of_most(masks, MASK_MARKS)
    for only_names in (True, False):
        for fold, plain in folds:
            image_stems, mask_stems = list(map(fold, images)), list(map(fold, masks))
            for image_mark in [NO_MARK] if only_names else image_marks:
                for mask_mark in [NO_MARK] if only_names else mask_marks:
                    if not only_names and not image_mark.text and not mask_mark.text:
                        continue
                    match = _match_by(image_stems, image_mark, mask_stems, mask_mark, plain)
                    if match.whole() or len(match.pairs) > len(best.pairs):
                        best = match
                    if best.whole():
                        return best
    return best


@dataclasses.dataclass(frozen=True)
class MarkedMasks:
    mark: str
    images: list[int]
    masks: list[int]


def find_marked_masks(stems: list[str]) -> MarkedMasks | None:
    """Images and masks of one folder, where each stem with a mark belongs to one without."""
    best: MarkedMasks | None = None
    folded = list(map(_folded, stems))
    for mark in MASK_MARKS:
        edge = mark.text[-1] if mark.in_front else mark.text[0]
        if edge.isascii() and edge.isalnum():  # without a separator "img_bismask" would be the mask of "img_bis"
            continue
        masks = [index for index, stem in enumerate(folded) if mark.on(stem)]
        images = [index for index, stem in enumerate(folded) if not mark.on(stem)]
        if not masks or best and len(best.masks) >= len(masks):
            continue
        match = _match_by([folded[i] for i in images], NO_MARK, [folded[i] for i in masks], mark, "")
        if not match.masks_alone:
            best = MarkedMasks(mark.description(), images, masks)
    return best
