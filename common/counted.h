#ifndef ALIGNFLOW_COMMON_COUNTED_H_
#define ALIGNFLOW_COMMON_COUNTED_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace alignflow {

// "1 image", "2 images": for words whose plural ends with an s.
inline std::string Counted(int64_t count, std::string_view word) {
  return absl::StrCat(count, " ", std::string(word), count == 1 ? "" : "s");
}

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_COUNTED_H_
