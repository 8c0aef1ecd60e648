#include "worker/tasks/task_spec.h"

#include <fstream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

[[noreturn]] void Refuse(const TaskSpec& spec, const std::string& what) {
  throw TaskError(absl::InvalidArgumentError(absl::StrCat("task ", spec.kind, ": ", what)));
}

}  // namespace

std::string TextSetting(const TaskSpec& spec, const std::string& name) {
  const auto setting = spec.settings.find(name);
  if (setting == spec.settings.end()) Refuse(spec, absl::StrCat("setting ", name, " is missing"));
  return setting->second;
}

int64_t IntegerSetting(const TaskSpec& spec, const std::string& name) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(TextSetting(spec, name), &value)) {
    Refuse(spec, absl::StrCat("setting ", name, " is not a whole number"));
  }
  return value;
}

double RealSetting(const TaskSpec& spec, const std::string& name) {
  double value = 0;
  if (!absl::SimpleAtod(TextSetting(spec, name), &value)) {
    Refuse(spec, absl::StrCat("setting ", name, " is not a number"));
  }
  return value;
}

const std::string& Input(const TaskSpec& spec, const std::string& role) {
  const auto input = spec.inputs.find(role);
  if (input == spec.inputs.end()) Refuse(spec, absl::StrCat("input ", role, " is missing"));
  return input->second;
}

std::string FetchBytes(TaskContext& context, const std::string& digest) {
  const std::filesystem::path file = ValueOrThrow(context.Fetch(digest));
  std::ifstream stream(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream) throw TaskError(absl::UnavailableError("cannot read the blob " + digest));
  return bytes;
}

}  // namespace alignflow
