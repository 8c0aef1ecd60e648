#ifndef ALIGNFLOW_TESTS_WORKER_VOLUMES_NIFTI_BYTES_H_
#define ALIGNFLOW_TESTS_WORKER_VOLUMES_NIFTI_BYTES_H_

#include <cstdint>
#include <cstring>
#include <string>

namespace alignflow {

// A NIfTI-1 file of int16 voxels 0, 1, 2, ..., little endian, whose fields a test may change.
class NiftiBytes {
 public:
  NiftiBytes(int16_t nx, int16_t ny, int16_t nz) : bytes_(352, '\0') {
    Set(0, int32_t{348});
    Set(40, int16_t{3});
    Set(42, nx);
    Set(44, ny);
    Set(46, nz);
    for (int i = 4; i < 8; ++i) Set(40 + 2 * i, int16_t{1});
    Set(70, int16_t{4});
    Set(72, int16_t{16});
    for (int i = 0; i < 8; ++i) Set(76 + 4 * i, 1.0F);
    Set(108, 352.0F);
    Set(254, int16_t{1});
    for (int i = 0; i < 3; ++i) Set(280 + 20 * i, 1.0F);
    std::memcpy(bytes_.data() + 344, "n+1", 3);
    for (int i = 0; i < nx * ny * nz; ++i) {
      const auto value = static_cast<int16_t>(i);
      bytes_.append(reinterpret_cast<const char*>(&value), 2);
    }
  }

  template <typename T>
  NiftiBytes& Set(size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof(value));
    return *this;
  }
  NiftiBytes& Text(size_t at, const std::string& text) {
    bytes_.replace(at, text.size(), text);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_VOLUMES_NIFTI_BYTES_H_
