#ifndef ALIGNFLOW_TESTS_CLIENT_FOLDER_FIXTURE_H_
#define ALIGNFLOW_TESTS_CLIENT_FOLDER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "tests/client/fake_coordinator.h"
#include "tests/worker/data/test_images.h"

namespace alignflow {

// ".png", as the encoder wants it, of "images/a.PNG".
inline std::string FormatOf(const std::string& name) {
  return absl::AsciiStrToLower(std::filesystem::path(name).extension().string());
}

// A folder as a hospital has it, given to afctl before a coordinator that keeps what it is sent.
class FolderTest : public testing::Test {
 protected:
  // An image or a mask by what its path says: 16 x 16, in the format of its ending.
  void Add(const std::string& name) const {
    const bool mask = absl::StrContains(absl::AsciiStrToLower(name), "mask") ||
                      absl::StrContains(name, "Ground Truth") || absl::StrContains(name, "label") ||
                      absl::StrContains(name, "_seg");
    Add(name, mask ? SquareMask(16, 16, 255) : Clutter(16, 16));
  }
  void Add(const std::string& name, const cv::Mat& pixels) const {
    folder_.Write(name, Encode(FormatOf(name), pixels));
  }
  void Add(std::initializer_list<std::string> names) const {
    for (const std::string& name : names) Add(name);
  }
  // images/ and masks/ of a.png, b.png, c.png.
  void AddThreePairs() const {
    for (const std::string name : {"a", "b", "c"}) {
      Add({"images/" + name + ".png", "masks/" + name + ".png"});
    }
  }
  std::filesystem::path path() const { return folder_.path(); }

  FakeCoordinator::Outcome Push(std::vector<std::string> more = {"--labels", "polyp=255"}) {
    std::vector<std::string> arguments = {"dataset", "push", "set", path(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return coordinator_.Run(arguments);
  }
  FakeCoordinator::Outcome Align() {
    return coordinator_.Run(
        {"align", "--source", "s", "--references", path(), "--pairs", "1", "--json"});
  }
  // That nothing was sent, and what is said.
  void ExpectRefusedPush(const std::vector<std::string>& texts,
                         std::vector<std::string> more = {"--labels", "polyp=255"}) {
    const auto outcome = Push(std::move(more));
    EXPECT_EQ(outcome.exit, kExitFailure);
    const std::string message =
        outcome.exit == 0 ? "" : outcome.json()["error"]["message"].get<std::string>();
    for (const std::string& text : texts) EXPECT_THAT(message, testing::HasSubstr(text));
    EXPECT_TRUE(coordinator_.blobs.write_offsets().empty());
    EXPECT_EQ(coordinator_.datasets.created.dataset_id(), "");
    EXPECT_THAT(message, testing::Not(testing::HasSubstr("manifest")));
  }
  int pairs_sent() const { return coordinator_.datasets.created.manifest().items_size(); }

  FakeCoordinator coordinator_;
  TestFolder folder_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_CLIENT_FOLDER_FIXTURE_H_
