#include "server/blobs/blob_store.h"

#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest.h"

namespace alignflow {
namespace {

constexpr char kIncoming[] = "incoming";
constexpr char kOwners[] = "owners";

}  // namespace

absl::Status NoBlob(const std::string& sha256) {
  return absl::NotFoundError(absl::StrCat("there is no blob ", sha256));
}

BlobStore::BlobStore(const std::filesystem::path& folder)
    : owners_(folder / kOwners), incoming_(folder / kIncoming) {}

absl::Status BlobStore::MakeFolders(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder / kIncoming, error);
  if (!error) std::filesystem::create_directory(folder / kOwners, error);
  if (!error && access((folder / kIncoming).c_str(), W_OK) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(folder.string(), ": can't be written (", error.message(),
                   "); give a state folder that this user may write, with space on its disk"));
}

BlobStore::WriteProgress BlobStore::QueryWrite(const std::string& sha256,
                                               const std::string& writer) const {
  if (!IsSha256Hex(sha256)) return {};
  if (const absl::StatusOr<int64_t> size = SizeOf(sha256); size.ok()) return {*size, true};
  return {incoming_.Arrived(sha256, writer), false};
}

absl::StatusOr<std::unique_ptr<BlobWriter>> BlobStore::Write(const std::string& sha256,
                                                             int64_t size, int64_t offset,
                                                             const std::string& writer) {
  if (!IsSha256Hex(sha256) || size < 0) {
    return absl::InvalidArgumentError(
        "digest: give 64 lower-case hexadecimal characters and a size of at least 0");
  }
  if (size > kMaxBlobBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a blob of ", size, " bytes; the limit is ", kMaxBlobBytes));
  }
  if (Contains(sha256)) return nullptr;
  const auto publish = [this, sha256](const IncomingFile& file) { return Publish(sha256, file); };
  return incoming_.Write({.sha256 = sha256, .size = size, .publish = publish, .observe = observe_},
                         offset, writer);
}

absl::StatusOr<std::string> BlobStore::Put(std::string_view bytes, const BlobOwner& owner,
                                           absl::Time now) {
  std::string sha256 = Sha256OfString(bytes);
  absl::Status pinned = owners_.Pin(owner, {sha256}, now);
  if (!pinned.ok()) return pinned;
  absl::StatusOr<std::unique_ptr<BlobWriter>> writer =
      Write(sha256, static_cast<int64_t>(bytes.size()), 0);
  if (!writer.ok()) return writer.status();
  if (*writer == nullptr) return sha256;
  absl::Status status = (*writer)->Append(bytes);
  if (status.ok()) status = (*writer)->Commit();
  if (!status.ok()) return status;
  return sha256;
}

absl::Status BlobStore::CheckOffset(int64_t offset, int64_t size) {
  if (offset >= 0 && offset <= size) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("offset ", offset, " of a blob of ", size, " bytes"));
}

absl::StatusOr<std::unique_ptr<BlobReader>> BlobStore::Read(const std::string& sha256,
                                                            int64_t offset) {
  if (!IsSha256Hex(sha256)) {
    return absl::InvalidArgumentError("digest: give 64 lower-case hexadecimal characters");
  }
  absl::StatusOr<Found> found = Find(sha256, offset);
  if (!found.ok()) return found.status();
  return std::make_unique<BlobReader>(sha256, std::move(found->source), offset, found->size,
                                      std::move(found->on_damage), observe_);
}

absl::StatusOr<std::string> BlobStore::Get(const std::string& sha256, int64_t limit) {
  absl::StatusOr<std::unique_ptr<BlobReader>> reader = Read(sha256, 0);
  if (!reader.ok()) return reader.status();
  if ((*reader)->size() > limit) {
    return absl::ResourceExhaustedError(absl::StrCat("blob ", sha256, " has ", (*reader)->size(),
                                                     " bytes; the limit here is ", limit));
  }
  return (*reader)->Next(std::max<int64_t>((*reader)->size(), 1));
}

}  // namespace alignflow
