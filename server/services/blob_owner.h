#ifndef ALIGNFLOW_SERVER_SERVICES_BLOB_OWNER_H_
#define ALIGNFLOW_SERVER_SERVICES_BLOB_OWNER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alignflow/v1/blobs.pb.h"
#include "server/services/service_context.h"

// Owners of blobs, as requests name them.
namespace alignflow {

// The owner that a request names, if it names one. InvalidArgument for one that is malformed,
// FailedPrecondition for a lease that is over. `writer` (WriterOf) tells uploads of tenants apart
// that have chosen the same id.
absl::StatusOr<std::optional<BlobOwner>> ParseOwner(ServiceContext& context,
                                                    const v1::BlobOwner& owner,
                                                    const std::string& writer);

// A call that makes a dataset or a job of an upload's blobs. Until its end it keeps them and what
// it writes itself.
class CreatingCall {
 public:
  // `upload_id` as in the request: checked, and empty if the blobs belong to no upload.
  CreatingCall(ServiceContext& context, const std::string& upload_id, const std::string& writer);
  // Ends the upload if the call has succeeded.
  ~CreatingCall();
  CreatingCall(const CreatingCall&) = delete;
  CreatingCall& operator=(const CreatingCall&) = delete;

  const BlobOwner& owner() const { return owner_; }
  // The catalog refers to everything now.
  void Succeed() { over_ = true; }

 private:
  BlobOwners& owners_;
  bool over_;
  const BlobOwner owner_;
  const OwnersCall call_;
};

// OK for an empty upload id and a well-formed one.
absl::Status CheckUploadId(const std::string& upload_id);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_BLOB_OWNER_H_
