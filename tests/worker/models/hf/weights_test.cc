#include "worker/models/hf/weights.h"

#include <gmock/gmock.h>
#include <torch/nn/module.h>

#include <functional>

#include "tests/common/temp_folder.h"
#include "worker/models/hf/layers.h"
#include "worker/models/safetensors.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;

class WeightsTest : public testing::Test {
 protected:
  std::string Error(const std::function<void()>& action) {
    try {
      action();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }
  std::string OpenError() {
    return Error([&] { const WeightFolder weights(folder_.path()); });
  }
  void Write(const std::string& name, const std::map<std::string, at::Tensor>& tensors) {
    WriteSafetensors(folder_.path() / name, tensors, {});
  }

  TempFolder folder_;
};

TEST_F(WeightsTest, FindsEachLayoutAndPrefersThePlainOneToVariants) {
  Write("model.fp16.safetensors", {{"variant", at::ones({1}, at::kHalf)}});
  EXPECT_THAT(WeightFolder(folder_.path()).tensors(), ElementsAre(Key("variant")));
  Write("model-00001-of-00002.safetensors", {{"a", at::ones({1})}});
  Write("model-00002-of-00002.safetensors", {{"b", at::ones({1})}, {"c", at::ones({1})}});
  WriteFile(folder_.path() / "model.safetensors.index.json",
            R"({"metadata": {"total_size": 12},
                "weight_map": {"a": "model-00001-of-00002.safetensors",
                               "b": "model-00002-of-00002.safetensors",
                               "c": "model-00002-of-00002.safetensors"}})");
  EXPECT_THAT(WeightFolder(folder_.path()).tensors(), ElementsAre(Key("a"), Key("b"), Key("c")));
  Write("diffusion_pytorch_model.safetensors", {{"single", at::ones({1})}});
  EXPECT_THAT(WeightFolder(folder_.path()).tensors(), ElementsAre(Key("single")));
}

TEST_F(WeightsTest, ReadsAVariantsIndex) {
  Write("model.fp16-00001-of-00001.safetensors", {{"a", at::ones({1})}});
  WriteFile(folder_.path() / "model.safetensors.index.fp16.json",
            R"({"weight_map": {"a": "model.fp16-00001-of-00001.safetensors"}})");
  EXPECT_THAT(WeightFolder(folder_.path()).tensors(), ElementsAre(Key("a")));
}

TEST_F(WeightsTest, FoldersWithoutOrWithSeveralWeightsAreRefused) {
  EXPECT_THAT(OpenError(), AllOf(HasSubstr(folder_.path().string()), HasSubstr("safetensors")));
  WriteFile(folder_.path() / "pytorch_model.bin", "x");
  EXPECT_THAT(OpenError(), HasSubstr("converted"));
  Write("model.fp16.safetensors", {});
  Write("model.bf16.safetensors", {});
  EXPECT_THAT(OpenError(), AllOf(HasSubstr("model.fp16.safetensors"), HasSubstr("model.bf16")));
  EXPECT_THAT(Error([&] { const WeightFolder weights(folder_.path() / "none"); }),
              HasSubstr("none"));
}

