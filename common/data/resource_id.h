#ifndef ALIGNFLOW_COMMON_DATA_RESOURCE_ID_H_
#define ALIGNFLOW_COMMON_DATA_RESOURCE_ID_H_

#include <string>

#include "absl/status/status.h"

namespace alignflow {

// Whether a text can be the id in a resource name such as "datasets/x": 1 to 63 lower-case letters,
// digits, '-' and '_', beginning with a letter or digit.
bool IsId(const std::string& id);

// InvalidArgument, with the form, unless `id` is one. `field` names what it was given as.
absl::Status CheckId(const std::string& id, const std::string& field);

// Only the start of a text that may be long or unprintable, in quotation marks.
std::string Quoted(const std::string& text);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_RESOURCE_ID_H_
