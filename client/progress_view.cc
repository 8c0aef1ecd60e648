#include "client/progress_view.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/text_table.h"
#include "client/timestamps.h"

namespace alignflow {
namespace {

constexpr int kNameColumns = 10;

std::string Word(std::string name, std::string_view prefix) {
  return absl::AsciiStrToLower(name.substr(std::min(prefix.size(), name.size())));
}

bool Ended(const v1::Stage& stage) {
  return stage.state() == v1::STAGE_STATE_SUCCEEDED || stage.state() == v1::STAGE_STATE_REUSED;
}

// 0 to 1.
double Fraction(const v1::Stage& stage) {
  if (Ended(stage)) return 1;
  double fraction = 0;
  if (stage.steps_total() > 0) {
    fraction = static_cast<double>(stage.step()) / static_cast<double>(stage.steps_total());
  } else if (stage.tasks_total() > 0) {
    fraction = static_cast<double>(stage.tasks_done()) / stage.tasks_total();
  }
  return std::clamp(fraction, 0.0, 1.0);
}

// The worker's own rate where it gives one; otherwise the mean since the stage began.
absl::Duration TimeLeft(const v1::Stage& stage, absl::Time now) {
  const double left = static_cast<double>(stage.steps_total() - stage.step());
  const auto rate = stage.values().find("steps_per_second");
  if (rate != stage.values().end() && rate->second > 0) return absl::Seconds(left / rate->second);
  if (stage.step() <= 0) return absl::InfiniteDuration();
  return StageTime(stage, now) * (left / static_cast<double>(stage.step()));
}

std::string Bar(double fraction, int width) {
  const int filled = static_cast<int>(fraction * width);
  return absl::StrCat("[", std::string(filled, '#'), std::string(width - filled, '.'), "]");
}

// At most `width` columns of ASCII and UTF-8 text, cut between characters.
std::string Cut(std::string_view text, int width) {
  size_t end = 0;
  for (int columns = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (begins && ++columns > width) break;
  }
  return std::string(text.substr(0, end));
}

std::string DescribeJob(const v1::Job& job) {
  std::string text = absl::StrCat(job.name(), " ", StateWord(job.state()));
  if (!job.waiting_reason().empty()) absl::StrAppend(&text, ": ", job.waiting_reason());
  if (job.pairs_ready() > 0 && !IsFinal(job.state())) {
    absl::StrAppend(&text, ", ", job.pairs_ready(), " of ", job.spec().pairs(), " pairs ready");
  }
  if (job.pairs_left_out() > 0) {
    absl::StrAppend(&text, ", ", job.pairs_left_out(), " left out by the gates");
  }
  return Printable(text);
}

}  // namespace

std::string StateWord(v1::JobState state) { return Word(v1::JobState_Name(state), "JOB_STATE_"); }

std::string StateWord(v1::StageState state) {
  return Word(v1::StageState_Name(state), "STAGE_STATE_");
}

bool IsFinal(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED ||
         state == v1::JOB_STATE_CANCELLED;
}

absl::Duration StageTime(const v1::Stage& stage, absl::Time now) {
  if (!stage.has_start_time()) return absl::ZeroDuration();
  const absl::Time end = stage.has_end_time() ? ToAbslTime(stage.end_time()) : now;
  return std::max(absl::ZeroDuration(), end - ToAbslTime(stage.start_time()));
}

std::string StageDetails(const v1::Stage& stage) {
  std::vector<std::string> parts;
  if (stage.tasks_reused() > 0 && stage.state() != v1::STAGE_STATE_REUSED) {
    parts.push_back(absl::StrCat(stage.tasks_reused(), " of ", stage.tasks_total(), " reused"));
  }
  const bool running = stage.state() == v1::STAGE_STATE_RUNNING;
  const auto value = [&](const char* name, const char* before, const char* after) {
    const auto found = stage.values().find(name);
    if (found == stage.values().end()) return;
    parts.push_back(absl::StrCat(before, absl::StrFormat("%.3g", found->second), after));
  };
  value("loss", "loss ", "");
  value("alignment", "alignment ", "");
  value("left_out_alignment", "left-out alignment ", "");
  value("diversity", "diversity ", "");
  if (running) value("steps_per_second", "", " steps/s");
  if (running) value("images_per_second", "", " images/s");
  if (stage.retries() > 0) parts.push_back(absl::StrCat("retried ", stage.retries(), "x"));
  if (!stage.note().empty()) parts.push_back(stage.note());
  return Printable(absl::StrJoin(parts, "  "));
}

std::string DescribeStage(const v1::Stage& stage, absl::Time now) {
  std::vector<std::string> parts;
  if (stage.state() == v1::STAGE_STATE_RUNNING) {
    parts.push_back(absl::StrFormat("%3.0f %%", 100 * Fraction(stage)));
    if (stage.steps_total() > 0) {
      parts.push_back(absl::StrCat(stage.step(), "/", stage.steps_total()));
      const absl::Duration left = TimeLeft(stage, now);
      if (left < absl::InfiniteDuration()) parts.push_back(DurationText(left) + " left");
    }
  } else {
    parts.push_back(StateWord(stage.state()));
    if (stage.state() == v1::STAGE_STATE_SUCCEEDED) {
      parts.back() += " in " + DurationText(StageTime(stage, now));
    }
  }
  const std::string details = StageDetails(stage);
  if (!details.empty()) parts.push_back(details);
  return absl::StrJoin(parts, "  ");
}

std::vector<std::string> DrawJob(const v1::Job& job, absl::Time now, int width, int height) {
  // The last column stays free: a full line makes some terminals begin a new one.
  const int columns = std::max(1, width - 1);
  const int bar = std::clamp(columns / 4, 5, 30);
  std::vector<std::string> lines = {Cut(DescribeJob(job), columns)};
  const auto& stages = job.stages();
  const int room = std::clamp(height - 2, 0, stages.size());  // beside the job's and the cursor's
  const auto first_open = std::find_if_not(stages.begin(), stages.end(), Ended);
  const auto begin = std::min(first_open, stages.end() - room);
  for (auto at = begin; at < begin + room; ++at) {
    const v1::Stage& stage = *at;
    const std::string name = absl::StrFormat("%-*s", kNameColumns, Printable(stage.id()));
    lines.push_back(Cut(
        absl::StrCat(name, Bar(Fraction(stage), bar), "  ", DescribeStage(stage, now)), columns));
  }
  return lines;
}

void ProgressView::Show(const v1::Job& job, absl::Time now) {
  job_ = job;
  now_ = now;
  if (console_.interactive) {
    Redraw();
  } else {
    PrintChanges(job, now);
  }
}

void ProgressView::Say(const std::string& line) {
  Erase();
  console_.err << Printable(line) << "\n";
  if (console_.interactive && !job_.name().empty()) Redraw();
  console_.err.flush();
}

void ProgressView::Redraw() {
  Erase();
  const std::vector<std::string> lines = DrawJob(job_, now_, console_.width(), console_.height());
  console_.err << absl::StrJoin(lines, "\n") << "\n";
  console_.err.flush();
  lines_ = lines.size();
}

void ProgressView::Erase() {
  // Up to the picture's first line, and clear to the end of the screen.
  if (lines_ > 0) console_.err << "\x1b[" << lines_ << "A\r\x1b[J";
  lines_ = 0;
}

void ProgressView::PrintChanges(const v1::Job& job, absl::Time now) {
  if (job.state() != shown_state_ || job.waiting_reason() != shown_reason_) {
    console_.err << DescribeJob(job) << "\n";
    shown_state_ = job.state();
    shown_reason_ = job.waiting_reason();
  }
  for (const v1::Stage& stage : job.stages()) {
    Shown& shown = shown_[stage.id()];
    const bool changed = stage.state() != shown.state;
    // That a stage waits or is queued is no news.
    const bool begun =
        stage.state() != v1::STAGE_STATE_WAITING && stage.state() != v1::STAGE_STATE_QUEUED;
    const bool due = stage.state() == v1::STAGE_STATE_RUNNING && now - shown.time >= kPlainInterval;
    if (!begun || !(changed || due)) continue;
    const std::string text = DescribeStage(stage, now);
    if (!changed && text == shown.text) continue;
    console_.err << Printable(stage.id()) << ": " << text << "\n";
    shown = Shown{.state = stage.state(), .time = now, .text = text};
  }
  console_.err.flush();
}

}  // namespace alignflow
