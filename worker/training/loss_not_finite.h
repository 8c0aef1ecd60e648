#ifndef ALIGNFLOW_WORKER_TRAINING_LOSS_NOT_FINITE_H_
#define ALIGNFLOW_WORKER_TRAINING_LOSS_NOT_FINITE_H_

#include <stdexcept>

namespace alignflow {

// What Train throws once the loss has stopped being finite.
class LossNotFinite : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_LOSS_NOT_FINITE_H_
