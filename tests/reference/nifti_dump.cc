// Reads NIfTI files as afctl does, for a comparison with nibabel (tests/e2e/nifti_parity_test.py):
//
//   nifti-dump OUT < PATHS
//
// Of each path a JSON line on stdout, with its number N from 0 on: {"size":[i,j,k],
// "affine":[12 numbers]} or {"error":"..."}. OUT/N.raw has the voxels as float32, i fastest.
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "worker/volumes/volume_file.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  int number = 0;
  for (std::string path; std::getline(std::cin, path); ++number) {
    const absl::StatusOr<alignflow::Volume> volume = alignflow::ReadVolume(path);
    nlohmann::json line;
    if (volume.ok()) {
      line = {{"size", volume->grid.size}, {"affine", volume->grid.affine}};
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
