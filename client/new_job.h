#ifndef ALIGNFLOW_CLIENT_NEW_JOB_H_
#define ALIGNFLOW_CLIENT_NEW_JOB_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands.h"
#include "client/job_file.h"
#include "client/session.h"

// What the commands have in common that create a job: align, fit and generate.
namespace alignflow {

// --set, --name, --label, --priority, --wait and --timeout.
struct NewJobOptions {
  std::vector<std::string> settings;  // "key=value"
  std::optional<std::string> name;
  std::vector<std::string> labels;  // "name=value"
  std::optional<int> priority;
  bool wait = false;
  double timeout_s = kDefaultTimeoutSeconds;
};
// Adds them, with the settings' help as footer.
void AddNewJobOptions(CLI::App& command, NewJobOptions& options);

// Puts what was given into `request`. `shortcuts`: settings with options of their own and the
// values given there, empty if none was. InvalidArgument for a setting given twice or of another
// form.
absl::Status ReadNewJobOptions(const NewJobOptions& options,
                               const std::vector<std::pair<std::string, std::string>>& shortcuts,
                               JobRequest& request);

// InvalidArgument unless it is a number of pairs that a job can have.
absl::Status CheckPairs(int pairs);

// The request so far: name, labels, priority, preset and settings.
v1::CreateJobRequest CreationOf(const JobRequest& request);

// The dataset that an option names. NotFound says how to see those there are.
absl::StatusOr<v1::Dataset> FindDataset(const std::string& option, const std::string& given,
                                        v1::Datasets::StubInterface& datasets);

// Creates the job, with a request id of its own, so that a lost answer does not leave a second job.
absl::StatusOr<v1::Job> CreateJob(const Stubs& stubs, v1::CreateJobRequest request);

// Follows the job to its end with --wait, and else says what can be done with it meanwhile: rows of
// a command and what it is for, beside the one that watches it.
absl::StatusOr<Result> AfterCreation(Session& session, const Stubs& stubs, const v1::Job& job,
                                     const NewJobOptions& options,
                                     const std::vector<std::vector<std::string>>& next);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_NEW_JOB_H_
