#include "server/services/blob_owner.h"

#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/resource_name.h"
#include "common/steady_now.h"
#include "server/workflow/random_id.h"

namespace alignflow {
namespace {

// The id under which an upload's blobs are kept, which names a file. Ids have no dot.
std::string UploadOf(const std::string& upload_id, const std::string& writer) {
  return writer.empty() ? upload_id : absl::StrCat(writer, ".", upload_id);
}

}  // namespace

absl::Status CheckUploadId(const std::string& upload_id) {
  if (upload_id.empty() || IsResourceId(upload_id)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "upload_id: give 1 to 63 lower-case letters, digits, '-' and '_', beginning with a letter or "
      "digit");
}

absl::StatusOr<std::optional<BlobOwner>> ParseOwner(ServiceContext& context,
                                                    const v1::BlobOwner& owner,
                                                    const std::string& writer) {
  if (owner.has_lease()) {
    const std::string& key = owner.lease().task_key();
    if (!IsSha256Hex(key)) return absl::InvalidArgumentError("owner.lease.task_key: is no digest");
    const BlobOwner lease = BlobOwner::Lease(key, owner.lease().attempt());
    const absl::Time now = SteadyNow();
    const absl::StatusOr<bool> lives = context.workflow.OwnerLives(lease, now, now);
    if (!lives.ok()) return lives.status();
    if (*lives) return lease;
    return absl::FailedPreconditionError(absl::StrCat("attempt ", owner.lease().attempt(),
                                                      " does not hold task ", key, "; drop it"));
  }
  if (!owner.has_upload_id()) return std::nullopt;
  if (owner.upload_id().empty()) return absl::InvalidArgumentError("owner.upload_id: is empty");
  absl::Status status = CheckUploadId(owner.upload_id());
  if (!status.ok()) return status;
  return BlobOwner::Upload(UploadOf(owner.upload_id(), writer));
}

CreatingCall::CreatingCall(ServiceContext& context, const std::string& upload_id,
                           const std::string& writer)
    : owners_(context.blobs.owners()),
      over_(upload_id.empty()),
      owner_(BlobOwner::Upload(upload_id.empty() ? absl::StrCat("call-", RandomId(16))
                                                 : UploadOf(upload_id, writer))),
      call_(owners_, owner_) {}

CreatingCall::~CreatingCall() {
  if (over_) owners_.Release(owner_);
}

}  // namespace alignflow
