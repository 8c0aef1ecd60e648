#ifndef ALIGNFLOW_WORKER_DATA_GROUP_TABLE_H_
#define ALIGNFLOW_WORKER_DATA_GROUP_TABLE_H_

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "worker/data/fault_list.h"
#include "worker/data/item_check.h"

namespace alignflow {

// Fills in the group of every item that has an image from DIR/groups.csv: a line NAME,GROUP for
// each image, by its file's name or stem. The separator is a comma, or a semicolon or a tab where
// the first line has no comma; cells may be quoted (RFC 4180, but for line breaks); a first line
// such as name,group is a header; blank lines do not count. UTF-8, with or without a mark.
//
// Returns the number of groups. To `faults` go lines that are no such rows, names that no image
// has, images with several rows or none, and a file that cannot be read.
size_t ReadGroups(const std::filesystem::path& file, std::vector<FolderItem>& items,
                  FaultList& faults);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_GROUP_TABLE_H_
