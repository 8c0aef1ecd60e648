#ifndef ALIGNFLOW_CLIENT_UPLOAD_H_
#define ALIGNFLOW_CLIENT_UPLOAD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "alignflow/v1/blobs.pb.h"
#include "client/console.h"
#include "common/blob_client.h"
#include "worker/data/image_folder.h"

namespace alignflow {

// A counter on the console's `err`, such as "checking 120/700 images": redrawn on a terminal, a
// line every few seconds elsewhere, and nothing at all for what is over in a moment. Not
// thread-safe.
class Counter {
 public:
  explicit Counter(Console& console) : console_(console) {}
  ~Counter() { End(); }
  // `text` is the whole line. The last state is shown too, if any was.
  void Show(const std::string& text, bool last);
  void End();

 private:
  Console& console_;
  absl::Time started_ = absl::InfiniteFuture();
  absl::Time shown_ = absl::InfinitePast();
  bool open_ = false;  // a line that is redrawn stands on the terminal
};

// A folder's files as blobs, in the order of its items.
struct DescribedFolder {
  std::vector<BlobFile> images;
  std::vector<BlobFile> masks;  // empty for references
  int64_t image_bytes = 0;
  int64_t mask_bytes = 0;
};

// Reads every file once for its digest, on all cores.
absl::StatusOr<DescribedFolder> DescribeFolder(const ImageFolder& folder, Console& console);

struct UploadTotals {
  int64_t bytes = 0;       // in all
  int64_t sent_bytes = 0;  // what the server did not have yet
};

// Sends what the server lacks, with a counter.
absl::StatusOr<UploadTotals> UploadFolder(const DescribedFolder& folder, BlobClient& blobs,
                                          Console& console);

// Prints each warning on `err`.
void PrintWarnings(const std::vector<std::string>& warnings, Console& console);

// Prints how a folder was read, and then its warnings, on `err`.
void PrintFindings(const ImageFolder& folder, Console& console);

// A progress function for ScanDataset and ScanReferences.
ScanProgress CountChecked(Counter& counter);

void SetDigest(const BlobRef& blob, v1::Digest& digest);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_UPLOAD_H_
