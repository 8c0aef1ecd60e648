"""The client for asyncio. alignflow.Client has the same methods without await."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import logging
import os
import pathlib
import re
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from google.protobuf import empty_pb2, json_format, proto

from alignflow import _endpoint
from alignflow._blobs import Blob, Uploads, digest_of, read_blob
from alignflow._folder.scan import CountProgress, Folder, scan_dataset, scan_references
from alignflow._pairs import Pair, PairFolder, write_whole
from alignflow._transport import RPC_S, Patience, Transport
from alignflow.errors import (AlignFlowError, DataLossError, InvalidInputError, JobCancelledError, JobFailedError, NotFoundError,
                              PreconditionError)
from alignflow.v1 import blobs_pb2, datasets_pb2, jobs_pb2, server_pb2

_log = logging.getLogger("alignflow")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MOST_REQUEST_BYTES = (8 << 20) - (64 << 10)
# For how long in one go a coordinator may be silent while a job is followed.
DEFAULT_TIMEOUT_S = 600.0
_CREATE_S = 10.0
_FINAL = (jobs_pb2.JOB_STATE_SUCCEEDED, jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED)

Path = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a push or the sending of references is doing: "checking" (files), "sending" (bytes) or "registering" (pairs)."""

    step: str
    done: int
    total: int


@dataclasses.dataclass(frozen=True)
class Pulled:
    """What a folder of pairs holds by now."""

    pairs: int
    pulled: int  # of them, by this call
    repaired: int  # whose files had changed
    left_out: int  # of the job, by the gates
    report: bool  # contact-sheet.png and figures.json are there, too


OnProgress = Callable[[Progress], None]


def _name(collection: str, given: str | Any) -> str:
    """"jobs/x" of "x", "jobs/x" or a message with that name."""
    text = given if isinstance(given, str) else str(given.name)
    resource_id = text.removeprefix(f"{collection}/")
    if not _ID.fullmatch(resource_id):
        raise InvalidInputError(f"{text!r} can't be the name of one of the {collection}")
    return f"{collection}/{resource_id}"


def _counting(on_progress: OnProgress | None, step: str) -> Callable[[int, int], None] | None:
    """For use from any thread: the user's function is called in the event loop's."""
    if on_progress is None:
        return None
    loop, tell = asyncio.get_running_loop(), on_progress

    def count(done: int, total: int) -> None:
        loop.call_soon_threadsafe(tell, Progress(step, done, total))

    return count


def is_final(job: jobs_pb2.Job) -> bool:
    """Whether the job has ended, one way or another."""
    return job.state in _FINAL


