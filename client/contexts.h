#ifndef ALIGNFLOW_CLIENT_CONTEXTS_H_
#define ALIGNFLOW_CLIENT_CONTEXTS_H_

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// A coordinator as a user knows it.
struct ServerContext {
  std::string server;   // HOST:PORT
  std::string ca_file;  // who signs its certificate; empty: whom the system trusts
  std::string key;      // the access key; empty: none
};

// The coordinators that a user has logged in to: a YAML file shaped like a kubeconfig, with
// clusters, users and contexts, of which one is current. The file holds keys: it is written whole,
// with mode 0600.
class Contexts {
 public:
  // AFCTL_CONFIG, or else afctl/config in XDG_CONFIG_HOME or ~/.config; empty if none of these is
  // set.
  static std::filesystem::path DefaultFile();
  // None if the file is not there. InvalidArgument, naming file and line, for one that is no such
  // file; FailedPrecondition for one that others may read or that can't be read.
  static absl::StatusOr<Contexts> Load(const std::filesystem::path& file);
  // Makes the folder where it is missing.
  absl::Status Save() const;

  const std::map<std::string, ServerContext>& all() const { return contexts_; }
  const std::string& current() const { return current_; }
  // NotFound, with those there are.
  absl::StatusOr<ServerContext> Find(const std::string& name) const;
  // Adds or replaces.
  void Put(const std::string& name, ServerContext context) { contexts_[name] = std::move(context); }
  absl::Status Use(const std::string& name);
  absl::Status Remove(const std::string& name);

 private:
  explicit Contexts(std::filesystem::path file) : file_(std::move(file)) {}

  std::filesystem::path file_;
  std::map<std::string, ServerContext> contexts_;
  std::string current_;  // empty: none
};

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_CONTEXTS_H_
