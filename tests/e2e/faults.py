"""What goes wrong in a hospital's machine room, done on purpose to a running service."""

import asyncio
import hashlib
import importlib
import json
import resource
import subprocess
import threading
import time

import grpc

from api import RPC_TIMEOUT_S
from processes import BIN


class CutableProxy:
    """Passes connections on to an address, until it is cut: then all end, and none comes through."""

    def __init__(self, address):
        self.target = address.rsplit(":", 1)
        self.loop = asyncio.new_event_loop()
        self.open = set()
        self.cut_until = 0.0
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(10)

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    async def _accept(self, reader, writer):
        if time.monotonic() < self.cut_until:
            writer.transport.abort()
            return
        try:
            inner_reader, inner_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, inner_writer}
        self.open |= ends
        try:
            await asyncio.gather(self._pass(reader, inner_writer), self._pass(inner_reader, writer))
        except OSError:
            pass
        finally:
            for end in ends:
                end.transport.abort()
            self.open -= ends

    @staticmethod
    async def _pass(reader, writer):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError("the other end has closed")

    def cut(self, seconds):
        self.cut_until = time.monotonic() + seconds

        def end_all():
            for writer in list(self.open):
                writer.transport.abort()

        self.loop.call_soon_threadsafe(end_all)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


def fill_disk(process, bytes_left):
    """From now on the process can make no file longer than this, as on a full disk; None: the disk has space again."""
    limit = resource.RLIM_INFINITY if bytes_left is None else bytes_left
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def lie(address, seconds):
    """A worker that takes one task and says that it is done, with garbage of the right names. Returns the coordinator's answer:
    a status code, or None if there was no task for it."""
    workers = importlib.import_module("alignflow.v1.workers_pb2")
    blobs = importlib.import_module("alignflow.v1.blobs_pb2")
    channel = grpc.insecure_channel(address)
    stub = importlib.import_module("alignflow.v1.workers_pb2_grpc").WorkersStub(channel)
    writer = importlib.import_module("alignflow.v1.blobs_pb2_grpc").BlobsStub(channel)
    try:
        version = result_version()
        worker = stub.Register(workers.RegisterRequest(display_name="liar", device="cpu", result_version=version),
                               timeout=RPC_TIMEOUT_S).worker_id
        request = workers.LeaseRequest(worker_id=worker)
        request.wait.FromMilliseconds(int(seconds * 1000))
        lease = stub.Lease(request, timeout=RPC_TIMEOUT_S)
        if not lease.task.key:
            return None
        garbage = b"garbage" * 20
        digest = blobs.Digest(sha256=hashlib.sha256(garbage).hexdigest(), size_bytes=len(garbage))
        writer.Write(iter([blobs.WriteBlobRequest(digest=digest, data=garbage)]), timeout=RPC_TIMEOUT_S)
        roles = ("model", "pool", "pairs", "masks", "rules", "segmenter", "scores", "figures", "packed", "statistics",
                 "curve.json", "contact-sheet.png", "report.json")
        stub.Report(workers.ReportRequest(worker_id=worker, task_key=lease.task.key, attempt=lease.attempt,
                                          success=workers.TaskSuccess(outputs={role: digest.sha256 for role in roles})),
                    timeout=RPC_TIMEOUT_S)
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()
    finally:
        channel.close()


def result_version():
    """The engine's, as the programs say it."""
    return json.loads(subprocess.run([BIN / "afctl", "version", "--json"], check=True, capture_output=True,
                                     timeout=60).stdout)["result_version"]
