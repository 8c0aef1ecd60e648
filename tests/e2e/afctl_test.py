"""Everything that the README shows a user, by afctl alone."""

import json
import subprocess

import pytest

from inputs import PAIRS, SETTINGS, check_pulled, set_options
from processes import BIN


def test_version(service):
    assert service.afctl("version")["version"]


def test_dataset_is_pushed_once_listed_shown_and_deleted(service, data):
    first = service.afctl("dataset", "push", "short-lived", data / "source", "--labels", "polyp=255")
    assert first["item_count"] == "12" and first["labels"] == [{"name": "polyp", "value": 255}]
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
    assert {"source", "references", "stage 1", "stage 2", "target"} <= subjects
    assert finished_job in [job["name"] for job in service.afctl("job", "list")["jobs"]]


def test_table_for_people_has_a_column_for_every_kind_of_images(service, finished_job):
    text = subprocess.run([BIN / "afctl", "job", "get", finished_job], capture_output=True, text=True, timeout=60,
                          env=service.environment(), check=True).stdout
    header = next(line for line in text.splitlines() if line.startswith("FIGURE"))
    assert header.split("  ")[-1].strip() == "target" and "stage 1" in header and "stage 2" in header


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
    log = service.coordinator.log_text()
    for stage in ("fit", "rollout"):
        assert f"{job['name']}: stage {stage}: 1 tasks, 1 reused" in log


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
