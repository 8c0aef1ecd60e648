// What the commands that write a file do to whatever has the file's name already.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>

#include "client/output_file.h"
#include "tests/client/fake_coordinator.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr uid_t kNobody = 65534;

mode_t KindOf(const fs::path& path) {
  struct stat is = {};
  return lstat(path.c_str(), &is) == 0 ? is.st_mode & S_IFMT : 0;
}

mode_t ModeOf(const fs::path& path) {
  struct stat is = {};
  return stat(path.c_str(), &is) == 0 ? is.st_mode & 07777 : 0;
}

// This process as another user while it lives.
class AsNobody {
 public:
  AsNobody() { active_ = geteuid() == 0 && seteuid(kNobody) == 0; }
  ~AsNobody() {
    if (active_ && seteuid(0) != 0) abort();
  }
  bool active() const { return active_; }

 private:
  bool active_ = false;
};

// With either command that writes a file of the user's choice.
class OutputTest : public testing::TestWithParam<std::string> {
 protected:
  OutputTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as in afctl's main
    coordinator_.jobs.job.set_state(v1::JOB_STATE_SUCCEEDED);
    coordinator_.jobs.report.set_job(FakeJobs::kName);
    coordinator_.jobs.report.add_figures()->set_name("fid");
    coordinator_.models.model.set_name("models/m");
    coordinator_.models.model.mutable_weights()->set_sha256(
        coordinator_.blobs.Put("<weights></html>"));
  }

  FakeCoordinator::Outcome Write(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"report", "j1", "-o", name};
    if (GetParam() == "model") arguments = {"model", "export", "m", name};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return coordinator_.Run(arguments);
  }

  // Whether all that the command has to say is in `text`, and nothing else.
  static void ExpectWhole(const std::string& text) {
    EXPECT_THAT(text, StartsWith("<"));
    EXPECT_THAT(text.substr(text.find_last_not_of('\n') - 6), StartsWith("</html>"));
  }

  FakeCoordinator coordinator_;
  TempFolder folder_;
  const std::string file_ = folder_.path() / "file";
};

INSTANTIATE_TEST_SUITE_P(Commands, OutputTest, testing::Values("report", "model"),
                         [](const auto& command) { return command.param; });

TEST_P(OutputTest, MinusIsStdoutAndNoFileOfThatName) {
  for (const char* name : {"-", "/dev/stdout"}) {
    const auto outcome = Write(name);
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    ExpectWhole(outcome.out);
    EXPECT_NE(outcome.err, "") << "what is said beside goes to stderr";
  }
  EXPECT_FALSE(fs::exists("-"));
}

TEST_P(OutputTest, JsonAndOutputCannotShareStdout) {
  const auto outcome = Write("-", {"--json"});
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_EQ(outcome.json()["error"]["code"], "INVALID_ARGUMENT");
}

TEST_P(OutputTest, DeviceStaysADevice) {
  ASSERT_EQ(KindOf("/dev/null"), static_cast<mode_t>(S_IFCHR));
  const mode_t mode = ModeOf("/dev/null");
  EXPECT_EQ(Write("/dev/null").exit, 0);
  EXPECT_EQ(KindOf("/dev/null"), static_cast<mode_t>(S_IFCHR));
  EXPECT_EQ(ModeOf("/dev/null"), mode);
}

TEST_P(OutputTest, LinkToADeviceStaysALink) {
  fs::create_symlink("/dev/null", file_);
  EXPECT_EQ(Write(file_).exit, 0);
  EXPECT_EQ(fs::read_symlink(file_), "/dev/null");
  EXPECT_EQ(KindOf("/dev/null"), static_cast<mode_t>(S_IFCHR));
}

TEST_P(OutputTest, FullDeviceIsAnErrorThatNamesIt) {
  const auto outcome = Write("/dev/full");
  EXPECT_EQ(outcome.exit, kExitFault);
  EXPECT_THAT(outcome.err, HasSubstr("/dev/full: No space left"));
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(KindOf("/dev/full"), static_cast<mode_t>(S_IFCHR));
}

