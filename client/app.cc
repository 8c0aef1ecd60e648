#include "client/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <exception>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "client/contexts.h"
#include "client/interrupt.h"
#include "client/output_file.h"
#include "client/server_words.h"
#include "common/command_line.h"

namespace alignflow {
namespace {

constexpr std::string_view kUsageCode = "USAGE";
constexpr char kExitCodes[] =
    "Exit codes: 0 done; 1 the command line, a file or a name is wrong; 2 the job failed or was\n"
    "cancelled; 3 the coordinator does not answer; 4 output can't be written, data are damaged, "
    "or\n"
    "a bug; 128 + n ended by signal n (130: Ctrl-C).";

int ExitCodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return kExitJob;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitNoAnswer;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnknown:
      return kExitFault;
    default:
      return kExitFailure;
  }
}

// On stderr alone: for what stdout can't take.
void PrintLine(Console& console, const absl::Status& status) {
  console.err << "afctl: " << Printable(std::string(status.message())) << std::endl;
}

Json ErrorJson(std::string_view code, std::string_view message) {
  return {{"code", code}, {"message", message}};
}

void PrintError(Console& console, bool json, std::string_view code, std::string_view message) {
  // What is wrong with a command line begins with the command.
  console.err << (code == kUsageCode ? "" : "afctl: ") << message << std::endl;
  if (!json) return;
  const Json document = {{"error", ErrorJson(code, message)}};
  console.out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  absl::Status printed = FlushStandardOutput(console.out);
  if (!printed.ok()) PrintLine(console, printed);
}

// Whether what went to stdout arrived, as exit code.
int Printed(Console& console) {
  absl::Status printed = FlushStandardOutput(console.out);
  if (printed.ok()) return 0;
  PrintLine(console, printed);
  return kExitFault;
}

// What the user can do about it, where the message of the library can't know.
std::string Explain(const absl::Status& status, const std::string& server) {
  const std::string message = InUsersWords(status);
  const auto says = [&](const char* words) { return absl::StrContains(message, words); };
  if (says("certificate verify failed")) {
    return absl::StrCat("the certificate of ", server,
                        " has run out, or is signed by nobody who is trusted here; give --ca FILE "
                        "with who has signed it");
  }
  if (says("SSL server name") || says("eer name") || says("ostname")) {
    return absl::StrCat("the certificate of ", server,
                        " is for another name; use the name that it is for");
  }
  if (says("wrong version number")) {
    return absl::StrCat(server,
                        " does not speak TLS; leave --ca out, or give the address that does");
  }
  if (says("Socket closed") && says("onnect")) {
    return absl::StrCat(server,
                        " ends every connection at once; if it speaks TLS, give --ca FILE with who "
                        "has signed its certificate");
  }
  if (absl::IsUnavailable(status) && !server.empty()) {
    // gRPC's own words about sockets tell a user nothing; what the coordinator says does.
    const bool nobody = says("onnect") || says("ocket") || says("GOAWAY") || says("ransport");
    if (!nobody) return absl::StrCat("the coordinator at ", server, ": ", message);
    return absl::StrCat("no answer from the coordinator at ", server,
                        ": is it running, and is the address right?");
  }
  if (absl::IsDeadlineExceeded(status) && !server.empty()) {
    return absl::StrCat("the coordinator at ", server, ": ",
                        message == "Deadline Exceeded" ? "it took too long; try again" : message);
  }
  return message;
}

int Finish(const absl::StatusOr<Result>& result, Console& console, bool json,
           const std::string& server) {
  Interrupt::LeaveToCommand();
  if (!result.ok()) {
    PrintError(console, json, absl::StatusCodeToString(result.status().code()),
               Explain(result.status(), server));
    return ExitCodeOf(result.status().code());
  }
  const absl::Status& failure = result->failure;
  const std::string failed = failure.ok() ? "" : Explain(failure, server);
  if (json) {
    Json document = result->document;
    if (!failure.ok()) {
      document["error"] = ErrorJson(absl::StatusCodeToString(failure.code()), failed);
    }
    console.out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    console.out << result->text;
  }
  const int printed = Printed(console);
  if (failure.ok()) return printed;
  console.err << "afctl: " << failed << std::endl;
  return printed == 0 ? ExitCodeOf(failure.code()) : printed;
}

}  // namespace

