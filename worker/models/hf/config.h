#ifndef ALIGNFLOW_WORKER_MODELS_HF_CONFIG_H_
#define ALIGNFLOW_WORKER_MODELS_HF_CONFIG_H_

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "worker/models/hf/field_rule.h"

namespace alignflow {

// A JSON file of diffusers or transformers, of which every field is honoured, refused, or left
// aside by the rule of its kind (field_rule.h): each getter marks its field as read, and Finish
// throws for those that are left and may not be. So a checkpoint that asks for something that is
// not built here is never computed as if it had not asked.
//   HfConfig config(folder / "config.json");
//   layers = config.Int("num_layers", 24);
//   config.Require("qk_norm", "rms_norm");
//   config.Finish(HfFile::kModel);
// All errors are std::runtime_error that name file and field. A field that is null counts as absent
// in the getters with a default. Not thread-safe.
class HfConfig {
 public:
  // Reads a file of at most 16 MiB, nested at most 32 deep.
  explicit HfConfig(const std::filesystem::path& file);
  // From JSON text; `name` stands in for the file in errors.
  static HfConfig FromText(const std::string& text, const std::string& name = "config");

  HfConfig(HfConfig&&) = default;
  HfConfig& operator=(HfConfig&&) = default;

  // These mark nothing as read.
  bool Has(const std::string& name) const;  // false where it is null, too
  bool IsObject(const std::string& name) const;
  std::vector<std::string> Names() const;  // all fields, sorted
  const std::string& file() const { return file_; }

  int64_t Int(const std::string& name);  // without a default: the field must be there
  int64_t Int(const std::string& name, int64_t otherwise);
  int64_t Positive(const std::string& name, int64_t otherwise);  // refuses what is below 1
  double Double(const std::string& name);                        // an integer will do
  double Double(const std::string& name, double otherwise);
  bool Bool(const std::string& name);
  bool Bool(const std::string& name, bool otherwise);
  std::string String(const std::string& name);
  std::string String(const std::string& name, const std::string& otherwise);
  std::vector<int64_t> IntList(const std::string& name);
  std::vector<int64_t> IntList(const std::string& name, const std::vector<int64_t>& otherwise);
  std::vector<double> DoubleList(const std::string& name);
  std::vector<double> DoubleList(const std::string& name, const std::vector<double>& otherwise);
  std::vector<std::string> StringList(const std::string& name);
  std::vector<std::string> StringList(const std::string& name,
                                      const std::vector<std::string>& otherwise);
  // A list of nothing but null is empty, as is an absent one.
  std::vector<std::string> NullableStringList(const std::string& name);

  // The nested configuration {"name": {...}}, which Finish checks, too. Lives as long as this.
  HfConfig& Object(const std::string& name);
  // Those of {"name": [{...}, ...]}.
  std::vector<HfConfig*> Objects(const std::string& name);
  // A field as it stands, for vocabularies; it must be there.
  const nlohmann::json& Value(const std::string& name) { return Get(name); }

  // Refuses every value but this one, saying which is supported; an absent field is fine, so
  // `value` has to be the reference's default. nullptr stands for null.
  void Require(const std::string& name, const char* value);
  void Require(const std::string& name, bool value);
  void Require(const std::string& name, int64_t value);
  void Require(const std::string& name, int value) { Require(name, int64_t{value}); }
  void Require(const std::string& name, double value);
  void Require(const std::string& name, std::nullptr_t value);
  void Require(const std::string& name, const std::vector<int64_t>& value);

  // A string field with a few supported values; absent or null: the first of them.
  std::string OneOf(const std::string& name, const std::vector<std::string>& supported);

  // Fields that change nothing in what is computed by this model in particular, whatever their
  // values. What holds for all files of a kind is in field_rule.cc.
  void WithoutEffect(std::initializer_list<const char*> names);

  // Refuses with a message about one field: "FILE: field 'NAME' is VALUE: MESSAGE".
  [[noreturn]] void Refuse(const std::string& name, const std::string& message) const;

  // Throws listing every field that nobody read and that may not be left aside, with its value.
  void Finish(HfFile kind) const;

 private:
  HfConfig(std::string file, std::string prefix, std::shared_ptr<const nlohmann::json> fields);

  // Marks the field as read; null if it is absent or null.
  const nlohmann::json* Find(const std::string& name);
  const nlohmann::json& Get(const std::string& name);
  void RequireJson(const std::string& name, const nlohmann::json& value);
  HfConfig& Nested(const std::string& name, const nlohmann::json& value);
  std::string ValueText(const std::string& name) const;  // for errors
  void CollectUnread(HfFile kind, std::string* unread) const;

  std::string file_;
  std::string prefix_;  // of field names in errors: "rope_parameters."
  std::shared_ptr<const nlohmann::json> fields_;
  std::set<std::string> read_;
  std::map<std::string, std::unique_ptr<HfConfig>> objects_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_HF_CONFIG_H_
