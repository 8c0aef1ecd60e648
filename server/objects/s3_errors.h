#ifndef ALIGNFLOW_SERVER_OBJECTS_S3_ERRORS_H_
#define ALIGNFLOW_SERVER_OBJECTS_S3_ERRORS_H_

#include <string>

#include "absl/status/status.h"
#include "server/objects/bucket_options.h"
#include "server/objects/http_connections.h"

namespace alignflow {

// Whether the store has refused for a reason that passes.
bool IsWorthAnotherTry(const HttpResponse& response);

// Whether the answer says that all went well; an answer of 200 may still carry an error.
bool IsSuccess(const HttpResponse& response);

// What went wrong, with bucket and remedy: NotFound for an object that is not there, Unavailable
// for what passes by itself, ResourceExhausted for a store that is full, FailedPrecondition for
// what somebody has to change (keys, rights, clock, region, bucket). `doing`: "read an object".
absl::Status ErrorOf(const BucketOptions& options, const HttpResponse& response,
                     const std::string& doing);

// The same of an attempt to which no answer came.
absl::Status NoAnswer(const BucketOptions& options, const absl::Status& why);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_OBJECTS_S3_ERRORS_H_
