#include "worker/models/safetensors.h"

#include <ATen/core/grad_mode.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "worker/models/safetensors_writer.h"

namespace alignflow {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeader = 100'000'000;  // as the reference implementation

[[noreturn]] void FailToRead(const std::filesystem::path& file, const std::string& what) {
  throw std::runtime_error(file.string() + ": " + what);
}

std::string ErrorText(int error) { return std::generic_category().message(error); }

std::map<std::string, TensorShape> ShapesOf(const std::map<std::string, at::Tensor>& tensors) {
  std::map<std::string, TensorShape> shapes;
  for (const auto& [name, tensor] : tensors) {
    shapes[name] = {tensor.scalar_type(), tensor.sizes().vec()};
  }
  return shapes;
}

// The JSON parser keeps the last of two equal keys; two readers of one file could then see
// different tensors.
json ParseStrictly(const char* begin, const char* end) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&keys](int depth, json::parse_event_t event, const json& parsed) {
    if (depth > 4) throw std::runtime_error("the header is nested too deeply");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(parsed.get<std::string>()).second) {
      throw std::runtime_error("'" + parsed.get<std::string>() + "' is in the header twice");
    }
    return true;
  };
  return json::parse(begin, end, check);
}

uint64_t Unsigned(const json& value, const char* what) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT64_MAX}) {
    throw std::runtime_error(std::string(what) + " must be an integer of at least 0");
  }
  return value.get<uint64_t>();
}

}  // namespace

struct SafetensorsFile::Mapping {
  explicit Mapping(const std::filesystem::path& file) {
    const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) FailToRead(file, "cannot be opened: " + ErrorText(errno));
    struct stat status {};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < 8) {
      close(descriptor);
      FailToRead(file, "is not a safetensors file: shorter than 8 bytes");
    }
    size = status.st_size;
    // Private and writable: a caller that writes to a tensor changes its own copy, never the file.
    void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    const int error = errno;
    close(descriptor);
    if (address == MAP_FAILED) FailToRead(file, "cannot be mapped: " + ErrorText(error));
    data = static_cast<char*>(address);
  }
  ~Mapping() { munmap(data, size); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  char* data;
  uint64_t size;
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file)
    : file_(file), mapping_(std::make_shared<Mapping>(file)) {
  uint64_t header_size = 0;
  for (int i = 7; i >= 0; --i) {
    header_size = header_size << 8 | static_cast<unsigned char>(mapping_->data[i]);
  }
  if (header_size > kMaxHeader || header_size > mapping_->size - 8) {
    FailToRead(file, "is not a safetensors file, or cut short: a header of " +
                         std::to_string(header_size) + " bytes in a file of " +
                         std::to_string(mapping_->size));
  }
  ParseHeader(header_size);
}

