"""A folder as it is sent: which files, what they mean, and their digests."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Callable, Mapping

from alignflow._blobs import Blob
from alignflow._folder.faults import Faults, LeftOut, shown
from alignflow._folder.tables import GROUPS, TABLES, read_table
from alignflow._folder.labels import Labels, guess_labels, parse_labels
from alignflow._folder.layout import Layout, dataset_layout, list_images, reference_layout
from alignflow._folder.pixels import Facts, Unusable, check_image, check_mask
from alignflow._folder.stems import Match, find_marked_masks, match_stems
from alignflow.errors import InvalidInputError
from alignflow.v1 import blobs_pb2

# Files that are checked by now, and in all.
CountProgress = Callable[[int, int], None]


@dataclasses.dataclass
class Item:
    stem: str
    image: pathlib.Path
    mask: pathlib.Path | None = None
    group: str = ""
    image_class: str = ""
    image_blob: Blob = dataclasses.field(default_factory=lambda: Blob(blobs_pb2.Digest()))
    mask_blob: Blob = dataclasses.field(default_factory=lambda: Blob(blobs_pb2.Digest()))


@dataclasses.dataclass
class Folder:
    items: list[Item]
    notes: list[str]
    warnings: list[str]
    labels: Labels | None = None
    sample_bits: int = 0  # as Manifest.sample_bits

    def blobs(self) -> list[Blob]:
        return [blob for item in self.items for blob in (item.image_blob, item.mask_blob) if blob.file]

    def in_users_words(self, message: str, field: str) -> str:
        """A message of the coordinator's with the files' names in the place of "FIELD[3] 'a'"."""
        def path_of(match: re.Match[str]) -> str:
            if int(match[1]) >= len(self.items):
                return match[0]
            item = self.items[int(match[1])]
            return shown(item.mask if match[2] == "mask" and item.mask else item.image)

        return re.sub(re.escape(field) + r"\[(\d+)\](?: '[^']*')?(?:(?:, |\.)(image|mask|stem))?", path_of, message)


def _blob_of(file: pathlib.Path) -> Blob:
    with open(file, "rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        size = os.fstat(opened.fileno()).st_size
    return Blob(blobs_pb2.Digest(sha256=sha256, size_bytes=size), file)


class _Scan:
    def __init__(self, root: pathlib.Path, progress: CountProgress | None):
        self.root = root
        self.left_out, self.faults = LeftOut(root), Faults(root)
        self.notes: list[str] = []
        self.progress = progress
        self.histogram = [0] * 256
        self.first_mask: dict[int, pathlib.Path] = {}
        self.greatest_sample = 0

    def match(self, images: list[pathlib.Path], masks: list[pathlib.Path], layout: Layout) -> Match:
        match = match_stems([path.stem for path in images], [path.stem for path in masks])
        for doubles, files in ((match.image_doubles, images), (match.mask_doubles, masks)):
            for later, first in doubles:
                same = "" if files[later].stem == files[first].stem else " by the rule that matches most names"
                self.faults.add("names that could mean two files", "rename or remove one of the two", files[later],
                                f"has the same stem as {shown(pathlib.Path(files[first].name))}{same}")
        if images and masks:
            by_rule = f" (rule of the other files: {match.rule})" if match.rule else ""
            remedy = "add the {} under names that follow the same rule as the others, or remove the {}"
            for index in match.images_alone:
                self.faults.add("images without a mask", remedy.format("masks", "images"), images[index], "has no mask" + by_rule)
            for index in match.masks_alone:
                self.faults.add("masks without an image", remedy.format("images", "masks"), masks[index],
                                "has no image of that name" + by_rule)
        if match.rule:
            self.notes.append(f"images and masks are matched by this rule: {match.rule} ({len(match.pairs)} pairs)")
        return match

    def add_tables(self, items: list[Item]) -> None:
        for kind in TABLES:
            table = self.root / kind.file
            if not table.is_file():
                continue
            values = read_table(kind, table, [item.image for item in items], self.faults)
            for item in items:
                setattr(item, "group" if kind is GROUPS else "image_class", values.get(item.image, ""))
            if len(values) == len(items):
                count = len(set(values.values()))
                plural = {"group": "groups", "class": "classes"}[kind.what] if count != 1 else kind.what
                self.notes.append(f"{kind.file}: {len(items)} images in {count} {plural}")

    def check(self, items: list[Item], labels: Labels | None) -> None:
        """Decodes every file, on all cores, and names it as a blob."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            checked = pool.map(lambda item: self._check_item(item, labels), items)
            for done, (item, (image, mask)) in enumerate(zip(items, checked), 1):
                self._add(item, image, mask)
                if self.progress:
                    self.progress(done, len(items))

    def _check_item(self, item: Item, labels: Labels | None) -> tuple[Facts | Unusable, Facts | Unusable | None]:
        def attempt(check: Callable[[], Facts]) -> Facts | Unusable:
            try:
                return check()
            except Unusable as error:
                return error
            except OSError as error:
                return Unusable(f"can't be read ({error.strerror})", "check its permissions")

        image = attempt(lambda: check_image(item.image))
        if isinstance(image, Facts):
            item.image_blob = _blob_of(item.image)
        if item.mask is None:
            return image, None
        path = item.mask
        mask = attempt(lambda: check_mask(path, labels))
        if isinstance(mask, Facts):
            item.mask_blob = _blob_of(path)
        return image, mask

    def _add(self, item: Item, image: Facts | Unusable, mask: Facts | Unusable | None) -> None:
        for kind, path, facts in (("images", item.image, image), ("masks", item.mask, mask)):
            if isinstance(facts, Unusable) and path is not None:
                self.faults.add(f"{kind} that cannot be used", facts.remedy, path, str(facts))
        if isinstance(image, Facts):
            self.greatest_sample = max(self.greatest_sample, image.greatest_sample)
        if isinstance(mask, Facts) and item.mask is not None:
            for value, count in enumerate(mask.histogram):
                if count:
                    self.histogram[value] += count
                    self.first_mask.setdefault(value, item.mask)
            if isinstance(image, Facts) and image.size != mask.size:
                self.faults.add("masks of another size than their image",
                                "both must have the same size: bring the mask to its image's (nearest neighbour)", item.mask,
                                "the mask is {}x{}, its image {}x{}".format(*mask.size, *image.size))

    def judge_labels(self, given: Labels | None) -> Labels | None:
        if given is None:
            if not len(self.faults):
                try:
                    return guess_labels(self.histogram)
                except InvalidInputError as error:
                    reason, _, remedy = str(error).partition("; ")
                    self.faults.add("label values", remedy, self.root, reason)
            return None
        for value, count in enumerate(self.histogram):
            if count and value not in given.known() and not given.coloured:
                nearest = min(given.known(), key=lambda code: abs(code - value))
                self.faults.add("label values that are not named",
                                "correct the masks (smoothed edges and JPEG make such values: threshold them and store them as "
                                f"PNG), or name the value, too: {given.table()}", self.first_mask[value],
                                f"value {value} ({count} pixels) is no label; the nearest is {nearest}")
        return given

    def finish(self, items: list[Item], labels: Labels | None) -> Folder:
        self.faults.raise_if_any()
        items.sort(key=lambda item: item.stem.encode())
        bits = self.greatest_sample.bit_length()
        return Folder(items, self.notes, self.left_out.sentences(), labels, 0 if bits == 16 else bits)


