#include "server/services/space_look.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/digest.h"
#include "common/steady_now.h"
#include "server/access/tenant_names.h"
#include "server/catalog/owned_blobs.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

constexpr size_t kKeptLooks = 4;
// What one transaction reads: a task may have 32 pairs.
constexpr int kIdsPerStep = 500;
constexpr int kItemsPerStep = 2000;
constexpr int kTasksPerStep = 100;
// Asking whether the client has gone costs more than looking at a file.
constexpr int kFilesPerStep = 1000;
constexpr absl::Duration kGlance = absl::Milliseconds(100);

absl::Status Gone() { return absl::CancelledError("the client has gone"); }

// Who has which bytes. Blobs of one owner are added one owner after another.
class Accounts {
 public:
  explicit Accounts(const BlobStore& store) : store_(store) {}

  // A file that is there. For all files before the first owner.
  void AddFile(const std::string& sha256, int64_t bytes, bool whole) {
    total_.Add(bytes);
    if (whole && IsSha256Hex(sha256)) {
      blobs_[KeyOf(sha256)].bytes = bytes;
    } else {
      unfinished_.Add(bytes);
    }
  }

  void BeginOwner(v1::SpaceOwner owner, const std::string& name) {
    v1::SpaceUse& use = uses_.emplace_back();
    use.set_owner(owner);
    use.set_name(name);
  }

  // A blob that the owner begun last refers to. What is lost takes no space.
  void AddBlob(const OwnedBlob& owned) {
    const auto current = static_cast<uint32_t>(uses_.size() - 1);
    auto found = blobs_.find(KeyOf(owned.blob));
    if (found == blobs_.end()) {  // written since its folder was looked at
      const absl::StatusOr<int64_t> bytes = store_.SizeOf(owned.blob);
      if (!bytes.ok()) return;
      total_.Add(*bytes);
      found = blobs_.emplace(KeyOf(owned.blob), Blob{.bytes = *bytes}).first;
    }
    Blob& blob = found->second;
    if (std::exchange(blob.last_owner, current) == current) return;
    if (blob.owner == kNobody) {
      blob.owner = current;
      AddOwn(uses_[current], blob.bytes, 1);
    } else {
      if (blob.owner != kSeveral) {
        AddOwn(uses_[blob.owner], -blob.bytes, -1);
        AddShared(uses_[blob.owner], blob.bytes);
        shared_.Add(blob.bytes);
        blob.owner = kSeveral;
      }
      AddShared(uses_[current], blob.bytes);
    }
    AddPart(uses_[current], owned.part, {.bytes = blob.bytes, .blobs = 1});
  }

  // Those with most bytes first.
  v1::ListSpaceUsesResponse Result() {
    AddNobody();
    std::erase_if(uses_, [](const v1::SpaceUse& use) { return use.parts().empty(); });
    std::ranges::stable_sort(uses_, std::ranges::greater(), [](const v1::SpaceUse& use) {
      return use.bytes() + use.shared_bytes();
    });
    v1::ListSpaceUsesResponse result;
    for (v1::SpaceUse& use : uses_) *result.add_uses() = std::move(use);
    result.set_bytes(total_.bytes);
    result.set_blobs(total_.blobs);
    result.set_shared_bytes(shared_.bytes);
    result.set_shared_blobs(shared_.blobs);
    return result;
  }

 private:
  static constexpr uint32_t kNobody = UINT32_MAX, kSeveral = UINT32_MAX - 1;
  struct Blob {
    int64_t bytes = 0;
    uint32_t owner = kNobody;
    uint32_t last_owner = kNobody;  // who referred to it last
  };
  struct Sum {
    int64_t bytes = 0, blobs = 0;
    void Add(int64_t more) {
      bytes += more;
      ++blobs;
    }
  };