void SafetensorsFile::ParseHeader(uint64_t header_size) {
  const uint64_t data_begin = 8 + header_size;
  json header;
  try {
    header = ParseStrictly(mapping_->data + 8, mapping_->data + data_begin);
    if (!header.is_object()) throw std::runtime_error("the header is not a JSON object");
    if (header.contains("__metadata__")) {
      header["__metadata__"].get_to(metadata_);
      header.erase("__metadata__");
    }
  } catch (const std::exception& error) {
    FailToRead(file_, std::string("bad safetensors header: ") + error.what());
  }
  std::vector<std::pair<std::pair<uint64_t, uint64_t>, std::string>> ranges;
  for (const auto& [name, value] : header.items()) {
    try {
      const std::string type = value.at("dtype").get<std::string>();
      const auto* known = std::ranges::find(kSafetensorsTypes, type, &SafetensorsType::name);
      if (known == std::end(kSafetensorsTypes)) {
        throw std::runtime_error("unsupported dtype '" + type + "'");
      }
      Entry entry{known->type, {}, 0, 0};
      uint64_t bytes = at::elementSize(known->type);
      for (const json& side : value.at("shape")) {
        entry.shape.push_back(static_cast<int64_t>(Unsigned(side, "a side of the shape")));
        if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(entry.shape.back()), &bytes)) {
          throw std::runtime_error("the shape overflows");
        }
      }
      const json& offsets = value.at("data_offsets");
      if (!offsets.is_array() || offsets.size() != 2)
        throw std::runtime_error("two data_offsets are expected");
      const uint64_t begin = Unsigned(offsets[0], "an offset");
      const uint64_t end = Unsigned(offsets[1], "an offset");
      if (begin > end || end > mapping_->size - data_begin) {
        throw std::runtime_error("its bytes are not inside the file");
      }
      if (end - begin != bytes) {
        throw std::runtime_error("shape and dtype need " + std::to_string(bytes) +
                                 " bytes, the file has " + std::to_string(end - begin));
      }
      entry.begin = data_begin + begin;
      entry.end = data_begin + end;
      ranges.push_back({{begin, end}, name});
      entries_.emplace(name, std::move(entry));
    } catch (const std::exception& error) {
      FailToRead(file_, "tensor '" + name + "': " + error.what());
    }
  }
  std::sort(ranges.begin(), ranges.end());
  uint64_t position = 0;
  for (const auto& [range, name] : ranges) {
    if (range.first != position) {
      FailToRead(file_, "tensor '" + name + "': its bytes overlap another tensor's or leave a gap");
    }
    position = range.second;
  }
  if (position != mapping_->size - data_begin) {
    FailToRead(file_, std::to_string(mapping_->size - data_begin - position) +
                          " bytes behind the last tensor");
  }
}

std::vector<std::string> SafetensorsFile::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

at::Tensor SafetensorsFile::Get(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) FailToRead(file_, "has no tensor '" + name + "'");
  const Entry& entry = found->second;
  char* data = mapping_->data + entry.begin;
  const auto options = at::TensorOptions(entry.dtype);
  if (reinterpret_cast<uintptr_t>(data) % at::elementSize(entry.dtype) != 0) {
    // The format does not promise alignment; arithmetic needs it.
    at::Tensor copy = at::empty(entry.shape, options);
    std::memcpy(copy.mutable_data_ptr(), data, entry.end - entry.begin);
    return copy;
  }
  return at::from_blob(
      data, entry.shape, [mapping = mapping_](void*) {}, options);
}

std::string SerializeSafetensors(const std::map<std::string, at::Tensor>& tensors,
                                 const std::map<std::string, std::string>& metadata) {
  const SafetensorsLayout layout(ShapesOf(tensors), metadata);
  std::string bytes = layout.header;
  for (const std::string& name : layout.order) {
    const at::Tensor plain = tensors.at(name).detach().to(at::kCPU).contiguous();
    bytes.append(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes());
  }
  return bytes;
}

void WriteSafetensors(const std::filesystem::path& file,
                      const std::map<std::string, at::Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  SafetensorsWriter writer(file, ShapesOf(tensors), metadata);
  for (const auto& [name, tensor] : tensors) writer.Write(name, tensor);
  writer.Finish();
}

void CopyState(const std::map<std::string, at::Tensor>& source,
               const std::map<std::string, at::Tensor>& target, const std::string& what) {
  std::string faults;
  for (const auto& [name, tensor] : target) {
    const auto found = source.find(name);
    if (found == source.end()) {
      faults += "\n  missing: " + name;
    } else if (found->second.sizes() != tensor.sizes()) {
      faults += "\n  wrong shape: " + name + " is " + c10::str(found->second.sizes()) +
                ", the model needs " + c10::str(tensor.sizes());
    } else if (found->second.is_floating_point() != tensor.is_floating_point()) {
      faults += "\n  wrong type: " + name;
    }
  }
  for (const auto& [name, tensor] : source) {
    if (!target.contains(name)) faults += "\n  unknown: " + name;
  }
  if (!faults.empty()) throw std::runtime_error(what + " does not fit the model:" + faults);
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : target) tensor.copy_(source.at(name));
}

}  // namespace alignflow
