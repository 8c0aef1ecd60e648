#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "client/job_text.h"

namespace alignflow {
namespace {

TEST(LeaseEnds, AJobShowsHowOftenWorkWasLostAndWhy) {
  v1::Job job;
  job.set_name("jobs/a");
  v1::Stage* stage = job.add_stages();
  stage->set_id("fit");
  EXPECT_EQ(JobText(job, absl::Now()).find("ENDED"), std::string::npos) << "nothing went wrong";
  v1::LeaseEnds* success = stage->add_lease_ends();
  success->set_outcome("succeeded");
  success->set_count(7);
  EXPECT_EQ(JobText(job, absl::Now()).find("ENDED"), std::string::npos);
  v1::LeaseEnds* refused = stage->add_lease_ends();
  refused->set_outcome("refused");
  refused->set_count(60);
  refused->set_message("output model: no safetensors file");
  const std::string text = JobText(job, absl::Now());
  EXPECT_NE(text.find("60  refused"), std::string::npos) << text;
  EXPECT_NE(text.find("no safetensors file"), std::string::npos) << text;
}

}  // namespace
}  // namespace alignflow