def scan_dataset(root: pathlib.Path, labels: Mapping[str, int | str] | None, progress: CountProgress | None) -> Folder:
    """Raises FolderError with all faults; without one, every file can be used."""
    given = parse_labels(labels) if labels is not None else None
    scan = _Scan(root, progress)
    layout = dataset_layout(root, scan.left_out, scan.faults)
    if layout.note:
        scan.notes.append(layout.note)
    images = list_images(layout.images, root, scan.left_out, scan.faults)
    masks: list[pathlib.Path] = []
    if layout.masks is not None and layout.masks != layout.images:
        masks = list_images(layout.masks, root, scan.left_out, scan.faults)
    elif marked := find_marked_masks([path.stem for path in images]):
        images, masks = [images[i] for i in marked.images], [images[i] for i in marked.masks]
    match = scan.match(images, masks, layout)
    items = [Item(images[image].stem, images[image], masks[mask]) for image, mask in match.pairs]
    scan.add_tables(items)
    scan.check(items, given)
    return scan.finish(items, scan.judge_labels(given))


def scan_references(root: pathlib.Path, progress: CountProgress | None) -> Folder:
    scan = _Scan(root, progress)
    layout = reference_layout(root, scan.left_out, scan.faults)
    if layout.note:
        scan.notes.append(layout.note)
    images = list_images(layout.images, root, scan.left_out, scan.faults)
    if marked := find_marked_masks([path.stem for path in images]):
        for index in marked.masks:
            scan.left_out.add(images[index], f"masks by their names ({marked.mark}): of references, only the images are read")
        images = [images[i] for i in marked.images]
    scan.match(images, [], layout)
    items = [Item(path.stem, path) for path in images]
    scan.add_tables(items)
    scan.check(items, None)
    if len(items) > 10_000:
        scan.faults.add("too many references", "take some of them; about 10 from several patients are good", root,
                        f"holds {len(items)} references, and at most 10,000 are taken")
    return scan.finish(items, None)
