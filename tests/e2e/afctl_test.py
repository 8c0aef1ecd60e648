"""Everything that the README shows a user, by afctl alone."""

import itertools
import json
import os
import re
import signal
import subprocess

import pytest

from api import ROOT
from inputs import PAIRS, SETTINGS, check_pulled, set_options, start_job
from processes import BIN, poll


PROGRAMS = ["afctl", "alignflow-coordinator", "alignflow-worker"]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], stderr=subprocess.PIPE, text=True, timeout=60, check=False,
                          **{"stdout": subprocess.PIPE, **options})


def test_version(service):
    assert service.afctl("version")["version"]


def test_version_of_the_three_programs_is_the_same(service):
    version = service.afctl("version")["version"]
    for program in PROGRAMS:
        assert run(BIN / program, "--version").stdout == f"{program} {version}\n"


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("job", "list"), ("dataset", "get", "source"),
                                       ("job", "list", "--json"), ("job", "get", "nope", "--json")])
def test_full_stdout_is_said(service, finished_job, arguments):
    with open("/dev/full", "w") as full:
        done = run(BIN / "afctl", *arguments, stdout=full, env=service.environment())
    assert done.returncode != 0 and "stdout: No space left" in done.stderr


def test_closed_pipe_is_said(service, finished_job):
    reader, writer = os.pipe()
    os.close(reader)
    done = run(BIN / "afctl", "report", finished_job, "-o", "-", stdout=writer, env=service.environment())
    os.close(writer)
    assert done.returncode == 4 and "stdout" in done.stderr


def test_report_goes_through_a_shell_redirection_whole(service, finished_job, tmp_path):
    file = tmp_path / "report.html"
    command = f"{BIN / 'afctl'} report {finished_job} -o /dev/stdout >> {file}"
    file.write_text("before\n")
    assert run("sh", "-c", command, env=service.environment()).returncode == 0
    text = file.read_text()
    assert text.startswith("before\n<") and text.rstrip().endswith("</html>")


@pytest.mark.parametrize("program, arguments", [
    ("alignflow-coordinator", ("--listen", "", "--state-dir", "state")),
    ("alignflow-coordinator", ("--listen", "127.0.0.1:0", "--state-dir", "")),
    ("alignflow-coordinator", ("--listen", "127.0.0.1:0", "--state-dir", "state", "--metrics-listen", "")),
    ("alignflow-coordinator", ("--listen", "127.0.0.1:0", "--state-dir", "state", "--models-dir", "")),
    ("alignflow-worker", ("--coordinator", "")),
    ("alignflow-worker", ("--coordinator", "127.0.0.1:1", "--cache-dir", "")),
    ("afctl", ("job", "list", "--server", ""))])
def test_empty_values_are_refused_with_their_option(program, arguments, tmp_path):
    done = run(BIN / program, *arguments, cwd=tmp_path)
    option = arguments[arguments.index("") - 1]
    assert done.returncode == 1 and f"{option}: must not be empty" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program, option", [("alignflow-coordinator", "--listen"), ("alignflow-worker", "--coordinator")])
def test_unknown_options_get_the_nearest(program, option):
    done = run(BIN / program, option + "s=127.0.0.1:0")
    assert done.returncode == 1 and f"did you mean {option}?" in done.stderr


def test_documented_options_of_the_other_programs_are_theirs():
    seen = 0
    for file in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for program in PROGRAMS[1:]:
            for line in re.findall(rf"^    .*{program} (.*)$", file.read_text(), re.MULTILINE):
                command = itertools.takewhile(lambda word: not word.startswith("-"), line.split())
                help_text = run(BIN / program, *command, "--help").stdout
                for option in re.findall(r"(?<!\S)--[a-z-]+", line):
                    assert option in help_text, f"{file.name}: {program} {option}"
                    seen += 1
    assert seen >= 3


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_wait_says_that_the_job_goes_on(new_service, data, signal_number):
    service = new_service().start_coordinator()
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    waiting = service.start_afctl("align", "--source", "source", "--references", data / "references", "--pairs", PAIRS,
                                  "--wait", name="waiting")
    job = poll(lambda: re.search(r"(jobs/\S+) queued", waiting.log_text()), 60, "the job").group(1)
    watching = service.start_afctl("job", "watch", job, name="watching")
    poll(lambda: "queued" in watching.log_text(), 60, "the watch")
    for program in (waiting, watching):
        program.process.send_signal(signal_number)
        assert program.wait() == 128 + signal_number
        for words in (f"{job} goes on", f"afctl job watch {job}", f"afctl job cancel {job}"):
            assert words in program.log_text()
    assert service.afctl("job", "get", job)["state"] == "JOB_STATE_QUEUED"


