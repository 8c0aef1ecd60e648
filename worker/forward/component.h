#ifndef ALIGNFLOW_WORKER_FORWARD_COMPONENT_H_
#define ALIGNFLOW_WORKER_FORWARD_COMPONENT_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace alignflow {

using TensorMap = std::map<std::string, at::Tensor>;

// What alignflow-forward is asked to compute.
struct ForwardRequest {
  std::filesystem::path model;
  at::TensorOptions options;  // device and floating type of weights and inputs
  std::optional<std::string> text;
  int64_t steps = 28;
  double guidance = 7.0;

  // The prompt. Throws std::runtime_error asking for it when there is none.
  const std::string& Text() const;
  // The component's folder: `name` below the model folder, or the model folder itself where it
  // holds the component's config.json directly.
  std::filesystem::path Folder(const std::string& name) const;
};

// The tensors of the input file, each to be taken by name once; floating ones come on the request's
// device and in its type. Errors are std::runtime_error naming file and tensor.
class ForwardInputs {
 public:
  // `file` may be empty: no tensors then.
  ForwardInputs(const std::filesystem::path& file, const at::TensorOptions& options);

  at::Tensor Take(const std::string& name);
  at::Tensor TakeOptional(const std::string& name);                 // undefined when there is none
  std::vector<at::Tensor> TakeNumbered(const std::string& prefix);  // prefix.0, prefix.1, ...
  // Throws naming the tensors that nobody took.
  void Finish() const;

 private:
  std::string file_;
  at::TensorOptions options_;
  TensorMap tensors_;
};

// Reads the component's weights and computes it; outputs by name.
using Component = std::function<TensorMap(const ForwardRequest&, ForwardInputs&)>;
// All components by name.
const std::map<std::string, Component>& Components();

// The parts of that table.
std::map<std::string, Component> TextComponents();
std::map<std::string, Component> ImageComponents();
std::map<std::string, Component> FlowComponents();

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FORWARD_COMPONENT_H_
