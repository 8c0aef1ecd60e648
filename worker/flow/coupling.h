#ifndef ALIGNFLOW_WORKER_FLOW_COUPLING_H_
#define ALIGNFLOW_WORKER_FLOW_COUPLING_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alignflow {

// Which noise of a batch leads to which of its samples.
enum class Coupling {
  kIndependent,       // as they were drawn
  kOptimalTransport,  // so that squared distances add up to the least (minibatch optimal transport)
};

// "independent" or "ot", as in fit.coupling. Throws std::invalid_argument.
Coupling CouplingNamed(std::string_view name);

// The noise, each sample's own in its row: `noise` itself, or its rows in another order. data,
// noise: [B,...]. conditions: [B] numbers of what the samples are conditioned on, or empty. Noise
// is exchanged between samples of equal numbers alone: else it would tell of the condition, and
// what is generated for one from all of the noise would not be what was learned. Depends on nothing
// but its arguments: a step that is made again gives the same.
at::Tensor Coupled(Coupling coupling, const at::Tensor& data, const at::Tensor& noise,
                   const std::vector<int64_t>& conditions = {});

// Numbers of conditions: rows that are equal in all of the parts, [B,...] each, have equal ones.
// Undefined parts tell nothing.
std::vector<int64_t> EqualRows(const std::vector<at::Tensor>& parts);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FLOW_COUPLING_H_
