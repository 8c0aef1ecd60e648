#include "server/catalog/keys.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/catalog_file.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

const absl::Time kKeysNow = absl::FromUnixSeconds(1'000'000);

AccessKey Key(const std::string& id, Role role, absl::Time expires = absl::InfiniteFuture()) {
  return {.id = id,
          .name = "reading room",
          .role = role,
          .digest = std::string(64, 'd'),
          .create_time = kKeysNow,
          .expire_time = expires};
}

class KeysTest : public testing::Test {
 protected:
  void Change(const std::function<void(WritingSql&)>& body) {
    ASSERT_EQ(catalog_->Transact([&](WritingSql& sql) {
      body(sql);
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }
  std::vector<AccessKey> Keys() {
    std::vector<AccessKey> keys;
    EXPECT_EQ(catalog_->Read([&](Sql& sql) {
      keys = ListKeys(sql);
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return keys;
  }
  int64_t LastChange() {
    int64_t change = 0;
    EXPECT_EQ(catalog_->Read([&](Sql& sql) {
      change = LastKeyChange(sql);
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return change;
  }

  TempFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "catalog.sqlite";
  std::unique_ptr<Catalog> catalog_ = Catalog::Open(file_).value();
};

TEST_F(KeysTest, AKeyIsWhatItWasAndEndsWhereItIsTold) {
  Change([](WritingSql& sql) {
    InsertKey(sql, Key("one", Role::kWorker));
    InsertKey(sql, Key("two", Role::kViewer, kKeysNow + absl::Hours(1)));
  });
  const std::vector<AccessKey> keys = Keys();
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].id, "one");
  EXPECT_EQ(keys[0].name, "reading room");
  EXPECT_EQ(keys[0].role, Role::kWorker);
  EXPECT_EQ(keys[0].digest, std::string(64, 'd'));
  EXPECT_EQ(keys[0].expire_time, absl::InfiniteFuture());
  EXPECT_TRUE(keys[0].Holds(kKeysNow + absl::Hours(24 * 365)));
  EXPECT_TRUE(keys[1].Holds(kKeysNow));
  EXPECT_FALSE(keys[1].Holds(kKeysNow + absl::Hours(1)));
}

TEST_F(KeysTest, ARevokedKeyHoldsNeverAgainWhateverTheClockSays) {
  Change([](WritingSql& sql) { InsertKey(sql, Key("one", Role::kViewer)); });
  Change([](WritingSql& sql) {
    EXPECT_TRUE(RevokeKey(sql, "one", kKeysNow + absl::Hours(1)));
    EXPECT_FALSE(RevokeKey(sql, "one", kKeysNow));
    EXPECT_FALSE(RevokeKey(sql, "none", kKeysNow));
  });
  EXPECT_FALSE(Keys().front().Holds(kKeysNow));
}

TEST_F(KeysTest, EachChangeShowsAlsoOneOfAnotherProcess) {
  EXPECT_EQ(LastChange(), 0);
  Change([](WritingSql& sql) { InsertKey(sql, Key("one", Role::kViewer)); });
  const int64_t made = LastChange();
  EXPECT_GT(made, 0);
  ASSERT_EQ(ChangeCatalogFile(file_,
                              [](WritingSql& sql) {
                                RevokeKey(sql, "one", kKeysNow);
                                return absl::OkStatus();
                              }),
            absl::OkStatus());
  EXPECT_GT(LastChange(), made);
  EXPECT_FALSE(Keys().front().Holds(kKeysNow));
  EXPECT_TRUE(absl::IsAborted(ChangeCatalogFile(file_, [](WritingSql& sql) {
    InsertKey(sql, Key("two", Role::kViewer));
    return absl::AbortedError("no");
  })));
  EXPECT_EQ(Keys().size(), 1u);
}

}  // namespace
}  // namespace alignflow
