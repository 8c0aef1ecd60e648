#include "server/workflow/tenant_uploads.h"

#include <vector>

#include "server/catalog/tenant_blobs.h"
#include "server/catalog/tenant_uses.h"
#include "server/catalog/tenants.h"

namespace alignflow {
namespace {

// In memory at most, and in one transaction.
constexpr size_t kMostNoted = 1000;
constexpr int kUploadsPerStep = 500;
// Steps of measuring in a second.
constexpr int kMeasuringSteps = 4;

}  // namespace

absl::StatusOr<bool> TenantUploads::Has(const std::string& tenant, const std::string& blob) {
  {
    absl::MutexLock lock(&mutex_);
    if (noted_.contains({tenant, blob})) return true;
  }
  bool has = false;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    has = TenantHasBlob(sql, tenant, blob);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return has;
}

absl::Status TenantUploads::CheckSpace(const std::string& tenant, int64_t bytes, absl::Time now) {
  int64_t not_counted = 0;
  {
    // What the catalog does not know yet.
    absl::MutexLock lock(&mutex_);
    for (auto noted = noted_.lower_bound({tenant, ""});
         noted != noted_.end() && noted->first.first == tenant; ++noted) {
      not_counted += noted->second;
    }
  }
  return catalog_.Read([&](Sql& sql) {
    absl::Status open = CheckTenantIsOpen(sql, tenant);
    if (!open.ok()) return open;
    TenantUse use = UseOfTenant(sql, tenant, now);
    use.stored_bytes += not_counted;
    return CheckBytesFit(FindTenant(sql, tenant)->limits, use, bytes);
  });
}

absl::Status TenantUploads::Note(const std::string& tenant, const std::string& blob, int64_t bytes,
                                 absl::Time now) {
  {
    absl::MutexLock lock(&mutex_);
    noted_[{tenant, blob}] = bytes;
    if (noted_.size() < kMostNoted) return absl::OkStatus();
  }
  return Flush(now);
}

absl::Status TenantUploads::Flush(absl::Time now) {
  std::vector<TenantUpload> uploads;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [of, bytes] : noted_) {
      uploads.push_back({.tenant = of.first, .blob = of.second, .bytes = bytes});
    }
  }
  if (!uploads.empty()) {
    absl::Status status = catalog_.Transact([&](WritingSql& sql) {
      InsertUploads(sql, uploads, now);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    // Not before: who asks meanwhile finds them in one of both.
    absl::MutexLock lock(&mutex_);
    for (const TenantUpload& upload : uploads) noted_.erase({upload.tenant, upload.blob});
  }
  for (int step = 0; step < kMeasuringSteps; ++step) {
    std::vector<std::string> blobs;
    absl::Status status = catalog_.Read([&](Sql& sql) {
      blobs = UnmeasuredBlobs(sql, kUploadsPerStep);
      return absl::OkStatus();
    });
    if (!status.ok() || blobs.empty()) return status;
    std::vector<int64_t> sizes;  // what is lost takes no space
    for (const std::string& blob : blobs) sizes.push_back(blobs_.SizeOf(blob).value_or(0));
    status = catalog_.Transact([&](WritingSql& sql) {
      for (size_t i = 0; i < blobs.size(); ++i) SetBlobSize(sql, blobs[i], sizes[i]);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status TenantUploads::ForgetCollected(absl::Time cutoff) {
  bool any = false;
  for (LooseBlob after;;) {
    std::vector<LooseBlob> loose;
    absl::Status status = catalog_.Read([&](Sql& sql) {
      loose = LooseBlobs(sql, cutoff, after, kUploadsPerStep);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    // What was forgotten must not lie in the journal.
    if (loose.empty()) return any ? catalog_.ForgetDeleted() : status;
    after = loose.back();
    std::erase_if(loose, [&](const LooseBlob& blob) { return blobs_.SizeOf(blob.blob).ok(); });
    if (loose.empty()) continue;
    any = true;
    status = catalog_.Transact([&](WritingSql& sql) {
      for (const LooseBlob& blob : loose) ForgetLooseBlob(sql, blob);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
}

}  // namespace alignflow
