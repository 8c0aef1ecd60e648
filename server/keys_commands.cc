#include "server/keys_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
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
#include "server/catalog/catalog_file.h"
#include "server/catalog/keys.h"
#include "server/catalog/tenants.h"
#include "server/state_folder.h"
#include "server/state_folder_change.h"

namespace alignflow {
namespace {

constexpr size_t kMaxNameBytes = 100;

std::string DateText(absl::Time time) {
  return time == absl::InfiniteFuture()
             ? "never"
             : absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

int Finish(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "alignflow-coordinator: %s\n", std::string(status.message()).c_str());
  return kExitInput;
}

struct NewKey {
  std::string role, name, tenant = kDefaultTenant;
  double days = 0;  // 0: for ever
};

absl::Status Create(const std::string& state, const NewKey& wanted) {
  const std::optional<Role> role = RoleOfName(wanted.role);
  if (!role) return absl::InvalidArgumentError("--role: give viewer, operator, admin or worker");
  if (wanted.name.size() > kMaxNameBytes ||
      std::ranges::any_of(wanted.name, [](unsigned char c) { return c < 32 || c == 127; })) {
    return absl::InvalidArgumentError(
        absl::StrCat("--name: at most ", kMaxNameBytes, " bytes and no control characters"));
  }
  absl::StatusOr<std::string> secret = std::string();
  NewAccessKey made;
  absl::Status status = ChangeStateFolder(state, [&](WritingSql& sql) -> absl::Status {
    secret = TakeServerSecret(SecretFileOf(state));
    if (!secret.ok()) return secret.status();
    if (!FindTenant(sql, wanted.tenant)) return NoTenant(wanted.tenant);
    const absl::Time now = absl::Now();
    made = MakeAccessKey(
        *secret, wanted.name, *role, now,
        wanted.days > 0 ? now + absl::Hours(24) * wanted.days : absl::InfiniteFuture());
    made.key.tenant = wanted.tenant;
    InsertKey(sql, made.key);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  std::printf("%s\n", made.text.c_str());
  std::fprintf(stderr,
               "key %s: %s, expires %s. It is shown this once; whoever has it has its rights.\n",
               made.key.id.c_str(), wanted.role.c_str(), DateText(made.key.expire_time).c_str());
  return absl::OkStatus();
}

absl::Status List(const std::string& state) {
  std::vector<AccessKey> keys;
  absl::Status status = ChangeStateFolder(state, [&](WritingSql& sql) {
    keys = ListKeys(sql);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  std::printf("%-14s %-9s %-12s %-22s %-22s %-10s %s\n", "ID", "ROLE", "TENANT", "CREATED",
              "EXPIRES", "STATE", "NAME");
  for (const AccessKey& key : keys) {
    const char* condition = key.revoke_time <= absl::Now()   ? "revoked"
                            : key.expire_time <= absl::Now() ? "expired"
                                                             : "holds";
    std::printf("%-14s %-9s %-12s %-22s %-22s %-10s %s\n", key.id.c_str(),
                std::string(RoleName(key.role)).c_str(), key.tenant.c_str(),
                DateText(key.create_time).c_str(), DateText(key.expire_time).c_str(), condition,
                key.name.c_str());
  }
  return absl::OkStatus();
}

absl::Status Revoke(const std::string& state, const std::string& id) {
  bool revoked = false;
  absl::Status status = ChangeStateFolder(state, [&](WritingSql& sql) {
    revoked = RevokeKey(sql, id, absl::Now());
    return absl::OkStatus();
  });
  if (!status.ok() || revoked) return status;
  return absl::NotFoundError(absl::StrCat(
      "there is no key ", id, " that holds; `alignflow-coordinator keys list` shows them"));
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
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  if (list->parsed()) return Finish(List(state));
  return Finish(revoke->parsed() ? Revoke(state, id) : Create(state, wanted));
}

}  // namespace alignflow
