#ifndef ALIGNFLOW_CLIENT_IMAGE_OPTIONS_H_
#define ALIGNFLOW_CLIENT_IMAGE_OPTIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "worker/data/image_import.h"

namespace CLI {
class App;
}

namespace alignflow {

// --window and --stems, of every command that reads a folder of images.
struct ImageOptions {
  std::string window, stems;  // empty: not given
};
void AddImageOptions(CLI::App& command, ImageOptions& options);

// InvalidArgument, naming the option.
absl::StatusOr<ImportOptions> ParseImageOptions(const ImageOptions& options);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_IMAGE_OPTIONS_H_
