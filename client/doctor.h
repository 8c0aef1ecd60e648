#ifndef ALIGNFLOW_CLIENT_DOCTOR_H_
#define ALIGNFLOW_CLIENT_DOCTOR_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "alignflow/v1/fleet.pb.h"
#include "alignflow/v1/jobs.pb.h"
#include "alignflow/v1/server.pb.h"

// What `afctl doctor` makes of a coordinator's answers. Pure.
namespace alignflow {

enum class Health { kWell, kWarning, kProblem };

struct Finding {
  std::string check;  // "server", "versions", ...
  Health health = Health::kWell;
  std::string text;
  std::string remedy = "";  // what to do; empty where all is well
};

Finding CheckServing(const v1::ServerInfo& info);
Finding CheckVersions(const v1::ServerInfo& info);
// `asked` and `answered`: this machine's clock before and after the call.
Finding CheckClock(const v1::ServerInfo& info, absl::Time asked, absl::Time answered);
Finding CheckEncryption(const v1::ServerInfo& info, bool tls, absl::Time now);
Finding CheckCaller(const v1::CallerInfo& caller, absl::Time now);
Finding CheckDisk(const v1::ServerInfo& info);
Finding CheckWorkers(const std::vector<v1::Worker>& workers);
// The jobs that are queued, the oldest first, and whether there are more; and whether any runs.
Finding CheckQueue(const std::vector<v1::Job>& queued, bool more, bool running);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_DOCTOR_H_
