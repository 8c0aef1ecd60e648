#include "server/catalog/postgres_address.h"

#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace alignflow {
namespace {

using Parameters = std::map<std::string, std::string>;

absl::Status Refuse(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "--catalog: ", why, "; give postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full"));
}

absl::StatusOr<Parameters> ParametersOf(const std::string& url) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(url.c_str(), &error), PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> message(error, PQfreemem);
  // libpq's message would show a password, if there is one.
  if (options == nullptr) return Refuse("not an address that PostgreSQL's library understands");
  Parameters parameters;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters[option->keyword] = option->val;
  }
  return parameters;
}

// A socket's folder, or a name or number of this machine alone.
bool IsOnThisMachine(const std::string& host) {
  return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" ||
         host == "::1" || absl::StartsWith(host, "127.");
}

bool AllOnThisMachine(const Parameters& parameters) {
  for (const char* name : {"host", "hostaddr"}) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) continue;
    const std::vector<std::string> hosts = absl::StrSplit(found->second, ',');
    if (!std::ranges::all_of(hosts, IsOnThisMachine)) return false;
  }
  return true;
}

std::string Shown(const Parameters& parameters) {
  const auto value = [&](const char* name) {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string() : found->second;
  };
  const std::string host = value("host").empty() ? value("hostaddr") : value("host");
  return absl::StrCat(value("user"), value("user").empty() ? "" : "@",
                      host.empty() ? "this machine" : host, value("port").empty() ? "" : ":",
                      value("port"), "/", value("dbname"));
}

}  // namespace

absl::StatusOr<PostgresAddress> ParsePostgresUrl(std::string_view url) {
  const std::string text(url);
  if (!absl::StartsWith(text, "postgresql://") && !absl::StartsWith(text, "postgres://")) {
    return Refuse("does not begin with postgresql://");
  }
  absl::StatusOr<Parameters> parsed = ParametersOf(text);
  if (!parsed.ok()) return parsed.status();
  Parameters parameters = *std::move(parsed);
  if (parameters.contains("password")) {
    return absl::InvalidArgumentError(
        "--catalog: a password in the address would be seen by everybody on this machine; put "
        "HOST:PORT:DATABASE:USER:PASSWORD into a file that its user alone may read, and name it in "
        "the environment variable PGPASSFILE or as ?passfile=FILE");
  }
  if (parameters["dbname"].empty()) return Refuse("names no database");
  const bool local = AllOnThisMachine(parameters);
  const std::string mode = parameters["sslmode"];
  if (!local && !mode.empty() && mode != "verify-full") {
    return absl::InvalidArgumentError(absl::StrCat(
        "--catalog: sslmode=", mode,
        " beyond this machine would let others read or play the database; leave it out, or give "
        "sslmode=verify-full, with sslrootcert=FILE for the CA of the server's certificate"));
  }
  if (mode.empty()) parameters["sslmode"] = local ? "prefer" : "verify-full";
  PostgresAddress address{.url = text, .shown = Shown(parameters), .connection = ""};
  // What is not given: to find out soon that the other side is gone, and a server that can write.
  parameters.insert({{"application_name", "alignflow-coordinator"},
                     {"client_encoding", "UTF8"},
                     {"connect_timeout", "5"},
                     {"keepalives_idle", "10"},
                     {"keepalives_interval", "5"},
                     {"keepalives_count", "3"},
                     {"tcp_user_timeout", "15000"},
                     {"target_session_attrs", "read-write"}});
  for (const auto& [name, value] : parameters) {
    absl::StrAppend(&address.connection, address.connection.empty() ? "" : " ", name, "='",
                    absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
  }
  return address;
}

}  // namespace alignflow
