#ifndef ALIGNFLOW_COMMON_VERSION_H_
#define ALIGNFLOW_COMMON_VERSION_H_

#include <string_view>

namespace alignflow {

// The version in the top CMakeLists.txt, such as "0.1.0".
std::string_view Version();

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_VERSION_H_