def test_interrupted_pull_leaves_nothing_half_written(new_service, data, tmp_path):
    service = new_service().start_coordinator()
    job = start_job(service, data)
    pulling = service.start_afctl("pairs", "pull", job, tmp_path / "pairs", name="pulling")
    poll((tmp_path / "pairs" / "manifest.jsonl").exists, 60, "the folder")
    pulling.process.send_signal(signal.SIGINT)
    assert pulling.wait() == 130 and "run the same command again" in pulling.log_text()
    assert not list((tmp_path / "pairs").rglob("*.part"))


def test_dataset_is_pushed_once_listed_shown_and_deleted(service, data):
    first = service.afctl("dataset", "push", "short-lived", data / "source", "--labels", "polyp=255")
    assert first["item_count"] == "12" and first["labels"] == [{"name": "polyp", "value": 255, "colour": ""}]
    again = service.afctl("dataset", "push", "short-lived", data / "source", "--labels", "polyp=255")
    assert again["digest"] == first["digest"] and again["sent_bytes"] == 0
    assert "datasets/short-lived" in [dataset["name"] for dataset in service.afctl("dataset", "list")["datasets"]]
    assert service.afctl("dataset", "get", "short-lived")["largest"] == "64x64"
    assert service.afctl("dataset", "delete", "short-lived") == {"deleted": "datasets/short-lived"}
    assert service.afctl("dataset", "get", "short-lived", expect=1)["error"]["code"] == "NOT_FOUND"


def test_other_content_under_a_taken_name_is_refused(service, data, finished_job):
    error = service.afctl("dataset", "push", "source", data / "target", "--labels", "polyp=255", expect=1)["error"]
    assert error["code"] == "ALREADY_EXISTS"


def test_dataset_in_use_is_kept(service, data):
    job = service.afctl("align", "--source", "source", "--references", data / "references", "--pairs", PAIRS,
                        *set_options({**SETTINGS, "seed": "77"}))["name"]
    assert service.afctl("dataset", "delete", "source", expect=1)["error"]["code"] == "FAILED_PRECONDITION"
    assert service.afctl("job", "cancel", job)["state"] == "JOB_STATE_CANCELLED"


def test_job_is_shown_with_its_figures(service, finished_job):
    job = service.afctl("job", "get", finished_job)
    assert job["state"] == "JOB_STATE_SUCCEEDED" and job["pairs_ready"] == PAIRS
    subjects = {figure["subject"] for figure in job["report"]["figures"] if figure["name"].startswith("mmd")}
    assert {"source", "references", "stage 1", "stage 2", "recoloured", "pairs", "target"} <= subjects
    assert finished_job in [job["name"] for job in service.afctl("job", "list")["jobs"]]


def test_table_for_people_has_a_column_for_every_kind_of_images(service, finished_job):
    text = subprocess.run([BIN / "afctl", "job", "get", finished_job], capture_output=True, text=True, timeout=60,
                          env=service.environment(), check=True).stdout
    header = next(line for line in text.splitlines() if line.startswith("FIGURE"))
    assert header.split("  ")[-1].strip() == "target" and "stage 1" in header and "stage 2" in header
    # What a worker without weights can't compute takes one line.
    assert re.search(r"^Not available, because the worker's --models-dir has no .*: .*fid", text, re.MULTILINE)
    assert "not available: no" not in text


def test_same_job_again_computes_nothing(service, data, finished_job):
    job = service.afctl("align", "--source", "source", "--references", data / "references", "--target", "target",
                        "--pairs", PAIRS, *set_options(), "--wait")
    assert job["name"] != finished_job
    assert {stage["state"] for stage in job["stages"]} == {"STAGE_STATE_REUSED"}


