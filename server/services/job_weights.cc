#include "server/services/job_weights.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/digest.h"
#include "common/status_conversion.h"
#include "server/workflow/result_forms.h"

namespace alignflow {

absl::Status CheckWeightsName(const std::string& model) {
  absl::string_view digest = model;
  if (model.empty() ||
      (absl::ConsumePrefix(&digest, kWeightsCollection) && IsSha256Hex(std::string(digest)))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("spec.model: '", model,
                   "' is no file of weights, which alone a job that fits a model takes; give "
                   "blobs/SHA256, or leave it out to train one"));
}

absl::Status TakeWeights(ServiceContext& context, const v1::AlignSpec& spec, const OwnsBlob& owns,
                         JobRecord& job) {
  if (spec.model().empty()) return absl::OkStatus();
  const std::string blob = spec.model().substr(std::string_view(kWeightsCollection).size());
  const absl::StatusOr<bool> own = owns(blob);
  if (!own.ok()) return own.status();
  if (!*own || !context.blobs.Contains(blob)) {
    return absl::FailedPreconditionError(
        absl::StrCat("spec.model: blob ", blob, " has not been written; write it, then try again"));
  }
  job.references_digest = blob;
  return Annotate(CheckWeights(blob, context.blobs), "spec.model");
}

}  // namespace alignflow
