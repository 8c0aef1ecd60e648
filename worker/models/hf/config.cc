#include "worker/models/hf/config.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace alignflow {
namespace {

using nlohmann::json;

constexpr uintmax_t kMaxBytes = 16 << 20;

std::string ReadAll(const std::filesystem::path& file) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error) throw std::runtime_error(file.string() + ": cannot be read: " + error.message());
  if (size > kMaxBytes) throw std::runtime_error(file.string() + ": too long for a config.json");
  std::ifstream stream(file, std::ios::binary);
  std::string text(size, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(size))) {
    throw std::runtime_error(file.string() + ": cannot be read");
  }
  return text;
}

std::shared_ptr<const json> Parse(const std::string& text, const std::string& file) {
  json fields = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!fields.is_object()) throw std::runtime_error(file + ": is not a JSON object");
  return std::make_shared<const json>(std::move(fields));
}

bool IsKnown(const std::string& name) {
  return name.starts_with('_') || name == "architectures" || name == "dtype" ||
         name == "torch_dtype" || name == "transformers_version";
}

// Whether the JSON value has this type as it stands: no rounding, no bool as a number.
bool Holds(const json& value, const int64_t*) {
  return value.is_number_integer() &&
         !(value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX});
}
bool Holds(const json& value, const double*) { return value.is_number(); }
bool Holds(const json& value, const bool*) { return value.is_boolean(); }
bool Holds(const json& value, const std::string*) { return value.is_string(); }
template <typename T>
bool Holds(const json& value, const std::vector<T>*) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const json& item) {
           return Holds(item, static_cast<const T*>(nullptr));
         });
}

const char* TypeName(const int64_t*) { return "an integer"; }
const char* TypeName(const double*) { return "a number"; }
const char* TypeName(const bool*) { return "true or false"; }
const char* TypeName(const std::string*) { return "a string"; }
const char* TypeName(const std::vector<int64_t>*) { return "a list of integers"; }
const char* TypeName(const std::vector<double>*) { return "a list of numbers"; }
const char* TypeName(const std::vector<std::string>*) { return "a list of strings"; }

template <typename T>
T Convert(const HfConfig& config, const std::string& name, const json& value) {
  constexpr const T* kType = nullptr;
  if (!Holds(value, kType)) config.Refuse(name, std::string(TypeName(kType)) + " is expected");
  return value.get<T>();
}

template <typename T>
T ConvertOr(const HfConfig& config, const std::string& name, const json* value,
            const T& otherwise) {
  return value == nullptr ? otherwise : Convert<T>(config, name, *value);
}

}  // namespace

HfConfig::HfConfig(std::string file, std::string prefix, std::shared_ptr<const json> fields)
    : file_(std::move(file)), prefix_(std::move(prefix)), fields_(std::move(fields)) {}

HfConfig::HfConfig(const std::filesystem::path& file)
    : HfConfig(file.string(), "", Parse(ReadAll(file), file.string())) {}

HfConfig HfConfig::FromText(const std::string& text, const std::string& name) {
  return HfConfig(name, "", Parse(text, name));
}

bool HfConfig::Has(const std::string& name) const {
  const auto found = fields_->find(name);
  return found != fields_->end() && !found->is_null();
}

bool HfConfig::IsObject(const std::string& name) const {
  const auto found = fields_->find(name);
  return found != fields_->end() && found->is_object();
}

std::vector<std::string> HfConfig::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : fields_->items()) names.push_back(name);
  return names;
}

const json* HfConfig::Find(const std::string& name) {
  read_.insert(name);
  const auto found = fields_->find(name);
  return found == fields_->end() || found->is_null() ? nullptr : &*found;
}

const json& HfConfig::Get(const std::string& name) {
  const json* value = Find(name);
  if (value == nullptr) {
    throw std::runtime_error(file_ + ": field '" + prefix_ + name + "' is missing");
  }
  return *value;
}

