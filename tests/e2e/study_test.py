"""The study: a set of ordinary jobs that goes on where it was stopped."""

import csv
import json
import re
import signal
import subprocess
import sys

import pytest

from api import ROOT
from inputs import SETTINGS, set_options
from processes import BIN, COMMAND_TIMEOUT_S, poll

SHORT = {**SETTINGS, "evaluate.segmenter": "unet", "evaluate.iterations": "4", "evaluate.batch": "2"}
BASELINE = "real, ordinary augmentation"
ROWS = ["Reinhard", "framing, Reinhard", "restyle", "cut to views"]
JOBS = 4  # the baseline is the real side of "framing, Reinhard"
REFERENCES = 3  # of the target's eight images


sys.path.insert(0, str(ROOT / "benchmarks" / "study"))
import rows as study_rows  # noqa: E402


@pytest.mark.parametrize("table", study_rows.TABLES)
def test_every_row_has_settings_that_there_are(table):
    for name, row in study_rows.rows_of(table).items():
        done = subprocess.run([BIN / "afctl", "settings", "--json", *set_options({**study_rows.COMMON, **row.all_settings()})],
                              capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def study(data, out):
    return subprocess.Popen(
        [sys.executable, ROOT / "benchmarks" / "study" / "study.py", out, "--source", data / "source",
         "--target", f"target={data / 'target'}", "--references-count", str(REFERENCES), "--labels", "polyp=255",
         "--pairs", "8", "--seeds", "3", "--rows", *ROWS, "--workers", "1", "--programs", BIN, *set_options(SHORT)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def jobs_of(out):
    file = out / "jobs.json"
    return json.loads(file.read_text()) if file.exists() else {}


def test_a_stopped_study_goes_on_with_the_jobs_it_began_and_prints_its_table(data, tmp_path):
    stopped = study(data, tmp_path)
    poll(lambda: stopped.poll() is not None or len(jobs_of(tmp_path)) == JOBS, COMMAND_TIMEOUT_S, "the study's jobs")
    stopped.send_signal(signal.SIGTERM)
    _, said = stopped.communicate(timeout=COMMAND_TIMEOUT_S)
    assert stopped.returncode == 143, said
    begun = jobs_of(tmp_path)

    again = study(data, tmp_path)
    table, said = again.communicate(timeout=COMMAND_TIMEOUT_S)
    assert again.returncode == 0, said
    assert jobs_of(tmp_path) == begun and len(begun) == JOBS
    assert re.search(r"study: [0-9.]+ h with 1 workers", said), said
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")] == [
        "", "---", BASELINE, *ROWS, "(references)", "(target)"]
    with open(tmp_path / "target.csv", newline="") as file:
        lines = {(line["row"], line["figure"], line["subject"]): line for line in csv.DictReader(file)}
    for row, side in zip(ROWS, [*["real + pairs"] * 3, "real only, views"]):
        score = lines[row, "mdice on target (percent)", side]
        assert 0 <= float(score["value"]) <= 100
        assert int(score["samples"]) == 8 - REFERENCES, "references are not tested"
    # The study's statistics are the service's: of one job's own sides they say the same.
    own = lines["framing, Reinhard", "mdice gain (points)", "real + pairs"]
    ours = lines["framing, Reinhard", f"mdice gain over {BASELINE} (points)", "real + pairs"]
    for field in ("value", "low", "high"):
        assert float(ours[field]) == pytest.approx(float(own[field]), rel=1e-5, abs=1e-5)
    assert float(re.search(r"p = ([^;]+)", ours["note"]).group(1)) == pytest.approx(
        float(re.search(r"p = ([^;]+)", own["note"]).group(1)), rel=0.01)
