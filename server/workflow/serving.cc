#include "server/workflow/serving.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace alignflow {
namespace {

std::string GibText(int64_t bytes) {
  return absl::StrFormat("%.1f GiB", static_cast<double>(bytes) / (1 << 30));
}

}  // namespace

void Serving::SetBlobs(const absl::Status& health) {
  absl::MutexLock lock(&mutex_);
  blobs_error_ = std::string(health.message());
  blobs_down_ = !health.ok();
}

std::string Serving::Reason() const {
  switch (state()) {
    case ServingState::kServing:
      return "";
    case ServingState::kDraining:
      return "the coordinator is closing; ask the next one";
    case ServingState::kNoCatalog:
      return "the coordinator's database does not answer; it goes on by itself once it does";
    case ServingState::kDiskLow:
      return absl::StrCat("the coordinator's disk has ", GibText(free_disk_), " left, less than ",
                          GibText(disk_reserve_),
                          " (--disk-reserve); it goes on once there is space: delete datasets or "
                          "models that are not needed, or give it a larger disk");
    case ServingState::kBlobsDown: {
      absl::MutexLock lock(&mutex_);
      return absl::StrCat("it goes on by itself once this is over: ", blobs_error_);
    }
  }
  return "";
}

absl::Status Serving::CheckTakesWork() const {
  switch (state()) {
    case ServingState::kServing:
      return absl::OkStatus();
    case ServingState::kDraining:
    case ServingState::kBlobsDown:
    case ServingState::kNoCatalog:
      return absl::UnavailableError(Reason());
    case ServingState::kDiskLow:
      return absl::ResourceExhaustedError(Reason());
  }
  return absl::OkStatus();
}

}  // namespace alignflow