def test_other_references_reuse_stage_1_and_the_rollout_pool(service, data, finished_job):
    job = service.afctl("align", "--source", "source", "--references", data / "other-references", "--target", "target",
                        "--pairs", PAIRS, *set_options(), "--wait")
    states = {stage["id"]: stage["state"] for stage in job["stages"]}
    for stage in ("prepare", "describe", "fit", "rollout"):
        assert states[stage] == "STAGE_STATE_REUSED"
    assert states["align"] == states["generate"] == "STAGE_STATE_SUCCEEDED"


def test_job_file_gives_the_same_job_as_options(service, data, finished_job, tmp_path):
    lines = ["source: source", f"references: {data / 'references'}", "target: target", f"pairs: {PAIRS}", "settings:"]
    (tmp_path / "job.yaml").write_text("\n".join(lines + [f"  {key}: {value}" for key, value in SETTINGS.items()]))
    job = service.afctl("align", "-f", tmp_path / "job.yaml", "--wait")
    assert {stage["state"] for stage in job["stages"]} == {"STAGE_STATE_REUSED"}


def test_pulled_pairs_are_whole_and_a_dataset_again(service, finished_job, tmp_path):
    summary = service.afctl("pairs", "pull", finished_job, tmp_path / "pairs")
    assert summary["pulled"] == PAIRS and summary["report"]
    digests = check_pulled(tmp_path / "pairs")
    assert (tmp_path / "pairs" / "contact-sheet.png").read_bytes()[1:4] == b"PNG"
    assert json.loads((tmp_path / "pairs" / "figures.json").read_text())
    pushed = service.afctl("dataset", "push", "synthetic", tmp_path / "pairs", "--labels", "polyp=255")
    assert pushed["item_count"] == str(PAIRS)
    assert service.afctl("pairs", "pull", finished_job, tmp_path / "pairs")["pulled"] == 0
    assert check_pulled(tmp_path / "pairs") == digests


def test_interrupted_pull_goes_on(service, finished_job, tmp_path):
    folder = tmp_path / "pairs"
    service.afctl("pairs", "pull", finished_job, folder)
    digests = check_pulled(folder)
    lines = (folder / "manifest.jsonl").read_text().splitlines(keepends=True)
    # As a kill leaves it: half a line, a file without a line, a file that the disk lost.
    (folder / "manifest.jsonl").write_text("".join(lines[:20]) + lines[20][:30])
    (folder / "images" / "000030.png").unlink()
    (folder / "images" / "000003.png").write_bytes(b"")
    summary = service.afctl("pairs", "pull", finished_job, folder)
    assert summary["pulled"] == PAIRS - 20 and summary["repaired"] == 1
    assert check_pulled(folder) == digests


def test_model_is_listed_shown_and_exported(service, finished_job, tmp_path):
    name = service.afctl("job", "get", finished_job)["stage2_model"]
    assert name in [model["name"] for model in service.afctl("model", "list")["models"]]
    model = service.afctl("model", "get", name)
    exported = service.afctl("model", "export", name, tmp_path / "model.safetensors")
    assert exported["sha256"] == model["weights"]["sha256"]
    assert (tmp_path / "model.safetensors").stat().st_size == int(model["weights"]["size_bytes"])


def test_deleted_model_is_computed_again(service, data, finished_job, tmp_path):
    name = service.afctl("job", "get", finished_job)["stage2_model"]
    service.afctl("model", "delete", name)
    assert service.afctl("model", "get", name, expect=1)["error"]["code"] == "NOT_FOUND"
    # The pairs that were made stay.
    service.afctl("pairs", "pull", finished_job, tmp_path / "pairs")
    check_pulled(tmp_path / "pairs")
    job = service.afctl("align", "--source", "source", "--references", data / "references", "--target", "target",
                        "--pairs", PAIRS, *set_options(), "--wait")
    assert job["stage2_model"] == name


@pytest.mark.parametrize("arguments", [("job", "get", "nope"), ("job", "watch", "nope"), ("job", "cancel", "nope"),
                                       ("model", "get", "nope"), ("dataset", "delete", "nope"),
                                       ("pairs", "pull", "nope", "pairs")])
def test_unknown_names_are_errors(service, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert service.afctl(*arguments, expect=1)["error"]["code"] == "NOT_FOUND"


def test_without_a_server_the_remedy_is_named(service):
    done = subprocess.run([BIN / "afctl", "job", "list", "--json"], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin"}, check=False)
    assert done.returncode == 1
    assert "AFCTL_SERVER" in json.loads(done.stdout)["error"]["message"]
