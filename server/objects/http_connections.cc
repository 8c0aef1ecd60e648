#include "server/objects/http_connections.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/digest.h"

namespace alignflow {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
// Sockets that stay idle longer are closed: firewalls forget them sooner or later.
constexpr long kMaxIdleSeconds = 60;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

// What a request sends and what comes back, for curl's callbacks.
struct Exchange {
  const HttpRequest& request;
  HttpResponse response;
  int64_t sent = 0;
  bool file_failed = false, too_long = false;

  int64_t body_bytes() const {
    return request.file.fd >= 0 ? request.file.size : static_cast<int64_t>(request.body.size());
  }
};

size_t ReadBody(char* buffer, size_t size, size_t count, void* data) {
  auto& exchange = *static_cast<Exchange*>(data);
  const auto want =
      std::min<int64_t>(static_cast<int64_t>(size * count), exchange.body_bytes() - exchange.sent);
  if (want <= 0) return 0;
  if (exchange.request.file.fd < 0) {
    std::memcpy(buffer, exchange.request.body.data() + exchange.sent, want);
    exchange.sent += want;
    return want;
  }
  const ssize_t got =
      pread(exchange.request.file.fd, buffer, want, exchange.request.file.offset + exchange.sent);
  if (got <= 0) {
    exchange.file_failed = true;
    return CURL_READFUNC_ABORT;
  }
  exchange.sent += got;
  return got;
}

int SeekBody(void* data, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Exchange*>(data)->sent = offset;
  return CURL_SEEKFUNC_OK;
}

size_t TakeBody(char* bytes, size_t size, size_t count, void* data) {
  auto& exchange = *static_cast<Exchange*>(data);
  const size_t all = size * count;
  if (static_cast<int64_t>(exchange.response.body.size() + all) > exchange.request.most_bytes) {
    exchange.too_long = true;
    return 0;  // ends the transfer
  }
  exchange.response.body.append(bytes, all);
  return all;
}

size_t TakeHeader(char* bytes, size_t size, size_t count, void* data) {
  auto& exchange = *static_cast<Exchange*>(data);
  const std::string line(bytes, size * count);
  if (line.starts_with("HTTP/")) exchange.response.headers.clear();  // after a "100 Continue"
  const size_t colon = line.find(':');
  if (colon != std::string::npos && exchange.response.headers.size() < 100) {
    exchange.response.headers[absl::AsciiStrToLower(line.substr(0, colon))] =
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return size * count;
}

bool IsOfTls(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR ||
         code == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
}

std::string PayloadDigest(const HttpRequest& request) {
  return request.payload_sha256.empty() ? Sha256OfString(request.body) : request.payload_sha256;
}

HeaderList HeadersOf(const HttpRequest& request, const S3Keys& keys) {
  HeaderList list;
  const auto add = [&](const std::string& header) {
    list.reset(curl_slist_append(list.release(), header.c_str()));
  };
  add(absl::StrCat("x-amz-content-sha256: ", PayloadDigest(request)));
  if (!keys.session_token.empty()) {
    add(absl::StrCat("x-amz-security-token: ", keys.session_token));
  }
  for (const std::string& header : request.headers) add(header);
  return list;
}

void SetMethod(CURL* curl, const HttpRequest& request, Exchange& exchange) {
  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT") {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                     static_cast<curl_off_t>(exchange.body_bytes()));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, ReadBody);
    curl_easy_setopt(curl, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, SeekBody);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, &exchange);
  } else if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
  } else if (request.method == "DELETE") {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
  } else {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  }
}

void SetConnection(CURL* curl, const BucketOptions& options) {
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, absl::ToInt64Milliseconds(kConnectTimeout));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                   std::max<long>(1, absl::ToInt64Seconds(options.stall)));
  curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, kMaxIdleSeconds);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 500L);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (!options.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(curl, CURLOPT_AWS_SIGV4,
                   absl::StrCat("aws:amz:", options.region, ":s3").c_str());
}

}  // namespace

HttpConnections::HttpConnections(const BucketOptions& options)
    : options_(options), credentials_(options.credentials) {
  static std::once_flag once;
  std::call_once(once, [] {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    // TLS writes to connections that the other side has closed.
    std::signal(SIGPIPE, SIG_IGN);
  });
}

absl::StatusOr<std::unique_ptr<HttpConnections>> HttpConnections::Make(
    const BucketOptions& options) {
  if (!options.ca_file.empty() && access(options.ca_file.c_str(), R_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--s3-ca ", options.ca_file.string(), ": ", std::generic_category().message(errno),
        "; give a PEM file of authorities that this user may read"));
  }
  return std::unique_ptr<HttpConnections>(new HttpConnections(options));
}

HttpConnections::~HttpConnections() {
  const std::lock_guard lock(mutex_);
  for (void* curl : free_) curl_easy_cleanup(curl);
}

void* HttpConnections::Take(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return !free_.empty() || made_ < options_.connections; };
  const std::chrono::nanoseconds most = absl::ToChronoNanoseconds(timeout);
  if (!given_back_.wait_for(lock, most, ready)) return nullptr;
  if (free_.empty()) {
    ++made_;
    return curl_easy_init();
  }
  void* curl = free_.back();
  free_.pop_back();
  return curl;
}

void HttpConnections::GiveBack(void* connection) {
  const std::lock_guard lock(mutex_);
  free_.push_back(connection);
  given_back_.notify_one();
}

absl::StatusOr<HttpResponse> HttpConnections::Send(const HttpRequest& request,
                                                   absl::Duration timeout) {
  const absl::StatusOr<S3Keys> keys = credentials_.Get();
  if (!keys.ok()) return keys.status();
  CURL* curl = Take(timeout);
  if (curl == nullptr) return absl::UnavailableError("all connections to it are busy");
  curl_easy_reset(curl);  // connections stay
  Exchange exchange{.request = request, .response = {}};
  SetConnection(curl, options_);
  SetMethod(curl, request, exchange);
  const std::string url = absl::StrCat(options_.endpoint, request.path,
                                       request.query.empty() ? "" : "?", request.query);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_USERNAME, keys->access_key.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, keys->secret_key.c_str());
  const HeaderList headers = HeadersOf(request, *keys);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   std::max<int64_t>(1, absl::ToInt64Milliseconds(timeout)));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  // No pointer to what is ours stays in it.
  curl_easy_reset(curl);
  GiveBack(curl);
  if (exchange.file_failed) return absl::InternalError("blobs: a file shrank while it was sent");
  if (exchange.too_long) return absl::UnavailableError("its answer is longer than what was asked");
  if (IsOfTls(code)) {
    return absl::FailedPreconditionError(
        absl::StrCat("its certificate is not accepted (", curl_easy_strerror(code),
                     "); give the authority that signed it as --s3-ca FILE"));
  }
  if (code != CURLE_OK) return absl::UnavailableError(curl_easy_strerror(code));
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace alignflow
