#include <algorithm>

#include "alignflow/v1/admin.grpc.pb.h"
#include "alignflow/v1/server.grpc.pb.h"
#include "server/access/access_keys.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class AdminServiceTest : public CoordinatorTest {
 protected:
  std::unique_ptr<v1::Admin::Stub> admin() { return v1::Admin::NewStub(channel_); }

  v1::ListAuditRecordsResponse Records(int size = 1000, const std::string& token = "") {
    v1::ListAuditRecordsRequest request;
    request.set_page_size(size);
    request.set_page_token(token);
    v1::ListAuditRecordsResponse response;
    EXPECT_EQ(Call(*admin(), &v1::Admin::Stub::ListAuditRecords, request, &response),
              absl::OkStatus());
    EXPECT_TRUE(response.sealed());
    return response;
  }
  // Records of the method, about and ended so.
  int64_t Count(const std::string& method, const std::string& resource,
                const std::string& outcome = "OK") {
    const v1::ListAuditRecordsResponse all = Records();
    return std::ranges::count_if(all.records(), [&](const v1::AuditRecord& record) {
      return record.method() == "/alignflow.v1." + method && record.resource() == resource &&
             record.outcome() == outcome;
    });
  }
  absl::StatusOr<v1::CreateKeyResponse> CreateKey(v1::KeyRole role, const std::string& tenant = "",
                                                  const std::string& name = "x") {
    v1::CreateKeyRequest request;
    request.set_role(role);
    request.set_display_name(name);
    request.set_tenant(tenant);
    v1::CreateKeyResponse response;
    absl::Status status = Call(*admin(), &v1::Admin::Stub::CreateKey, request, &response);
    if (!status.ok()) return status;
    return response;
  }
};

TEST_F(AdminServiceTest, ChangesAndReadsAreRecordedOnceEach) {
  const v1::Job job = CreateJob(JobRequest(3)).value();
  EXPECT_EQ(Count("Datasets/CreateDataset", "datasets/polyps"), 1);
  EXPECT_EQ(Count("Jobs/CreateJob", job.name()), 1);
  EXPECT_FALSE(CancelJob("jobs/none").ok());
  EXPECT_EQ(Count("Jobs/CancelJob", "jobs/none", "NOT_FOUND"), 1);
  EXPECT_FALSE(CancelJob("jobs/a name of a patient").ok());
  EXPECT_EQ(Count("Jobs/CancelJob", "", "INVALID_ARGUMENT"), 1);
  Work(Register());
  EXPECT_EQ(Count("Workers/Register", ""), 1);
  absl::Status status;
  EXPECT_EQ(PairsOf(job.name(), 0, &status).size(), 3u);
  EXPECT_EQ(Count("Jobs/StreamPairs", job.name()), 1);
  v1::DeleteJobRequest request;
  request.set_name(job.name());
  google::protobuf::Empty none;
  EXPECT_EQ(Call(*jobs_, &v1::Jobs::Stub::DeleteJob, request, &none), absl::OkStatus());
  EXPECT_EQ(Count("Jobs/DeleteJob", job.name()), 1);
  EXPECT_EQ(Records().records_size(), 7);
}

TEST_F(AdminServiceTest, PagesOfRecordsAreOneChain) {
  for (int i = 0; i < 7; ++i) {
    ASSERT_EQ(CreateDataset("set-" + std::to_string(i), ManifestOf(1, i)), absl::OkStatus());
  }
  std::string token;
  AuditVerifier verifier(1, NoAuditHash());
  v1::ListAuditRecordsResponse page;
  do {
    page = Records(3, token);
    if (page.records_size() > 0) {
      EXPECT_EQ(page.previous_hash(), verifier.hash());
    }
    for (const v1::AuditRecord& sent : page.records()) {
      AuditRecord record{.sequence = sent.sequence(),
                         .time = absl::FromUnixSeconds(sent.time().seconds()) +
                                 absl::Nanoseconds(sent.time().nanos()),
                         .tenant = sent.tenant(),
                         .key_id = sent.key_id(),
                         .peer = sent.peer(),
                         .method = sent.method(),
                         .resource = sent.resource(),
                         .outcome = sent.outcome(),
                         .count = sent.count(),
                         .hash = sent.hash()};
      EXPECT_EQ(verifier.Add(record), absl::OkStatus());
    }
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_EQ(verifier.Finish(7, page.last_hash()), absl::OkStatus());
}

TEST_F(AdminServiceTest, KeysAreMadeListedAndRevoked) {
  EXPECT_TRUE(absl::IsFailedPrecondition(CreateKey(v1::KEY_ROLE_VIEWER).status()));
  const v1::CreateKeyResponse made = CreateKey(v1::KEY_ROLE_ADMIN).value();
  EXPECT_EQ("keys/" + IdOfKey(made.text()).value(), made.key().name());
  EXPECT_EQ(Count("Admin/CreateKey", made.key().name()), 1);
  EXPECT_TRUE(absl::IsInvalidArgument(CreateKey(v1::KEY_ROLE_UNSPECIFIED).status()));
  EXPECT_TRUE(absl::IsNotFound(CreateKey(v1::KEY_ROLE_VIEWER, "tenants/nobody").status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(CreateKey(v1::KEY_ROLE_VIEWER, "", std::string(101, 'x')).status()));
  ASSERT_TRUE(CreateKey(v1::KEY_ROLE_VIEWER).ok());
  v1::ListKeysRequest list;
  list.set_page_size(1);
  v1::ListKeysResponse first, second;
  EXPECT_EQ(Call(*admin(), &v1::Admin::Stub::ListKeys, list, &first), absl::OkStatus());
  list.set_page_token(first.next_page_token());
  EXPECT_EQ(Call(*admin(), &v1::Admin::Stub::ListKeys, list, &second), absl::OkStatus());
  ASSERT_EQ(first.keys_size() + second.keys_size(), 2);
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_NE(first.keys(0).name(), second.keys(0).name());
  v1::RevokeKeyRequest revoke;
  revoke.set_name(made.key().name());
  v1::AccessKey revoked;
  for (int i = 0; i < 2; ++i) {  // may be repeated
    EXPECT_EQ(Call(*admin(), &v1::Admin::Stub::RevokeKey, revoke, &revoked), absl::OkStatus());
    EXPECT_EQ(revoked.state(), v1::KEY_STATE_REVOKED);
  }
  revoke.set_name("keys/0123456789ab");
  const absl::Status none = Call(*admin(), &v1::Admin::Stub::RevokeKey, revoke, &revoked);
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_THAT(std::string(none.message()), HasSubstr("ListKeys"));
}

TEST_F(AdminServiceTest, AnOpenCoordinatorSaysSo) {
  const auto server = v1::Server::NewStub(channel_);
  v1::CallerInfo caller;
  EXPECT_EQ(Call(*server, &v1::Server::Stub::GetCaller, v1::GetCallerRequest(), &caller),
            absl::OkStatus());
  EXPECT_EQ(caller.role(), v1::KEY_ROLE_UNSPECIFIED);
  EXPECT_EQ(caller.key(), "");
}

}  // namespace
}  // namespace alignflow
