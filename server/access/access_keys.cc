#include "server/access/access_keys.h"

#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/access/server_secrets.h"

namespace alignflow {
namespace {

constexpr std::string_view kProduct = "alignflow_";
constexpr size_t kIdBytes = 6, kSecretBytes = 32;

bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string RandomHex(size_t bytes) {
  std::string random(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), static_cast<int>(bytes)) != 1) {
    throw std::runtime_error("OpenSSL has no random numbers");
  }
  return absl::BytesToHexString(random);
}

absl::Status CheckKeyName(const std::string& name, const std::string& field) {
  if (name.size() <= kMaxKeyNameBytes &&
      std::ranges::none_of(name, [](unsigned char c) { return c < 32 || c == 127; })) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": at most ", kMaxKeyNameBytes, " bytes and no control characters"));
}

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
  made.key.digest = HmacSha256(server_secret, made.text);
  made.key.secret = IdOfSecret(server_secret);
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
  return EqualInConstantTime(HmacSha256(server_secret, text), key.digest);
}

}  // namespace alignflow
