#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "alignflow/v1/tenants.grpc.pb.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/text_table.h"
#include "client/timestamps.h"
#include "common/counted.h"

namespace alignflow {
namespace {

using TenantsStub = v1::Tenants::StubInterface;

constexpr char kNone[] = "none";
constexpr int64_t kNoLimit = -1;

// What `tenant create` and `tenant set-quota` take: a number, or none.
struct TenantArguments {
  std::string name;
  int64_t weight = 0;
  std::optional<int64_t> stored_bytes, jobs, pairs, worker_seconds, calls;
};

absl::StatusOr<std::unique_ptr<TenantsStub>> ConnectTenants(Session& session) {
  const auto stubs = session.Connect();  // says what is missing
  if (!stubs.ok()) return stubs.status();
  auto channel = session.connector(session.server, session.security);
  if (!channel.ok()) return channel.status();
  return v1::Tenants::NewStub(*channel);
}

v1::TenantLimits LimitsOf(const TenantArguments& arguments) {
  v1::TenantLimits limits;
  if (arguments.stored_bytes) limits.set_stored_bytes(*arguments.stored_bytes);
  if (arguments.jobs) limits.set_jobs(*arguments.jobs);
  if (arguments.pairs) limits.set_pairs_a_day(*arguments.pairs);
  if (arguments.worker_seconds) limits.set_worker_seconds_a_day(*arguments.worker_seconds);
  if (arguments.calls) limits.set_calls_a_second(*arguments.calls);
  return limits;
}

std::string LimitText(bool given, const std::string& limit) { return given ? limit : kNone; }

// What is counted, used and allowed, a row each.
std::vector<std::vector<std::string>> QuotaRows(const v1::TenantLimits& limits,
                                                const v1::TenantUse& use) {
  return {
      {"stored", BytesText(use.stored_bytes()),
       LimitText(limits.has_stored_bytes(), BytesText(limits.stored_bytes()))},
      {"jobs queued or running", absl::StrCat(use.jobs()),
       LimitText(limits.has_jobs(), absl::StrCat(limits.jobs()))},
      {"pairs today", absl::StrCat(use.pairs_today()),
       LimitText(limits.has_pairs_a_day(), absl::StrCat(limits.pairs_a_day()))},
      {"worker-seconds today", absl::StrCat(use.worker_seconds_today()),
       LimitText(limits.has_worker_seconds_a_day(), absl::StrCat(limits.worker_seconds_a_day()))},
      {"calls a second", "",
       LimitText(limits.has_calls_a_second(), absl::StrCat(limits.calls_a_second()))}};
}

Result Shown(const v1::Tenant& tenant) {
  std::vector<std::vector<std::string>> rows = {{"", "USED", "LIMIT"}};
  for (auto& row : QuotaRows(tenant.limits(), tenant.use())) rows.push_back(std::move(row));
  return {.document = ToJson(tenant),
          .text = absl::StrCat(tenant.name(), ", weight ", tenant.weight(), "\n",
                               TableText(rows, {1, 2}))};
}

absl::StatusOr<Result> CreateTenant(Session& session, const TenantArguments& arguments) {
  auto stub = ConnectTenants(session);
  if (!stub.ok()) return stub.status();
  v1::CreateTenantRequest request;
  request.set_tenant_id(arguments.name);
  request.set_weight(arguments.weight);
  *request.mutable_limits() = LimitsOf(arguments);
  auto tenant = Call(**stub, &TenantsStub::CreateTenant, request);
  if (!tenant.ok()) return tenant.status();
  return Shown(*tenant);
}

absl::StatusOr<Result> ListTenants(Session& session) {
  auto stub = ConnectTenants(session);
  if (!stub.ok()) return stub.status();
  auto list = Call(**stub, &TenantsStub::ListTenants, v1::ListTenantsRequest());
  if (!list.ok()) return list.status();
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "WEIGHT", "STORED", "JOBS", "PAIRS TODAY", "WORKER-SECONDS TODAY"}};
  for (const v1::Tenant& tenant : list->tenants()) {
    const auto counts = QuotaRows(tenant.limits(), tenant.use());
    std::vector<std::string> row = {absl::StrCat(absl::StripPrefix(tenant.name(), "tenants/"),
                                                 tenant.deleting() ? " (being deleted)" : ""),
                                    absl::StrCat(tenant.weight())};
    for (size_t i = 0; i + 1 < counts.size(); ++i) {
      const bool limited = counts[i][2] != kNone;
      row.push_back(limited ? absl::StrCat(counts[i][1], " of ", counts[i][2]) : counts[i][1]);
    }
    rows.push_back(std::move(row));
  }
  return Result{.document = ToJson(*list), .text = TableText(rows, {1, 2, 3, 4, 5})};
}

absl::StatusOr<Result> SetQuota(Session& session, const TenantArguments& arguments) {
  auto name = ResourceName("tenants", arguments.name);
  if (!name.ok()) return name.status();
  auto stub = ConnectTenants(session);
  if (!stub.ok()) return stub.status();
  v1::UpdateTenantRequest request;
  request.set_name(*name);
  request.set_weight(arguments.weight);
  *request.mutable_limits() = LimitsOf(arguments);
  auto tenant = Call(**stub, &TenantsStub::UpdateTenant, request);
  if (!tenant.ok()) return tenant.status();
  return Shown(*tenant);
}

