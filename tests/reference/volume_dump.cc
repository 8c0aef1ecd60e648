// Reads volumes as afctl does, for comparisons with other readers (tests/e2e/nifti_parity_test.py,
// series_parity_test.py):
//
//   volume-dump OUT < LINES
//
// A line is the path of a volume (a file, or a folder of a DICOM series), or those of a mask and of
// its image with a tab between. Of each a JSON line on stdout, with its number N from 0 on:
// {"size":[i,j,k], "affine":[12 numbers], ...} or {"error":"..."}. OUT/N.raw has the voxels as
// float32, i fastest.
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "worker/volumes/volume_formats.h"

namespace {

absl::StatusOr<alignflow::Volume> Read(const std::string& line) {
  const size_t tab = line.find('\t');
  if (tab == std::string::npos) return alignflow::ReadAnyVolume(line);
  const absl::StatusOr<alignflow::Volume> image = alignflow::ReadAnyVolume(line.substr(tab + 1));
  if (!image.ok()) return image;
  return alignflow::ReadAnyMask(line.substr(0, tab), image->grid);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  int number = 0;
  for (std::string path; std::getline(std::cin, path); ++number) {
    const absl::StatusOr<alignflow::Volume> volume = Read(path);
    nlohmann::json line;
    if (volume.ok()) {
      line = {{"size", volume->grid.size},
              {"affine", volume->grid.affine},
              {"modality", volume->modality},
              {"inverted", volume->inverted},
              {"tilted", volume->tilted}};
      std::ofstream(absl::StrCat(argv[1], "/", number, ".raw"), std::ios::binary)
          .write(reinterpret_cast<const char*>(volume->voxels.data()),
                 static_cast<std::streamsize>(volume->voxels.size() * sizeof(float)));
    } else {
      line = {{"error", std::string(volume.status().message())}};
    }
    std::cout << line.dump() << std::endl;
  }
  return 0;
}
