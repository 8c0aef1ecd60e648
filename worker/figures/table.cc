#include "worker/figures/table.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "worker/training/random_stream.h"

namespace alignflow {

void FigureTable::Add(const Figure& figure) {
  nlohmann::json entry{{"name", figure.name},
                       {"subject", figure.subject},
                       {"value", nullptr},
                       {"better", figure.better},
                       {"sample_count", figure.sample_count}};
  std::string note = figure.note;
  if (figure.value && std::isfinite(*figure.value)) {
    entry["value"] = *figure.value;
    const std::optional<Interval>& interval = figure.interval;
    if (interval && std::isfinite(interval->low) && std::isfinite(interval->high)) {
      entry["low"] = interval->low;
      entry["high"] = interval->high;
    }
  } else if (figure.value) {
    note = "not available: the images do not determine it";
  }
  if (!note_.empty() && !figure.whole_volumes)
    note = note.empty() ? note_ : absl::StrCat(note_, "; ", note);
  if (!figure.unit.empty()) entry["unit"] = figure.unit;
  if (!note.empty()) entry["note"] = note;
  figures_.push_back(std::move(entry));
}

at::Generator FigureTable::NextStream() {
  return RandomStream(seed_, RandomUse::kBootstrap, streams_++);
}

std::string SmallSampleNote(int64_t images, int64_t needed) {
  if (images >= needed) return "";
  return absl::StrCat("small sample: ", images, " images, needs ", needed);
}

}  // namespace alignflow
