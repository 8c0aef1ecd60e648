#include "server/services/dataset_items.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/channel.h"
#include "common/status_conversion.h"
#include "server/services/blob_streams.h"

namespace alignflow {
namespace {

constexpr uint64_t kMaxItemBytes = 64 << 10;  // datasets.proto
constexpr size_t kLongestVarint = 10;

absl::Status NoItem(int number) {
  return absl::InvalidArgumentError(absl::StrCat(
      "items: what follows item ", number,
      " is no DatasetItem of at most 64 KiB with its length before it; write the blob anew"));
}

}  // namespace

absl::StatusOr<DatasetItems> DatasetItems::Open(const v1::CreateDatasetRequest& request,
                                                BlobStore& blobs, const OwnsBlob& owns) {
  DatasetItems items(request.manifest());
  if (!request.has_items()) return items;
  if (!request.manifest().items().empty()) {
    return absl::InvalidArgumentError(
        "items: there are items in the manifest, too; give them in one place");
  }
  absl::Status status = CheckDigest(request.items());
  if (!status.ok()) return Annotate(status, "items");
  const absl::StatusOr<bool> own = owns ? owns(request.items().sha256()) : true;
  if (!own.ok()) return own.status();
  absl::StatusOr<std::unique_ptr<BlobReader>> reader = blobs.Read(request.items().sha256(), 0);
  if (!*own || !reader.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("items: blob ", request.items().sha256(), " has not been written"));
  }
  items.reader_ = *std::move(reader);
  return items;
}

absl::StatusOr<bool> DatasetItems::Fill(size_t size) {
  while (buffer_.size() - at_ < size) {
    absl::StatusOr<std::string> bytes = reader_->Next(kBlobChunkBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) return false;
    buffer_.erase(0, std::exchange(at_, 0));
    buffer_ += *bytes;
  }
  return true;
}

absl::StatusOr<bool> DatasetItems::NextSize(uint64_t& size) {
  size = 0;
  const absl::StatusOr<bool> whole = Fill(kLongestVarint);  // near the end there may be less
  if (!whole.ok()) return whole;
  if (at_ == buffer_.size()) return false;
  for (size_t i = 0; i < kLongestVarint && at_ < buffer_.size(); ++i) {
    const auto byte = static_cast<uint8_t>(buffer_[at_++]);
    size |= uint64_t{byte & 0x7fU} << (7 * i);
    if ((byte & 0x80) == 0) return true;
  }
  return NoItem(next_);
}

absl::StatusOr<bool> DatasetItems::Next(v1::DatasetItem& item) {
  if (reader_ == nullptr) {
    if (next_ == manifest_->items_size()) return false;
    item = manifest_->items(next_++);
    return true;
  }
  uint64_t size = 0;
  absl::StatusOr<bool> more = NextSize(size);
  if (!more.ok() || !*more) return more;
  if (size > kMaxItemBytes) return NoItem(next_);
  more = Fill(size);
  if (!more.ok()) return more;
  if (!*more || !item.ParseFromArray(buffer_.data() + at_, static_cast<int>(size))) {
    return NoItem(next_);
  }
  at_ += size;
  ++next_;
  return true;
}

}  // namespace alignflow
