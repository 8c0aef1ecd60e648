#include "client/doctor.h"

#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

v1::ServerInfo Info() {
  v1::ServerInfo info;
  info.set_version(std::string(Version()));
  info.set_result_version(kResultVersion);
  info.set_state(v1::SERVER_STATE_SERVING);
  info.set_free_disk_bytes(int64_t{100} << 30);
  info.set_disk_reserve_bytes(int64_t{1} << 30);
  info.mutable_time()->set_seconds(absl::ToUnixSeconds(kNow));
  return info;
}

void ExpectUnwell(const Finding& finding, Health health, const std::string& word) {
  EXPECT_EQ(finding.health, health) << finding.text;
  EXPECT_THAT(finding.text, HasSubstr(word));
  EXPECT_NE(finding.remedy, "") << finding.text;
}

TEST(DoctorTest, WhatIsWellIsSaidToBeAndNothingIsToBeDone) {
  v1::Worker worker;
  worker.set_device("cpu");
  worker.set_state(v1::WORKER_STATE_IDLE);
  v1::CallerInfo caller;
  caller.set_role(v1::KEY_ROLE_OPERATOR);
  for (const Finding& finding :
       {CheckServing(Info()), CheckVersions(Info()), CheckClock(Info(), kNow, kNow),
        CheckEncryption(Info(), true, kNow), CheckEncryption(Info(), false, kNow),
        CheckCaller(caller, kNow), CheckCaller({}, kNow), CheckDisk(Info()), CheckWorkers({worker}),
        CheckQueue({}, false, false)}) {
    EXPECT_EQ(finding.health, Health::kWell) << finding.check << finding.text;
    EXPECT_EQ(finding.remedy, "") << finding.check;
  }
}

TEST(DoctorTest, ACoordinatorThatTakesNoWorkOrIsOfAnotherRelease) {
  v1::ServerInfo info = Info();
  info.set_state(v1::SERVER_STATE_DISK_LOW);
  info.set_free_disk_bytes(1000);
  ExpectUnwell(CheckServing(info), Health::kProblem, "disk");
  ExpectUnwell(CheckDisk(info), Health::kProblem, "free");
  info.set_free_disk_bytes(info.disk_reserve_bytes() * 3 / 2);
  ExpectUnwell(CheckDisk(info), Health::kWarning, "free");
  info.set_state(v1::SERVER_STATE_DRAINING);
  ExpectUnwell(CheckServing(info), Health::kWarning, "closing");
  info.set_version("0.0.1");
  ExpectUnwell(CheckVersions(info), Health::kWarning, "0.0.1");
  info = Info();
  info.set_result_version(kResultVersion + 1);
  ExpectUnwell(CheckVersions(info), Health::kWarning, "results");
}

TEST(DoctorTest, AClockThatIsAheadOrBehindByMoreThanTheCallTook) {
  EXPECT_EQ(CheckClock(Info(), kNow - absl::Minutes(9), kNow + absl::Minutes(9)).health,
            Health::kWell);
  ExpectUnwell(CheckClock(Info(), kNow + absl::Minutes(1), kNow + absl::Minutes(2)),
               Health::kWarning, "behind");
  ExpectUnwell(CheckClock(Info(), kNow - absl::Hours(2), kNow - absl::Hours(1)), Health::kProblem,
               "ahead");
}

TEST(DoctorTest, WhatRunsOutSoonIsAWarning) {
  v1::ServerInfo info = Info();
  info.mutable_certificate_end_time()->set_seconds(absl::ToUnixSeconds(kNow + absl::Hours(240)));
  ExpectUnwell(CheckEncryption(info, true, kNow), Health::kWarning, "in 10 days");
  ExpectUnwell(CheckEncryption(info, true, kNow + absl::Hours(241)), Health::kProblem, "runs out");
  EXPECT_EQ(CheckEncryption(info, true, kNow - absl::Hours(24 * 300)).health, Health::kWell);
  v1::CallerInfo caller;
  caller.set_role(v1::KEY_ROLE_VIEWER);
  caller.set_key("keys/0123456789ab");
  caller.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(kNow + absl::Hours(72)));
  ExpectUnwell(CheckCaller(caller, kNow), Health::kWarning, "viewer");
  EXPECT_EQ(CheckCaller(caller, kNow - absl::Hours(24 * 60)).health, Health::kWell);
}

TEST(DoctorTest, WorkersThatAreNotThereOrNotWell) {
  ExpectUnwell(CheckWorkers({}), Health::kProblem, "none");
  v1::Worker well, ill;
  well.set_device("cuda");
  well.set_state(v1::WORKER_STATE_BUSY);
  ill.set_device("cpu");
  ill.set_state(v1::WORKER_STATE_QUARANTINED);
  ExpectUnwell(CheckWorkers({well, ill}), Health::kWarning, "1 in quarantine");
  ExpectUnwell(CheckWorkers({ill}), Health::kProblem, "1 in quarantine");
  well.set_state(v1::WORKER_STATE_CORDONED);
  ExpectUnwell(CheckWorkers({well}), Health::kProblem, "1 closed");
}

TEST(DoctorTest, AQueueThatDoesNotMove) {
  v1::Job job;
  job.set_name("jobs/a");
  job.set_waiting_reason("no worker has the model");
  EXPECT_EQ(CheckQueue({job}, false, true).health, Health::kWell);
  ExpectUnwell(CheckQueue({job}, false, false), Health::kWarning, "no worker has the model");
  EXPECT_THAT(CheckQueue({job, job}, true, true).text, HasSubstr("2 or more"));
}

}  // namespace
}  // namespace alignflow
