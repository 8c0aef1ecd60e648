#include <CLI/CLI.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "client/commands.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/version.h"

namespace alignflow {
namespace {

// Nothing has to be looked up for the answer.
constexpr absl::Duration kInfoDeadline = absl::Seconds(10);

absl::StatusOr<v1::ServerInfo> AskForInfo(Session& session) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  return Call(*stubs->server, &v1::Server::StubInterface::GetServerInfo, v1::GetServerInfoRequest(),
              kInfoDeadline);
}

// Of this program, and of the coordinator where one is named and answers.
absl::StatusOr<Result> ShowVersion(Session& session) {
  Result result{.document = {{"version", Version()}, {"result_version", kResultVersion}},
                .text = absl::StrCat("afctl ", std::string(Version()), "\n")};
  if (session.server.empty()) return result;
  auto info = AskForInfo(session);
  if (!info.ok()) {
    result.failure = info.status();
    return result;
  }
  result.document["server"] = ToJson(*info);
  absl::StrAppend(
      &result.text, "coordinator ", info->version(), " at ", session.server,
      info->result_version() == kResultVersion ? "" : ", whose results are of another version",
      "\n");
  return result;
}

}  // namespace

void AddVersionCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "version", "print the version of this program, and of the coordinator if one is named");
  command->callback([&chosen] { chosen = ShowVersion; });
}

}  // namespace alignflow
