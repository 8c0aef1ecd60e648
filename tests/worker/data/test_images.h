#ifndef ALIGNFLOW_TESTS_WORKER_DATA_TEST_IMAGES_H_
#define ALIGNFLOW_TESTS_WORKER_DATA_TEST_IMAGES_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace alignflow {

// A new folder that goes with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "alignflow-data-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void Write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path path_;
};

inline std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string Encode(const std::string& extension, const cv::Mat& image) {
  std::vector<uint8_t> bytes;
  cv::imencode(extension, image, bytes);
  return {bytes.begin(), bytes.end()};
}

// Reproducible clutter: it compresses badly, so that damage anywhere in the file hits pixels.
inline cv::Mat Clutter(int width, int height, int type = CV_8UC3) {
  cv::Mat image(height, width, type);
  cv::RNG(7).fill(image, cv::RNG::UNIFORM, 0, 256);
  return image;
}

// A mask of zeros with a square of `value` in the middle.
inline cv::Mat SquareMask(int width, int height, int value) {
  cv::Mat mask(height, width, CV_8U, cv::Scalar(0));
  mask(cv::Rect(width / 4, height / 4, width / 2, height / 2)) = value;
  return mask;
}

// A refusal of the user's input whose message holds all of the given texts: file, reason, remedy.
inline void ExpectRefused(const absl::Status& status, const std::vector<std::string>& texts) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  for (const std::string& text : texts) {
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(text));
  }
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_DATA_TEST_IMAGES_H_
