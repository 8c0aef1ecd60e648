#include "common/metrics_server.h"

#include <CivetServer.h>
#include <openssl/crypto.h>

#include <exception>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/listen_address.h"
#include "prometheus/text_serializer.h"

namespace alignflow {
namespace {

constexpr size_t kLeastTokenBytes = 16;
constexpr std::string_view kBearer = "Bearer ";

absl::StatusOr<std::string> ReadToken(const std::string& file) {
  std::ifstream in(file);
  std::string token;
  std::getline(in, token);
  token = std::string(absl::StripAsciiWhitespace(token));
  if (token.size() >= kLeastTokenBytes) return token;
  return absl::FailedPreconditionError(absl::StrCat(
      "--metrics-token-file ", file, ": can't be read, or its first line is no token of at least ",
      kLeastTokenBytes, " characters; `openssl rand -hex 32` makes one"));
}

void Answer(mg_connection* connection, const char* status, const char* headers,
            const std::string& body) {
  mg_printf(connection, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n", status,
            body.size(), headers);
  mg_write(connection, body.data(), body.size());
}

}  // namespace

class MetricsServer::Handler final : public CivetHandler {
 public:
  Handler(std::shared_ptr<prometheus::Registry> registry, std::string token_file)
      : registry_(std::move(registry)), token_file_(std::move(token_file)) {}

  bool handleGet(CivetServer*, mg_connection* connection) override {
    if (!Admits(mg_get_header(connection, "Authorization"))) {
      Answer(connection, "401 Unauthorized",
             "WWW-Authenticate: Bearer\r\nContent-Type: text/plain\r\n",
             "send the token of --metrics-token-file: Authorization: Bearer TOKEN\n");
      return true;
    }
    Answer(connection, "200 OK", "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n",
           prometheus::TextSerializer().Serialize(registry_->Collect()));
    return true;
  }

 private:
  // In a time that tells nothing of how far the token agrees.
  bool Admits(const char* header) const {
    if (token_file_.empty()) return true;
    const absl::StatusOr<std::string> token = ReadToken(token_file_);
    if (!token.ok() || header == nullptr) return false;
    const std::string wanted = absl::StrCat(std::string(kBearer), *token), given = header;
    return given.size() == wanted.size() &&
           CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0;
  }

  const std::shared_ptr<prometheus::Registry> registry_;
  const std::string token_file_;
};

MetricsServer::MetricsServer(std::unique_ptr<Handler> handler, std::unique_ptr<CivetServer> server,
                             std::string address)
    : handler_(std::move(handler)), server_(std::move(server)), address_(std::move(address)) {}

MetricsServer::~MetricsServer() { server_.reset(); }

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    std::string_view host_port, std::shared_ptr<prometheus::Registry> registry,
    const std::string& token_file) {
  absl::StatusOr<HostPort> address = ParseHostPort(host_port);
  if (!address.ok()) return address.status();
  if (!address->IsLoopback() && token_file.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--metrics-listen ", address->ToString(),
                     ": beyond this machine's loopback only with --metrics-token-file; give it, or "
                     "use 127.0.0.1:",
                     address->port));
  }
  if (!token_file.empty()) {
    const absl::Status token = ReadToken(token_file).status();
    if (!token.ok()) return token;
  }
  // The HTTP server takes addresses only.
  if (address->host == "localhost") address->host = "127.0.0.1";
  // Whoever is slow holds a thread for no longer than that.
  const std::vector<std::string> options = {
      "listening_ports", address->ToString(), "num_threads", "4", "request_timeout_ms", "5000"};
  try {
    auto handler = std::make_unique<Handler>(std::move(registry), token_file);
    auto server = std::make_unique<CivetServer>(options);
    server->addHandler("/metrics", *handler);
    address->port = server->getListeningPorts().front();
    return std::unique_ptr<MetricsServer>(
        new MetricsServer(std::move(handler), std::move(server), address->ToString()));
  } catch (const std::exception&) {
    return absl::UnavailableError(absl::StrCat(
        "can't serve metrics on ", address->ToString(),
        ": the port is in use or not ours to take; give another one, or 0 for a free one"));
  }
}

}  // namespace alignflow
