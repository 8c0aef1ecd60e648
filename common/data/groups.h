#ifndef ALIGNFLOW_COMMON_DATA_GROUPS_H_
#define ALIGNFLOW_COMMON_DATA_GROUPS_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/fingerprint.h"
#include "common/data/manifest.h"

// Which images are of one patient, examination or video sequence, and so no independent evidence.
// Pure functions, thread-safe.
namespace alignflow {

// What an image's name tells, empty for a name that tells nothing: a group by itself. Two forms are
// known, and nothing else is guessed from a name, since a prefix may as well be a hospital's:
//   seq05_frame079      "seq05": before and after the last '_' there is a letter first and a digit
//                       last (CVC-ClinicDB's frames of video sequences)
//   176OLCV1_100H0537   "176OLCV1": an Olympus processor's examination and picture (PolypGen, C1)
std::string GroupOfName(std::string_view name);

// The group that was given for an item, or else what its name tells.
std::string GroupOf(const DatasetItem& item);

// The rows of `target` that are of a group of which something was learned: one in `learned`, or
// that of a target image which was itself learned from, the rows of `same`.
std::set<size_t> RowsOfLearnedGroups(const std::vector<SetMember>& target,
                                     std::set<std::string> learned,
                                     const std::vector<SameMember>& same);

// Splits images into `folds` parts for cross-fitting, numbered from 0: the part of each image. A
// group's images are in one part, an empty group is an image by itself; parts are as equal as
// groups let them be, and a part may be empty where there are fewer images than parts. Where there
// are fewer groups than parts, every image counts as a group. Depends on nothing but the arguments.
std::vector<int> FoldsOf(const std::vector<std::string>& groups, int folds);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_GROUPS_H_
