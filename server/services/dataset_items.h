#ifndef ALIGNFLOW_SERVER_SERVICES_DATASET_ITEMS_H_
#define ALIGNFLOW_SERVER_SERVICES_DATASET_ITEMS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "alignflow/v1/datasets.pb.h"
#include "server/blobs/blob_store.h"
#include "server/services/image_check.h"

namespace alignflow {

// The items of a CreateDatasetRequest one by one, from the message itself or from the blob that it
// names. No more than a few MiB of the blob are in memory at a time. Not thread-safe.
class DatasetItems {
 public:
  // The request must outlive the object. InvalidArgument if there are items in both places,
  // FailedPrecondition for a blob that has not been written or that the caller does not own.
  static absl::StatusOr<DatasetItems> Open(const v1::CreateDatasetRequest& request,
                                           BlobStore& blobs, const OwnsBlob& owns = {});

  // False at the end. InvalidArgument for bytes that are no items, and what BlobReader says.
  absl::StatusOr<bool> Next(v1::DatasetItem& item);

 private:
  explicit DatasetItems(const v1::Manifest& manifest) : manifest_(&manifest) {}
  // Makes at least `size` bytes be there behind `at_`, if there are so many left.
  absl::StatusOr<bool> Fill(size_t size);
  // The varint before an item. False at the end.
  absl::StatusOr<bool> NextSize(uint64_t& size);

  const v1::Manifest* manifest_;
  int next_ = 0;
  std::unique_ptr<BlobReader> reader_;  // null: the items are in the message
  std::string buffer_;
  size_t at_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_DATASET_ITEMS_H_