  // The digest's first 64 bits: chance makes no two blobs of a folder alike.
  static uint64_t KeyOf(const std::string& sha256) {
    uint64_t key = 0;
    return absl::SimpleHexAtoi(sha256.substr(0, 16), &key) ? key : 0;
  }
  static void AddOwn(v1::SpaceUse& use, int64_t bytes, int64_t blobs) {
    use.set_bytes(use.bytes() + bytes);
    use.set_blobs(use.blobs() + blobs);
  }
  static void AddShared(v1::SpaceUse& use, int64_t bytes) {
    use.set_shared_bytes(use.shared_bytes() + bytes);
    use.set_shared_blobs(use.shared_blobs() + 1);
  }
  static void AddPart(v1::SpaceUse& use, std::string_view name, const Sum& sum) {
    if (sum.blobs == 0) return;
    auto part = std::ranges::find(*use.mutable_parts(), name, &v1::SpacePart::name);
    if (part == use.mutable_parts()->end()) {
      use.add_parts()->set_name(std::string(name));
      part = std::prev(use.mutable_parts()->end());
    }
    part->set_bytes(part->bytes() + sum.bytes);
    part->set_blobs(part->blobs() + sum.blobs);
  }

  void AddNobody() {
    Sum whole;
    for (const auto& [key, blob] : blobs_) {
      if (blob.owner == kNobody) whole.Add(blob.bytes);
    }
    BeginOwner(v1::SPACE_OWNER_NOBODY, "");
    AddOwn(uses_.back(), whole.bytes + unfinished_.bytes, whole.blobs + unfinished_.blobs);
    AddPart(uses_.back(), "blobs", whole);
    AddPart(uses_.back(), "unfinished", unfinished_);
  }

  const BlobStore& store_;
  absl::flat_hash_map<uint64_t, Blob> blobs_;
  std::vector<v1::SpaceUse> uses_;
  Sum total_, shared_, unfinished_;
};

// One look, step by step.
class Looking {
 public:
  Looking(CatalogReader& catalog, const BlobStore& store, const std::string& tenant,
          const std::function<bool()>& cancelled)
      : catalog_(catalog),
        store_(store),
        tenant_(tenant),
        cancelled_(cancelled),
        accounts_(store) {}

  absl::Status Run() {
    int64_t files = 0;
    // One tenant of several is told of its own alone.
    const bool all = !tenant_.empty() ||
                     store_.VisitBlobs([&](const std::string& sha256, int64_t bytes, bool whole) {
                       accounts_.AddFile(sha256, bytes, whole);
                       return ++files % kFilesPerStep != 0 || !cancelled_();
                     });
    if (!all) return Gone();
    absl::Status status =
        ForEach(DatasetsAfter, [&](const std::string& id) { return AddDataset(id); });
    if (status.ok()) status = AddPrepared();
    if (!status.ok()) return status;
    return ForEach(JobsAfter, [&](const std::string& id) { return AddJob(id); });
  }

  v1::ListSpaceUsesResponse Result() { return accounts_.Result(); }

 private:
  absl::Status Read(const std::function<void(Sql&)>& body) {
    if (cancelled_()) return Gone();
    return catalog_.Read([&](Sql& sql) {
      body(sql);
      return absl::OkStatus();
    });
  }

  using List = std::vector<std::string> (*)(Sql& sql, const std::string& tenant,
                                            const std::string& after, int limit);
  absl::Status ForEach(List list, const std::function<absl::Status(const std::string&)>& body) {
    std::string after;
    for (;;) {
      std::vector<std::string> ids;
      absl::Status status = Read([&](Sql& sql) { ids = list(sql, tenant_, after, kIdsPerStep); });
      if (!status.ok()) return status;
      if (ids.empty()) return absl::OkStatus();
      for (const std::string& id : ids) {
        status = body(id);
        if (!status.ok()) return status;
      }
      after = ids.back();
    }
  }

  // Adds what `step` finds until it says that there is no more.
  absl::Status AddSteps(const std::function<bool(Sql&, std::vector<OwnedBlob>&)>& step) {
    for (bool more = true; more;) {
      std::vector<OwnedBlob> found;
      absl::Status status = Read([&](Sql& sql) { more = step(sql, found); });
      if (!status.ok()) return status;
      for (const OwnedBlob& owned : found) accounts_.AddBlob(owned);
    }
    return absl::OkStatus();
  }

