#include "common/channel.h"

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/listen_address.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/client_interceptor.h"

namespace alignflow {
namespace {

using grpc::experimental::ClientInterceptorFactoryInterface;
using grpc::experimental::ClientRpcInfo;
using grpc::experimental::FileWatcherCertificateProvider;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;

constexpr int kKeepaliveMs = 20000;
constexpr int kKeepaliveTimeoutMs = 10000;
constexpr int kHandshakeTimeoutMs = 10000;
constexpr int kRefreshSeconds = 10;
// A connection without a call goes, so that nobody's pile up; one that lasts is replaced by another
// now and then, as a client that follows a name which has moved must find the new address. Calls go
// on meanwhile for the grace time, and streams go on where they stood on the new one.
constexpr int kMaxIdleMs = 10 * 60 * 1000;
constexpr int kMaxAgeMs = 6 * 60 * 60 * 1000;
constexpr int kMaxAgeGraceMs = 10 * 60 * 1000;
// On one connection; each kind of call has fewer places (server/calls/call_limits.h).
constexpr int kMaxStreams = 8192;

// Sends the access key with every call. gRPC's own call credentials do so over TLS alone, and a
// coordinator on loopback may want a key without it.
class KeySender final : public Interceptor {
 public:
  explicit KeySender(const std::string& authorization) : authorization_(authorization) {}
  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", authorization_);
    }
    methods->Proceed();
  }

 private:
  const std::string& authorization_;
};

class KeySenders final : public ClientInterceptorFactoryInterface {
 public:
  explicit KeySenders(const std::string& key) : authorization_(absl::StrCat("Bearer ", key)) {}
  Interceptor* CreateClientInterceptor(ClientRpcInfo*) override {
    return new KeySender(authorization_);
  }

 private:
  const std::string authorization_;
};

absl::Status CheckReadable(const std::string& file, const char* what) {
  if (file.empty() || std::ifstream(file).get() != std::ifstream::traits_type::eof()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(file, ": can't be read, or is empty; give ", what, " in PEM"));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsOf(const ChannelSecurity& security) {
  if (security.certificate_file.empty() != security.private_key_file.empty()) {
    return absl::InvalidArgumentError(
        "a client's certificate and its private key are given together or not at all");
  }
  for (const auto& [file, what] :
       {std::pair(security.ca_file, "the certificate of who signs servers' certificates"),
        std::pair(security.certificate_file, "the client's certificate"),
        std::pair(security.private_key_file, "the client's private key")}) {
    absl::Status status = CheckReadable(file, what);
    if (!status.ok()) return status;
  }
  const bool has_ca = !security.ca_file.empty(), has_own = !security.certificate_file.empty();
  if (!has_ca && !has_own) return grpc::SslCredentials({});
  std::shared_ptr<FileWatcherCertificateProvider> files;
  if (!has_own) {
    files = std::make_shared<FileWatcherCertificateProvider>(security.ca_file, kRefreshSeconds);
  } else if (!has_ca) {
    files = std::make_shared<FileWatcherCertificateProvider>(
        security.private_key_file, security.certificate_file, kRefreshSeconds);
  } else {
    files = std::make_shared<FileWatcherCertificateProvider>(
        security.private_key_file, security.certificate_file, security.ca_file, kRefreshSeconds);
  }
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(files);
  if (has_ca) options.watch_root_certs();
  if (has_own) options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

absl::Status CheckKey(const std::string& key) {
  const auto printable = [](unsigned char c) { return c > 32 && c < 127; };
  if (std::ranges::all_of(key, printable)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the access key has spaces or other characters that no key has; give it as it was shown");
}

}  // namespace

absl::StatusOr<std::string> ReadAccessKey(const std::string& file) {
  std::ifstream in(file);
  std::string key;
  std::getline(in, key);
  key = std::string(absl::StripAsciiWhitespace(key));
  if (!key.empty()) return key;
  return absl::FailedPreconditionError(
      absl::StrCat(file, ": can't be read, or holds no key; give a file with an access key"));
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(std::string_view host_port,
                                                             const ChannelSecurity& security) {
  const absl::StatusOr<HostPort> address = ParseHostPort(host_port);
  if (!address.ok()) return address.status();
  absl::Status status = CheckKey(security.access_key);
  if (!status.ok()) return status;
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!address->IsLoopback() || !security.ca_file.empty() || !security.certificate_file.empty() ||
      !security.private_key_file.empty()) {
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> tls = TlsOf(security);
    if (!tls.ok()) return tls.status();
    credentials = *std::move(tls);
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // gRPC's own default waits up to two minutes before it looks for a restarted server again.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Patients' images go to the coordinator and through nobody whom the environment names.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  std::vector<std::unique_ptr<ClientInterceptorFactoryInterface>> interceptors;
  if (!security.access_key.empty()) {
    interceptors.push_back(std::make_unique<KeySenders>(security.access_key));
  }
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      address->ToString(), credentials, arguments, std::move(interceptors));
}

void ApplyServerLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kKeepaliveMs / 2);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kMaxAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kMaxAgeGraceMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  // Two servers must not share a port, as Linux would let them.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace alignflow
