#include "server/probe_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/command_line.h"
#include "common/listen_address.h"
#include "common/logging.h"
#include "common/partial_file.h"
#include "common/status_conversion.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_certificate_verifier.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "server/state_folder.h"

namespace alignflow {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(5);
constexpr char kServing = 1;  // of grpc.health.v1.HealthCheckResponse.ServingStatus

// Where a listener on all of a machine's addresses is reached from the machine itself.
std::string Reachable(const std::string& address) {
  absl::StatusOr<HostPort> parsed = ParseHostPort(address);
  if (!parsed.ok()) return address;
  if (parsed->host == "0.0.0.0") parsed->host = "127.0.0.1";
  if (parsed->host == "::") parsed->host = "::1";
  return parsed->ToString();
}

// The server has to prove that it holds the key of its own certificate (or of one signed by a CA in
// that file). The certificate's name is not this machine's loopback, and is not looked at.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsFor(
    const std::string& certificate) {
  if (certificate.empty()) return grpc::InsecureChannelCredentials();
  std::ostringstream pem;
  pem << std::ifstream(certificate).rdbuf();
  if (pem.str().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(certificate, ": can't be read; run the probe as the coordinator's user"));
  }
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<grpc::experimental::StaticDataCertificateProvider>(pem.str()));
  options.watch_root_certs();
  options.set_check_call_host(false);
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  return grpc::experimental::TlsCredentials(options);
}

// Whether it takes new work.
absl::StatusOr<bool> AskHealth(const ListeningNote& note) {
  const auto credentials = CredentialsFor(note.certificate);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  grpc::GenericStub stub(
      grpc::CreateCustomChannel(Reachable(note.address), *credentials, arguments));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
  const grpc::Slice empty;  // a HealthCheckRequest for the whole server
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  absl::Notification done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&](grpc::Status answer) {
                   status = std::move(answer);
                   done.Notify();
                 });
  done.WaitForNotification();
  if (!status.ok()) return FromGrpcStatus(status);
  grpc::Slice bytes;
  if (!response.DumpToSingleSlice(&bytes).ok() || bytes.size() != 2) {
    return absl::InternalError("the answer is not a health service's");
  }
  return static_cast<char>(bytes.begin()[1]) == kServing;  // field 1, a varint
}

}  // namespace

absl::Status WriteListeningNote(const std::filesystem::path& file, const ListeningNote& note) {
  PartialFile partial(file);
  absl::Status status = partial.Append(absl::StrCat(note.address, "\n", note.certificate, "\n"));
  return status.ok() ? partial.Rename() : status;
}

absl::StatusOr<ListeningNote> ReadListeningNote(const std::filesystem::path& file) {
  std::ifstream in(file);
  ListeningNote note;
  if (std::getline(in, note.address) && std::getline(in, note.certificate)) return note;
  return absl::FailedPreconditionError(
      absl::StrCat(file.string(), ": can't be read: no coordinator listens for this state folder, ",
                   "or it is another user's"));
}

int RunProbeCommand(int argc, char** argv) {
  InitLogging("alignflow-coordinator");  // no lines of gRPC's own
  std::string state;
  bool live = false;
  CLI::App app(
      "Asks the coordinator of a state folder for its health. Ends with 0 if it takes new work, "
      "and with 1 if not.",
      "alignflow-coordinator --probe");
  app.add_option("--state-dir", state, "The coordinator's state folder")
      ->type_name("FOLDER")
      ->required();
  app.add_flag("--live", live,
               "0 also while it answers but takes no new work: it closes, or its disk is almost "
               "full. For probes that restart what fails");
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  const absl::StatusOr<ListeningNote> note = ReadListeningNote(ListeningFileOf(state));
  absl::StatusOr<bool> serving = note.ok() ? AskHealth(*note) : note.status();
  if (!serving.ok()) {
    std::fprintf(stderr, "alignflow-coordinator: not healthy: %s\n",
                 std::string(serving.status().message()).c_str());
    return 1;
  }
  std::printf(
      "%s\n",
      *serving
          ? "serving"
          : "not serving: it closes, its disk is almost full, or its database does not answer");
  return *serving || live ? 0 : 1;
}

}  // namespace alignflow
