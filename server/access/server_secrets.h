#ifndef ALIGNFLOW_SERVER_ACCESS_SERVER_SECRETS_H_
#define ALIGNFLOW_SERVER_ACCESS_SERVER_SECRETS_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// HMAC-SHA-256 as 64 hexadecimal digits.
std::string HmacSha256(const std::string& secret, std::string_view text);
// In a time that tells nothing of how far they agree.
bool EqualInConstantTime(const std::string& a, const std::string& b);

// A secret's name: it tells nothing of the secret.
std::string IdOfSecret(const std::string& secret);

// The secrets of a state folder, which what is kept of access keys depends on: a file of mode 0600
// with a line of 64 hexadecimal digits each, the one that new keys are made under first. The others
// are those that it has replaced: keys made under them hold until they are dropped.
class ServerSecrets {
 public:
  // Of one alone.
  ServerSecrets(std::string current)  // NOLINT(google-explicit-constructor)
      : secrets_{std::move(current)} {}

  // Those in the file, which is made if it is not there. FailedPrecondition, naming the file and
  // the remedy, if it can't be read or written.
  static absl::StatusOr<ServerSecrets> Take(const std::filesystem::path& file);
  // Puts the whole file in the place of the one before.
  absl::Status Save(const std::filesystem::path& file) const;

  const std::string& current() const { return secrets_.front(); }
  const std::vector<std::string>& all() const { return secrets_; }
  // The secret that a key was made under; null if it was dropped. Keys from before there were
  // several have no id: theirs is the oldest.
  const std::string* Find(const std::string& id) const;
  size_t old() const { return secrets_.size() - 1; }
  std::string oldest_id() const { return IdOfSecret(secrets_.back()); }

  // A new current one. FailedPrecondition if there are too many old ones.
  absl::Status Rotate();
  void DropOld() { secrets_.erase(secrets_.begin() + 1, secrets_.end()); }

 private:
  std::vector<std::string> secrets_;  // never empty; the newest first
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_ACCESS_SERVER_SECRETS_H_
