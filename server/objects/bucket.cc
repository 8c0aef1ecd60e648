#include "server/objects/bucket.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <pugixml.hpp>
#include <random>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/digest.h"
#include "common/steady_now.h"
#include "server/objects/s3_errors.h"

namespace alignflow {
namespace {

constexpr int64_t kMostParts = 10'000;               // S3's own limit
constexpr int64_t kSlowestBytesPerSecond = 1 << 20;  // what an attempt's time is reckoned with
constexpr absl::Duration kAttempt = absl::Seconds(10);
constexpr absl::Duration kSilence = absl::Seconds(30);
constexpr absl::Duration kLongestRetryAfter = absl::Seconds(10);
constexpr int64_t kSmallObject = 1 << 20;
constexpr char kProbe[] = "write-probe";

double Uniform() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

// As a value in a query that is signed.
std::string Encoded(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      text += c;
    } else {
      absl::StrAppendFormat(&text, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return text;
}

absl::StatusOr<pugi::xml_document> ParseXml(const BucketOptions& options,
                                            const HttpResponse& response) {
  pugi::xml_document document;
  if (document.load_buffer(response.body.data(), response.body.size())) return document;
  return absl::UnavailableError(
      absl::StrCat(options.Url(), " at ", options.endpoint,
                   ": its answer is no XML; does --s3-endpoint name an S3-compatible store?"));
}

absl::Duration PauseOf(const HttpResponse& response) {
  const auto header = response.headers.find("retry-after");
  int seconds = 0;
  if (header == response.headers.end() || !absl::SimpleAtoi(header->second, &seconds)) {
    return absl::ZeroDuration();
  }
  return std::clamp(absl::Seconds(seconds), absl::ZeroDuration(), kLongestRetryAfter);
}

// Some stores want it of a request to delete many.
std::string ContentMd5(const std::string& body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(body.data(), body.size(), digest, &size, EVP_md5(), nullptr);
  return absl::StrCat("Content-MD5: ", absl::Base64Escape({reinterpret_cast<const char*>(digest),
                                                           static_cast<size_t>(size)}));
}

absl::StatusOr<std::string> DigestOfPart(const FilePart& part) {
  Sha256 hash;
  std::string chunk(std::min<int64_t>(part.size, 1 << 20), '\0');
  for (int64_t done = 0; done < part.size;) {
    const ssize_t count =
        pread(part.fd, chunk.data(),
              std::min<int64_t>(static_cast<int64_t>(chunk.size()), part.size - done),
              part.offset + done);
    if (count <= 0) return absl::InternalError("blobs: a file shrank while it was sent");
    hash.Update(std::string_view(chunk.data(), count));
    done += count;
  }
  return hash.Finish();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bucket>> Bucket::Open(const BucketOptions& options) {
  std::unique_ptr<Bucket> bucket(new Bucket(options));
  absl::StatusOr<std::unique_ptr<HttpConnections>> connections = HttpConnections::Make(options);
  if (!connections.ok()) return connections.status();
  bucket->connections_ = *std::move(connections);
  return bucket;
}

std::string Bucket::PathOf(const std::string& key) const {
  return absl::StrCat("/", options_.bucket, "/", options_.prefix, key);
}

void Bucket::Note(bool answered) {
  absl::MutexLock lock(&mutex_);
  if (answered) {
    silent_since_.reset();
  } else if (!silent_since_) {
    silent_since_ = SteadyNow();
  }
}

bool Bucket::IsSilent() const {
  absl::MutexLock lock(&mutex_);
  return silent_since_ && SteadyNow() - *silent_since_ > kSilence;
}

absl::StatusOr<HttpResponse> Bucket::SendOnce(const HttpRequest& request, absl::Duration timeout) {
  absl::StatusOr<HttpResponse> response = connections_->Send(request, timeout);
  Note(response.ok() && !IsWorthAnotherTry(*response));
  if (!response.ok()) return NoAnswer(options_, response.status());
  return response;
}

absl::StatusOr<HttpResponse> Bucket::Send(const HttpRequest& request, int64_t body_bytes) {
  const absl::Duration transfer =
      absl::Seconds(static_cast<double>(body_bytes) / static_cast<double>(kSlowestBytesPerSecond));
  const absl::Time deadline = SteadyNow() + options_.patience + transfer;
  for (int failures = 1;; ++failures) {
    const absl::Duration left = deadline - SteadyNow();
    absl::StatusOr<HttpResponse> response = SendOnce(request, std::min(left, kAttempt + transfer));
    const bool again =
        response.ok() ? IsWorthAnotherTry(*response) : absl::IsUnavailable(response.status());
    if (!again || given_up_ || IsSilent()) return response;
    absl::Duration pause = BackoffDelay(options_.backoff, failures, Uniform());
    if (response.ok()) pause = std::max(pause, PauseOf(*response));
    if (SteadyNow() + pause >= deadline) return response;
    absl::SleepFor(pause);
  }
}

absl::StatusOr<HttpResponse> Bucket::Ask(const HttpRequest& request, const std::string& doing,
                                         int64_t body_bytes) {
  absl::StatusOr<HttpResponse> response = Send(request, body_bytes);
  if (response.ok() && !IsSuccess(*response)) return ErrorOf(options_, *response, doing);
  return response;
}

absl::Status Bucket::Ping(absl::Duration timeout) {
  HttpRequest request{.method = "GET", .path = absl::StrCat("/", options_.bucket)};
  request.query = absl::StrCat("list-type=2&max-keys=1&prefix=", Encoded(options_.prefix));
  absl::StatusOr<HttpResponse> response = SendOnce(request, timeout);
  if (!response.ok()) return response.status();
  return IsSuccess(*response) ? absl::OkStatus() : ErrorOf(options_, *response, "list objects");
}

absl::Status Bucket::CheckRights() {
  absl::Status status = List("", 1).status();
  if (status.ok()) status = Put(kProbe, "AlignFlow may write here.\n");
  if (status.ok()) status = GetWhole(kProbe).status();
  if (status.ok()) status = Delete({kProbe});
  return status;
}

absl::Status Bucket::Put(const std::string& key, std::string_view bytes) {
  const HttpRequest request{.method = "PUT", .path = PathOf(key), .body = bytes};
  return Ask(request, "write an object", static_cast<int64_t>(bytes.size())).status();
}

absl::Status Bucket::PutFile(const std::string& key, int fd, int64_t size,
                             const std::string& sha256) {
  if (size > options_.part_bytes) return PutParts(key, fd, size);
  HttpRequest request{.method = "PUT", .path = PathOf(key), .payload_sha256 = sha256};
  if (size > 0) request.file = {.fd = fd, .offset = 0, .size = size};
  return Ask(request, "write an object", size).status();
}

absl::Status Bucket::PutParts(const std::string& key, int fd, int64_t size) {
  HttpRequest begin{.method = "POST", .path = PathOf(key), .query = "uploads="};
  absl::StatusOr<HttpResponse> begun = Ask(begin, "begin an upload of parts");
  if (!begun.ok()) return begun.status();
  absl::StatusOr<pugi::xml_document> document = ParseXml(options_, *begun);
  if (!document.ok()) return document.status();
  const std::string upload =
      document->child("InitiateMultipartUploadResult").child_value("UploadId");
  // At least as large as the options say, and no more than the store takes.
  const int64_t part_bytes =
      std::max<int64_t>(options_.part_bytes, (size + kMostParts - 1) / kMostParts);
  std::vector<std::string> tags;
  absl::Status status;
  for (int64_t offset = 0; offset < size && status.ok(); offset += part_bytes) {
    const FilePart part{.fd = fd, .offset = offset, .size = std::min(part_bytes, size - offset)};
    absl::StatusOr<std::string> tag = PutPart(key, upload, static_cast<int>(tags.size()) + 1, part);
    status = tag.status();
    if (tag.ok()) tags.push_back(*std::move(tag));
  }
  if (status.ok()) status = Complete(key, upload, tags, size);
  // What can't be ended now is when the store is opened again.
  if (!status.ok()) Abort(key, upload).IgnoreError();
  return status;
}

absl::StatusOr<std::string> Bucket::PutPart(const std::string& key, const std::string& upload,
                                            int number, const FilePart& part) {
  absl::StatusOr<std::string> sha256 = DigestOfPart(part);
  if (!sha256.ok()) return sha256;
  const HttpRequest request{
      .method = "PUT",
      .path = PathOf(key),
      .query = absl::StrCat("partNumber=", number, "&uploadId=", Encoded(upload)),
      .file = part,
      .payload_sha256 = *sha256};
  absl::StatusOr<HttpResponse> response = Ask(request, "write a part", part.size);
  if (!response.ok()) return response.status();
  const auto tag = response->headers.find("etag");
  if (tag != response->headers.end()) return tag->second;
  return absl::UnavailableError(absl::StrCat(options_.Url(), ": a part has no ETag"));
}

absl::Status Bucket::Complete(const std::string& key, const std::string& upload,
                              const std::vector<std::string>& tags, int64_t size) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  for (size_t i = 0; i < tags.size(); ++i) {
    pugi::xml_node part = root.append_child("Part");
    part.append_child("PartNumber").text().set(static_cast<int>(i) + 1);
    part.append_child("ETag").text().set(tags[i].c_str());
  }
  std::ostringstream text;
  document.save(text, "", pugi::format_raw);
  const std::string body = text.str();
  const HttpRequest request{.method = "POST",
                            .path = PathOf(key),
                            .query = absl::StrCat("uploadId=", Encoded(upload)),
                            .headers = {"Content-Type: application/xml"},
                            .body = body};
  const absl::Status status = Ask(request, "end an upload of parts").status();
  if (!absl::IsNotFound(status)) return status;
  // There is no such upload: an earlier attempt may have ended it, whose answer was lost.
  const absl::StatusOr<int64_t> stored = SizeOf(key);
  return stored.ok() && *stored == size ? absl::OkStatus()
                                        : absl::UnavailableError(status.message());
}

absl::Status Bucket::Abort(const std::string& key, const std::string& upload) {
  const HttpRequest request{
      .method = "DELETE", .path = PathOf(key), .query = absl::StrCat("uploadId=", Encoded(upload))};
  const absl::Status status = Ask(request, "end an upload of parts").status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::StatusOr<std::string> Bucket::Get(const std::string& key, int64_t offset, int64_t size) {
  if (size <= 0) return "";
  const HttpRequest request{
      .method = "GET",
      .path = PathOf(key),
      .headers = {absl::StrCat("Range: bytes=", offset, "-", offset + size - 1)},
      .most_bytes = std::max(size, kSmallObject)};
  absl::StatusOr<HttpResponse> response = Send(request, size);
  if (!response.ok()) return response.status();
  // The range begins behind the object's end: it is shorter than it was.
  if (response->status == 416) return "";
  if (response->status != 206 && !(response->status == 200 && offset == 0)) {
    return ErrorOf(options_, *response, "read an object");
  }
  response->body.resize(std::min<size_t>(response->body.size(), size));
  return std::move(response->body);
}

absl::StatusOr<std::string> Bucket::GetWhole(const std::string& key) {
  const HttpRequest request{.method = "GET", .path = PathOf(key), .most_bytes = kSmallObject};
  absl::StatusOr<HttpResponse> response = Send(request);
  if (!response.ok()) return response.status();
  if (response->status != 200) return ErrorOf(options_, *response, "read an object");
  return std::move(response->body);
}

absl::StatusOr<int64_t> Bucket::SizeOf(const std::string& key) {
  const HttpRequest request{.method = "HEAD", .path = PathOf(key)};
  absl::StatusOr<HttpResponse> response = Ask(request, "look at an object");
  if (!response.ok()) return response.status();
  const auto length = response->headers.find("content-length");
  int64_t bytes = 0;
  if (length != response->headers.end() && absl::SimpleAtoi(length->second, &bytes)) return bytes;
  return absl::UnavailableError(absl::StrCat(options_.Url(), ": an object has no length"));
}

absl::StatusOr<Bucket::Page> Bucket::List(const std::string& after, int limit) {
  HttpRequest request{.method = "GET", .path = absl::StrCat("/", options_.bucket)};
  request.query =
      absl::StrCat("list-type=2&max-keys=", limit, "&prefix=", Encoded(options_.prefix));
  if (!after.empty()) {
    absl::StrAppend(&request.query, "&start-after=", Encoded(options_.prefix + after));
  }
  absl::StatusOr<HttpResponse> response = Ask(request, "list objects");
  if (!response.ok()) return response.status();
  absl::StatusOr<pugi::xml_document> document = ParseXml(options_, *response);
  if (!document.ok()) return document.status();
  const pugi::xml_node root = document->child("ListBucketResult");
  if (!root) return NoAnswer(options_, absl::UnavailableError("its answer is no list of objects"));
  Page page{.objects = {}, .more = root.child("IsTruncated").text().as_bool()};
  for (const pugi::xml_node node : root.children("Contents")) {
    const std::string key = node.child_value("Key");
    if (!key.starts_with(options_.prefix)) continue;
    page.objects.push_back(
        {.key = key.substr(options_.prefix.size()), .bytes = node.child("Size").text().as_llong()});
  }
  return page;
}

absl::Status Bucket::Delete(const std::vector<std::string>& keys) {
  if (keys.empty()) return absl::OkStatus();
  if (keys.size() == 1) {
    const HttpRequest request{.method = "DELETE", .path = PathOf(keys.front())};
    const absl::Status status = Ask(request, "delete an object").status();
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("Delete");
  root.append_child("Quiet").text().set("true");
  for (const std::string& key : keys) {
    const std::string name = options_.prefix + key;
    root.append_child("Object").append_child("Key").text().set(name.c_str());
  }
  std::ostringstream text;
  document.save(text, "", pugi::format_raw);
  const std::string body = text.str();
  HttpRequest request{.method = "POST",
                      .path = absl::StrCat("/", options_.bucket),
                      .query = "delete=",
                      .headers = {"Content-Type: application/xml", ContentMd5(body)},
                      .body = body};
  absl::StatusOr<HttpResponse> response = Ask(request, "delete objects");
  if (!response.ok()) return response.status();
  pugi::xml_document result;
  if (!result.load_buffer(response->body.data(), response->body.size())) return absl::OkStatus();
  const pugi::xml_node error = result.child("DeleteResult").child("Error");
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(options_.Url(), ": can't delete objects: ",
                                             std::string(error.child_value("Code")).substr(0, 60)));
}

absl::StatusOr<int> Bucket::AbortUploads() {
  int aborted = 0;
  for (int page = 0; page < kPage; ++page) {
    HttpRequest request{.method = "GET", .path = absl::StrCat("/", options_.bucket)};
    request.query =
        absl::StrCat("max-uploads=", kPage, "&prefix=", Encoded(options_.prefix), "&uploads=");
    absl::StatusOr<HttpResponse> response = Ask(request, "list uploads of parts");
    if (!response.ok()) return response.status();
    absl::StatusOr<pugi::xml_document> document = ParseXml(options_, *response);
    if (!document.ok()) return document.status();
    const pugi::xml_node root = document->child("ListMultipartUploadsResult");
    int here = 0;
    for (const pugi::xml_node node : root.children("Upload")) {
      const std::string key = node.child_value("Key");
      if (!key.starts_with(options_.prefix)) continue;
      const absl::Status status =
          Abort(key.substr(options_.prefix.size()), node.child_value("UploadId"));
      if (!status.ok()) return status;
      ++here;
    }
    aborted += here;
    // Those that were listed are gone: what is left comes first now.
    if (here == 0 || !root.child("IsTruncated").text().as_bool()) break;
  }
  return aborted;
}

}  // namespace alignflow
