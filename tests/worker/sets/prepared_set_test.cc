#include "worker/sets/prepared_set.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

using ::testing::AllOf;
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
  using Tensors = std::map<std::string, at::Tensor>;
  using Strings = std::map<std::string, std::string>;
  // The packed file with other tensors or strings.
  std::string Changed(const std::string& packed,
                      const std::function<void(Tensors&, Strings&)>& change) {
    const SafetensorsFile file(blobs_->PathOf(packed));
    Tensors tensors;
    for (const std::string& name : file.Names()) tensors[name] = file.Get(name).clone();
    Strings strings = file.metadata();
    change(tensors, strings);
    return SerializeSafetensors(tensors, strings);
  }
  // The packed file with another tensor of that name.
  std::string WithTensor(const std::string& packed, const std::string& name,
                         const at::Tensor& tensor) {
    return Changed(packed, [&](Tensors& tensors, Strings&) { tensors[name] = tensor; });
  }
  // The packed file with other facts of masks: `part` of their text replaced by `other`.
  std::string WithFacts(const std::string& packed, const std::string& part,
                        const std::string& other) {
    return Changed(packed, [&](Tensors& tensors, Strings&) {
      at::Tensor& facts = tensors["mask_facts"];
      const auto bytes = static_cast<size_t>(facts.numel());
      std::string text(reinterpret_cast<const char*>(facts.data_ptr<uint8_t>()), bytes);
      const size_t at = text.find(part);
      ASSERT_NE(at, std::string::npos) << part;
      text.replace(at, part.size(), other);
      text.resize(bytes, ' ');
      std::ranges::copy(text, facts.data_ptr<uint8_t>());
    });
  }
  void ExpectRefused(const std::string& bytes, const std::string& reason) {
    const absl::Status status = StatusOfDescribe(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << reason << ": " << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("the prepared source"), HasSubstr(reason)));
    EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr(folder_.string())));
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
  EXPECT_EQ(Run({.kind = "prepare",
                 .settings = {{"size", "64"}, {"pictures", "whole"}},
                 .inputs = {{"dataset", manifest}}}),
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
  for (const std::string& file : forged) ExpectRefused(file, "");
}

TEST_F(PreparedSetTest, ForgedCountsAreRefused) {
  const std::string packed = Prepared(PutPhantoms(PhantomDomain::kSource, 4, true));
  ASSERT_TRUE(StatusOfDescribe(WithTensor(packed, "counts", at::tensor({4, 4}, at::kLong))).ok());
  ExpectRefused(Changed(packed, [](Tensors& tensors, Strings&) { tensors.erase("counts"); }),
                "has no tensor 'counts'");
  for (const at::Tensor& counts :
       {at::tensor({4, 4}, at::kInt), at::tensor({4, 4}, at::kByte), at::tensor({4, 4}, at::kFloat),
        at::tensor({4, 4, 4}, at::kLong), at::full({1}, 4, at::kLong), at::empty({0}, at::kLong),
        at::tensor({4, 4}, at::kLong).view({1, 2}), at::tensor({4, 4}, at::kLong).view({2, 1})}) {
    ExpectRefused(WithTensor(packed, "counts", counts), "its counts are not two numbers");
  }
  using Counts = std::vector<int64_t>;
  for (const Counts& counts : {Counts{-1, 4},
                               {0, 4},
                               {5, 4},
                               {4, -1},
                               {4, 5},
                               {INT64_MAX, 4},
                               {INT64_MIN, 4},
                               {4, INT64_MAX},
                               {4, INT64_MIN}}) {
    ExpectRefused(WithTensor(packed, "counts", at::tensor(counts, at::kLong)),
                  "its counts are not of as many images as it has");
  }
  const std::string bare = Prepared(PutPhantoms(PhantomDomain::kSource, 4, false));
  ExpectRefused(WithTensor(bare, "counts", at::tensor({4, 1}, at::kLong)),
                "its counts are not of as many images as it has");
}

