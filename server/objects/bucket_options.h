#ifndef ALIGNFLOW_SERVER_OBJECTS_BUCKET_OPTIONS_H_
#define ALIGNFLOW_SERVER_OBJECTS_BUCKET_OPTIONS_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/backoff.h"

namespace alignflow {

// Where in an S3-compatible store objects lie, and how it is asked.
struct BucketOptions {
  std::string bucket;
  std::string prefix;                 // of the objects' names: empty, or with a slash at its end
  std::string endpoint;               // SCHEME://HOST[:PORT]; empty: Amazon's of the region
  std::string region = "us-east-1";   // what most other stores take as well
  std::filesystem::path ca_file;      // PEM; empty: the system's authorities
  std::filesystem::path credentials;  // empty: the environment has the keys
  bool plain_http = false;            // also beyond loopback

  int connections = 16;                         // at the same time
  int64_t part_bytes = 16 << 20;                // larger objects are sent in such parts
  absl::Duration patience = absl::Seconds(20);  // of one call, attempts and pauses together
  absl::Duration stall = absl::Seconds(8);      // without a byte, after which an attempt is lost
  BackoffPolicy backoff = {.initial = absl::Milliseconds(100), .maximum = absl::Seconds(5)};

  bool given() const { return !bucket.empty(); }
  std::string Url() const { return "s3://" + bucket + "/" + prefix; }
};

// Reads s3://BUCKET/PREFIX. InvalidArgument with the remedy; also for characters in a prefix that
// stores or proxies read differently.
absl::Status ParseBucketUrl(const std::string& url, BucketOptions& options);

// Fills in what was left out and looks at the rest. InvalidArgument, naming the flag, for an
// endpoint that is malformed, or that is plain HTTP beyond loopback unasked.
absl::Status CompleteBucketOptions(BucketOptions& options);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_OBJECTS_BUCKET_OPTIONS_H_
