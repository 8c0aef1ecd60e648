#include "client/image_options.h"

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_conversion.h"

namespace alignflow {

void AddImageOptions(CLI::App& command, ImageOptions& options) {
  command
      .add_option(
          "--window", options.window,
          absl::StrCat("which values of greys of more than 8 bits (DICOM, PNG, TIFF, volumes) "
                       "are shown from black to white: centre and width, in Hounsfield "
                       "units of a CT; one of ",
                       absl::StrJoin(WindowNames(), ", "),
                       "; or percentiles, for what 0.5 % and 99.5 % of the set's values "
                       "(of a volume, of its own) lie below, as files without a window and "
                       "volumes are shown in any case"))
      ->type_name("CENTRE,WIDTH|NAME");
  command
      .add_option("--stems", options.stems,
                  "what images are called: by their files' names, or by numbers in the order of "
                  "these; without it numbers where there are DICOM files, whose names may be those "
                  "of patients")
      ->type_name("keep|number")
      ->check(CLI::IsMember({"keep", "number"}));
}

absl::StatusOr<ImportOptions> ParseImageOptions(const ImageOptions& options) {
  ImportOptions import;
  if (options.stems == "keep") import.stems = StemRule::kKeep;
  if (options.stems == "number") import.stems = StemRule::kNumber;
  if (options.window.empty()) return import;
  if (options.window == "percentiles") {
    import.percentiles = true;
    return import;
  }
  auto window = ParseWindow(options.window);
  if (!window.ok()) return Annotate(window.status(), "--window");
  import.window = *std::move(window);
  return import;
}

}  // namespace alignflow
