// Our networks against the reference's own outputs and gradients
// (tests/reference/make_unet_fixtures.py).
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "worker/models/safetensors.h"
#include "worker/models/unet/merged_model.h"
#include "worker/models/unet/monai_names.h"

namespace alignflow {
namespace {

const std::vector<std::string>& FixtureNames() {
  static const std::vector<std::string> names = {
      "unet_plain",     "unet_attention", "unet_three_levels", "unet_cross_class",
      "unet_updown",    "unet_odd",       "unet_3d",           "controlnet_plain",
      "controlnet_odd", "controlnet_3d",  "merged_mask",       "merged_mask_context",
      "merged_3d",      "core_attention", "core_cross"};
  return names;
}

// Largest difference in units of the reference's largest value.
double RelativeError(const at::Tensor& ours, const at::Tensor& reference) {
  EXPECT_EQ(ours.sizes(), reference.sizes());
  return ((ours - reference).abs().max() / reference.abs().max()).item<double>();
}

class Fixture {
 public:
  explicit Fixture(const std::string& name)
      : file_(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "unet" / (name + ".safetensors")) {
    const auto header = nlohmann::json::parse(file_.metadata().at("fixture"));
    kind = header.at("kind").get<std::string>();
    config = UNetConfigFromJson(header.at("config"));
    for (const std::string& tensor : file_.Names()) {
      if (tensor.starts_with("weights.")) weights.emplace(tensor.substr(8), file_.Get(tensor));
      if (tensor.starts_with("grad.") && tensor != "grad.x") gradients.push_back(tensor.substr(5));
    }
    if (kind == "core") weights = FromMonaiCoreNames(weights);
    condition = {Optional("mask"), Optional("class_labels"), Optional("context")};
  }
  at::Tensor Get(const std::string& name) const { return file_.Get(name).clone(); }
  at::Tensor Optional(const std::string& name) const {
    return file_.Has(name) ? Get(name) : at::Tensor();
  }

  std::string kind;
  UNetConfig config;
  std::map<std::string, at::Tensor> weights;
  std::vector<std::string> gradients;
  Condition condition;

 private:
  SafetensorsFile file_;
};

class ParityTest : public testing::TestWithParam<std::string> {};

TEST_P(ParityTest, OutputsAndGradientsAreTheReferences) {
  const Fixture fixture(GetParam());
  const Condition& condition = fixture.condition;
  const at::Tensor x = fixture.Get("x").requires_grad_();
  const at::Tensor t = fixture.Get("t");
  std::shared_ptr<torch::nn::Module> net;
  std::map<std::string, at::Tensor> outputs;
  if (fixture.kind == "merged") {
    auto model = std::make_shared<MergedModel>(fixture.config);
    net = model;
    CopyState(fixture.weights, StateOf(*net), GetParam());
    outputs["y"] = model->Velocity(x, t, condition);
  } else if (fixture.kind == "controlnet") {
    auto model = std::make_shared<ControlNet>(fixture.config);
    net = model;
    CopyState(fixture.weights, StateOf(*net), GetParam());
    ControlResiduals residuals = model->Forward(x, t, condition.mask, condition.context,
                                                condition.class_labels, /*scale=*/0.75);
    for (size_t i = 0; i < residuals.down.size(); ++i) {
      outputs["residual." + std::to_string(i)] = residuals.down[i];
    }
    outputs["residual.mid"] = residuals.mid;
  } else {
    auto model = std::make_shared<DiffusionModelUNet>(fixture.config);
    net = model;
    CopyState(fixture.weights, StateOf(*net), GetParam());
    outputs["y"] = model->Forward(x, t, condition.context, condition.class_labels);
  }

  at::Tensor loss = at::zeros({});
  for (const auto& [name, value] : outputs) {
    EXPECT_LT(RelativeError(value.detach(), fixture.Get(name)), 1e-4) << name;
    loss = loss + (value * fixture.Get("probe." + name)).sum();
  }
  loss.backward();
  EXPECT_LT(RelativeError(x.grad(), fixture.Get("grad.x")), 1e-3);
  ASSERT_GE(fixture.gradients.size(), 3u);
  std::map<std::string, at::Tensor> core_names;
  for (const std::string& name : fixture.gradients) core_names[name] = fixture.Get("grad." + name);
  const auto state = StateOf(*net);
  for (const auto& [name, gradient] :
       fixture.kind == "core" ? FromMonaiCoreNames(core_names) : core_names) {
    ASSERT_TRUE(state.at(name).grad().defined()) << name;
    EXPECT_LT(RelativeError(state.at(name).grad(), gradient), 1e-3) << name;
  }
}

// Inference takes other paths through ATen than training does.
TEST(InferenceParityTest, InferenceModeGivesTheReferencesResult) {
  for (const char* name : {"merged_mask", "merged_mask_context", "merged_3d"}) {
    const Fixture fixture(name);
    MergedModel model(fixture.config);
    CopyState(fixture.weights, StateOf(model), name);
    const c10::InferenceMode guard;
    const at::Tensor y = model.Velocity(fixture.Get("x"), fixture.Get("t"), fixture.condition);
    EXPECT_LT(RelativeError(y, fixture.Get("y")), 1e-4) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, ParityTest, testing::ValuesIn(FixtureNames()),
                         [](const auto& info) { return info.param; });

TEST(ParityFixturesTest, EveryFileIsTested) {
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "unet")) {
    files += entry.path().extension() == ".safetensors";
  }
  EXPECT_EQ(files, FixtureNames().size());
}

}  // namespace
}  // namespace alignflow
