#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/contexts.h"
#include "client/interrupt.h"
#include "client/text_table.h"

namespace alignflow {
namespace {

constexpr size_t kMaxNameBytes = 63;

absl::StatusOr<std::string> AskForKey(Console& console, const std::string& server) {
  std::string key;
  {
    const bool terminal = isatty(STDIN_FILENO) != 0;
    if (terminal)
      console.err << "Access key for " << server << " (it is not shown): " << std::flush;
    const HiddenTyping hidden;
    std::getline(std::cin, key);
    if (terminal) console.err << "\n";
  }
  key = std::string(absl::StripAsciiWhitespace(key));
  if (!key.empty()) return key;
  return absl::InvalidArgumentError(
      "no access key came on stdin; type it when asked, or `afctl login HOST:PORT < FILE`");
}

struct LoginArguments {
  std::string server, name;
};

absl::StatusOr<Result> Login(Session& session, const LoginArguments& wanted) {
  auto contexts = Contexts::Load(Contexts::DefaultFile());
  if (!contexts.ok()) return contexts.status();
  const std::string name = wanted.name.empty() ? wanted.server : wanted.name;
  if (name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(absl::StrCat("--context: at most ", kMaxNameBytes, " bytes"));
  }
  auto key = AskForKey(session.console, wanted.server);
  if (!key.ok()) return key.status();
  Session with_key = session;
  with_key.server = wanted.server;
  with_key.security.access_key = *key;
  if (!with_key.security.ca_file.empty()) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(with_key.security.ca_file, error);
    if (!error) with_key.security.ca_file = absolute.string();
  }
  auto stubs = with_key.Connect();
  if (!stubs.ok()) return stubs.status();
  auto info =
      Call(*stubs->server, &v1::Server::StubInterface::GetServerInfo, v1::GetServerInfoRequest());
  if (!info.ok()) return info.status();
  contexts->Put(
      name,
      {.server = wanted.server, .ca_file = with_key.security.ca_file, .key = *std::move(key)});
  absl::Status status = contexts->Use(name);
  if (status.ok()) status = contexts->Save();
  if (!status.ok()) return status;
  return Result{.document = {{"context", name}, {"server", wanted.server}, {"current", true}},
                .text = absl::StrCat("logged in to ", wanted.server, "; context ", name,
                                     " is now the current one\n")};
}

// A key's id, which is no secret.
std::string KeyText(const std::string& key) {
  if (key.empty()) return "none";
  return key.substr(0, key.rfind('_'));
}

Json ToDocument(const std::string& name, const ServerContext& context, bool current) {
  return {{"context", name},
          {"server", context.server},
          {"certificate_authority", context.ca_file},
          {"key", KeyText(context.key)},
          {"current", current}};
}

absl::StatusOr<Result> ListContexts(Session&) {
  auto contexts = Contexts::Load(Contexts::DefaultFile());
  if (!contexts.ok()) return contexts.status();
  Result result{.document = {{"contexts", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {{"CURRENT", "NAME", "SERVER", "KEY"}};
  for (const auto& [name, context] : contexts->all()) {
    const bool current = name == contexts->current();
    result.document["contexts"].push_back(ToDocument(name, context, current));
    rows.push_back({current ? "*" : "", name, context.server, KeyText(context.key)});
  }
  result.text = TableText(rows, {});
  return result;
}

absl::StatusOr<Result> ShowContext(Session&, const std::string& name) {
  auto contexts = Contexts::Load(Contexts::DefaultFile());
  if (!contexts.ok()) return contexts.status();
  const std::string shown = name.empty() ? contexts->current() : name;
  if (shown.empty()) {
    return absl::NotFoundError("no context is current; `afctl login HOST:PORT` makes one");
  }
  const auto context = contexts->Find(shown);
  if (!context.ok()) return context.status();
  return Result{.document = ToDocument(shown, *context, shown == contexts->current()),
                .text = absl::StrCat(
                    "context  ", shown, "\nserver   ", context->server, "\nCA       ",
                    context->ca_file.empty() ? "those that the system trusts" : context->ca_file,
                    "\nkey      ", KeyText(context->key), "\n")};
}

absl::StatusOr<Result> ChangeContexts(const std::string& name, const char* done,
                                      absl::Status (Contexts::*change)(const std::string&)) {
  auto contexts = Contexts::Load(Contexts::DefaultFile());
  if (!contexts.ok()) return contexts.status();
  absl::Status status = ((*contexts).*change)(name);
  if (status.ok()) status = contexts->Save();
  if (!status.ok()) return status;
  return Result{.document = {{done, name}}, .text = absl::StrCat(done, " ", name, "\n")};
}

}  // namespace

void AddLoginCommands(CLI::App& app, Action& chosen) {
  auto login = std::make_shared<LoginArguments>();
  CLI::App* command = app.add_subcommand(
      "login", "ask for an access key (or read it from stdin), try it, and keep it for later");
  command->add_option("address", login->server, "the coordinator's address")
      ->type_name("HOST:PORT")
      ->required();
  command->add_option("--context", login->name, "name to keep it under; without it, HOST:PORT")
      ->type_name("NAME");
  command->callback(
      [&chosen, login] { chosen = [login](Session& session) { return Login(session, *login); }; });

  CLI::App* group = app.add_subcommand("context", "the coordinators that `login` has kept");
  group->require_subcommand(1);
  group->add_subcommand("list", "list them")->callback([&chosen] { chosen = ListContexts; });
  auto name = std::make_shared<std::string>();
  CLI::App* show = group->add_subcommand("show", "show one, without its key");
  show->add_option("name", *name, "as `context list` prints it; without it, the current one");
  show->callback([&chosen, name] {
    chosen = [name](Session& session) { return ShowContext(session, *name); };
  });
  CLI::App* use = group->add_subcommand("use", "have commands go to this one from now on");
  use->add_option("name", *name, "as `context list` prints it")->required();
  use->callback([&chosen, name] {
    chosen = [name](Session&) { return ChangeContexts(*name, "current", &Contexts::Use); };
  });
  CLI::App* remove = group->add_subcommand("delete", "forget one and its key");
  remove->add_option("name", *name, "as `context list` prints it")->required();
  remove->callback([&chosen, name] {
    chosen = [name](Session&) { return ChangeContexts(*name, "deleted", &Contexts::Remove); };
  });
}

}  // namespace alignflow
