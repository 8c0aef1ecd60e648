#include "server/blobs/object_blobs.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/digest.h"
#include "server/blobs/bucket_note.h"
#include "server/blobs/folder_blobs.h"
#include "server/blobs/object_source.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

constexpr char kCache[] = "cache";
constexpr char kIndex[] = "index.sqlite";
constexpr char kMigrating[] = "bucket.migrating";
constexpr char kClaim[] = "coordinator";
constexpr int64_t kMostMapped = int64_t{256} << 20;

// The bytes of an object, with errors as clients are to have them.
class ClientSource final : public BlobSource {
 public:
  explicit ClientSource(ObjectSource object) : object_(std::move(object)) {}
  absl::StatusOr<std::string> Read(int64_t limit) override {
    absl::StatusOr<std::string> bytes = object_.Read(limit);
    if (bytes.ok()) return bytes;
    return ForClients(bytes.status());
  }

 private:
  ObjectSource object_;
};

std::string RandomId() {
  unsigned char bytes[16];
  RAND_bytes(bytes, sizeof(bytes));
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes), sizeof(bytes)});
}

}  // namespace

class ObjectBlobs::Busy {
 public:
  Busy(ObjectBlobs& blobs, const std::string& sha256) : blobs_(blobs), sha256_(sha256) {
    blobs_.WaitBusy(sha256_);
  }
  ~Busy() { blobs_.EndBusy(sha256_); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  ObjectBlobs& blobs_;
  const std::string sha256_;
};

ObjectBlobs::ObjectBlobs(const std::filesystem::path& folder, const ObjectBlobsOptions& options,
                         std::filesystem::path note)
    : BlobStore(folder),
      folder_(folder),
      note_(std::move(note)),
      options_(options),
      cache_(folder / kCache, options.cache_bytes),
      opened_(absl::Now()) {}

absl::StatusOr<std::unique_ptr<ObjectBlobs>> ObjectBlobs::Open(const std::filesystem::path& folder,
                                                               const ObjectBlobsOptions& options) {
  const absl::StatusOr<std::optional<BucketNote>> note = ReadBucketNote(BucketNoteOf(folder));
  if (!note.ok()) return note.status();
  if (!note->has_value() && FolderBlobs::HasAny(folder)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--blobs ", options.bucket.Url(),
        ": this state folder has its blobs in itself; copy them with `alignflow-coordinator "
        "migrate-state` first, or start without --blobs"));
  }
  if (FolderBlobs::HasAny(folder)) {
    spdlog::warn(
        "the state folder still has files of blobs that were copied to the bucket; run "
        "`alignflow-coordinator migrate-state` again, which removes them");
  }
  return OpenWithNote(folder, options, BucketNoteOf(folder));
}

absl::StatusOr<std::unique_ptr<ObjectBlobs>> ObjectBlobs::OpenForMigration(
    const std::filesystem::path& folder, const ObjectBlobsOptions& options) {
  return OpenWithNote(folder, options, folder / kMigrating);
}

absl::Status ObjectBlobs::EndMigration() {
  std::error_code error;
  std::filesystem::rename(note_, BucketNoteOf(folder_), error);
  return error ? WriteError(error.value(), "rename") : SyncFolder(folder_);
}

absl::StatusOr<std::unique_ptr<ObjectBlobs>> ObjectBlobs::OpenWithNote(
    const std::filesystem::path& folder, const ObjectBlobsOptions& options,
    const std::filesystem::path& note) {
  absl::Status status = MakeFolders(folder);
  if (!status.ok()) return status;
  std::error_code error;
  std::filesystem::create_directory(folder / kCache, error);
  if (error) return WriteError(error.value(), "make a folder");
  std::unique_ptr<ObjectBlobs> blobs(new ObjectBlobs(folder, options, note));
  status = blobs->Prepare();
  if (!status.ok()) return status;
  return blobs;
}

absl::Status ObjectBlobs::Prepare() {
  absl::StatusOr<std::unique_ptr<Bucket>> bucket = Bucket::Open(options_.bucket);
  if (!bucket.ok()) return bucket.status();
  bucket_ = *std::move(bucket);
  absl::Status status = bucket_->CheckRights();
  if (status.ok()) status = Claim();
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<BlobIndex>> index = BlobIndex::Open(folder_ / kIndex);
  if (!index.ok()) return index.status();
  index_ = *std::move(index);
  status = LearnBucket();
  if (!status.ok()) return status;
  const absl::StatusOr<int> aborted = bucket_->AbortUploads();
  if (!aborted.ok()) {
    spdlog::warn(
        "blobs: can't end uploads of parts that a kill has left: {}; have the bucket do it",
        std::string(aborted.status().message()));
  } else if (*aborted > 0) {
    spdlog::info("blobs: ended {} unfinished uploads of parts", *aborted);
  }
  if (options_.tend) tending_ = std::thread([this] { Tend(); });
  return absl::OkStatus();
}

