"""The study: a set of ordinary jobs that goes on where it was stopped."""

import csv
import json
import signal
import subprocess
import sys

from api import ROOT
from inputs import SETTINGS, set_options
from processes import BIN, COMMAND_TIMEOUT_S, poll

SHORT = {**SETTINGS, "evaluate.segmenter": "unet", "evaluate.iterations": "4", "evaluate.batch": "2"}
ROWS = ["Reinhard", "AlignFlow"]


def study(data, out):
    return subprocess.Popen(
        [sys.executable, ROOT / "benchmarks" / "study" / "study.py", out, "--source", data / "source",
         "--references", data / "references", "--target", data / "target", "--labels", "polyp=255", "--pairs", "8",
         "--seeds", "2", "--rows", *ROWS, "--programs", BIN, *set_options(SHORT)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def jobs_of(out):
    file = out / "jobs.json"
    return json.loads(file.read_text()) if file.exists() else {}


def test_a_stopped_study_goes_on_with_the_jobs_it_began_and_prints_its_table(data, tmp_path):
    stopped = study(data, tmp_path)
    poll(lambda: stopped.poll() is not None or len(jobs_of(tmp_path)) == len(ROWS), COMMAND_TIMEOUT_S, "the study's jobs")
    stopped.send_signal(signal.SIGTERM)
    _, said = stopped.communicate(timeout=COMMAND_TIMEOUT_S)
    assert stopped.returncode == 143, said
    begun = jobs_of(tmp_path)

    again = study(data, tmp_path)
    table, said = again.communicate(timeout=COMMAND_TIMEOUT_S)
    assert again.returncode == 0, said
    assert jobs_of(tmp_path) == begun and len(begun) == len(ROWS)
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")] == [
        "", "---", "real only", *ROWS, "(references)", "(target)"]
    with open(tmp_path / "target.csv", newline="") as file:
        values = {(line["row"], line["figure"], line["subject"]): line["value"] for line in csv.DictReader(file)}
    for row in ROWS:
        assert 0 <= float(values[row, "mdice on target (percent)", "real + pairs"]) <= 100