CommandLine::CommandLine()
    : app_(std::make_unique<CLI::App>(
          "Image-mask pairs in the style of your own scanner, from a source dataset and a few "
          "reference images.",
          "afctl")) {
  app_->add_flag("--json", json_, "print the result as one JSON document on stdout");
  app_->add_option("--server", server_, "the coordinator's address")->type_name("HOST:PORT");
  app_->add_option("--ca", ca_file_, "who signs the coordinator's certificate (PEM)")
      ->type_name("FILE");
  app_->add_option("--context", context_, "a coordinator that `afctl login` has kept")
      ->type_name("NAME");
  AddVersionFlag(*app_);
  app_->require_subcommand(1);
  // These may stand anywhere.
  app_->fallthrough();
  AddPhantomCommand(*app_, chosen_);
  AddDatasetCommands(*app_, chosen_);
  AddAlignCommand(*app_, chosen_);
  AddFitCommand(*app_, chosen_);
  AddGenerateCommand(*app_, chosen_);
  AddJobCommands(*app_, chosen_);
  AddPairsCommands(*app_, chosen_);
  AddReportCommand(*app_, chosen_);
  AddModelCommands(*app_, chosen_);
  AddWorkerCommands(*app_, chosen_);
  AddTenantCommands(*app_, chosen_);
  AddViewCommand(*app_, chosen_);
  AddSpaceCommand(*app_, chosen_);
  AddSettingsCommand(*app_, chosen_);
  AddKeyCommands(*app_, chosen_);
  AddAuditCommands(*app_, chosen_);
  AddDoctorCommand(*app_, chosen_);
  AddLoginCommands(*app_, chosen_);
  AddVersionCommand(*app_, chosen_);
  AddCompletionCommand(*app_, chosen_);
  app_->footer(kExitCodes);
  RefuseEmptyValues(*app_);
}

CommandLine::~CommandLine() = default;

void CommandLine::Parse(const std::vector<std::string>& arguments) {
  app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
}

// Which coordinator the session is with, and how.
absl::Status Choose(const CommandLine& line, Session& session) {
  auto contexts = Contexts::Load(Contexts::DefaultFile());
  if (!contexts.ok()) return contexts.status();
  const auto first = [](const std::string& given, const char* variable) {
    const char* value = given.empty() ? std::getenv(variable) : nullptr;
    return value == nullptr ? given : value;
  };
  const std::string name = first(line.context(), "AFCTL_CONTEXT");
  ServerContext context;
  if (!name.empty()) {
    auto found = contexts->Find(name);
    if (!found.ok()) return found.status();
    context = *std::move(found);
  } else if (contexts->all().contains(contexts->current())) {
    context = contexts->all().at(contexts->current());
  }
  const std::string of_environment = first("", "AFCTL_SERVER");
  session.server = first(line.server(), "AFCTL_SERVER");
  session.server_known = session.server == of_environment && !session.server.empty();
  // What is kept for one coordinator is no other's business.
  if (session.server.empty() || session.server == context.server) {
    session.server = context.server;
    session.security.ca_file = context.ca_file;
    session.security.access_key = context.key;
    session.server_known = line.context().empty();
  }
  if (const std::string ca = first(line.ca_file(), "AFCTL_CA"); !ca.empty()) {
    session.security.ca_file = ca;
  }
  if (const std::string key = first("", "AFCTL_KEY"); !key.empty()) {
    session.security.access_key = key;
  }
  return absl::OkStatus();
}

int RunAfctl(const std::vector<std::string>& arguments, Console& console, Connector connector) {
  CommandLine line;
  try {
    line.Parse(arguments);
  } catch (const CLI::Success& asked) {  // for help or the version
    line.app().exit(asked, console.out, console.err);
    return Printed(console);
  } catch (const CLI::ParseError& error) {
    // Parsing may have stopped before it came to the flag.
    const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    PrintError(console, json, kUsageCode, DescribeUsageError(line.app(), error));
    console.err << "Run " << HelpCommand(line.app()) << " for the commands and options.\n";
    return kExitFailure;
  }

  Interrupt::SetJson(line.json());
  Session session{.console = console,
                  .connector = std::move(connector),
                  .server = "",
                  .security = {},
                  .json = line.json()};
  try {
    absl::Status status = Choose(line, session);
    if (!status.ok()) return Finish(status, console, line.json(), "");
    return Finish(line.chosen()(session), console, line.json(), session.server);
  } catch (const std::exception& error) {
    // Of the standard library: no memory, a file system that fails.
    return Finish(absl::InternalError(error.what()), console, line.json(), session.server);
  }
}

}  // namespace alignflow
