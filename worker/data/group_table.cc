#include "worker/data/group_table.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "common/data/manifest.h"
#include "worker/data/image_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMostBytes = uintmax_t{256} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

constexpr std::string_view kSpaces = " \r";

struct Row {
  size_t line = 0;
  std::string name, group;
};

// What is wrong with a line, and of what kind that is.
class TableFaults {
 public:
  TableFaults(const fs::path& file, FaultList& faults) : file_(file), faults_(faults) {}

  void BadLine(size_t line, std::string_view reason) {
    Add("lines of groups.csv that cannot be read",
        "write NAME,GROUP on each line, a cell with a comma in quotation marks", line,
        std::string(reason));
  }
  void Unknown(const Row& row) {
    Add("rows of groups.csv without an image",
        "give an image's file name or stem, as UTF-8, or remove the row; a header is name,group",
        row.line, absl::StrCat("there is no image '", ShownPath(row.name), "'"));
  }
  void Twice(const Row& row, size_t first) {
    Add("images with several rows in groups.csv", "leave one row for each image", row.line,
        absl::StrCat("'", ShownPath(row.name), "' has a row already, line ", first));
  }

 private:
  void Add(const char* kind, const char* remedy, size_t line, const std::string& reason) {
    faults_.Add({.kind = kind,
                 .remedy = remedy,
                 .path = file_,
                 .reason = absl::StrCat("line ", line, ": ", reason)});
  }

  const fs::path& file_;
  FaultList& faults_;
};

std::string_view WithoutLeadingSpaces(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kSpaces), text.size()));
}
std::string_view WithoutTrailingSpaces(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

// The cells of a line; what is wrong with it goes to `fault`.
std::vector<std::string> Cells(std::string_view line, char separator, std::string& fault) {
  std::vector<std::string> cells;
  while (true) {
    line = WithoutLeadingSpaces(line);
    std::string cell;
    if (line.starts_with('"')) {
      line.remove_prefix(1);
      while (true) {
        const size_t quote = line.find('"');
        if (quote == std::string_view::npos) {
          fault = "a quotation mark is not closed";
          return {};
        }
        cell += line.substr(0, quote);
        line.remove_prefix(quote + 1);
        if (!line.starts_with('"')) break;
        cell += '"';
        line.remove_prefix(1);
      }
      line = WithoutLeadingSpaces(line);
      if (!line.empty() && line.front() != separator) {
        fault = "there is text behind a closing quotation mark";
        return {};
      }
    } else {
      const std::string_view text = line.substr(0, line.find(separator));
      cell = std::string(WithoutTrailingSpaces(text));
      line.remove_prefix(text.size());
    }
    cells.push_back(std::move(cell));
    if (line.empty()) return cells;
    line.remove_prefix(1);
  }
}

char SeparatorOf(std::string_view first_line) {
  for (const char separator : {',', ';', '\t'}) {
    if (first_line.find(separator) != std::string_view::npos) return separator;
  }
  return ',';
}

bool IsHeader(const Row& row) {
  static const std::set<std::string> kNames{"name", "stem", "image", "file"};
  static const std::set<std::string> kGroups{"group", "patient", "sequence", "examination"};
  return kNames.contains(absl::AsciiStrToLower(row.name)) &&
         kGroups.contains(absl::AsciiStrToLower(row.group));
}

std::optional<Row> ParseRow(std::string_view line, size_t number, char separator,
                            TableFaults& faults) {
  std::string fault;
  std::vector<std::string> cells = Cells(line, separator, fault);
  if (fault.empty() && cells.size() != 2) {
    fault = absl::StrCat("it has ", Counted(cells.size(), "cell"),
                         ", and a name and a group are needed");
  }
  if (fault.empty() && cells[0].empty()) fault = "the name is empty";
  if (fault.empty()) {
    if (const absl::Status group = CheckGroup(cells[1]); !group.ok())
      fault = std::string(group.message());
  }
  if (fault.empty()) return Row{number, std::move(cells[0]), std::move(cells[1])};
  faults.BadLine(number, fault);
  return std::nullopt;
}

std::vector<Row> ParseRows(std::string_view text, TableFaults& faults) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<Row> rows;
  std::optional<char> separator;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (WithoutLeadingSpaces(line).empty()) continue;
    const bool first = !separator;
    if (first) separator = SeparatorOf(line);
    std::optional<Row> row = ParseRow(line, number, *separator, faults);
    if (row && !(first && IsHeader(*row))) rows.push_back(*std::move(row));
  }
  return rows;
}

std::optional<std::string> ReadText(const fs::path& file, FaultList& faults) {
  std::error_code error;
  if (fs::file_size(file, error) > kMostBytes && !error) {
    faults.Add({.kind = "tables that are too large",
                .remedy = "write a line NAME,GROUP for each image and nothing else",
                .path = file,
                .reason = "has more than 256 MiB"});
    return std::nullopt;
  }
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in) return text;
  error = std::error_code(errno, std::generic_category());
  AccessFault access = ExplainAccess(file, error);
  faults.Add({.kind = "files and folders that cannot be read",
              .remedy = std::move(access.remedy),
              .path = file,
              .reason = std::move(access.reason),
              .permission = error == std::errc::permission_denied});
  return std::nullopt;
}

// Items with an image by their stems and by their files' names: a file of several frames is several
// items.
class ItemsByName {
 public:
  explicit ItemsByName(std::vector<FolderItem>& items) {
    for (FolderItem& item : items) {
      if (item.image.empty()) continue;
      stems_.try_emplace(item.name, std::vector{&item});
      files_[item.image.filename().string()].push_back(&item);
      const std::string stem = StemOf(item.image);
      if (stem != item.name && stem != item.image.filename()) files_[stem].push_back(&item);
    }
  }
  const std::vector<FolderItem*>& Find(const std::string& name) const {
    static const auto* const kNone = new std::vector<FolderItem*>;
    for (const auto* names : {&stems_, &files_}) {
      if (const auto found = names->find(name); found != names->end()) return found->second;
    }
    return *kNone;
  }

 private:
  std::unordered_map<std::string, std::vector<FolderItem*>> stems_, files_;
};

}  // namespace

size_t ReadGroups(const fs::path& file, std::vector<FolderItem>& items, FaultList& faults) {
  const std::optional<std::string> text = ReadText(file, faults);
  if (!text) return 0;
  TableFaults table(file, faults);
  const ItemsByName named(items);
  std::unordered_map<const FolderItem*, size_t> line_of;
  std::set<std::string> groups;
  for (const Row& row : ParseRows(*text, table)) {
    const std::vector<FolderItem*>& named_items = named.Find(row.name);
    if (named_items.empty()) table.Unknown(row);
    for (FolderItem* item : named_items) {
      const auto [first, added] = line_of.try_emplace(item, row.line);
      if (!added) {
        table.Twice(row, first->second);
        break;
      }
      item->group = row.group;
      groups.insert(row.group);
    }
  }
  for (const FolderItem& item : items) {
    if (item.image.empty() || !item.group.empty()) continue;
    faults.Add({.kind = "images without a row in groups.csv",
                .remedy = "add a line NAME,GROUP for each, with a group of its own where an image "
                          "belongs to none, or remove groups.csv",
                .path = item.image,
                .reason = "has no row in groups.csv"});
  }
  return groups.size();
}

}  // namespace alignflow
