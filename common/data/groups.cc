#include "common/data/groups.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"

namespace alignflow {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

bool IsWordWithNumber(std::string_view text) {
  return !text.empty() && IsLetter(text.front()) && IsDigit(text.back());
}

// Takes the digits that `text` begins with; false if there are none.
bool TakeDigits(std::string_view& text) {
  const size_t end = text.find_first_not_of("0123456789");
  if (text.empty() || end == 0) return false;
  text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  return true;
}

bool Take(std::string_view word, std::string_view& text) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// 176OLCV1
bool IsOlympusExamination(std::string_view text) {
  return TakeDigits(text) && Take("OLCV", text) && TakeDigits(text) && text.empty();
}

// 100H0537 or 100S0005
bool IsOlympusPicture(std::string_view text) {
  return TakeDigits(text) && (Take("H", text) || Take("S", text)) && TakeDigits(text) &&
         text.empty();
}

}  // namespace

std::string GroupOfName(std::string_view name) {
  const size_t end = name.rfind('_');
  if (end == std::string_view::npos) return "";
  const std::string_view before = name.substr(0, end), after = name.substr(end + 1);
  const bool known = (IsWordWithNumber(before) && IsWordWithNumber(after)) ||
                     (IsOlympusExamination(before) && IsOlympusPicture(after));
  return known ? std::string(before) : "";
}

std::string GroupOf(const DatasetItem& item) {
  return item.group.empty() ? GroupOfName(item.name) : item.group;
}

std::vector<int> FoldsOf(const std::vector<std::string>& groups, int folds) {
  std::map<std::string, std::vector<size_t>> named;
  std::vector<std::vector<size_t>> members;  // of each group
  for (size_t image = 0; image < groups.size(); ++image) {
    if (groups[image].empty()) {
      members.push_back({image});
    } else {
      named[groups[image]].push_back(image);
    }
  }
  for (auto& [name, images] : named) members.push_back(std::move(images));
  if (members.size() < static_cast<size_t>(folds)) {
    members.clear();
    for (size_t image = 0; image < groups.size(); ++image) members.push_back({image});
  }
  // The largest first, each to the smallest part.
  std::ranges::stable_sort(members, std::greater<>(),
                           [](const auto& images) { return images.size(); });
  std::vector<size_t> sizes(folds, 0);
  std::vector<int> parts(groups.size(), 0);
  for (const std::vector<size_t>& images : members) {
    const auto smallest = std::ranges::min_element(sizes);
    *smallest += images.size();
    for (const size_t image : images) parts[image] = static_cast<int>(smallest - sizes.begin());
  }
  return parts;
}

std::set<size_t> RowsOfLearnedGroups(const std::vector<SetMember>& target,
                                     std::set<std::string> learned,
                                     const std::vector<SameMember>& same) {
  for (const SameMember& one : same) learned.insert(target[one.row].group);
  learned.erase("");
  std::set<size_t> rows;
  for (size_t row = 0; row < target.size(); ++row) {
    if (learned.contains(target[row].group)) rows.insert(row);
  }
  return rows;
}

}  // namespace alignflow
