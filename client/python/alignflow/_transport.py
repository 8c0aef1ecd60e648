"""Calls of one coordinator: each with a deadline, errors as this package's exceptions."""

from __future__ import annotations

import asyncio
import pathlib
import random
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from alignflow._endpoint import Endpoint
from alignflow.errors import AlignFlowError, InvalidInputError, UnavailableError, of_rpc
from alignflow.v1 import blobs_pb2_grpc, datasets_pb2_grpc, jobs_pb2_grpc, models_pb2_grpc, server_pb2_grpc

_T = TypeVar("_T")

RPC_S = 30.0
# A stream is opened anew after this time, so that one on a dead connection can't wait for ever.
STREAM_S = 60.0

_OPTIONS = [
    ("grpc.max_receive_message_length", 8 << 20),
    ("grpc.max_send_message_length", 8 << 20),
    ("grpc.keepalive_time_ms", 20000),
    ("grpc.keepalive_timeout_ms", 10000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # Patients' images go to the coordinator and through nobody whom the environment names.
    ("grpc.enable_http_proxy", 0),
]


def _credentials(endpoint: Endpoint) -> Any | None:
    """None: without TLS, which is for this machine alone."""
    if endpoint.is_loopback() and not endpoint.ca:
        return None
    if not endpoint.ca:
        return grpc.ssl_channel_credentials()
    try:
        return grpc.ssl_channel_credentials(pathlib.Path(endpoint.ca).read_bytes())
    except OSError as error:
        raise InvalidInputError(f"{endpoint.ca}: can't be read ({error.strerror}); give the certificate of who signs the "
                                "coordinator's, in PEM") from None


def _explained(error: AlignFlowError, server: str) -> AlignFlowError:
    """gRPC's own words about sockets tell a user nothing; what the coordinator says does."""
    text = str(error)
    if error.code == "DEADLINE_EXCEEDED" and text == "Deadline Exceeded":
        return UnavailableError(f"the coordinator at {server}: it took too long; try again", error.code)
    if error.code != "UNAVAILABLE":
        return error
    if "certificate verify failed" in text or "CERTIFICATE_VERIFY_FAILED" in text:
        return UnavailableError(f"the certificate of {server} has run out, or is signed by nobody who is trusted here; give ca= "
                                "with who has signed it", error.code)
    if "eer name" in text or "ostname" in text:
        return UnavailableError(f"the certificate of {server} is for another name; use the name that it is for", error.code)
    if "WRONG_VERSION_NUMBER" in text or "wrong version number" in text:
        return UnavailableError(f"{server} does not speak TLS; leave ca= out, or give the address that does", error.code)
    if any(word in text for word in ("onnect", "ocket", "GOAWAY", "ransport")):
        return UnavailableError(f"no answer from the coordinator at {server}: is it running, is the address right, and does it "
                                "want ca=?", error.code)
    return error


class Transport:
    """Make it in the event loop that it is used in."""

    def __init__(self, endpoint: Endpoint):
        credentials = _credentials(endpoint)
        self.endpoint = endpoint
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(endpoint.server, _OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(endpoint.server, credentials, _OPTIONS)
        self._metadata = [("authorization", f"Bearer {endpoint.key}")] if endpoint.key else []
        self.blobs: Any = blobs_pb2_grpc.BlobsStub(self._channel)
        self.datasets: Any = datasets_pb2_grpc.DatasetsStub(self._channel)
        self.jobs: Any = jobs_pb2_grpc.JobsStub(self._channel)
        self.models: Any = models_pb2_grpc.ModelsStub(self._channel)
        self.server: Any = server_pb2_grpc.ServerStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def call(self, method: Any, request: Any, answer: type[_T], deadline_s: float = RPC_S) -> _T:
        """The answer, which is of the type `answer`, to a message or to an iterator of them."""
        try:
            answered: _T = await method(request, timeout=deadline_s, metadata=self._metadata)
            return answered
        except grpc.aio.AioRpcError as error:
            raise _explained(of_rpc(error), self.endpoint.server) from None

    async def stream(self, method: Any, request: Any, deadline_s: float = STREAM_S) -> AsyncGenerator[Any, None]:
        """The messages of a stream, which is cancelled where the reader stops before its end."""
        call = method(request, timeout=deadline_s, metadata=self._metadata)
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise _explained(of_rpc(error), self.endpoint.server) from None
        finally:
            call.cancel()


def may_pass(error: AlignFlowError) -> bool:
    """Whether the same call may succeed later. CANCELLED is how a server that closes ends its streams."""
    return error.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


class Patience:
    """For how long in one go, in seconds, a coordinator may be silent: it may be restarting."""

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic):
        self._limit_s, self._clock = limit_s, clock
        self._failures, self._silent_since = 0, 0.0

    def answered(self) -> None:
        self._failures = 0

    async def after(self, error: AlignFlowError) -> None:
        """Waits before another try, or raises: `error` where trying is no use."""
        if not may_pass(error):
            raise error
        now = self._clock()
        self._failures += 1
        if self._failures == 1:
            self._silent_since = now
        left = self._limit_s - (now - self._silent_since)
        if left <= 0:
            raise UnavailableError(f"no answer for {self._limit_s:g} s ({error}); what was begun at the coordinator goes on "
                                   "once it is back", error.code) from error
        await asyncio.sleep(min(left, 0.2 * 2 ** min(self._failures - 1, 5) * random.uniform(0.5, 1.0), 5.0))