TEST_P(OutputTest, DiskIsRefused) {
  if (mknod(file_.c_str(), S_IFBLK | 0600, makedev(7, 255)) != 0) {
    GTEST_SKIP() << "this user makes no device nodes";
  }
  EXPECT_THAT(Write(file_).err, HasSubstr(file_ + " is a disk"));
  EXPECT_EQ(KindOf(file_), static_cast<mode_t>(S_IFBLK));
}

TEST_P(OutputTest, PipeIsWrittenToAndStays) {
  ASSERT_EQ(mkfifo(file_.c_str(), 0600), 0);
  const int reader = open(file_.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_EQ(fcntl(reader, F_SETPIPE_SZ, 1 << 20), 1 << 20);
  EXPECT_EQ(Write(file_).exit, 0);
  std::string text(1 << 20, '\0');
  text.resize(read(reader, text.data(), text.size()));
  ExpectWhole(text);
  EXPECT_EQ(KindOf(file_), static_cast<mode_t>(S_IFIFO));
  close(reader);
}

TEST_P(OutputTest, DescriptorOfTheShellIsWrittenTo) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
  EXPECT_EQ(Write("/dev/fd/" + std::to_string(ends[1])).exit, 0);
  close(ends[1]);
  std::string text(1 << 20, '\0');
  text.resize(read(ends[0], text.data(), text.size()));
  ExpectWhole(text);
  close(ends[0]);
}

TEST_P(OutputTest, PipeWithoutAReaderIsAnErrorThatNamesIt) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const std::string name = "/dev/fd/" + std::to_string(ends[1]);
  const auto outcome = Write(name);
  EXPECT_EQ(outcome.exit, kExitFault);
  EXPECT_THAT(outcome.err, HasSubstr(name));
  close(ends[1]);
}

TEST_P(OutputTest, SocketIsRefusedAndStays) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  ASSERT_LT(file_.size(), sizeof(address.sun_path));
  file_.copy(address.sun_path, file_.size());
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto outcome = Write(file_);
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_THAT(outcome.err, HasSubstr(file_ + " is a socket"));
  EXPECT_EQ(KindOf(file_), static_cast<mode_t>(S_IFSOCK));
  close(listener);
}

TEST_P(OutputTest, FolderIsRefusedByName) {
  for (const std::string& name : {folder_.path().string(), folder_.path().string() + "/"}) {
    const auto outcome = Write(name);
    EXPECT_EQ(outcome.exit, kExitFailure);
    EXPECT_THAT(outcome.err, HasSubstr(name + " is a folder"));
  }
  EXPECT_EQ(CountFiles(folder_.path()), 0);
}

TEST_P(OutputTest, LinkStaysAndItsFileIsReplacedWithItsMode) {
  fs::create_directory(folder_.path() / "elsewhere");
  const fs::path behind = folder_.path() / "elsewhere" / "real";
  WriteFile(behind, "old");
  chmod(behind.c_str(), 0640);
  fs::create_symlink("elsewhere/real", folder_.path() / "between");
  fs::create_symlink("between", file_);
  EXPECT_EQ(Write(file_).exit, 0);
  EXPECT_EQ(fs::read_symlink(file_), "between");
  EXPECT_EQ(fs::read_symlink(folder_.path() / "between"), "elsewhere/real");
  ExpectWhole(ReadFile(behind));
  EXPECT_EQ(ModeOf(behind), 0640u);
  EXPECT_EQ(CountFiles(folder_.path() / "elsewhere"), 1);
}

TEST_P(OutputTest, DanglingLinkGetsItsFile) {
  fs::create_symlink("later", file_);
  EXPECT_EQ(Write(file_).exit, 0);
  EXPECT_EQ(fs::read_symlink(file_), "later");
  ExpectWhole(ReadFile(folder_.path() / "later"));
}

TEST_P(OutputTest, DanglingLinkIntoNowhereIsRefused) {
  fs::create_symlink("absent/later", file_);
  const auto outcome = Write(file_);
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_THAT(outcome.err, HasSubstr("absent is not there"));
  EXPECT_EQ(fs::read_symlink(file_), "absent/later");
}

TEST_P(OutputTest, LinkInACircleIsRefused) {
  fs::create_symlink("file", file_);
  EXPECT_THAT(Write(file_).err, HasSubstr("leads back to itself"));
}

