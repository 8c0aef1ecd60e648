#include "worker/training/training_curve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace alignflow {
namespace {

TEST(TrainingCurveTest, ItsTextHoldsPointsAndEventsAndIsReadBackToTheBit) {
  TrainingCurve curve("align");
  curve.Add(25, {{"alignment", 1.0 / 3}, {"loss", 2}});
  curve.Add(50, {{"alignment", 0.1}, {"loss", std::nan("")}});
  curve.AddEvent(50, "stopped");
  const auto json = nlohmann::json::parse(curve.ToJson());
  EXPECT_EQ(json.at("name"), "align");
  EXPECT_EQ(json.at("x"), "step");
  EXPECT_EQ(json.at("series").at(0).at("name"), "alignment");
  EXPECT_EQ(json.at("series").at(0).at("points").at(1).at(0), 50);
  EXPECT_EQ(json.at("series").at(1).at("points").size(), 1u) << "what is no number is left out";
  EXPECT_EQ(json.at("events").at(0).at("text"), "stopped");

  TrainingCurve copy("align");
  copy.Restore(curve.ToJson());
  EXPECT_EQ(copy.ToJson(), curve.ToJson());
  copy.Add(75, {{"loss", 1}});
  curve.Add(75, {{"loss", 1}});
  EXPECT_EQ(copy.ToJson(), curve.ToJson());
}

TEST(TrainingCurveTest, AnotherTextIsRefusedAndChangesNothing) {
  TrainingCurve curve("fit");
  curve.Add(1, {{"loss", 1}});
  const std::string before = curve.ToJson();
  for (const char* text : {"", "{}", "[1]", "{\"name\":\"align\",\"series\":[],\"events\":[]}",
                           "{\"name\":\"fit\",\"series\":[{\"name\":\"a\"}],\"events\":[]}"}) {
    EXPECT_THROW(curve.Restore(text), std::runtime_error) << text;
    EXPECT_EQ(curve.ToJson(), before);
  }
}

}  // namespace
}  // namespace alignflow
