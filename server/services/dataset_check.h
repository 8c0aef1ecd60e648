#ifndef ALIGNFLOW_SERVER_SERVICES_DATASET_CHECK_H_
#define ALIGNFLOW_SERVER_SERVICES_DATASET_CHECK_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "alignflow/v1/datasets.pb.h"
#include "alignflow/v1/jobs.pb.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/records.h"
#include "server/services/image_check.h"

namespace alignflow {

// A manifest that has been checked, in its canonical form.
struct CheckedDataset {
  std::string manifest;  // common/data/manifest.h
  DatasetRecord record;  // but for id, digest and time
  std::vector<DatasetBlobs> items;
};

// Checks everything that can be checked without decoding. Errors as in Datasets.CreateDataset, each
// with item, field and remedy. `goes_on` is told how many items have been checked, before each and
// at the end; Cancelled once it says no. `owns`: which blobs the caller may refer to.
absl::StatusOr<CheckedDataset> CheckDatasetManifest(
    const v1::CreateDatasetRequest& request, BlobStore& blobs,
    const std::function<bool(int64_t checked)>& goes_on, const OwnsBlob& owns = {});

// The references of a job as a canonical manifest. Errors as in Jobs.CreateJob.
absl::StatusOr<std::string> CheckReferences(const v1::AlignSpec& spec, BlobStore& blobs,
                                            const std::function<bool()>& cancelled,
                                            const OwnsBlob& owns = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_DATASET_CHECK_H_