int64_t HfConfig::Int(const std::string& name) { return Convert<int64_t>(*this, name, Get(name)); }
int64_t HfConfig::Int(const std::string& name, int64_t otherwise) {
  return ConvertOr(*this, name, Find(name), otherwise);
}
int64_t HfConfig::Positive(const std::string& name, int64_t otherwise) {
  const int64_t value = Int(name, otherwise);
  if (value < 1) Refuse(name, "a positive number is expected");
  return value;
}
double HfConfig::Double(const std::string& name) { return Convert<double>(*this, name, Get(name)); }
double HfConfig::Double(const std::string& name, double otherwise) {
  return ConvertOr(*this, name, Find(name), otherwise);
}
bool HfConfig::Bool(const std::string& name) { return Convert<bool>(*this, name, Get(name)); }
bool HfConfig::Bool(const std::string& name, bool otherwise) {
  return ConvertOr(*this, name, Find(name), otherwise);
}
std::string HfConfig::String(const std::string& name) {
  return Convert<std::string>(*this, name, Get(name));
}
std::string HfConfig::String(const std::string& name, const std::string& otherwise) {
  return ConvertOr(*this, name, Find(name), otherwise);
}
std::vector<int64_t> HfConfig::IntList(const std::string& name) {
  return Convert<std::vector<int64_t>>(*this, name, Get(name));
}
std::vector<int64_t> HfConfig::IntList(const std::string& name,
                                       const std::vector<int64_t>& otherwise) {
  return ConvertOr(*this, name, Find(name), otherwise);
}
std::vector<double> HfConfig::DoubleList(const std::string& name) {
  return Convert<std::vector<double>>(*this, name, Get(name));
}
std::vector<double> HfConfig::DoubleList(const std::string& name,
                                         const std::vector<double>& otherwise) {
  return ConvertOr(*this, name, Find(name), otherwise);
}
std::vector<std::string> HfConfig::StringList(const std::string& name) {
  return Convert<std::vector<std::string>>(*this, name, Get(name));
}
std::vector<std::string> HfConfig::StringList(const std::string& name,
                                              const std::vector<std::string>& otherwise) {
  return ConvertOr(*this, name, Find(name), otherwise);
}

std::vector<std::string> HfConfig::NullableStringList(const std::string& name) {
  const json* value = Find(name);
  if (value != nullptr && value->is_array() &&
      std::all_of(value->begin(), value->end(), [](const json& item) { return item.is_null(); })) {
    return {};
  }
  return StringList(name, {});
}

HfConfig& HfConfig::Object(const std::string& name) {
  const json& value = Get(name);
  if (!value.is_object()) Refuse(name, "an object is expected");
  std::unique_ptr<HfConfig>& nested = objects_[name];
  if (!nested) {
    nested.reset(new HfConfig(file_, prefix_ + name + ".", std::make_shared<const json>(value)));
  }
  return *nested;
}

void HfConfig::RequireJson(const std::string& name, const json& value) {
  read_.insert(name);
  const auto found = fields_->find(name);
  if (found == fields_->end() || *found == value) return;
  Refuse(name, "only " + value.dump() + " is supported");
}
void HfConfig::Require(const std::string& name, const char* value) { RequireJson(name, value); }
void HfConfig::Require(const std::string& name, bool value) { RequireJson(name, value); }
void HfConfig::Require(const std::string& name, int64_t value) { RequireJson(name, value); }
void HfConfig::Require(const std::string& name, double value) { RequireJson(name, value); }
void HfConfig::Require(const std::string& name, std::nullptr_t) { RequireJson(name, nullptr); }
void HfConfig::Require(const std::string& name, const std::vector<int64_t>& value) {
  RequireJson(name, value);
}

std::string HfConfig::OneOf(const std::string& name, const std::vector<std::string>& supported) {
  const std::string value = String(name, supported.front());
  if (std::find(supported.begin(), supported.end(), value) == supported.end()) {
    Refuse(name, "only " + json(supported).dump() + " are supported");
  }
  return value;
}

void HfConfig::WithoutEffect(std::initializer_list<const char*> names) {
  for (const char* name : names) read_.insert(name);
}

void HfConfig::Refuse(const std::string& name, const std::string& message) const {
  const auto found = fields_->find(name);
  const std::string value = found == fields_->end() ? "absent"
                                                    : found->dump(-1, ' ', /*ensure_ascii=*/false,
                                                                  json::error_handler_t::replace);
  throw std::runtime_error(file_ + ": field '" + prefix_ + name + "' is " +
                           (value.size() > 200 ? value.substr(0, 200) + "..." : value) + ": " +
                           message);
}

void HfConfig::CollectUnread(std::string* unread) const {
  for (const auto& [name, value] : fields_->items()) {
    if (read_.contains(name) || IsKnown(name)) continue;
    *unread += (unread->empty() ? "'" : ", '") + prefix_ + name + "'";
  }
  for (const auto& [name, nested] : objects_) nested->CollectUnread(unread);
}

void HfConfig::Finish() const {
  std::string unread;
  CollectUnread(&unread);
  if (!unread.empty()) {
    throw std::runtime_error(file_ +
                             ": fields that are not known here, so that what they ask for "
                             "cannot be done: " +
                             unread);
  }
}

}  // namespace alignflow
