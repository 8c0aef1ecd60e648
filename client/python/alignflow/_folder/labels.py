"""What the values or colours of masks mean."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from alignflow.errors import InvalidInputError
from alignflow.v1 import datasets_pb2

_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_MOST_INFERRED = 8
# As worker/data/label_use.cc: a guess must not make a class of a slip of a pen or of an export.
_LAST_INDEX, _SLIP_DISTANCE, _SLIP_SHARE = 16, 8, 0.001


@dataclasses.dataclass(frozen=True)
class Labels:
    """`codes`: by name, in order, 0 to 255 or, of masks in colours, 0xRRGGBB."""

    codes: dict[str, int]
    background: int
    coloured: bool

    def known(self) -> set[int]:
        return {self.background, *self.codes.values()}

    def text(self, code: int) -> str:
        return f"#{code:06x}" if self.coloured else str(code)

    def table(self) -> str:
        return ",".join(f"{name}={self.text(code)}" for name, code in [*self.codes.items(), ("background", self.background)])

    def to_manifest(self, manifest: datasets_pb2.Manifest) -> None:
        for number, (name, code) in enumerate(self.codes.items(), 1):
            if self.coloured:
                manifest.labels.add(name=name, value=number, colour=self.text(code))
            else:
                manifest.labels.add(name=name, value=code)
        if self.coloured:
            manifest.background_colour = self.text(self.background)
        else:
            manifest.background = self.background


def _code(name: str, given: int | str) -> int:
    if isinstance(given, str) and _COLOUR.fullmatch(given):
        return int(given[1:], 16)
    if isinstance(given, int) and 0 <= given <= 255:
        return given
    raise InvalidInputError(f"labels: {name}={given!r}: give a value of 0 to 255, or a colour as \"#rrggbb\"")


def parse_labels(given: Mapping[str, int | str]) -> Labels:
    """Of {"polyp": 255} or {"polyp": "#ff0000", "background": "#000000"}."""
    names = [name for name in given if name != "background"]
    if not names:
        raise InvalidInputError("labels: nothing but background is named; give {\"polyp\": 255} or the like")
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidInputError(f"labels: {name!r}: a name has 1 to 64 of the characters a-z, 0-9, _ and -")
    coloured = isinstance(given[names[0]], str)
    if any(isinstance(code, str) != coloured for code in given.values()):
        raise InvalidInputError("labels: some are values and others colours; give all as one of the two")
    codes = {name: _code(name, given[name]) for name in names}
    usual = (0, 0xffffff if coloured else 255)
    free = [code for code in usual if code not in codes.values()]
    if "background" not in given and not free:
        raise InvalidInputError(f"labels: both {usual[0]} and {usual[1]} are labels, so the background's value is not clear; "
                                "add \"background\"")
    background = _code("background", given["background"]) if "background" in given else free[0]
    if len({background, *codes.values()}) <= len(codes):
        raise InvalidInputError("labels: two have the same value; values must differ")
    return Labels(codes, background, coloured)


def guess_labels(pixels: list[int]) -> Labels:
    """Of the number of pixels of each value: the most frequent one is the background, each other one a class."""
    values = [value for value, count in enumerate(pixels) if count]
    if len(values) < 2:
        raise InvalidInputError("all pixels of all masks have the same value, so no structure is marked; check the masks, or "
                                "give labels={\"NAME\": VALUE}")
    if len(values) > _MOST_INFERRED:
        raise InvalidInputError(f"the masks have {len(values)} different values, too many for label values (at most "
                                f"{_MOST_INFERRED} are inferred); smoothed edges and JPEG compression do that: threshold the "
                                "masks and store them as PNG, or give labels={\"NAME\": VALUE}")
    for value in values:
        nearest = min((other for other in values if other != value), key=lambda other: (abs(other - value), other))
        if value > _LAST_INDEX and abs(nearest - value) <= _SLIP_DISTANCE and pixels[value] <= _SLIP_SHARE * pixels[nearest]:
            raise InvalidInputError(f"value {value} ({pixels[value]} pixels) stands beside value {nearest} "
                                    f"({pixels[nearest]} pixels) and would become a class of its own; correct the masks, or "
                                    "name every value with labels={\"NAME\": VALUE}")
    background = max(values, key=lambda value: (pixels[value], -value))
    return Labels({f"class-{value}": value for value in values if value != background}, background, False)