absl::StatusOr<Result> DeleteTenant(Session& session, const std::string& tenant, double timeout_s) {
  auto name = ResourceName("tenants", tenant);
  if (!name.ok()) return name.status();
  auto stub = ConnectTenants(session);
  if (!stub.ok()) return stub.status();
  v1::DeleteTenantRequest request;
  request.set_name(*name);
  auto gone = Call(**stub, &TenantsStub::DeleteTenant, request, absl::Seconds(timeout_s));
  if (!gone.ok()) return gone.status();
  return Result{.document = ToJson(*gone),
                .text = absl::StrCat("deleted ", *name, ": ", Counted(gone->jobs(), "job"), ", ",
                                     Counted(gone->datasets(), "dataset"), ", ",
                                     BytesText(gone->stored_bytes()), " stored; ",
                                     Counted(gone->keys(), "key"), " revoked\n")};
}

absl::StatusOr<Result> ShowQuota(Session& session) {
  auto stub = ConnectTenants(session);
  if (!stub.ok()) return stub.status();
  auto quota = Call(**stub, &TenantsStub::GetQuota, v1::GetQuotaRequest());
  if (!quota.ok()) return quota.status();
  std::vector<std::vector<std::string>> rows = {
      {std::string(absl::StripPrefix(quota->tenant(), "tenants/")), "USED", "LIMIT"}};
  for (auto& row : QuotaRows(quota->limits(), quota->use())) rows.push_back(std::move(row));
  return Result{.document = ToJson(*quota),
                .text = absl::StrCat(TableText(rows, {1, 2}), "what is counted by the day begins ",
                                     "anew at ", LocalTimeText(quota->day_end_time()), "\n")};
}

// An option that takes a number of at least `least`, or "none".
void AddLimit(CLI::App& command, const char* name, std::optional<int64_t>& limit, int64_t least,
              const std::string& help, bool bytes = false) {
  CLI::Option* option = command.add_option_function<std::string>(
      name,
      [&limit](const std::string& text) { limit = text == kNone ? kNoLimit : std::stoll(text); },
      help);
  option->type_name(bytes ? "SIZE|none" : "N|none");
  option->transform([bytes, least](const std::string& text) -> std::string {
    if (text == kNone) return text;
    std::string number = text;
    const std::string problem = bytes ? CLI::AsSizeValue(true)(number) : std::string();
    if (!problem.empty()) throw CLI::ValidationError(problem);
    const std::string range = CLI::Range(static_cast<double>(least), 1e18)(number);
    if (!range.empty() || number.find_first_not_of("0123456789") != std::string::npos) {
      throw CLI::ValidationError(
          absl::StrCat(text, ": give a whole number from ", least, " on, or none"));
    }
    return number;
  });
}

void AddArguments(CLI::App& command, TenantArguments& arguments) {
  command.add_option("tenant", arguments.name, "its name")->required();
  command
      .add_option("--weight", arguments.weight,
                  "its share of the workers beside other tenants whose tasks wait")
      ->check(CLI::Range(1, 1000));
  AddLimit(command, "--stored", arguments.stored_bytes, 0, "space of all its files, such as 500GB",
           true);
  AddLimit(command, "--jobs", arguments.jobs, 0, "jobs that are queued or run at a time");
  AddLimit(command, "--pairs-a-day", arguments.pairs, 0, "pairs asked for on a day (UTC)");
  AddLimit(command, "--worker-seconds-a-day", arguments.worker_seconds, 0,
           "time that workers give it on a day (UTC)");
  AddLimit(command, "--calls-a-second", arguments.calls, 1,
           "calls of its users to the coordinator");
}

}  // namespace

void AddTenantCommands(CLI::App& app, Action& chosen) {
  CLI::App* group =
      app.add_subcommand("tenant", "departments that share the coordinator; for admins");
  group->require_subcommand(1);
  group->add_subcommand("list", "list the tenants and what they use")->callback([&chosen] {
    chosen = ListTenants;
  });
  const auto arguments = std::make_shared<TenantArguments>();
  CLI::App* create =
      group->add_subcommand("create", "make a tenant; whoever runs the coordinator makes its keys");
  AddArguments(*create, *arguments);
  create->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return CreateTenant(session, *arguments); };
  });
  CLI::App* quota =
      group->add_subcommand("set-quota", "change a tenant's weight and limits; others stay");
  AddArguments(*quota, *arguments);
  quota->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return SetQuota(session, *arguments); };
  });
  CLI::App* remove = group->add_subcommand(
      "delete", "delete a tenant with its datasets, jobs and models, and revoke its keys");
  remove->add_option("tenant", arguments->name, "as `tenant list` prints it")->required();
  const auto timeout = std::make_shared<double>(kDefaultTimeoutSeconds);
  AddTimeoutOption(*remove, *timeout);
  remove->callback([&chosen, arguments, timeout] {
    chosen = [arguments, timeout](Session& session) {
      return DeleteTenant(session, arguments->name, *timeout);
    };
  });
  CLI::App* own = app.add_subcommand("quota", "what your department uses and may use");
  own->require_subcommand(1);
  own->add_subcommand("show", "show it")->callback([&chosen] { chosen = ShowQuota; });
}

}  // namespace alignflow
