#include "server/objects/bucket_options.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/listen_address.h"

namespace alignflow {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr size_t kMaxPrefix = 200;

absl::Status WrongUrl(const std::string& url, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("--blobs ", url, ": ", why, "; give s3://BUCKET or s3://BUCKET/PREFIX"));
}

bool IsBucketName(const std::string& name) {
  return name.size() >= 3 && name.size() <= 63 &&
         std::ranges::all_of(name,
                             [](char c) {
                               return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                                      c == '-' || c == '.';
                             }) &&
         absl::ascii_isalnum(name.front()) && absl::ascii_isalnum(name.back());
}

bool IsPrefix(const std::string& prefix) {
  return prefix.size() <= kMaxPrefix && !prefix.starts_with('/') &&
         prefix.find("//") == std::string::npos && prefix.find("..") == std::string::npos &&
         std::ranges::all_of(prefix, [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/';
         });
}

}  // namespace

absl::Status ParseBucketUrl(const std::string& url, BucketOptions& options) {
  if (!url.starts_with(kScheme)) return WrongUrl(url, "does not begin with s3://");
  const std::string rest = url.substr(kScheme.size());
  const size_t slash = rest.find('/');
  options.bucket = rest.substr(0, slash);
  options.prefix = slash == std::string::npos ? "" : rest.substr(slash + 1);
  if (!IsBucketName(options.bucket)) {
    return WrongUrl(url, "a bucket's name is 3 to 63 lower-case letters, digits, dots and hyphens");
  }
  if (!IsPrefix(options.prefix)) {
    return WrongUrl(url,
                    "a prefix is up to 200 letters, digits, dots, hyphens, underscores and single "
                    "slashes");
  }
  if (!options.prefix.empty() && !options.prefix.ends_with('/')) options.prefix += '/';
  return absl::OkStatus();
}

absl::Status CompleteBucketOptions(BucketOptions& options) {
  if (options.region.empty() || !std::ranges::all_of(options.region, [](char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_';
      })) {
    return absl::InvalidArgumentError(
        absl::StrCat("--s3-region ", options.region, ": give a region such as eu-central-1"));
  }
  if (options.endpoint.empty()) {
    options.endpoint = absl::StrCat("https://s3.", options.region, ".amazonaws.com");
  }
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  const bool https = options.endpoint.starts_with("https://");
  const size_t scheme = https ? 8 : 7;
  if (!https && !options.endpoint.starts_with("http://")) {
    return absl::InvalidArgumentError(absl::StrCat("--s3-endpoint ", options.endpoint,
                                                   ": give a URL such as https://s3.example.org"));
  }
  const std::string host = options.endpoint.substr(scheme);
  if (host.empty() || host.find_first_of("/?#@ ") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--s3-endpoint ", options.endpoint,
        ": give scheme, host and port alone, such as https://s3.example.org:9000; the bucket is "
        "part of --blobs, keys are never part of a URL"));
  }
  if (https || options.plain_http) return absl::OkStatus();
  const bool has_port = host.rfind(':') != std::string::npos && !host.ends_with(']');
  const absl::StatusOr<HostPort> address = ParseHostPort(has_port ? host : host + ":80");
  if (address.ok() && address->IsLoopback()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--s3-endpoint ", options.endpoint,
                   ": images would travel unencrypted; give an https:// URL, or --s3-plain-http if "
                   "the network between is nobody else's"));
}

}  // namespace alignflow
