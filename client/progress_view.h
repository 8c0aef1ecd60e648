#ifndef ALIGNFLOW_CLIENT_PROGRESS_VIEW_H_
#define ALIGNFLOW_CLIENT_PROGRESS_VIEW_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "alignflow/v1/jobs.pb.h"
#include "client/console.h"

namespace alignflow {

// "queued", "running", "succeeded", ...
std::string StateWord(v1::JobState state);
std::string StateWord(v1::StageState state);
bool IsFinal(v1::JobState state);

// Time that a stage has taken up to its end, or up to `now`; zero before it began.
absl::Duration StageTime(const v1::Stage& stage, absl::Time now);

// What a stage tells about itself beside its progress: loss, alignment, rates while it runs, what
// was reused or retried, note. Pure.
std::string StageDetails(const v1::Stage& stage);

// The same after how far the stage is, with the time left or taken, in one line. Pure.
std::string DescribeStage(const v1::Stage& stage, absl::Time now);

// The picture of a job on a terminal: one line on the job, then one bar per stage, each no wider
// than `width` columns. Where they are more than `height` lines, the stages that ended first are
// left out, so that the picture can be redrawn in place. Pure.
std::vector<std::string> DrawJob(const v1::Job& job, absl::Time now, int width, int height);

// Shows a job's progress on the console's `err`. On a terminal the picture is redrawn in place;
// elsewhere there is one plain line where a state changes and every few seconds while a stage runs.
// Not thread-safe.
class ProgressView {
 public:
  explicit ProgressView(Console& console) : console_(console) {}

  // `now` is the server's time of this state of the job.
  void Show(const v1::Job& job, absl::Time now);
  // One line that stays, above the picture.
  void Say(const std::string& line);

 private:
  struct Shown {
    v1::StageState state = v1::STAGE_STATE_UNSPECIFIED;
    absl::Time time = absl::InfinitePast();
    std::string text;
  };

  void Redraw();
  void Erase();
  void PrintChanges(const v1::Job& job, absl::Time now);

  Console& console_;
  v1::Job job_;
  absl::Time now_;
  size_t lines_ = 0;  // of the picture on the terminal
  v1::JobState shown_state_ = v1::JOB_STATE_UNSPECIFIED;
  std::string shown_reason_;
  std::map<std::string, Shown> shown_;  // by stage
};

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PROGRESS_VIEW_H_
