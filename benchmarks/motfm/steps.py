#!/usr/bin/env python3
"""Steps against distance, for each coupling of noise and data: jobs of kind fit and generate of a service that this command starts.

  benchmarks/motfm/steps.py DATASET_DIR [OPTION...]

Every second image of the dataset, in the order of its names, is learned from; the others are the target that pairs are held against,
and whose halves' distance is the least that can be reached. All jobs share preset, seed, masks and noise.
"""

import os
import pathlib
import shutil
import signal
import sys
import time

from runs import Service, add_options, ended, figure, flags, markdown, parser_of, say

COUPLINGS = ("independent", "ot")
FIGURES = {"FD": "fd (efficientnet-lite2) to target", "KD": "kd (efficientnet-lite2) to target",
           "FD, filter bank": "fd (filter bank) to target"}


def arguments():
    parser = parser_of(__doc__)
    parser.add_argument("dataset", metavar="DATASET_DIR", type=pathlib.Path, help="images/ and masks/")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 5, 10, 20, 50], metavar="N")
    parser.add_argument("--solver", default="euler", help="generate.solver (euler)")
    add_options(parser)
    return parser.parse_args()


def split(dataset, out):
    """out/source and out/target, every second image each."""
    masks = {mask.stem: mask for mask in (dataset / "masks").iterdir()}
    images = sorted((dataset / "images").iterdir(), key=lambda image: image.stem)
    for part, name in enumerate(("source", "target")):
        shutil.rmtree(out / name, ignore_errors=True)
        for kind in ("images", "masks"):
            (out / name / kind).mkdir(parents=True)
        for image in images[part::2]:
            shutil.copy(image, out / name / "images")
            shutil.copy(masks[image.stem], out / name / "masks")


def table(results, steps):
    """Markdown: a row a number of steps, and the target's halves."""
    some = next(iter(results.values()))
    shown = {short: name for short, name in FIGURES.items() if figure(some, name, "pairs") is not None}
    head = ["steps", *(f"{short}, {coupling}" for short in shown for coupling in COUPLINGS)]
    rows = [[str(count), *(f"{figure(results[coupling, count], name, 'pairs'):.3g}" for name in shown.values()
                           for coupling in COUPLINGS)] for count in steps]
    rows.append(["target's halves", *(f"{figure(some, name, 'target'):.3g}" for name in shown.values() for _ in COUPLINGS)])
    return markdown([head, *rows])


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the service is stopped, too
    state = options.out / "state"
    state.mkdir(parents=True, exist_ok=True)
    split(options.dataset, options.out)
    begun, results = time.monotonic(), {}
    with Service(os.path.abspath(options.programs), str(state), options.workers) as service:
        for name in ("source", "target"):
            service.afctl("dataset", "push", name, options.out / name, "--labels", options.labels)
        models = {}
        for coupling in COUPLINGS:
            job = service.afctl("fit", "--source", "source", "--preset", options.preset,
                                *flags([f"fit.coupling={coupling}", *options.fit]))["name"]
            models[coupling] = ended(service, job, f"model, {coupling}")["stage1_model"]
        for count in options.steps:
            for coupling in COUPLINGS:
                settings = [f"generate.steps={count}", f"generate.solver={options.solver}", f"figures.samples={options.pairs}",
                            "gates.enabled=off", "evaluate.segmenter=none", *options.set]
                job = service.afctl("generate", "--model", models[coupling], "--pairs", options.pairs, "--target", "target",
                                    *flags(settings))["name"]
                results[coupling, count] = ended(service, job, f"{count} steps, {coupling}")
    print(table(results, options.steps))
    say(f"{(time.monotonic() - begun) / 60:.1f} minutes; {options.pairs} pairs each; pairs and models are in {state}")


if __name__ == "__main__":
    main()
