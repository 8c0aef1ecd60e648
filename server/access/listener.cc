#include "server/access/listener.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace alignflow {
namespace {

constexpr int kRefreshSeconds = 2;
constexpr char kAuthorization[] = "authorization";
constexpr char kPath[] = ":path";
// Of a certificate that the client CA has signed; gRPC asks for no other.
constexpr char kCertificate[] = "x509_pem_cert";

template <typename Object, void Free(Object*)>
struct Freer {
  void operator()(Object* object) const { Free(object); }
};
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;

absl::StatusOr<std::string> ReadPem(const char* flag, const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in && bytes.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(flag, " ", file, ": can't be read; give a PEM file that this user may read"));
  }
  return bytes;
}

// What `read` makes of a PEM text.
template <typename Object, typename Read>
absl::StatusOr<Object> Parse(const char* flag, const std::string& file, const char* what,
                             Read read) {
  const absl::StatusOr<std::string> bytes = ReadPem(flag, file);
  if (!bytes.ok()) return bytes.status();
  const std::unique_ptr<BIO, Freer<BIO, BIO_free_all>> bio(
      BIO_new_mem_buf(bytes->data(), static_cast<int>(bytes->size())));
  // No passphrase is asked for: the service starts without anybody there.
  const auto none = [](char*, int, int, void*) { return -1; };
  Object object(read(bio.get(), nullptr, none, nullptr));
  ERR_clear_error();
  if (object == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(flag, " ", file, ": holds no ", what,
                                                   "; give one in PEM, without a passphrase"));
  }
  return object;
}

absl::Time EndOf(const X509& certificate) {
  std::tm time = {};
  ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time);
  return absl::FromTM(time, absl::UTCTimeZone());
}

std::string_view ValueOf(const grpc::AuthMetadataProcessor::InputMetadata& metadata,
                         const char* name) {
  const auto found = metadata.find(name);
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

// The id of the key that the metadata "authorization" shows; empty if it shows none.
std::string ClaimedKey(std::string_view authorization) {
  if (authorization.starts_with(kBearer)) authorization.remove_prefix(kBearer.size());
  return IdOfKey(authorization).value_or("");
}

class Guard final : public grpc::AuthMetadataProcessor {
 public:
  Guard(Access& access, RefusalObserver refused) : access_(access), refused_(std::move(refused)) {}

  bool IsBlocking() const override { return false; }

  // The metadata stay as they are, for the calls that ask again whether a key still holds.
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* peer, OutputMetadata*,
                       OutputMetadata*) override {
    const Credentials credentials{
        .authorization = ValueOf(metadata, kAuthorization),
        .has_certificate = !peer->FindPropertyValues(kCertificate).empty()};
    const std::string_view path = ValueOf(metadata, kPath);
    // Of two keys, services might take the one that was not looked at here.
    const absl::StatusOr<Caller> caller =
        metadata.count(kAuthorization) > 1
            ? absl::UnauthenticatedError("a call has one key, and this one came with several")
            : access_.Admit(credentials, path, SteadyNow());
    absl::Status status = caller.status();
    if (status.ok() && !IsOpenToAll(path) && !caller->of_pool()) {
      status = access_.rates().Take(caller->tenant, SteadyNow());
    }
    if (!status.ok()) {
      refused_(
          {.code = status.code(), .key_id = ClaimedKey(credentials.authorization), .method = path});
    }
    return ToGrpcStatus(status);
  }

 private:
  Access& access_;
  const RefusalObserver refused_;
};

std::shared_ptr<grpc::ServerCredentials> Plain(const TlsFiles& files) {
  if (!files.given()) return grpc::experimental::LocalServerCredentials(LOCAL_TCP);
  using grpc::experimental::FileWatcherCertificateProvider;
  auto provider = files.client_ca.empty()
                      ? std::make_shared<FileWatcherCertificateProvider>(
                            files.private_key, files.certificate, kRefreshSeconds)
                      : std::make_shared<FileWatcherCertificateProvider>(
                            files.private_key, files.certificate, files.client_ca, kRefreshSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(std::move(provider));
  options.watch_identity_key_cert_pairs();
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace

absl::StatusOr<absl::Time> CheckTlsFiles(const TlsFiles& files, absl::Time now) {
  const auto certificate =
      Parse<Certificate>("--tls-cert", files.certificate, "certificate", PEM_read_bio_X509);
  if (!certificate.ok()) return certificate.status();
  const auto key =
      Parse<PrivateKey>("--tls-key", files.private_key, "private key", PEM_read_bio_PrivateKey);
  if (!key.ok()) return key.status();
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("--tls-key ", files.private_key, ": is not the key of --tls-cert ",
                     files.certificate, "; give the two that belong together"));
  }
  if (!files.client_ca.empty()) {
    const auto ca =
        Parse<Certificate>("--tls-client-ca", files.client_ca, "certificate", PEM_read_bio_X509);
    if (!ca.ok()) return ca.status();
  }
  const absl::Time end = EndOf(**certificate);
  if (end <= now) {
    return absl::FailedPreconditionError(
        absl::StrCat("--tls-cert ", files.certificate, ": has run out on ",
                     absl::FormatTime("%Y-%m-%d", end, absl::UTCTimeZone()), "; renew it"));
  }
  return end;
}

std::shared_ptr<grpc::ServerCredentials> GuardedCredentials(const TlsFiles& files, Access& access,
                                                            RefusalObserver refused) {
  std::shared_ptr<grpc::ServerCredentials> credentials = Plain(files);
  credentials->SetAuthMetadataProcessor(std::make_shared<Guard>(access, std::move(refused)));
  return credentials;
}

Admission AdmissionOf(const grpc::ServerContextBase& call) {
  const auto& metadata = call.client_metadata();
  const auto found = metadata.find(kAuthorization);
  if (found != metadata.end()) {
    return {.key_id = ClaimedKey({found->second.data(), found->second.size()}),
            .certificate = false};
  }
  const auto peer = call.auth_context();
  return {.key_id = "", .certificate = peer && !peer->FindPropertyValues(kCertificate).empty()};
}

Caller CallerOf(const grpc::ServerContextBase& call, const Access& access) {
  return access.CallerOf(AdmissionOf(call));
}

std::string ClientOf(const grpc::ServerContextBase& call) {
  const Admission admission = AdmissionOf(call);
  return admission.key_id.empty() ? call.peer() : absl::StrCat("key ", admission.key_id);
}

}  // namespace alignflow
