#include "server/tenants_commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/command_line.h"
#include "common/resource_name.h"
#include "server/catalog/tenants.h"
#include "server/state_folder_change.h"

namespace alignflow {
namespace {

absl::Status CreateTenant(const std::string& state, const TenantRecord& wanted) {
  if (!IsResourceId(wanted.name)) {
    return absl::InvalidArgumentError(
        "NAME: give 1 to 63 lower-case letters, digits, '-' and '_', beginning with a letter or "
        "digit");
  }
  TenantRecord tenant = wanted;
  tenant.create_time = absl::Now();
  return ChangeStateFolder(state, [&](WritingSql& sql) {
    if (InsertTenant(sql, tenant)) return absl::OkStatus();
    return absl::AlreadyExistsError(absl::StrCat("there is a tenant '", tenant.name, "' already"));
  });
}

absl::Status PrintTenants(const std::string& state) {
  std::vector<TenantRecord> tenants;
  absl::Status status = ChangeStateFolder(state, [&](WritingSql& sql) {
    tenants = ListTenants(sql);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  std::printf("%-20s %s\n", "TENANT", "WEIGHT");
  for (const TenantRecord& tenant : tenants) {
    std::printf("%-20s %lld\n", tenant.name.c_str(), static_cast<long long>(tenant.weight));
  }
  return absl::OkStatus();
}

}  // namespace

int RunTenantsCommand(int argc, char** argv) {
  CLI::App app(
      "Tenants of a coordinator, which may be at work: departments that do not see each other's "
      "data.",
      "alignflow-coordinator tenants");
  app.require_subcommand(1);
  std::string state;
  TenantRecord wanted;
  const auto add = [&](const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_option("--state-dir", state, "The state folder")->type_name("FOLDER")->required();
    return command;
  };
  CLI::App* create = add("create", "Makes a tenant; `keys create --tenant NAME` makes its keys");
  create->add_option("name", wanted.name, "What it is called from now on")
      ->type_name("NAME")
      ->required();
  create
      ->add_option("--weight", wanted.weight,
                   "Its share of the workers beside other tenants whose tasks wait")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, kMaxTenantWeight))
      ->capture_default_str();
  add("list", "Shows the tenants");
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  return FinishCommand("alignflow-coordinator",
                       create->parsed() ? CreateTenant(state, wanted) : PrintTenants(state));
}

}  // namespace alignflow
