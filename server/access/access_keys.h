#ifndef ALIGNFLOW_SERVER_ACCESS_ACCESS_KEYS_H_
#define ALIGNFLOW_SERVER_ACCESS_ACCESS_KEYS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
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
  std::string secret = "";  // the id of the server secret that it was made under (server_secrets.h)
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

// InvalidArgument, naming the field, for a name of more than 100 bytes or with control characters.
inline constexpr size_t kMaxKeyNameBytes = 100;
absl::Status CheckKeyName(const std::string& name, const std::string& field);

// Digits of the system's generator.
std::string RandomHex(size_t bytes);

// The id in a key's text; nothing if it hasn't the form of a key.
std::optional<std::string> IdOfKey(std::string_view text);
// Whether the text is the key, in a time that tells nothing of how far it agrees.
bool IsKey(const std::string& server_secret, std::string_view text, const AccessKey& key);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_ACCESS_ACCESS_KEYS_H_
