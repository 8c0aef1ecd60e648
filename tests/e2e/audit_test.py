"""Who did what is recorded, in a chain that breaks where it is touched; and keys over the wire."""

import json
import shutil
import sqlite3
import subprocess

from inputs import PAIRS, SETTINGS, set_options
from processes import BIN, Coordinator, Program, poll
from security_test import id_of, keys, one_line, run

# File names are patients' as often as not.
STEM = "zeppelin-anna-1931"


def records(*arguments, **environment):
    done = run("audit", "list", "--since", "never", "--json", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["records"]


def named(folder, data):
    """The data in files whose names must not be written anywhere."""
    for room in ("source/images", "source/masks", "references/images"):
        (folder / room).mkdir(parents=True)
        for number, file in enumerate(sorted((data / room).iterdir())):
            shutil.copy(file, folder / room / f"{STEM}-{number}{file.suffix}")
    return folder


def all_text(folder):
    """All logs of a run, and what the catalog holds of who did what."""
    return "\n".join(log.read_text(errors="replace") for log in folder.rglob("*.log"))


def sql(state, statement):
    with sqlite3.connect(state / "catalog.sqlite") as catalog:
        return catalog.execute(statement).fetchall()


def test_each_change_each_read_and_each_refusal_is_a_record_and_nothing_of_patients_is_in_it(new_service, data, tmp_path):
    service = new_service().start_coordinator()
    at = {"server": service.address}
    one_line(run("key", "create", "--role", "viewer", "--name", "first", **at), "admin's first")
    admin = run("key", "create", "--role", "admin", "--name", "me", **at).stdout.strip()
    as_admin = {**at, "key": admin}
    viewer_file = tmp_path / "viewer"
    done = run("key", "create", "--role", "viewer", "--name", "reading room", "--expires", "2d", "--output", viewer_file, "--json",
               **as_admin)
    assert done.returncode == 0, done.stderr
    viewer = viewer_file.read_text().strip()
    assert viewer_file.stat().st_mode & 0o777 == 0o600 and viewer not in done.stdout + done.stderr
    one_line(run("key", "create", "--role", "viewer", "--name", "x", "--output", viewer_file, **as_admin), "there already")
    worker_key = tmp_path / "worker"
    assert run("key", "create", "--role", "worker", "--name", "w", "--output", worker_key, **as_admin).returncode == 0
    worker = Program([BIN / "alignflow-worker", "--coordinator", service.address, "--device", "cpu", "--threads", 1, "--key-file",
                      worker_key, "--cache-dir", service.folder / "cache"], service.folder / "worker.log")

    files = named(tmp_path / "files", data)
    assert run("dataset", "push", "source", files / "source", "--labels", "polyp=255", **as_admin).returncode == 0
    done = run("align", "--source", "source", "--references", files / "references", "--pairs", PAIRS, "--json",
               *set_options(SETTINGS), **as_admin)
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)["name"]
    assert run("job", "watch", job, **as_admin).returncode == 0
    as_viewer = {**at, "key": viewer}
    assert run("pairs", "pull", job, tmp_path / "pairs", **as_viewer).returncode == 0
    assert run("report", job, "-o", tmp_path / "report.html", **as_viewer).returncode == 0
    one_line(run("job", "delete", job, **as_viewer), "viewer")
    one_line(run("job", "delete", "none-such", **as_admin), "none-such")
    wrong = viewer[:-1] + ("0" if viewer[-1] != "0" else "1")
    for _ in range(20):
        assert run("job", "list", **at, key=wrong).returncode != 0
    assert run("job", "delete", job, **as_admin).returncode == 0
    assert run("key", "revoke", id_of(viewer), **as_admin).returncode == 0
    one_line(run("job", "list", **as_viewer), "revoked")

    def seen():
        found = records(**as_admin)
        return found if any(record["outcome"] == "UNAUTHENTICATED" for record in found) else None
    found = poll(seen, 20, "the refused calls")
    what = [(record["key_id"], record["method"].removeprefix("/alignflow.v1."), record["resource"], record["outcome"])
            for record in found]
    me, other = id_of(admin), id_of(viewer)
    assert what.count(("", "Admin/CreateKey", "", "FAILED_PRECONDITION")) == 1
    assert what.count(("", "Admin/CreateKey", f"keys/{me}", "OK")) == 1
    for expected in ((me, "Admin/CreateKey", f"keys/{other}", "OK"), (me, "Datasets/CreateDatasetWithProgress", "datasets/source", "OK"),
                     (me, "Jobs/CreateJob", job, "OK"), (other, "Jobs/StreamPairs", job, "OK"), (other, "Jobs/GetReport", job, "OK"),
                     (me, "Jobs/DeleteJob", "jobs/none-such", "NOT_FOUND"), (me, "Jobs/DeleteJob", job, "OK"),
                     (other, "Jobs/DeleteJob", "", "PERMISSION_DENIED"), (me, "Admin/RevokeKey", f"keys/{other}", "OK")):
        assert what.count(expected) == 1, (expected, what)
    assert (other, "Jobs/ListJobs", "", "UNAUTHENTICATED") in what
    assert sum(method == "Workers/Register" for _, method, _, _ in what) == 1
    # In their order, from where they came.
    assert [record["sequence"] for record in found] == list(range(1, len(found) + 1))
    assert {record["peer"] for record in found if record["outcome"] == "OK"} == {"127.0.0.1"}

    # Refused calls are one record for the first and, within a minute, one that counts the rest.
    assert service.coordinator.terminate() == 0
    service.start_coordinator()
    found = records(**as_admin)
    refused = [record for record in found if record["outcome"] == "UNAUTHENTICATED" and record["key_id"] == other]
    assert len(refused) < 10 and sum(record["count"] for record in refused) >= 20

    text = all_text(service.folder) + json.dumps(found)
    assert job in text
    for secret in (admin, viewer, wrong, worker_key.read_text().strip()):
        assert secret not in text and secret.rsplit("_", 1)[1] not in text
    assert STEM not in text and "zeppelin" not in text.lower()
    worker.close()


