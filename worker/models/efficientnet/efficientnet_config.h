#ifndef ALIGNFLOW_WORKER_MODELS_EFFICIENTNET_EFFICIENTNET_CONFIG_H_
#define ALIGNFLOW_WORKER_MODELS_EFFICIENTNET_EFFICIENTNET_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace alignflow {

// The shape of an EfficientNet-Lite.
struct EfficientNetConfig {
  // Blocks of one width; the first of them has the stride.
  struct Stage {
    int64_t blocks = 1;
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t expansion = 6;  // channels between a block's two 1x1 convolutions, per input channel
    int64_t channels = 0;   // that come out
  };

  int64_t stem = 32;
  std::vector<Stage> stages = {};
  int64_t head = 1280;     // channels that are pooled and classified; 0: levels alone are wanted
  int64_t classes = 1000;  // 0: no classifier
  int64_t side = 224;      // pixels of the images that the published weights were trained on

  // Channels of the levels, from stride 2 on: the last stage of each resolution.
  std::vector<int64_t> LevelChannels() const;
};

// "lite0" to "lite4" as published (Tan and Le 2019, arXiv:1905.11946, scaled without squeeze and
// excitation and with a fixed stem and head). Throws std::invalid_argument for another name.
EfficientNetConfig EfficientNetLite(const std::string& name);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_EFFICIENTNET_EFFICIENTNET_CONFIG_H_
