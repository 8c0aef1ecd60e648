"""The service as any other program sees it: by the stubs of the Python package, which another gRPC than ours made."""

import hashlib
import importlib
import pathlib
import subprocess
import sys
import zipfile

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("blobs", "datasets", "jobs", "models", "server", "workers")
CHUNK = 1 << 20
RPC_TIMEOUT_S = 30


def generate(folder):
    """Builds the Python package's wheel in `folder`, makes what it holds importable and returns the wheel."""
    folder = pathlib.Path(folder)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-build-isolation",
                    "--no-deps", "-w", str(folder), str(ROOT / "client" / "python")], check=True, timeout=120)
    wheel = next(folder.glob("alignflow-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    sys.path.insert(0, str(folder / "site"))
    return wheel


class WithKey(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Sends an access key with every call."""

    def __init__(self, key):
        self.metadata = ("authorization", f"Bearer {key}")

    def _call(self, go_on, details, request):
        return go_on(details._replace(metadata=[*(details.metadata or ()), self.metadata]), request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_unary = _call


class Api:
    """Messages as api.jobs.Job, stubs as api.Jobs.GetJob."""

    def __init__(self, address, key=None):
        self.channel = grpc.insecure_channel(address)
        if key:
            self.channel = grpc.intercept_channel(self.channel, WithKey(key))
        for room in ROOMS:
            setattr(self, room, importlib.import_module(f"alignflow.v1.{room}_pb2"))
            stubs = importlib.import_module(f"alignflow.v1.{room}_pb2_grpc")
            setattr(self, room.capitalize(), getattr(stubs, f"{room.capitalize()}Stub")(self.channel))

    def close(self):
        self.channel.close()

    def digest(self, data):
        return self.blobs.Digest(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

    def write(self, data, digest=None):
        """Uploads bytes, under another digest than theirs if told so. Returns the digest."""
        digest = digest or self.digest(data)

        def requests():
            yield self.blobs.WriteBlobRequest(digest=digest, data=data[:CHUNK])
            for at in range(CHUNK, len(data), CHUNK):
                yield self.blobs.WriteBlobRequest(data=data[at:at + CHUNK])

        return self.Blobs.Write(requests(), timeout=RPC_TIMEOUT_S).digest

    def read(self, sha256):
        request = self.blobs.ReadBlobRequest(digest=self.blobs.Digest(sha256=sha256))
        return b"".join(chunk.data for chunk in self.Blobs.Read(request, timeout=RPC_TIMEOUT_S))

    def get_job(self, name):
        return self.Jobs.GetJob(self.jobs.GetJobRequest(name=name), timeout=RPC_TIMEOUT_S)

    def watch(self, name, timeout):
        """The job's states up to the last, each as it comes."""
        for event in self.Jobs.WatchJob(self.jobs.WatchJobRequest(name=name), timeout=timeout):
            yield event.job

    def await_end(self, name, timeout):
        """The job once it has ended. Raises DEADLINE_EXCEEDED where that takes too long."""
        job = None
        for job in self.watch(name, timeout):
            pass
        return job

    def await_stage(self, name, stage_id, timeout, min_step=0):
        """The job as soon as the stage runs and has done `min_step` steps. Fails if it ends before."""
        for job in self.watch(name, timeout):
            for stage in job.stages:
                running = stage.state == self.jobs.STAGE_STATE_RUNNING
                if stage.id == stage_id and running and stage.step >= min_step:
                    return job
        raise AssertionError(f"{name} ended before its stage {stage_id} was seen running")
