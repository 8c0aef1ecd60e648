#ifndef ALIGNFLOW_CLIENT_DATASET_PUSH_H_
#define ALIGNFLOW_CLIENT_DATASET_PUSH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "alignflow/v1/datasets.pb.h"
#include "client/image_options.h"
#include "client/session.h"
#include "client/upload.h"

namespace alignflow {

struct PushArguments {
  std::string name;    // the dataset's id
  std::string dir;     // with images/ and masks/
  std::string labels;  // LabelTable's text form; empty: inferred
  ImageOptions images;
};

struct PushedDataset {
  v1::Dataset dataset;
  UploadTotals totals;
  std::vector<LabelRow> labels;  // what each label is in the masks
};

// Checks every file of the folder to its last pixel, then sends what the server lacks and registers
// the manifest. Nothing is sent for a folder with a mistake in it. How the folder was read, a table
// of its labels, warnings and counters go to `err`.
absl::StatusOr<PushedDataset> PushDataset(Session& session, const PushArguments& arguments);

// The manifest of a folder that has been checked, whose files have been named as blobs.
v1::Manifest MakeManifest(const ImageFolder& folder, const DescribedFolder& files);

// Sends the manifest's items as a blob where the request has more bytes than `limit` with them.
absl::Status MoveItemsToBlob(BlobClient& blobs, size_t limit, v1::CreateDatasetRequest& request);

// "384x288", or "384x288 to 720x576".
std::string SizeRange(const v1::Dataset& dataset);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_DATASET_PUSH_H_
