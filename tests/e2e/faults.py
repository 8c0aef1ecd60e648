"""What goes wrong in a hospital's machine room, done on purpose to a running service."""

import hashlib
import importlib
import json
import pathlib
import resource
import socket
import subprocess
import threading
import time

import grpc

from api import RPC_TIMEOUT_S
from processes import BIN


class CutableProxy:
    """Passes connections on to an address, until it is cut: then all end, and none comes through."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.lock = threading.Lock()
        self.open, self.cut_until = set(), 0.0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                outer, _ = self.listener.accept()
            except OSError:  # closed
                return
            try:
                if time.monotonic() < self.cut_until:
                    raise ConnectionRefusedError("cut")
                inner = socket.create_connection(self.target, timeout=RPC_TIMEOUT_S)
                inner.settimeout(None)
            except OSError:
                outer.close()
                continue
            with self.lock:
                self.open |= {outer, inner}
            for source, sink in ((outer, inner), (inner, outer)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        self._end({source, sink})

    def _end(self, sockets):
        with self.lock:
            self.open -= sockets
        for end in sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # the other thread was first
                pass
            end.close()

    def cut(self, seconds):
        self.cut_until = time.monotonic() + seconds
        self._end(set(self.open))

    def close(self):
        self.listener.close()
        self.cut(0)


def fill_disk(process, bytes_left):
    """From now on the process can make no file longer than this, as on a full disk; None: the disk has space again."""
    limit = resource.RLIM_INFINITY if bytes_left is None else bytes_left
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def stored_blobs(state):
    """The files of a state folder's blobs, by digest."""
    files = {file.parent.name + file.name: file for file in (state / "blobs").glob("??/*")}
    return {digest: file for digest, file in files.items() if len(digest) == 64}


def flip_bit(state, draw):
    """Changes one bit of a stored blob, as a failing disk does. Returns the blob's digest, or None if none is there."""
    found = sorted(stored_blobs(state).items())
    if not found:
        return None
    digest, blob = draw.choice(found)
    try:
        blob.chmod(0o600)
        with open(blob, "r+b") as file:
            at = draw.randrange(max(1, blob.stat().st_size))
            file.seek(at)
            byte = file.read(1)
            if byte:
                file.seek(at)
                file.write(bytes([byte[0] ^ 1 << draw.randrange(8)]))
        blob.chmod(0o400)
    except FileNotFoundError:  # removed meanwhile
        return None
    return digest


class SteppedClock:
    """The clock that a process sees which runs under `prefix`: the machine's, but for the steps that it is set by."""

    LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")

    def __init__(self, file):
        self.file, self.offset = file, 0
        self.step(0)

    def step(self, seconds):
        self.offset += seconds
        new = self.file.with_suffix(".new")
        new.write_text(f"{self.offset:+d}\n")
        new.replace(self.file)

    def prefix(self):
        """Time that passes stays what it is, as do the times of files."""
        if not self.LIBRARY.exists():
            return ()
        return (f"LD_PRELOAD={self.LIBRARY}", f"FAKETIME_TIMESTAMP_FILE={self.file}", "FAKETIME_CACHE_DURATION=1",
                "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1")


def lie(address, seconds, told):
    """A worker that takes one task and says that it is done, with garbage of the right names. Returns the coordinator's answer:
    a status code, or None if there was no task for it. `told` counts its lies by task: one that was refused three times has
    failed, so that it hands back what it has lied about twice."""
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
        report = workers.ReportRequest(worker_id=worker, task_key=lease.task.key, attempt=lease.attempt)
        if told[lease.task.key] == 2:
            report.handed_back.SetInParent()
            stub.Report(report, timeout=RPC_TIMEOUT_S)
            return None
        told[lease.task.key] += 1
        garbage = b"garbage" * 20
        digest = blobs.Digest(sha256=hashlib.sha256(garbage).hexdigest(), size_bytes=len(garbage))
        writer.Write(iter([blobs.WriteBlobRequest(digest=digest, data=garbage)]), timeout=RPC_TIMEOUT_S)
        roles = ("model", "pool", "pairs", "masks", "rules", "segmenter", "scores", "figures", "packed", "statistics",
                 "curve.json", "contact-sheet.png", "report.json")
        report.success.outputs.update({role: digest.sha256 for role in roles})
        stub.Report(report, timeout=RPC_TIMEOUT_S)
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()
    finally:
        channel.close()


def result_version():
    """The engine's, as the programs say it."""
    return json.loads(subprocess.run([BIN / "afctl", "version", "--json"], check=True, capture_output=True,
                                     timeout=60).stdout)["result_version"]
