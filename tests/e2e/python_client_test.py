"""A small job by a client that shares no code with us: Python stubs made from the protos."""

import hashlib
import io
import json

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from PIL import Image

from inputs import SETTINGS

JOB_TIMEOUT_S = 240
PAIRS = 5


@pytest.fixture(scope="module")
def api(service):
    api = service.api()
    yield api
    api.close()


def push(api, folder, dataset_id):
    """Uploads a folder of images/ and masks/ and registers it."""
    items = []
    for image in sorted((folder / "images").iterdir()):
        item = api.datasets.DatasetItem(stem=image.stem)
        for path, digest in ((image, item.image), (folder / "masks" / image.name, item.mask)):
            digest.CopyFrom(api.write(path.read_bytes()))
            digest.size_bytes = path.stat().st_size
        items.append(item)
    manifest = api.datasets.Manifest(labels=[api.datasets.Label(name="polyp", value=255)], items=items)
    return api.Datasets.CreateDataset(api.datasets.CreateDatasetRequest(dataset_id=dataset_id, manifest=manifest),
                                      timeout=30)


@pytest.fixture(scope="module")
def job(api, data):
    """A job that has succeeded, and the states of it that were seen."""
    source = push(api, data / "source", "python-source")
    references = []
    for path in sorted((data / "references" / "images").iterdir()):
        image = path.read_bytes()
        api.write(image)
        references.append(api.jobs.ReferenceImage(stem=path.stem, image=api.digest(image)))
    spec = api.jobs.AlignSpec(source=source.name, references=references, pairs=PAIRS,
                              settings={**SETTINGS, "seed": "5", "fit.iterations": "4", "align.iterations": "2"})
    request = api.jobs.CreateJobRequest(spec=spec, request_id="python-1")
    created = api.Jobs.CreateJob(request, timeout=30)
    assert api.Jobs.CreateJob(request, timeout=30).name == created.name
    states = list(api.watch(created.name, JOB_TIMEOUT_S))
    assert states[-1].state == api.jobs.JOB_STATE_SUCCEEDED, states[-1].error
    return states


def test_reflection_lists_the_public_services(api):
    services = ProtoReflectionDescriptorDatabase(api.channel).get_services()
    assert {f"alignflow.v1.{room}" for room in ("Blobs", "Datasets", "Jobs", "Models", "Workers")} <= set(services)


