#ifndef ALIGNFLOW_COMMON_DATA_TIFF_PAGES_H_
#define ALIGNFLOW_COMMON_DATA_TIFF_PAGES_H_

#include <string_view>

namespace alignflow {

// The number of pictures in a TIFF file, of which decoders return the first. Smaller versions of
// another picture and transparency masks do not count. 1 for bytes that are no TIFF; at most
// kMaxTiffPages. Every read is bounds-checked, so damaged files are safe. Thread-safe.
inline constexpr int kMaxTiffPages = 100000;
int CountTiffPages(std::string_view bytes);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_TIFF_PAGES_H_