class AsyncClient:
    """One coordinator. Make it with alignflow.connect_async(), in the event loop that it is used in. All methods raise
    subclasses of AlignFlowError. Names of datasets and jobs may be given with or without "datasets/" and "jobs/"."""

    def __init__(self, endpoint: _endpoint.Endpoint, timeout_s: float = DEFAULT_TIMEOUT_S):
        self._transport = Transport(endpoint)
        self._timeout_s = timeout_s

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    async def server_info(self) -> server_pb2.ServerInfo:
        return await self._transport.call(self._transport.server.GetServerInfo, server_pb2.GetServerInfoRequest(),
                                          server_pb2.ServerInfo)

    # Datasets

    async def push_dataset(self, name: str, folder: Path, labels: Mapping[str, int | str] | None = None,
                           on_progress: OnProgress | None = None) -> datasets_pb2.Dataset:
        """Checks every image and mask of a folder (docs/data.md says which are read), sends what the coordinator lacks and
        registers it. `labels`: {"polyp": 255} or {"polyp": "#ff0000", "background": "#000000"}; without it the most frequent
        value is the background and each other one a class. FolderError with all faults; then nothing was sent."""
        _name("datasets", name)
        found = await asyncio.to_thread(scan_dataset, pathlib.Path(folder), labels, _counting(on_progress, "checking"))
        _tell(found)
        uploads = Uploads(self._transport)
        await uploads.send(found.blobs(), _counting(on_progress, "sending"))
        manifest = datasets_pb2.Manifest(sample_bits=found.sample_bits)
        if found.labels is not None:
            found.labels.to_manifest(manifest)
        for item in found.items:
            manifest.items.add(stem=item.stem, image=item.image_blob.digest, mask=item.mask_blob.digest, group=item.group,
                               image_class=item.image_class)
        request = datasets_pb2.CreateDatasetRequest(dataset_id=name.removeprefix("datasets/"), manifest=manifest,
                                                    upload_id=uploads.upload_id)
        await self._move_items(request, uploads)
        patience, tell = Patience(_CREATE_S), _counting(on_progress, "registering")
        while True:
            try:
                try:
                    return await self._create_dataset(request, len(found.items), tell)
                except AlignFlowError as error:  # a second call for the same content is answered like the first
                    await patience.after(error)
            except AlignFlowError as error:
                raise type(error)(found.in_users_words(str(error), "manifest.items"), error.code) from None

    async def _move_items(self, request: datasets_pb2.CreateDatasetRequest, uploads: Uploads) -> None:
        """Items that do not fit into one message go as a blob."""
        if request.ByteSize() <= _MOST_REQUEST_BYTES:
            return
        delimited = io.BytesIO()
        for item in request.manifest.items:
            proto.serialize_length_prefixed(item, delimited)
        data = delimited.getvalue()
        del request.manifest.items[:]
        request.items.CopyFrom(digest_of(data))
        await uploads.send([Blob(request.items, data=data)])

    async def _create_dataset(self, request: datasets_pb2.CreateDatasetRequest, items: int,
                              tell: CountProgress | None) -> datasets_pb2.Dataset:
        stream = self._transport.stream(self._transport.datasets.CreateDatasetWithProgress, request, RPC_S + 0.01 * items)
        async with contextlib.aclosing(stream):
            async for creation in stream:
                if tell:
                    tell(creation.checked_items, items)
                if creation.HasField("dataset"):
                    created: datasets_pb2.Dataset = creation.dataset
                    return created
        raise DataLossError("the coordinator ends without its answer: report this as a bug")

    async def dataset(self, name: str) -> datasets_pb2.Dataset:
        request = datasets_pb2.GetDatasetRequest(name=_name("datasets", name))
        return await self._transport.call(self._transport.datasets.GetDataset, request, datasets_pb2.Dataset)

    async def datasets(self) -> list[datasets_pb2.Dataset]:
        """All, newest first."""
        return await self._list(self._transport.datasets.ListDatasets, datasets_pb2.ListDatasetsRequest(), "datasets")

    async def delete_dataset(self, name: str) -> None:
        request = datasets_pb2.DeleteDatasetRequest(name=_name("datasets", name))
        await self._transport.call(self._transport.datasets.DeleteDataset, request, empty_pb2.Empty)

    # Jobs

    async def align(self, source: str, references: Path, pairs: int, *, target: str | None = None, preset: str = "",
                    settings: Mapping[str, object] | None = None, name: str = "", labels: Mapping[str, str] | None = None,
                    priority: int = 0, on_progress: OnProgress | None = None) -> jobs_pb2.Job:
        """Creates a job: `pairs` pairs with the masks of the dataset `source` in the look of the images in the folder
        `references`. `settings`: {"align.iterations": 300}; `afctl align --help` lists them. The job runs by itself."""
        spec = jobs_pb2.AlignSpec(source=_name("datasets", source), target=_name("datasets", target) if target else "",
                                  pairs=pairs, preset=preset,
                                  settings={key: _setting(value) for key, value in (settings or {}).items()})
        for dataset in filter(None, (spec.source, spec.target)):
            await self.dataset(dataset)  # before anything is sent
        found = await asyncio.to_thread(scan_references, pathlib.Path(references), _counting(on_progress, "checking"))
        _tell(found)
        uploads = Uploads(self._transport)
        await uploads.send(found.blobs(), _counting(on_progress, "sending"))
        for item in found.items:
            spec.references.add(stem=item.stem, image=item.image_blob.digest, group=item.group)
        spec.reference_sample_bits = found.sample_bits
        try:
            return await self._create(spec, name, labels, priority, uploads.upload_id)
        except AlignFlowError as error:
            raise type(error)(found.in_users_words(str(error), "spec.references"), error.code) from None

    async def fit(self, source: str, *, preset: str = "", settings: Mapping[str, object] | None = None, name: str = "",
                  labels: Mapping[str, str] | None = None, priority: int = 0) -> jobs_pb2.Job:
        """Creates a job that trains a model of stage 1 on the dataset `source` and does nothing else. Once it has succeeded,
        its stage1_model is what generate() takes."""
        spec = jobs_pb2.AlignSpec(kind=jobs_pb2.JOB_KIND_FIT, source=_name("datasets", source), preset=preset,
                                  settings={key: _setting(value) for key, value in (settings or {}).items()})
        return await self._create(spec, name, labels, priority)

    async def generate(self, model: str, pairs: int, *, masks: str | None = None, target: str | None = None,
                       settings: Mapping[str, object] | None = None, name: str = "",
                       labels: Mapping[str, str] | None = None, priority: int = 0) -> jobs_pb2.Job:
        """Creates a job: `pairs` pairs by a model that is there, of stage 1 or 2, with the masks of the dataset that it was
        trained on or of the dataset `masks`."""
        spec = jobs_pb2.AlignSpec(kind=jobs_pb2.JOB_KIND_GENERATE, model=_name("models", model), pairs=pairs,
                                  masks=_name("datasets", masks) if masks else "",
                                  target=_name("datasets", target) if target else "",
                                  settings={key: _setting(value) for key, value in (settings or {}).items()})
        return await self._create(spec, name, labels, priority)

    async def _create(self, spec: jobs_pb2.AlignSpec, name: str, labels: Mapping[str, str] | None, priority: int,
                      upload_id: str = "") -> jobs_pb2.Job:
        request = jobs_pb2.CreateJobRequest(spec=spec, request_id=f"python-{secrets.token_hex(16)}", upload_id=upload_id,
                                            display_name=name, labels=labels or {}, priority=priority)
        job = await self._persist(self._transport.jobs.CreateJob, request)
        for warning in job.warnings:
            _log.warning("%s: %s", job.name, warning)
        return job

    async def job(self, job: str | jobs_pb2.Job) -> jobs_pb2.Job:
        request = jobs_pb2.GetJobRequest(name=_name("jobs", job))
        return await self._transport.call(self._transport.jobs.GetJob, request, jobs_pb2.Job)

    async def jobs(self, *, labels: Mapping[str, str] | None = None,
                   states: Sequence[jobs_pb2.JobState] = ()) -> list[jobs_pb2.Job]:
        """Those that have all of the labels and one of the states, newest first."""
        request = jobs_pb2.ListJobsRequest(labels=labels or {}, states=states)
        return await self._list(self._transport.jobs.ListJobs, request, "jobs")

    async def watch(self, job: str | jobs_pb2.Job) -> AsyncGenerator[jobs_pb2.Job, None]:
        """The job's states up to its last, each as it comes, through lost connections."""
        name, after_event, patience = _name("jobs", job), 0, Patience(self._timeout_s)
        last: jobs_pb2.Job | None = None
        while True:
            try:
                now = await self.job(name)
                patience.answered()
                if is_final(now):
                    if last is None or not is_final(last):
                        yield now
                    return
            except AlignFlowError as error:
                await patience.after(error)
                continue
            request = jobs_pb2.WatchJobRequest(name=name, after_event=after_event)
            try:
                async with contextlib.aclosing(self._transport.stream(self._transport.jobs.WatchJob, request)) as stream:
                    async for event in stream:
                        patience.answered()
                        after_event, last = event.number, event.job
                        yield last
            except AlignFlowError as error:
                # Nothing happened for a minute: the next call tells whether anyone is there.
                if error.code != "DEADLINE_EXCEEDED":
                    await patience.after(error)

    async def wait(self, job: str | jobs_pb2.Job, on_progress: Callable[[jobs_pb2.Job], None] | None = None) -> jobs_pb2.Job:
        """The job once it has succeeded. JobFailedError or JobCancelledError if it ends otherwise."""
        last: jobs_pb2.Job | None = None
        async for last in self.watch(job):
            if on_progress:
                on_progress(last)
        assert last is not None
        if last.state == jobs_pb2.JOB_STATE_FAILED:
            raise JobFailedError(f"{last.name} failed: {last.error}", last)
        if last.state == jobs_pb2.JOB_STATE_CANCELLED:
            raise JobCancelledError(f"{last.name} was cancelled", last)
        return last

    async def cancel(self, job: str | jobs_pb2.Job) -> jobs_pb2.Job:
        return await self._persist(self._transport.jobs.CancelJob, jobs_pb2.CancelJobRequest(name=_name("jobs", job)))

    async def rerun(self, job: str | jobs_pb2.Job, stage: str = "") -> jobs_pb2.Job:
        """A new job of the same spec; results of `stage` are made again, others reused."""
        request = jobs_pb2.RerunJobRequest(name=_name("jobs", job), stage=stage,
                                           request_id=f"python-{secrets.token_hex(16)}")
        return await self._persist(self._transport.jobs.RerunJob, request)

    async def delete_job(self, job: str | jobs_pb2.Job) -> None:
        request = jobs_pb2.DeleteJobRequest(name=_name("jobs", job))
        await self._transport.call(self._transport.jobs.DeleteJob, request, empty_pb2.Empty)

    # What a job makes

    async def pairs(self, job: str | jobs_pb2.Job, *, after: int = 0, views: bool = False) -> AsyncGenerator[Pair, None]:
        """Pairs in order, each once, as they become ready, through lost connections; those that the gates left out are skipped.
        `after`: the last one's index that is there already. `views`: without the references' frames. JobFailedError if the
        job ends before its last pair."""
        name, last, patience = _name("jobs", job), after, Patience(self._timeout_s)
        form = jobs_pb2.PAIR_FORM_VIEW if views else jobs_pb2.PAIR_FORM_UNSPECIFIED
        while True:
            request = jobs_pb2.StreamPairsRequest(name=name, after_index=last, form=form)
            try:
                async with contextlib.aclosing(self._transport.stream(self._transport.jobs.StreamPairs, request)) as stream:
                    async for message in stream:
                        patience.answered()
                        pair = await self._pair_of(message)
                        last = pair.index
                        yield pair
                return
            except AlignFlowError as error:
                if error.code == "DEADLINE_EXCEEDED":
                    # No pair for a minute is no failure; a coordinator that is gone shows here.
                    with contextlib.suppress(AlignFlowError):
                        await self.job(name)
                        patience.answered()
                        continue
                if isinstance(error, PreconditionError):
                    raise await self._ending(name, error) from None
                await patience.after(error)

    async def _ending(self, name: str, error: AlignFlowError) -> AlignFlowError:
        """Why there will be no more pairs."""
        job = await self.job(name)
        if job.state == jobs_pb2.JOB_STATE_CANCELLED:
            return JobCancelledError(str(error), job)
        return JobFailedError(str(error), job) if job.state == jobs_pb2.JOB_STATE_FAILED else error

    async def _pair_of(self, message: jobs_pb2.Pair) -> Pair:
        async def whole(digest: blobs_pb2.Digest, data: bytes) -> bytes:
            if not data:  # above 1 MiB
                return await self.read_blob(digest.sha256)
            if digest_of(data).sha256 != digest.sha256:
                raise DataLossError(f"pair {message.index}: the bytes received don't match their digest")
            return data

        return Pair(message.index, await whole(message.image, message.image_data),
                    await whole(message.mask, message.mask_data), message.record_json)

    async def pull(self, job: str | jobs_pb2.Job, folder: Path, *, views: bool = False,
                   on_progress: OnProgress | None = None) -> Pulled:
        """Brings a job's pairs into a folder as `afctl pairs pull` does, waiting for those to come; goes on where it or afctl
        stopped, and repairs files that have changed. The job's figures are saved there once they are known."""
        name = _name("jobs", job)
        now = await self.job(name)
        if now.spec.kind == jobs_pb2.JOB_KIND_FIT:
            raise PreconditionError(f"{name} makes a model and no pairs; generate() makes pairs with it", "FAILED_PRECONDITION")
        target = pathlib.Path(folder)
        opened = await asyncio.to_thread(PairFolder, target, name, "view" if views else "references")
        try:
            damaged = await asyncio.to_thread(opened.damaged)
            for entry in damaged:
                await self._repair(name, opened, entry.pair, views)
            before = len(opened.entries)
            if now.pairs_ready + now.pairs_left_out < now.spec.pairs or before < now.pairs_ready:
                async for pair in self.pairs(name, after=opened.last_pair(), views=views):
                    await asyncio.to_thread(opened.append, pair)
                    if on_progress:
                        on_progress(Progress("pulling", len(opened.entries), now.spec.pairs))
                now = await self.job(name)
            if len(opened.entries) != now.pairs_ready:
                raise DataLossError(f"the coordinator ended after pair {opened.last_pair()}; {len(opened.entries)} of "
                                    f"{now.pairs_ready} pairs are in the folder: pull into a new one")
            report = await self._save_report(name, target)
            return Pulled(len(opened.entries), len(opened.entries) - before, len(damaged), now.pairs_left_out, report)
        finally:
            opened.close()

    async def _repair(self, name: str, folder: PairFolder, index: int, views: bool) -> None:
        entry = next(entry for entry in folder.entries if entry.pair == index)
        async with contextlib.aclosing(self.pairs(name, after=index - 1, views=views)) as pairs:
            async for pair in pairs:
                found = (pair.index, digest_of(pair.image).sha256, digest_of(pair.mask).sha256)
                if found != (index, entry.image_sha256, entry.mask_sha256):
                    raise DataLossError(f"pair {index} of {name} is not what the manifest says: pull into a new folder")
                await asyncio.to_thread(folder.save, pair)
                return
        raise NotFoundError(f"{name} has no pair {index} any more")

    async def _save_report(self, name: str, folder: pathlib.Path) -> bool:
        try:
            report = await self.report(name)
        except PreconditionError:
            return False
        for artifact in report.artifacts:
            if artifact.name == "contact-sheet.png":
                await asyncio.to_thread(write_whole, folder / artifact.name, await self.read_blob(artifact.blob.sha256))
        # As afctl writes it: the value of a figure that is not available is null.
        figures = [{"value": None, **json_format.MessageToDict(figure, preserving_proto_field_name=True,
                                                               always_print_fields_with_no_presence=True)}
                   for figure in report.figures]
        await asyncio.to_thread(write_whole, folder / "figures.json", (json.dumps(figures, indent=2) + "\n").encode())
        return True

    async def report(self, job: str | jobs_pb2.Job) -> jobs_pb2.Report:
        """Figures and verdicts. PreconditionError until they are there."""
        request = jobs_pb2.GetReportRequest(name=_name("jobs", job))
        return await self._transport.call(self._transport.jobs.GetReport, request, jobs_pb2.Report)

    async def artifact(self, job: str | jobs_pb2.Job, name: str) -> bytes:
        """A file that belongs to a job's report, such as "scores.json" (jobs.proto lists them)."""
        report = await self.report(job)
        for artifact in report.artifacts:
            if artifact.name == name:
                return await self.read_blob(artifact.blob.sha256)
        known = ", ".join(artifact.name for artifact in report.artifacts)
        raise NotFoundError(f"{report.job} has no {name}; it has {known}")

    async def read_blob(self, sha256: str) -> bytes:
        return b"".join([chunk async for chunk in read_blob(self._transport, sha256)])

    # Calls

    async def _persist(self, method: Any, request: Any) -> jobs_pb2.Job:
        """Of a call that may be repeated without harm."""
        patience = Patience(_CREATE_S)
        while True:
            try:
                return await self._transport.call(method, request, jobs_pb2.Job)
            except AlignFlowError as error:
                await patience.after(error)

    async def _list(self, method: Any, request: Any, field: str) -> list[Any]:
        found: list[Any] = []
        while True:
            page = await self._transport.call(method, request, object)
            found += getattr(page, field)
            request.page_token = getattr(page, "next_page_token")
            if not request.page_token:
                return found


def _setting(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _tell(found: Folder) -> None:
    for note in found.notes:
        _log.info("%s", note)
    for warning in found.warnings:
        _log.warning("%s", warning)


def connect_async(server: str | None = None, *, key: str | None = None, ca: Path | None = None, context: str | None = None,
                  timeout_s: float = DEFAULT_TIMEOUT_S) -> AsyncClient:
    """As connect(), for asyncio: `async with alignflow.connect_async() as client:`."""
    return AsyncClient(_endpoint.resolve(server, key, ca, context), timeout_s)
