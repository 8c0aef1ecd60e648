#include "server/access/access.h"

#include <sys/stat.h>

#include <fstream>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

const std::string kSecret(64, 'a');
const absl::Time kAccessNow = absl::FromUnixSeconds(1'000'000);
constexpr char kGetJob[] = "/alignflow.v1.Jobs/GetJob";
constexpr char kDeleteJob[] = "/alignflow.v1.Jobs/DeleteJob";
constexpr char kLeaseMethod[] = "/alignflow.v1.Workers/Lease";

NewAccessKey Made(Role role, absl::Time expires = absl::InfiniteFuture()) {
  return MakeAccessKey(kSecret, "someone", role, kAccessNow, expires);
}

class AccessTest : public testing::Test {
 protected:
  absl::StatusCode CodeOf(const std::string& authorization, const char* method,
                          absl::Time now = kAccessNow) {
    return access_.Admit({.authorization = authorization}, method, now).status().code();
  }

  Access access_{kSecret, /*required=*/false};
};

TEST_F(AccessTest, WithoutAnyKeyEverybodyMayDoEverything) {
  EXPECT_TRUE(access_.open());
  for (const char* method : {kGetJob, kDeleteJob, kLeaseMethod}) {
    EXPECT_EQ(CodeOf("", method), absl::StatusCode::kOk) << method;
  }
}

