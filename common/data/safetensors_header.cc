#include "common/data/safetensors_header.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxLength = 100'000'000;  // as the reference implementation
constexpr int kMaxDepth = 4;
constexpr std::array<std::pair<std::string_view, int64_t>, 6> kTypes = {
    {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"U8", 1}}};

absl::Status Bad(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("no safetensors file: ", what));
}

// The parser keeps the last of two equal keys: two readers could see different tensors.
Json ParseStrictly(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&keys](int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kMaxDepth) throw std::runtime_error("the header is nested too deeply");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys.back().insert(parsed.get<std::string>()).second) {
      throw std::runtime_error("a name is in the header twice");
    }
    return true;
  };
  return Json::parse(text, check);
}

int64_t Unsigned(const Json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT64_MAX}) {
    throw std::runtime_error("an offset or side is no integer of at least 0");
  }
  return value.get<int64_t>();
}

// The tensor, and its place in `places`.
SafetensorsHeader::Tensor ParseTensor(const Json& entry, int64_t data_bytes,
                                      std::vector<std::pair<int64_t, int64_t>>& places) {
  SafetensorsHeader::Tensor tensor{.type = entry.at("dtype").get<std::string>(), .shape = {}};
  const auto* type = std::ranges::find(kTypes, tensor.type, &decltype(kTypes)::value_type::first);
  if (type == kTypes.end()) throw std::runtime_error("a tensor's type is not known");
  int64_t bytes = type->second;
  for (const Json& side : entry.at("shape")) {
    tensor.shape.push_back(Unsigned(side));
    if (__builtin_mul_overflow(bytes, tensor.shape.back(), &bytes)) {
      throw std::runtime_error("a shape overflows");
    }
  }
  const Json& offsets = entry.at("data_offsets");
  if (!offsets.is_array() || offsets.size() != 2) {
    throw std::runtime_error("two data_offsets are expected");
  }
  const int64_t begin = Unsigned(offsets[0]), end = Unsigned(offsets[1]);
  if (begin > end || end > data_bytes || end - begin != bytes) {
    throw std::runtime_error("a tensor's bytes are not those that its type and shape need");
  }
  places.emplace_back(begin, end);
  return tensor;
}

}  // namespace

absl::StatusOr<int64_t> SafetensorsHeaderLength(std::string_view first_bytes, int64_t file_bytes) {
  if (static_cast<int64_t>(first_bytes.size()) < kSafetensorsLengthBytes) {
    return Bad("it is shorter than 8 bytes");
  }
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(first_bytes[i]);
  if (length > uint64_t{kMaxLength} ||
      static_cast<int64_t>(length) > file_bytes - kSafetensorsLengthBytes) {
    return Bad(absl::StrCat("a header of ", length, " bytes in a file of ", file_bytes));
  }
  return static_cast<int64_t>(length);
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json,
                                                         int64_t data_bytes) {
  SafetensorsHeader header;
  std::vector<std::pair<int64_t, int64_t>> places;
  try {
    const Json document = ParseStrictly(json);
    if (!document.is_object()) return Bad("its header is not a JSON object");
    for (const auto& [name, entry] : document.items()) {
      if (name == "__metadata__") {
        entry.get_to(header.metadata);
      } else {
        header.tensors[name] = ParseTensor(entry, data_bytes, places);
      }
    }
  } catch (const Json::exception&) {
    return Bad("its header is no JSON of the form that the format has");
  } catch (const std::exception& error) {
    return Bad(error.what());
  }
  std::ranges::sort(places);
  int64_t position = 0;
  for (const auto& [begin, end] : places) {
    if (begin != position) return Bad("tensors overlap or leave a gap");
    position = end;
  }
  if (position != data_bytes) return Bad("there are bytes behind the last tensor");
  return header;
}

}  // namespace alignflow
