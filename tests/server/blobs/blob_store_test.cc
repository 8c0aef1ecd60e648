#include "server/blobs/blob_store.h"

#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/digest.h"
#include "gtest/gtest.h"
#include "server/blobs/folder_blobs.h"
#include "server/blobs/object_blobs.h"
#include "tests/common/temp_folder.h"
#include "tests/server/objects/fake_object_store.h"

namespace alignflow {
namespace {

// Files may not grow beyond a size: what a full disk looks like to the writer.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_ = {};
};

// What keeps the blobs, and how a test gets at them behind the store's back.
class Keeper {
 public:
  virtual ~Keeper() = default;
  virtual std::unique_ptr<BlobStore> Open(const std::filesystem::path& folder) = 0;
  virtual void Overwrite(const std::string& sha256, const std::string& bytes) = 0;
};

class FolderKeeper : public Keeper {
 public:
  std::unique_ptr<BlobStore> Open(const std::filesystem::path& folder) override {
    folder_ = folder;
    return FolderBlobs::Open(folder).value();
  }
  void Overwrite(const std::string& sha256, const std::string& bytes) override {
    const std::filesystem::path file = folder_ / sha256.substr(0, 2) / sha256.substr(2);
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    std::ofstream(file, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path folder_;
};

// Without copies: what is read comes from the bucket.
class BucketKeeper : public Keeper {
 public:
  std::unique_ptr<BlobStore> Open(const std::filesystem::path& folder) override {
    return ObjectBlobs::Open(folder, {.bucket = bucket_.Options(), .cache_bytes = 0, .tend = false})
        .value();
  }
  void Overwrite(const std::string& sha256, const std::string& bytes) override {
    bucket_.Set("blobs/" + sha256, bytes);
  }

 private:
  FakeObjectStore bucket_;
};

class BlobStoreTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const bool folder = std::string(GetParam()) == "Folder";
    keeper_ = folder ? std::unique_ptr<Keeper>(new FolderKeeper) : std::make_unique<BucketKeeper>();
    Reopen();
  }
  void Reopen() {
    store_.reset();
    store_ = keeper_->Open(folder_.path() / "blobs");
  }

  int FilesIncoming() const {
    int files = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(folder_.path() / "blobs" / "incoming")) {
      ++files;
    }
    return files;
  }
  std::unique_ptr<BlobWriter> Writer(const std::string& bytes, int64_t offset = 0) {
    return store_->Write(Sha256OfString(bytes), static_cast<int64_t>(bytes.size()), offset).value();
  }
  // For an owner that is gone again.
  absl::StatusOr<std::string> Put(const std::string& bytes) {
    absl::StatusOr<std::string> put = store_->Put(bytes, BlobOwner::Upload("test"), absl::Now());
    store_->owners().Collect([](const BlobOwner&, absl::Time) { return false; });
    return put;
  }
  void Overwrite(const std::string& sha256, const std::string& bytes) {
    keeper_->Overwrite(sha256, bytes);
  }
  static absl::Time LongAgo() { return absl::Now() - absl::Hours(1); }

  TempFolder folder_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<BlobStore> store_;
};

INSTANTIATE_TEST_SUITE_P(All, BlobStoreTest, testing::Values("Folder", "Bucket"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(BlobStoreTest, GivesBackWhatItWasGiven) {
  const std::string bytes("a\0b", 3);
  const std::string sha256 = Put(bytes).value();
  EXPECT_EQ(sha256, Sha256OfString(bytes));
  EXPECT_EQ(store_->Get(sha256, 100).value(), bytes);
  EXPECT_EQ(Put(bytes).value(), sha256) << "writing it again is no error";
  Reopen();
  EXPECT_TRUE(store_->Contains(sha256));
  EXPECT_EQ(FilesIncoming(), 0);
}

TEST_P(BlobStoreTest, KeepsTheEmptyBlob) {
  const std::string sha256 = Put("").value();
  EXPECT_EQ(store_->Get(sha256, 100).value(), "");
}

TEST_P(BlobStoreTest, AnInterruptedWriteGoesOnWhereItStoppedAlsoAfterARestart) {
  const std::string bytes = "hello world";
  auto writer = Writer(bytes);
  ASSERT_TRUE(writer->Append("hello").ok());
  writer.reset();
  Reopen();
  const std::string sha256 = Sha256OfString(bytes);
  EXPECT_FALSE(store_->Contains(sha256));
  ASSERT_EQ(store_->QueryWrite(sha256).bytes, 5);
  writer = Writer(bytes, 5);
  ASSERT_TRUE(writer->Append(" world").ok());
  ASSERT_TRUE(writer->Commit().ok());
  EXPECT_EQ(store_->Get(sha256, 100).value(), bytes);
  EXPECT_TRUE(store_->QueryWrite(sha256).complete);
}

TEST_P(BlobStoreTest, AWriteFromTheBeginningForgetsWhatWasThere) {
  auto writer = Writer("hello");
  ASSERT_TRUE(writer->Append("he").ok());
  writer.reset();
  writer = Writer("hello");
  ASSERT_TRUE(writer->Append("hello").ok());
  EXPECT_TRUE(writer->Commit().ok());
}

TEST_P(BlobStoreTest, CommittingTooEarlyKeepsWhatCame) {
  auto writer = Writer("hello");
  ASSERT_TRUE(writer->Append("he").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(writer->Commit()));
  writer.reset();
  EXPECT_EQ(store_->QueryWrite(Sha256OfString("hello")).bytes, 2);
}

TEST_P(BlobStoreTest, BytesThatDoNotMatchTheDigestAreDiscarded) {
  auto writer = Writer("hello");
  ASSERT_TRUE(writer->Append("jello").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Commit()));
  writer.reset();
  EXPECT_FALSE(store_->Contains(Sha256OfString("hello")));
  EXPECT_EQ(FilesIncoming(), 0);
}

TEST_P(BlobStoreTest, MoreBytesThanAnnouncedAreRefused) {
  auto writer = Writer("hello");
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Append("hello!")));
  writer.reset();
  EXPECT_EQ(FilesIncoming(), 0);
}

