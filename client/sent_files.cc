#include "client/sent_files.h"

#include <map>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/digest.h"

namespace alignflow {
namespace {

constexpr size_t kDigestDigits = 64;

// Takes `text` away from the start of `rest`, if it is there.
bool Take(std::string_view& rest, std::string_view text) {
  if (!rest.starts_with(text)) return false;
  rest.remove_prefix(text.size());
  return true;
}

// The path of the item that `rest` begins with an index of, "3] 'a', mask: ...", and takes it away;
// empty, and nothing is taken, where there is no such item.
std::string TakeItem(std::string_view& rest, const std::vector<FolderItem>& items) {
  std::string_view left = rest;
  const size_t digits = left.find(']');
  size_t index = 0;
  if (digits == std::string_view::npos ||
      !absl::SimpleAtoi(std::string(left.substr(0, digits)), &index) || index >= items.size()) {
    return "";
  }
  left.remove_prefix(digits + 1);
  Take(left, absl::StrCat(" '", items[index].name, "'"));
  const bool mask = Take(left, ", mask") || Take(left, ".mask");
  if (!mask)
    static_cast<void>(Take(left, ", image") || Take(left, ".image") || Take(left, ".stem"));
  rest = left;
  return ShownPath(mask ? items[index].GivenMask() : items[index].GivenImage());
}

std::map<std::string, std::string> PathsByDigest(const std::vector<FolderItem>& items,
                                                 const DescribedFolder& files) {
  std::map<std::string, std::string> paths;
  for (size_t i = 0; i < files.images.size(); ++i) {
    paths.emplace(files.images[i].blob.sha256, ShownPath(items[i].GivenImage()));
  }
  for (size_t i = 0; i < files.masks.size(); ++i) {
    paths.emplace(files.masks[i].blob.sha256, ShownPath(items[i].GivenMask()));
  }
  return paths;
}

std::string NameFiles(std::string_view rest, const std::vector<FolderItem>& items,
                      const DescribedFolder& files) {
  std::map<std::string, std::string> paths;  // made when the first blob is met
  std::string text, item;                    // `item`: the path written last
  while (!rest.empty()) {
    if (std::string_view after = rest;
        Take(after, "manifest.items[") || Take(after, "spec.references[")) {
      if (const std::string path = TakeItem(after, items); !path.empty()) {
        item = path;
        absl::StrAppend(&text, path);
        rest = after;
        continue;
      }
    }
    if (std::string_view after = rest;
        Take(after, "blob ") && IsSha256Hex(after.substr(0, kDigestDigits))) {
      if (paths.empty()) paths = PathsByDigest(items, files);
      const auto found = paths.find(std::string(after.substr(0, kDigestDigits)));
      if (found != paths.end()) {
        // "PATH: blob X is gone" names the file once; several files may have the same bytes.
        const bool named = !item.empty() && absl::EndsWith(text, item + ": ");
        absl::StrAppend(&text, named ? "the file" : found->second);
        rest = after.substr(kDigestDigits);
        continue;
      }
    }
    text += rest.front();
    rest.remove_prefix(1);
  }
  return text;
}

}  // namespace

absl::Status WithPaths(const absl::Status& status, const std::vector<FolderItem>& items,
                       const DescribedFolder& files) {
  if (status.ok()) return status;
  const std::string text(status.message());
  // What is done about a blob is for programs; a user has a command.
  return absl::Status(
      status.code(),
      absl::StrReplaceAll(NameFiles(text, items, files),
                          {{"; write it, then try again", "; run the command again"},
                           {"; push it first", "; push it first with `afctl dataset push`"}}));
}

}  // namespace alignflow
