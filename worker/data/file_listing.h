#ifndef ALIGNFLOW_WORKER_DATA_FILE_LISTING_H_
#define ALIGNFLOW_WORKER_DATA_FILE_LISTING_H_

#include <cstddef>
#include <filesystem>
#include <vector>

#include "worker/data/fault_list.h"

namespace alignflow {

// Reasons that several places give.
inline constexpr char kHidden[] = "hidden, or the operating system's own";
inline constexpr char kNoImages[] = "folders without images";

// The tables that may lie in DIR (item_table.h reads them).
inline constexpr char kGroupsFile[] = "groups.csv";
inline constexpr char kClassesFile[] = "classes.csv";
// Whether a file in DIR is one of them, and no image.
bool IsItemTable(const std::filesystem::path& file, const std::filesystem::path& dir);

// The image files of one folder, sorted by name. Whatever else lies there is told: files of other
// kinds, hidden ones and folders without images go to `left_out`, but for root's tables; to
// `faults` go folders that hold
// images (none is entered; those in `root` itself are the layout's to judge), links that lead out
// of `root` or nowhere, names that CheckItemName refuses, and a folder that may not be opened.
std::vector<std::filesystem::path> ListImages(const std::filesystem::path& folder,
                                              const std::filesystem::path& root,
                                              LeftOutList& left_out, FaultList& faults);

// How many files below `folder`, at any depth, have the name of an image; hidden ones aside, and
// links to folders not followed. Counting stops at kMostCounted.
inline constexpr size_t kMostCounted = 100000;
size_t CountImagesBelow(const std::filesystem::path& folder);

// Whether a name is hidden or the operating system's own: ".x", "Thumbs.db", "__MACOSX".
bool IsHidden(const std::filesystem::path& path);

// What a file that is not read is, and the remedy where there is one: "volumes are not read:
// export their slices as PNG".
std::string WhyNotRead(const std::filesystem::path& path);

// Adds a fault unless the file or folder, links resolved, lies inside of `root`.
bool CheckInside(const std::filesystem::path& path, const std::filesystem::path& root,
                 FaultList& faults);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_FILE_LISTING_H_