  absl::Status AddDataset(const std::string& id) {
    accounts_.BeginOwner(v1::SPACE_OWNER_DATASET, absl::StrCat("datasets/", PublicId(id)));
    DatasetCursor cursor;
    return AddSteps([&](Sql& sql, std::vector<OwnedBlob>& found) {
      if (cursor.ordinal < 0) datasets_of_.emplace(DigestOfDataset(sql, id), id);
      return AddBlobsOfDataset(sql, id, kItemsPerStep, cursor, found);
    });
  }

  absl::Status AddJob(const std::string& id) {
    accounts_.BeginOwner(v1::SPACE_OWNER_JOB, absl::StrCat("jobs/", id));
    JobCursor cursor;
    return AddSteps([&](Sql& sql, std::vector<OwnedBlob>& found) {
      return AddBlobsOfJob(sql, id, kTasksPerStep, cursor, found);
    });
  }

  // What tasks of the kind have made, to the dataset that they made it of.
  absl::Status Gather(const std::string& kind,
                      std::map<std::string, std::vector<std::string>>& prepared) {
    for (int64_t row = 0;;) {
      std::vector<PreparingTask> tasks;
      absl::Status status = Read(
          [&](Sql& sql) { tasks = PreparingTasksAfter(sql, tenant_, kind, row, kIdsPerStep); });
      if (!status.ok()) return status;
      if (tasks.empty()) return absl::OkStatus();
      row = tasks.back().row;
      for (const PreparingTask& task : tasks) {
        std::string dataset;
        for (const std::string& input : task.inputs) {
          const auto of = datasets_of_.find(input);
          if (of != datasets_of_.end()) dataset = of->second;
        }
        for (const std::string& output : task.outputs) {
          prepared[dataset].push_back(output);
          if (!dataset.empty()) datasets_of_.emplace(output, dataset);
        }
      }
    }
  }

  absl::Status AddPrepared() {
    std::map<std::string, std::vector<std::string>> prepared;
    absl::Status status = Gather("prepare", prepared);
    if (status.ok()) status = Gather("describe", prepared);  // what prepare has made
    if (!status.ok()) return status;
    for (const auto& [dataset, blobs] : prepared) {
      accounts_.BeginOwner(v1::SPACE_OWNER_PREPARED,
                           dataset.empty() ? "" : absl::StrCat("datasets/", PublicId(dataset)));
      for (const std::string& blob : blobs) accounts_.AddBlob({.part = "prepared", .blob = blob});
    }
    return absl::OkStatus();
  }

  CatalogReader& catalog_;
  const BlobStore& store_;
  const std::string tenant_;
  const std::function<bool()>& cancelled_;
  Accounts accounts_;
  std::map<std::string, std::string> datasets_of_;  // by digest of a manifest or a prepared set
};

}  // namespace

absl::StatusOr<SpaceLook> LookAtSpace(CatalogReader& catalog, const BlobStore& blobs,
                                      const std::string& tenant,
                                      const std::function<bool()>& cancelled) {
  Looking looking(catalog, blobs, tenant, cancelled);
  absl::Status status = looking.Run();
  if (!status.ok()) return status;
  SpaceLook look{.number = 0, .response = looking.Result()};
  *look.response.mutable_look_time() = ToTimestamp(SteadyNow());
  return look;
}

absl::StatusOr<std::shared_ptr<const SpaceLook>> SpaceLooks::Make(
    const Look& look, const std::function<bool()>& cancelled) {
  for (std::optional<int64_t> before;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (!before) before = made_;
      if (!looking_) {
        if (made_ > *before) return kept_.back();
        looking_ = true;
        break;
      }
    }
    if (cancelled()) return Gone();
    absl::SleepFor(kGlance);
  }
  absl::StatusOr<SpaceLook> made = look();
  absl::MutexLock lock(&mutex_);
  looking_ = false;
  if (!made.ok()) return made.status();
  made->number = ++made_;
  kept_.push_back(std::make_shared<const SpaceLook>(*std::move(made)));
  if (kept_.size() > kKeptLooks) kept_.pop_front();
  return kept_.back();
}

std::shared_ptr<const SpaceLook> SpaceLooks::Find(int64_t number) const {
  absl::MutexLock lock(&mutex_);
  const auto kept = std::ranges::find(kept_, number, [](const auto& look) { return look->number; });
  return kept == kept_.end() ? nullptr : *kept;
}

}  // namespace alignflow
