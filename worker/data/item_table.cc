#include "worker/data/item_table.h"

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
#include "worker/data/file_listing.h"
#include "worker/data/image_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMostBytes = uintmax_t{256} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

constexpr std::string_view kSpaces = " \r";

struct Row {
  size_t line = 0;
  std::string name, value;
};

// What is wrong with a line, and of what kind that is.
class TableFaults {
 public:
  TableFaults(const ItemTable& table, const fs::path& file, FaultList& faults)
      : table_(table), file_(file), faults_(faults) {}

  const ItemTable& table() const { return table_; }

  void BadLine(size_t line, std::string_view reason) {
    Add(absl::StrCat("lines of ", table_.file, " that cannot be read"),
        absl::StrCat("write NAME,", absl::AsciiStrToUpper(table_.what),
                     " on each line, a cell with a comma in quotation marks"),
        line, std::string(reason));
  }
  void Unknown(const Row& row) {
    Add(absl::StrCat("rows of ", table_.file, " without an image"),
        absl::StrCat("give an image's file name or stem, as UTF-8, or remove the row; a header is "
                     "name,",
                     table_.what),
        row.line, absl::StrCat("there is no image '", ShownPath(row.name), "'"));
  }
  void Twice(const Row& row, size_t first) {
    Add(absl::StrCat("images with several rows in ", table_.file), "leave one row for each image",
        row.line, absl::StrCat("'", ShownPath(row.name), "' has a row already, line ", first));
  }

 private:
  void Add(std::string kind, std::string remedy, size_t line, const std::string& reason) {
    faults_.Add({.kind = std::move(kind),
                 .remedy = std::move(remedy),
                 .path = file_,
                 .reason = absl::StrCat("line ", line, ": ", reason)});
  }

  const ItemTable& table_;
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

bool IsHeader(const ItemTable& table, const Row& row) {
  static const std::set<std::string> kNames{"name", "stem", "image", "file"};
  return kNames.contains(absl::AsciiStrToLower(row.name)) &&
         std::ranges::find(table.headers, absl::AsciiStrToLower(row.value)) != table.headers.end();
}

std::optional<Row> ParseRow(std::string_view line, size_t number, char separator,
                            TableFaults& faults) {
  std::string fault;
  std::vector<std::string> cells = Cells(line, separator, fault);
  if (fault.empty() && cells.size() != 2) {
    fault = absl::StrCat("it has ", Counted(cells.size(), "cell"), ", and a name and a ",
                         faults.table().what, " are needed");
  }
  if (fault.empty() && cells[0].empty()) fault = "the name is empty";
  if (fault.empty()) {
    if (const absl::Status value = faults.table().check(cells[1]); !value.ok())
      fault = std::string(value.message());
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
    if (row && !(first && IsHeader(faults.table(), *row))) rows.push_back(*std::move(row));
  }
  return rows;
}

std::optional<std::string> ReadText(const ItemTable& table, const fs::path& file,
                                    FaultList& faults) {
  std::error_code error;
  if (fs::file_size(file, error) > kMostBytes && !error) {
    faults.Add({.kind = "tables that are too large",
                .remedy = absl::StrCat("write a line NAME,", absl::AsciiStrToUpper(table.what),
                                       " for each image and nothing else"),
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

const ItemTable& GroupsTable() {
  static const auto* const table =
      new ItemTable{.file = kGroupsFile,
                    .what = "group",
                    .many = "groups",
                    .value = &FolderItem::group,
                    .headers = {"group", "patient", "sequence", "examination"},
                    .check = CheckGroup,
                    .where_none = "with a group of its own where an image belongs to none, "};
  return *table;
}

const ItemTable& ClassesTable() {
  static const auto* const table = new ItemTable{.file = kClassesFile,
                                                 .what = "class",
                                                 .many = "classes",
                                                 .value = &FolderItem::image_class,
                                                 .headers = {"class", "label", "diagnosis"},
                                                 .check = CheckImageClass,
                                                 .where_none = ""};
  return *table;
}

size_t ReadItemTable(const ItemTable& table, const fs::path& file, std::vector<FolderItem>& items,
                     FaultList& faults) {
  const std::optional<std::string> text = ReadText(table, file, faults);
  if (!text) return 0;
  TableFaults table_faults(table, file, faults);
  const ItemsByName named(items);
  std::unordered_map<const FolderItem*, size_t> line_of;
  std::set<std::string> values;
  for (const Row& row : ParseRows(*text, table_faults)) {
    const std::vector<FolderItem*>& named_items = named.Find(row.name);
    if (named_items.empty()) table_faults.Unknown(row);
    for (FolderItem* item : named_items) {
      const auto [first, added] = line_of.try_emplace(item, row.line);
      if (!added) {
        table_faults.Twice(row, first->second);
        break;
      }
      item->*table.value = row.value;
      values.insert(row.value);
    }
  }
  for (const FolderItem& item : items) {
    if (item.image.empty() || !(item.*table.value).empty()) continue;
    faults.Add({.kind = absl::StrCat("images without a row in ", table.file),
                .remedy = absl::StrCat("add a line NAME,", absl::AsciiStrToUpper(table.what),
                                       " for each, ", table.where_none, "or remove ", table.file),
                .path = item.image,
                .reason = absl::StrCat("has no row in ", table.file)});
  }
  return values.size();
}

const std::vector<const ItemTable*>& ItemTables() {
  static const auto* const tables =
      new std::vector<const ItemTable*>{&GroupsTable(), &ClassesTable()};
  return *tables;
}

void ReadItemTables(const fs::path& dir, const std::string& noun, std::vector<FolderItem>& items,
                    std::vector<std::string>& notes, FaultList& faults) {
  for (const ItemTable* table : ItemTables()) {
    const fs::path file = dir / table->file;
    std::error_code error;
    const bool there = fs::exists(fs::symlink_status(file, error));
    if (!there || !CheckInside(file, dir, faults)) continue;
    const size_t faults_before = faults.size();
    const size_t values = ReadItemTable(*table, file, items, faults);
    if (faults.size() > faults_before) continue;
    notes.push_back(absl::StrCat(table->file, ": ", Counted(items.size(), noun), " in ", values,
                                 " ", values == 1 ? table->what : table->many));
  }
}

}  // namespace alignflow
