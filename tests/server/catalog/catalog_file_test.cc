#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/catalog.h"
#include "server/catalog/migrations.h"
#include "server/catalog/soci.h"
#include "tests/server/catalog/catalog_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class CatalogFileTest : public CatalogTest {
 protected:
  void SetUp() override {
    SKIP_ON_POSTGRES("there is no file");
    CatalogTest::SetUp();
  }
};

TEST_F(CatalogFileTest, ADamagedFileIsNamedWithTheRemedy) {
  catalog_.reset();
  std::ofstream(file_, std::ios::binary) << std::string(8192, 'x');
  const absl::Status status = Catalog::Open(file_).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(file_.string()));
  EXPECT_THAT(std::string(status.message()), HasSubstr("backup"));
}

TEST_F(CatalogFileTest, APageOfRubbishInAGoodFileIsFoundAtTheStart) {
  Do([&](WritingSql& sql) {
    for (int i = 0; i < 500; ++i) InsertTask(sql, Task("key" + std::to_string(i)));
  });
  catalog_.reset();
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(4096 * 3, '\xff');
  }
  EXPECT_TRUE(absl::IsDataLoss(Catalog::Open(file_).status()));
}

TEST_F(CatalogFileTest, AFolderThatIsNotThereIsNamed) {
  const absl::Status status = Catalog::Open(folder_.path() / "no" / "catalog.sqlite").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST_F(CatalogFileTest, ANewerSchemaIsLeftAlone) {
  Do([&](Sql& sql) {
    const int newer = NewestSchemaVersion() + 1;
    sql << "INSERT INTO schema_version (version) VALUES (:version)", soci::use(newer);
  });
  catalog_.reset();
  const absl::Status status = Catalog::Open(file_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer AlignFlow"));
}

TEST_F(CatalogFileTest, AFullDiskIsSaidAndOvercome) {
  Do([](Sql& sql) {
    int pages = 0;
    sql << "PRAGMA page_count", soci::into(pages);
    sql << "PRAGMA max_page_count=" << pages;
  });
  const auto insert_many = [](WritingSql& sql) {
    for (int i = 0; i < 1000; ++i) InsertTask(sql, Task("key" + std::to_string(i)));
    return absl::OkStatus();
  };
  const absl::Status full = catalog_->Transact(insert_many);
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr("free space"));
  Do([](Sql& sql) {
    EXPECT_FALSE(FindTask(sql, "key0").has_value());
    sql << "PRAGMA max_page_count=1000000";
  });
  EXPECT_EQ(catalog_->Transact(insert_many), absl::OkStatus());
}

TEST_F(CatalogFileTest, APathWithASpaceIsFine) {
  const std::filesystem::path folder = folder_.path() / "my state; db=x";
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(Catalog::Open(folder / "catalog.sqlite").ok());
  EXPECT_TRUE(std::filesystem::exists(folder / "catalog.sqlite"));
}

}  // namespace
}  // namespace alignflow
