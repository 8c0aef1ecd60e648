#include "client/upload.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/text_table.h"

namespace alignflow {
namespace {

constexpr absl::Duration kQuiet = absl::Milliseconds(500);
constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
constexpr absl::Duration kPlainInterval = absl::Seconds(5);

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
  DescribedFolder described;
  Counter counter(console);
  for (size_t i = 0; i < folder.items.size(); ++i) {
    auto image = DescribeFile(folder.items[i].image);
    if (!image.ok()) return image.status();
    described.image_bytes += image->blob.size_bytes;
    described.images.push_back(*std::move(image));
    if (!folder.items[i].mask.empty()) {
      auto mask = DescribeFile(folder.items[i].mask);
      if (!mask.ok()) return mask.status();
      described.mask_bytes += mask->blob.size_bytes;
      described.masks.push_back(*std::move(mask));
    }
    counter.Show(absl::StrCat("reading ", i + 1, "/", folder.items.size()),
                 i + 1 == folder.items.size());
  }
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
