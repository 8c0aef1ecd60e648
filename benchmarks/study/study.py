#!/usr/bin/env python3
"""The paper's comparison on two domains of your own: each row is an ordinary job of a service that this command starts.

  benchmarks/study/study.py OUT --source DIR --references DIR --target DIR [OPTION...]

OUT keeps the service's state, the jobs' names, NAME.md and NAME.csv. The same command again goes on where it stopped:
finished jobs are read, and tasks that are done are not computed again. Another target under another NAME in the same OUT
takes over what the same source needs.
"""

import argparse
import json
import os
import signal
import sys
import time

import rows as study_rows
import tables
from service import Service


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT")
    for name, what in (("source", "the source domain: images/ and masks/"),
                       ("references", "a folder of target images to learn from"),
                       ("target", "held-out target images/ and masks/, never trained on")):
        parser.add_argument(f"--{name}", metavar="DIR", required=True, help=what)
    parser.add_argument("--name", default="target", help="of the target, in OUT (target)")
    parser.add_argument("--labels", help="label table, as in `afctl dataset push`")
    parser.add_argument("--preset", default="unet-64")
    parser.add_argument("--pairs", type=int, default=300, help="pairs in each row (300)")
    parser.add_argument("--seeds", type=int, default=3, help="segmentation models on each side (3)")
    parser.add_argument("--segmenter", default="unet")
    parser.add_argument("--tables", nargs="+", default=["methods"], choices=study_rows.GROUPS, metavar="TABLE",
                        help=f"of {', '.join(study_rows.GROUPS)} (methods)")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows of the tables")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every row")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--programs", default=os.path.join(os.path.dirname(__file__), "../../build/bin"))
    return parser.parse_args()


def say(text):
    print(f"study: {text}", file=sys.stderr, flush=True)


class Jobs:
    """The names of the jobs that were begun, by their settings, kept in a file."""

    def __init__(self, path):
        self.path = path
        self.names = json.load(open(path)) if os.path.exists(path) else {}

    def begin(self, service, options, settings):
        """The name of the job with these settings, begun unless it is there."""
        key = json.dumps([options.name, options.preset, options.pairs, sorted(settings.items())])
        job = self.names.get(key)
        if job is not None:
            state = service.afctl("job", "get", job, check=False)
            if state is not None and state["state"] not in ("JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
                return job
        flags = [flag for name, value in settings.items() for flag in ("--set", f"{name}={value}")]
        job = service.afctl("align", "--source", "source", "--references", options.references, "--target", options.name,
                            "--pairs", options.pairs, "--preset", options.preset, *flags)["name"]
        self.names[key] = job
        with open(self.path + ".new", "w") as file:
            json.dump(self.names, file, indent=1)
        os.replace(self.path + ".new", self.path)
        return job


def figures_of(service, job, title):
    """The job's figures once it has ended; None if it has failed."""
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
    return state["report"]["figures"]


def write(out, name, groups):
    text = "\n".join(tables.markdown(group, rows) for group, rows in groups.items() if rows)
    with open(os.path.join(out, name + ".md"), "w") as file:
        file.write(text)
    tables.write_csv(os.path.join(out, name + ".csv"), groups)
    return text


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the service is stopped, too
    given = dict(pair.split("=", 1) for pair in options.set)
    state = os.path.join(options.out, "state")
    os.makedirs(state, exist_ok=True)
    groups = {}
    with Service(os.path.abspath(options.programs), state, options.workers) as service:
        labels = ["--labels", options.labels] if options.labels else []
        service.afctl("dataset", "push", "source", options.source, *labels)
        service.afctl("dataset", "push", options.name, options.target, *labels)
        jobs = Jobs(os.path.join(options.out, "jobs.json"))
        # All at once, so that no worker waits for the end of a row.
        begun = []
        for group in options.tables:
            common = {"evaluate.segmenter": options.segmenter if group in study_rows.EVALUATED else "none",
                      "evaluate.seeds": str(options.seeds)}
            for row, settings in study_rows.GROUPS[group].items():
                if not options.rows or row in options.rows:
                    begun.append((group, row, jobs.begin(service, options, {**common, **given, **settings})))
        text = ""
        for group, row, job in begun:
            figures = figures_of(service, job, row)
            if figures is not None:
                groups.setdefault(group, {})[row] = figures
                text = write(options.out, options.name, groups)
    print(text)


if __name__ == "__main__":
    main()
