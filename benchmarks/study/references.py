"""Ten references from a target: the files, and the groups that they are of."""

import csv
import hashlib
import os
import shutil

PLACES = 3  # in the target's order from which references come


def _images(folder):
    images = os.path.join(folder, "images")
    names = sorted(name for name in os.listdir(images) if not name.startswith("."))
    if not names:
        raise SystemExit(f"study: {images}: there are no images to choose references from")
    return {name: os.path.join(images, name) for name in names}


def _groups(folder):
    """The rows of groups.csv by name, if it is there."""
    table = os.path.join(folder, "groups.csv")
    if not os.path.exists(table):
        return {}
    with open(table, newline="", encoding="utf-8-sig") as file:
        return {row[0]: row[1] for row in csv.reader(file) if len(row) == 2}


def choose(target, count, folder):
    """Copies `count` images of the target, runs of neighbours from three places in its order, to `folder`, and their rows of
    groups.csv. Neighbours are mostly of one sequence or patient, so that few groups are left out of the test (the service
    does that)."""
    images, groups = _images(target), _groups(target)
    group_of = lambda name: groups.get(name, groups.get(os.path.splitext(name)[0], ""))
    names = sorted(images, key=lambda name: (group_of(name), name))
    count = min(count, len(names) - 1)
    chosen = []
    for place in range(PLACES):
        share = count // PLACES + (place < count % PLACES)
        first = min((2 * place + 1) * len(names) // (2 * PLACES), len(names) - share)
        chosen += names[first:first + share]
    new = folder + ".new"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new)
    for name in dict.fromkeys(chosen):
        shutil.copy(images[name], new)
    if groups:
        with open(os.path.join(new, "groups.csv"), "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([name, group_of(name)] for name in dict.fromkeys(chosen))
    os.rename(new, folder)


def digest(folder):
    """Of the folder's files, names and bytes."""
    whole = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                whole.update(f"{name}\0{hashlib.sha256(file.read()).hexdigest()}\n".encode())
    return whole.hexdigest()
