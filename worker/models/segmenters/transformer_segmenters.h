#ifndef ALIGNFLOW_WORKER_MODELS_SEGMENTERS_TRANSFORMER_SEGMENTERS_H_
#define ALIGNFLOW_WORKER_MODELS_SEGMENTERS_TRANSFORMER_SEGMENTERS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "worker/models/segmenters/segmenter.h"

namespace alignflow {

// SegFormer and DPT as segmenters: images are normalized as ImageNet's were, logits brought to the
// images' size. `folder` holds a model of transformers whose encoder is read; without such a folder
// everything is drawn from the global generator. Throws std::runtime_error naming file and field or
// tensor.
NewSegmenter MakeSegFormer(const std::string& size, int64_t classes,
                           const std::filesystem::path& folder);
NewSegmenter MakeDpt(int64_t classes, int64_t image_size, const std::filesystem::path& folder);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SEGMENTERS_TRANSFORMER_SEGMENTERS_H_
