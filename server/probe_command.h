#ifndef ALIGNFLOW_SERVER_PROBE_COMMAND_H_
#define ALIGNFLOW_SERVER_PROBE_COMMAND_H_

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// What a coordinator that listens leaves in its state folder, for probes: its address and, with
// TLS, the file of its certificate.
struct ListeningNote {
  std::string address;      // HOST:PORT
  std::string certificate;  // empty without TLS
};
absl::Status WriteListeningNote(const std::filesystem::path& file, const ListeningNote& note);
// FailedPrecondition if there is none.
absl::StatusOr<ListeningNote> ReadListeningNote(const std::filesystem::path& file);

// Runs `alignflow-coordinator --probe ...`: asks the coordinator of a state folder for its health
// at the address that it listens on. Returns the exit code: 0 if all is well.
int RunProbeCommand(int argc, char** argv);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_PROBE_COMMAND_H_
