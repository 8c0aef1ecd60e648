#include "worker/forward/component.h"

#include <stdexcept>

#include "worker/models/safetensors.h"

namespace alignflow {

const std::string& ForwardRequest::Text() const {
  if (!text) throw std::runtime_error("this component needs a text: give --text");
  return *text;
}

std::filesystem::path ForwardRequest::Folder(const std::string& name) const {
  if (std::filesystem::exists(model / name)) return model / name;
  if (std::filesystem::exists(model / "config.json")) return model;
  throw std::runtime_error(model.string() + ": has neither a folder '" + name +
                           "' nor a config.json of its own");
}

ForwardInputs::ForwardInputs(const std::filesystem::path& file, const at::TensorOptions& options)
    : file_(file.string()), options_(options) {
  if (file_.empty()) {
    file_ = "--input";
    return;
  }
  const SafetensorsFile tensors(file);
  for (const std::string& name : tensors.Names()) tensors_.emplace(name, tensors.Get(name));
}

at::Tensor ForwardInputs::TakeOptional(const std::string& name) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return {};
  const at::Tensor tensor = found->second.is_floating_point()
                                ? found->second.to(options_)
                                : found->second.to(options_.device()).to(at::kLong);
  tensors_.erase(found);
  return tensor;
}

at::Tensor ForwardInputs::Take(const std::string& name) {
  const at::Tensor tensor = TakeOptional(name);
  if (!tensor.defined()) throw std::runtime_error(file_ + ": has no tensor '" + name + "'");
  return tensor;
}

std::vector<at::Tensor> ForwardInputs::TakeNumbered(const std::string& prefix) {
  std::vector<at::Tensor> out;
  while (tensors_.contains(prefix + "." + std::to_string(out.size()))) {
    out.push_back(Take(prefix + "." + std::to_string(out.size())));
  }
  return out;
}

void ForwardInputs::Finish() const {
  std::string names;
  for (const auto& [name, tensor] : tensors_) names += " " + name;
  if (!names.empty()) {
    throw std::runtime_error(file_ + ": tensors that this component does not take:" + names);
  }
}

const std::map<std::string, Component>& Components() {
  static const std::map<std::string, Component> components = [] {
    std::map<std::string, Component> all = TextComponents();
    all.merge(ImageComponents());
    all.merge(FlowComponents());
    return all;
  }();
  return components;
}

}  // namespace alignflow
