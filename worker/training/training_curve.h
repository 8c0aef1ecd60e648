#ifndef ALIGNFLOW_WORKER_TRAINING_TRAINING_CURVE_H_
#define ALIGNFLOW_WORKER_TRAINING_TRAINING_CURVE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace alignflow {

// Values of a training run by step, and what happened in it. Its text is the curve.json of
// worker/tasks/task.h:
//   {"name":"align","x":"step","series":[{"name":"loss","points":[[3,1.2],...]}],
//    "events":[{"step":150,"text":"..."}]}
class TrainingCurve {
 public:
  explicit TrainingCurve(std::string name) : name_(std::move(name)) {}

  void Add(int64_t step, const std::map<std::string, double>& values);
  void AddEvent(int64_t step, std::string text);

  // The same points give the same text, and Restore gives back the same points. Restore throws
  // std::runtime_error for what is not the text of a curve of this name and changes nothing then.
  std::string ToJson() const;
  void Restore(const std::string& json);

 private:
  std::string name_;
  std::map<std::string, std::vector<std::pair<int64_t, double>>> series_;
  std::vector<std::pair<int64_t, std::string>> events_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_TRAINING_CURVE_H_
