#ifndef ALIGNFLOW_SERVER_ACCESS_ROLES_H_
#define ALIGNFLOW_SERVER_ACCESS_ROLES_H_

#include <array>
#include <optional>
#include <span>
#include <string_view>

// Who may call what. Pure.
namespace alignflow {

// Each of the first three may do what those before it may. A worker takes tasks and moves blobs,
// and sees nothing else.
enum class Role { kViewer, kOperator, kAdmin, kWorker };
inline constexpr std::array kRoles = {Role::kViewer, Role::kOperator, Role::kAdmin, Role::kWorker};

// "viewer", "operator", "admin", "worker".
std::string_view RoleName(Role role);
std::optional<Role> RoleOfName(std::string_view name);

struct MethodRule {
  std::string_view method;  // as gRPC writes it: "/alignflow.v1.Jobs/GetJob"
  Role least;               // of viewer, operator and admin
  bool workers = false;     // workers may as well
};
// Every method of every service in proto/alignflow/v1, but those of Workers, which workers alone
// may call.
std::span<const MethodRule> MethodRules();

// Whether the method needs no key: what a health check asks.
bool IsOpenToAll(std::string_view method);
// False for every method that no rule names.
bool MayCall(Role role, std::string_view method);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_ACCESS_ROLES_H_