absl::Status ObjectBlobs::Claim() {
  absl::StatusOr<std::optional<BucketNote>> note = ReadBucketNote(note_);
  if (!note.ok()) return note.status();
  const std::string url = options_.bucket.Url();
  if (note->has_value() && (*note)->bucket != url) {
    return absl::FailedPreconditionError(absl::StrCat("--blobs ", url,
                                                      ": the blobs of this state folder are in ",
                                                      (*note)->bucket, "; give that"));
  }
  absl::StatusOr<std::string> claimed = bucket_->GetWhole(kClaim);
  if (!claimed.ok() && !absl::IsNotFound(claimed.status())) return claimed.status();
  const std::string owner(claimed.ok() ? absl::StripAsciiWhitespace(*claimed) : "");
  if (!owner.empty() && (!note->has_value() || owner != (*note)->id)) {
    return absl::FailedPreconditionError(absl::StrCat(
        url,
        ": is the bucket of another state folder, whose blobs would be taken for garbage; "
        "give another prefix. If that folder is gone for good, delete the object ",
        options_.bucket.prefix, kClaim, ", and this one takes over what is there"));
  }
  if (!note->has_value()) *note = BucketNote{.bucket = url, .id = RandomId()};
  // First here: whoever is killed in between has claimed nothing that he does not know of.
  absl::Status status = WriteBucketNote(note_, **note);
  if (status.ok() && owner.empty()) status = bucket_->Put(kClaim, (*note)->id + "\n");
  return status;
}

absl::Status ObjectBlobs::LearnBucket() {
  const absl::StatusOr<bool> complete = index_->IsComplete();
  if (!complete.ok() || *complete) return complete.status();
  int64_t learnt = 0;
  std::string after;
  for (bool more = true; more;) {
    absl::StatusOr<Bucket::Page> page = bucket_->List(after);
    if (!page.ok()) return page.status();
    std::vector<IndexedBlob> blobs;
    for (const BucketObject& object : page->objects) {
      after = object.key;
      if (!IsSha256Hex(object.key)) continue;
      blobs.push_back({.sha256 = object.key, .bytes = object.bytes, .written = opened_});
    }
    absl::Status status = index_->AddUnknown(blobs);
    if (!status.ok()) return status;
    learnt += static_cast<int64_t>(blobs.size());
    more = page->more && !page->objects.empty();
  }
  if (learnt > 0) spdlog::info("blobs: the bucket holds {}", learnt);
  return index_->SetComplete();
}

ObjectBlobs::~ObjectBlobs() {
  stop_.Set();
  if (bucket_ != nullptr) bucket_->GiveUp();
  if (tending_.joinable()) tending_.join();
}

absl::StatusOr<IndexedBlob> ObjectBlobs::Look(const std::string& sha256) const {
  if (!IsSha256Hex(sha256)) return NoBlob(sha256);
  absl::StatusOr<std::optional<IndexedBlob>> found = index_->Find(sha256);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoBlob(sha256);
  return **std::move(found);
}

bool ObjectBlobs::Contains(const std::string& sha256) {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<IndexedBlob> blob = Look(sha256);
  if (!blob.ok()) {
    if (!absl::IsNotFound(blob.status())) {
      spdlog::error("blobs: {}", std::string(blob.status().message()));
    }
    return false;
  }
  asked_[sha256] = absl::Now();
  return true;
}

absl::StatusOr<int64_t> ObjectBlobs::SizeOf(const std::string& sha256) const {
  absl::StatusOr<IndexedBlob> blob = Look(sha256);
  if (!blob.ok()) return blob.status();
  return blob->bytes;
}

absl::Status ObjectBlobs::Publish(const std::string& sha256, const IncomingFile& file) {
  const Busy busy(*this, sha256);
  if (!Contains(sha256)) {
    absl::Status status = bucket_->PutFile(sha256, file.fd, file.size, sha256);
    if (status.ok()) {
      status = index_->Add({.sha256 = sha256, .bytes = file.size, .written = absl::Now()});
    }
    if (!status.ok()) return ForClients(status);
  }
  cache_.Take(file.path, sha256, file.size);
  return absl::OkStatus();
}

