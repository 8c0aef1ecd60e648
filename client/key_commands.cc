#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/key_words.h"
#include "client/paging.h"
#include "client/text_table.h"
#include "client/timestamps.h"
#include "common/age.h"

namespace alignflow {
namespace {

using AdminStub = v1::Admin::StubInterface;

// A new file that nobody else may read: for a key, which can't be asked for again. It goes unless
// the key is in it.
class KeyFile {
 public:
  static absl::StatusOr<std::unique_ptr<KeyFile>> Make(const std::string& name) {
    const int fd = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) return std::unique_ptr<KeyFile>(new KeyFile(name, fd));
    if (errno == EEXIST) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": is there already; give a new file for the key"));
    }
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", std::strerror(errno)));
  }
  ~KeyFile() {
    close(fd_);
    if (!written_) unlink(name_.c_str());
  }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;

  absl::Status Write(const std::string& key) {
    const std::string line = key + "\n";
    written_ = write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
               fsync(fd_) == 0;
    if (written_) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(
        name_, ": ", std::strerror(errno), "; revoke the key that was made, and make another"));
  }

 private:
  KeyFile(std::string name, int fd) : name_(std::move(name)), fd_(fd) {}
  const std::string name_;
  const int fd_;
  bool written_ = false;
};

struct WantedKey {
  std::string role, name, file, tenant;
  std::string expires = "never";
};

std::string EndText(const v1::AccessKey& key) {
  return key.has_expire_time() ? LocalTimeText(key.expire_time()) : "never";
}

absl::StatusOr<Result> CreateKey(Session& session, const WantedKey& wanted) {
  v1::CreateKeyRequest request;
  const auto role = RoleOfWord(wanted.role);
  if (!role.ok()) return role.status();
  request.set_role(*role);
  request.set_display_name(wanted.name);
  if (!wanted.tenant.empty()) {
    request.set_tenant(
        absl::StrCat("tenants/", std::string(absl::StripPrefix(wanted.tenant, "tenants/"))));
  }
  const absl::Duration age = ParseAge(wanted.expires).value();
  if (age != absl::InfiniteDuration()) {
    request.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(absl::Now() + age));
  }
  if (session.json && wanted.file.empty()) {
    return absl::InvalidArgumentError(
        "--json: what it prints is kept in more places than a key may be; give --output FILE, too");
  }
  std::unique_ptr<KeyFile> file;
  if (!wanted.file.empty()) {
    auto made = KeyFile::Make(wanted.file);
    if (!made.ok()) return made.status();
    file = *std::move(made);
  }
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  const auto made = Call(*stubs->admin, &AdminStub::CreateKey, request);
  if (!made.ok()) return made.status();
  if (file != nullptr) {
    absl::Status status = file->Write(made->text());
    if (!status.ok()) return status;
  }
  session.console.err << made->key().name() << ": " << wanted.role << ", expires "
                      << EndText(made->key())
                      << ". It can't be shown again; whoever has it has its rights." << std::endl;
  Result result{.document = ToJson(made->key()),
                .text = file == nullptr ? absl::StrCat(made->text(), "\n") : ""};
  if (file != nullptr) result.document["file"] = wanted.file;
  return result;
}

std::string KeyStateWord(v1::KeyState state) {
  const std::string name = v1::KeyState_Name(state);
  return absl::AsciiStrToLower(absl::StripPrefix(name, "KEY_STATE_"));
}

absl::StatusOr<Result> ListKeys(Session& session) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  const auto keys =
      ListAll<v1::AccessKey>(*stubs->admin, &AdminStub::ListKeys, v1::ListKeysRequest(),
                             [](v1::ListKeysResponse& page) { return page.mutable_keys(); });
  if (!keys.ok()) return keys.status();
  Result result{.document = {{"keys", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {
      {"KEY", "TENANT", "ROLE", "STATE", "SECRET", "CREATED", "EXPIRES", "NAME"}};
  for (const v1::AccessKey& key : *keys) {
    result.document["keys"].push_back(ToJson(key));
    rows.push_back({key.name(), std::string(absl::StripPrefix(key.tenant(), "tenants/")),
                    RoleWord(key.role()), KeyStateWord(key.state()),
                    key.old_secret() ? "old" : "current", LocalTimeText(key.create_time()),
                    EndText(key), key.display_name()});
  }
  result.text = TableText(rows);
  return result;
}

absl::StatusOr<Result> RevokeKey(Session& session, const std::string& name) {
  const auto resource = ResourceName("keys", name);
  if (!resource.ok()) return resource.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::RevokeKeyRequest request;
  request.set_name(*resource);
  const auto key = Call(*stubs->admin, &AdminStub::RevokeKey, request);
  if (!key.ok()) return key.status();
  return Result{.document = ToJson(*key), .text = absl::StrCat(key->name(), " revoked\n")};
}

}  // namespace

void AddKeyCommands(CLI::App& app, Action& chosen) {
  CLI::App* group = app.add_subcommand("key", "access keys (for admins)");
  group->require_subcommand(1);
  auto wanted = std::make_shared<WantedKey>();
  CLI::App* create =
      group->add_subcommand("create", "make a key, and print it once or write it to a new file");
  create->add_option("--role", wanted->role, "viewer, operator, admin or worker")
      ->type_name("ROLE")
      ->required();
  create->add_option("--name", wanted->name, "whose it is, for `key list`")
      ->type_name("TEXT")
      ->required();
  create->add_option("--tenant", wanted->tenant, "whose data it opens; without it, your own")
      ->type_name("TENANT");
  create
      ->add_option("--expires", wanted->expires,
                   "how long it holds, such as 90d or 12h (a plain number is days)")
      ->type_name("AGE")
      ->check(
          [](const std::string& text) { return std::string(ParseAge(text).status().message()); })
      ->capture_default_str();
  create
      ->add_option("--output", wanted->file,
                   "file to write the key to, which must not be there; without it, stdout")
      ->type_name("FILE");
  create->callback([&chosen, wanted] {
    chosen = [wanted](Session& session) { return CreateKey(session, *wanted); };
  });
  group->add_subcommand("list", "list the keys, but not what they are")->callback([&chosen] {
    chosen = ListKeys;
  });
  auto name = std::make_shared<std::string>();
  CLI::App* revoke =
      group->add_subcommand("revoke", "have a key open nothing any more, also for calls that last");
  revoke->add_option("key", *name, "as `key list` prints it")->required();
  revoke->callback(
      [&chosen, name] { chosen = [name](Session& session) { return RevokeKey(session, *name); }; });
}

}  // namespace alignflow
