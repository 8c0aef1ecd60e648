#include "worker/training/training_curve.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace alignflow {

using nlohmann::json;

void TrainingCurve::Add(int64_t step, const std::map<std::string, double>& values) {
  for (const auto& [name, value] : values) {
    if (std::isfinite(value)) series_[name].emplace_back(step, value);  // JSON has no infinity
  }
}

void TrainingCurve::AddEvent(int64_t step, std::string text) {
  events_.emplace_back(step, std::move(text));
}

std::string TrainingCurve::ToJson() const {
  json series = json::array(), events = json::array();
  for (const auto& [name, points] : series_) series.push_back({{"name", name}, {"points", points}});
  for (const auto& [step, text] : events_) events.push_back({{"step", step}, {"text", text}});
  return json{{"name", name_}, {"x", "step"}, {"series", series}, {"events", events}}.dump();
}

void TrainingCurve::Restore(const std::string& text) {
  TrainingCurve read(name_);
  try {
    const json source = json::parse(text);
    if (source.at("name") != name_) throw std::runtime_error("not the curve of " + name_);
    for (const json& one : source.at("series")) {
      one.at("points").get_to(read.series_[one.at("name")]);
    }
    for (const json& event : source.at("events")) read.AddEvent(event.at("step"), event.at("text"));
  } catch (const json::exception& error) {
    throw std::runtime_error(std::string("not a training curve: ") + error.what());
  }
  *this = std::move(read);
}

}  // namespace alignflow
