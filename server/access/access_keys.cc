#include "server/access/access_keys.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/partial_file.h"

namespace alignflow {
namespace {

constexpr std::string_view kProduct = "alignflow_";
constexpr size_t kIdBytes = 6, kSecretBytes = 32;

std::string RandomHex(size_t bytes) {
  std::string random(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), static_cast<int>(bytes)) != 1) {
    throw std::runtime_error("OpenSSL has no random numbers");
  }
  return absl::BytesToHexString(random);
}

bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string DigestOfKey(const std::string& secret, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

absl::Status Unusable(const std::filesystem::path& file, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(
      file.string(), ": ", why,
      "; restore it from a backup of the state folder, or delete it and make new keys"));
}

}  // namespace

NewAccessKey MakeAccessKey(const std::string& server_secret, std::string name, Role role,
                           absl::Time now, absl::Time expires) {
  NewAccessKey made;
  made.key = {.id = RandomHex(kIdBytes),
              .name = std::move(name),
              .role = role,
              .tenant = kDefaultTenant,
              .digest = "",
              .create_time = now,
              .expire_time = expires};
  made.text = absl::StrCat(std::string(kProduct), made.key.id, "_", RandomHex(kSecretBytes));
  made.key.digest = DigestOfKey(server_secret, made.text);
  return made;
}

std::optional<std::string> IdOfKey(std::string_view text) {
  if (!text.starts_with(kProduct)) return std::nullopt;
  text.remove_prefix(kProduct.size());
  if (text.size() != 2 * kIdBytes + 1 + 2 * kSecretBytes || text[2 * kIdBytes] != '_') {
    return std::nullopt;
  }
  const std::string_view id = text.substr(0, 2 * kIdBytes);
  if (!IsLowerHex(id) || !IsLowerHex(text.substr(2 * kIdBytes + 1))) return std::nullopt;
  return std::string(id);
}

bool IsKey(const std::string& server_secret, std::string_view text, const AccessKey& key) {
  const std::string digest = DigestOfKey(server_secret, text);
  return digest.size() == key.digest.size() &&
         CRYPTO_memcmp(digest.data(), key.digest.data(), digest.size()) == 0;
}

absl::StatusOr<std::string> TakeServerSecret(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    const std::string secret = RandomHex(kSecretBytes);
    PartialFile made(file);
    absl::Status status = made.Append(secret + "\n");
    if (status.ok()) status = made.Sync();
    if (status.ok()) status = made.Rename();
    if (!status.ok()) return status;
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
  }
  std::ifstream in(file);
  std::string secret;
  if (!std::getline(in, secret)) return Unusable(file, "it can't be read");
  secret = std::string(absl::StripAsciiWhitespace(secret));
  if (!IsSha256Hex(secret)) return Unusable(file, "it holds no secret of 64 hexadecimal digits");
  return secret;
}

}  // namespace alignflow
