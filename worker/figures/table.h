#ifndef ALIGNFLOW_WORKER_FIGURES_TABLE_H_
#define ALIGNFLOW_WORKER_FIGURES_TABLE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "worker/metrics/bootstrap.h"

namespace alignflow {

// One figure of one set of images, as docs/figures.md defines it under its name.
struct Figure {
  std::string name;
  std::string subject;
  std::optional<double> value;  // nothing: not available, and the note says why
  std::optional<Interval> interval;
  std::string better;  // "higher", "lower" or, where neither is, empty
  std::string unit;
  std::string note;
  int64_t sample_count = 0;
  // Of volumes as they are, and not of the slices that the table's note tells of.
  bool whole_volumes = false;
};

// The figures of a job as they are found, and the random numbers of their intervals. A value that
// is no finite number (a distance of sets without spread) becomes "not available".
class FigureTable {
 public:
  // `note`: of every figure but those of whole volumes, before its own.
  explicit FigureTable(uint64_t seed, std::string note = "")
      : seed_(seed), note_(std::move(note)) {}

  void Add(const Figure& figure);
  std::string Json() const { return figures_.dump(); }

  // A stream of its own for each call.
  at::Generator NextStream();

 private:
  uint64_t seed_;
  std::string note_;
  uint64_t streams_ = 0;
  nlohmann::json figures_ = nlohmann::json::array();
};

// Says that a figure is of fewer images than it needs; empty if they are enough.
std::string SmallSampleNote(int64_t images, int64_t needed);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_TABLE_H_