TEST_F(PreparedSetTest, ForgedFactsOfMasksAreRefused) {
  const std::string packed = Prepared(PutPhantoms(PhantomDomain::kSource, 4, true));
  const std::string bare = Prepared(PutPhantoms(PhantomDomain::kSource, 4, false));
  const at::Tensor good = SafetensorsFile(blobs_->PathOf(packed)).Get("mask_facts");
  ExpectRefused(Changed(packed, [](Tensors& tensors, Strings&) { tensors.erase("mask_facts"); }),
                "has no tensor 'mask_facts'");
  for (const at::Tensor& facts :
       {good.to(at::kInt), good.narrow(0, 0, 4096).clone(), at::empty({0}, at::kByte),
        good.clone().view({1, -1}), good[0].clone(), at::cat({good, good})}) {
    ExpectRefused(WithTensor(packed, "mask_facts", facts), "not a text of the format's length");
  }
  const std::string unread = "its facts of masks cannot be read";
  for (const uint8_t byte : {0, int{' '}, int{'['}, 255}) {
    ExpectRefused(WithTensor(packed, "mask_facts", at::full_like(good, byte)), unread);
  }
  for (const auto& [part, other] : std::map<std::string, std::string>{
           {"{", "["},
           {"}", " "},
           {"\"", "\xff"},
           {R"("images":4)", R"("images":-4)"},
           {R"("images":4)", R"("images":4.5)"},
           {R"("images":4,"with_structures":4})", R"("images":4})"},
           {R"("images":4,"with_structures":4)", R"("images":4,"with_structures":5)"},
           {R"("images":4,"with_structures":4)", R"("images":4,"with_structures":-1)"},
           {R"("structures":)", R"("structures":-)"},
           {R"("structures":)", R"("structures":99999999999999999)"},
           {R"("128":)", R"("0":)"}}) {
    ExpectRefused(WithFacts(packed, part, other), unread);
  }
  ExpectRefused(
      WithFacts(packed, R"("images":4,"with_structures":4)", R"("images":5,"with_structures":4)"),
      "its facts of masks are not of as many masks as it has");
  ExpectRefused(WithFacts(packed, "polyp", "lesion"),
                "its facts of masks are of classes that it lacks");
  ExpectRefused(WithTensor(bare, "mask_facts", good),
                "its facts of masks are not of as many masks as it has");
}

TEST_F(PreparedSetTest, ForgedDigestsOfImagesAreRefused) {
  const std::string packed = Prepared(PutPhantoms(PhantomDomain::kSource, 4, true));
  ExpectRefused(Changed(packed, [](Tensors& tensors, Strings&) { tensors.erase("image_digests"); }),
                "has no tensor 'image_digests'");
  for (const at::Tensor& digests :
       {at::zeros({4, 32}, at::kInt), at::zeros({3, 32}, at::kByte), at::zeros({5, 32}, at::kByte),
        at::zeros({4, 31}, at::kByte), at::zeros({4, 0}, at::kByte), at::zeros({128}, at::kByte),
        at::zeros({4, 32, 1}, at::kByte)}) {
    ExpectRefused(WithTensor(packed, "image_digests", digests),
                  "its digests are not one for each image");
  }
}

TEST_F(PreparedSetTest, ForgedFilesOfMasksAreRefused) {
  const std::string packed = Prepared(PutPhantoms(PhantomDomain::kSource, 2, true));
  const auto refused = [&](const std::string& bytes) {
    return std::string(StatusOfDescribe(bytes).message());
  };
  EXPECT_THAT(refused(WithTensor(packed, "mask_files", at::zeros({1, 32}, at::kByte))),
              HasSubstr("files"));
  EXPECT_THAT(refused(WithTensor(packed, "picture_sizes", at::zeros({2, 2}, at::kLong))),
              HasSubstr("files"));
  EXPECT_THAT(refused(WithTensor(packed, "picture_sizes", at::ones({2, 3}, at::kLong))),
              HasSubstr("files"));
  for (const char* bits : {"", "0", "17", "many"}) {
    EXPECT_THAT(refused(Changed(
                    packed, [&](Tensors&, Strings& strings) { strings["sample_bits"] = bits; })),
                HasSubstr("files"))
        << bits;
  }
  const ImageSet references = Map(Prepared(PutPhantoms(PhantomDomain::kTargetA, 2, false)));
  EXPECT_THROW(ManifestOf(references, {0}), TaskError) << "it has no masks, and says no files";
}

TEST_F(PreparedSetTest, ForgedViewsAreRefused) {
  const std::string packed =
      Prepared(PutPhantoms(PhantomDomain::kSource, 2, true), /*size=*/64, "view");
  ExpectRefused(WithTensor(packed, "view_shapes", at::zeros({2, 64, 32}, at::kByte)),
                "its views are not one for each image");
  ExpectRefused(Changed(packed, [](Tensors& tensors, Strings&) { tensors.erase("view_borders"); }),
                "has no tensor 'view_borders'");
  for (const std::vector<int64_t>& place : {std::vector<int64_t>{64, 64, -1, 0, 20, 20},
                                            {64, 64, 0, 0, 0, 20},
                                            {64, 64, 50, 0, 20, 20},
                                            {64, 64, INT64_MAX, 0, 20, 20},
                                            {INT64_MAX, 64, 0, 0, 20, 20},
                                            {-5, 64, 0, 0, 20, 20}}) {
    ExpectRefused(
        WithTensor(packed, "view_places", at::tensor(place, at::kLong).expand({2, 6}).contiguous()),
        "a view of it lies outside of its picture");
  }
}

TEST_F(PreparedSetTest, AMaskWithAnUnknownClassIsRefusedWhenItIsTaken) {
  const std::string forged =
      Changed(Prepared(PutPhantoms(PhantomDomain::kSource, 3, true)),
              [](Tensors& tensors, Strings&) { tensors["classes"][1][5][5] = 2; });
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
                     {"judge/000000", judge},
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
  const std::string destroyed = Changed(packed, [&](Tensors& tensors, Strings&) {
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
