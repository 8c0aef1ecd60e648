"""groups.csv: which images are of one patient, examination or video. The rules of worker/data/group_table.cc."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from alignflow._folder.faults import Faults, shown

_HEADER_NAMES = {"name", "stem", "image", "file"}
_HEADER_GROUPS = {"group", "patient", "sequence", "examination"}
_BAD = ("lines of groups.csv that cannot be read",
        "write NAME,GROUP on each line, a cell with a comma in quotation marks")


class _BadLine(Exception):
    pass


def _cells(line: str, separator: str) -> list[str]:
    cells, rest = [], line
    while True:
        rest = rest.lstrip(" \r")
        if rest.startswith('"'):
            cell, rest = "", rest[1:]
            while True:
                before, quote, rest = rest.partition('"')
                if not quote:
                    raise _BadLine("a quotation mark is not closed")
                cell += before
                if not rest.startswith('"'):
                    break
                cell, rest = cell + '"', rest[1:]
            rest = rest.lstrip(" \r")
            if rest and not rest.startswith(separator):
                raise _BadLine("there is text behind a closing quotation mark")
            cells.append(cell)
        else:
            cell, found, after = rest.partition(separator)
            cells.append(cell.rstrip(" \r"))
            rest = found + after
        if not rest:
            return cells
        rest = rest[1:]


def _row(line: str, separator: str) -> tuple[str, str]:
    cells = _cells(line, separator)
    if len(cells) != 2:
        raise _BadLine(f"it has {len(cells)} cell{'' if len(cells) == 1 else 's'}, and a name and a group are needed")
    name, group = cells
    if not name:
        raise _BadLine("the name is empty")
    if not group or len(group.encode()) > 200 or any(ord(c) < 32 or ord(c) == 127 for c in group):
        raise _BadLine("the group is empty, longer than 200 bytes or holds a control character; give it another name")
    return name, group


def _rows(text: str, table: pathlib.Path, faults: Faults) -> Iterator[tuple[int, str, str]]:
    separator = ""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip(" \r"):
            continue
        first = not separator
        if first:
            separator = next((c for c in ",;\t" if c in line), ",")
        try:
            name, group = _row(line, separator)
        except _BadLine as bad:
            faults.add(*_BAD, table, f"line {number}: {bad}")
            continue
        if not (first and name.lower() in _HEADER_NAMES and group.lower() in _HEADER_GROUPS):
            yield number, name, group


def read_groups(table: pathlib.Path, images: list[pathlib.Path], faults: Faults) -> dict[pathlib.Path, str]:
    """The group of each image."""
    try:
        text = table.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        faults.add("files and folders that cannot be read", "write it as UTF-8, and check its permissions", table, str(error))
        return {}
    by_name = {path.name: path for path in images} | {path.stem: path for path in images}
    groups: dict[pathlib.Path, str] = {}
    lines: dict[pathlib.Path, int] = {}
    for number, name, group in _rows(text, table, faults):
        image = by_name.get(name)
        if image is None:
            faults.add("rows of groups.csv without an image",
                       "give an image's file name or stem, as UTF-8, or remove the row; a header is name,group", table,
                       f"line {number}: there is no image '{shown(pathlib.Path(name))}'")
        elif image in lines:
            faults.add("images with several rows in groups.csv", "leave one row for each image", table,
                       f"line {number}: '{shown(pathlib.Path(name))}' has a row already, line {lines[image]}")
        else:
            lines[image], groups[image] = number, group
    for image in images:
        if image not in groups:
            faults.add("images without a row in groups.csv",
                       "add a line NAME,GROUP for each, with a group of its own where an image belongs to none, or remove "
                       "groups.csv", image, "has no row in groups.csv")
    return groups
