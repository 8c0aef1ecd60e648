"""A state folder that moves into a database and a bucket, at once or one after the other, and is worked on there."""

import subprocess

import pytest

import databases
from inputs import check_pulled
from object_store import ObjectStore
from processes import BIN, Coordinator

pytestmark = pytest.mark.skipif(not databases.installed(), reason="no PostgreSQL is installed (scripts/setup.sh)")


@pytest.fixture(scope="module")
def postgres():
    server = databases.Postgres()
    yield server
    server.close()


@pytest.fixture
def store():
    made = ObjectStore()
    yield made
    made.close()


def command(store, *arguments):
    return subprocess.run([*store.prefix, BIN / "alignflow-coordinator", *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, check=False)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one after the other"])
def test_jobs_go_on_in_a_database_and_a_bucket(at_once, new_service, finished_job, service, postgres, store, tmp_path):
    state, url = tmp_path / "state", postgres.create("together" if at_once else "apart")
    copied = command(store, "backup", "--state-dir", service.state_dir(), "--to", state)
    assert copied.returncode == 0, copied.stderr
    move = ("migrate-state", "--state-dir", state)
    nowhere = command(store, *move)
    assert nowhere.returncode == 1 and "--catalog, --blobs or both" in nowhere.stderr
    database, bucket = ("--catalog", url), store.options
    for options in ([(*database, *bucket)] if at_once else [database, bucket]):
        moved = command(store, *move, *options)
        assert moved.returncode == 0, moved.stdout + moved.stderr
    assert not (state / "catalog.sqlite").exists()
    assert not [folder for folder in (state / "blobs").iterdir() if len(folder.name) == 2]

    other = new_service()
    other.prefix = store.prefix
    other.coordinator = Coordinator(other.folder, *database, *bucket, state_dir=state, prefix=store.prefix)
    other.address = other.coordinator.address
    names = {job["name"] for job in service.afctl("job", "list")["jobs"]}
    assert {job["name"] for job in other.afctl("job", "list")["jobs"]} == names
    other.afctl("pairs", "pull", finished_job, tmp_path / "pairs")
    service.afctl("pairs", "pull", finished_job, tmp_path / "before")
    assert check_pulled(tmp_path / "pairs") == check_pulled(tmp_path / "before")
    other.coordinator.terminate()
    checked = command(store, "check", "--state-dir", state, *bucket)
    assert checked.returncode == 0 and " 0 lost, 0 damaged" in checked.stdout, checked.stdout + checked.stderr
