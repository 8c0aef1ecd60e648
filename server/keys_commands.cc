#include "server/keys_commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/command_line.h"
#include "server/access/access_keys.h"
#include "server/access/server_secrets.h"
#include "server/catalog/audit.h"
#include "server/catalog/catalog_file.h"
#include "server/catalog/keys.h"
#include "server/catalog/tenants.h"
#include "server/state_folder.h"
#include "server/state_folder_change.h"

namespace alignflow {
namespace {

std::string DateText(absl::Time time) {
  return time == absl::InfiniteFuture()
             ? "never"
             : absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

// Records what was done to a key with access to the state folder: by whom is not known.
void Audit(WritingSql& sql, const ServerSecrets& secrets, const char* command,
           const std::string& key_id, const std::string& tenant) {
  AppendAuditRecord(sql, secrets.all(),
                    {.sequence = 0,
                     .time = absl::Now(),
                     .tenant = tenant,
                     .key_id = "",
                     .peer = "",
                     .method = command,
                     .resource = key_id.empty() ? "" : absl::StrCat("keys/", key_id),
                     .outcome = "OK",
                     .count = 1,
                     .hash = ""});
}

struct NewKey {
  std::string role, name, tenant = kDefaultTenant;
  double days = 0;  // 0: for ever
};

absl::Status CreateKey(const std::string& state, const NewKey& wanted) {
  const std::optional<Role> role = RoleOfName(wanted.role);
  if (!role) return absl::InvalidArgumentError("--role: give viewer, operator, admin or worker");
  absl::Status status = CheckKeyName(wanted.name, "--name");
  if (!status.ok()) return status;
  NewAccessKey made;
  status = ChangeStateFolder(state, [&](WritingSql& sql) -> absl::Status {
    const absl::StatusOr<ServerSecrets> secrets = ServerSecrets::Take(SecretFileOf(state));
    if (!secrets.ok()) return secrets.status();
    const std::optional<TenantRecord> tenant = FindTenant(sql, wanted.tenant);
    if (!tenant || tenant->deleting) return NoTenant(wanted.tenant);
    const absl::Time now = absl::Now();
    made = MakeAccessKey(
        secrets->current(), wanted.name, *role, now,
        wanted.days > 0 ? now + absl::Hours(24) * wanted.days : absl::InfiniteFuture());
    made.key.tenant = wanted.tenant;
    InsertKey(sql, made.key);
    Audit(sql, *secrets, "keys create", made.key.id, made.key.tenant);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  std::printf("%s\n", made.text.c_str());
  std::fprintf(stderr,
               "key %s: %s, expires %s. It is shown this once; whoever has it has its rights.\n",
               made.key.id.c_str(), wanted.role.c_str(), DateText(made.key.expire_time).c_str());
  return absl::OkStatus();
}

// Which secret keys are under, for the list.
std::string CurrentSecret(const std::string& state) {
  const absl::StatusOr<ServerSecrets> secrets = ServerSecrets::Take(SecretFileOf(state));
  // A key of before there were several says none.
  if (!secrets.ok()) return "";
  return secrets->old() == 0 ? "" : IdOfSecret(secrets->current());
}

absl::Status PrintKeys(const std::string& state) {
  std::vector<AccessKey> keys;
  absl::Status status = ChangeStateFolder(state, [&](WritingSql& sql) {
    keys = ListKeys(sql);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  const std::string current = CurrentSecret(state);
  std::printf("%-14s %-9s %-12s %-22s %-22s %-10s %-8s %s\n", "ID", "ROLE", "TENANT", "CREATED",
              "EXPIRES", "STATE", "SECRET", "NAME");
  for (const AccessKey& key : keys) {
    const char* condition = key.revoke_time <= absl::Now()   ? "revoked"
                            : key.expire_time <= absl::Now() ? "expired"
                                                             : "holds";
    const bool old = !current.empty() && key.secret != current;
    std::printf("%-14s %-9s %-12s %-22s %-22s %-10s %-8s %s\n", key.id.c_str(),
                std::string(RoleName(key.role)).c_str(), key.tenant.c_str(),
                DateText(key.create_time).c_str(), DateText(key.expire_time).c_str(), condition,
                old ? "old" : "current", key.name.c_str());
  }
  return absl::OkStatus();
}

absl::Status Revoke(const std::string& state, const std::string& id) {
  bool revoked = false;
  absl::Status status = ChangeStateFolder(state, [&](WritingSql& sql) -> absl::Status {
    const absl::StatusOr<ServerSecrets> secrets = ServerSecrets::Take(SecretFileOf(state));
    if (!secrets.ok()) return secrets.status();
    revoked = RevokeKey(sql, id, absl::Now());
    for (const AccessKey& key : ListKeys(sql)) {
      if (revoked && key.id == id) Audit(sql, *secrets, "keys revoke", key.id, key.tenant);
    }
    return absl::OkStatus();
  });
  if (!status.ok() || revoked) return status;
  return absl::NotFoundError(absl::StrCat(
      "there is no key ", id, " that holds; `alignflow-coordinator keys list` shows them"));
}

// A new secret for the keys that are made from now on. What is kept of a key can't be computed anew
// without the key, so the old secret stays, for the keys that were made under it, until it is
// dropped.
absl::Status RotateSecret(const std::string& state) {
  size_t old = 0;
  absl::Status status = ChangeStateFolder(state, [&](WritingSql& sql) -> absl::Status {
    absl::StatusOr<ServerSecrets> secrets = ServerSecrets::Take(SecretFileOf(state));
    if (!secrets.ok()) return secrets.status();
    NameSecretOfKeys(sql, secrets->oldest_id());
    // Sealed with the secret that a coordinator at work still knows as the current one.
    Audit(sql, *secrets, "keys rotate-secret", "", kDefaultTenant);
    absl::Status rotated = secrets->Rotate();
    if (rotated.ok()) rotated = secrets->Save(SecretFileOf(state));
    old = secrets->old();
    return rotated;
  });
  if (!status.ok()) return status;
  std::printf(
      "new keys are made under a new secret; %zu old still open what was made under them. Make "
      "those keys anew (`keys list` shows which), then `keys rotate-secret --drop-old`.\n",
      old);
  return absl::OkStatus();
}

absl::Status DropOldSecrets(const std::string& state) {
  std::optional<ServerSecrets> kept;
  std::vector<AccessKey> revoked;
  absl::Status status = ChangeStateFolder(state, [&](WritingSql& sql) -> absl::Status {
    absl::StatusOr<ServerSecrets> secrets = ServerSecrets::Take(SecretFileOf(state));
    if (!secrets.ok()) return secrets.status();
    if (secrets->old() == 0) {
      return absl::FailedPreconditionError(
          "there is no old secret to drop; `keys rotate-secret` makes a new one first");
    }
    NameSecretOfKeys(sql, secrets->oldest_id());
    revoked = RevokeKeysNotUnder(sql, IdOfSecret(secrets->current()), absl::Now());
    for (const AccessKey& key : revoked) {
      Audit(sql, *secrets, "keys rotate-secret --drop-old", key.id, key.tenant);
    }
    if (revoked.empty()) {
      Audit(sql, *secrets, "keys rotate-secret --drop-old", "", kDefaultTenant);
    }
    secrets->DropOld();
    kept = *std::move(secrets);
    return absl::OkStatus();
  });
  // Only once the keys are revoked: until then the old secrets tell what they are under.
  if (status.ok()) status = kept->Save(SecretFileOf(state));
  if (!status.ok()) return status;
  for (const AccessKey& key : revoked) {
    std::printf("revoked: %s %s\n", key.id.c_str(), key.name.c_str());
  }
  std::printf("the old secrets are gone, and %zu keys that were under them are revoked\n",
              revoked.size());
  return absl::OkStatus();
}

}  // namespace

int RunKeysCommand(int argc, char** argv) {
  CLI::App app(
      "Access keys of a coordinator, which may be at work: it follows within seconds. The first "
      "key closes it to all calls without one.",
      "alignflow-coordinator keys");
  app.require_subcommand(1);
  std::string state, id;
  NewKey wanted;
  const auto add = [&](const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_option("--state-dir", state, "The state folder")->type_name("FOLDER")->required();
    return command;
  };
  CLI::App* create = add("create", "Makes a key, and prints it once on stdout");
  create->add_option("--role", wanted.role, "viewer, operator, admin or worker")
      ->type_name("ROLE")
      ->required();
  create->add_option("--name", wanted.name, "Whose it is, for `keys list`")
      ->type_name("TEXT")
      ->required();
  create->add_option("--tenant", wanted.tenant, "Whose data it opens; `tenants create` makes one")
      ->type_name("NAME")
      ->capture_default_str();
  create
      ->add_option("--expires", wanted.days, "Days that it holds; without it, until it is revoked")
      ->type_name("DAYS")
      ->check(CLI::Range(1e-4, 1e5));
  CLI::App* list = add("list", "Shows the keys, but not what they are");
  CLI::App* revoke = add("revoke", "Has a key open nothing any more, also for calls that last");
  revoke->add_option("id", id, "As `keys list` shows it")->required();
  CLI::App* rotate = add("rotate-secret",
                         "Has new keys made under a new server secret; keys under the old one hold "
                         "until it is dropped");
  bool drop_old = false;
  rotate->add_flag("--drop-old", drop_old,
                   "Instead, drop the old secrets, and revoke the keys that are still under them");
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  if (rotate->parsed())
    return FinishCommand("alignflow-coordinator",
                         drop_old ? DropOldSecrets(state) : RotateSecret(state));
  if (list->parsed()) return FinishCommand("alignflow-coordinator", PrintKeys(state));
  return FinishCommand("alignflow-coordinator",
                       revoke->parsed() ? Revoke(state, id) : CreateKey(state, wanted));
}

}  // namespace alignflow
