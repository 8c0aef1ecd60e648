#ifndef ALIGNFLOW_TESTS_SERVER_OBJECTS_FAKE_OBJECT_STORE_H_
#define ALIGNFLOW_TESTS_SERVER_OBJECTS_FAKE_OBJECT_STORE_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "common/digest.h"
#include "server/objects/bucket_options.h"

namespace alignflow {

// A bucket "bucket" behind HTTP on loopback, with faults on demand. It looks at the key's name and
// at the digest of what comes, not at the signature. Thread-safe.
class FakeObjectStore {
 public:
  enum class Trouble {
    kStatus,       // answers with `status` and `code` and does nothing
    kLostAnswer,   // does what was asked, and closes the connection
    kSilence,      // does nothing, and never answers
    kCutShort,     // closes the connection half-way through the answer's body
    kFlippedBit,   // answers with other bytes than are stored
    kOtherServer,  // answers with `status` and a page for people
  };
  struct Fault {
    std::string method;  // empty: any
    Trouble trouble = Trouble::kStatus;
    int status = 503;
    std::string code = "SlowDown";
    int times = 1;
    int after = 0;  // such requests that go well first
  };

  FakeObjectStore() {
    // Read by the store's clients in this process.
    setenv("AWS_ACCESS_KEY_ID", kKey, 1);
    setenv("AWS_SECRET_ACCESS_KEY", "a secret", 1);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("can't listen");
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { Accept(); });
  }
  ~FakeObjectStore() {
    shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    close(listener_);
    {
      absl::MutexLock lock(&mutex_);
      closed_ = true;
      for (const int connection : open_) shutdown(connection, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }
  FakeObjectStore(const FakeObjectStore&) = delete;
  FakeObjectStore& operator=(const FakeObjectStore&) = delete;

  // Of a client in a hurry.
  BucketOptions Options(const std::string& prefix = "blobs/") const {
    BucketOptions options;
    options.bucket = "bucket";
    options.prefix = prefix;
    options.endpoint = absl::StrCat("http://127.0.0.1:", port_);
    options.part_bytes = 1 << 20;
    options.patience = absl::Seconds(20);
    options.stall = absl::Seconds(1);
    options.backoff = {.initial = absl::Milliseconds(1), .maximum = absl::Milliseconds(5)};
    return options;
  }

  void Break(const Fault& fault) {
    absl::MutexLock lock(&mutex_);
    faults_.push_back(fault);
  }
  void Mend() {
    absl::MutexLock lock(&mutex_);
    faults_.clear();
  }
  // Faults that have not come up yet.
  bool HasFaults() const {
    absl::MutexLock lock(&mutex_);
    return !faults_.empty();
  }
  std::map<std::string, std::string> objects() const {
    absl::MutexLock lock(&mutex_);
    return objects_;
  }
  void Set(const std::string& name, const std::string& bytes) {
    absl::MutexLock lock(&mutex_);
    objects_[name] = bytes;
  }
  void Erase(const std::string& name) {
    absl::MutexLock lock(&mutex_);
    objects_.erase(name);
  }
  size_t uploads() const {
    absl::MutexLock lock(&mutex_);
    return uploads_.size();
  }
  void BeginUpload(const std::string& name) {
    absl::MutexLock lock(&mutex_);
    uploads_[absl::StrCat("upload ", ++next_upload_)].name = name;
  }
  // "METHOD NAME" of each request that has come.
  std::vector<std::string> requests() const {
    absl::MutexLock lock(&mutex_);
    return requests_;
  }
  int connections() const {
    absl::MutexLock lock(&mutex_);
    return connections_;
  }
  // Objects in a page of a list at most.
  void set_page(int page) {
    absl::MutexLock lock(&mutex_);
    page_ = page;
  }

  static constexpr char kKey[] = "AKIDTEST";

 private:
  struct Request {
    std::string method, path, body;
    std::map<std::string, std::string> query, headers;
  };
  struct Answer {
    int status = 200;
    std::string body;
    std::vector<std::string> headers;
  };
  struct Upload {
    std::string name;
    std::map<int, std::string> parts;
  };

  void Accept() {
    for (;;) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      absl::MutexLock lock(&mutex_);
      if (closed_) {
        close(connection);
        continue;
      }
      ++connections_;
      open_.insert(connection);
      threads_.emplace_back([this, connection] {
        std::string read;
        while (Serve(connection, read)) {
        }
        absl::MutexLock lock(&mutex_);
        open_.erase(connection);
        close(connection);
      });
    }
  }

  static bool ReadMore(int connection, std::string& read) {
    char buffer[65536];
    const ssize_t count = recv(connection, buffer, sizeof(buffer), 0);
    if (count <= 0) return false;
    read.append(buffer, count);
    return true;
  }
  static void Send(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(count);
    }
  }

