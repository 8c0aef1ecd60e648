#include "client/server_words.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

namespace alignflow {
namespace {

// Fields at the beginning of a message.
constexpr std::array<std::pair<std::string_view, std::string_view>, 32> kFields = {{
    {"spec.source", "--source"},
    {"spec.target", "--target"},
    {"spec.references", "--references"},
    {"spec.pairs", "--pairs"},
    {"spec.model", "--model"},
    {"spec.masks", "--masks"},
    {"spec.kind", "the kind of job"},
    {"spec.preset", "--preset"},
    {"spec.settings", "--set"},
    {"spec.reference_sample_bits", "--references"},
    {"manifest.labels", "--labels"},
    {"manifest.items", "the folder's file"},
    {"manifest.sample_bits", "the folder's images"},
    {"items", "the folder's files"},
    {"dataset_id", "the dataset's name"},
    {"display_name", "--name"},
    {"labels", "--label"},
    {"priority", "--priority"},
    {"keep_jobs", "--keep-jobs"},
    {"stage, reason", "--stage, --reason"},
    {"stage", "--stage"},
    {"states", "--state"},
    {"request_id", "the request"},
    {"upload_id", "the upload"},
    {"owner.upload_id", "the upload"},
    {"after_index", "the pair to go on after"},
    {"page_size", "the list"},
    {"page_token", "the list"},
    {"role", "--role"},
    {"tenant", "--tenant"},
    {"expire_time", "--expires"},
    {"name", "the name"},
}};

// Kinds of resources: how the API begins their names, and what the user calls one.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kKinds = {{
    {"datasets/", "dataset"},
    {"jobs/", "job"},
    {"keys/", "key"},
    {"models/", "model"},
    {"workers/", "worker"},
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

// Whether a field ends where `rest` begins.
bool EndsField(std::string_view rest) {
  return rest.starts_with(':') || rest.starts_with('[') || rest.starts_with(" '");
}

std::string FieldWords(std::string_view message) {
  for (const auto& [field, words] : kFields) {
    if (!message.starts_with(field) || !EndsField(message.substr(field.size()))) continue;
    return std::string(words).append(WithoutNumber(message.substr(field.size())));
  }
  return std::string(message);
}

bool IsOfPath(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '/'; }

// The id that `text` begins with; empty if it goes on as the path of a file does.
std::string_view IdAt(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && (absl::ascii_isalnum(static_cast<unsigned char>(text[end])) ||
                               text[end] == '-' || text[end] == '_')) {
    ++end;
  }
  const std::string_view after = text.substr(end);
  const bool path = after.starts_with('/') || after.starts_with(':') ||
                    (after.size() > 1 && after[0] == '.' && IsOfPath(after[1]));
  return path ? std::string_view() : text.substr(0, end);
}

// "datasets/x" as "dataset x", wherever it stands.
std::string ResourceWords(std::string_view text) {
  std::string words;
  while (!text.empty()) {
    const bool begins = words.empty() || !(IsOfPath(words.back()) || words.back() == '.' ||
                                           words.back() == '_' || words.back() == '-');
    const auto kind = std::ranges::find_if(
        kKinds, [&](const auto& of) { return begins && text.starts_with(of.first); });
    const std::string_view id =
        kind == kKinds.end() ? std::string_view() : IdAt(text.substr(kind->first.size()));
    if (id.empty()) {
      words += text.front();
      text.remove_prefix(1);
      continue;
    }
    words.append(kind->second).append(" ").append(id);
    text.remove_prefix(kind->first.size() + id.size());
  }
  return words;
}

// What the server says about names and methods of the API, as names and commands of afctl.
std::string CommandWords(const std::string& message) {
  return absl::StrReplaceAll(
      message, {{"is no resource name; give datasets/ID, with an ID of", "is no dataset; give"},
                {"is no resource name; give jobs/ID, with an ID of", "is no job; give"},
                {"is no resource name; give keys/ID, with an ID of", "is no key; give"},
                {"is no resource name; give models/ID, with an ID of", "is no model; give"},
                {"is no resource name; give workers/ID, with an ID of", "is no worker; give"},
                {"ListDatasets names", "`afctl dataset list` names"},
                {"ListJobs names", "`afctl job list` names"},
                {"ListKeys names", "`afctl key list` names"},
                {"ListModels names", "`afctl model list` names"},
                {"ListWorkers names", "`afctl worker list` names"},
                {"RerunJob makes", "`afctl job rerun` makes"},
                {"; ask QueryWrite", "; try again"},
                {" that jobs.proto names", " that there is"},
                {" that fleet.proto names", " that there is"},
                {" that admin.proto names", " that there is"},
                {"the next_page_token of the answer before", "what the answer before says"},
                {"is no DatasetItem", "is no item"}});
}

}  // namespace

std::string InUsersWords(const absl::Status& status) {
  return ResourceWords(CommandWords(FieldWords(std::string(status.message()))));
}

}  // namespace alignflow
