#ifndef ALIGNFLOW_SERVER_WORKFLOW_RESULT_FORMS_H_
#define ALIGNFLOW_SERVER_WORKFLOW_RESULT_FORMS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/records.h"

// Whether what a task put out has the form that its kind has: looked at before it is accepted,
// because it is kept and reused from then on. Bytes were held against their digest when they were
// written; here it is headers, names, counts and sizes. InvalidArgument says which output is
// wrong and how; errors of the store are passed on.
namespace alignflow {

// The outputs that are files of tensors, JSON documents or pictures. All must be stored.
absl::Status CheckForms(const TaskSpec& task, const TaskOutputs& outputs, BlobStore& blobs);

// A file of weights that a user has uploaded for a job that imports them: tensors, and a JSON
// object about the model in the metadata (common/data/motfm_config.h).
absl::Status CheckWeights(const std::string& blob, BlobStore& blobs);

// The files of the pairs: PNG files or volumes, image and mask of one size.
absl::Status CheckPictures(const std::vector<PairRecord>& pairs, BlobStore& blobs);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_RESULT_FORMS_H_
