#include "server/access/call_rates.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr double kBurstSeconds = 2;

}  // namespace

void CallRates::SetLimits(std::map<std::string, int64_t> limits) {
  absl::MutexLock lock(&mutex_);
  limits_ = std::move(limits);
  std::erase_if(buckets_, [this](const auto& bucket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !limits_.contains(bucket.first);
  });
}

absl::Status CallRates::Take(const std::string& tenant, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const auto limit = limits_.find(tenant);
  if (limit == limits_.end()) return absl::OkStatus();
  const auto rate = static_cast<double>(limit->second);
  const double most = std::max(kBurstSeconds * rate, 1.0);
  const auto [found, is_new] = buckets_.try_emplace(tenant, Bucket{.calls = most, .filled = now});
  Bucket& bucket = found->second;
  const double seconds = std::max(absl::ToDoubleSeconds(now - bucket.filled), 0.0);
  bucket.calls = std::min(most, bucket.calls + seconds * rate);
  bucket.filled = now;
  if (bucket.calls < 1) {
    return absl::ResourceExhaustedError(
        absl::StrCat("quota: ", limit->second,
                     " calls a second are allowed, and more were made; it frees within seconds"));
  }
  bucket.calls -= 1;
  return absl::OkStatus();
}

}  // namespace alignflow
