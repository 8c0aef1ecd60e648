#include "worker/volumes/volume_phantom.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <opencv2/core/types.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/parallel.h"
#include "common/partial_file.h"
#include "worker/data/phantom_random.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using cv::Point3f;

constexpr double kWidth = 320, kHeight = 240;  // millimetres of the field, of its slices together
constexpr uint8_t kOrgan = 1, kLesion = 2;
// Hounsfield units.
constexpr float kAir = -1000, kFat = -100, kSoft = 40, kBone = 380, kLiver = 110, kTumour = 50;

// What a scanner does to Hounsfield units.
struct Scanner {
  float contrast;  // of the organ to its surroundings
  float noise;     // deviation
  int blur;        // times that neighbours are mixed
};
Scanner ScannerOf(PhantomDomain domain) {
  if (domain == PhantomDomain::kTargetA) return {.contrast = 1.6F, .noise = 14, .blur = 0};
  if (domain == PhantomDomain::kTargetB) return {.contrast = 0.8F, .noise = 30, .blur = 1};
  return {.contrast = 1, .noise = 8, .blur = 1};
}

struct Ball {
  Point3f centre, radius;
};

// 1 on the ellipsoid's surface, less within.
float Reach(const Ball& ball, const Point3f& at) {
  const float x = (at.x - ball.centre.x) / ball.radius.x;
  const float y = (at.y - ball.centre.y) / ball.radius.y;
  const float z = (at.z - ball.centre.z) / ball.radius.z;
  return std::sqrt(x * x + y * y + z * z);
}

class Anatomy {
 public:
  Anatomy(uint64_t seed, int index)
      : random_({seed, static_cast<uint64_t>(index), 0x766f6c}), noise_(random_) {
    const auto drawn = [this](double low, double high) {
      return static_cast<float>(random_.Uniform(low, high));
    };
    body_ = {{0, 0, 0}, {drawn(130, 150), drawn(95, 112), 1e6F}};
    organ_ = {{drawn(35, 60), drawn(-5, 20), drawn(-20, 20)},
              {drawn(48, 66), drawn(38, 52), drawn(48, 72)}};
    const int lesions = 1 + static_cast<int>(random_.Chance(0.5));
    for (int i = 0; i < lesions; ++i) {
      const Point3f place{organ_.centre.x + organ_.radius.x * drawn(-0.4, 0.4),
                          organ_.centre.y + organ_.radius.y * drawn(-0.4, 0.4),
                          organ_.centre.z + organ_.radius.z * drawn(-0.4, 0.4)};
      const float radius = drawn(14, 24);
      lesions_.push_back({place, {radius, radius, radius}});
    }
  }

  // Value and label at a place in millimetres.
  std::pair<float, uint8_t> At(const Point3f& at, const Scanner& scanner) const {
    const float body = Reach(body_, at);
    if (body > 1) return {kAir, 0};
    if (body > 0.92F) return {kFat, 0};
    const float grain = noise_.Fractal({at.x / 18 + 9, at.y / 18 + 9, at.z / 18 + 9}, 2);
    const float soft = kSoft + 14 * grain;
    if (Reach({{0, -62, 0}, {17, 17, 1e6F}}, at) < 1) return {kBone, 0};
    const float edge = 0.18F * noise_.At({at.x / 45 + 3, at.y / 45 + 3, at.z / 45 + 3});
    if (Reach(organ_, at) + edge > 1) return {soft, 0};
    for (const Ball& lesion : lesions_) {
      if (Reach(lesion, at) + edge < 1) return {kTumour + 10 * grain, kLesion};
    }
    return {kSoft + (kLiver - kSoft) * scanner.contrast + 12 * grain, kOrgan};
  }

 private:
  PhantomRandom random_;
  NoiseVolume noise_;
  Ball body_, organ_;
  std::vector<Ball> lesions_;
};

// Mixes each voxel with its neighbours of one axis, whose voxels are `step` apart.
void Blur(std::vector<float>& voxels, int64_t step, int64_t length) {
  const std::vector<float> before = voxels;
  const auto count = static_cast<int64_t>(voxels.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = i / step % length;
    const float left = before[at > 0 ? i - step : i];
    const float right = before[at + 1 < length ? i + step : i];
    voxels[i] = 0.25F * left + 0.5F * before[i] + 0.25F * right;
  }
}