def test_what_was_changed_removed_or_cut_off_is_found_and_a_backup_carries_all(new_service, tmp_path):
    service = new_service().start_coordinator()
    at = {"server": service.address}
    admin = run("key", "create", "--role", "admin", "--name", "me", **at).stdout.strip()
    as_admin = {**at, "key": admin}
    for number in range(6):
        assert run("key", "create", "--role", "viewer", "--name", f"v{number}", **as_admin).returncode == 0
    assert run("audit", "verify", **as_admin).returncode == 0
    export = tmp_path / "audit.jsonl"
    assert run("audit", "export", export, **as_admin).returncode == 0
    assert run("audit", "verify", export).returncode == 0
    lines = export.read_text().splitlines(keepends=True)
    for changed, word in ((lines[:3] + [lines[3].replace("CreateKey", "RevokeKey")] + lines[4:], "record 3 was changed"),
                          (lines[:3] + lines[4:], "record 3 is missing"), (lines[:-1], "cut off"),
                          (lines[:3] + [lines[4], lines[3]] + lines[5:], "record 3 is missing")):
        export.write_text("".join(changed))
        done = run("audit", "verify", export)
        assert done.returncode == 4 and word in done.stderr, done.stderr
        one_line(done, "audit.jsonl", word)

    state = service.state_dir()
    subprocess.run([BIN / "alignflow-coordinator", "backup", "--state-dir", state, "--to", tmp_path / "copy"], check=True, timeout=60)
    subprocess.run([BIN / "alignflow-coordinator", "restore", "--from", tmp_path / "copy", "--state-dir", tmp_path / "restored"],
                   check=True, timeout=60)
    (tmp_path / "second").mkdir()
    restored = Coordinator(tmp_path / "second", state_dir=tmp_path / "restored")
    of_copy = {"server": restored.address, "key": admin}
    assert run("audit", "verify", **of_copy).returncode == 0
    assert len(records(**of_copy)) == 7
    assert restored.terminate() == 0
    restored.close()

    # Whoever has the state folder cuts off the end and makes the rest fit; that others follow hides nothing.
    service.coordinator.kill()
    sql(state, "DELETE FROM audit_records WHERE sequence > 4")
    sql(state, "UPDATE audit_ends SET last = 4, last_hash = (SELECT hash FROM audit_records WHERE sequence = 4)")
    service.start_coordinator()
    assert run("key", "create", "--role", "viewer", "--name", "late", **as_admin).returncode == 0
    done = run("audit", "verify", **as_admin)
    assert done.returncode == 4
    one_line(done, "sealed")


def test_a_new_server_secret_lets_old_keys_in_until_it_is_the_only_one(new_service):
    service = new_service().start_coordinator()
    at, state = {"server": service.address}, service.state_dir()
    before = keys(state, "create", "--role", "admin", "--name", "before")
    poll(lambda: run("job", "list", **at).returncode != 0, 20, "the coordinator to be closed")
    keys(state, "rotate-secret")
    poll(lambda: json.loads(run("key", "list", "--json", **at, key=before).stdout)["keys"][0]["old_secret"], 20, "the new secret")
    after = run("key", "create", "--role", "admin", "--name", "after", **at, key=before).stdout.strip()
    beside = keys(state, "create", "--role", "viewer", "--name", "beside")
    listed = keys(state, "list")
    assert [line.split()[-2] for line in listed.splitlines()[1:]] == ["old", "current", "current"], listed
    for key in (before, after, beside):
        poll(lambda: run("job", "list", **at, key=key).returncode == 0, 20, "the key to open")
    told = keys(state, "rotate-secret", "--drop-old")
    assert id_of(before) in told and id_of(after) not in told
    poll(lambda: run("job", "list", **at, key=before).returncode != 0, 20, "the old key to open nothing")
    assert run("job", "list", **at, key=after).returncode == 0 and run("job", "list", **at, key=beside).returncode == 0
    assert (state / "secret").stat().st_mode & 0o777 == 0o600
    assert run("audit", "verify", **at, key=after).returncode == 0
    service.restart_coordinator()
    assert run("audit", "verify", **at, key=after).returncode == 0
    methods = [record["method"] for record in records(**at, key=after)]
    assert "keys rotate-secret" in methods and "keys rotate-secret --drop-old" in methods
