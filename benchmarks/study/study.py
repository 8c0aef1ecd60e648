#!/usr/bin/env python3
"""What pairs bring a segmentation model on other hospitals' images: each row is an ordinary job of a service that this command starts.

  benchmarks/study/study.py OUT --source DIR --target NAME=DIR [NAME=DIR ...] [OPTION...]

Real endoscopy, and what it is reported on besides; fundus; made-up images (afctl phantom writes the folders):
  study.py OUT --source polyps/kvasir --target clinicdb=polyps/clinicdb c1=polyps/polypgen-c1 c3=polyps/polypgen-c3 c5=polyps/polypgen-c5
  study.py OUT --source fundus/refuge-zeiss --target drishti=fundus/drishti --labels disc=128,cup=255
  study.py OUT --source phantoms/source --target a=phantoms/target-a b=phantoms/target-b --labels cup=0,disc=128,background=255

Ten images of each target are its references, runs of neighbours from three places in the order of its names; the service leaves
these, copies of them and all images of their groups (groups.csv, or what names tell) out of the test. Every row is compared with
the real pairs under ordinary augmentation (or with --baseline), run by run, and the table's p-values are corrected for their number.

OUT keeps the service's state, the jobs' names, NAME.md and NAME.csv. The same command again goes on where it stopped: finished
jobs are read, and tasks that are done are not computed again. All targets share what is computed on the source alone.
"""

import argparse
import json
import os
import signal
import sys
import time

import references
import rows as study_rows
import tables
from jobs import Jobs
from service import Service


def target(text):
    name, equals, folder = text.partition("=")
    if not equals or not name or not folder:
        raise argparse.ArgumentTypeError(f"'{text}': give NAME=DIR")
    return name, folder


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--source", metavar="DIR", required=True, help="the source domain: images/ and masks/")
    parser.add_argument("--target", metavar="NAME=DIR", required=True, nargs="+", type=target,
                        help="a target domain, likewise, which is tested on and never trained on, and its name in OUT")
    parser.add_argument("--references", metavar="DIR", help="a folder of references, with a single target, instead of chosen ones")
    parser.add_argument("--references-count", type=int, default=10, metavar="N", help="images chosen as references (10)")
    parser.add_argument("--labels", help="label table, as in `afctl dataset push`")
    parser.add_argument("--preset", default="unet-64")
    parser.add_argument("--pairs", type=int, default=300, help="pairs in each row (300)")
    parser.add_argument("--seeds", type=int, default=8, help="paired runs: segmentation models on each side (8)")
    parser.add_argument("--segmenter", default="unet")
    parser.add_argument("--tables", nargs="+", default=["methods"], choices=study_rows.TABLES, metavar="TABLE",
                        help=f"of {', '.join(study_rows.TABLES)} (methods)")
    parser.add_argument("--rows", nargs="+", metavar="ROW",
                        help="only these rows of the tables, besides the baseline")
    parser.add_argument("--baseline", default=study_rows.BASELINE, metavar="ROW",
                        help=f"what the rows are compared with ('{study_rows.BASELINE}')")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every row")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="(one a core)")
    parser.add_argument("--programs", default=os.path.join(os.path.dirname(__file__), "../../build/bin"))
    options = parser.parse_args()
    if options.references and len(options.target) > 1:
        parser.error("--references: give it with a single target")
    known = {row for table in options.tables for row in study_rows.rows_of(table)}
    asked = [("--rows", row) for row in options.rows or []]
    if options.baseline != study_rows.BASELINE:  # tables of distances alone do without
        asked.append(("--baseline", options.baseline))
    for option, row in asked:
        if row not in known:
            parser.error(f"{option}: there is no row '{row}' in these tables; there are {', '.join(sorted(known))}")
    return options


def say(text):
    print(f"study: {text}", file=sys.stderr, flush=True)


def references_of(options, name, folder):
    """The folder of the target's references and its digest; chosen once."""
    chosen = options.references
    if not chosen:
        chosen = os.path.join(options.out, f"{name}-references")
        if not os.path.isdir(chosen):
            references.choose(folder, options.references_count, chosen)
    return chosen, references.digest(chosen)


def wanted_rows(options):
    """(table, row, its name) of what is asked for."""
    for table in options.tables:
        for name, row in study_rows.rows_of(table).items():
            if not options.rows or name in options.rows or name == options.baseline:
                yield table, row, name


def settings_of(options, table, row):
    given = dict(pair.split("=", 1) for pair in options.set)
    evaluated = {"evaluate.segmenter": options.segmenter if table in study_rows.EVALUATED else "none",
                 "evaluate.seeds": str(options.seeds)}
    return {**study_rows.COMMON, **evaluated, **given, **row.all_settings()}


def begin(options, service, jobs):
    """All jobs at once, so that no worker waits for the end of a row: (target, table, row, its name, job)."""
    labels = ["--labels", options.labels] if options.labels else []
    source = service.afctl("dataset", "push", "source", options.source, *labels)
    begun = []
    for name, folder in options.target:
        pushed = service.afctl("dataset", "push", name, folder, *labels)
        chosen = references_of(options, name, folder)
        for table, row, row_name in wanted_rows(options):
            begun.append((name, table, row, row_name, jobs.begin(source, pushed, chosen, settings_of(options, table, row))))
    return begun


def result_of(options, service, job, row, title):
    """What the job came to once it has ended; None if it has failed."""
    seen = set()

    def report(state):
        for stage in state["stages"]:
            if stage["state"] == "STAGE_STATE_RUNNING" and stage["id"] not in seen:
                seen.add(stage["id"])
                say(f"{time.strftime('%H:%M:%S')} {title}: {stage['id']}")

    state = service.wait(job, report)
    if state["state"] != "JOB_STATE_SUCCEEDED":
        say(f"{title}: {state['state']}: {state.get('error', '')}")
        return None
    file = os.path.join(options.out, "scores.json")
    service.afctl("report", job, "--file", "scores.json", "-o", file)
    with open(file) as scores:
        return tables.Result(state["report"]["figures"], json.load(scores), row.side)


def write(options, name, results):
    text = "\n".join(tables.markdown(f"{name}: {table}", rows, options.baseline) for table, rows in results.items())
    with open(os.path.join(options.out, name + ".md"), "w") as file:
        file.write(text)
    tables.write_csv(os.path.join(options.out, name + ".csv"), results, options.baseline)
    return text


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the service is stopped, too
    start = time.monotonic()
    hours = lambda: f"{(time.monotonic() - start) / 3600:.2f} h"
    state = os.path.join(options.out, "state")
    os.makedirs(state, exist_ok=True)
    results = {}  # target -> table -> row -> Result
    texts = {}
    with Service(os.path.abspath(options.programs), state, options.workers) as service:
        jobs = Jobs(os.path.join(options.out, "jobs.json"), service, options.preset, options.pairs)
        for name, table, row, row_name, job in begin(options, service, jobs):
            result = result_of(options, service, job, row, f"{name}, {row_name}")
            say(f"{name}, {row_name}: {'failed' if result is None else 'done'} after {hours()}")
            if result is not None:
                results.setdefault(name, {}).setdefault(table, {})[row_name] = result
                texts[name] = write(options, name, results[name])
    print("\n".join(texts.values()))
    say(f"{hours()} with {options.workers} workers")


if __name__ == "__main__":
    main()
