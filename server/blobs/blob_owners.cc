#include "server/blobs/blob_owners.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/steady_now.h"
#include "server/blobs/blob_stream.h"

namespace alignflow {
namespace {

constexpr char kUpload[] = "upload-", kLease[] = "lease-";
constexpr size_t kDigestBytes = 32;

std::optional<BlobOwner> OwnerOfFile(const std::string& name) {
  if (name.starts_with(kUpload)) return BlobOwner::Upload(name.substr(sizeof(kUpload) - 1));
  if (!name.starts_with(kLease)) return std::nullopt;
  const std::string lease = name.substr(sizeof(kLease) - 1);
  const size_t dash = lease.rfind('-');
  int64_t attempt = 0;
  if (dash == std::string::npos || !absl::SimpleAtoi(lease.substr(dash + 1), &attempt)) {
    return std::nullopt;
  }
  return BlobOwner::Lease(lease.substr(0, dash), attempt);
}

void SetTime(int file, absl::Time time) {
  const timespec when = absl::ToTimespec(time);
  const timespec times[2] = {when, when};
  futimens(file, times);
}

}  // namespace

BlobOwners::BlobOwners(std::filesystem::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  absl::MutexLock lock(&mutex_);
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const auto owner = OwnerOfFile(entry.path().filename().string());
    struct stat info = {};
    if (!owner || stat(entry.path().c_str(), &info) != 0) continue;
    owners_[*owner] = {.pins = info.st_size / static_cast<int64_t>(kDigestBytes),
                       .calls = 0,
                       .in_folder = false,
                       .renewed = absl::TimeFromTimespec(info.st_mtim)};
  }
}

std::filesystem::path BlobOwners::FileOf(const BlobOwner& owner) const {
  return folder_ / (owner.upload.empty() ? absl::StrCat(kLease, owner.task_key, "-", owner.attempt)
                                         : absl::StrCat(kUpload, owner.upload));
}

absl::Status BlobOwners::Pin(const BlobOwner& owner, const std::vector<std::string>& blobs,
                             absl::Time now) {
  std::string bytes;
  bytes.reserve(blobs.size() * kDigestBytes);
  for (const std::string& blob : blobs) bytes += absl::HexStringToBytes(blob);
  absl::StatusOr<Written> written = Append(owner, bytes, now);
  if (!written.ok()) return written.status();
  // Others need not wait for the disk.
  if (fsync(written->file.get()) != 0) return WriteError(errno, "sync a pin");
  if (!written->is_new) return absl::OkStatus();
  absl::Status synced = SyncFolder(folder_);
  absl::MutexLock lock(&mutex_);
  const auto state = owners_.find(owner);
  if (synced.ok() && state != owners_.end()) state->second.in_folder = true;
  return synced;
}

absl::StatusOr<BlobOwners::Written> BlobOwners::Append(const BlobOwner& owner,
                                                       const std::string& bytes, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const auto known = owners_.find(owner);
  if (known == owners_.end() && owners_.size() >= kMaxOwners) {
    return absl::ResourceExhaustedError(
        "too many uploads are open at the same time; try again in an hour");
  }
  const int64_t pins = known == owners_.end() ? 0 : known->second.pins;
  const auto added = static_cast<int64_t>(bytes.size() / kDigestBytes);
  if (pins + added > kMaxPins) {
    return absl::ResourceExhaustedError(
        absl::StrCat("one upload may name ", kMaxPins, " blobs; begin another for the rest"));
  }
  FileHandle file(open(FileOf(owner).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return WriteError(errno, "pin");
  // At the place of the last whole digest, whatever an earlier write left behind it.
  const ssize_t written =
      pwrite(file.get(), bytes.data(), bytes.size(), pins * static_cast<int64_t>(kDigestBytes));
  if (written != static_cast<ssize_t>(bytes.size())) {
    return WriteError(written < 0 ? errno : ENOSPC, "pin");
  }
  SetTime(file.get(), now);
  State& state = owners_[owner];
  state.pins = pins + added;
  state.renewed = now;
  for (size_t at = 0; at < bytes.size(); at += kDigestBytes) {
    pinned_since_.insert(bytes.substr(at, kDigestBytes));
  }
  return Written{.file = std::move(file), .is_new = !state.in_folder};
}

void BlobOwners::Remove(const BlobOwner& owner) {
  unlink(FileOf(owner).c_str());
  owners_.erase(owner);
}

void BlobOwners::Release(const BlobOwner& owner) {
  absl::MutexLock lock(&mutex_);
  const auto known = owners_.find(owner);
  if (known == owners_.end()) return;
  const int calls = known->second.calls;
  Remove(owner);
  if (calls > 0) owners_[owner].calls = calls;
}

void BlobOwners::BeginCall(const BlobOwner& owner) {
  absl::MutexLock lock(&mutex_);
  ++owners_[owner].calls;
}

void BlobOwners::EndCall(const BlobOwner& owner, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  State& state = owners_[owner];
  --state.calls;
  state.renewed = now;
  if (state.pins == 0 && state.calls == 0) {
    owners_.erase(owner);
    return;
  }
  const FileHandle file(open(FileOf(owner).c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() >= 0) SetTime(file.get(), now);
}

absl::flat_hash_set<std::string> BlobOwners::Collect(
    absl::FunctionRef<bool(const BlobOwner&, absl::Time)> lives) {
  std::map<BlobOwner, State> owners;
  {
    absl::MutexLock lock(&mutex_);
    pinned_since_.clear();
    owners = owners_;
  }
  absl::flat_hash_set<std::string> pinned;
  for (const auto& [owner, state] : owners) {
    if (state.calls == 0 && !lives(owner, state.renewed)) {
      absl::MutexLock lock(&mutex_);
      const auto now = owners_.find(owner);
      // A call since then has brought it back to life.
      if (now == owners_.end()) continue;
      if (now->second.calls == 0 && now->second.renewed == state.renewed) {
        Remove(owner);
        continue;
      }
    }
    std::ifstream file(FileOf(owner), std::ios::binary);
    std::string digest(kDigestBytes, '\0');
    while (file.read(digest.data(), kDigestBytes)) pinned.insert(digest);
  }
  return pinned;
}

bool BlobOwners::PinnedSince(const std::string& sha256) const {
  absl::MutexLock lock(&mutex_);
  return pinned_since_.contains(absl::HexStringToBytes(sha256));
}

OwnersCall::OwnersCall(BlobOwners& owners, std::optional<BlobOwner> owner)
    : owners_(owners), owner_(std::move(owner)) {
  if (owner_) owners_.BeginCall(*owner_);
}

OwnersCall::~OwnersCall() {
  if (owner_) owners_.EndCall(*owner_, SteadyNow());
}

}  // namespace alignflow
