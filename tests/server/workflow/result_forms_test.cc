#include "server/workflow/result_forms.h"

#include "absl/time/clock.h"
#include "common/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/blobs/folder_blobs.h"
#include "server/scheduler/task_rules.h"
#include "tests/common/temp_folder.h"
#include "tests/server/fake_results.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class ResultFormsTest : public testing::Test {
 protected:
  std::string Store(const std::string& bytes) {
    return blobs_->Put(bytes, BlobOwner::Upload("test"), absl::Now()).value();
  }
  static TaskSpec Task(const std::string& kind) {
    return {.kind = kind,
            .settings = {{"size", "64"}},
            .inputs = {{"dataset", Sha256OfString("manifest")}}};
  }
  absl::Status Check(const std::string& kind, const std::string& role, const std::string& bytes) {
    return CheckForms(Task(kind), {{role, Store(bytes)}}, *blobs_);
  }

  TempFolder folder_;
  std::unique_ptr<BlobStore> blobs_ = FolderBlobs::Open(folder_.path() / "blobs").value();
};

TEST_F(ResultFormsTest, EveryRoleOfEveryKindRefusesGarbageAndTakesItsForm) {
  for (const char* kind : {"prepare", "describe", "fit", "fit-masks", "rollout", "align", "judge",
                           "baseline", "evaluate", "figures"}) {
    for (const std::string& role : OutputRoles(kind)) {
      EXPECT_EQ(Check(kind, role, FakeResult(Task(kind), "key", role)), absl::OkStatus())
          << kind << " " << role;
      if (role == "figures" || role == "verdicts.json") continue;  // parsed where they are read
      const absl::Status refused = Check(kind, role, "garbage");
      EXPECT_TRUE(absl::IsInvalidArgument(refused)) << kind << " " << role << refused;
      EXPECT_THAT(std::string(refused.message()), HasSubstr("output " + role));
    }
  }
}

TEST_F(ResultFormsTest, AnOutputThatTheKindDoesNotHaveIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(Check("prepare", "model", "bytes")));
}

TEST_F(ResultFormsTest, APreparedSetMustBeOfTheTasksDatasetAndSize) {
  TaskSpec other = Task("prepare");
  other.settings["size"] = "128";
  EXPECT_THAT(std::string(Check("prepare", "packed", FakeResult(other, "key", "packed")).message()),
              HasSubstr("size"));
  other = Task("prepare");
  other.inputs["dataset"] = Sha256OfString("another");
  EXPECT_THAT(std::string(Check("prepare", "packed", FakeResult(other, "key", "packed")).message()),
              HasSubstr("another dataset"));
  EXPECT_TRUE(
      absl::IsInvalidArgument(Check("prepare", "packed",
                                    FakeSafetensors({{"images", {"U8", {2, 3, 64, 64}}},
                                                     {"name_ends", {"I64", {1}}},
                                                     {"image_digests", {"U8", {2, 32}}}},
                                                    {{"dataset", Sha256OfString("manifest")}}))))
      << "a name is missing";
}

TEST_F(ResultFormsTest, PicturesArePngFilesOfOneSize) {
  PairRecord pair;
  pair.index = 7;
  pair.image = Store(GreyPng(4, 4, 1));
  pair.mask = Store(GreyPng(4, 4, 255));
  EXPECT_EQ(CheckPictures({pair}, *blobs_), absl::OkStatus());
  pair.mask = Store(GreyPng(5, 4, 255));
  EXPECT_THAT(std::string(CheckPictures({pair}, *blobs_).message()),
              testing::AllOf(HasSubstr("pair 7"), HasSubstr("one size")));
  pair.mask = Store("no picture");
  EXPECT_TRUE(absl::IsInvalidArgument(CheckPictures({pair}, *blobs_)));
}

}  // namespace
}  // namespace alignflow
