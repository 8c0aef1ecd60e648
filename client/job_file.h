#ifndef ALIGNFLOW_CLIENT_JOB_FILE_H_
#define ALIGNFLOW_CLIENT_JOB_FILE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace alignflow {

// What a user asks of `align`, from the command line or from a job file.
struct JobRequest {
  std::optional<std::string> source;      // dataset
  std::optional<std::string> references;  // folder
  std::optional<std::string> target;      // dataset
  std::optional<int> pairs;
  std::optional<std::string> preset;
  std::map<std::string, std::string> settings;  // by dotted name
  std::optional<std::string> name = {};         // what people call the job
  std::map<std::string, std::string> labels = {};
  std::optional<int> priority = {};
};

// A priority is from -kMaxJobPriority to kMaxJobPriority.
inline constexpr int kMaxJobPriority = 100;

// Reads a job file:
//   source: kvasir
//   references: ./references        # relative to the file
//   target: clinic-held-out         # optional
//   pairs: 700
//   preset: unet-64                 # optional
//   settings:                       # optional
//     align.iterations: 300
//   name: clinic B, first try       # optional
//   labels:                         # optional
//     study: colon-2026
//   priority: 10                    # optional
// InvalidArgument names the line, an unknown key with the nearest valid one, and the remedy;
// NotFound if there is no such file.
absl::StatusOr<JobRequest> ReadJobFile(const std::string& path);

// `flags` where it says something, otherwise `file`; settings and labels are merged key by key.
JobRequest Merge(const JobRequest& file, const JobRequest& flags);

// Adds "key=value" to `settings`. InvalidArgument if it has another form or the key is there
// already.
absl::Status AddSetting(const std::string& text, std::map<std::string, std::string>& settings);

// Labels of a job from "name=value" each. InvalidArgument for another form or a name given twice.
absl::StatusOr<std::map<std::string, std::string>> ParseJobLabels(
    const std::vector<std::string>& texts);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_JOB_FILE_H_
