#include "client/upload.h"

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/text_table.h"
#include "common/parallel.h"

namespace alignflow {
namespace {

constexpr absl::Duration kQuiet = absl::Milliseconds(500);
constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);

}  // namespace

void Counter::Show(const std::string& text, bool last) {
  const absl::Time now = absl::Now();
  started_ = std::min(started_, now);
  const absl::Duration interval = console_.interactive ? kRedrawInterval : kPlainInterval;
  const bool ever = shown_ != absl::InfinitePast();
  if (last ? !ever : now - started_ < kQuiet || now - shown_ < interval) return;
  shown_ = now;
  if (console_.interactive) {
    console_.err << "\r\x1b[K" << Printable(text) << std::flush;
    open_ = true;
  } else {
    console_.err << Printable(text) << std::endl;
  }
}

void Counter::End() {
  if (open_) console_.err << std::endl;
  open_ = false;
}

absl::StatusOr<DescribedFolder> DescribeFolder(const ImageFolder& folder, Console& console) {
  const size_t count = folder.items.size();
  const bool masks = !folder.items.empty() && !folder.items.front().mask.empty();
  DescribedFolder described;
  described.images.resize(count);
  described.masks.resize(masks ? count : 0);
  Counter counter(console);
  absl::Mutex mutex;
  absl::Status result = absl::OkStatus();
  size_t done = 0;
  ForEachOnAllCores(count, [&](size_t i) {
    auto image = DescribeFile(folder.items[i].image);
    auto mask = masks ? DescribeFile(folder.items[i].mask) : BlobFile();
    const absl::MutexLock lock(&mutex);
    result.Update(image.status());
    result.Update(mask.status());
    if (!result.ok()) return false;
    described.image_bytes += image->blob.size_bytes;
    described.images[i] = *std::move(image);
    if (masks) {
      described.mask_bytes += mask->blob.size_bytes;
      described.masks[i] = *std::move(mask);
    }
    ++done;
    counter.Show(absl::StrCat("reading ", done, "/", count), done == count);
    return true;
  });
  if (!result.ok()) return result;
  return described;
}

absl::StatusOr<UploadTotals> UploadFolder(const DescribedFolder& folder, BlobClient& blobs,
                                          Console& console) {
  std::vector<BlobFile> files = folder.images;
  files.insert(files.end(), folder.masks.begin(), folder.masks.end());
  const int64_t before = blobs.bytes_sent();
  Counter counter(console);
  absl::Status sent = blobs.UploadMany(files, [&](int64_t done, int64_t total) {
    counter.Show(absl::StrCat("sending ", BytesText(done), " of ", BytesText(total)),
                 done == total);
  });
  if (!sent.ok()) return sent;
  return UploadTotals{.bytes = folder.image_bytes + folder.mask_bytes,
                      .sent_bytes = blobs.bytes_sent() - before};
}

void PrintWarnings(const std::vector<std::string>& warnings, Console& console) {
  for (const std::string& warning : warnings) {
    console.err << "warning: " << Printable(warning) << std::endl;
  }
}

void PrintFindings(const ImageFolder& folder, Console& console) {
  for (const std::string& note : folder.notes) {
    console.err << "note: " << Printable(note) << std::endl;
  }
  PrintWarnings(folder.warnings, console);
}

ScanProgress CountChecked(Counter& counter) {
  return [&counter](size_t done, size_t total) {
    counter.Show(absl::StrCat("checking ", done, "/", total), done == total);
    return true;
  };
}

void SetDigest(const BlobRef& blob, v1::Digest& digest) {
  digest.set_sha256(blob.sha256);
  digest.set_size_bytes(blob.size_bytes);
}

}  // namespace alignflow
