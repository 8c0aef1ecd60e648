#include "server/access/access.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

absl::Status NoKey() {
  return absl::UnauthenticatedError(
      "this coordinator wants an access key: `afctl login` or AFCTL_KEY for afctl, --key-file for "
      "a "
      "worker; whoever runs the coordinator makes them (`alignflow-coordinator keys create`)");
}

// The same whether a key never was, is wrong, or no longer holds.
absl::Status NotThisKey() {
  return absl::UnauthenticatedError(
      "the access key is not known, has expired or was revoked; ask whoever runs the coordinator "
      "for another");
}

}  // namespace

void Access::SetKeys(const std::vector<AccessKey>& keys) {
  std::map<std::string, AccessKey> by_id;
  for (const AccessKey& key : keys) by_id.emplace(key.id, key);
  absl::MutexLock lock(&mutex_);
  keys_ = std::move(by_id);
}

void Access::AddOwnKey(const AccessKey& key) {
  absl::MutexLock lock(&mutex_);
  own_keys_.emplace(key.id, key);
}

void Access::SetSecrets(ServerSecrets secrets) {
  absl::MutexLock lock(&mutex_);
  secrets_ = std::move(secrets);
}

ServerSecrets Access::secrets() const {
  absl::MutexLock lock(&mutex_);
  return secrets_;
}

bool Access::Opens(std::string_view text, const AccessKey& key) const {
  std::string secret;
  {
    absl::MutexLock lock(&mutex_);
    const std::string* found =
        own_keys_.contains(key.id) ? &own_secret_ : secrets_.Find(key.secret);
    if (found == nullptr) return false;
    secret = *found;
  }
  return IsKey(secret, text, key);
}

bool Access::open() const {
  if (required_) return false;
  absl::MutexLock lock(&mutex_);
  return keys_.empty();
}

bool Access::HasKey(absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  return std::ranges::any_of(keys_, [&](const auto& key) { return key.second.Holds(now); });
}

absl::StatusOr<Caller> Access::CallerOf(const Credentials& credentials, absl::Time now) const {
  std::string_view text = credentials.authorization;
  if (text.empty()) {
    if (credentials.has_certificate) return Caller{.key_id = "", .role = Role::kWorker};
    if (open()) return Caller{};
    return NoKey();
  }
  if (!text.starts_with(kBearer)) return NoKey();
  text.remove_prefix(kBearer.size());
  const std::optional<std::string> id = IdOfKey(text);
  if (!id) return NotThisKey();
  const std::optional<AccessKey> key = Find(*id);
  if (!key || !Opens(text, *key) || !key->Holds(now)) return NotThisKey();
  return Caller{.key_id = key->id, .role = key->role, .tenant = key->tenant};
}

std::optional<AccessKey> Access::Find(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  for (const auto* keys : {&keys_, &own_keys_}) {
    const auto found = keys->find(id);
    if (found != keys->end()) return found->second;
  }
  return std::nullopt;
}

bool Access::Holds(const Admission& admission, absl::Time now) const {
  if (admission.certificate) return true;
  if (admission.key_id.empty()) return open();
  const std::optional<AccessKey> key = Find(admission.key_id);
  return key && key->Holds(now);
}

Caller Access::CallerOf(const Admission& admission) const {
  if (admission.certificate) return Caller{.key_id = "", .role = Role::kWorker};
  if (admission.key_id.empty()) return Caller{};
  const std::optional<AccessKey> key = Find(admission.key_id);
  if (!key) return Caller{.key_id = admission.key_id, .role = Role::kViewer, .tenant = ""};
  return Caller{.key_id = key->id, .role = key->role, .tenant = key->tenant};
}

absl::StatusOr<Caller> Access::Admit(const Credentials& credentials, std::string_view method,
                                     absl::Time now) const {
  if (IsOpenToAll(method)) return Caller{};
  absl::StatusOr<Caller> caller = CallerOf(credentials, now);
  if (!caller.ok()) return caller;
  // Where no key is needed, whoever comes is an admin and a worker.
  if (caller->key_id.empty() && caller->role == Role::kAdmin && open()) return caller;
  if (MayCall(caller->role, method)) return caller;
  return absl::PermissionDeniedError(
      absl::StrCat("a key of the role ", std::string(RoleName(caller->role)),
                   " may not do this; ask whoever runs the coordinator for another"));
}

}  // namespace alignflow
