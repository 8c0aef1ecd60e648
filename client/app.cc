#include "client/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>

#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "client/server_words.h"

namespace alignflow {
namespace {

void PrintError(Console& console, bool json, std::string_view code, std::string_view message) {
  console.err << "afctl: " << code << ": " << message << "\n";
  if (json) {
    const Json document = {{"error", {{"code", code}, {"message", message}}}};
    console.out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  }
}

// What the user can do about it, where the message of the library can't know.
std::string Explain(const absl::Status& status, const std::string& server) {
  if (status.code() == absl::StatusCode::kUnavailable && !server.empty()) {
    return absl::StrCat("no answer from the coordinator at ", server, ": ", status.message(),
                        " (is it running, and is the address right?)");
  }
  if (status.code() == absl::StatusCode::kDeadlineExceeded && !server.empty()) {
    return absl::StrCat("the coordinator at ", server, " took too long: ", status.message());
  }
  return InUsersWords(status);
}

int Finish(const absl::StatusOr<Result>& result, Console& console, bool json,
           const std::string& server) {
  if (!result.ok()) {
    PrintError(console, json, absl::StatusCodeToString(result.status().code()),
               Explain(result.status(), server));
    return kExitFailure;
  }
  if (json) {
    console.out << result->document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    console.out << result->text;
  }
  console.out.flush();
  return console.out.good() ? 0 : kExitFailure;
}

}  // namespace

int RunAfctl(const std::vector<std::string>& arguments, Console& console, Connector connector) {
  CLI::App app(
      "Image-mask pairs in the style of your own scanner, from a source dataset and a few "
      "reference images.",
      "afctl");
  bool json = false;
  std::string server;
  app.add_flag("--json", json, "print the result as one JSON document on stdout");
  app.add_option("--server", server, "the coordinator's address")
      ->type_name("HOST:PORT")
      ->envname("AFCTL_SERVER");
  app.require_subcommand(1);
  // --json and --server may stand anywhere.
  app.fallthrough();

  Action chosen;
  AddPhantomCommand(app, chosen);
  AddDatasetCommands(app, chosen);
  AddAlignCommand(app, chosen);
  AddJobCommands(app, chosen);
  AddPairsCommands(app, chosen);
  AddReportCommand(app, chosen);
  AddModelCommands(app, chosen);
  AddVersionCommand(app, chosen);

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help, console.out, console.err);
  } catch (const CLI::ParseError& error) {
    // Parsing may have stopped before it came to the flag.
    json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    PrintError(console, json, "USAGE", error.what());
    console.err << "Run with --help for the commands and options.\n";
    return kExitUsage;
  }

  Session session{.console = console, .connector = std::move(connector), .server = server};
  try {
    return Finish(chosen(session), console, json, server);
  } catch (const std::exception& error) {
    // Of the standard library: no memory, a file system that fails.
    return Finish(absl::InternalError(error.what()), console, json, server);
  }
}

}  // namespace alignflow
