#ifndef ALIGNFLOW_COMMON_RESOURCE_NAME_H_
#define ALIGNFLOW_COMMON_RESOURCE_NAME_H_

#include <string_view>

namespace alignflow {

// Whether a text can be the ID in datasets/ID, jobs/ID or models/ID: 1 to 63 lower-case letters,
// digits, '-' and '_', beginning with a letter or digit.
bool IsResourceId(std::string_view id);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_RESOURCE_NAME_H_
