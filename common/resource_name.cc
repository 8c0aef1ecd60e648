#include "common/resource_name.h"

#include <algorithm>

namespace alignflow {
namespace {

constexpr size_t kMaxIdBytes = 63;

bool IsAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool IsResourceId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && IsAlphanumeric(id.front()) &&
         std::ranges::all_of(id, [](char c) { return IsAlphanumeric(c) || c == '-' || c == '_'; });
}

}  // namespace alignflow
