#include "client/job_file.h"

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/settings/settings.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// Reads one job file; keeps its path for the errors.
class JobFileReader {
 public:
  explicit JobFileReader(const std::string& path) : path_(path) {}

  absl::StatusOr<JobRequest> Read(const YAML::Node& root) {
    if (!root.IsMap()) return Error(root, "expected keys such as `source: NAME`");
    JobRequest request;
    for (const auto& entry : root) {
      absl::Status read = ReadKey(entry.first.Scalar(), entry.first, entry.second, request);
      if (!read.ok()) return read;
    }
    return request;
  }

  absl::Status Error(const YAML::Node& node, const std::string& what) const {
    return Error(node.Mark().line + 1, what);
  }
  absl::Status Error(int line, const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ":", line, ": ", what));
  }

 private:
  absl::Status ReadKey(const std::string& key, const YAML::Node& at, const YAML::Node& value,
                       JobRequest& request) {
    if (!seen_.insert(key).second) return Error(at, absl::StrCat("`", key, "` is there twice"));
    if (key == "settings") return ReadSettings(value, request);
    if (key == "labels") return ReadLabels(value, request);
    if (key == "name") return ReadText(key, value, request.name);
    if (key == "source") return ReadText(key, value, request.source);
    if (key == "target") return ReadText(key, value, request.target);
    if (key == "preset") return ReadText(key, value, request.preset);
    if (key == "references") {
      absl::Status read = ReadText(key, value, request.references);
      if (read.ok()) request.references = fs::path(path_).parent_path() / *request.references;
      return read;
    }
    if (key == "pairs") return ReadNumber(key, value, request.pairs);
    if (key == "priority") {
      absl::Status read = ReadNumber(key, value, request.priority);
      if (read.ok() && std::abs(int64_t{*request.priority}) > kMaxJobPriority) {
        return Error(value, absl::StrCat("`priority` is ", *request.priority, "; give -",
                                         kMaxJobPriority, " to ", kMaxJobPriority));
      }
      return read;
    }
    const std::vector<std::string> keys = {"source",   "references", "target", "pairs",   "preset",
                                           "settings", "name",       "labels", "priority"};
    return Error(at,
                 absl::StrCat("unknown key `", key, "`; did you mean `", Nearest(key, keys), "`?"));
  }

  absl::Status ReadText(const std::string& key, const YAML::Node& value,
                        std::optional<std::string>& text) const {
    if (!value.IsScalar() || value.Scalar().empty()) {
      return Error(value, absl::StrCat("`", key, "` must be one text"));
    }
    text = value.Scalar();
    return absl::OkStatus();
  }

  absl::Status ReadNumber(const std::string& key, const YAML::Node& value,
                          std::optional<int>& number) const {
    int read = 0;
    if (!value.IsScalar() || !absl::SimpleAtoi(value.Scalar(), &read)) {
      return Error(value, absl::StrCat("`", key, "` must be a whole number"));
    }
    number = read;
    return absl::OkStatus();
  }

  absl::Status ReadLabels(const YAML::Node& labels, JobRequest& request) const {
    if (!labels.IsMap()) {
      return Error(labels, "`labels` must map names to values, such as `study: colon-2026`");
    }
    for (const auto& entry : labels) {
      const std::string name = entry.first.Scalar();
      if (!entry.second.IsScalar()) {
        return Error(entry.first, absl::StrCat("label `", name, "` must be one value"));
      }
      if (!request.labels.emplace(name, entry.second.Scalar()).second) {
        return Error(entry.first, absl::StrCat("label `", name, "` is there twice"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadSettings(const YAML::Node& settings, JobRequest& request) const {
    if (!settings.IsMap()) return Error(settings, "`settings` must map names to values");
    for (const auto& entry : settings) {
      const std::string key = entry.first.Scalar();
      if (!entry.second.IsScalar()) {
        return Error(entry.first, absl::StrCat("setting `", key,
                                               "` must be one value; names are dotted, such as "
                                               "`fit.iterations: 900`"));
      }
      if (!request.settings.emplace(key, entry.second.Scalar()).second) {
        return Error(entry.first, absl::StrCat("setting `", key, "` is there twice"));
      }
    }
    return absl::OkStatus();
  }

  const std::string path_;
  std::set<std::string> seen_;
};

}  // namespace

absl::StatusOr<JobRequest> ReadJobFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file.is_open() || fs::is_directory(path)) {
    return absl::NotFoundError(absl::StrCat("cannot read the job file ", path));
  }
  JobFileReader reader(path);
  try {
    return reader.Read(YAML::Load(text.str()));
  } catch (const YAML::Exception& error) {
    return reader.Error(error.mark.line + 1, error.msg);
  }
}

absl::StatusOr<std::map<std::string, std::string>> ParseJobLabels(
    const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("--label ", text, ": write name=value, such as --label study=colon-2026"));
    }
    if (!labels.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("--label ", text.substr(0, equals), " is given twice"));
    }
  }
  return labels;
}

JobRequest Merge(const JobRequest& file, const JobRequest& flags) {
  JobRequest merged = file;
  if (flags.source) merged.source = flags.source;
  if (flags.references) merged.references = flags.references;
  if (flags.target) merged.target = flags.target;
  if (flags.pairs) merged.pairs = flags.pairs;
  if (flags.preset) merged.preset = flags.preset;
  if (flags.name) merged.name = flags.name;
  if (flags.priority) merged.priority = flags.priority;
  for (const auto& [name, value] : flags.labels) merged.labels[name] = value;
  for (const auto& [key, value] : flags.settings) merged.settings[key] = value;
  return merged;
}

absl::Status AddSetting(const std::string& text, std::map<std::string, std::string>& settings) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", text, ": write key=value, such as --set align.iterations=300"));
  }
  const std::string key(text.substr(0, equals));
  if (!settings.emplace(key, text.substr(equals + 1)).second) {
    return absl::InvalidArgumentError(absl::StrCat("--set ", key, " is given twice"));
  }
  return absl::OkStatus();
}

}  // namespace alignflow
