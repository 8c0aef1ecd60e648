#ifndef ALIGNFLOW_WORKER_DATA_ITEM_TABLE_H_
#define ALIGNFLOW_WORKER_DATA_ITEM_TABLE_H_

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "worker/data/fault_list.h"
#include "worker/data/item_check.h"

namespace alignflow {

// What a table in DIR beside the images says of each of them.
struct ItemTable {
  const char* file;                         // its name: "groups.csv"
  const char* what;                         // what it says: "group"
  const char* many;                         // several of these: "groups"
  std::string FolderItem::*value;           // where that goes
  std::vector<std::string> headers;         // the second cell of a first line that is a header
  absl::Status (*check)(std::string_view);  // whether a text is such a value
  const char* where_none;                   // remedy for images that it cannot be said of
};
const ItemTable& GroupsTable();   // groups.csv: patients, examinations, sequences
const ItemTable& ClassesTable();  // classes.csv: what an image as a whole shows

// All that there are.
const std::vector<const ItemTable*>& ItemTables();

// Reads those tables that lie in `dir`, and tells in `notes` what they say: "groups.csv: 12 images
// in 3 groups". To `faults` also go tables that are links out of `dir`. noun: what the items are,
// "image" or "volume".
void ReadItemTables(const std::filesystem::path& dir, const std::string& noun,
                    std::vector<FolderItem>& items, std::vector<std::string>& notes,
                    FaultList& faults);

// Fills in the value of every item that has an image from one table: a line NAME,VALUE for each
// image, by its file's name or stem. The separator is a comma, or a semicolon or a tab where the
// first line has no comma; cells may be quoted (RFC 4180, but for line breaks); a first line such
// as name,group is a header; blank lines do not count. UTF-8, with or without a mark.
//
// Returns the number of different values. To `faults` go lines that are no such rows, names that no
// image has, images with several rows or none, and a file that cannot be read.
size_t ReadItemTable(const ItemTable& table, const std::filesystem::path& file,
                     std::vector<FolderItem>& items, FaultList& faults);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_ITEM_TABLE_H_
