"""A job with everything in it, and its report in a browser."""

import json
import re
import shutil
import subprocess

import pytest
from PIL import Image

from inputs import PAIRS, WHOLE, start_job

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def whole_job(service, data):
    name = start_job(service, data, WHOLE)
    service.afctl("job", "watch", name)
    return name


@pytest.fixture(scope="module")
def report(service, whole_job, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    assert service.afctl("report", whole_job, "-o", file)["bytes"] == file.stat().st_size
    return file


def test_every_stage_runs_and_every_pair_is_judged(service, whole_job, tmp_path):
    job = service.afctl("job", "get", whole_job)
    assert [stage["id"] for stage in job["stages"]] == [
        "prepare", "describe", "fit", "fit-masks", "judge", "rollout", "align", "masks", "generate", "compare", "baseline", "evaluate", "figures"]
    assert job["pairs_ready"] == PAIRS and job["pairs_left_out"] == 0
    assert {"alignment", "diversity"} <= {verdict["name"] for verdict in job["report"]["verdicts"]}
    service.afctl("pairs", "pull", whole_job, tmp_path / "pairs")
    records = [json.loads(line)["record"] for line in (tmp_path / "pairs" / "manifest.jsonl").read_text().splitlines()]
    assert len(records) == PAIRS and all(record["gates"]["passed"] is True for record in records)
    # Larger than the model works, in frames and as views.
    service.afctl("pairs", "pull", whole_job, tmp_path / "views", "--frames", "view")
    for folder, sides in (("pairs", max), ("views", min)):
        for kind in ("images", "masks"):
            assert {sides(Image.open(file).size) for file in (tmp_path / folder / kind).iterdir()} == {int(WHOLE["pairs.size"])}
    made_at = {(record["synthetic"], record.get("made_at")) for record in records}
    assert made_at == {("restyled", 64), ("recoloured", None)}


def test_report_asks_nothing_of_the_network(report):
    urls = set(re.findall(r"https?://[^\"'\s]+", report.read_text()))
    assert urls <= {"http://www.w3.org/2000/svg"}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: scripts/setup.sh installs one")
def test_report_draws_itself_in_a_browser_without_errors(report, whole_job, tmp_path):
    shown = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--enable-logging=stderr",
         "--virtual-time-budget=20000", "--dump-dom", report.as_uri()],
        capture_output=True, text=True, timeout=120, check=True)
    assert ":CONSOLE" not in shown.stderr
    page = shown.stdout
    assert 'data-ready="yes"' in page, "the script came to its end"
    for section in ("verdict", "job", "samples", "figures", "downstream", "curves", "embedding", "reproduce"):
        assert f'<section id="{section}"' in page, section
    assert "can\u2019t be read" not in page
    assert f"Report on {whole_job}" in page
