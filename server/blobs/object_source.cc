#include "server/blobs/object_source.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/digest.h"

namespace alignflow {
namespace {

constexpr int64_t kObjectChunkBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::string> ObjectSource::Read(int64_t limit) {
  if (used_ == ahead_.size() && offset_ < size_ && limit > 0) {
    const int64_t want = std::min(std::max(range_, limit), size_ - offset_);
    absl::StatusOr<std::string> bytes = bucket_.Get(key_, offset_, want);
    if (absl::IsNotFound(bytes.status())) {
      on_gone_();
      return absl::DataLossError(
          absl::StrCat("blob ", key_, " is gone from ", bucket_.options().Url(),
                       ": somebody has deleted it; write it again or run the job again"));
    }
    if (!bytes.ok()) return bytes;
    ahead_ = *std::move(bytes);
    used_ = 0;
    offset_ += static_cast<int64_t>(ahead_.size());
    range_ = std::min(2 * range_, kLongestRange);
  }
  std::string piece = ahead_.substr(used_, limit);
  used_ += piece.size();
  return piece;
}

absl::Status ReadObject(Bucket& bucket, const std::string& sha256, int64_t size,
                        absl::FunctionRef<absl::Status(std::string_view)> use) {
  Sha256 hash;
  ObjectSource source(bucket, sha256, 0, size);
  for (int64_t done = 0; done < size;) {
    const absl::StatusOr<std::string> bytes = source.Read(kObjectChunkBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) break;
    done += static_cast<int64_t>(bytes->size());
    hash.Update(*bytes);
    absl::Status used = use(*bytes);
    if (!used.ok()) return used;
  }
  if (hash.Finish() == sha256) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("blob ", sha256, " is damaged"));
}

absl::Status ForClients(const absl::Status& status) {
  if (status.ok() || absl::IsResourceExhausted(status) || absl::IsDataLoss(status)) return status;
  return absl::UnavailableError(absl::StrCat("the blobs' store: ", status.message()));
}

}  // namespace alignflow
