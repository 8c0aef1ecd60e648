"""The client for programs without asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from alignflow import _endpoint
from alignflow._pairs import Pair
from alignflow.aio import DEFAULT_TIMEOUT_S, AsyncClient, OnProgress, Path, Pulled
from alignflow.v1 import datasets_pb2, jobs_pb2, server_pb2

_T = TypeVar("_T")


class Client:
    """AsyncClient, whose methods say what they do, in an event loop of its own thread. Functions that are told about progress
    are called in that thread. May be used from several threads; close it, or use `with`."""

    def __init__(self, endpoint: _endpoint.Endpoint, timeout_s: float = DEFAULT_TIMEOUT_S):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="alignflow", daemon=True)
        self._thread.start()

        async def make() -> AsyncClient:
            return AsyncClient(endpoint, timeout_s)

        try:
            self._client = self._run(make())
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if not self._loop.is_closed():
            self._run(self._client.close())
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        future: concurrent.futures.Future[_T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # after Ctrl-C, it would go on
            raise

    def _iterate(self, items: AsyncGenerator[_T, None]) -> Iterator[_T]:
        ended = object()

        async def step() -> Any:
            return await anext(items, ended)

        async def close() -> None:
            await items.aclose()

        try:
            while (item := self._run(step())) is not ended:
                yield item
        finally:
            self._run(close())

    def server_info(self) -> server_pb2.ServerInfo:
        return self._run(self._client.server_info())

    def push_dataset(self, name: str, folder: Path, labels: Mapping[str, int | str] | None = None,
                     on_progress: OnProgress | None = None) -> datasets_pb2.Dataset:
        return self._run(self._client.push_dataset(name, folder, labels, on_progress))

    def dataset(self, name: str) -> datasets_pb2.Dataset:
        return self._run(self._client.dataset(name))

    def datasets(self) -> list[datasets_pb2.Dataset]:
        return self._run(self._client.datasets())

    def delete_dataset(self, name: str) -> None:
        self._run(self._client.delete_dataset(name))

    def align(self, source: str, references: Path, pairs: int, *, target: str | None = None, preset: str = "",
              settings: Mapping[str, object] | None = None, name: str = "", labels: Mapping[str, str] | None = None,
              priority: int = 0, on_progress: OnProgress | None = None) -> jobs_pb2.Job:
        return self._run(self._client.align(source, references, pairs, target=target, preset=preset, settings=settings,
                                            name=name, labels=labels, priority=priority, on_progress=on_progress))

    def fit(self, source: str, *, preset: str = "", settings: Mapping[str, object] | None = None, name: str = "",
            labels: Mapping[str, str] | None = None, priority: int = 0) -> jobs_pb2.Job:
        return self._run(self._client.fit(source, preset=preset, settings=settings, name=name, labels=labels,
                                          priority=priority))

    def generate(self, model: str, pairs: int, *, masks: str | None = None, target: str | None = None,
                 settings: Mapping[str, object] | None = None, name: str = "", labels: Mapping[str, str] | None = None,
                 priority: int = 0) -> jobs_pb2.Job:
        return self._run(self._client.generate(model, pairs, masks=masks, target=target, settings=settings, name=name,
                                               labels=labels, priority=priority))

    def job(self, job: str | jobs_pb2.Job) -> jobs_pb2.Job:
        return self._run(self._client.job(job))

    def jobs(self, *, labels: Mapping[str, str] | None = None,
             states: Sequence[jobs_pb2.JobState] = ()) -> list[jobs_pb2.Job]:
        return self._run(self._client.jobs(labels=labels, states=states))

    def watch(self, job: str | jobs_pb2.Job) -> Iterator[jobs_pb2.Job]:
        return self._iterate(self._client.watch(job))

    def wait(self, job: str | jobs_pb2.Job, on_progress: Callable[[jobs_pb2.Job], None] | None = None) -> jobs_pb2.Job:
        return self._run(self._client.wait(job, on_progress))

    def cancel(self, job: str | jobs_pb2.Job) -> jobs_pb2.Job:
        return self._run(self._client.cancel(job))

    def rerun(self, job: str | jobs_pb2.Job, stage: str = "") -> jobs_pb2.Job:
        return self._run(self._client.rerun(job, stage))

    def delete_job(self, job: str | jobs_pb2.Job) -> None:
        self._run(self._client.delete_job(job))

    def pairs(self, job: str | jobs_pb2.Job, *, after: int = 0, views: bool = False) -> Iterator[Pair]:
        return self._iterate(self._client.pairs(job, after=after, views=views))

    def pull(self, job: str | jobs_pb2.Job, folder: Path, *, views: bool = False,
             on_progress: OnProgress | None = None) -> Pulled:
        return self._run(self._client.pull(job, folder, views=views, on_progress=on_progress))

    def report(self, job: str | jobs_pb2.Job) -> jobs_pb2.Report:
        return self._run(self._client.report(job))

    def artifact(self, job: str | jobs_pb2.Job, name: str) -> bytes:
        return self._run(self._client.artifact(job, name))

    def read_blob(self, sha256: str) -> bytes:
        return self._run(self._client.read_blob(sha256))


def connect(server: str | None = None, *, key: str | None = None, ca: Path | None = None, context: str | None = None,
            timeout_s: float = DEFAULT_TIMEOUT_S) -> Client:
    """A client of the coordinator at `server` ("HOST:PORT"), as afctl finds it: arguments count more than AFCTL_SERVER,
    AFCTL_KEY, AFCTL_CA and AFCTL_CONTEXT, and these more than what `afctl login` has kept. `ca`: who signs its certificate,
    in PEM. `timeout_s`: for how long in one go it may be silent while a job is followed."""
    return Client(_endpoint.resolve(server, key, ca, context), timeout_s)
