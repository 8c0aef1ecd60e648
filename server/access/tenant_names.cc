#include "server/access/tenant_names.h"

#include "absl/strings/str_cat.h"
#include "common/digest.h"

namespace alignflow {
namespace {

constexpr char kMark = '\x1f';  // begins scoped texts

}  // namespace

std::string ScopedId(const std::string& tenant, const std::string& id) {
  return tenant == kDefaultTenant ? id : absl::StrCat(tenant, "/", id);
}

std::string PublicId(const std::string& scoped) {
  return scoped.substr(scoped.find('/') + 1);  // npos + 1 is 0
}

std::string ScopedText(const std::string& tenant, const std::string& text) {
  const bool plain = tenant == kDefaultTenant && !text.starts_with(kMark);
  if (text.empty() || plain) return text;
  return absl::StrCat(std::string(1, kMark), tenant, "/", text);
}

std::string ScopedTaskKey(const std::string& tenant, const std::string& key) {
  return tenant == kDefaultTenant ? key : Sha256OfString(absl::StrCat(tenant, "/", key));
}

}  // namespace alignflow