TEST_P(BlobStoreTest, RefusesOffsetsWhereItDoesNotStand) {
  EXPECT_TRUE(absl::IsOutOfRange(store_->Write(Sha256OfString("hello"), 5, 3).status()));
}

TEST_P(BlobStoreTest, RefusesMalformedDigests) {
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Write("../../etc/passwd", 5, 0).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Read("../../etc/passwd", 0).status()));
  EXPECT_FALSE(store_->Contains("../../etc/passwd"));
}

TEST_P(BlobStoreTest, RefusesBlobsBeyondTheLimit) {
  EXPECT_TRUE(absl::IsResourceExhausted(
      store_->Write(std::string(64, 'a'), BlobStore::kMaxBlobBytes + 1, 0).status()));
}

TEST_P(BlobStoreTest, TwoWritersOfTheSameBytesDoNotDisturbEachOther) {
  auto first = Writer("hello");
  ASSERT_TRUE(first->Append("he").ok());
  auto second = Writer("hello");
  ASSERT_TRUE(second->Append("hello").ok());
  ASSERT_TRUE(second->Commit().ok());
  ASSERT_TRUE(first->Append("llo").ok());
  ASSERT_TRUE(first->Commit().ok());
  first.reset();
  second.reset();
  EXPECT_EQ(store_->Get(Sha256OfString("hello"), 100).value(), "hello");
  EXPECT_EQ(FilesIncoming(), 0);
}

TEST_P(BlobStoreTest, AFullDiskLeavesNoHalfWrittenBlobAndSaysWhatToDo) {
  const std::string bytes(100000, 'x');
  {
    const SmallDisk disk(4096);
    auto writer = Writer(bytes);
    const absl::Status full = writer->Append(bytes);
    EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
    EXPECT_NE(full.message().find("free space"), absl::string_view::npos);
    writer.reset();
    EXPECT_TRUE(absl::IsResourceExhausted(Put(bytes).status()));
  }
  EXPECT_EQ(FilesIncoming(), 0);
  EXPECT_FALSE(store_->Contains(Sha256OfString(bytes)));
  EXPECT_TRUE(Put(bytes).ok()) << "it works again once there is space";
}

TEST_P(BlobStoreTest, AFlippedByteIsFoundAndTheBlobCanBeWrittenAgain) {
  const std::string sha256 = Put("hello").value();
  Overwrite(sha256, "jello");
  EXPECT_TRUE(absl::IsDataLoss(store_->Get(sha256, 100).status()));
  EXPECT_FALSE(store_->Contains(sha256));
  ASSERT_TRUE(Put("hello").ok());
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_P(BlobStoreTest, ATruncatedBlobIsFoundWhenReadWhole) {
  const std::string sha256 = Put("hello").value();
  Overwrite(sha256, "hel");
  auto reader = store_->Read(sha256, 0).value();
  absl::Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) status = reader->Next(2).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
}

TEST_P(BlobStoreTest, AnEmptiedBlobIsFound) {
  const std::string sha256 = Put("hello").value();
  Overwrite(sha256, "");
  EXPECT_TRUE(absl::IsDataLoss(store_->Get(sha256, 100).status()));
}

