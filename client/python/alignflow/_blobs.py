"""Files as blobs: named by their SHA-256, sent only where the coordinator lacks them, resumed where a stream broke."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import pathlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from alignflow._transport import RPC_S, Patience, Transport
from alignflow.errors import AlignFlowError, DataLossError, PreconditionError, UnavailableError
from alignflow.v1 import blobs_pb2

CHUNK = 1 << 20
STREAMS = 4
_ASKED_AT_ONCE = 10_000
_SLOWEST_BYTES_PER_S = 1 << 20  # a slower stream ends, and goes on in another
_RETRY_S = 20.0

# Bytes that are there by now, and in all.
ByteProgress = Callable[[int, int], None]


def digest_of(data: bytes) -> blobs_pb2.Digest:
    return blobs_pb2.Digest(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


@dataclasses.dataclass(frozen=True)
class Blob:
    """Bytes to be sent: of a file, or `data`."""

    digest: blobs_pb2.Digest
    file: pathlib.Path | None = None
    data: bytes = b""

    def read(self, offset: int) -> bytes:
        """The chunk that begins there."""
        if self.file is None:
            return self.data[offset:offset + CHUNK]
        with open(self.file, "rb") as file:
            file.seek(offset)
            chunk = file.read(CHUNK)
        if len(chunk) != min(CHUNK, self.digest.size_bytes - offset):
            raise PreconditionError(f"{self.file}: has changed since it was checked; try again")
        return chunk


class Uploads:
    """What is written as one upload, whose id keeps it until it is referred to."""

    def __init__(self, transport: Transport):
        self._transport = transport
        self.upload_id = f"python-{secrets.token_hex(16)}"
        self._owner = blobs_pb2.BlobOwner(upload_id=self.upload_id)

    async def send(self, blobs: Sequence[Blob], progress: ByteProgress | None = None) -> None:
        by_digest = {blob.digest.sha256: blob for blob in blobs}
        total = sum(blob.digest.size_bytes for blob in by_digest.values())
        missing = await self._find_missing([blob.digest for blob in by_digest.values()])
        queue = [by_digest[digest.sha256] for digest in missing]
        done = total - sum(blob.digest.size_bytes for blob in queue)
        if progress:
            progress(done, total)
        waiting = iter(queue)

        async def work() -> None:
            nonlocal done
            for blob in waiting:
                await self._upload(blob)
                done += blob.digest.size_bytes
                if progress:
                    progress(done, total)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(STREAMS, len(queue))):
                    group.create_task(work())
        except ExceptionGroup as group_error:  # of several streams that broke, one says enough
            raise group_error.exceptions[0] from None

    async def _find_missing(self, digests: list[blobs_pb2.Digest]) -> list[blobs_pb2.Digest]:
        missing: list[blobs_pb2.Digest] = []
        for begin in range(0, len(digests), _ASKED_AT_ONCE):
            request = blobs_pb2.FindMissingRequest(blobs=digests[begin:begin + _ASKED_AT_ONCE], owner=self._owner)
            patience = Patience(_RETRY_S)
            while True:
                try:
                    missing += (await self._transport.call(self._transport.blobs.FindMissing, request,
                                                            blobs_pb2.FindMissingResponse)).missing
                    break
                except AlignFlowError as error:
                    await patience.after(error)
        return missing

    async def _upload(self, blob: Blob) -> None:
        patience, furthest = Patience(_RETRY_S), -1
        # A blob of one chunk isn't worth asking how much of it is there already.
        ask = blob.digest.size_bytes > CHUNK
        while True:
            offset = 0
            try:
                if ask:
                    offset = await self._committed(blob)
                await self._write(blob, offset)
                return
            except AlignFlowError as error:
                # Another writer of the same bytes, or an earlier run, has moved the offset.
                if error.code == "OUT_OF_RANGE":
                    error = UnavailableError(str(error))
                if offset > furthest:
                    patience.answered()
                await patience.after(error)
                furthest, ask = max(furthest, offset), True

    async def _committed(self, blob: Blob) -> int:
        answer = await self._transport.call(self._transport.blobs.QueryWrite,
                                            blobs_pb2.QueryWriteRequest(digest=blob.digest),
                                            blobs_pb2.QueryWriteResponse)
        return blob.digest.size_bytes if answer.complete else answer.committed_bytes

    async def _write(self, blob: Blob, offset: int) -> None:
        failure: list[AlignFlowError] = []

        async def requests() -> AsyncIterator[blobs_pb2.WriteBlobRequest]:
            at, request = offset, blobs_pb2.WriteBlobRequest(digest=blob.digest, offset=offset, owner=self._owner)
            while True:
                try:
                    request.data = await asyncio.to_thread(blob.read, at)
                except (AlignFlowError, OSError) as error:
                    failure.append(error if isinstance(error, AlignFlowError)
                                   else PreconditionError(f"{blob.file}: can't be read any more ({error.strerror})"))
                    raise
                at += len(request.data)
                yield request
                if at >= blob.digest.size_bytes:
                    return
                request = blobs_pb2.WriteBlobRequest()

        deadline_s = RPC_S + (blob.digest.size_bytes - offset) / _SLOWEST_BYTES_PER_S
        try:
            await self._transport.call(self._transport.blobs.Write, requests(), blobs_pb2.WriteBlobResponse, deadline_s)
        except asyncio.CancelledError:
            if failure:  # how gRPC ends a call whose requests end so
                raise failure[0] from None
            raise
        except AlignFlowError:
            if failure:
                raise failure[0] from None
            raise


async def read_blob(transport: Transport, sha256: str) -> AsyncGenerator[bytes, None]:
    """A blob's chunks in order, through lost connections; its digest is checked at the end."""
    patience, offset, hashed = Patience(_RETRY_S), 0, hashlib.sha256()
    while True:
        request = blobs_pb2.ReadBlobRequest(digest=blobs_pb2.Digest(sha256=sha256), offset=offset)
        try:
            async with contextlib.aclosing(transport.stream(transport.blobs.Read, request)) as stream:
                async for answer in stream:
                    patience.answered()
                    offset += len(answer.data)
                    hashed.update(answer.data)
                    yield answer.data
            break
        except AlignFlowError as error:
            await patience.after(error)
    if hashed.hexdigest() != sha256:
        raise DataLossError(f"fetching blob {sha256}: the bytes that came don't match the digest")
