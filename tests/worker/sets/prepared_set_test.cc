#include "worker/sets/prepared_set.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/worker/sets/allocation_watch.h"
#include "tests/worker/tasks/task_fixture.h"
#include "worker/models/safetensors.h"
#include "worker/models/unet/backbone.h"
#include "worker/sets/reference_set.h"
#include "worker/sets/source_statistics.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

class PreparedSetTest : public TaskFixture {
 protected:
  ImageSet Map(const std::string& packed) { return MapPrepared(blobs_->PathOf(packed)); }
  // What a task says about a source that is this file.
  absl::Status StatusOfDescribe(const std::string& bytes) {
    const auto context = NewContext();
    return RunTask({.kind = "describe", .settings = {}, .inputs = {{"source", blobs_->Put(bytes)}}},
                   *context)
        .status();
  }
  // The packed file with other tensors or strings.
  std::string Changed(const std::string& packed,
                      const std::function<void(std::map<std::string, at::Tensor>&,
                                               std::map<std::string, std::string>&)>& change) {
    const SafetensorsFile file(blobs_->PathOf(packed));
    std::map<std::string, at::Tensor> tensors;
    for (const std::string& name : file.Names()) tensors[name] = file.Get(name).clone();
    std::map<std::string, std::string> strings = file.metadata();
    change(tensors, strings);
    return SerializeSafetensors(tensors, strings);
  }
};

TEST_F(PreparedSetTest, ItHoldsWhatTheDatasetsFilesShow) {
  const std::string manifest = PutPhantoms(PhantomDomain::kSource, 5, true, 96);
  const ImageSet set = Map(Prepared(manifest));
  const auto context = NewContext();
  const ImageSet decoded = LoadReferences(*context, Spec("align", {{"references", manifest}}));
  EXPECT_TRUE(at::equal(set.images, decoded.images));
  EXPECT_TRUE(at::equal(set.classes, decoded.classes));
  EXPECT_EQ(set.names, decoded.names);
  EXPECT_EQ(set.note, decoded.note);
  EXPECT_THAT(set.note, HasSubstr("96x96"));
  EXPECT_TRUE(set.labels == decoded.labels);
  for (int64_t i = 0; i < set.size(); ++i) {
    EXPECT_EQ(std::string(set.mask_digests[i].data_ptr<uint8_t>(),
                          set.mask_digests[i].data_ptr<uint8_t>() + 32),
              RowDigest(decoded.classes[i]));
  }
}

TEST_F(PreparedSetTest, TheBytesDoNotDependOnThreads) {
  const std::string manifest = PutPhantoms(PhantomDomain::kSource, 9, true);
  const std::string packed = Prepared(manifest), statistics = Statistics(packed);
  const int threads = at::get_num_threads();
  at::set_num_threads(4);
  EXPECT_EQ(
      Run({.kind = "prepare", .settings = {{"size", "64"}, {"pictures", "whole"}}, .inputs = {{"dataset", manifest}}}),
      (TaskOutputs{{"packed", packed}}));
  EXPECT_EQ(Run({.kind = "describe", .settings = {}, .inputs = {{"source", packed}}}),
            (TaskOutputs{{"statistics", statistics}}));
  at::set_num_threads(threads);
}

TEST_F(PreparedSetTest, ProgressIsToldAndACancelLeavesNothing) {
  const std::string manifest = PutPhantoms(PhantomDomain::kSource, 70, false);
  const TaskSpec spec{
      .kind = "prepare", .settings = {{"size", "64"}}, .inputs = {{"dataset", manifest}}};
  const auto whole = NewContext();
  ASSERT_TRUE(RunTask(spec, *whole).ok());
  EXPECT_EQ(whole->reports.front().step, 0);
  EXPECT_EQ(whole->reports.back().step, 70);
  EXPECT_EQ(whole->reports.back().total, 70);
  const auto stopped = NewContext();
  stopped->cancel_at = 1;
  EXPECT_EQ(RunTask(spec, *stopped).status().code(), absl::StatusCode::kCancelled);
  EXPECT_LT(stopped->reports.back().step, 70);
  EXPECT_TRUE(std::filesystem::is_empty(stopped->scratch()));
}

TEST_F(PreparedSetTest, WhatWasCutOrForgedIsRefused) {
  const std::string packed = Prepared(PutPhantoms(PhantomDomain::kSource, 4, true));
  const std::string bytes = blobs_->Read(packed);
  using Tensors = std::map<std::string, at::Tensor>;
  using Strings = std::map<std::string, std::string>;
  const std::vector<std::string> forged{
      "",
      bytes.substr(0, bytes.size() / 2),
      bytes.substr(0, bytes.size() - 1),
      bytes + "x",
      Changed(packed, [](Tensors&, Strings& strings) { strings.erase("alignflow.format"); }),
      Changed(packed, [](Tensors&, Strings& strings) { strings["labels"] = "no table"; }),
      Changed(packed, [](Tensors& tensors, Strings&) { tensors.erase("classes"); }),
      Changed(packed,
              [](Tensors& tensors, Strings&) {
                tensors["classes"] = at::zeros({3, 64, 64}, at::kByte);
              }),
      Changed(packed,
              [](Tensors& tensors, Strings&) {
                tensors["images"] = at::zeros({4, 3, 64, 32}, at::kByte);
              }),
      Changed(packed, [](Tensors& tensors,
                         Strings&) { tensors["images"] = tensors["images"].to(at::kFloat); }),
      Changed(packed, [](Tensors& tensors, Strings&) { tensors["name_ends"][0] = 1000; }),
      Changed(packed, [](Tensors& tensors, Strings&) { tensors["name_ends"][1] = -1; }),
      Changed(packed, [](Tensors& tensors, Strings&) {
        tensors["name_ends"] = at::zeros({3}, at::kLong);
      })};
  for (size_t i = 0; i < forged.size(); ++i) {
    const absl::Status status = StatusOfDescribe(forged[i]);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << i << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the prepared source"));
    EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr(folder_.string())));
  }
}

