"""groups.csv, which images are of one patient, examination or video, and classes.csv, what each as a whole shows. The rules of
worker/data/item_table.cc."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

from alignflow._folder.faults import Faults, shown

_HEADER_NAMES = {"name", "stem", "image", "file"}


@dataclasses.dataclass(frozen=True)
class ItemTable:
    """A table beside the images that says one thing of each."""
    file: str
    what: str
    headers: frozenset[str]  # the second cell of a first line that is a header
    where_none: str = ""     # remedy for images that it cannot be said of


GROUPS = ItemTable("groups.csv", "group", frozenset({"group", "patient", "sequence", "examination"}),
                   "with a group of its own where an image belongs to none, ")
CLASSES = ItemTable("classes.csv", "class", frozenset({"class", "label", "diagnosis"}))
TABLES = (GROUPS, CLASSES)


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


def _row(kind: ItemTable, line: str, separator: str) -> tuple[str, str]:
    cells = _cells(line, separator)
    if len(cells) != 2:
        raise _BadLine(f"it has {len(cells)} cell{'' if len(cells) == 1 else 's'}, and a name and a {kind.what} are needed")
    name, value = cells
    if not name:
        raise _BadLine("the name is empty")
    if not value or len(value.encode()) > 200 or any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise _BadLine(f"the {kind.what} is empty, longer than 200 bytes or holds a control character; give it another name")
    if kind is CLASSES and "," in value:
        raise _BadLine(f"the class '{value}' holds a comma, which parts classes in settings; give it another name")
    return name, value


def _rows(kind: ItemTable, text: str, table: pathlib.Path, faults: Faults) -> Iterator[tuple[int, str, str]]:
    separator = ""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip(" \r"):
            continue
        first = not separator
        if first:
            separator = next((c for c in ",;\t" if c in line), ",")
        try:
            name, value = _row(kind, line, separator)
        except _BadLine as bad:
            faults.add(f"lines of {kind.file} that cannot be read",
                       f"write NAME,{kind.what.upper()} on each line, a cell with a comma in quotation marks", table,
                       f"line {number}: {bad}")
            continue
        if not (first and name.lower() in _HEADER_NAMES and value.lower() in kind.headers):
            yield number, name, value


def read_table(kind: ItemTable, table: pathlib.Path, images: list[pathlib.Path], faults: Faults) -> dict[pathlib.Path, str]:
    """What the table says of each image."""
    try:
        text = table.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        faults.add("files and folders that cannot be read", "write it as UTF-8, and check its permissions", table, str(error))
        return {}
    by_name = {path.name: path for path in images} | {path.stem: path for path in images}
    values: dict[pathlib.Path, str] = {}
    lines: dict[pathlib.Path, int] = {}
    for number, name, value in _rows(kind, text, table, faults):
        image = by_name.get(name)
        if image is None:
            faults.add(f"rows of {kind.file} without an image",
                       f"give an image's file name or stem, as UTF-8, or remove the row; a header is name,{kind.what}", table,
                       f"line {number}: there is no image '{shown(pathlib.Path(name))}'")
        elif image in lines:
            faults.add(f"images with several rows in {kind.file}", "leave one row for each image", table,
                       f"line {number}: '{shown(pathlib.Path(name))}' has a row already, line {lines[image]}")
        else:
            lines[image], values[image] = number, value
    for image in images:
        if image not in values:
            faults.add(f"images without a row in {kind.file}",
                       f"add a line NAME,{kind.what.upper()} for each, {kind.where_none}or remove {kind.file}", image,
                       f"has no row in {kind.file}")
    return values
