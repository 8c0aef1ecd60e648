"""Which folders hold images and masks, and which of their files are read: the rules of worker/data/folder_layout.cc and
file_listing.cc."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from alignflow._folder.faults import Faults, LeftOut, first_ten, shown
from alignflow._folder.stems import find_marked_masks
from alignflow._folder.tables import TABLES
from alignflow.errors import FolderError, NotFoundError

ENDINGS = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp"}
MOST_ITEMS = 1_000_000
MOST_COUNTED = 100_000
_SYSTEM = {"thumbs.db", "desktop.ini", "@eadir", "__macosx", "$recycle.bin", "lost+found"}
_FORMATS = ("png", "jpg", "jpeg", "bmp", "tiff", "tif")
_NAMES = {
    "images": {"images", "image", "img", "imgs", "original", "originals", "photo", "photos", "picture", "pictures", "frames",
               "input", "inputs", "jpegimages", "rgb"},
    "masks": {"masks", "mask", "label", "labels", "annotation", "annotations", "groundtruth", "groundtruths", "gt", "gts",
              "seg", "segs", "segmentation", "segmentations", "manual", "manual1", "1stmanual", "segmentationclass"},
}
_EXACT, _KNOWN, _ENDING, _NONE = range(4)
_HIDDEN = "hidden, or the operating system's own"
_NO_IMAGES = "folders without images"
_EXPECTED = ("DIR/images and DIR/masks are read, with a mask of the same name for each image (images/a.jpg, masks/a.png)")


def _is_hidden(path: pathlib.Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in _SYSTEM


def is_item_table(path: pathlib.Path, root: pathlib.Path) -> bool:
    """Whether a file is a table of what the images are, and no image."""
    return path in {root / table.file for table in TABLES}


def has_image_name(path: pathlib.Path) -> bool:
    return path.suffix.lower() in ENDINGS


def _is_dicom(path: pathlib.Path) -> bool:
    """By its name or its first bytes, as worker/dicom/dicom_header.cc says it; what afctl alone makes pictures of."""
    if has_image_name(path) or path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    try:
        with open(path, "rb") as file:
            return path.suffix.lower() in {".dcm", ".dicom", ".ima"} or file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _count_below(folder: pathlib.Path) -> int:
    count = seen = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(pathlib.Path(name))]
        count += sum(has_image_name(pathlib.Path(name)) and not _is_hidden(pathlib.Path(name)) for name in files)
        seen += len(folders) + len(files)
        if seen > MOST_COUNTED:
            break
    return count


def _sureness(name: str, role: str) -> int:
    if name == role:
        return _EXACT
    plain = "".join(c for c in name.lower() if c.isascii() and c.isalnum())
    for ending in _FORMATS:
        if len(plain) > len(ending) and plain.endswith(ending):
            plain = plain[:-len(ending)]
            break
    if plain in _NAMES[role]:
        return _KNOWN
    return _ENDING if any(len(known) >= 4 and plain.endswith(known) for known in _NAMES[role]) else _NONE


@dataclasses.dataclass
class Layout:
    """`masks` is None for references, and `images` where both lie in one folder."""

    images: pathlib.Path
    masks: pathlib.Path | None
    note: str


class _Contents:
    """What lies directly in a folder."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        if not root.exists():
            raise NotFoundError(f"{shown(root)}: no such folder; check the path")
        if not root.is_dir():
            raise FolderError(f"{shown(root)}: is a file, and a folder is needed; {_EXPECTED}")
        try:
            entries = sorted(root.iterdir())
        except OSError as error:
            raise FolderError(f"{shown(root)}: {error.strerror}; check its permissions") from None
        self.hidden = [path for path in entries if _is_hidden(path)]
        self.folders = {path: _count_below(path) for path in entries if not _is_hidden(path) and path.is_dir()}
        self.files = [path for path in entries if not _is_hidden(path) and not path.is_dir()]
        self.images = sum(map(has_image_name, self.files))

    def pick(self, role: str) -> pathlib.Path | None:
        """The folder of a role, of the greatest sureness that there is; one with images comes before one without."""
        for filled in (True, False):
            for wanted in (_EXACT, _KNOWN, _ENDING):
                found = [path for path, images in self.folders.items()
                         if (images > 0) == filled and _sureness(path.name, role) == wanted]
                if len(found) > 1:
                    names = first_ten([shown(path, self.root) + "/" for path in found])
                    raise FolderError(f"{shown(self.root)}: each of {names} could be the {role}; name the right one {role} "
                                      "and move the others out, or push each part from a folder of its own")
                if found:
                    return found[0]
        return None

    def pick_images(self) -> pathlib.Path | None:
        """Images that lie in the folder itself say more than a folder without any, or one whose name merely ends so."""
        images = self.pick("images")
        if self.images == 0:
            return images
        sure = images is not None and _sureness(images.name, "images") != _ENDING and self.folders[images] > 0
        return images if sure else self.root

    def seen(self) -> str:
        seen = [f"{self.images} images"] if self.images else []
        seen += [f"{shown(path, self.root)}/ ({images} images)" for path, images in self.folders.items()]
        seen += [shown(path, self.root) for path in self.files if not has_image_name(path)]
        return "it holds " + first_ten(seen) if seen else "it is empty"

    def tell_the_rest(self, layout: Layout, left_out: LeftOut, faults: Faults) -> None:
        references = layout.masks is None
        for path, images in self.folders.items():
            if path in (layout.images, layout.masks):
                continue
            if images == 0:
                left_out.add(path, _NO_IMAGES)
            elif not (references and _sureness(path.name, "masks") != _NONE):
                remedy = ("give that folder as the references, or move the images that are meant into one folder" if references
                          else "move what is not meant out of the folder, or push it as a dataset of its own")
                faults.add("folders that hold images and would be left out", remedy, path,
                           f"holds {images} images, but only {shown(layout.images, self.root)}/ is read")
        if layout.images == self.root:
            return
        for path in self.files:
            if not is_item_table(path, self.root):
                left_out.add(path, f"beside {shown(layout.images, self.root)}/")
        for path in self.hidden:
            left_out.add(path, _HIDDEN)


