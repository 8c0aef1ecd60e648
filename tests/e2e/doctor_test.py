"""What `afctl doctor` finds, and which exit code it ends with."""

import json

from processes import Coordinator, poll
from security_test import authority, certificate, make_key, run, Guarded  # noqa: F401 (fixtures)


def doctor(expect, **environment):
    """The checks by name."""
    done = run("doctor", "--json", **environment)
    assert done.returncode == expect, done.stdout + done.stderr
    return {check["check"]: check for check in json.loads(done.stdout)["checks"]}


def test_where_all_is_well_it_says_so_and_ends_with_0(service):
    poll(lambda: service.afctl("worker", "list")["workers"], 60, "the worker")
    checks = doctor(0, server=service.address)
    assert set(checks) == {"server", "versions", "clock", "encryption", "you", "workers", "disk", "queue"}
    assert {check["health"] for check in checks.values()} == {"ok"}
    assert "1 connected" in checks["workers"]["text"]
    text = run("doctor", server=service.address).stdout
    assert "1 connected" in text and "problem" not in text


def test_what_runs_out_and_what_is_missing_is_named_with_what_to_do(authority, certificate, tmp_path):  # noqa: F811
    guarded = Guarded(tmp_path, certificate)  # whose certificate ends tomorrow
    key = make_key(guarded.state, "operator", "--expires", "3")
    poll(lambda: run("job", "list", server=guarded.address, ca=authority.ca, key=key).returncode == 0, 20, "the key to open")
    checks = doctor(1, server=guarded.address, ca=authority.ca, key=key)
    assert checks["encryption"]["health"] == "warning" and "new certificate" in checks["encryption"]["remedy"]
    assert checks["you"]["health"] == "warning" and "operator" in checks["you"]["text"]
    assert checks["workers"]["health"] == "problem" and "alignflow-worker" in checks["workers"]["remedy"]
    assert checks["server"]["health"] == checks["versions"]["health"] == checks["clock"]["health"] == "ok"
    # A worker's key may not look at all; what it may not see is no fault of its.
    checks = doctor(1, server=guarded.address, ca=authority.ca, key=guarded.keys["worker"])
    assert "may not" in checks["workers"]["text"] and "worker" in checks["you"]["text"]
    done = run("doctor", server=guarded.address, ca=authority.ca)
    assert done.returncode == 1 and "access key" in done.stderr
    address = guarded.address
    guarded.coordinator.close()
    done = run("doctor", server=address, ca=authority.ca, key=key)
    assert done.returncode == 3 and "problem" in done.stdout and "is it running" in done.stderr


def test_a_full_disk_is_a_problem(tmp_path):
    coordinator = Coordinator(tmp_path, "--disk-reserve", "1000TB")
    try:
        checks = poll(lambda: (found := doctor(1, server=coordinator.address))["disk"]["health"] != "ok" and found, 20, "a look at it")
        assert checks["disk"]["health"] == checks["server"]["health"] == "problem"
        assert "afctl space" in checks["disk"]["remedy"]
    finally:
        coordinator.close()
