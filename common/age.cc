#include "common/age.h"

#include <cmath>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr char kNever[] = "never";

std::optional<absl::Duration> Days(const std::string& text) {
  double days = 0;
  if (!absl::SimpleAtod(text, &days) || !std::isfinite(days)) return std::nullopt;
  return kDay * days;
}

// Abseil's units end with hours: days stand before them.
std::optional<absl::Duration> Read(const std::string& text) {
  if (const auto plain = Days(text)) return plain;
  const size_t at = text.find('d');
  absl::Duration rest = absl::ZeroDuration();
  if (at == std::string::npos) {
    if (absl::ParseDuration(text, &rest)) return rest;
    return std::nullopt;
  }
  const auto days = Days(text.substr(0, at));
  const std::string after = text.substr(at + 1);
  if (!days || (!after.empty() && !absl::ParseDuration(after, &rest))) return std::nullopt;
  return *days + rest;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseAge(const std::string& text) {
  if (text == kNever) return absl::InfiniteDuration();
  const auto age = Read(text);
  if (age && *age >= absl::ZeroDuration() && *age <= kMaxAge) return *age;
  return absl::InvalidArgumentError(
      absl::StrCat("'", text,
                   "' is no age; give days, or a number with its unit, such as 90d, 12h or 1d12h "
                   "(up to 100000d), 0 for at once, or never"));
}

std::string AgeText(absl::Duration age) {
  if (age == absl::InfiniteDuration()) return kNever;
  absl::Duration rest;
  const int64_t days = absl::IDivDuration(age, kDay, &rest);
  if (days == 0) return absl::FormatDuration(rest);
  return absl::StrCat(days, "d", rest == absl::ZeroDuration() ? "" : absl::FormatDuration(rest));
}

}  // namespace alignflow
