"""What an operator does with a coordinator's state: copies, checks, deletion by afctl."""

import subprocess

from inputs import PAIRS, set_options
from processes import BIN, poll


def coordinator(*arguments):
    return subprocess.run([str(part) for part in (BIN / "alignflow-coordinator", *arguments)], capture_output=True, text=True, timeout=60,
                          check=False)


def cancelled_job(service, data):
    """A job without a worker that would begin it."""
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    job = service.afctl("align", "--source", "source", "--references", data / "references", "--pairs", PAIRS, *set_options())["name"]
    service.afctl("job", "cancel", job)
    return job


def test_a_dataset_takes_the_jobs_that_used_it_along(new_service, data):
    service = new_service().start_coordinator()
    job = cancelled_job(service, data)
    assert service.afctl("dataset", "delete", "source", "--cascade") == {"deleted": "datasets/source", "deleted_jobs": [job]}
    assert service.afctl("job", "list")["jobs"] == []


def test_an_unfinished_job_keeps_its_dataset(new_service, data):
    service = new_service().start_coordinator()
    cancelled_job(service, data)
    going = service.afctl("align", "--source", "source", "--references", data / "references", "--pairs", PAIRS, *set_options())["name"]
    error = service.afctl("dataset", "delete", "source", "--cascade", expect=1)["error"]
    assert going.replace("jobs/", "job ") in error["message"] and "afctl job cancel" in error["message"]
    assert len(service.afctl("job", "list")["jobs"]) == 2


def test_jobs_are_deleted_by_name(new_service, data):
    service = new_service().start_coordinator()
    job = cancelled_job(service, data)
    assert service.afctl("job", "delete", job) == {"deleted": [job]}
    assert service.afctl("job", "get", job, expect=1)["error"]["code"] == "NOT_FOUND"


def test_a_datasets_jobs_are_kept_as_long_as_it_says(new_service, data):
    service = new_service().start_coordinator("--keep-jobs", "never")
    first, kept = cancelled_job(service, data), "30d"
    assert "keep_jobs" not in service.afctl("dataset", "get", "source")
    assert service.afctl("dataset", "set-retention", "source", "--keep-jobs", kept)["keep_jobs"] == {"age": "2592000s"}
    service.restart_coordinator("--keep-jobs", "0")
    assert [job["name"] for job in service.afctl("job", "list")["jobs"]] == [first]
    service.afctl("dataset", "set-retention", "source", "--keep-jobs", "default")
    poll(lambda: service.afctl("job", "list")["jobs"] == [], 60, "the deletion")
    assert coordinator("--listen", "127.0.0.1:0", "--state-dir", service.folder / "other", "--keep-jobs", "soon").returncode == 1


def test_what_takes_the_space_is_shown(new_service, data):
    service = new_service().start_coordinator()
    job = cancelled_job(service, data)
    space = service.afctl("space")
    uses = {use["name"]: {part["name"]: part["blobs"] for part in use["parts"]} for use in space["uses"]}
    assert uses == {"datasets/source": {"images": "12", "masks": "12", "manifest": "1"}, job: {"references": "4"}}
    files = [path for path in (service.state_dir() / "blobs").rglob("*") if path.is_file() and path.parent.name != "owners"]
    assert int(space["bytes"]) == sum(path.stat().st_size for path in files) and int(space["blobs"]) == len(files)
    assert len(service.afctl("space", "--limit", "1")["uses"]) == 1


def test_the_version_is_told_without_a_coordinator(new_service):
    service = new_service().start_coordinator()
    version = service.afctl("version")
    service.coordinator.kill()
    alone = service.afctl("version", expect=3)
    assert alone["version"] == version["version"] and "server" not in alone
    assert f"no answer from the coordinator at {service.address}" in service.stderr


def test_a_state_is_copied_checked_and_restored(new_service, data, tmp_path):
    service = new_service().start_coordinator()
    job = cancelled_job(service, data)
    backup = coordinator("backup", "--state-dir", service.state_dir(), "--to", tmp_path / "copy")
    assert backup.returncode == 0, backup.stderr
    assert coordinator("check", "--state-dir", tmp_path / "copy").returncode == 0
    restored = new_service("restored")
    assert coordinator("restore", "--from", tmp_path / "copy", "--state-dir", restored.state_dir()).returncode == 0
    restored.start_coordinator()
    assert [found["name"] for found in restored.afctl("job", "list")["jobs"]] == [job]
    blob = next(path for path in (tmp_path / "copy" / "blobs").rglob("*") if path.is_file())
    blob.unlink()
    check = coordinator("check", "--state-dir", tmp_path / "copy")
    assert check.returncode == 1 and f"lost: blob {blob.parent.name}{blob.name}" in check.stdout