VolumeGrid GridOf(int size) {
  const int slices = std::max(8, size * 5 / 8);
  const double across = kWidth / size, along = kHeight / slices;
  VolumeGrid grid;
  grid.size = {size, size, slices};
  grid.affine = {across, 0, 0,     -across * (size - 1) / 2, 0, across, 0, -across * (size - 1) / 2,
                 0,      0, along, -along * (slices - 1) / 2};
  return grid;
}

absl::Status WriteFile(const fs::path& path, const std::string& bytes) {
  PartialFile file(path);
  absl::Status written = file.Append(bytes);
  return written.ok() ? file.Rename() : written;
}

absl::Status MakeEmptyFolder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return absl::PermissionDeniedError(absl::StrFormat("%s: %s", path.string(), error.message()));
  }
  if (fs::is_empty(path, error)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrFormat("%s: the folder is not empty; choose another, or remove it", path.string()));
}

}  // namespace

LabelTable VolumePhantomLabels() { return *LabelTable::Parse("organ=1,lesion=2"); }

absl::Status CheckVolumePhantomOptions(const VolumePhantomOptions& options) {
  if (options.count < 1 || options.count > 10000) {
    return absl::InvalidArgumentError(
        absl::StrFormat("count is %d; it must be between 1 and 10000 volumes", options.count));
  }
  if (options.size < 16 || options.size > 256) {
    return absl::InvalidArgumentError(
        absl::StrFormat("size is %d; it must be between 16 and 256 voxels", options.size));
  }
  return absl::OkStatus();
}

VolumePhantom MakeVolumePhantom(const VolumePhantomOptions& options, int index) {
  const Anatomy anatomy(options.seed, index);
  const Scanner scanner = ScannerOf(options.domain);
  VolumePhantom phantom;
  Volume &image = phantom.image, &mask = phantom.mask;
  image.grid = mask.grid = GridOf(options.size);
  const auto [nx, ny, nz] = image.grid.size;
  const std::array<double, 12>& affine = image.grid.affine;
  image.voxels.reserve(image.grid.voxels());
  mask.voxels.reserve(image.grid.voxels());
  for (int64_t k = 0; k < nz; ++k) {
    for (int64_t j = 0; j < ny; ++j) {
      for (int64_t i = 0; i < nx; ++i) {
        const auto along = [&](int axis, int64_t voxel) {
          return static_cast<float>(affine[5 * axis] * static_cast<double>(voxel) +
                                    affine[4 * axis + 3]);
        };
        const auto [value, label] = anatomy.At({along(0, i), along(1, j), along(2, k)}, scanner);
        image.voxels.push_back(value);
        mask.voxels.push_back(label);
      }
    }
  }
  for (int i = 0; i < scanner.blur; ++i) {
    Blur(image.voxels, 1, nx);
    Blur(image.voxels, nx, ny);
    Blur(image.voxels, nx * ny, nz);
  }
  PhantomRandom noise(
      {options.seed, static_cast<uint64_t>(index), static_cast<uint64_t>(options.domain) + 1});
  for (float& value : image.voxels) {
    value =
        std::clamp(value + scanner.noise * static_cast<float>(noise.Normal()), -1024.0F, 3071.0F);
  }
  return phantom;
}

absl::Status WriteVolumePhantoms(const VolumePhantomOptions& options, const fs::path& dir) {
  if (absl::Status s = CheckVolumePhantomOptions(options); !s.ok()) return s;
  for (const char* folder : {"images", "masks"}) {
    if (absl::Status s = MakeEmptyFolder(dir / folder); !s.ok()) return s;
  }
  std::mutex mutex;
  absl::Status result;
  ForEachOnAllCores(options.count, [&](size_t i) {
    const VolumePhantom phantom = MakeVolumePhantom(options, static_cast<int>(i));
    const std::string name = absl::StrFormat("%06d.nii.gz", i + 1);
    absl::Status written =
        WriteFile(dir / "images" / name, PackVolume(phantom.image, NiftiType::kInt16));
    written.Update(WriteFile(dir / "masks" / name, PackVolume(phantom.mask, NiftiType::kUint8)));
    const std::scoped_lock lock(mutex);
    result.Update(written);
    return result.ok();
  });
  if (result.ok()) return result;
  // A part of the set would be taken for the whole.
  std::error_code ignored;
  for (const char* folder : {"images", "masks"}) {
    for (const auto& entry : fs::directory_iterator(dir / folder, ignored)) {
      fs::remove(entry, ignored);
    }
  }
  return result;
}

}  // namespace alignflow
