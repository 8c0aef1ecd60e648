"""Pairs, and the folder that they are pulled into, which is afctl's: either may go on where the other stopped."""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import hashlib
import io
import itertools
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

from alignflow.errors import DataLossError, PreconditionError

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_numbers = itertools.count()


@dataclasses.dataclass(frozen=True)
class Pair:
    """One image with the mask that it was made for, both as PNG files or, of jobs on volumes, as .nii.gz. `index`: its number
    within the job, from 1 on."""

    index: int
    image: bytes = dataclasses.field(repr=False)
    mask: bytes = dataclasses.field(repr=False)
    record_json: str = dataclasses.field(repr=False)

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """Where the pair comes from and what the gates saw (docs of Pair.record_json in jobs.proto)."""
        record = json.loads(self.record_json)
        if not isinstance(record, dict):
            raise DataLossError(f"the record of pair {self.index} is no JSON object")
        return record

    @property
    def volumes(self) -> bool:
        """Whether image and mask are volumes: nibabel.Nifti1Image.from_bytes(gzip.decompress(pair.image)) reads one."""
        return self.image.startswith(b"\x1f\x8b")

    def image_array(self) -> NDArray[numpy.uint8]:
        """[height, width, 3], RGB. Needs NumPy: pip install alignflow[numpy]."""
        return _array(self.image, "RGB")

    def mask_array(self) -> NDArray[numpy.uint8]:
        """[height, width] of label values, or [height, width, 3] where masks are colours."""
        return _array(self.mask, None)


def _array(png: bytes, mode: str | None) -> NDArray[numpy.uint8]:
    import numpy
    from PIL import Image

    if png.startswith(b"\x1f\x8b"):
        raise ValueError("the pair is of volumes: nibabel.Nifti1Image.from_bytes(gzip.decompress(pair.image)) reads one")
    picture = Image.open(io.BytesIO(png))
    return numpy.asarray(picture.convert(mode) if mode else picture, dtype=numpy.uint8)


def write_whole(path: pathlib.Path, data: bytes) -> None:
    """A reader never sees half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{next(_numbers)}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True)
class Entry:
    """What manifest.jsonl says of a pair."""

    pair: int
    image_sha256: str
    mask_sha256: str
    volumes: bool = False


def _name(kind: str, pair: int, volumes: bool) -> str:
    return f"{kind}/{pair:06d}{'.nii.gz' if volumes else '.png'}"


class PairFolder:
    """images/000001.png, masks/000001.png, ... and manifest.jsonl, a line a pair, written after its files. Locked until it is
    closed."""

    def __init__(self, folder: pathlib.Path, job: str, frames: str):
        self.folder, self.job, self.frames = folder, job, frames
        self.entries: list[Entry] = []
        manifest = folder / "manifest.jsonl"
        if not manifest.exists():
            for kind in ("images", "masks"):
                if (folder / kind).exists() and any((folder / kind).iterdir()):
                    raise PreconditionError(f"{folder / kind} holds files of something else: pull into a new folder")
        for part in (folder, folder / "images", folder / "masks"):
            part.mkdir(parents=True, exist_ok=True)
        self._log = open(manifest, "a+b")
        try:
            self._lock(manifest)
            for part in (folder, folder / "images", folder / "masks"):
                for unfinished in part.glob("*.part"):
                    unfinished.unlink(missing_ok=True)
            self._read_lines(manifest)
        except BaseException:
            self._log.close()
            raise

    def _lock(self, manifest: pathlib.Path) -> None:
        try:
            fcntl.flock(self._log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PreconditionError(f"another program is writing to {manifest}: let it finish") from None

    def _read_lines(self, manifest: pathlib.Path) -> None:
        self._log.seek(0)
        whole = 0
        for number, line in enumerate(self._log, 1):
            if not line.endswith(b"\n"):  # cut short by a crash
                self._log.truncate(whole)
                break
            whole += len(line)
            self._read(line, f"{manifest} line {number}: ")

    def _read(self, line: bytes, where: str) -> None:
        try:
            said = json.loads(line)
            entry = Entry(int(said["pair"]), str(said["image_sha256"]), str(said["mask_sha256"]),
                          str(said.get("image", "")).endswith(".nii.gz"))
        except (ValueError, KeyError, TypeError):
            raise DataLossError(f"{where}not the record of a pair; was the file edited? Pull into a new folder") from None
        for key, ours, usual in (("job", self.job, self.job), ("frames", self.frames, "references"),
                                 ("format", "folder", "folder")):
            if said.get(key, usual) != ours:
                raise PreconditionError(f"{where}the folder holds pairs of {key} {said[key]}, not {ours}: pull into a new "
                                        "folder")
        if entry.pair <= self.last_pair():
            raise DataLossError(f"{where}not the record of a pair after pair {self.last_pair()}; was the file edited? Pull into "
                                "a new folder")
        self.entries.append(entry)

    def close(self) -> None:
        self._log.close()

    def last_pair(self) -> int:
        return self.entries[-1].pair if self.entries else 0

    def damaged(self) -> list[Entry]:
        """Those whose files no longer have the manifest's digests."""
        def has(path: pathlib.Path, sha256: str) -> bool:
            return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256

        return [entry for entry in self.entries
                if not (has(self.folder / _name("images", entry.pair, entry.volumes), entry.image_sha256) and
                        has(self.folder / _name("masks", entry.pair, entry.volumes), entry.mask_sha256))]

    def save(self, pair: Pair) -> None:
        write_whole(self.folder / _name("images", pair.index, pair.volumes), pair.image)
        write_whole(self.folder / _name("masks", pair.index, pair.volumes), pair.mask)

    def append(self, pair: Pair) -> None:
        """Saves a pair after the last one."""
        self.save(pair)
        entry = Entry(pair.index, hashlib.sha256(pair.image).hexdigest(), hashlib.sha256(pair.mask).hexdigest(),
                      pair.volumes)
        line = {"job": self.job, "frames": self.frames, "pair": pair.index, "image": _name("images", pair.index, pair.volumes),
                "image_sha256": entry.image_sha256, "mask": _name("masks", pair.index, pair.volumes), "mask_sha256": entry.mask_sha256,
                "record": pair.record}
        self._log.write(json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
        self._log.flush()
        os.fsync(self._log.fileno())
        self.entries.append(entry)