def _has_marked_masks(folder: pathlib.Path) -> bool:
    stems = [path.stem for path in folder.iterdir() if has_image_name(path) and not _is_hidden(path)]
    return find_marked_masks(stems) is not None


def dataset_layout(root: pathlib.Path, left_out: LeftOut, faults: Faults) -> Layout:
    contents = _Contents(root)
    images, masks = contents.pick_images(), contents.pick("masks")
    if images is None:
        raise FolderError(f"{shown(root)}: no folder of images was found: {contents.seen()}; {_EXPECTED}")
    if masks is None:
        if not _has_marked_masks(images):
            raise FolderError(f"{shown(root)}: no folder of masks was found: {contents.seen()}; {_EXPECTED}")
        masks = images
    note = ""
    if masks == images:
        note = "images and masks are read from one folder" + ("" if images == root else f", {shown(images, root)}/")
    elif (images, masks) != (root / "images", root / "masks"):
        name = "the folder itself" if images == root else shown(images, root) + "/"
        note = f"images are read from {name}, masks from {shown(masks, root)}/"
    layout = Layout(images, masks, note)
    contents.tell_the_rest(layout, left_out, faults)
    return layout


def reference_layout(root: pathlib.Path, left_out: LeftOut, faults: Faults) -> Layout:
    contents = _Contents(root)
    images = contents.pick_images() or root
    note = "" if images in (root, root / "images") else f"images are read from {shown(images, root)}/"
    layout = Layout(images, None, note)
    contents.tell_the_rest(layout, left_out, faults)
    return layout


def check_inside(path: pathlib.Path, root: pathlib.Path, faults: Faults) -> bool:
    try:
        inside = path.resolve(strict=True).is_relative_to(root.resolve(strict=True))
    except OSError as error:
        faults.add("files and folders that cannot be read", "check the path and its permissions", path, str(error.strerror))
        return False
    if not inside:
        faults.add("links that cannot be followed", "copy what they lead to into the folder instead", path,
                   "the link leads out of the folder")
    return inside


def _fault_of_name(stem: str) -> str:
    try:
        size = len(stem.encode())
    except UnicodeEncodeError:
        return "is not UTF-8"
    if size > 200:
        return "is longer than 200 bytes"
    if not stem or stem.startswith("."):
        return "is empty" if not stem else "starts with a dot"
    if ".." in stem:
        return "holds '..'"
    if any(ord(c) < 32 or ord(c) == 127 for c in stem):
        return "holds a control character"
    return "holds a path separator" if any(c in "/\\:" for c in stem) else ""


def list_images(folder: pathlib.Path, root: pathlib.Path, left_out: LeftOut, faults: Faults) -> list[pathlib.Path]:
    """The files of a folder that are images by their names, sorted; some are expected."""
    images: list[pathlib.Path] = []
    before = len(faults)
    if not check_inside(folder, root, faults):
        return images
    for path in sorted(folder.iterdir()):
        if _is_hidden(path):
            left_out.add(path, _HIDDEN)
        elif path.is_dir():
            if folder == root:
                continue
            if inner := _count_below(path):
                faults.add("folders inside that hold images and would be left out",
                           "folders inside are not entered: move the files up, each name once, or push each part as a dataset "
                           "of its own", path, f"holds {inner} images and would be left out")
            else:
                left_out.add(path, _NO_IMAGES)
        elif is_item_table(path, root):
            continue
        elif _is_dicom(path):
            faults.add("DICOM files", "make pictures of them on this machine and give their folder: afctl dataset convert DIR OUT",
                       path, "is a DICOM file, which afctl alone reads")
        elif not has_image_name(path):
            left_out.add(path, "not images: their names do not end in .png, .jpg, .bmp, .tif or .webp")
        elif wrong := _fault_of_name(path.stem):
            faults.add("names that cannot be kept", "rename, and try again", path, f"the name {wrong}")
        elif not path.is_symlink() or check_inside(path, root, faults):
            if path.is_file():
                images.append(path)
            else:
                faults.add("links that cannot be followed", "remove it", path, "is no regular file")
    if len(images) > MOST_ITEMS:
        faults.add("folders with too many images", "split the dataset", folder, "holds more than 1,000,000 images")
    if not images and len(faults) == before:
        faults.add("folders without images", "put .png, .jpg, .bmp, .tif or .webp files there", folder, "holds no images")
    return images
