#!/usr/bin/env python3
"""Whether a model learns what images as a whole show: jobs of kind fit and generate of a service that this command starts.

  benchmarks/motfm/classes.py NAME=DIR NAME=DIR... [OPTION...]

The folders, each with images/ and masks/, become one dataset whose classes.csv says which image is of which. One model is told the masks
alone, which differ between classes as well, the other the classes, too. Both make the same pairs from noise, for masks of all classes in turn.
A linear classifier on features that no model was trained on, fitted to real images, says what it takes each pair for.
"""

import csv
import os
import pathlib
import shutil
import signal
import sys
import time

from runs import Service, add_options, ended, figure_row, flags, markdown, parser_of, say

FIGURE = "class accuracy (percent)"
DISTANCE = "fd (efficientnet-lite2) to source"


def arguments():
    parser = parser_of(__doc__)
    parser.add_argument("classes", nargs="+", metavar="NAME=DIR", help="images/ and masks/ of a class")
    parser.add_argument("--most", type=int, default=300, help="images of each class, evenly from all over its folder (300)")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1, 2], help="generate.guidance (1 2)")
    add_options(parser)
    return parser.parse_args()


def join(classes, most, out):
    """One folder of the images of all."""
    shutil.rmtree(out, ignore_errors=True)
    for kind in ("images", "masks"):
        (out / kind).mkdir(parents=True)
    with open(out / "classes.csv", "w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(["name", "class"])
        for name, folder in classes:
            masks = {mask.stem: mask for mask in (folder / "masks").iterdir()}
            images = sorted((folder / "images").iterdir(), key=lambda image: image.stem)
            for image in images[::-(-len(images) // most)]:
                mask = masks[image.stem]
                shutil.copy(image, out / "images" / f"{name}-{image.name}")
                shutil.copy(mask, out / "masks" / f"{name}-{mask.name}")
                rows.writerow([f"{name}-{image.stem}", name])


def row_of(title, state, subject):
    accuracy, distance = figure_row(state, FIGURE, subject), figure_row(state, DISTANCE, subject)
    return [title, f"{accuracy['value']:.0f} [{accuracy['low']:.0f}, {accuracy['high']:.0f}]", accuracy["note"].split("; told by")[0],
            f"{distance['value']:.3g}" if distance else "-"]


def main():
    options = arguments()
    classes = [(name, pathlib.Path(folder)) for name, _, folder in (one.partition("=") for one in options.classes)]
    if len(classes) < 2 or any(not name or not (folder / "images").is_dir() for name, folder in classes):
        raise SystemExit("motfm: give two classes or more as NAME=DIR, where DIR holds images/ and masks/")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the service is stopped, too
    state = options.out / "state"
    state.mkdir(parents=True, exist_ok=True)
    join(classes, options.most, options.out / "classes")
    begun, rows = time.monotonic(), [["pairs", "class accuracy", "confusion", "FD (lite2) to all real"]]
    with Service(os.path.abspath(options.programs), str(state), options.workers) as service:
        service.afctl("dataset", "push", "classes", options.out / "classes", "--labels", options.labels)
        for condition in ("masks", "both"):
            job = service.afctl("fit", "--source", "classes", "--preset", options.preset,
                                *flags([f"fit.condition={condition}", *options.fit]))["name"]
            model = ended(service, job, f"model of {condition}")["stage1_model"]
            for guidance in options.guidance:
                settings = ["pairs.classes=" + ",".join(name for name, _ in classes), f"generate.guidance={guidance}",
                            f"figures.samples={options.pairs}", "gates.enabled=off", *options.set]
                title = f"{'masks alone' if condition == 'masks' else 'masks and classes'}, guidance {guidance:g}"
                job = service.afctl("generate", "--model", model, "--pairs", options.pairs, *flags(settings))["name"]
                made = ended(service, job, title)
                if len(rows) == 1:
                    rows.append(row_of("(real images, held out)", made, "source"))
                rows.append(row_of(title, made, "pairs"))
    print(markdown(rows))
    say(f"{(time.monotonic() - begun) / 60:.1f} minutes; {options.pairs} pairs each; pairs and models are in {state}")


if __name__ == "__main__":
    main()