TEST_F(PreparedSetTest, AMaskWithAnUnknownClassIsRefusedWhenItIsTaken) {
  const std::string forged = Changed(Prepared(PutPhantoms(PhantomDomain::kSource, 3, true)),
                                     [](auto& tensors, auto&) { tensors["classes"][1][5][5] = 2; });
  const ImageSet set = Map(blobs_->Put(forged));
  EXPECT_NO_THROW(TakeBatch(set, at::tensor({0, 2}, at::kLong), at::kCPU));
  EXPECT_THROW(TakeBatch(set, at::tensor({1}, at::kLong), at::kCPU), std::runtime_error);
}

TEST_F(PreparedSetTest, ASetOfAnotherSizeThanThePresetsIsRefused) {
  const std::string packed = Prepared(PutPhantoms(PhantomDomain::kSource, 3, true), 128);
  const auto context = NewContext();
  const absl::Status status = RunTask(Spec("fit", {{"source", packed}}), *context).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("128 pixels"));
}

// Everything but the rows of one group of pairs is destroyed: who looked there would notice.
TEST_F(PreparedSetTest, AShardReadsItsOwnRowsAlone) {
  const std::string packed = Prepared(PutPhantoms(PhantomDomain::kSource, 40, true));
  const std::string statistics = Statistics(packed);
  const std::string references = PutPhantoms(PhantomDomain::kTargetA, 2, false);
  const std::string model =
      Run(Spec("fit", {{"source", packed}}, {{"fit.iterations", "1"}}))["model"];
  const std::string judge =
      Run(Spec("judge", {{"source", packed}}, {{"judge.iterations", "1"}}))["segmenter"];
  const auto pairs = [&](const std::string& source) {
    return Run(Spec("generate",
                    {{"source", source},
                     {"statistics", statistics},
                     {"model", model},
                     {"judge", judge},
                     {"references", references}},
                    {{"gates.enabled", "on"},
                     {"gates.mask_agreement", "0"},
                     {"first_pair", "1"},
                     {"last_pair", "16"}}))["pairs"];
  };
  const std::string lines = pairs(packed);
  std::set<std::string> used;
  for (const std::string& line : LinesOf(lines)) {
    used.insert(nlohmann::json::parse(line).at("record").at("mask"));
  }
  ASSERT_EQ(used.size(), 16u);
  const std::vector<std::string> names = Map(packed).names;
  const std::string destroyed = Changed(packed, [&](auto& tensors, auto&) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (used.contains(names[i])) continue;
      tensors["images"][i].fill_(7);
      tensors["classes"][i].fill_(255);
    }
  });
  EXPECT_EQ(pairs(blobs_->Put(destroyed)), lines);
}

// No tensor grows with the number of images, but what is said about each: some kilobytes.
TEST_F(PreparedSetTest, MemoryHoldsAFewImagesAtATime) {
  constexpr int kCount = 150;
  const std::string manifest = PutPhantoms(PhantomDomain::kSource, kCount, true);
  constexpr size_t kImage = 3 * 64 * 64, kAll = kCount * kImage;
  std::string packed;
  {
    const AllocationWatch watch;
    packed = Prepared(manifest);
    EXPECT_GE(watch.largest(), 64 * kImage) << "a chunk, or nothing was watched";
    EXPECT_LE(watch.largest(), 64 * kImage);
  }
  {
    const AllocationWatch watch;
    Statistics(packed);
    EXPECT_LT(watch.largest(), kAll / 4);
  }
  const ImageSet set = Map(packed);
  const AllocationWatch watch;
  EXPECT_EQ(TakeBatch(set, at::arange(4), at::kCPU).images.size(0), 4);
  EXPECT_EQ(Thinned(set, 10).size(), 10);
  EXPECT_LE(watch.largest(), 4 * kImage * sizeof(float));
}

TEST_F(PreparedSetTest, ThinningSpreadsOverTheWholeSet) {
  const ImageSet set = Map(Prepared(PutPhantoms(PhantomDomain::kSource, 10, true)));
  const ImageSet thinned = Thinned(set, 4);
  EXPECT_EQ(thinned.names,
            (std::vector<std::string>{"item-100", "item-103", "item-106", "item-109"}));
  EXPECT_TRUE(at::equal(thinned.images[2], set.images[6]));
  EXPECT_TRUE(at::equal(thinned.classes[3], set.classes[9]));
  EXPECT_EQ(Thinned(set, 10).size(), 10);
}

// The coordinator plans by the one, the models are made by the other.
TEST_F(PreparedSetTest, ThePresetsSizeIsThatOfItsModel) {
  for (const std::string& preset : UNetPresetNames()) {
    EXPECT_EQ(ImageSide(preset, {}), UNetPreset(preset, 2).image_size);
  }
  EXPECT_EQ(ImageSide("sd3.5-medium", {{"size", "512"}}), 512);
  EXPECT_EQ(ImageSide("sd3.5-medium", {}), 0);
}

TEST_F(PreparedSetTest, OneImageHasNothingInCommon) {
  const auto context = NewContext();
  const absl::Status status =
      RunTask({.kind = "describe",
               .settings = {},
               .inputs = {{"source", Prepared(PutPhantoms(PhantomDomain::kSource, 1, true))}}},
              *context)
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at least 2"));
}

}  // namespace
}  // namespace alignflow
