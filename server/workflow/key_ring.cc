#include "server/workflow/key_ring.h"

#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/audit/audited_call.h"
#include "server/catalog/keys.h"
#include "server/catalog/tenants.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

absl::Status NoSuchKey(const std::string& id) {
  return absl::NotFoundError(
      absl::StrCat("there is no keys/", id, "; ListKeys names those there are"));
}

}  // namespace

absl::Status KeyRing::Follow() {
  absl::MutexLock lock(&mutex_);
  int64_t change = 0;
  std::vector<AccessKey> keys;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    change = LastKeyChange(sql);
    if (change != last_change_) keys = ListKeys(sql);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  // After the keys: those made under a new secret come after it.
  std::error_code error;
  const auto time = std::filesystem::last_write_time(secret_file_, error);
  if (!error && time != secret_time_) {
    const absl::StatusOr<ServerSecrets> secrets = ServerSecrets::Take(secret_file_);
    if (!secrets.ok()) return secrets.status();
    access_.SetSecrets(*secrets);
    secret_time_ = time;
  }
  if (change == last_change_) return absl::OkStatus();
  access_.SetKeys(keys);
  if (std::exchange(last_change_, change) >= 0) spdlog::info("access keys have changed");
  return absl::OkStatus();
}

absl::StatusOr<NewAccessKey> KeyRing::Create(const NewKey& wanted, absl::Time now) {
  if (access_.open() && wanted.role != Role::kAdmin) {
    return absl::FailedPreconditionError(
        "the first key closes the coordinator to calls without one: make an admin's first");
  }
  NewAccessKey made =
      MakeAccessKey(access_.secrets().current(), wanted.name, wanted.role, now, wanted.expires);
  made.key.tenant = wanted.tenant;
  absl::Status status = catalog_.Transact([&](WritingSql& sql) -> absl::Status {
    const std::optional<TenantRecord> tenant = FindTenant(sql, wanted.tenant);
    if (!tenant || tenant->deleting) return NoTenant(wanted.tenant);
    InsertKey(sql, made.key);
    NameAuditedResource(absl::StrCat("keys/", made.key.id));
    return absl::OkStatus();
  });
  if (status.ok()) status = Follow();
  if (!status.ok()) return status;
  return made;
}

absl::StatusOr<AccessKey> KeyRing::Revoke(const std::string& id, absl::Time now) {
  std::optional<AccessKey> revoked;
  absl::Status status = catalog_.Transact([&](WritingSql& sql) -> absl::Status {
    RevokeKey(sql, id, now);
    for (AccessKey& key : ListKeys(sql)) {
      if (key.id == id) revoked = std::move(key);
    }
    return revoked ? absl::OkStatus() : NoSuchKey(id);
  });
  if (status.ok()) status = Follow();
  if (!status.ok()) return status;
  return *std::move(revoked);
}

}  // namespace alignflow
