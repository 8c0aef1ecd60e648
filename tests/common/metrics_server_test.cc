#include "common/metrics_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "common/listen_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/counter.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

std::string HttpGet(const HostPort& address, const std::string& path,
                    const std::string& header = "") {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in target = {};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<uint16_t>(address.port));
  inet_pton(AF_INET, address.host.c_str(), &target.sin_addr);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&target), sizeof(target)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\n" + header + "\r\n";
    EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    char buffer[4096];
    for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;) answer.append(buffer, n);
  }
  close(fd);
  return answer;
}

TEST(MetricsServerTest, ServesTheRegistryOnTheFreePortThatItReports) {
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name("pairs_total").Register(*registry).Add({}).Increment(3);
  const auto server = MetricsServer::Start("localhost:0", registry);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto address = ParseHostPort((*server)->address());
  ASSERT_TRUE(address.ok());
  EXPECT_NE(address->port, 0);
  EXPECT_THAT(HttpGet(*address, "/metrics"), HasSubstr("pairs_total 3"));
}

TEST(MetricsServerTest, PortInUseIsRefusedWithTheRemedy) {
  auto registry = std::make_shared<prometheus::Registry>();
  const auto first = MetricsServer::Start("127.0.0.1:0", registry);
  ASSERT_TRUE(first.ok());
  const absl::Status second = MetricsServer::Start((*first)->address(), registry).status();
  EXPECT_TRUE(absl::IsUnavailable(second));
  EXPECT_THAT(std::string(second.message()), HasSubstr("in use"));
}

TEST(MetricsServerTest, AddressBeyondLoopbackIsRefusedWithoutAToken) {
  auto registry = std::make_shared<prometheus::Registry>();
  const absl::Status refused = MetricsServer::Start("0.0.0.0:0", registry).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--metrics-token-file"));
}

TEST(MetricsServerTest, WithATokenNobodyElseReadsAnything) {
  const TempFolder folder;
  const std::string file = (folder.path() / "token").string();
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name("pairs_total").Register(*registry).Add({}).Increment(3);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(MetricsServer::Start("0.0.0.0:0", registry, file).status()));
  std::ofstream(file) << "too short\n";
  EXPECT_TRUE(
      absl::IsFailedPrecondition(MetricsServer::Start("0.0.0.0:0", registry, file).status()));
  std::ofstream(file) << "a-token-of-the-first-day\n";
  const auto server = MetricsServer::Start("0.0.0.0:0", registry, file);
  ASSERT_TRUE(server.ok()) << server.status();
  HostPort address = ParseHostPort((*server)->address()).value();
  address.host = "127.0.0.1";
  for (const char* header :
       {"", "Authorization: Bearer a-token-of-the-first-da\r\n",
        "Authorization: Bearer a-token-of-the-first-day2\r\n",
        "Authorization: Basic a-token-of-the-first-day\r\n", "Authorization: Bearer \r\n"}) {
    const std::string answer = HttpGet(address, "/metrics", header);
    EXPECT_THAT(answer, HasSubstr(" 401 ")) << header;
    EXPECT_THAT(answer, testing::Not(HasSubstr("pairs_total"))) << header;
  }
  const std::string with_it = "Authorization: Bearer a-token-of-the-first-day\r\n";
  EXPECT_THAT(HttpGet(address, "/metrics", with_it), HasSubstr("pairs_total 3"));
  EXPECT_THAT(HttpGet(address, "/other", with_it), testing::Not(HasSubstr("pairs_total")));
  std::ofstream(file) << "a-token-of-the-second-day\n";
  EXPECT_THAT(HttpGet(address, "/metrics", with_it), HasSubstr(" 401 "));
}

}  // namespace
}  // namespace alignflow
