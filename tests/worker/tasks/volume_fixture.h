#ifndef ALIGNFLOW_TESTS_WORKER_TASKS_VOLUME_FIXTURE_H_
#define ALIGNFLOW_TESTS_WORKER_TASKS_VOLUME_FIXTURE_H_

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/volumes/volume_phantom.h"

namespace alignflow {

// Phantoms of volumes as blobs, and specs of the preset unet3d-32 with few steps.
class VolumeFixture : public TaskFixture {
 protected:
  static constexpr float kLow = -160, kHigh = 240;  // the window

  // Another scanner's grey curve: shares of the window to shares of it, of the body alone.
  using Curve = std::function<float(float)>;

  // The manifest of `count` phantoms of 24 x 24 x 15 voxels, with masks as a dataset, without as
  // references. `mirrored`: left to right, their images alone.
  std::string PutVolumes(PhantomDomain domain, int count, bool masks, uint64_t seed = 1,
                         const Curve& curve = {}, bool mirrored = false) {
    DatasetManifest manifest;
    if (masks) manifest.labels = VolumePhantomLabels();
    manifest.kind = masks ? DatasetKind::kDataset : DatasetKind::kReferences;
    for (int i = 0; i < count; ++i) {
      VolumePhantom phantom =
          MakeVolumePhantom({.domain = domain, .count = count, .seed = seed, .size = 24}, i);
      phantom.image.low = kLow;
      phantom.image.high = kHigh;
      for (float& value : phantom.image.voxels) {
        const float share = (value - kLow) / (kHigh - kLow);
        if (curve && share > 0.05F) value = kLow + (kHigh - kLow) * curve(std::min(share, 1.0F));
      }
      for (auto row = phantom.image.voxels.begin(); mirrored && row != phantom.image.voxels.end();
           row += 24) {
        std::reverse(row, row + 24);
      }
      manifest.items.push_back(
          {.name = "case-" + std::to_string(i),
           .image = blobs_->Put(PackVolume(phantom.image, NiftiType::kInt16)),
           .mask = masks ? blobs_->Put(PackVolume(phantom.mask, NiftiType::kUint8)) : "",
           .width = 24,
           .height = 24,
           .depth = 15});
    }
    return blobs_->Put(*WriteManifest(manifest));
  }

  static TaskSpec PrepareSpec(const std::string& manifest) {
    return {.kind = "prepare",
            .settings = {{"size", "32"}, {"pictures", "whole"}, {"dims", "3"}},
            .inputs = {{"dataset", manifest}}};
  }
  std::string Packed(const std::string& manifest) { return Run(PrepareSpec(manifest))["packed"]; }

  // As the coordinator makes it; `inputs` hold prepared files. What describe says of the source is
  // added where a task asks for it.
  TaskSpec Spec3d(const std::string& kind, std::map<std::string, std::string> inputs,
                  const SettingMap& given = {}) {
    SettingMap settings{
        {"fit.iterations", "3"},  {"fit.batch", "2"},        {"align.iterations", "3"},
        {"align.batch", "2"},     {"align.pool", "4"},       {"align.check_interval", "2"},
        {"generate.steps", "2"},  {"judge.iterations", "2"}, {"evaluate.iterations", "2"},
        {"figures.samples", "8"}, {"gates.enabled", "off"},  {"seed", "5"},
        {"pairs.size", "0"}};
    for (const auto& [name, value] : given) settings[name] = value;
    const auto resolved = ResolveSettings("unet3d-32", settings);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    TaskSpec spec{.kind = kind,
                  .settings = SettingsOfKind(kind, "unet3d-32", *resolved),
                  .inputs = std::move(inputs)};
    spec.settings["pictures"] = "whole";
    if (kind == "align" || kind == "figures" ||
        (kind == "generate" && spec.inputs.contains("judge/000000"))) {
      spec.inputs.insert({"statistics", Statistics(spec.inputs.at("source"))});
    }
    return spec;
  }
  // A task of the pairs [first, last].
  static TaskSpec Pairs(TaskSpec spec, int64_t first, int64_t last) {
    spec.settings["first_pair"] = std::to_string(first);
    spec.settings["last_pair"] = std::to_string(last);
    return spec;
  }
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_TASKS_VOLUME_FIXTURE_H_