def test_health_is_serving(api):
    response = health_pb2_grpc.HealthStub(api.channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert response.status == health_pb2.HealthCheckResponse.SERVING


def test_blob_is_found_missing_written_and_read_from_an_offset(api):
    data = bytes(range(256)) * 9000  # three chunks
    digest = api.digest(data)
    request = api.blobs.FindMissingRequest(blobs=[digest])
    assert list(api.Blobs.FindMissing(request, timeout=10).missing) == [digest]
    api.write(data)
    assert not api.Blobs.FindMissing(request, timeout=10).missing
    assert api.read(digest.sha256) == data
    rest = api.Blobs.Read(api.blobs.ReadBlobRequest(digest=digest, offset=len(data) - 3), timeout=10)
    assert b"".join(chunk.data for chunk in rest) == data[-3:]


def test_broken_write_goes_on_where_it_stopped(api):
    data = b"x" * (3 << 20)
    digest = api.digest(data)

    def break_off():
        yield api.blobs.WriteBlobRequest(digest=digest, data=data[:1 << 20])
        raise RuntimeError("broken on purpose")

    with pytest.raises(grpc.RpcError):
        api.Blobs.Write(break_off(), timeout=10)
    # The server may still be busy with the broken stream: it then says so, and to ask QueryWrite again.
    for attempt in range(200):
        offset = api.Blobs.QueryWrite(api.blobs.QueryWriteRequest(digest=digest), timeout=10).committed_bytes
        assert offset in (0, 1 << 20)
        requests = [api.blobs.WriteBlobRequest(digest=digest, offset=offset, data=data[offset:offset + (1 << 20)])]
        requests += [api.blobs.WriteBlobRequest(data=data[at:at + (1 << 20)])
                     for at in range(offset + (1 << 20), len(data), 1 << 20)]
        try:
            api.Blobs.Write(iter(requests), timeout=10)
            break
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.OUT_OF_RANGE and attempt < 199
    assert api.read(digest.sha256) == data


def test_job_passes_its_stages_and_resolves_its_settings(api, job):
    assert [stage.id for stage in job[-1].stages] == ["prepare", "describe", "fit", "rollout", "align", "generate", "compare", "figures"]
    done = (api.jobs.STAGE_STATE_SUCCEEDED, api.jobs.STAGE_STATE_REUSED)
    assert all(stage.state in done for stage in job[-1].stages)
    assert any(state.state == api.jobs.JOB_STATE_RUNNING for state in job)
    assert job[-1].spec.settings["seed"] == "5" and job[-1].spec.settings["align.rollout"] == "pool"
    assert job[-1].spec.preset == "unet-64" and job[-1].pairs_ready == PAIRS


def test_events_go_on_after_a_number(api, job):
    events = list(api.Jobs.WatchJob(api.jobs.WatchJobRequest(name=job[-1].name), timeout=30))
    assert events and events[-1].job.state == api.jobs.JOB_STATE_SUCCEEDED
    later = api.jobs.WatchJobRequest(name=job[-1].name, after_event=events[-1].number)
    assert not list(api.Jobs.WatchJob(later, timeout=30))


def test_pairs_come_in_order_from_any_index_with_their_provenance(api, job, data):
    pairs = list(api.Jobs.StreamPairs(api.jobs.StreamPairsRequest(name=job[-1].name), timeout=30))
    assert [pair.index for pair in pairs] == list(range(1, PAIRS + 1))
    rest = api.Jobs.StreamPairs(api.jobs.StreamPairsRequest(name=job[-1].name, after_index=3), timeout=30)
    assert [pair.index for pair in rest] == [4, 5]
    for pair in pairs:
        assert hashlib.sha256(pair.image_data).hexdigest() == pair.image.sha256
        assert api.read(pair.mask.sha256) == pair.mask_data
        image, mask = Image.open(io.BytesIO(pair.image_data)), Image.open(io.BytesIO(pair.mask_data))
        assert image.mode == "RGB" and mask.mode == "L" and image.size == mask.size
        assert set(mask.tobytes()) <= {0, 255}
        record = json.loads(pair.record_json)
        assert record["synthetic"] in ("restyled", "recoloured") and record["pair"] == pair.index


def test_report_has_figures_and_a_contact_sheet(api, job):
    report = api.Jobs.GetReport(api.jobs.GetReportRequest(name=job[-1].name), timeout=30)
    assert {"stage 1", "stage 2", "recoloured", "pairs", "references"} <= {figure.subject for figure in report.figures}
    sheet = next(artifact for artifact in report.artifacts if artifact.name == "contact-sheet.png")
    assert Image.open(io.BytesIO(api.read(sheet.blob.sha256))).format == "PNG"


def test_models_of_both_stages_are_exported_whole(api, job):
    for name, stage in ((job[-1].stage1_model, "fit"), (job[-1].stage2_model, "align")):
        model = api.Models.GetModel(api.models.GetModelRequest(name=name), timeout=30)
        assert model.stage == stage and job[-1].name in model.jobs
        chunks = api.Models.ExportModel(api.models.ExportModelRequest(name=name), timeout=30)
        weights = b"".join(chunk.data for chunk in chunks)
        assert hashlib.sha256(weights).hexdigest() == model.weights.sha256
        header = json.loads(weights[8:8 + int.from_bytes(weights[:8], "little")])
        assert len(header) > 10


def test_lists_hold_what_was_made(api, job):
    jobs = api.Jobs.ListJobs(api.jobs.ListJobsRequest(page_size=1), timeout=30)
    names = [found.name for found in jobs.jobs]
    while jobs.next_page_token:
        request = api.jobs.ListJobsRequest(page_size=1, page_token=jobs.next_page_token)
        jobs = api.Jobs.ListJobs(request, timeout=30)
        assert len(jobs.jobs) <= 1
        names += [found.name for found in jobs.jobs]
    assert names.count(job[-1].name) == 1