absl::Status ObjectBlobs::Import(const std::string& sha256, const std::filesystem::path& path) {
  const FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const int64_t size = SizeOfFile(path);
  const absl::StatusOr<std::string> digest = Sha256OfFile(path);
  if (file.get() < 0 || !digest.ok() || *digest != sha256) {
    return absl::DataLossError(absl::StrCat("blob ", sha256, " is damaged"));
  }
  const Busy busy(*this, sha256);
  absl::Status status = bucket_->PutFile(sha256, file.get(), size, sha256);
  if (!status.ok()) return status;
  return index_->Add({.sha256 = sha256, .bytes = size, .written = absl::Now()});
}

absl::StatusOr<BlobStore::Found> ObjectBlobs::Find(const std::string& sha256, int64_t offset) {
  absl::StatusOr<IndexedBlob> blob = Look(sha256);
  if (!blob.ok()) return blob.status();
  const int64_t size = blob->bytes;
  absl::Status status = CheckOffset(offset, size);
  if (!status.ok()) return status;
  FileHandle copy = cache_.Open(sha256);
  if (copy.get() >= 0) {
    absl::StatusOr<std::unique_ptr<BlobSource>> source = SourceOfFile(std::move(copy), offset);
    if (!source.ok()) return source.status();
    const auto damaged = [this, sha256](std::string_view) {
      spdlog::error("blob {}: its local copy is damaged: removed", sha256);
      cache_.Remove(sha256);
      return absl::UnavailableError(
          absl::StrCat("blob ", sha256,
                       ": its copy on the coordinator's disk was damaged; try "
                       "again, it is read from the store then"));
    };
    return Found{.source = *std::move(source), .size = size, .on_damage = damaged};
  }
  const auto gone = [this, sha256] {
    spdlog::error("blob {} is gone from the bucket: somebody has deleted it", sha256);
    Remove(sha256);  // so that it can be written again
  };
  return Found{
      .source = std::make_unique<ClientSource>(ObjectSource(*bucket_, sha256, offset, size, gone)),
      .size = size,
      .on_damage = [this, sha256, size](std::string_view how) {
        return Damaged(sha256, size, how);
      }};
}

absl::Status ObjectBlobs::Damaged(const std::string& sha256, int64_t size, std::string_view how) {
  // What came over the network may be wrong where what is stored is not.
  const absl::Status again =
      ReadObject(*bucket_, sha256, size, [](std::string_view) { return absl::OkStatus(); });
  if (again.ok()) {
    return absl::UnavailableError(
        absl::StrCat("blob ", sha256, " came damaged from the store; try again"));
  }
  if (!absl::IsDataLoss(again)) return ForClients(again);
  spdlog::error("blob {} is damaged: removed", sha256);
  Remove(sha256);
  return absl::DataLossError(absl::StrCat("blob ", sha256,
                                          " is damaged in the blobs' store: ", std::string(how),
                                          "; it is removed, write it again or run the job again"));
}

absl::StatusOr<MappedBlob> ObjectBlobs::Fetch(const IndexedBlob& blob) {
  const std::filesystem::path path = cache_.NewFile();
  const FileHandle file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return WriteError(errno, "open");
  const absl::Status status =
      ReadObject(*bucket_, blob.sha256, blob.bytes, [&](std::string_view bytes) {
        while (!bytes.empty()) {
          const ssize_t count = write(file.get(), bytes.data(), bytes.size());
          if (count < 0 && errno == EINTR) continue;
          if (count < 0) return WriteError(errno, "write");
          bytes.remove_prefix(count);
        }
        return absl::OkStatus();
      });
  if (!status.ok()) {
    unlink(path.c_str());
    return ForClients(status);
  }
  absl::StatusOr<MappedBlob> mapped = MappedBlob::Of(file);
  cache_.Take(path, blob.sha256, blob.bytes);
  return mapped;
}

absl::StatusOr<MappedBlob> ObjectBlobs::Map(const std::string& sha256) {
  absl::StatusOr<IndexedBlob> blob = Look(sha256);
  if (!blob.ok()) return blob.status();
  if (const FileHandle copy = cache_.Open(sha256); copy.get() >= 0) return MappedBlob::Of(copy);
  if (blob->bytes <= kMostMapped) return Fetch(*blob);
  return absl::ResourceExhaustedError(absl::StrCat("blob ", sha256, " has ", blob->bytes,
                                                   " bytes; the limit here is ", kMostMapped));
}

