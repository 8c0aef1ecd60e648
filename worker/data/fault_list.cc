#include "worker/data/fault_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr size_t kNamesInASentence = 10;

}  // namespace

std::string ShownPath(const fs::path& path, const fs::path& root) {
  std::string shown = path.string();
  if (!root.empty()) {
    const fs::path below = path.lexically_relative(root);
    if (!below.empty() && below != "." && *below.begin() != "..") shown = below.string();
  }
  // JSON's escapes tell what is there, and its writer replaces what is no UTF-8.
  const std::string quoted = Json(shown).dump(-1, ' ', false, Json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

Fault FaultOf(const absl::Status& status, const fs::path& path, std::string_view kind) {
  std::string text(status.message());
  const std::string prefix = absl::StrCat(ShownPath(path), ": ");
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  const size_t end = std::min(text.find("; "), text.size());
  return {.kind = std::string(kind),
          .remedy = end < text.size() ? text.substr(end + 2) : "leave the file out",
          .path = path,
          .reason = text.substr(0, end),
          .permission = absl::IsPermissionDenied(status)};
}

std::string FirstTen(const std::vector<std::string>& names, size_t count) {
  const size_t shown = std::min(names.size(), kNamesInASentence);
  std::string text = absl::StrJoin(names.begin(), names.begin() + shown, ", ");
  if (count > shown) absl::StrAppend(&text, " and ", count - shown, " more");
  return text;
}

void FaultList::Add(Fault fault) {
  const auto [at, added] = group_of_.try_emplace({fault.kind, fault.remedy}, groups_.size());
  if (added) groups_.emplace_back();
  Group& group = groups_[at->second];
  ++group.count;
  ++count_;
  permissions_only_ = permissions_only_ && fault.permission;
  if (group.named.size() < kNamed) group.named.push_back(std::move(fault));
}

absl::Status FaultList::ToStatus() const {
  if (empty()) return absl::OkStatus();
  const auto code =
      permissions_only_ ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kInvalidArgument;
  if (count_ == 1) {
    const Fault& fault = groups_.front().named.front();
    return absl::Status(
        code, absl::StrCat(ShownPath(fault.path), ": ", fault.reason, "; ", fault.remedy));
  }
  std::string text = absl::StrCat(ShownPath(root_), ": ", count_, " faults");
  for (const Group& group : groups_) {
    const Fault& first = group.named.front();
    absl::StrAppend(&text, "\n  ", first.kind, " (", group.count, "): ", first.remedy);
    for (const Fault& fault : group.named) {
      absl::StrAppend(&text, "\n    ", ShownPath(fault.path, root_), ": ", fault.reason);
    }
    if (group.count > group.named.size()) {
      absl::StrAppend(&text, "\n    and ", group.count - group.named.size(), " more");
    }
  }
  return absl::Status(code, text);
}

void LeftOutList::Add(const fs::path& path, std::string_view reason, std::string_view detail) {
  const std::string folder = ShownPath(path.parent_path(), root_);
  Group& group = groups_[{folder, std::string(reason)}];
  ++group.count;
  if (group.names.size() == kNamesInASentence) return;
  group.names.push_back(ShownPath(path.filename()));
  if (!detail.empty()) absl::StrAppend(&group.names.back(), " ", std::string(detail));
}

std::vector<std::string> LeftOutList::Sentences() const {
  std::vector<std::string> sentences;
  for (const auto& [key, group] : groups_) {
    sentences.push_back(absl::StrCat(key.first, ": ", Sentence(key.second, group)));
  }
  return sentences;
}

std::vector<std::string> LeftOutList::SentencesOf(const fs::path& folder) const {
  std::vector<std::string> sentences;
  const std::string name = ShownPath(folder, root_);
  for (auto it = groups_.lower_bound({name, ""}); it != groups_.end() && it->first.first == name;
       ++it) {
    sentences.push_back(Sentence(it->first.second, it->second));
  }
  return sentences;
}

std::string LeftOutList::Sentence(const std::string& reason, const Group& group) {
  return absl::StrCat(group.count, " left out (", reason,
                      "): ", FirstTen(group.names, group.count));
}

}  // namespace alignflow