TEST_F(AccessTest, TheFirstKeyClosesIt) {
  const NewAccessKey made = Made(Role::kOperator);
  access_.SetKeys({made.key});
  EXPECT_FALSE(access_.open());
  EXPECT_EQ(CodeOf("", kGetJob), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(CodeOf("Bearer " + made.text, kGetJob), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("Bearer " + made.text, kDeleteJob), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("Bearer " + made.text, kLeaseMethod), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("", "/grpc.health.v1.Health/Check"), absl::StatusCode::kOk);
}

TEST_F(AccessTest, ItStaysClosedOnceTheLastKeyIsRevoked) {
  NewAccessKey made = Made(Role::kAdmin);
  made.key.revoke_time = kAccessNow;
  access_.SetKeys({made.key});
  EXPECT_EQ(CodeOf("", kGetJob), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(CodeOf("Bearer " + made.text, kGetJob), absl::StatusCode::kUnauthenticated);
}

TEST_F(AccessTest, NothingButTheKeyItselfOpensAnything) {
  const NewAccessKey made = Made(Role::kAdmin);
  access_.SetKeys({made.key});
  std::string other = made.text;
  other.back() = other.back() == '0' ? '1' : '0';
  const std::string of_other_server = MakeAccessKey(std::string(64, 'b'), "someone", Role::kAdmin,
                                                    kAccessNow, absl::InfiniteFuture())
                                          .text;
  for (const std::string& authorization : std::vector<std::string>{
           other, made.text, "bearer " + made.text, "Bearer " + other, "Bearer  " + made.text,
           "Bearer " + made.text + " ", "Bearer " + made.key.digest, "Bearer " + made.key.id,
           "Bearer ", "Bearer", "Basic " + made.text, "Bearer " + of_other_server}) {
    EXPECT_EQ(CodeOf(authorization, kGetJob), absl::StatusCode::kUnauthenticated) << authorization;
  }
  const absl::Status refused =
      access_.Admit({.authorization = "Bearer " + other}, kGetJob, kAccessNow).status();
  EXPECT_THAT(std::string(refused.message()), testing::Not(HasSubstr(made.key.id)));
}

TEST_F(AccessTest, AKeyThatHasExpiredOrWasRevokedOpensNothing) {
  NewAccessKey made = Made(Role::kAdmin, kAccessNow + absl::Hours(1));
  access_.SetKeys({made.key});
  const Admission admission{.key_id = made.key.id};
  EXPECT_EQ(CodeOf("Bearer " + made.text, kGetJob, kAccessNow + absl::Minutes(59)),
            absl::StatusCode::kOk);
  EXPECT_TRUE(access_.Holds(admission, kAccessNow));
  EXPECT_EQ(CodeOf("Bearer " + made.text, kGetJob, kAccessNow + absl::Hours(1)),
            absl::StatusCode::kUnauthenticated);
  EXPECT_FALSE(access_.Holds(admission, kAccessNow + absl::Hours(1)));
  made.key.revoke_time = kAccessNow + absl::Minutes(1);
  access_.SetKeys({made.key});
  EXPECT_FALSE(access_.Holds(admission, kAccessNow + absl::Minutes(1)));
}

TEST_F(AccessTest, ACertificateOfTheClientCaIsAWorkers) {
  Access closed(kSecret, /*required=*/true);
  const Credentials worker{.authorization = "", .has_certificate = true};
  EXPECT_TRUE(closed.Admit(worker, kLeaseMethod, kAccessNow).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(closed.Admit(worker, kGetJob, kAccessNow).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(closed.Admit({}, kLeaseMethod, kAccessNow).status()));
  EXPECT_TRUE(closed.Holds({.key_id = "", .certificate = true}, kAccessNow));
  EXPECT_FALSE(closed.Holds({}, kAccessNow));
}

TEST_F(AccessTest, OwnWorkersHaveAKeyThatClosesNothing) {
  const NewAccessKey made = Made(Role::kWorker);
  access_.AddOwnKey(made.key);
  EXPECT_TRUE(access_.open());
  EXPECT_FALSE(access_.HasKey(kAccessNow));
  EXPECT_EQ(CodeOf("Bearer " + made.text, kLeaseMethod), absl::StatusCode::kOk);
  access_.SetKeys({Made(Role::kAdmin).key});
  EXPECT_EQ(CodeOf("Bearer " + made.text, kLeaseMethod), absl::StatusCode::kOk);
}

TEST(AccessKeysTest, KeysAreLongAndDifferAndNothingOfThemIsKept) {
  std::set<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    const NewAccessKey made = Made(Role::kViewer);
    EXPECT_EQ(made.text.size(), std::string("alignflow_").size() + 12 + 1 + 64);
    EXPECT_EQ(IdOfKey(made.text), made.key.id);
    EXPECT_TRUE(IsKey(kSecret, made.text, made.key));
    EXPECT_EQ(made.key.digest.find(made.text.substr(made.text.rfind('_') + 1)), std::string::npos);
    texts.insert(made.text);
  }
  EXPECT_EQ(texts.size(), 100u);
}

TEST(AccessKeysTest, TheSecretIsMadeOnceAndNobodyElsesToRead) {
  TempFolder folder;
  const auto file = folder.path() / "secret";
  const std::string secret = ServerSecrets::Take(file).value().current();
  EXPECT_EQ(ServerSecrets::Take(file).value().current(), secret);
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  std::ofstream(file) << "short\n";
  const absl::Status damaged = ServerSecrets::Take(file).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(damaged));
  EXPECT_THAT(std::string(damaged.message()), HasSubstr(file.string()));
}

TEST(ServerSecretsTest, KeysOfAnOldSecretOpenUntilItIsDropped) {
  TempFolder folder;
  const auto file = folder.path() / "secret";
  ServerSecrets secrets = ServerSecrets::Take(file).value();
  const NewAccessKey before =
      MakeAccessKey(secrets.current(), "before", Role::kAdmin, kAccessNow, absl::InfiniteFuture());
  ASSERT_EQ(secrets.Rotate(), absl::OkStatus());
  ASSERT_EQ(secrets.Save(file), absl::OkStatus());
  secrets = ServerSecrets::Take(file).value();
  EXPECT_EQ(secrets.old(), 1u);
  const NewAccessKey after =
      MakeAccessKey(secrets.current(), "after", Role::kAdmin, kAccessNow, absl::InfiniteFuture());
  EXPECT_NE(before.key.secret, after.key.secret);
  NewAccessKey unnamed = before;
  unnamed.key.id = IdOfKey(before.text).value();
  unnamed.key.secret = "";  // of before there were several
  Access access(secrets, /*required=*/true);
  const auto opens = [&](const NewAccessKey& made) {
    return access.Admit({.authorization = "Bearer " + made.text}, kGetJob, kAccessNow).ok();
  };
  access.SetKeys({before.key, after.key});
  EXPECT_TRUE(opens(before) && opens(after));
  access.SetKeys({unnamed.key, after.key});
  EXPECT_TRUE(opens(unnamed) && opens(after));
  access.SetKeys({before.key, after.key});
  secrets.DropOld();
  access.SetSecrets(secrets);
  EXPECT_FALSE(opens(before));
  EXPECT_TRUE(opens(after));
  // What a key claims to be under helps nobody.
  NewAccessKey forged = before;
  forged.key.secret = after.key.secret;
  access.SetKeys({forged.key});
  EXPECT_FALSE(opens(forged));
}

TEST(ServerSecretsTest, OldOnesArePiledUpSoFarAndNoFurther) {
  ServerSecrets secrets(kSecret);
  int rotated = 0;
  while (rotated < 100 && secrets.Rotate().ok()) ++rotated;
  EXPECT_GT(rotated, 3);
  EXPECT_LT(rotated, 100);
  secrets.DropOld();
  EXPECT_TRUE(secrets.Rotate().ok());
}

}  // namespace
}  // namespace alignflow
