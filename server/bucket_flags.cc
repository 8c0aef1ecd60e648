#include "server/bucket_flags.h"

#include <CLI/CLI.hpp>

namespace alignflow {

void BucketFlags::AddTo(CLI::App& app) {
  CLI::Option* blobs =
      app.add_option(
             "--blobs", blobs_,
             "Bucket of an S3-compatible store to keep blobs in; without it they are in the "
             "state folder. Its keys are read from AWS_ACCESS_KEY_ID and "
             "AWS_SECRET_ACCESS_KEY")
          ->type_name("s3://BUCKET/PREFIX");
  app.add_option("--s3-endpoint", endpoint_, "URL of the store; Amazon's of the region if missing")
      ->type_name("URL")
      ->needs(blobs);
  app.add_option("--s3-region", region_, "Region of the bucket")
      ->type_name("REGION")
      ->needs(blobs)
      ->capture_default_str();
  app.add_option("--s3-ca", ca_, "Authorities (PEM) that the store's certificate is checked by")
      ->type_name("FILE")
      ->needs(blobs);
  app.add_option("--s3-credentials", credentials_,
                 "File with the keys, as `aws configure` writes it, instead of the environment; it "
                 "is read again when it changes")
      ->type_name("FILE")
      ->needs(blobs);
  app.add_flag("--s3-plain-http", plain_http_,
               "Take an http:// endpoint beyond loopback: blobs travel unencrypted")
      ->needs(blobs);
}

absl::StatusOr<BucketOptions> BucketFlags::Get() const {
  BucketOptions options;
  if (blobs_.empty()) return options;
  options.endpoint = endpoint_;
  options.region = region_;
  options.ca_file = ca_;
  options.credentials = credentials_;
  options.plain_http = plain_http_;
  absl::Status status = ParseBucketUrl(blobs_, options);
  if (status.ok()) status = CompleteBucketOptions(options);
  if (!status.ok()) return status;
  return options;
}

}  // namespace alignflow
