"""What the commands of this folder share: settings as flags, jobs that are waited for, figures and tables."""

import argparse
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "study"))
from service import Service  # noqa: E402, F401


def add_options(parser):
    parser.add_argument("--labels", default="polyp=255", help="label table, as in `afctl dataset push` (polyp=255)")
    parser.add_argument("--preset", default="unet-64")
    parser.add_argument("--pairs", type=int, default=256, help="pairs of each kind (256)")
    parser.add_argument("--fit", action="append", default=[], metavar="KEY=VALUE", help="a setting of all models")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of all pairs")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("motfm-output"), metavar="OUT")
    parser.add_argument("--workers", type=int, default=1, help="each computes on all cores (1)")
    parser.add_argument("--programs", default=os.path.join(os.path.dirname(__file__), "../../build/bin"))


def parser_of(text):
    return argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)


def say(text):
    print(f"motfm: {text}", file=sys.stderr, flush=True)


def flags(settings):
    return [part for setting in settings for part in ("--set", setting)]


def ended(service, job, title):
    """The job once it has succeeded; how long it took is told."""
    begun = time.monotonic()
    state = service.wait(job, lambda _: None)
    if state["state"] != "JOB_STATE_SUCCEEDED":
        raise SystemExit(f"motfm: {title}: {state['state']}: {state.get('error', '')}")
    say(f"{title}: {time.monotonic() - begun:.0f} s")
    return state


def figure_row(state, name, subject):
    """The figure of that name and subject that has a value, or None."""
    for one in state["report"]["figures"]:
        if one["name"] == name and one["subject"] == subject and one["value"] is not None:
            return one
    return None


def figure(state, name, subject):
    row = figure_row(state, name, subject)
    return row and row["value"]


def markdown(rows):
    """A table; the first row is its head."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]))
