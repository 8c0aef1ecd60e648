#include "client/contexts.h"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/partial_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The value below `key` of the entry of `list` that has the name.
YAML::Node Named(const YAML::Node& list, const std::string& name, const char* key) {
  for (const YAML::Node& entry : list) {
    if (entry["name"].as<std::string>("") == name) return entry[key];
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

std::string Text(const YAML::Node& node, const char* key) {
  return node && node.IsMap() ? node[key].as<std::string>("") : "";
}

}  // namespace

fs::path Contexts::DefaultFile() {
  if (const std::string file = Environment("AFCTL_CONFIG"); !file.empty()) return file;
  if (const std::string folder = Environment("XDG_CONFIG_HOME"); !folder.empty()) {
    return fs::path(folder) / "afctl" / "config";
  }
  const std::string home = Environment("HOME");
  return home.empty() ? fs::path() : fs::path(home) / ".config" / "afctl" / "config";
}

absl::StatusOr<Contexts> Contexts::Load(const fs::path& file) {
  Contexts contexts(file);
  struct stat status {};
  if (file.empty() || stat(file.c_str(), &status) != 0) return contexts;
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        file.string(), ": others may read it, and it holds access keys; run `chmod 600 ",
        file.string(), "`, and have the keys revoked if others have read it"));
  }
  try {
    const YAML::Node root = YAML::LoadFile(file.string());
    if (root.IsNull()) return contexts;
    if (!root.IsMap()) {
      return absl::InvalidArgumentError(absl::StrCat(
          file.string(), ": is no configuration of afctl; delete it and run `afctl login` again"));
    }
    for (const YAML::Node& entry : root["contexts"]) {
      const YAML::Node context = entry["context"];
      const YAML::Node cluster = Named(root["clusters"], Text(context, "cluster"), "cluster");
      const YAML::Node user = Named(root["users"], Text(context, "user"), "user");
      contexts.contexts_[entry["name"].as<std::string>("")] = {
          .server = Text(cluster, "server"),
          .ca_file = Text(cluster, "certificate-authority"),
          .key = Text(user, "key")};
    }
    contexts.current_ = root["current-context"].as<std::string>("");
  } catch (const YAML::BadFile&) {
    return absl::FailedPreconditionError(
        absl::StrCat(file.string(), ": can't be read; check its rights"));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ":", error.mark.line + 1, ": ", error.msg,
                     "; mend it, or delete it and run `afctl login` again"));
  }
  return contexts;
}

absl::Status Contexts::Save() const {
  if (file_.empty()) {
    return absl::FailedPreconditionError(
        "there is no place for afctl's configuration: set HOME, XDG_CONFIG_HOME or AFCTL_CONFIG");
  }
  YAML::Node root;
  root["apiVersion"] = "afctl/v1";
  root["kind"] = "Config";
  root["current-context"] = current_;
  for (const char* list : {"clusters", "users", "contexts"}) {
    root[list] = YAML::Node(YAML::NodeType::Sequence);
  }
  for (const auto& [name, context] : contexts_) {
    YAML::Node cluster, user, both;
    // A node that is assigned to several is written as an alias of the first.
    for (YAML::Node* node : {&cluster, &user, &both}) (*node)["name"] = name;
    cluster["cluster"]["server"] = context.server;
    if (!context.ca_file.empty()) cluster["cluster"]["certificate-authority"] = context.ca_file;
    user["user"] = YAML::Node(YAML::NodeType::Map);
    if (!context.key.empty()) user["user"]["key"] = context.key;
    both["context"]["cluster"] = name;
    both["context"]["user"] = name;
    root["clusters"].push_back(cluster);
    root["users"].push_back(user);
    root["contexts"].push_back(both);
  }
  std::error_code error;
  fs::create_directories(file_.parent_path(), error);
  const mode_t before = umask(077);
  PartialFile written(file_);
  absl::Status status = written.Append(absl::StrCat(YAML::Dump(root), "\n"));
  umask(before);
  if (status.ok()) status = written.Sync();
  if (status.ok()) status = written.Rename();
  return status;
}

absl::StatusOr<ServerContext> Contexts::Find(const std::string& name) const {
  const auto found = contexts_.find(name);
  if (found != contexts_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, context] : contexts_) names.push_back(known);
  return absl::NotFoundError(
      absl::StrCat("there is no context ", name, "; ",
                   names.empty() ? "`afctl login HOST:PORT` makes one"
                                 : absl::StrCat("there are ", absl::StrJoin(names, ", "))));
}

absl::Status Contexts::Use(const std::string& name) {
  absl::Status status = Find(name).status();
  if (status.ok()) current_ = name;
  return status;
}

absl::Status Contexts::Remove(const std::string& name) {
  absl::Status status = Find(name).status();
  if (!status.ok()) return status;
  contexts_.erase(name);
  if (current_ == name) current_.clear();
  return absl::OkStatus();
}

}  // namespace alignflow
