#include "worker/stores/efficientnet_file.h"

#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

std::string FileOf(const std::string& name) {
  return absl::StrCat("efficientnet-", name, ".safetensors");
}

}  // namespace

std::filesystem::path EfficientNetFile(const TaskContext& context, const std::string& name) {
  for (const auto& folder : {context.models_dir(), context.bundled_models_dir()}) {
    std::error_code error;
    const std::filesystem::path file = folder / FileOf(name);
    if (!folder.empty() && std::filesystem::exists(file, error)) return file;
  }
  return {};
}

std::string EfficientNetFileName(const std::string& name) {
  return absl::StrCat(FileOf(name), " (scripts/setup.sh brings it)");
}

std::shared_ptr<const EfficientNet> LoadFrozenEfficientNet(const TaskContext& context,
                                                           const std::string& name) {
  const std::filesystem::path file = EfficientNetFile(context, name);
  if (file.empty()) return nullptr;
  EfficientNetConfig config = EfficientNetLite(name);
  config.classes = 0;
  const auto net = std::make_shared<EfficientNet>(config);
  try {
    LoadEfficientNet(file, *net);
  } catch (const std::runtime_error& error) {
    const std::string above = (file.parent_path() / "").string();
    throw TaskError(absl::FailedPreconditionError(absl::StrCat(
        "among this worker's models: ", absl::StrReplaceAll(error.what(), {{above, ""}}),
        "; remove it and run scripts/setup.sh")));
  }
  net->to(DeviceOf(context));
  net->Freeze();
  return net;
}

}  // namespace alignflow
