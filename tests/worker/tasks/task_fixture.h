#ifndef ALIGNFLOW_TESTS_WORKER_TASKS_TASK_FIXTURE_H_
#define ALIGNFLOW_TESTS_WORKER_TASKS_TASK_FIXTURE_H_

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/data/manifest.h"
#include "common/settings/settings.h"
#include "tests/worker/tasks/fake_context.h"
#include "worker/data/image_decode.h"
#include "worker/data/phantom.h"

namespace alignflow {

// A folder of its own, phantoms as blobs and specs with few steps, for tests that run tasks.
class TaskFixture : public ::testing::Test {
 protected:
  TaskFixture() {
    at::set_num_threads(1);  // many test processes share few cores
    std::string pattern = (std::filesystem::temp_directory_path() / "alignflow-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    blobs_ = std::make_unique<FakeBlobs>(folder_ / "blobs");
  }
  ~TaskFixture() override { std::filesystem::remove_all(folder_); }

  // The manifest of `count` phantoms, with masks as a dataset, without as references. Another seed
  // gives other pictures; another domain the same ones in its look.
  std::string PutPhantoms(PhantomDomain domain, int count, bool masks, int size = 64,
                          uint64_t seed = 1) {
    DatasetManifest manifest;
    if (masks) manifest.labels = PhantomLabels(PhantomKind::kPolyp);
    manifest.kind = masks ? DatasetKind::kDataset : DatasetKind::kReferences;
    for (int i = 0; i < count; ++i) {
      const Phantom phantom = MakePhantom({.kind = PhantomKind::kPolyp,
                                           .domain = domain,
                                           .count = count,
                                           .seed = seed,
                                           .size = size},
                                          i);
      manifest.items.push_back({.name = "item-" + std::to_string(100 + i),
                                .image = blobs_->Put(*EncodePng(phantom.image)),
                                .mask = masks ? blobs_->Put(*EncodePng(phantom.mask)) : "",
                                .width = size,
                                .height = size});
    }
    return blobs_->Put(*WriteManifest(manifest));
  }

  // A spec with the preset's settings, `given` laid over those of a very short job of whole
  // pictures, whose pairs are as small as they are made. As the coordinator does, it gives the task
  // the prepared files of the manifests `source` and `target`.
  TaskSpec Spec(const std::string& kind, std::map<std::string, std::string> inputs,
                const SettingMap& given = {}) {
    SettingMap settings{{"fit.iterations", "4"},   {"fit.batch", "2"},  {"align.iterations", "4"},
                        {"align.batch", "3"},      {"align.pool", "6"}, {"generate.steps", "2"},
                        {"figures.samples", "16"}, {"seed", "5"},       {"gates.enabled", "off"},
                        {"framing", "none"},       {"pairs.size", "0"}};
    for (const auto& [name, value] : given) settings[name] = value;
    const std::string first = TakeOut(settings, "first_pair"),
                      last = TakeOut(settings, "last_pair");
    const auto resolved = ResolveSettings("unet-64", settings);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    TaskSpec spec{.kind = kind,
                  .settings = SettingsOfKind(kind, "unet-64", *resolved),
                  .inputs = std::move(inputs)};
    spec.settings["pictures"] = resolved->at("framing") == "none" ? "whole" : "view";
    if (!first.empty()) {
      spec.settings["first_pair"] = first;
      spec.settings["last_pair"] = last;
    }
    return WithPrepared(spec);
  }

  // The packed file of a dataset at a size, and what a describe task says about it.
  std::string Prepared(const std::string& manifest, int64_t size = 64,
                       const std::string& pictures = "whole") {
    std::string& packed = prepared_[{manifest, size, pictures}];
    if (packed.empty()) {
      packed = Run({.kind = "prepare",
                    .settings = {{"size", std::to_string(size)}, {"pictures", pictures}},
                    .inputs = {{"dataset", manifest}}})["packed"];
    }
    return packed;
  }
  std::string Statistics(const std::string& packed) {
    std::string& statistics = statistics_[packed];
    if (statistics.empty()) {
      statistics =
          Run({.kind = "describe", .settings = {}, .inputs = {{"source", packed}}})["statistics"];
    }
    return statistics;
  }
  TaskSpec WithPrepared(TaskSpec spec) {
    for (const char* role : {"source", "target"}) {
      const auto input = spec.inputs.find(role);
      if (input == spec.inputs.end() || !blobs_->Read(input->second).starts_with("{")) continue;
      input->second = Prepared(input->second, ImageSide(spec.settings.at("preset"), spec.settings),
                               spec.settings.at("pictures"));
    }
    const bool needs_statistics = spec.kind == "align" || spec.kind == "figures" ||
                                  (spec.kind == "generate" && spec.inputs.contains("judge/000000"));
    if (needs_statistics && spec.inputs.contains("source")) {
      spec.inputs.insert({"statistics", Statistics(spec.inputs.at("source"))});
    }
    return spec;
  }

  std::unique_ptr<FakeContext> NewContext() {
    return std::make_unique<FakeContext>(*blobs_,
                                         folder_ / ("scratch-" + std::to_string(++contexts_)));
  }

  // Runs a task that must succeed.
  TaskOutputs Run(const TaskSpec& spec) {
    const auto context = NewContext();
    const auto outputs = RunTask(spec, *context);
    EXPECT_TRUE(outputs.ok()) << spec.kind << ": " << outputs.status();
    return outputs.ok() ? *outputs : TaskOutputs{};
  }

  std::vector<std::string> LinesOf(const std::string& digest) const {
    std::istringstream stream(blobs_->Read(digest));
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }
  // lines(first, last): those of the pairs that a shard makes. Two groups of pairs, whole and cut
  // within a group.
  static void ExpectSameWhicheverShard(
      const std::function<std::vector<std::string>(int64_t first, int64_t last)>& lines) {
    const std::vector<std::string> whole = lines(1, 18);
    ASSERT_EQ(whole.size(), 18u);
    std::vector<std::string> shards = lines(1, 3);
    for (const auto& [first, last] : {std::pair{4, 17}, {18, 18}}) {
      const std::vector<std::string> shard = lines(first, last);
      shards.insert(shards.end(), shard.begin(), shard.end());
    }
    EXPECT_EQ(shards, whole);
  }

  std::filesystem::path folder_;
  std::unique_ptr<FakeBlobs> blobs_;

 private:
  static std::string TakeOut(SettingMap& settings, const std::string& name) {
    const auto node = settings.extract(name);
    return node.empty() ? "" : node.mapped();
  }

  std::map<std::tuple<std::string, int64_t, std::string>, std::string> prepared_;
  std::map<std::string, std::string> statistics_;
  int contexts_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_TASKS_TASK_FIXTURE_H_
