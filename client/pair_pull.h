#ifndef ALIGNFLOW_CLIENT_PAIR_PULL_H_
#define ALIGNFLOW_CLIENT_PAIR_PULL_H_

#include <filesystem>
#include <string>

#include "client/pair_format.h"
#include "client/session.h"

namespace alignflow {

struct PullSummary {
  int pairs = 0;        // in the folder now
  int pulled = 0;       // of them, by this call
  int left_out = 0;     // of the job, by the gates
  int repaired = 0;     // files that had changed since they were pulled
  bool report = false;  // contact-sheet.png and figures.json are there too
};

// Brings a job's pairs into a folder (see PairFolder), each exactly once, waiting for those of a
// running job, through restarts of the coordinator: it may be silent for `timeout`. A second call
// goes on where the first stopped. Once the job's report is there, it is saved as well.
// In another format than kFolder, its index is written once no more pairs will come.
// Aborted if the job fails or is cancelled before its last pair; what was made stays.
absl::StatusOr<PullSummary> PullPairs(Session& session, Stubs& stubs, const std::string& job,
                                      v1::PairForm form, PairFormat format,
                                      const std::filesystem::path& folder, absl::Duration timeout);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PAIR_PULL_H_