  static std::string Decoded(const std::string& text) {
    std::string decoded;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%') {
        decoded += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        decoded += text[i];
      }
    }
    return decoded;
  }

  // One request; false once the connection is at its end.
  bool Serve(int connection, std::string& read) {
    size_t end = 0;
    while ((end = read.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadMore(connection, read)) return false;
    }
    Request request;
    const std::vector<std::string> lines = absl::StrSplit(read.substr(0, end), "\r\n");
    read.erase(0, end + 4);
    const std::vector<std::string> first = absl::StrSplit(lines.front(), ' ');
    request.method = first.at(0);
    const std::vector<std::string> target = absl::StrSplit(first.at(1), absl::MaxSplits('?', 1));
    request.path = target.front();
    if (target.size() > 1) {
      for (const auto& field : absl::StrSplit(target[1], '&')) {
        const std::vector<std::string> parts = absl::StrSplit(field, absl::MaxSplits('=', 1));
        request.query[parts.front()] = Decoded(parts.back());
      }
    }
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::vector<std::string> parts = absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
      request.headers[absl::AsciiStrToLower(parts.front())] =
          std::string(absl::StripAsciiWhitespace(parts.back()));
    }
    if (request.headers.contains("expect")) Send(connection, "HTTP/1.1 100 Continue\r\n\r\n");
    size_t length = 0;
    if (request.headers.contains("content-length")) {
      length = std::stoul(request.headers["content-length"]);
    }
    while (read.size() < length) {
      if (!ReadMore(connection, read)) return false;
    }
    request.body = read.substr(0, length);
    read.erase(0, length);
    return Reply(connection, request, read);
  }

  bool Reply(int connection, const Request& request, std::string& read) {
    std::optional<Fault> fault;
    {
      absl::MutexLock lock(&mutex_);
      requests_.push_back(absl::StrCat(request.method, " ", request.path));
      for (auto f = faults_.begin(); f != faults_.end(); ++f) {
        if (!f->method.empty() && f->method != request.method) continue;
        if (f->after-- > 0) continue;
        fault = *f;
        if (--f->times == 0) faults_.erase(f);
        break;
      }
    }
    if (fault && fault->trouble == Trouble::kSilence) {
      while (ReadMore(connection, read)) {
      }
      return false;
    }
    Answer answer = fault && fault->trouble == Trouble::kStatus
                        ? Refusal(fault->status, fault->code)
                        : Do(request);
    if (fault && fault->trouble == Trouble::kOtherServer) {
      answer = {.status = fault->status, .body = "<html>Not here</html>", .headers = {}};
    }
    if (fault && fault->trouble == Trouble::kLostAnswer) return false;
    if (fault && fault->trouble == Trouble::kFlippedBit && !answer.body.empty()) {
      answer.body[answer.body.size() / 2] ^= 1;
    }
    const bool head = request.method == "HEAD";
    std::string text = absl::StrCat("HTTP/1.1 ", answer.status, " Status\r\n");
    for (const std::string& header : answer.headers) absl::StrAppend(&text, header, "\r\n");
    if (!head) absl::StrAppend(&text, "Content-Length: ", answer.body.size(), "\r\n");
    absl::StrAppend(&text, "\r\n");
    Send(connection, text);
    if (fault && fault->trouble == Trouble::kCutShort) {
      Send(connection, std::string_view(answer.body).substr(0, answer.body.size() / 2));
      return false;
    }
    if (!head) Send(connection, answer.body);
    return true;
  }

  static Answer Refusal(int status, const std::string& code) {
    return {.status = status,
            .body = absl::StrCat("<?xml version=\"1.0\"?><Error><Code>", code, "</Code></Error>"),
            .headers = {}};
  }

  Answer Do(const Request& request) {
    const auto header = [&](const std::string& name) {
      const auto found = request.headers.find(name);
      return found == request.headers.end() ? "" : found->second;
    };
    if (!absl::StrContains(header("authorization"), absl::StrCat("Credential=", kKey, "/"))) {
      return Refusal(403, "InvalidAccessKeyId");
    }
    if (header("x-amz-content-sha256") != Sha256OfString(request.body)) {
      return Refusal(400, "XAmzContentSHA256Mismatch");
    }
    const std::vector<std::string> path = absl::StrSplit(request.path, absl::MaxSplits('/', 2));
    if (path.size() < 2 || path[1] != "bucket") return Refusal(404, "NoSuchBucket");
    const std::string name = path.size() > 2 ? path[2] : "";
    absl::MutexLock lock(&mutex_);
    if (name.empty()) return request.method == "POST" ? DeleteMany(request) : List(request);
    if (request.query.contains("uploads")) {
      const std::string upload = absl::StrCat("upload ", ++next_upload_);
      uploads_[upload].name = name;
      return Xml("InitiateMultipartUploadResult",
                 absl::StrCat("<UploadId>", upload, "</UploadId>"));
    }
    if (request.query.contains("uploadId")) return OfUpload(request, name);
    const auto object = objects_.find(name);
    if (request.method == "PUT") {
      objects_[name] = request.body;
      return {};
    }
    if (request.method == "DELETE") {
      objects_.erase(name);
      return {.status = 204, .body = "", .headers = {}};
    }
    if (object == objects_.end()) return Refusal(404, "NoSuchKey");
    if (request.method == "HEAD") {
      return {.status = 200,
              .body = "",
              .headers = {absl::StrCat("Content-Length: ", object->second.size())}};
    }
    return Range(header("range"), object->second);
  }

  static Answer Range(const std::string& range, const std::string& bytes) {
    if (range.empty()) return {.status = 200, .body = bytes, .headers = {}};
    const std::vector<std::string> ends = absl::StrSplit(range.substr(6), '-');
    const size_t first = std::stoul(ends.at(0)), last = std::stoul(ends.at(1));
    if (first >= bytes.size()) return Refusal(416, "InvalidRange");
    return {.status = 206, .body = bytes.substr(first, last - first + 1), .headers = {}};
  }

  static Answer Xml(const std::string& name, const std::string& inner) {
    return {.status = 200,
            .body = absl::StrCat("<?xml version=\"1.0\"?><", name, ">", inner, "</", name, ">"),
            .headers = {}};
  }

  Answer OfUpload(const Request& request, const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto upload = uploads_.find(request.query.at("uploadId"));
    if (upload == uploads_.end()) return Refusal(404, "NoSuchUpload");
    if (request.method == "DELETE") {
      uploads_.erase(upload);
      return {.status = 204, .body = "", .headers = {}};
    }
    if (request.method == "PUT") {
      const int number = std::stoi(request.query.at("partNumber"));
      upload->second.parts[number] = request.body;
      return {.status = 200, .body = "", .headers = {absl::StrCat("ETag: \"part ", number, "\"")}};
    }
    std::string whole;
    for (const auto& [number, bytes] : upload->second.parts) {
      if (!absl::StrContains(request.body, absl::StrCat("part ", number))) {
        return Refusal(400, "InvalidPart");
      }
      whole += bytes;
    }
    objects_[name] = whole;
    uploads_.erase(upload);
    return Xml("CompleteMultipartUploadResult", "");
  }

  Answer DeleteMany(const Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (size_t at = 0; (at = request.body.find("<Key>", at)) != std::string::npos; ++at) {
      const size_t end = request.body.find("</Key>", at);
      objects_.erase(request.body.substr(at + 5, end - at - 5));
    }
    return Xml("DeleteResult", "");
  }

  Answer List(const Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::string prefix = request.query.at("prefix");
    std::string inner;
    if (request.query.contains("uploads")) {
      for (const auto& [id, upload] : uploads_) {
        if (!upload.name.starts_with(prefix)) continue;
        absl::StrAppend(&inner, "<Upload><Key>", upload.name, "</Key><UploadId>", id,
                        "</UploadId></Upload>");
      }
      return Xml("ListMultipartUploadsResult", inner);
    }
    const auto after = request.query.find("start-after");
    const int most = std::min(page_, std::stoi(request.query.at("max-keys")));
    int listed = 0;
    bool more = false;
    for (const auto& [name, bytes] : objects_) {
      if (!name.starts_with(prefix)) continue;
      if (after != request.query.end() && name <= after->second) continue;
      more = listed == most;
      if (more) break;
      ++listed;
      absl::StrAppend(&inner, "<Contents><Key>", name, "</Key><Size>", bytes.size(),
                      "</Size></Contents>");
    }
    absl::StrAppend(&inner, "<IsTruncated>", more ? "true" : "false", "</IsTruncated>");
    return Xml("ListBucketResult", inner);
  }

  int listener_ = -1, port_ = 0;
  std::thread accepting_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> objects_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Upload> uploads_ ABSL_GUARDED_BY(mutex_);
  std::deque<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
  int next_upload_ ABSL_GUARDED_BY(mutex_) = 0;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  int page_ ABSL_GUARDED_BY(mutex_) = 1000;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<int> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_SERVER_OBJECTS_FAKE_OBJECT_STORE_H_
