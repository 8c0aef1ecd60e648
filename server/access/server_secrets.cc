#include "server/access/server_secrets.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/partial_file.h"
#include "server/access/access_keys.h"

namespace alignflow {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kIdDigits = 8;
constexpr size_t kMostSecrets = 16;

absl::Status Unusable(const std::filesystem::path& file, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(
      file.string(), ": ", why,
      "; restore it from a backup of the state folder, or delete it and make new keys"));
}

}  // namespace

std::string HmacSha256(const std::string& secret, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

bool EqualInConstantTime(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string IdOfSecret(const std::string& secret) {
  return Sha256OfString(absl::StrCat("the id of a server secret: ", secret)).substr(0, kIdDigits);
}

absl::StatusOr<ServerSecrets> ServerSecrets::Take(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    const ServerSecrets made(RandomHex(kKeyBytes));
    absl::Status status = made.Save(file);
    if (!status.ok()) return status;
  }
  std::ifstream in(file);
  std::vector<std::string> secrets;
  for (std::string line; std::getline(in, line);) {
    secrets.emplace_back(absl::StripAsciiWhitespace(line));
    if (!IsSha256Hex(secrets.back())) {
      return Unusable(file, "it holds no secret of 64 hexadecimal digits");
    }
  }
  if (secrets.empty()) return Unusable(file, "it can't be read");
  ServerSecrets read(secrets.front());
  read.secrets_ = std::move(secrets);
  return read;
}

absl::Status ServerSecrets::Save(const std::filesystem::path& file) const {
  PartialFile made(file);
  absl::Status status;
  for (const std::string& secret : secrets_) {
    if (status.ok()) status = made.Append(secret + "\n");
  }
  if (status.ok()) status = made.Sync();
  if (status.ok()) status = made.Rename();
  if (!status.ok()) return status;
  std::error_code error;
  std::filesystem::permissions(
      file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
  return absl::OkStatus();
}

const std::string* ServerSecrets::Find(const std::string& id) const {
  if (id.empty()) return &secrets_.back();
  for (const std::string& secret : secrets_) {
    if (IdOfSecret(secret) == id) return &secret;
  }
  return nullptr;
}

absl::Status ServerSecrets::Rotate() {
  if (secrets_.size() >= kMostSecrets) {
    return absl::FailedPreconditionError(
        absl::StrCat("there are ", old(), " old secrets already; drop them first (--drop-old)"));
  }
  secrets_.insert(secrets_.begin(), RandomHex(kKeyBytes));
  return absl::OkStatus();
}

}  // namespace alignflow
