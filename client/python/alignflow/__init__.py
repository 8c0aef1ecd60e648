"""Client of AlignFlow: image-mask pairs in the style of your own scanner.

    import alignflow

    with alignflow.connect() as client:
        client.push_dataset("colon-source", "SOURCE_DIR", labels={"polyp": 255})
        job = client.align("colon-source", "REFERENCE_DIR", pairs=700)
        client.wait(job)
        for pair in client.pairs(job):
            train(pair.image_array(), pair.mask_array())

Messages, such as Job and Report, are those of the API, in alignflow.v1: its .proto files say what each field is.
"""

from alignflow._pairs import Pair
from alignflow.aio import AsyncClient, Progress, Pulled, connect_async, is_final
from alignflow.client import Client, connect
from alignflow.errors import (AccessError, AlignFlowError, AlreadyExistsError, DataLossError, FolderError, InvalidInputError,
                              JobCancelledError, JobFailedError, NotFoundError, PreconditionError, UnavailableError)

__all__ = [
    "AccessError", "AlignFlowError", "AlreadyExistsError", "AsyncClient", "Client", "DataLossError", "FolderError",
    "InvalidInputError", "JobCancelledError", "JobFailedError", "NotFoundError", "Pair", "PreconditionError", "Progress",
    "Pulled", "UnavailableError", "connect", "connect_async", "is_final",
]
