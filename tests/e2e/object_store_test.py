"""Blobs in a bucket of an S3-compatible store: a whole job through kills and outages, with the very same pairs."""

import subprocess

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from crash_test import JOB_TIMEOUT_S, Rampage, expect_no_orphans
from inputs import LONGER, check_pulled, start_job
from object_store import BUCKET, KEY, SECRET, ObjectStore
from processes import BIN, Coordinator, poll
from security_test import Authority


@pytest.fixture
def store():
    made = ObjectStore()
    yield made
    made.close()


def command(store, *arguments):
    return subprocess.run([*store.prefix, BIN / "alignflow-coordinator", *map(str, arguments), *store.options],
                          capture_output=True, text=True, timeout=120, check=False)


def health(api):
    return health_pb2_grpc.HealthStub(api.channel).Check(health_pb2.HealthCheckRequest(), timeout=10).status


def blob_folders(service):
    """Of blobs that are kept in the state folder itself."""
    return [folder for folder in (service.state_dir() / "blobs").iterdir() if len(folder.name) == 2]


class BucketService:
    """Adds the bucket's options wherever a test starts a coordinator."""

    def __init__(self, service, store):
        service.prefix = store.prefix
        start = service.start_coordinator
        service.start_coordinator = lambda *options: start(*store.options, *options)
        self.service = service


def test_a_job_in_a_bucket_through_kills_and_outages_makes_the_same_pairs(new_service, data, undisturbed, store, tmp_path):
    service = BucketService(new_service(), store).service
    service.start_coordinator().start_worker()
    job = start_job(service, data, LONGER)
    pull = service.start_afctl("pairs", "pull", job, tmp_path / "pairs", name="pull")

    def strike(stage):
        if stage == "fit":
            service.restart_coordinator()
        elif stage == "align":
            store.shut = True
            api = service.api()
            poll(lambda: health(api) == health_pb2.HealthCheckResponse.NOT_SERVING, 60, "NOT_SERVING")
            finding = next(check for check in service.afctl("doctor", expect=1)["checks"] if check["check"] == "server")
            assert "object store" in finding["text"]
            store.shut = False
            poll(lambda: health(api) == health_pb2.HealthCheckResponse.SERVING, 60, "SERVING")
            api.close()
        elif stage == "generate":
            store.lose = 3
            service.restart_coordinator()
            service.restart_worker()

    rampage = Rampage(service, job, strike)
    ended = rampage.run()
    assert ended.state == service.api().jobs.JOB_STATE_SUCCEEDED, ended.error
    assert {"fit", "align", "generate"} <= rampage.struck
    assert store.refused > 0 and store.lost == 3
    assert store.wrong == [], "each request is signed as AWS's own library signs it, with its body's digest"
    assert pull.wait(JOB_TIMEOUT_S) == 0, pull.log_text()
    assert check_pulled(tmp_path / "pairs") == undisturbed, "as of a job whose blobs are in a folder"

    assert not blob_folders(service)
    # What a kill left in the bucket without a line in the index is found by itself.
    poll(lambda: int(service.afctl("space")["blobs"]) == len([key for key in store.keys() if len(key) > 60]), 60,
         "index and bucket to agree")
    expect_no_orphans(service)
    check = command(store, "check", "--state-dir", service.state_dir())
    assert check.returncode == 0 and " 0 lost, 0 damaged" in check.stdout, check.stdout + check.stderr
    log = service.coordinator.log_text()
    assert KEY not in log and SECRET not in log and "Authorization" not in log


def test_a_state_is_migrated_backed_up_and_restored(new_service, data, store, tmp_path):
    service = new_service().start_coordinator()
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    service.coordinator.terminate()
    done = command(store, "migrate-state", "--state-dir", service.state_dir())
    assert done.returncode == 0 and "25 blobs, 25 of them new" in done.stdout, done.stdout + done.stderr
    assert not blob_folders(service)
    alone = subprocess.run([BIN / "alignflow-coordinator", "check", "--state-dir", service.state_dir()],
                           capture_output=True, text=True, timeout=60, check=False)
    assert alone.returncode == 1 and f"--blobs s3://{BUCKET}/site-a/" in alone.stderr
    BucketService(service, store).service.start_coordinator()
    assert service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    backup = command(store, "backup", "--state-dir", service.state_dir(), "--to", tmp_path / "copy")
    assert backup.returncode == 0 and "25 blobs, 25 of them new" in backup.stdout, backup.stdout + backup.stderr
    restored = new_service("restored")
    subprocess.run([BIN / "alignflow-coordinator", "restore", "--from", tmp_path / "copy", "--state-dir", restored.state_dir()],
                   check=True, timeout=60)
    restored.start_coordinator()
    assert [dataset["name"] for dataset in restored.afctl("dataset", "list")["datasets"]] == ["datasets/source"]


def test_a_store_that_refuses_ends_the_start_with_the_remedy(store, tmp_path):
    start = ("--listen", "127.0.0.1:0", "--state-dir", tmp_path / "state")
    options = ["s3://nowhere/at-all" if option.startswith("s3://") else option for option in store.options]
    missing = subprocess.run([*store.prefix, BIN / "alignflow-coordinator", *map(str, start), *options], capture_output=True,
                             text=True, timeout=60, check=False)
    assert missing.returncode == 1 and "there is no bucket nowhere" in missing.stderr
    other = subprocess.run(["env", f"AWS_ACCESS_KEY_ID={KEY}", "AWS_SECRET_ACCESS_KEY=wrong", BIN / "alignflow-coordinator",
                            *map(str, start), *store.options], capture_output=True, text=True, timeout=60, check=False)
    assert other.returncode == 1 and "AWS_SECRET_ACCESS_KEY" in other.stderr and f"s3://{BUCKET}/site-a/" in other.stderr
    without = subprocess.run(["env", "-u", "AWS_ACCESS_KEY_ID", BIN / "alignflow-coordinator", *map(str, start),
                              *store.options], capture_output=True, text=True, timeout=60, check=False)
    assert without.returncode == 1 and "--s3-credentials" in without.stderr


def test_the_stores_certificate_is_verified(tmp_path):
    authority = Authority(tmp_path, "ca")
    certificates = {"right": authority.sign("right"), "other": authority.sign("other", "DNS:elsewhere.example.org")}
    state = tmp_path / "state"
    ours = ("--s3-ca", authority.ca)
    for name, options, accepted in (("right", (), False), ("other", ours, False), ("right", ours, True)):
        store = ObjectStore(*certificates[name])
        try:
            if accepted:
                coordinator = Coordinator(tmp_path, *store.options, *options, state_dir=state, prefix=store.prefix)
                assert "site-a/coordinator" in store.keys()
                assert coordinator.terminate() == 0
            else:
                refused = command(store, "--listen", "127.0.0.1:0", "--state-dir", state, *options)
                assert refused.returncode == 1 and "--s3-ca" in refused.stderr and not store.keys()
        finally:
            store.close()
