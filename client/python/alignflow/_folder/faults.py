"""All faults of a folder, told at once."""

from __future__ import annotations

import dataclasses
import json
import pathlib

from alignflow.errors import FolderError

_NAMED = 20
_NAMES_IN_A_SENTENCE = 10


def shown(path: pathlib.Path, root: pathlib.Path | None = None) -> str:
    """A path for a message: below `root` if it is there, with control characters escaped."""
    if root is not None and path != root and path.is_relative_to(root):
        path = path.relative_to(root)
    return json.dumps(str(path).encode(errors="replace").decode(), ensure_ascii=False)[1:-1]


def first_ten(names: list[str]) -> str:
    text = ", ".join(names[:_NAMES_IN_A_SENTENCE])
    more = len(names) - _NAMES_IN_A_SENTENCE
    return text + (f" and {more} more" if more > 0 else "")


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    remedy: str
    path: pathlib.Path
    reason: str


class Faults:
    def __init__(self, root: pathlib.Path):
        self._root = root
        self._groups: dict[tuple[str, str], list[Fault]] = {}

    def add(self, kind: str, remedy: str, path: pathlib.Path, reason: str) -> None:
        self._groups.setdefault((kind, remedy), []).append(Fault(kind, remedy, path, reason))

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def raise_if_any(self) -> None:
        if not self._groups:
            return
        if len(self) == 1:
            fault = next(iter(self._groups.values()))[0]
            raise FolderError(f"{shown(fault.path)}: {fault.reason}; {fault.remedy}")
        lines = [f"{shown(self._root)}: {len(self)} faults"]
        for (kind, remedy), faults in self._groups.items():
            lines.append(f"  {kind} ({len(faults)}): {remedy}")
            lines += [f"    {shown(fault.path, self._root)}: {fault.reason}" for fault in faults[:_NAMED]]
            if len(faults) > _NAMED:
                lines.append(f"    and {len(faults) - _NAMED} more")
        raise FolderError("\n".join(lines))


class LeftOut:
    """Files that are not read, for a warning for each folder and reason."""

    def __init__(self, root: pathlib.Path):
        self._root = root
        self._groups: dict[tuple[str, str], list[str]] = {}

    def add(self, path: pathlib.Path, reason: str) -> None:
        self._groups.setdefault((shown(path.parent, self._root), reason), []).append(shown(pathlib.Path(path.name)))

    def sentences(self) -> list[str]:
        return [f"{folder}: {len(names)} left out ({reason}): {first_ten(names)}"
                for (folder, reason), names in sorted(self._groups.items())]
