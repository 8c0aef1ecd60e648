#include "worker/models/efficientnet/efficientnet_config.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace alignflow {
namespace {

struct Scaling {
  const char* name;
  double width, depth;
  int64_t side;
};

constexpr Scaling kScalings[] = {{"lite0", 1.0, 1.0, 224},
                                 {"lite1", 1.0, 1.1, 240},
                                 {"lite2", 1.1, 1.2, 260},
                                 {"lite3", 1.2, 1.4, 280},
                                 {"lite4", 1.4, 1.8, 300}};

// To the nearest multiple of 8 that takes away no more than a tenth.
int64_t ScaledChannels(int64_t channels, double width) {
  const double wide = static_cast<double>(channels) * width;
  const int64_t rounded = std::max<int64_t>(8, static_cast<int64_t>(wide + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * wide ? rounded + 8 : rounded;
}

}  // namespace

std::vector<int64_t> EfficientNetConfig::LevelChannels() const {
  std::vector<int64_t> channels;
  for (size_t i = 0; i < stages.size(); ++i) {
    if (i + 1 == stages.size() || stages[i + 1].stride == 2) channels.push_back(stages[i].channels);
  }
  return channels;
}

EfficientNetConfig EfficientNetLite(const std::string& name) {
  const auto* const scaling = std::ranges::find(kScalings, name, &Scaling::name);
  if (scaling == std::end(kScalings)) {
    throw std::invalid_argument("there is no EfficientNet '" + name + "', only lite0 to lite4");
  }
  EfficientNetConfig config{.stages = {{1, 3, 1, 1, 16},
                                       {2, 3, 2, 6, 24},
                                       {2, 5, 2, 6, 40},
                                       {3, 3, 2, 6, 80},
                                       {3, 5, 1, 6, 112},
                                       {4, 5, 2, 6, 192},
                                       {1, 3, 1, 6, 320}},
                            .side = scaling->side};
  for (EfficientNetConfig::Stage& stage : config.stages) {
    stage.channels = ScaledChannels(stage.channels, scaling->width);
    const bool end = &stage == &config.stages.front() || &stage == &config.stages.back();
    if (!end) {
      stage.blocks =
          static_cast<int64_t>(std::ceil(scaling->depth * static_cast<double>(stage.blocks)));
    }
  }
  return config;
}

}  // namespace alignflow
