"""Departments on one coordinator that cannot see each other's data, with real processes."""

import io
import json
import shutil
import subprocess

import grpc
import pytest
from PIL import Image

from api import ROOT, RPC_TIMEOUT_S, Api
from inputs import SETTINGS, set_options
from processes import BIN, Coordinator, Program, poll

JOB = {**SETTINGS, "fit.iterations": "4", "align.iterations": "2", "figures.samples": "4"}
PAIRS = 4
QUEUED = 200


def state_command(*arguments):
    done = subprocess.run([str(part) for part in (BIN / "alignflow-coordinator", *arguments)], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_key(state, role, tenant="default"):
    return state_command("keys", "create", "--state-dir", state, "--role", role, "--name", f"{role} of {tenant}", "--tenant", tenant)


class Hospital:
    """A coordinator on loopback with two departments and a key of each, and one for workers."""

    TENANTS = ("radiology", "pathology")

    def __init__(self, folder, *options):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.state = folder, folder / "state"
        for tenant in self.TENANTS:
            state_command("tenants", "create", tenant, "--state-dir", self.state)
        self.keys = {tenant: make_key(self.state, "operator", tenant) for tenant in self.TENANTS}
        self.keys["worker"] = make_key(self.state, "worker")
        self.coordinator = Coordinator(folder, *options)
        self.address = self.coordinator.address
        self.worker = None

    def start_worker(self):
        key_file = self.folder / "worker.key"
        key_file.write_text(self.keys["worker"])
        key_file.chmod(0o600)
        self.worker = Program([BIN / "alignflow-worker", "--coordinator", self.address, "--device", "cpu", "--threads", 1, "--cache-dir",
                               self.folder / "cache", "--key-file", key_file], self.folder / "worker.log")

    def api(self, who):
        return Api(self.address, self.keys[who])

    def afctl(self, tenant, *arguments):
        environment = {"PATH": "/usr/bin:/bin", "AFCTL_CONFIG": "/no/such/file", "AFCTL_SERVER": self.address, "AFCTL_KEY": self.keys[tenant]}
        return subprocess.run([str(part) for part in (BIN / "afctl", *arguments)], capture_output=True, text=True, timeout=240,
                              env=environment, check=False)

    def close(self):
        for program in (self.worker, self.coordinator):
            if program:
                program.close()


@pytest.fixture
def hospital(tmp_path):
    made = Hospital(tmp_path / "hospital")
    yield made
    made.close()


def code_of(call):
    """The status that a call ends with, and what it says."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code(), error.value.details()


def align(hospital, tenant, data, *options):
    done = hospital.afctl(tenant, "align", "--source", "source", "--references", data / "references", "--pairs", PAIRS,
                          *set_options(JOB), *options, "--json")
    assert done.returncode == 0, done.stderr
    return done


def test_two_departments_cannot_reach_each_others_data(hospital, data):
    hospital.start_worker()
    push = ("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    assert hospital.afctl("radiology", *push).returncode == 0
    align(hospital, "radiology", data)
    mine, others = hospital.api("radiology"), hospital.api("pathology")
    name = mine.Jobs.ListJobs(mine.jobs.ListJobsRequest(), timeout=RPC_TIMEOUT_S).jobs[0].name
    job = mine.await_end(name, 240)
    assert job.state == mine.jobs.JOB_STATE_SUCCEEDED, job.error
    assert not others.Jobs.ListJobs(others.jobs.ListJobsRequest(), timeout=RPC_TIMEOUT_S).jobs
    assert not others.Datasets.ListDatasets(others.datasets.ListDatasetsRequest(), timeout=RPC_TIMEOUT_S).datasets
    assert not others.Models.ListModels(others.models.ListModelsRequest(), timeout=RPC_TIMEOUT_S).models
    # By name: as if it were not there.
    nothing = "0123456789abcdef"
    for kind, command in (("job", "get"), ("job", "cancel"), ("job", "delete"), ("job", "rerun"), ("report", ""), ("pairs", "pull")):
        words = [[part for part in (kind, command, name.split("/")[1] if of == "mine" else nothing) if part] for of in ("mine", "none")]
        if kind in ("pairs", "report"):
            words = [[*line, *(() if kind == "report" else (hospital.folder / f"pull-{i}",))] for i, line in enumerate(words)]
        said = [hospital.afctl("pathology", *line) for line in words]
        assert [done.returncode for done in said] == [1, 1], said
        assert said[0].stderr.replace(name.split("/")[1], nothing).replace("pull-0", "pull-1") == said[1].stderr
    dataset = mine.Datasets.GetDataset(mine.datasets.GetDatasetRequest(name="datasets/source"), timeout=RPC_TIMEOUT_S)
    assert code_of(lambda: others.Datasets.GetDataset(others.datasets.GetDatasetRequest(name="datasets/source"), timeout=10))[0] \
        == grpc.StatusCode.NOT_FOUND
    model = others.models.GetModelRequest(name=job.stage2_model)
    assert code_of(lambda: others.Models.GetModel(model, timeout=10))[0] == grpc.StatusCode.NOT_FOUND
    # By digest: images, masks, the manifest, pairs, weights and what the report names.
    pairs = list(mine.Jobs.StreamPairs(mine.jobs.StreamPairsRequest(name=name), timeout=60))
    report = mine.Jobs.GetReport(mine.jobs.GetReportRequest(name=name), timeout=60)
    weights = mine.Models.GetModel(mine.models.GetModelRequest(name=job.stage2_model), timeout=60).weights
    image = next((data / "source" / "images").iterdir()).read_bytes()
    digests = [mine.digest(image).sha256, dataset.digest, weights.sha256, job.spec.references[0].image.sha256]
    digests += [digest.sha256 for pair in pairs for digest in (pair.image, pair.mask)]
    digests += [artifact.blob.sha256 for artifact in report.artifacts]
    said = code_of(lambda: others.read("0" * 64))
    for digest in digests:
        mine.read(digest)
        code, details = code_of(lambda digest=digest: others.read(digest))
        assert (code, details.replace(digest, "0" * 64)) == said
        asked = others.blobs.FindMissingRequest(blobs=[others.blobs.Digest(sha256=digest)])
        assert len(others.Blobs.FindMissing(asked, timeout=10).missing) == 1
    # The same images of its own: sent, seen to be the same, and computed anew.
    assert hospital.afctl("pathology", *push).returncode == 0
    assert others.read(digests[0]) == image
    align(hospital, "pathology", data)
    own = others.Jobs.ListJobs(others.jobs.ListJobsRequest(), timeout=RPC_TIMEOUT_S).jobs[0]
    assert own.name != name
    own = others.await_end(own.name, 240)
    assert own.state == others.jobs.JOB_STATE_SUCCEEDED, own.error
    assert not sum(stage.tasks_reused for stage in own.stages)
    logs = hospital.coordinator.log_text() + hospital.worker.log_text()
    assert not [key for key in hospital.keys.values() if key in logs]


def tiny_png(shade, size=8):
    file = io.BytesIO()
    Image.new("L", (size, size), shade).save(file, "PNG")
    return file.getvalue()


def queue_job(api, number, references):
    """A dataset of its own and a job on it: one task that waits."""
    items = []
    for i in range(2):
        image, mask = tiny_png(number % 250 + i, 8 + number // 250), tiny_png(255, 8 + number // 250)
        items.append(api.datasets.DatasetItem(stem=f"item-{i}", image=api.write(image), mask=api.write(mask)))
    manifest = api.datasets.Manifest(labels=[api.datasets.Label(name="polyp", value=255)], items=items)
    source = api.Datasets.CreateDataset(api.datasets.CreateDatasetRequest(dataset_id=f"set-{number}", manifest=manifest), timeout=30)
    images = [api.jobs.ReferenceImage(stem=f"reference-{i}", image=api.write(image)) for i, image in enumerate(references)]
    spec = api.jobs.AlignSpec(source=source.name, references=images, pairs=2,
                              settings={"gates.enabled": "off", "evaluate.segmenter": "none"})
    return api.Jobs.CreateJob(api.jobs.CreateJobRequest(spec=spec), timeout=30).name


def test_a_departments_many_tasks_do_not_delay_anothers_one(hospital):
    many, one, worker = hospital.api("radiology"), hospital.api("pathology"), hospital.api("worker")
    references = [tiny_png(100), tiny_png(120)]
    for number in range(QUEUED):
        queue_job(many, number, references)
    version = worker.Server.GetServerInfo(worker.server.GetServerInfoRequest(), timeout=10).result_version
    workers = [worker.Workers.Register(worker.workers.RegisterRequest(display_name="test", device="cpu", result_version=version),
                                       timeout=10).worker_id for _ in range(3)]
    leased = worker.Workers.Lease(worker.workers.LeaseRequest(worker_id=workers[0]), timeout=10)
    assert leased.HasField("task")
    name = queue_job(one, 10 * QUEUED, references)
    for worker_id in workers[1:]:
        assert worker.Workers.Lease(worker.workers.LeaseRequest(worker_id=worker_id), timeout=10).HasField("task")
    assert one.jobs.JOB_STATE_RUNNING == one.get_job(name).state


def test_an_admin_makes_tenants_sets_quotas_and_deletes_them(hospital, data):
    admin = make_key(hospital.state, "admin")
    hospital.keys["admin"] = admin

    def as_admin(*arguments):
        return hospital.afctl("admin", *arguments)

    poll(lambda: as_admin("tenant", "list").returncode == 0, 30, "the new key")
    refused = hospital.afctl("radiology", "tenant", "list")
    assert refused.returncode == 1 and "role operator" in refused.stderr
    made = json.loads(as_admin("tenant", "create", "surgery", "--weight", 2, "--jobs", 3, "--json").stdout)
    assert (made["name"], made["weight"], made["limits"]["jobs"]) == ("tenants/surgery", "2", "3")
    assert as_admin("tenant", "set-quota", "radiology", "--jobs", 1, "--pairs-a-day", 2 * PAIRS, "--stored", "1GB").returncode == 0
    assert hospital.afctl("radiology", "dataset", "push", "source", data / "source", "--labels", "polyp=255").returncode == 0
    align(hospital, "radiology", data)
    line = ("align", "--source", "source", "--references", data / "references", "--pairs", PAIRS, *set_options(JOB))
    refused = hospital.afctl("radiology", *line)
    assert refused.returncode != 0 and "1 of 1 jobs" in refused.stderr
    as_admin("tenant", "set-quota", "radiology", "--jobs", "none", "--calls-a-second", 1000)
    refused = hospital.afctl("radiology", *line[:6], 2 * PAIRS, *line[7:])
    assert refused.returncode != 0 and f"{PAIRS} of {2 * PAIRS} pairs" in refused.stderr and "UTC" in refused.stderr
    quota = json.loads(hospital.afctl("radiology", "quota", "show", "--json").stdout)
    assert quota["use"]["jobs"] == "1" and quota["use"]["pairs_today"] == str(PAIRS)
    assert quota["limits"] == {"stored_bytes": str(10**9), "pairs_a_day": str(2 * PAIRS), "calls_a_second": "1000"}
    assert "pairs today" in hospital.afctl("radiology", "quota", "show").stdout
    stored = data / "source" / "images"
    poll(lambda: int(json.loads(hospital.afctl("radiology", "quota", "show", "--json").stdout)["use"]["stored_bytes"])
         > sum(file.stat().st_size for file in stored.iterdir()), 30, "the files' sizes")
    as_admin("tenant", "set-quota", "pathology", "--stored", "1KB")
    refused = hospital.afctl("pathology", "dataset", "push", "source", data / "source", "--labels", "polyp=255")
    assert refused.returncode != 0 and "of 1000 bytes are stored" in refused.stderr
    gone = json.loads(as_admin("tenant", "delete", "radiology", "--json").stdout)
    assert (gone["jobs"], gone["datasets"], gone["keys"]) == ("1", "1", "1")
    tenants = json.loads(as_admin("tenant", "list", "--json").stdout)["tenants"]
    assert [tenant["name"] for tenant in tenants] == ["tenants/default", "tenants/pathology", "tenants/surgery"]
    poll(lambda: "not known" in hospital.afctl("radiology", "dataset", "list").stderr, 30, "the revoked key's end")


def test_calls_beyond_the_quota_are_refused(hospital):
    hospital.keys["admin"] = make_key(hospital.state, "admin")
    poll(lambda: hospital.afctl("admin", "tenant", "set-quota", "pathology", "--calls-a-second", 2).returncode == 0, 30, "the new key")
    api = hospital.api("pathology")

    def refused():
        try:
            api.Jobs.ListJobs(api.jobs.ListJobsRequest(), timeout=RPC_TIMEOUT_S)
            return None
        except grpc.RpcError as error:
            return error

    error = poll(refused, 60, "a call too many")
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "2 calls a second" in error.details()
    other = hospital.api("radiology")
    for _ in range(20):
        other.Jobs.ListJobs(other.jobs.ListJobsRequest(), timeout=RPC_TIMEOUT_S)


def test_an_older_state_folder_opens_as_one_tenant(tmp_path):
    state = tmp_path / "state"
    shutil.copytree(ROOT / "tests" / "data" / "state" / "2026-11", state)
    coordinator = Coordinator(tmp_path)
    try:
        listed = state_command("tenants", "list", "--state-dir", state)
        assert [line.split()[0] for line in listed.splitlines()] == ["TENANT", "default"]
        api = Api(coordinator.address)  # no key is needed
        jobs = {job.name for job in api.Jobs.ListJobs(api.jobs.ListJobsRequest(), timeout=30).jobs}
        assert len(jobs) == 4
        coordinator.close()
        state_command("tenants", "create", "radiology", "--state-dir", state)
        keys = {tenant: make_key(state, "operator", tenant) for tenant in ("default", "radiology")}
        coordinator = Coordinator(tmp_path)
        for tenant, expected in (("default", jobs), ("radiology", set())):
            api = Api(coordinator.address, keys[tenant])
            assert {job.name for job in api.Jobs.ListJobs(api.jobs.ListJobsRequest(), timeout=30).jobs} == expected
        for name in jobs:
            assert code_of(lambda name=name: api.get_job(name))[0] == grpc.StatusCode.NOT_FOUND
    finally:
        coordinator.close()


def test_a_key_is_made_for_a_tenant_that_is_there(tmp_path):
    state = tmp_path / "state"
    done = subprocess.run([BIN / "alignflow-coordinator", "keys", "create", "--state-dir", state, "--role", "viewer", "--name", "x",
                           "--tenant", "radiology"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "no tenant 'radiology'" in done.stderr and "tenants create" in done.stderr
    state_command("tenants", "create", "radiology", "--weight", 3, "--state-dir", state)
    key = make_key(state, "viewer", "radiology")
    line = next(line for line in state_command("keys", "list", "--state-dir", state).splitlines() if key.split("_")[1] in line)
    assert line.split()[:3] == [key.split("_")[1], "viewer", "radiology"]
