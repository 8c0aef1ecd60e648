#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/digest.h"
#include "server/blobs/object_blobs.h"
#include "server/blobs/object_source.h"
#include "spdlog/spdlog.h"

// The part of ObjectBlobs that is done by itself, beside all calls.
namespace alignflow {
namespace {

constexpr absl::Duration kTendEvery = absl::Seconds(1);
constexpr absl::Duration kLookEvery = absl::Seconds(5), kLookAgain = absl::Seconds(2);
constexpr absl::Duration kPingTimeout = absl::Seconds(5);
constexpr absl::Duration kCompareEvery = absl::Hours(24);
// Looks in vain, one after another, until the store counts as down.
constexpr int kDownAfter = 2;

}  // namespace

absl::StatusOr<bool> ObjectBlobs::DeleteDoomed() {
  const absl::StatusOr<std::vector<IndexedBlob>> doomed = index_->Doomed(Bucket::kPage);
  if (!doomed.ok()) return doomed.status();
  std::vector<std::string> keys;
  for (const IndexedBlob& blob : *doomed) {
    if (!TryBusy(blob.sha256)) continue;
    // Written anew since: it is wanted.
    if (Look(blob.sha256).ok()) {
      EndBusy(blob.sha256);
    } else {
      keys.push_back(blob.sha256);
    }
  }
  absl::Status status = bucket_->Delete(keys);
  if (status.ok()) status = index_->ForgetDoomed(keys);
  for (const std::string& key : keys) EndBusy(key);
  if (!status.ok()) return status;
  return static_cast<int>(doomed->size()) == Bucket::kPage;
}

absl::StatusOr<bool> ObjectBlobs::CompareWithBucket() {
  const absl::Time began = absl::Now();
  const absl::StatusOr<Bucket::Page> page = bucket_->List(listed_);
  if (!page.ok()) return page.status();
  const bool end = !page->more || page->objects.empty();
  std::vector<IndexedBlob> found;
  for (const BucketObject& object : page->objects) {
    if (!IsSha256Hex(object.key)) continue;
    found.push_back({.sha256 = object.key, .bytes = object.bytes, .written = began});
  }
  absl::Status status = index_->AddUnknown(found);
  if (status.ok()) status = ForgetLost(found, end, began);
  if (!status.ok()) return status;
  listed_ = end ? "" : page->objects.back().key;
  if (end) compared_ = "";
  return end;
}

absl::Status ObjectBlobs::ForgetLost(const std::vector<IndexedBlob>& found, bool to_the_end,
                                     absl::Time began) {
  absl::flat_hash_set<std::string> there;
  for (const IndexedBlob& blob : found) there.insert(blob.sha256);
  const std::string last = found.empty() ? compared_ : found.back().sha256;
  for (bool more = true; more;) {
    const absl::StatusOr<std::vector<IndexedBlob>> blobs = index_->After(compared_, Bucket::kPage);
    if (!blobs.ok()) return blobs.status();
    std::vector<std::string> lost;
    more = !blobs->empty();
    for (const IndexedBlob& blob : *blobs) {
      more = to_the_end || blob.sha256 <= last;
      if (!more) break;
      compared_ = blob.sha256;
      if (blob.written < began && !there.contains(blob.sha256)) lost.push_back(blob.sha256);
    }
    if (lost.empty()) continue;
    spdlog::error("blobs: {} are gone from the bucket: somebody has deleted them", lost.size());
    absl::Status status = index_->Forget(lost, began);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ObjectBlobs::Health() const {
  absl::MutexLock lock(&health_mutex_);
  return failures_ >= kDownAfter ? health_ : absl::OkStatus();
}

void ObjectBlobs::LookAtHealth() {
  const absl::Status status = ForClients(bucket_->Ping(kPingTimeout));
  absl::MutexLock lock(&health_mutex_);
  health_ = status;
  failures_ = status.ok() ? 0 : failures_ + 1;
}

void ObjectBlobs::Tend() {
  absl::Time look = SteadyNow() + kLookEvery, compare = SteadyNow() + kTendEvery;
  while (!stop_.Wait(kTendEvery)) {
    const absl::Time now = SteadyNow();
    if (now >= look) {
      LookAtHealth();
      absl::MutexLock lock(&health_mutex_);
      look = SteadyNow() + (failures_ > 0 ? kLookAgain : kLookEvery);
    }
    {
      absl::MutexLock lock(&health_mutex_);
      if (failures_ > 0) continue;
    }
    absl::StatusOr<bool> done = DeleteDoomed();
    if (done.ok() && now >= compare) {
      done = CompareWithBucket();
      if (done.ok() && *done) compare = now + kCompareEvery;
    }
    if (done.ok()) continue;
    spdlog::warn("blobs: {}", std::string(done.status().message()));
    look = now;
  }
}

}  // namespace alignflow
