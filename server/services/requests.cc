#include "server/services/requests.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/resource_name.h"

namespace alignflow {
namespace {

constexpr int kPageOfRequests = 100;
constexpr int kMaxPage = 1000;

// Only the start of a text that may be long or unprintable.
std::string Quoted(const std::string& text) {
  std::string start = text.substr(0, 80);
  for (char& c : start) {
    if (c < 0x20 || c == 0x7f) c = '?';
  }
  return absl::StrCat("'", start, start.size() < text.size() ? "...'" : "'");
}

}  // namespace

absl::Status CheckId(const std::string& id, const std::string& field) {
  if (IsResourceId(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", Quoted(id),
                   " is no name; take 1 to 63 lower-case letters, digits, '-' and '_', beginning "
                   "with a letter or digit"));
}

absl::StatusOr<std::string> ParseName(const std::string& name, const std::string& collection,
                                      const std::string& field) {
  const std::string prefix = absl::StrCat(collection, "/");
  if (name.starts_with(prefix) && IsResourceId(name.substr(prefix.size()))) {
    return name.substr(prefix.size());
  }
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", Quoted(name), " is no resource name; give ", prefix,
                   "ID, with an ID of 1 to 63 lower-case letters, digits, '-' and '_'"));
}

absl::StatusOr<Page> ParsePage(int size, const std::string& token) {
  if (size < 0) return absl::InvalidArgumentError("page_size: give 0 (for 100) to 1000");
  Page page;
  page.size = size == 0 ? kPageOfRequests : std::min(size, kMaxPage);
  page.before = std::numeric_limits<int64_t>::max();
  if (!token.empty() && !absl::SimpleAtoi(token, &page.before)) {
    return absl::InvalidArgumentError(
        "page_token: give the next_page_token of the answer before, or none");
  }
  return page;
}

std::string PageToken(int64_t last_sequence) { return absl::StrCat(last_sequence); }

absl::Status CheckLabelCount(int count) {
  constexpr int kMaxLabels = 32;
  if (count <= kMaxLabels) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("labels: give at most ", kMaxLabels));
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  const int64_t micros = absl::ToUnixMicros(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(micros / 1000000);
  timestamp.set_nanos(static_cast<int32_t>(micros % 1000000 * 1000));
  return timestamp;
}

}  // namespace alignflow
