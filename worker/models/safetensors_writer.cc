#include "worker/models/safetensors_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace alignflow {
namespace {

using nlohmann::json;

[[noreturn]] void Fail(const std::filesystem::path& file, int error) {
  throw std::runtime_error(file.string() +
                           ": cannot be written: " + std::generic_category().message(error));
}

std::filesystem::path TemporaryBeside(const std::filesystem::path& file) {
  static std::atomic<uint64_t> counter{0};
  std::filesystem::path temporary = file;
  temporary += "." + std::to_string(getpid()) + "." + std::to_string(counter++) + ".part";
  return temporary;
}

}  // namespace

int64_t TensorShape::elements() const {
  int64_t count = 1;
  for (const int64_t side : sizes) count *= side;
  return count;
}

SafetensorsLayout::SafetensorsLayout(const std::map<std::string, TensorShape>& tensors,
                                     const std::map<std::string, std::string>& metadata) {
  for (const auto& [name, shape] : tensors) order.push_back(name);
  // So that every tensor is aligned to its type.
  std::ranges::stable_sort(order, std::ranges::greater(), [&](const std::string& name) {
    return at::elementSize(tensors.at(name).type);
  });
  json text = json::object();
  if (!metadata.empty()) text["__metadata__"] = metadata;
  int64_t position = 0;
  for (const std::string& name : order) {
    const TensorShape& shape = tensors.at(name);
    const auto* known = std::ranges::find(kSafetensorsTypes, shape.type, &SafetensorsType::type);
    if (known == std::end(kSafetensorsTypes)) {
      throw std::invalid_argument("tensor '" + name + "': its type cannot be stored");
    }
    const int64_t end =
        position + shape.elements() * static_cast<int64_t>(at::elementSize(shape.type));
    text[name] = {
        {"dtype", known->name}, {"shape", shape.sizes}, {"data_offsets", {position, end}}};
    begin[name] = position;
    position = end;
  }
  std::string padded = text.dump();
  padded.resize((padded.size() + 7) / 8 * 8, ' ');
  header.assign(8, '\0');
  for (int i = 0; i < 8; ++i) header[i] = static_cast<char>(uint64_t{padded.size()} >> (8 * i));
  header += padded;
  for (auto& [name, at] : begin) at += static_cast<int64_t>(header.size());
  size = static_cast<int64_t>(header.size()) + position;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& file,
                                     const std::map<std::string, TensorShape>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(file),
      temporary_(TemporaryBeside(file)),
      shapes_(tensors),
      layout_(tensors, metadata),
      descriptor_(open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) Fail(file_, errno);
  try {
    if (const int error = posix_fallocate(descriptor_, 0, layout_.size)) Fail(file_, error);
    Put(layout_.header.data(), static_cast<int64_t>(layout_.header.size()), 0);
  } catch (...) {
    close(descriptor_);
    unlink(temporary_.c_str());
    throw;
  }
}

SafetensorsWriter::~SafetensorsWriter() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(temporary_.c_str());
}

void SafetensorsWriter::Put(const void* data, int64_t size, int64_t position) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = pwrite(descriptor_, next, size, position);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) Fail(file_, count == 0 ? EIO : errno);
    next += count;
    position += count;
    size -= count;
  }
}

void SafetensorsWriter::WriteRows(const std::string& name, int64_t first, const at::Tensor& rows) {
  const auto shape = shapes_.find(name);
  const bool fits = shape != shapes_.end() && rows.scalar_type() == shape->second.type &&
                    rows.dim() > 0 &&
                    rows.sizes().slice(1) == at::IntArrayRef(shape->second.sizes).slice(1) &&
                    first >= 0 && first + rows.size(0) <= shape->second.sizes.front();
  if (!fits) throw std::invalid_argument("rows that do not fit tensor '" + name + "'");
  const at::Tensor plain = rows.detach().to(at::kCPU).contiguous();
  const auto bytes = static_cast<int64_t>(plain.nbytes());
  const int64_t row = rows.size(0) == 0 ? 0 : bytes / rows.size(0);
  Put(plain.const_data_ptr(), bytes, layout_.begin.at(name) + first * row);
}

void SafetensorsWriter::Write(const std::string& name, const at::Tensor& tensor) {
  const auto shape = shapes_.find(name);
  if (shape == shapes_.end() || tensor.scalar_type() != shape->second.type ||
      tensor.sizes() != shape->second.sizes) {
    throw std::invalid_argument("a tensor that does not fit '" + name + "'");
  }
  const at::Tensor plain = tensor.detach().to(at::kCPU).contiguous();
  Put(plain.const_data_ptr(), static_cast<int64_t>(plain.nbytes()), layout_.begin.at(name));
}

void SafetensorsWriter::Finish(bool flush) {
  if (flush && fsync(descriptor_) != 0) Fail(file_, errno);
  const int descriptor = std::exchange(descriptor_, -1);
  if (close(descriptor) != 0 || rename(temporary_.c_str(), file_.c_str()) != 0) {
    const int error = errno;
    unlink(temporary_.c_str());
    Fail(file_, error);
  }
  if (!flush) return;
  // The rename itself reaches the disk with its folder.
  const std::filesystem::path folder = file_.has_parent_path() ? file_.parent_path() : ".";
  const int parent = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent >= 0) {
    fsync(parent);
    close(parent);
  }
}

}  // namespace alignflow
