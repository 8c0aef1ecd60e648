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
constexpr int kMaxDepth = 32;      // of brackets; json's own functions go into them recursively
constexpr size_t kMaxValue = 200;  // bytes of a value in an error

std::string ReadAll(const std::filesystem::path& file) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error) throw std::runtime_error(file.string() + ": cannot be read: " + error.message());
  if (size > kMaxBytes)
    throw std::runtime_error(file.string() + ": longer than any file of its kind (16 MiB)");
  std::ifstream stream(file, std::ios::binary);
  std::string text(size, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(size))) {
    throw std::runtime_error(file.string() + ": cannot be read");
  }
  return text;
}

// "line 3, column 7" of the byte with this number, counted from 1.
std::string PlaceOf(const std::string& text, size_t byte) {
  const std::string_view before = std::string_view(text).substr(0, byte == 0 ? 0 : byte - 1);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t last_break = before.rfind('\n');  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " +
         std::to_string(before.size() - (last_break + 1) + 1);
}

std::shared_ptr<const json> Parse(const std::string& text, const std::string& file) {
  if (text.starts_with("version https://git-lfs")) {
    throw std::runtime_error(file +
                             ": is a pointer of Git LFS instead of the file itself; fetch that, "
                             "for example with git lfs pull");
  }
  bool is_deep = false;
  const auto look = [&is_deep](int depth, json::parse_event_t, json&) {
    is_deep = is_deep || depth > kMaxDepth;
    return !is_deep;  // what is deeper is let go
  };
  json fields;
  try {
    fields = json::parse(text, look);
  } catch (const json::parse_error& error) {
    throw std::runtime_error(file + ": is not JSON from " + PlaceOf(text, error.byte) +
                             " on; fetch the file again, it may be cut short");
  } catch (const json::exception& error) {
    throw std::runtime_error(file + ": is not JSON: " + error.what());
  }
  if (is_deep) throw std::runtime_error(file + ": is nested more than 32 deep");
  if (!fields.is_object()) throw std::runtime_error(file + ": is not a JSON object");
  return std::make_shared<const json>(std::move(fields));
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

HfConfig& HfConfig::Nested(const std::string& name, const json& value) {
  std::unique_ptr<HfConfig>& nested = objects_[name];
  if (!nested) {
    // Shares the whole file's fields.
    nested.reset(
        new HfConfig(file_, prefix_ + name + ".", std::shared_ptr<const json>(fields_, &value)));
  }
  return *nested;
}

HfConfig& HfConfig::Object(const std::string& name) {
  const json& value = Get(name);
  if (!value.is_object()) Refuse(name, "an object is expected");
  return Nested(name, value);
}

std::vector<HfConfig*> HfConfig::Objects(const std::string& name) {
  const json& value = Get(name);
  std::vector<HfConfig*> objects;
  if (!value.is_array()) Refuse(name, "a list of objects is expected");
  for (const json& item : value) {
    if (!item.is_object()) Refuse(name, "a list of objects is expected");
    objects.push_back(&Nested(name + "[" + std::to_string(objects.size()) + "]", item));
  }
  return objects;
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

std::string HfConfig::ValueText(const std::string& name) const {
  const auto found = fields_->find(name);
  if (found == fields_->end()) return "absent";
  std::string text = found->dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
  if (text.size() <= kMaxValue) return text;
  size_t end = kMaxValue;  // not within a character
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

void HfConfig::Refuse(const std::string& name, const std::string& message) const {
  throw std::runtime_error(file_ + ": field '" + prefix_ + name + "' is " + ValueText(name) + ": " +
                           message);
}

void HfConfig::CollectUnread(HfFile kind, std::string* unread) const {
  for (const auto& [name, value] : fields_->items()) {
    if (read_.contains(name) || MayLeaveAside(kind, name, value)) continue;
    *unread += (unread->empty() ? "'" : ", '") + prefix_ + name + "' is " + ValueText(name);
  }
  for (const auto& [name, nested] : objects_) nested->CollectUnread(kind, unread);
}

void HfConfig::Finish(HfFile kind) const {
  std::string unread;
  CollectUnread(kind, &unread);
  if (unread.empty()) return;
  throw std::runtime_error(
      file_ + ": fields that are not known here and may change what is computed: " + unread +
      ". If they change nothing in this model, set them to null or take them "
      "out of the file");
}

}  // namespace alignflow
