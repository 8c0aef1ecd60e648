#ifndef ALIGNFLOW_SERVER_ACCESS_ACCESS_KEYS_H_
#define ALIGNFLOW_SERVER_ACCESS_ACCESS_KEYS_H_

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/access/roles.h"
#include "server/access/tenant_names.h"

// Access keys: what they look like and what is kept of them. A key is
//
//   alignflow_ID_SECRET
//
// with an id of 12 and a secret of 64 hexadecimal digits from the system's generator (256 bits).
// Who scans for leaked secrets finds it by its beginning, and an operator whose it is by its id.
// Only HMAC-SHA-256(server secret, key) is kept.
namespace alignflow {

struct AccessKey {
  std::string id;
  std::string name;  // what people call it
  Role role = Role::kViewer;
  std::string tenant = kDefaultTenant;  // whose data it opens; a worker's opens what leases need
  std::string digest;                   // 64 hexadecimal digits
  absl::Time create_time = absl::UnixEpoch();
  absl::Time expire_time = absl::InfiniteFuture();
  absl::Time revoke_time = absl::InfiniteFuture();

  // Whether it opens anything at `now`. Once revoked it does not, whatever the clocks of those who
  // revoke it and of the coordinator say.
  bool Holds(absl::Time now) const {
    return now < expire_time && revoke_time == absl::InfiniteFuture();
  }
};

struct NewAccessKey {
  std::string text;  // to be shown once
  AccessKey key;
};
NewAccessKey MakeAccessKey(const std::string& server_secret, std::string name, Role role,
                           absl::Time now, absl::Time expires);

// The id in a key's text; nothing if it hasn't the form of a key.
std::optional<std::string> IdOfKey(std::string_view text);
// Whether the text is the key, in a time that tells nothing of how far it agrees.
bool IsKey(const std::string& server_secret, std::string_view text, const AccessKey& key);

// The secret of a state folder, which is made if it is not there: 64 hexadecimal digits in a file
// of mode 0600. FailedPrecondition, naming the file and the remedy, if it can't be read or written.
absl::StatusOr<std::string> TakeServerSecret(const std::filesystem::path& file);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_ACCESS_ACCESS_KEYS_H_
