#include "worker/models/recompute.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "worker/models/scoped_autocast.h"

namespace alignflow {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr char kCall[] = "call";

// The function, and the autocast under which it was called.
struct Call : torch::CustomClassHolder {
  TensorFunction function;
  at::DeviceType device = at::kCPU;
  std::optional<at::ScalarType> autocast;
};

// Autocast remembers converted weights; those made while no graph is kept must not be found by who
// needs one.
class WithoutAutocastCache {
 public:
  WithoutAutocastCache() : enabled_(at::autocast::is_autocast_cache_enabled()) {
    at::autocast::set_autocast_cache_enabled(false);
  }
  ~WithoutAutocastCache() { at::autocast::set_autocast_cache_enabled(enabled_); }

 private:
  bool enabled_;
};

struct RecomputeFunction : torch::autograd::Function<RecomputeFunction> {
  static variable_list forward(AutogradContext* context, const TensorFunction& function,
                               at::TensorList inputs) {
    auto call = c10::make_intrusive<Call>();
    call->function = function;
    call->device = inputs.front().device().type();
    if (at::autocast::is_autocast_enabled(call->device)) {
      call->autocast = at::autocast::get_autocast_dtype(call->device);
    }
    context->saved_data[kCall] = at::IValue::make_capsule(std::move(call));
    context->save_for_backward(inputs.vec());
    // An output that nobody uses has no gradient, not zeros: so have the parameters behind it.
    context->set_materialize_grads(false);
    const WithoutAutocastCache no_cache;
    return function(inputs.vec());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto holder = context->saved_data[kCall].toCapsule();
    const auto& call = static_cast<const Call&>(*holder);
    variable_list inputs;
    for (const at::Tensor& saved : context->get_saved_variables()) {
      inputs.push_back(saved.detach().set_requires_grad(saved.requires_grad()));
    }
    variable_list roots, root_gradients;
    {
      const at::AutoGradMode with_graph(true);
      std::optional<ScopedAutocast> scope;
      if (call.autocast) scope.emplace(call.device, *call.autocast);
      const variable_list outputs = call.function(inputs);
      for (size_t i = 0; i < outputs.size(); ++i) {
        if (!outputs[i].requires_grad() || !gradients[i].defined()) continue;
        roots.push_back(outputs[i]);
        root_gradients.push_back(gradients[i]);
      }
    }
    if (!roots.empty()) torch::autograd::backward(roots, root_gradients);
    variable_list out(1);  // the function has none
    for (const at::Tensor& input : inputs) out.push_back(input.grad());
    return out;
  }
};

}  // namespace

std::vector<at::Tensor> Recompute(const TensorFunction& function,
                                  const std::vector<at::Tensor>& inputs) {
  const bool graph = at::GradMode::is_enabled() &&
                     std::any_of(inputs.begin(), inputs.end(),
                                 [](const at::Tensor& input) { return input.requires_grad(); });
  if (!graph) return function(inputs);
  return RecomputeFunction::apply(function, at::TensorList(inputs));
}

at::Tensor Recompute(const std::function<at::Tensor(const at::Tensor&)>& function,
                     const at::Tensor& input) {
  const TensorFunction list = [function](const std::vector<at::Tensor>& inputs) {
    return std::vector<at::Tensor>{function(inputs.front())};
  };
  return Recompute(list, {input}).front();
}

}  // namespace alignflow
