#include "worker/agent/found_models.h"

#include <filesystem>

#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

TEST(FoundModelsTest, NamesFoldersAndTellsTheirFilesApart) {
  TempFolder folder;
  for (const char* name : {"b", "a", "same", ".hidden"}) {
    fs::create_directories(folder.path() / name / "transformer");
  }
  WriteFile(folder.path() / "no folder", "x");
  WriteFile(folder.path() / "a" / "transformer" / "weights", "one");
  WriteFile(folder.path() / "b" / "transformer" / "weights", "two");
  WriteFile(folder.path() / "same" / "transformer" / "weights", "one");
  const std::vector<FoundModel> models = FindModels(folder.path());
  ASSERT_EQ(models.size(), 3u);
  EXPECT_EQ(models[0].name, "a");
  EXPECT_EQ(models[1].name, "b");
  EXPECT_EQ(models[0].fingerprint, models[2].fingerprint);
  EXPECT_NE(models[0].fingerprint, models[1].fingerprint);
  fs::rename(folder.path() / "same" / "transformer" / "weights",
             folder.path() / "same" / "transformer" / "other");
  EXPECT_NE(FindModels(folder.path())[2].fingerprint, models[2].fingerprint);
}

TEST(FoundModelsTest, NoFolderHasNoModels) {
  EXPECT_TRUE(FindModels("").empty());
  EXPECT_TRUE(FindModels("/no/such/folder").empty());
}

}  // namespace
}  // namespace alignflow
