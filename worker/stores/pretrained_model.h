#ifndef ALIGNFLOW_WORKER_STORES_PRETRAINED_MODEL_H_
#define ALIGNFLOW_WORKER_STORES_PRETRAINED_MODEL_H_

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "common/data/label_table.h"
#include "worker/alignment/feature_extractor.h"
#include "worker/masks/sd35_mask_flow.h"
#include "worker/models/sd35/backbone.h"
#include "worker/models/sd35/memory.h"
#include "worker/tasks/task.h"

// Models whose weights lie in a folder on the worker: MODELS_DIR/WEIGHTS. Errors about the folder
// are TaskError with FailedPrecondition, because another worker may have it; they name files
// relative to the models folder.
namespace alignflow {

// Whether a task's preset takes its weights from a folder.
bool IsPretrained(const TaskSpec& spec);

// ResourceExhausted with the number and the remedy if a task of this kind needs more memory than
// `free` bytes; OK if free < 0, where it cannot be told.
absl::Status CheckMemory(const MemoryEstimate& needed, int64_t free, const std::string& kind);

// The folder's model with the ControlNet that stage 1 starts from, and with one from a file that
// Sd35Backbone::Save wrote. The base stays in memory for the next task that wants the same one.
// Throws TaskError with CheckMemory's Status before anything large is read.
std::unique_ptr<Sd35Backbone> NewPretrained(TaskContext& context, const TaskSpec& spec,
                                            const LabelTable& labels);
std::unique_ptr<Sd35Backbone> LoadPretrained(TaskContext& context, const TaskSpec& spec,
                                             const std::filesystem::path& file,
                                             const LabelTable& labels,
                                             std::map<std::string, std::string>* metadata);

// The same of mask models: a new one, with adapters as masks.adapter_rank says, and one from a file
// that Sd35MaskFlow::Save wrote.
std::unique_ptr<Sd35MaskFlow> NewPretrainedMaskFlow(TaskContext& context, const TaskSpec& spec,
                                                    const LabelTable& labels);
std::unique_ptr<Sd35MaskFlow> LoadPretrainedMaskFlow(TaskContext& context, const TaskSpec& spec,
                                                     const std::filesystem::path& file,
                                                     const LabelTable& labels,
                                                     std::map<std::string, std::string>* metadata);

// The folder's dinov3/, frozen; null if there is none.
std::shared_ptr<const FeatureExtractor> LoadDinoV3(TaskContext& context, const TaskSpec& spec);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_STORES_PRETRAINED_MODEL_H_