TEST_P(OutputTest, ForeignLinkInAFolderOfEverybodyIsRefused) {
  WriteFile(folder_.path() / "precious", "mine");
  fs::create_directory(folder_.path() / "tmp");
  const fs::path link = folder_.path() / "tmp" / "file";
  fs::create_symlink(folder_.path() / "precious", link);
  ASSERT_EQ(chmod((folder_.path() / "tmp").c_str(), 01777), 0);
  if (lchown(link.c_str(), kNobody, kNobody) != 0) GTEST_SKIP() << "only root gives links away";
  EXPECT_THAT(Write(link).err, HasSubstr("link of another user"));
  EXPECT_EQ(ReadFile(folder_.path() / "precious"), "mine");
}

TEST_P(OutputTest, OldFileStaysWhereTheNewOneDoesNotArrive) {
  WriteFile(file_, "old");
  coordinator_.blobs.PutAs(coordinator_.models.model.weights().sha256(), "tampered");
  coordinator_.jobs.report.Clear();
  EXPECT_NE(Write(file_).exit, 0);
  EXPECT_EQ(ReadFile(file_), "old");
  EXPECT_EQ(CountFiles(folder_.path()), 1);
}

TEST_P(OutputTest, FileThatIsThereIsReplacedWithItsModeAndOwner) {
  WriteFile(file_, "old");
  chmod(file_.c_str(), 0604);
  const bool root = chown(file_.c_str(), kNobody, kNobody) == 0;
  EXPECT_EQ(Write(file_).exit, 0);
  ExpectWhole(ReadFile(file_));
  EXPECT_EQ(ModeOf(file_), 0604u);
  struct stat is = {};
  ASSERT_EQ(stat(file_.c_str(), &is), 0);
  EXPECT_EQ(is.st_uid, root ? kNobody : geteuid());
}

TEST_P(OutputTest, WriteProtectedFilesAndFoldersAreRefusedToOtherUsers) {
  WriteFile(file_, "old");
  chmod(file_.c_str(), 0444);
  chmod(folder_.path().c_str(), 0755);
  fs::create_directory(folder_.path() / "open");
  chmod((folder_.path() / "open").c_str(), 0777);
  const fs::path own = folder_.path() / "open" / "own";
  {
    const AsNobody other;
    if (!other.active()) GTEST_SKIP() << "only root becomes another user";
    EXPECT_THAT(Write(file_).err, HasSubstr(file_ + " is there and write-protected"));
    const auto in_folder = Write(folder_.path() / "new");
    EXPECT_EQ(in_folder.exit, kExitFailure);
    EXPECT_THAT(in_folder.err, HasSubstr("no file can be made in " + folder_.path().string()));
    EXPECT_EQ(Write(own).exit, 0);
    chmod(own.c_str(), 0444);
    EXPECT_THAT(Write(own).err, HasSubstr("write-protected"));
  }
  EXPECT_EQ(ReadFile(file_), "old");
  ExpectWhole(ReadFile(own));
  EXPECT_EQ(CountFiles(folder_.path()), 2);
}

TEST_P(OutputTest, EmptyNameIsRefused) {
  const auto outcome = Write("");
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_THAT(outcome.err, HasSubstr("must not be empty"));
}

TEST(FolderOutputTest, StdoutAndFilesAreNoFolders) {
  FakeCoordinator coordinator;
  TempFolder folder;
  const std::string file = folder.path() / "file";
  WriteFile(file, "mine");
  const std::vector<std::string> phantom = {"--kind",  "polyp", "--domain", "source",
                                            "--count", "1",     "--seed",   "1"};
  for (const std::string& name : {std::string("-"), file, std::string("/dev/null")}) {
    const auto pulled = coordinator.Run({"pairs", "pull", "j1", name});
    EXPECT_EQ(pulled.exit, kExitFailure);
    EXPECT_THAT(pulled.err, HasSubstr(name + " is "));
    std::vector<std::string> arguments = {"phantom", name};
    arguments.insert(arguments.end(), phantom.begin(), phantom.end());
    const auto made = coordinator.Run(arguments);
    EXPECT_EQ(made.exit, kExitFailure);
    EXPECT_THAT(made.err, HasSubstr(name + " is "));
  }
  EXPECT_FALSE(fs::exists("-"));
  EXPECT_EQ(ReadFile(file), "mine");
}

}  // namespace
}  // namespace alignflow
