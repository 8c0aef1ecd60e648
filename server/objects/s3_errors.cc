#include "server/objects/s3_errors.h"

#include <array>
#include <pugixml.hpp>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

struct S3Error {
  std::string code, region;
};

S3Error ParseError(const HttpResponse& response) {
  S3Error error;
  pugi::xml_document document;
  if (document.load_buffer(response.body.data(), response.body.size())) {
    const pugi::xml_node node = document.child("Error");
    error.code = std::string(node.child_value("Code")).substr(0, 60);
    error.region = std::string(node.child_value("Region")).substr(0, 60);
  }
  const auto header = response.headers.find("x-amz-bucket-region");
  if (error.region.empty() && header != response.headers.end()) error.region = header->second;
  return error;
}

struct Remedy {
  std::string_view code, text;
};

constexpr char kKeysAt[] = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --s3-credentials";
constexpr std::array kRemedies = {
    Remedy{"InvalidAccessKeyId", "it does not know the access key"},
    Remedy{"SignatureDoesNotMatch", "the secret key is not that of the access key"},
    Remedy{"ExpiredToken", "the session token has run out"},
    Remedy{"InvalidToken", "the session token is not valid"},
};

std::string RightsText(const BucketOptions& options) {
  return absl::StrCat(
      "give the key the rights s3:ListBucket and s3:ListBucketMultipartUploads on ", options.bucket,
      ", and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on ",
      options.bucket, "/", options.prefix, "*");
}

}  // namespace

bool IsWorthAnotherTry(const HttpResponse& response) {
  if (response.status >= 500 && response.status != 501) return response.status != 507;
  if (response.status == 429 || response.status == 408) return true;
  const std::string code = ParseError(response).code;
  return code == "RequestTimeout" || code == "SlowDown" || code == "InternalError" ||
         code == "OperationAborted" || code == "BadDigest" || code == "XAmzContentSHA256Mismatch" ||
         code == "IncompleteBody";
}

bool IsSuccess(const HttpResponse& response) {
  return response.status >= 200 && response.status < 300 && ParseError(response).code.empty();
}

absl::Status ErrorOf(const BucketOptions& options, const HttpResponse& response,
                     const std::string& doing) {
  const S3Error error = ParseError(response);
  const std::string said =
      absl::StrCat(options.Url(), " at ", options.endpoint, ": can't ", doing, ": ",
                   response.status, error.code.empty() ? "" : " ", error.code);
  const auto fix = [&](const std::string& remedy) {
    return absl::FailedPreconditionError(absl::StrCat(said, ": ", remedy));
  };
  for (const Remedy& remedy : kRemedies) {
    if (error.code == remedy.code) {
      return fix(absl::StrCat(std::string(remedy.text), "; correct ", kKeysAt));
    }
  }
  if (error.code == "RequestTimeTooSkewed") {
    return fix("the clocks of this machine and the store differ by more than 15 minutes; set them");
  }
  if (error.code == "NoSuchBucket") {
    return fix(absl::StrCat("there is no bucket ", options.bucket,
                            "; make it, or correct --blobs or --s3-endpoint"));
  }
  const bool wrong_region = response.status == 301 || response.status == 307 ||
                            error.code == "AuthorizationHeaderMalformed" ||
                            error.code == "IllegalLocationConstraintException";
  if (wrong_region) {
    return fix(absl::StrCat("the bucket is in another region; give ",
                            error.region.empty() ? "its own as --s3-region"
                                                 : absl::StrCat("--s3-region ", error.region),
                            ", and that region's --s3-endpoint"));
  }
  // An answer without a code is to HEAD; one with other text is not a store's.
  if (response.status == 404 && (response.body.empty() || !error.code.empty())) {
    return absl::NotFoundError(said);
  }
  if (response.status == 401 || response.status == 403) return fix(RightsText(options));
  if (response.status == 507 || error.code == "QuotaExceeded" ||
      error.code == "XMinioStorageFull") {
    return absl::ResourceExhaustedError(
        absl::StrCat(said, ": the store has no space left; free some or raise its quota"));
  }
  if (IsWorthAnotherTry(response)) {
    return absl::UnavailableError(absl::StrCat(said, "; it is asked again"));
  }
  return fix("the store does not take this request; does it speak S3's API?");
}

absl::Status NoAnswer(const BucketOptions& options, const absl::Status& why) {
  return absl::Status(why.code(),
                      absl::StrCat(options.Url(), " at ", options.endpoint, ": ", why.message()));
}

}  // namespace alignflow
