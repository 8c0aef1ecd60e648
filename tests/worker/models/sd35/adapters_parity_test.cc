// Low-rank adapters on the MM-DiT-X against peft's on diffusers' (make_sd3_adapter_fixture.py).
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/worker/models/reference_fixture.h"
#include "worker/models/sd35/transformer.h"

namespace alignflow {
namespace {

constexpr char kPrefix[] = "transformer.";

class AdaptersParityTest : public testing::Test {
 protected:
  AdaptersParityTest() {
    HfConfig config = fixture_.Config("transformer");
    net_ = std::make_shared<SD3Transformer>(ParseSD3Transformer(config));
    fixture_.Load("transformer", *net_);
    for (at::Tensor& parameter : net_->parameters()) parameter.requires_grad_(false);
    adapters_ = std::make_shared<SD3Adapters>(net_->config(),
                                              static_cast<int64_t>(fixture_.Number("rank")));
  }

  // The adapters' tensors under the names of a file for diffusers' load_lora_weights.
  std::map<std::string, at::Tensor> State() const {
    std::map<std::string, at::Tensor> state;
    for (const auto& [name, tensor] : StateOf(*adapters_)) state.emplace(kPrefix + name, tensor);
    return state;
  }
  at::Tensor Sample(const SD3Adapters* adapters) const {
    return net_->Forward(
        {fixture_.Get("in.hidden_states"), fixture_.Get("in.timestep"),
         fixture_.Get("in.encoder_hidden_states"), fixture_.Get("in.pooled_projections")},
        {}, adapters);
  }

  ReferenceFixture fixture_{"sd35/adapters"};
  std::shared_ptr<SD3Transformer> net_;
  std::shared_ptr<SD3Adapters> adapters_;
};

TEST_F(AdaptersParityTest, NamesOutputAndGradientsAreTheReferences) {
  {
    const at::NoGradGuard no_grad;
    CopyState(fixture_.All("file"), State(), "the adapters");  // no name more or less
  }
  const at::Tensor sample = Sample(adapters_.get());
  EXPECT_LT(RelativeError(sample.detach(), fixture_.Get("out.sample")), 1e-4);
  (sample * fixture_.Get("probe.sample")).sum().backward();
  const std::map<std::string, at::Tensor> expected = fixture_.All("grad");
  ASSERT_EQ(expected.size(), adapters_->parameters().size());
  for (const auto& item : adapters_->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_LT(RelativeError(item.value().grad(), expected.at(kPrefix + item.key())), 1e-3)
        << item.key();
  }
  for (const at::Tensor& parameter : net_->parameters()) EXPECT_FALSE(parameter.grad().defined());
}

TEST_F(AdaptersParityTest, StartedOnesChangeNothingAndDependOnTheSeedAlone) {
  adapters_->Start(at::detail::createCPUGenerator(4));
  EXPECT_TRUE(at::equal(Sample(adapters_.get()), Sample(nullptr)));
  SD3Adapters again(net_->config(), static_cast<int64_t>(fixture_.Number("rank")));
  again.Start(at::detail::createCPUGenerator(4));
  for (const auto& [name, tensor] : StateOf(again)) {
    EXPECT_TRUE(at::equal(tensor, State().at(kPrefix + name))) << name;
    EXPECT_EQ(tensor.abs().max().item<float>() > 0, name.ends_with("lora_A.weight")) << name;
    EXPECT_LE(tensor.abs().max().item<float>(), 0.25) << "the width is 16";
  }
}

}  // namespace
}  // namespace alignflow