TEST_F(WeightsTest, AnIndexCannotLeaveItsFolderNorLie) {
  const TempFolder other;
  WriteSafetensors(other.path() / "model.safetensors", {{"a", at::ones({1})}}, {});
  Write("shard.safetensors", {{"a", at::ones({1})}, {"b", at::ones({1})}});
  const std::string elsewhere = (other.path() / "model.safetensors").string();
  const auto index = [&](const std::string& text) {
    WriteFile(folder_.path() / "model.safetensors.index.json", text);
    return OpenError();
  };
  EXPECT_THAT(index(R"({"weight_map": {"a": ")" + elsewhere + R"("}})"), HasSubstr("'a'"));
  for (const char* file : {"../shard.safetensors", "sub/shard.safetensors", "..", "", "/",
                           "shard.bin", "./shard.safetensors"}) {
    EXPECT_THAT(index(std::string(R"({"weight_map": {"a": ")") + file + R"("}})"),
                AllOf(HasSubstr("index.json"), HasSubstr("'a'")))
        << file;
  }
  EXPECT_THAT(index(R"({"weight_map": {"a": 3}})"), HasSubstr("'a'"));
  EXPECT_THAT(index(R"({"weight_map": {"a": "shard.safetensors"}})"), HasSubstr("'b'"));
  EXPECT_THAT(index(R"({"weight_map": {"a": "shard.safetensors", "b": "shard.safetensors",
                                       "lost": "shard.safetensors"}})"),
              AllOf(HasSubstr("shard.safetensors"), HasSubstr("'lost'")));
  EXPECT_THAT(index(R"({"weight_map": {"a": "gone.safetensors"}})"), HasSubstr("gone.safetensors"));
  for (const char* text : {"", "[]", "{}", R"({"weight_map": []})"}) {
    EXPECT_THAT(index(text), HasSubstr("index.json")) << text;
  }
  EXPECT_EQ(index(R"({"weight_map": {"a": "shard.safetensors", "b": "shard.safetensors"}})"), "");
}

TEST_F(WeightsTest, ABrokenFileIsNamed) {
  Write("model.safetensors", {{"weight", at::ones({8})}});
  std::string bytes = ReadFile(folder_.path() / "model.safetensors");
  WriteFile(folder_.path() / "model.safetensors", bytes.substr(0, bytes.size() - 4));
  EXPECT_THAT(OpenError(), AllOf(HasSubstr("model.safetensors"), HasSubstr("'weight'")));
}

TEST_F(WeightsTest, LoadsEveryFloatingTypeIntoEveryOther) {
  const at::Tensor weight = at::arange(6, at::kFloat).reshape({2, 3});
  for (const auto stored : {at::kHalf, at::kBFloat16, at::kFloat}) {
    Write("model.safetensors", {{"weight", weight.to(stored)}, {"bias", at::ones({2}, stored)}});
    for (const auto wanted : {at::kHalf, at::kBFloat16, at::kFloat}) {
      const hf::Linear layer(3, 2, /*bias=*/true, wanted);
      LoadWeights(WeightFolder(folder_.path()), layer);
      EXPECT_EQ(layer.weight().scalar_type(), wanted);
      EXPECT_TRUE(at::equal(layer.weight().to(at::kFloat), weight));
    }
  }
}

TEST_F(WeightsTest, ListsEveryFaultAtOnceByFileAndTensor) {
  const hf::Linear layer(3, 2, /*bias=*/true, at::kFloat);
  Write("model.safetensors", {{"weight", at::ones({3, 2})}, {"scale", at::ones({1})}});
  EXPECT_THAT(Error([&] { LoadWeights(WeightFolder(folder_.path()), layer); }),
              AllOf(HasSubstr("model.safetensors"), HasSubstr("missing: bias"),
                    HasSubstr("wrong shape: weight"), HasSubstr("unknown: scale")));
}

TEST_F(WeightsTest, TiedNamesMayComeAloneOrTogetherIfTheyAgree) {
  const hf::Embedding layer(2, 3, at::kFloat);
  const WeightNames names = {.same = {{"tied", "weight"}}, .without_effect = {"position_ids"}};
  const at::Tensor weight = at::rand({2, 3});
  Write("model.safetensors", {{"tied", weight}, {"position_ids", at::zeros({1}, at::kLong)}});
  LoadWeights(WeightFolder(folder_.path()), layer, names);
  EXPECT_TRUE(at::equal(layer.weight(), weight));
  Write("model.safetensors", {{"tied", weight}, {"weight", weight}});
  LoadWeights(WeightFolder(folder_.path()), layer, names);
  Write("model.safetensors", {{"tied", weight}, {"weight", weight + 1}});
  EXPECT_THAT(Error([&] { LoadWeights(WeightFolder(folder_.path()), layer, names); }),
              AllOf(HasSubstr("'tied'"), HasSubstr("'weight'")));
}

}  // namespace
}  // namespace alignflow
