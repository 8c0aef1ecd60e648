#ifndef ALIGNFLOW_SERVER_OBJECTS_HTTP_CONNECTIONS_H_
#define ALIGNFLOW_SERVER_OBJECTS_HTTP_CONNECTIONS_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/objects/bucket_options.h"
#include "server/objects/credentials.h"

namespace alignflow {

// Part of an open file.
struct FilePart {
  int fd = -1;
  int64_t offset = 0, size = 0;
};

struct HttpRequest {
  std::string method;                     // GET, HEAD, PUT, POST or DELETE
  std::string path;                       // from the root, as it is signed
  std::string query = {};                 // sorted by name, values percent-encoded, as it is signed
  std::vector<std::string> headers = {};  // besides those of the signature
  std::string_view body = {};             // of POST and PUT
  FilePart file = {};                     // of PUT, instead
  std::string payload_sha256 = {};        // of the body; empty: it is computed
  int64_t most_bytes = 8 << 20;           // of the answer's body; more is an error
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Connections to an object store, kept open from call to call and bounded in number. Requests are
// signed (AWS signature version 4) with the digest of their body, which the store holds against
// what has come. Thread-safe.
class HttpConnections {
 public:
  // `options` are complete. FailedPrecondition if the authorities can't be read.
  static absl::StatusOr<std::unique_ptr<HttpConnections>> Make(const BucketOptions& options);
  ~HttpConnections();

  // One attempt, until `timeout` at most. Unavailable where another may help, whatever has become
  // of this one; FailedPrecondition where not: keys, certificates.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, absl::Duration timeout);

 private:
  explicit HttpConnections(const BucketOptions& options);
  // A CURL*, or null if none came free in time.
  void* Take(absl::Duration timeout);
  void GiveBack(void* connection);

  const BucketOptions options_;
  CredentialsSource credentials_;
  // Not absl's, whose timed waits go by a clock that can be set (common/steady_now.h).
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<void*> free_;
  int made_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_OBJECTS_HTTP_CONNECTIONS_H_
