// A large dataset of made-up images in little time, for benchmarks/large_source.py: a few phantoms
// are drawn, and each image is one of them, mirrored, moved by a number of its own and with other
// light, so that no two are equal. JPEG images and PNG masks of 1024 x 1024 pixels.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <thread>
#include <vector>

#include "worker/data/phantom.h"

namespace alignflow {
namespace {

constexpr int kSize = 1024;
constexpr int kDistinct = 24;

void Write(const std::filesystem::path& file, const cv::Mat& pixels, const std::vector<int>& how) {
  std::vector<uint8_t> bytes;
  cv::imencode(file.extension().string(), pixels, bytes, how);
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void WriteItem(const std::filesystem::path& folder, const std::vector<Phantom>& drawn, int number) {
  const Phantom& phantom = drawn[number % kDistinct];
  const int variant = number / kDistinct;
  const double dx = (variant * 37) % 160 - 80, dy = (variant * 61) % 160 - 80;
  const cv::Matx23d move(1, 0, dx, 0, 1, dy);
  cv::Mat image, mask;
  cv::warpAffine(phantom.image, image, move, phantom.image.size(), cv::INTER_NEAREST,
                 cv::BORDER_REFLECT);
  cv::warpAffine(phantom.mask, mask, move, phantom.mask.size(), cv::INTER_NEAREST,
                 cv::BORDER_REFLECT);
  if (variant % 2 == 1) {
    cv::flip(image, image, 1);
    cv::flip(mask, mask, 1);
  }
  image.convertTo(image, -1, 0.9 + 0.2 * (variant % 11) / 11.0);
  char name[16];
  std::snprintf(name, sizeof name, "%06d", number);
  Write(folder / "images" / (std::string(name) + ".jpg"), image, {cv::IMWRITE_JPEG_QUALITY, 90});
  Write(folder / "masks" / (std::string(name) + ".png"), mask, {cv::IMWRITE_PNG_COMPRESSION, 1});
}

void Main(const std::filesystem::path& folder, int count, const std::string& domain,
          uint64_t seed) {
  std::filesystem::create_directories(folder / "images");
  std::filesystem::create_directories(folder / "masks");
  const PhantomOptions options{.kind = PhantomKind::kPolyp,
                               .domain = ParsePhantomDomain(domain).value(),
                               .count = kDistinct,
                               .seed = seed,
                               .size = kSize};
  std::vector<Phantom> drawn(kDistinct);
  const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const auto on_all = [threads](const auto& work) {
    std::vector<std::jthread> workers;
    for (int thread = 0; thread < threads; ++thread) workers.emplace_back([&, thread] { work(thread); });
  };
  on_all([&](int thread) {
    for (int i = thread; i < std::min(kDistinct, count); i += threads) {
      drawn[i] = MakePhantom(options, i);
    }
  });
  on_all([&](int thread) {
    for (int i = thread; i < count; i += threads) WriteItem(folder, drawn, i);
  });
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "benchmark_large_source FOLDER COUNT DOMAIN SEED\n");
    return 2;
  }
  alignflow::Main(argv[1], std::stoi(argv[2]), argv[3], std::stoull(argv[4]));
  return 0;
}
