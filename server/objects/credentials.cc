#include "server/objects/credentials.h"

#include <cstdlib>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<S3Keys> FromEnvironment() {
  S3Keys keys{.access_key = Variable("AWS_ACCESS_KEY_ID"),
              .secret_key = Variable("AWS_SECRET_ACCESS_KEY"),
              .session_token = Variable("AWS_SESSION_TOKEN")};
  if (!keys.access_key.empty() && !keys.secret_key.empty()) return keys;
  return absl::FailedPreconditionError(
      "the object store's keys are missing: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
      "coordinator's environment, or give --s3-credentials FILE");
}

absl::Status UnusableCredentials(const fs::path& file, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat("--s3-credentials ", file.string(), ": ", why));
}

}  // namespace

absl::StatusOr<S3Keys> CredentialsSource::FromFile() const {
  std::error_code error;
  const fs::perms mode = fs::status(file_, error).permissions();
  if (!error && (mode & fs::perms::others_read) != fs::perms::none) {
    return UnusableCredentials(file_, "everybody may read it; take that right away (chmod o-r)");
  }
  std::ifstream in(file_);
  if (error || !in)
    return UnusableCredentials(file_, "can't be read; give a file that this user may read");
  S3Keys keys;
  bool in_default = true;  // a file without profiles has one
  for (std::string line; std::getline(in, line);) {
    const std::string text(absl::StripAsciiWhitespace(line));
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    if (text.front() == '[') {
      in_default = text == "[default]";
      continue;
    }
    const size_t equals = text.find('=');
    if (!in_default || equals == std::string::npos) continue;
    const std::string name(absl::StripAsciiWhitespace(text.substr(0, equals)));
    const std::string value(absl::StripAsciiWhitespace(text.substr(equals + 1)));
    if (name == "aws_access_key_id") keys.access_key = value;
    if (name == "aws_secret_access_key") keys.secret_key = value;
    if (name == "aws_session_token") keys.session_token = value;
  }
  if (!keys.access_key.empty() && !keys.secret_key.empty()) return keys;
  return UnusableCredentials(
      file_,
      "has no aws_access_key_id and aws_secret_access_key in its profile [default]; "
      "write them as `aws configure` does");
}

absl::StatusOr<S3Keys> CredentialsSource::Get() {
  if (file_.empty()) return FromEnvironment();
  std::error_code error;
  const fs::file_time_type changed = fs::last_write_time(file_, error);
  absl::MutexLock lock(&mutex_);
  if (!error && !kept_.secret_key.empty() && changed == read_) return kept_;
  absl::StatusOr<S3Keys> keys = FromFile();
  if (!keys.ok()) return keys;
  read_ = changed;
  kept_ = *keys;
  return keys;
}

}  // namespace alignflow
