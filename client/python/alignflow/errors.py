"""What can go wrong. Messages are the coordinator's own words, or name the file and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio

if TYPE_CHECKING:
    from alignflow.v1 import jobs_pb2


class AlignFlowError(Exception):
    """Any error of this package. `code` is gRPC's name of it, such as "NOT_FOUND"."""

    code = "UNKNOWN"

    def __init__(self, message: str, code: str | None = None):
        super().__init__(message)
        if code:
            self.code = code


class InvalidInputError(AlignFlowError):
    """Something that was given is wrong: the message names it and the remedy."""

    code = "INVALID_ARGUMENT"


class FolderError(InvalidInputError):
    """A folder of images has faults; nothing of it was sent. The message names up to 20 files of each kind."""


class NotFoundError(AlignFlowError):
    """No such dataset, job, model or blob."""

    code = "NOT_FOUND"


class AlreadyExistsError(AlignFlowError):
    """The name is taken by something else."""

    code = "ALREADY_EXISTS"


class PreconditionError(AlignFlowError):
    """Not possible in the present state, such as a report before the job's figures are there."""

    code = "FAILED_PRECONDITION"


class AccessError(AlignFlowError):
    """The coordinator wants a key, or one of another role."""

    code = "PERMISSION_DENIED"


class UnavailableError(AlignFlowError):
    """The coordinator does not answer, or not in time."""

    code = "UNAVAILABLE"


class DataLossError(AlignFlowError):
    """Bytes are damaged or gone."""

    code = "DATA_LOSS"


class JobFailedError(AlignFlowError):
    """The job ended without success; `job` is what it was then."""

    code = "ABORTED"

    def __init__(self, message: str, job: jobs_pb2.Job):
        super().__init__(message)
        self.job = job


class JobCancelledError(JobFailedError):
    """Somebody cancelled the job."""

    code = "CANCELLED"


_CLASSES: dict[str, type[AlignFlowError]] = {
    "INVALID_ARGUMENT": InvalidInputError,
    "OUT_OF_RANGE": InvalidInputError,
    "NOT_FOUND": NotFoundError,
    "ALREADY_EXISTS": AlreadyExistsError,
    "FAILED_PRECONDITION": PreconditionError,
    "PERMISSION_DENIED": AccessError,
    "UNAUTHENTICATED": AccessError,
    "UNAVAILABLE": UnavailableError,
    "DEADLINE_EXCEEDED": UnavailableError,
    "DATA_LOSS": DataLossError,
}


def of_rpc(error: grpc.aio.AioRpcError) -> AlignFlowError:
    """The exception for what a call ended with."""
    code = error.code().name
    return _CLASSES.get(code, AlignFlowError)(error.details() or code, code)
