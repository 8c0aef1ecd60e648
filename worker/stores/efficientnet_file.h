#ifndef ALIGNFLOW_WORKER_STORES_EFFICIENTNET_FILE_H_
#define ALIGNFLOW_WORKER_STORES_EFFICIENTNET_FILE_H_

#include <filesystem>
#include <memory>
#include <string>

#include "worker/models/efficientnet/efficientnet.h"
#include "worker/tasks/task.h"

// EfficientNet-Lite's published weights, efficientnet-NAME.safetensors ("lite0" to "lite4"), which
// scripts/setup.sh makes: in the worker's --models-dir, or where it looks without being told.
namespace alignflow {

// The file; empty if this worker has none.
std::filesystem::path EfficientNetFile(const TaskContext& context, const std::string& name);

// The file's name and where it is to be had, for people.
std::string EfficientNetFileName(const std::string& name);

// The published net with its head, without its classifier, frozen, on the context's device; null if
// this worker has no file. Throws TaskError with FailedPrecondition for one that cannot be read.
std::shared_ptr<const EfficientNet> LoadFrozenEfficientNet(const TaskContext& context,
                                                           const std::string& name);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_STORES_EFFICIENTNET_FILE_H_
