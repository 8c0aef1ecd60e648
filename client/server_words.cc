#include "client/server_words.h"

#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_replace.h"

namespace alignflow {
namespace {

// Fields at the beginning of a message.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kFields = {{
    {"spec.source", "--source"},
    {"spec.target", "--target"},
    {"spec.references", "--references"},
    {"spec.pairs", "--pairs"},
    {"spec.preset", "--preset"},
    {"spec.settings", "--set"},
    {"manifest.labels", "--labels"},
    {"manifest.items", "the folder's file"},
    {"manifest.sample_bits", "the folder's images"},
    {"spec.reference_sample_bits", "--references"},
    {"dataset_id", "the dataset's name"},
    {"display_name", "--name"},
    {"labels", "--label"},
    {"priority", "--priority"},
}};

// What follows the name of a field that lists files: "[3] 'stem', image: ..." and
// "[3].stem: ..." without the number, which tells the user nothing.
std::string_view WithoutNumber(std::string_view rest) {
  const size_t bracket = rest.find(']');
  if (!rest.starts_with('[') || bracket == std::string_view::npos) return rest;
  rest.remove_prefix(bracket + 1);
  if (rest.starts_with(".stem")) rest.remove_prefix(5);
  return rest;
}

std::string FieldWords(std::string_view message) {
  for (const auto& [field, words] : kFields) {
    if (!message.starts_with(field)) continue;
    return std::string(words).append(WithoutNumber(message.substr(field.size())));
  }
  return std::string(message);
}

// Methods that list resources, as the commands that call them.
std::string CommandWords(const std::string& message) {
  return absl::StrReplaceAll(message, {{"is no resource name; give", "is no name; give"},
                                       {"ListDatasets names", "`afctl dataset list` names"},
                                       {"ListJobs names", "`afctl job list` names"},
                                       {"ListModels names", "`afctl model list` names"},
                                       {"ListWorkers names", "`afctl worker list` names"},
                                       {"RerunJob makes", "`afctl job rerun` makes"}});
}

}  // namespace

std::string InUsersWords(const absl::Status& status) {
  return CommandWords(FieldWords(std::string(status.message())));
}

}  // namespace alignflow
