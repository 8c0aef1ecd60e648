// The real alignflow-forward on the fixtures' model folders: each component's outputs are the
// reference's, and what is wrong is named.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/worker/forward/model_folder.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using TensorMap = std::map<std::string, at::Tensor>;

class ForwardTest : public testing::Test {
 protected:
  // Runs the program; `arguments` must not need quoting. Returns its exit code.
  int Run(const std::string& component, const TensorMap& inputs,
          const std::string& arguments = "") {
    const std::filesystem::path input = files_.path() / "in.safetensors";
    WriteSafetensors(input, inputs, {});
    const std::string command = std::string(ALIGNFLOW_BIN_DIR) + "/alignflow-forward --model " +
                                folder_.path().string() + " --component " + component +
                                " --input " + input.string() + " --output " + output_.string() +
                                " " + arguments + " 2>" + errors_.string() + " >/dev/null";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // Runs a component that must succeed.
  TensorMap Outputs(const std::string& component, const TensorMap& inputs,
                    const std::string& arguments = "") {
    EXPECT_EQ(Run(component, inputs, arguments), 0) << Errors();
    TensorMap outputs;
    const SafetensorsFile file(output_);
    for (const std::string& name : file.Names()) outputs.emplace(name, file.Get(name).clone());
    return outputs;
  }

  // Runs a component that must fail, and returns what it says.
  std::string Failure(const std::string& component, const TensorMap& inputs,
                      const std::string& arguments = "") {
    std::filesystem::remove(output_);
    EXPECT_EQ(Run(component, inputs, arguments), 1);
    EXPECT_FALSE(std::filesystem::exists(output_));
    return Errors();
  }

  std::string Errors() { return ReadFile(errors_); }

  // Every expected output, and no other, within 1e-4.
  void ExpectReference(const TensorMap& outputs, const TensorMap& expected) {
    EXPECT_EQ(outputs.size(), expected.size());
    for (const auto& [name, value] : expected) {
      ASSERT_TRUE(outputs.contains(name)) << name;
      EXPECT_LT(RelativeError(outputs.at(name), value), 1e-4) << name;
    }
  }

  ModelFolder folder_;
  TempFolder files_;
  std::filesystem::path output_ = files_.path() / "out.safetensors";
  std::filesystem::path errors_ = files_.path() / "errors";
};

TEST_F(ForwardTest, TransformerWithAndWithoutResiduals) {
  for (const char* name : {"sd35/transformer_dual", "sd35/transformer_control"}) {
    const ReferenceFixture fixture(name);
    folder_.AddComponent(fixture, "transformer", "transformer", "transformer");
    ExpectReference(Outputs("transformer", fixture.All("in")), fixture.All("out"));
  }
}

TEST_F(ForwardTest, ControlNetFromAFolderOfItsOwn) {
  const ReferenceFixture fixture("sd35/controlnet_twelve");
  folder_.AddComponent(fixture, "controlnet", "controlnet", "");
  ExpectReference(Outputs("controlnet", fixture.All("in")), fixture.All("out"));
}

TEST_F(ForwardTest, VaeEncodeAndDecodeOfOddSides) {
  const ReferenceFixture fixture("sd35/autoencoder_odd");
  folder_.AddComponent(fixture, "vae", "vae", "vae");
  ExpectReference(Outputs("vae_encode", {{"image", fixture.Get("in.image")}}),
                  {{"latent_mean", fixture.Get("out.latent_mean")},
                   {"latent_logvar", fixture.Get("out.latent_logvar")}});
  ExpectReference(Outputs("vae_decode", {{"latent", fixture.Get("in.latent")}}),
                  {{"image", fixture.Get("out.image")}});
}

TEST_F(ForwardTest, TextEncoders) {
  const ReferenceFixture quick("sd35/clip_quick"), gelu("sd35/clip_gelu"), t5("sd35/t5_gated");
  folder_.AddComponent(quick, "text_encoder", "text_encoder", "text_encoder");
  folder_.AddComponent(gelu, "text_encoder", "text_encoder", "text_encoder_2");
  folder_.AddComponent(t5, "text_encoder_3", "text_encoder_3", "text_encoder_3");
  ExpectReference(Outputs("text_encoder", quick.All("in")), quick.All("out"));
  ExpectReference(Outputs("text_encoder_2", gelu.All("in")), gelu.All("out"));
  ExpectReference(Outputs("text_encoder_3", t5.All("in")), t5.All("out"));
}

TEST_F(ForwardTest, TokenizersPadAsThePipelineDoes) {
  folder_.AddSd35(ReferenceFixture("sd35/model_folder"));
  std::ifstream stream(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "sd35/tokenizers/cases.json");
  const nlohmann::json row = nlohmann::json::parse(stream)[3];
  const std::string text = " --text '" + row[0].get<std::string>() + "'";
  const char* names[] = {"tokenizer", "tokenizer_2", "tokenizer_3"};
  for (int i = 0; i < 3; ++i) {
    auto expected = row[i + 1].get<std::vector<int64_t>>();
    expected.resize(i == 2 ? 256 : 77, expected.back());
    const at::Tensor ids = Outputs(names[i], {}, text).at("input_ids");
    EXPECT_TRUE(at::equal(ids, at::tensor(expected, at::kLong).unsqueeze(0))) << names[i];
  }
}

TEST_F(ForwardTest, DinoV3) {
  const ReferenceFixture fixture("dinov3/gated");
  folder_.AddComponent(fixture, "model", "config", "");
  ExpectReference(Outputs("dinov3", {{"pixel_values", fixture.Get("pixel_values")}}),
                  {{"last_hidden_state", fixture.Get("last_hidden_state")},
                   {"pooler_output", fixture.Get("pooler_output")}});
}

TEST_F(ForwardTest, UNetFromMotfmsConfigAndNames) {
  const ReferenceFixture fixture("unet/merged_mask_context");
  const nlohmann::json config = nlohmann::json::parse(fixture.Text("fixture")).at("config");
  // JSON is YAML; beside the network MOTFM's file has other sections.
  WriteFile(folder_.path() / "config.yaml",
            "# comment\nmodel_args: " + config.dump() + "\ntrain_args:\n  lr: 0.0001\n");
  WriteSafetensors(folder_.path() / "model.safetensors", fixture.All("weights"), {});
  const TensorMap inputs = {{"x", fixture.Get("x")},
                            {"t", fixture.Get("t")},
                            {"masks", fixture.Get("mask")},
                            {"cond", fixture.Get("context")}};
  ExpectReference(Outputs("unet", inputs), {{"velocity", fixture.Get("y")}});
  WriteFile(folder_.path() / "config.yaml", "model_args:\n  num_chanels: [8, 8]\n");
  EXPECT_THAT(Failure("unet", inputs), AllOf(HasSubstr("config.yaml"), HasSubstr("num_chanels")));
}

TEST_F(ForwardTest, PipelineFromTextAndControlImageToLatents) {
  const ReferenceFixture fixture("sd35/model_folder");
  folder_.AddSd35(fixture);
  const auto prompt = nlohmann::json::parse(fixture.Text("prompts"))[0].get<std::string>();
  const TensorMap inputs = fixture.All("in");
  ExpectReference(Outputs("pipeline", inputs, "--text '" + prompt + "' --steps 28 --guidance 7"),
                  {{"latents", fixture.Get("out.latents")}});
  EXPECT_THAT(Failure("pipeline", {{"latents", inputs.at("latents")}}, "--text x"),
              HasSubstr("'control_image'"));
}

TEST_F(ForwardTest, BfloatComputesInBfloat) {
  const ReferenceFixture fixture("sd35/transformer_dual");
  folder_.AddComponent(fixture, "transformer", "transformer", "transformer");
  const at::Tensor sample =
      Outputs("transformer", fixture.All("in"), "--dtype bfloat16").at("sample");
  EXPECT_EQ(sample.scalar_type(), at::kBFloat16);
  const at::Tensor reference = fixture.Get("out.sample");
  const at::Tensor error = sample.to(at::kFloat) - reference;
  EXPECT_LT((error.norm() / reference.norm()).item<double>(), 0.1);
}

TEST_F(ForwardTest, ErrorsNameFileTensorAndField) {
  const ReferenceFixture fixture("sd35/clip_short");
  const TensorMap ids = fixture.All("in");
  EXPECT_THAT(Failure("text_encoder", ids), HasSubstr("text_encoder"));
  folder_.AddComponent(fixture, "text_encoder", "text_encoder", "text_encoder");
  EXPECT_THAT(Failure("text_encoder", {}), HasSubstr("'input_ids'"));
  TensorMap more = ids;
  more.emplace("attention_mask", at::ones({1}));
  EXPECT_THAT(Failure("text_encoder", more),
              AllOf(HasSubstr("in.safetensors"), HasSubstr("attention_mask")));
  EXPECT_THAT(Failure("text_encoder", {{"input_ids", at::full({1, 3}, 1000)}}), HasSubstr("1000"));
  EXPECT_THAT(Failure("tokenizer", {}), HasSubstr("--text"));
  const std::filesystem::path weights = folder_.path() / "text_encoder" / "model.safetensors";
  TensorMap state = fixture.All("text_encoder");
  state.erase("text_projection.weight");
  WriteSafetensors(weights, state, {});
  EXPECT_THAT(Failure("text_encoder", ids),
              AllOf(HasSubstr("model.safetensors"), HasSubstr("text_projection.weight")));
  const std::string bytes = ReadFile(weights);
  WriteFile(weights, bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(Failure("text_encoder", ids), HasSubstr(weights.string()));
  WriteFile(folder_.path() / "text_encoder" / "config.json", R"({"hidden_act": "relu"})");
  EXPECT_THAT(Failure("text_encoder", ids),
              AllOf(HasSubstr("config.json"), HasSubstr("hidden_act")));
}

TEST_F(ForwardTest, UnknownComponentsAndMissingFlagsAreUsageErrors) {
  EXPECT_NE(Run("unknown", {}), 0);
  EXPECT_THAT(Errors(), HasSubstr("--component"));
  EXPECT_NE(Run("vae_encode", {}, "--dtype float16"), 0);
  EXPECT_THAT(Errors(), HasSubstr("--dtype"));
}

}  // namespace
}  // namespace alignflow
