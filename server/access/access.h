#ifndef ALIGNFLOW_SERVER_ACCESS_ACCESS_H_
#define ALIGNFLOW_SERVER_ACCESS_ACCESS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/access/access_keys.h"
#include "server/access/call_rates.h"
#include "server/access/roles.h"
#include "server/access/server_secrets.h"

namespace alignflow {

// What stands before a key in the metadata "authorization".
inline constexpr std::string_view kBearer = "Bearer ";

// Who a call is from.
struct Caller {
  std::string key_id;  // empty: no key was needed, or a certificate was enough
  Role role = Role::kAdmin;
  std::string tenant = kDefaultTenant;

  // Whether the call needed no key: the coordinator is open, and whoever comes is an admin and a
  // worker.
  bool open() const { return key_id.empty() && role == Role::kAdmin; }
  // Whether it reads and writes what leases need, whatever tenant that is of.
  bool of_pool() const { return role == Role::kWorker || open(); }
};

// What a call that lasts was admitted by.
struct Admission {
  std::string key_id;        // empty: by no key
  bool certificate = false;  // by one that the client CA has signed
};

// What a call shows of who it is from.
struct Credentials {
  std::string_view authorization;  // the metadata "authorization": "Bearer KEY"
  bool has_certificate = false;    // one that the client CA has signed
};

// Decides who may call what. Until there is a key, or one is required, everybody may do everything:
// such a coordinator listens on loopback alone. Thread-safe; no call waits for anything.
class Access {
 public:
  // required: no call goes without a key, even if there is none.
  Access(ServerSecrets secrets, bool required)
      : own_secret_(secrets.current()), required_(required), secrets_(std::move(secrets)) {}

  // The keys as the catalog has them now.
  void SetKeys(const std::vector<AccessKey>& keys);
  // The server's secrets as they are now.
  void SetSecrets(ServerSecrets secrets);
  ServerSecrets secrets() const;
  // A further one, under the secret that was current at the start, that lives as long as the
  // process: for workers that it starts itself.
  void AddOwnKey(const AccessKey& key);

  // Whether a call goes without a key.
  bool open() const;
  // Whether any key that is not this process's own opens something at `now`.
  bool HasKey(absl::Time now) const;

  // The caller. Unauthenticated without a key that holds, PermissionDenied if its role may not call
  // the method; what each says helps a person and tells a stranger nothing.
  absl::StatusOr<Caller> Admit(const Credentials& credentials, std::string_view method,
                               absl::Time now) const;

  // How many calls tenants may begin in a second.
  CallRates& rates() { return rates_; }

  // Whether what a call was admitted by still opens something: its key may have expired or been
  // revoked since, or be the first where none was needed.
  bool Holds(const Admission& admission, absl::Time now) const;

  // What is kept of a key; nothing if there is none of this id.
  std::optional<AccessKey> Find(const std::string& id) const;

  // Who a call is from that has been admitted. A key that has gone since is a viewer's of no
  // tenant.
  Caller CallerOf(const Admission& admission) const;

 private:
  absl::StatusOr<Caller> CallerOf(const Credentials& credentials, absl::Time now) const;

  // Whether the text is the key.
  bool Opens(std::string_view text, const AccessKey& key) const;

  const std::string own_secret_;
  const bool required_;
  CallRates rates_;
  mutable absl::Mutex mutex_;
  ServerSecrets secrets_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, AccessKey> keys_ ABSL_GUARDED_BY(mutex_);  // by id
  std::map<std::string, AccessKey> own_keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_ACCESS_ACCESS_H_