TEST_P(BlobStoreTest, OperationsAreObservedWithWhatBecameOfThem) {
  std::vector<std::pair<BlobOperation, absl::StatusCode>> seen;
  store_->set_observer(
      [&](BlobOperation operation, absl::Duration duration, const absl::Status& status) {
        EXPECT_GE(duration, absl::ZeroDuration());
        seen.emplace_back(operation, status.code());
      });
  const std::string bytes = "some bytes";
  auto writer = Writer(bytes);
  ASSERT_TRUE(writer->Append(bytes).ok());
  ASSERT_TRUE(writer->Commit().ok());
  Overwrite(Sha256OfString(bytes), "other byte");
  EXPECT_FALSE(store_->Get(Sha256OfString(bytes), 1000).ok());
  const std::vector<std::pair<BlobOperation, absl::StatusCode>> expected = {
      {BlobOperation::kAppend, absl::StatusCode::kOk},
      {BlobOperation::kCommit, absl::StatusCode::kOk},
      {BlobOperation::kRead, absl::StatusCode::kDataLoss}};
  EXPECT_EQ(seen, expected);
}

TEST_P(BlobStoreTest, ReadsFromAnOffset) {
  const std::string sha256 = Put("hello").value();
  auto reader = store_->Read(sha256, 3).value();
  EXPECT_EQ(reader->Next(100).value(), "lo");
  EXPECT_EQ(reader->Next(100).value(), "");
  EXPECT_EQ(store_->Read(sha256, 5).value()->Next(100).value(), "");
  EXPECT_TRUE(absl::IsOutOfRange(store_->Read(sha256, 6).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Read(std::string(64, '0'), 0).status()));
}

TEST_P(BlobStoreTest, GarbageIsWhatIsOldAndNotReferredTo) {
  const std::string kept = Put("kept").value();
  const std::string old = Put("old").value();
  const auto is_referenced = [&](const std::string& sha256) { return sha256 == kept; };
  BlobStore::Garbage garbage = store_->CollectGarbage(is_referenced, LongAgo());
  EXPECT_EQ(garbage.removed, 0);
  EXPECT_EQ(garbage.orphans, 1);
  garbage = store_->CollectGarbage(is_referenced, absl::Now() + absl::Seconds(1));
  EXPECT_EQ(garbage.blobs, 2);
  EXPECT_EQ(garbage.removed, 1);
  EXPECT_EQ(garbage.orphans, 0);
  EXPECT_TRUE(store_->Contains(kept));
  EXPECT_FALSE(store_->Contains(old));
}

TEST_P(BlobStoreTest, WhatAnOwnerPinsIsNoGarbageHoweverOld) {
  const BlobOwner owner = BlobOwner::Upload("test");
  const std::string sha256 = store_->Put("hello", owner, absl::Now()).value();
  const auto nothing = [](const std::string&) { return false; };
  EXPECT_EQ(store_->CollectGarbage(nothing, absl::Now() + absl::Hours(1)).removed, 0);
  EXPECT_TRUE(store_->Contains(sha256));
}

TEST_P(BlobStoreTest, MapsTheBytes) {
  const std::string sha256 = Put("hello").value();
  EXPECT_EQ(store_->Map(sha256)->bytes(), "hello");
  EXPECT_TRUE(absl::IsNotFound(store_->Map(std::string(64, '0')).status()));
}

TEST_P(BlobStoreTest, VisitsWhatIsThereAndWhatHasArrived) {
  Put("hello").value();
  Put("world!").value();
  auto writer = Writer("other");
  ASSERT_TRUE(writer->Append("ot").ok());
  std::map<std::string, std::pair<int64_t, bool>> seen;
  EXPECT_TRUE(store_->VisitBlobs([&](const std::string& sha256, int64_t bytes, bool whole) {
    seen[sha256] = {bytes, whole};
    return true;
  }));
  const std::map<std::string, std::pair<int64_t, bool>> expected = {
      {Sha256OfString("hello"), {5, true}},
      {Sha256OfString("world!"), {6, true}},
      {Sha256OfString("other"), {2, false}}};
  EXPECT_EQ(seen, expected);
  EXPECT_FALSE(store_->VisitBlobs([](const std::string&, int64_t, bool) { return false; }));
}

TEST_P(BlobStoreTest, WhatIsRemovedIsGoneAtOnceAndCanBeWrittenAgain) {
  const std::string sha256 = Put("hello").value();
  store_->Remove(sha256);
  EXPECT_FALSE(store_->Contains(sha256));
  EXPECT_TRUE(absl::IsNotFound(store_->Read(sha256, 0).status()));
  ASSERT_TRUE(Put("hello").ok());
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_P(BlobStoreTest, AbandonedWritesAreGarbageButRunningOnesAreNot) {
  const auto nothing = [](const std::string&) { return false; };
  const absl::Time soon = absl::Now() + absl::Hours(1);
  auto writer = Writer("hello");
  ASSERT_TRUE(writer->Append("he").ok());
  store_->CollectGarbage(nothing, soon);
  EXPECT_EQ(FilesIncoming(), 1);
  writer.reset();
  store_->CollectGarbage(nothing, soon);
  EXPECT_EQ(FilesIncoming(), 0);
}

}  // namespace
}  // namespace alignflow