void ObjectBlobs::Remove(const std::string& sha256) {
  if (!IsSha256Hex(sha256)) return;
  absl::MutexLock lock(&mutex_);
  const absl::Status status = index_->Doom({sha256});
  if (!status.ok()) spdlog::error("blobs: {}", std::string(status.message()));
  cache_.Remove(sha256);
  asked_.erase(sha256);
}

bool ObjectBlobs::IsOld(const IndexedBlob& blob, absl::Time cutoff) const {
  if (owners().PinnedSince(blob.sha256)) return false;
  const auto asked = asked_.find(blob.sha256);
  const absl::Time last = asked == asked_.end() ? opened_ : asked->second;
  return std::max(last, blob.written) <= cutoff;
}

std::vector<IndexedBlob> ObjectBlobs::DoomOld(const std::vector<IndexedBlob>& unreferenced,
                                              absl::Time cutoff) {
  absl::MutexLock lock(&mutex_);
  std::vector<IndexedBlob> old;
  std::vector<std::string> names;
  for (const IndexedBlob& blob : unreferenced) {
    if (!IsOld(blob, cutoff)) continue;
    // It may have been written anew since it was looked at.
    const absl::StatusOr<IndexedBlob> now = Look(blob.sha256);
    if (!now.ok() || now->written != blob.written) continue;
    old.push_back(blob);
    names.push_back(blob.sha256);
  }
  const absl::Status status = names.empty() ? absl::OkStatus() : index_->Doom(names);
  if (!status.ok()) {
    spdlog::error("blobs: {}", std::string(status.message()));
    return {};
  }
  for (const std::string& name : names) {
    cache_.Remove(name);
    asked_.erase(name);
  }
  return old;
}

BlobStore::Garbage ObjectBlobs::CollectGarbage(
    absl::FunctionRef<bool(const std::string&)> is_referenced, absl::Time cutoff) {
  Garbage garbage;
  std::string after;
  for (;;) {
    const absl::StatusOr<std::vector<IndexedBlob>> blobs = index_->After(after, Bucket::kPage);
    if (!blobs.ok()) {
      spdlog::error("blobs: {}", std::string(blobs.status().message()));
      break;
    }
    if (blobs->empty()) break;
    after = blobs->back().sha256;
    std::vector<IndexedBlob> unreferenced;
    for (const IndexedBlob& blob : *blobs) {
      if (blob.doomed) continue;
      ++garbage.blobs;
      if (!is_referenced(blob.sha256)) unreferenced.push_back(blob);
    }
    const std::vector<IndexedBlob> old = DoomOld(unreferenced, cutoff);
    for (const IndexedBlob& blob : old) garbage.removed_bytes += blob.bytes;
    garbage.removed += static_cast<int64_t>(old.size());
    garbage.orphans += static_cast<int64_t>(unreferenced.size() - old.size());
  }
  incoming().VisitIdle([&](const std::filesystem::path& file, const std::string& sha256) {
    if (is_referenced(sha256) || owners().PinnedSince(sha256)) return;
    RemoveOldFile(file, cutoff, garbage.removed_bytes);
  });
  absl::MutexLock lock(&mutex_);
  absl::erase_if(asked_, [&](const auto& asked) { return asked.second <= cutoff; });
  return garbage;
}

bool ObjectBlobs::VisitBlobs(
    absl::FunctionRef<bool(const std::string& sha256, int64_t bytes, bool whole)> visit) const {
  std::string after;
  for (;;) {
    const absl::StatusOr<std::vector<IndexedBlob>> blobs = index_->After(after, Bucket::kPage);
    if (!blobs.ok() || blobs->empty()) break;
    after = blobs->back().sha256;
    for (const IndexedBlob& blob : *blobs) {
      if (!blob.doomed && !visit(blob.sha256, blob.bytes, true)) return false;
    }
  }
  return incoming().VisitAll(
      [&](const std::string& sha256, int64_t bytes) { return visit(sha256, bytes, false); });
}

bool ObjectBlobs::TryBusy(const std::string& sha256) {
  absl::MutexLock lock(&busy_mutex_);
  return busy_.insert(sha256).second;
}

void ObjectBlobs::WaitBusy(const std::string& sha256) {
  absl::MutexLock lock(&busy_mutex_);
  const auto is_free = [&]() ABSL_SHARED_LOCKS_REQUIRED(busy_mutex_) {
    return !busy_.contains(sha256);
  };
  busy_mutex_.Await(absl::Condition(&is_free));
  busy_.insert(sha256);
}

void ObjectBlobs::EndBusy(const std::string& sha256) {
  absl::MutexLock lock(&busy_mutex_);
  busy_.erase(sha256);
}

}  // namespace alignflow
