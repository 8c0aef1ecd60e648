#include "worker/flow/coupling.h"

#include <map>
#include <span>
#include <stdexcept>
#include <string>

#include "worker/flow/assignment.h"

namespace alignflow {
namespace {

// |x - y|^2 = |x|^2 + |y|^2 - 2 x y, of which the squares are the same for every assignment.
std::vector<double> CostsOf(const at::Tensor& data, const at::Tensor& noise) {
  const auto rows = [](const at::Tensor& samples) {
    return samples.detach().to(at::kCPU, at::kDouble).flatten(1);
  };
  const at::Tensor x = rows(data), y = rows(noise);
  const at::Tensor costs =
      (x.square().sum(1, true) + y.square().sum(1).unsqueeze(0) - 2 * at::mm(x, y.t()))
          .contiguous();
  const double* values = costs.const_data_ptr<double>();
  return {values, values + costs.numel()};
}

}  // namespace

Coupling CouplingNamed(std::string_view name) {
  if (name == "independent") return Coupling::kIndependent;
  if (name == "ot") return Coupling::kOptimalTransport;
  throw std::invalid_argument("unknown coupling '" + std::string(name) +
                              "': known are independent and ot");
}

std::vector<int64_t> EqualRows(const std::vector<at::Tensor>& parts) {
  std::vector<std::string> rows;
  for (const at::Tensor& part : parts) {
    if (!part.defined()) continue;
    const at::Tensor flat = part.detach().cpu().contiguous();
    const int64_t count = flat.size(0);
    if (rows.empty()) rows.resize(count);
    if (static_cast<int64_t>(rows.size()) != count) {
      throw std::invalid_argument("parts of conditions have as many rows as each other");
    }
    const size_t bytes = count == 0 ? 0 : flat.nbytes() / static_cast<size_t>(count);
    const char* data = static_cast<const char*>(flat.const_data_ptr());
    for (size_t row = 0; row < rows.size(); ++row) rows[row].append(data + row * bytes, bytes);
  }
  std::map<std::string_view, int64_t> first;
  std::vector<int64_t> numbers;
  for (size_t row = 0; row < rows.size(); ++row) {
    numbers.push_back(first.try_emplace(rows[row], static_cast<int64_t>(row)).first->second);
  }
  return numbers;
}

at::Tensor Coupled(Coupling coupling, const at::Tensor& data, const at::Tensor& noise,
                   const std::vector<int64_t>& conditions) {
  if (coupling == Coupling::kIndependent) return noise;
  const int64_t count = data.size(0);
  if (noise.size(0) != count ||
      (!conditions.empty() && static_cast<int64_t>(conditions.size()) != count)) {
    throw std::invalid_argument("a coupling needs as much noise, and as many conditions, as data");
  }
  std::map<int64_t, std::vector<int64_t>> groups;
  for (int64_t row = 0; row < count; ++row) {
    groups[conditions.empty() ? 0 : conditions[row]].push_back(row);
  }
  std::vector<int64_t> order(count);
  for (const auto& [condition, rows] : groups) {
    const at::Tensor of_group = at::tensor(rows, at::kLong).to(data.device());
    const std::vector<double> costs =
        CostsOf(data.index_select(0, of_group), noise.index_select(0, of_group));
    const std::vector<int64_t> columns = LeastAssignment(costs, static_cast<int64_t>(rows.size()));
    for (size_t i = 0; i < rows.size(); ++i) order[rows[i]] = rows[columns[i]];
  }
  return noise.index_select(0, at::tensor(order, at::kLong).to(noise.device()));
}

}  // namespace alignflow
