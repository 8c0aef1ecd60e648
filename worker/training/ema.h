#ifndef ALIGNFLOW_WORKER_TRAINING_EMA_H_
#define ALIGNFLOW_WORKER_TRAINING_EMA_H_

#include <ATen/ATen.h>

#include <vector>

namespace alignflow {

// The exponential running average of parameters, which generates better images than their last
// value: a <- d a + (1-d) p after each step, where d rises to `decay` as (1+n)/(10+n) with the
// number n of updates, so that the beginning is soon forgotten.
class Ema {
 public:
  // With decay 0 nothing is kept: the average is the parameters themselves.
  Ema(const std::vector<at::Tensor>& parameters, double decay);

  void Update(const std::vector<at::Tensor>& parameters);
  void CopyTo(const std::vector<at::Tensor>& parameters) const;

  // By parameter; empty with decay 0.
  const std::vector<at::Tensor>& averages() const { return averages_; }
  void set_updates(int64_t updates) { updates_ = updates; }

 private:
  std::vector<at::Tensor> averages_;
  double decay_;
  int64_t updates_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_EMA_H_
