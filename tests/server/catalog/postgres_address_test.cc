#include "server/catalog/postgres_address.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string AddressRefusal(const std::string& url) {
  const absl::Status status = ParsePostgresUrl(url).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << url << ": " << status;
  return std::string(status.message());
}

TEST(PostgresAddressTest, BeyondThisMachineTheServersCertificateIsVerified) {
  const PostgresAddress address =
      ParsePostgresUrl("postgresql://flow@db.clinic.example:5433/alignflow").value();
  EXPECT_THAT(address.connection, HasSubstr("sslmode='verify-full'"));
  EXPECT_EQ(address.shown, "flow@db.clinic.example:5433/alignflow");
  for (const char* mode : {"disable", "prefer", "require", "verify-ca"}) {
    EXPECT_THAT(AddressRefusal(std::string("postgresql://a@db.example/x?sslmode=") + mode),
                HasSubstr("verify-full"));
  }
  // One of several is enough.
  EXPECT_THAT(AddressRefusal("postgresql://a@localhost,db.example/x?sslmode=disable"),
              HasSubstr("verify-full"));
  EXPECT_THAT(AddressRefusal("postgresql://a@localhost/x?hostaddr=10.0.0.5&sslmode=disable"),
              HasSubstr("verify-full"));
}

TEST(PostgresAddressTest, OnThisMachineItNeedNotBe) {
  for (const char* url :
       {"postgresql://a@localhost/x?sslmode=disable", "postgresql://a@127.0.0.1/x?sslmode=disable",
        "postgresql://a@[::1]/x?sslmode=disable",
        "postgresql://a@/x?host=/run/postgresql&sslmode=disable"}) {
    EXPECT_TRUE(ParsePostgresUrl(url).ok()) << url;
  }
}

TEST(PostgresAddressTest, APasswordIsRefusedAndNotRepeated) {
  for (const char* url :
       {"postgresql://a:hunter2@localhost/x", "postgresql://a@localhost/x?password=hunter2"}) {
    const std::string refusal = AddressRefusal(url);
    EXPECT_THAT(refusal, HasSubstr("PGPASSFILE"));
    EXPECT_THAT(refusal, Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(AddressRefusal("postgresql://a:hunter2@[localhost/x"), Not(HasSubstr("hunter2")));
}

TEST(PostgresAddressTest, WhatNamesNoDatabaseIsRefused) {
  EXPECT_THAT(AddressRefusal("postgresql://a@localhost"), HasSubstr("no database"));
  EXPECT_THAT(AddressRefusal("mysql://a@localhost/x"), HasSubstr("postgresql://"));
  EXPECT_THAT(AddressRefusal("postgresql://a@localhost/x?no_such=1"), HasSubstr("postgresql://"));
}

TEST(PostgresAddressTest, ValuesAreQuoted) {
  const PostgresAddress address =
      ParsePostgresUrl("postgresql://a@localhost/x?passfile=/etc/it%27s%5C").value();
  EXPECT_THAT(address.connection, HasSubstr(R"(passfile='/etc/it\'s\\')"));
  EXPECT_THAT(address.connection, HasSubstr("connect_timeout='5'"));
}

}  // namespace
}  // namespace alignflow
