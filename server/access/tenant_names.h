#ifndef ALIGNFLOW_SERVER_ACCESS_TENANT_NAMES_H_
#define ALIGNFLOW_SERVER_ACCESS_TENANT_NAMES_H_

#include <string>
#include <string_view>

// How what belongs to a tenant is named within the coordinator, so that tenants may choose the same
// names. Pure.
namespace alignflow {

// The tenant that is there from the start: of calls that need no key, and of all that there was
// before there were tenants.
inline constexpr char kDefaultTenant[] = "default";

// A dataset's id in the catalog: "polyps" of the default tenant, "radiology/polyps" of another. No
// id that a user gives has a slash.
std::string ScopedId(const std::string& tenant, const std::string& id);
// The id as its tenant knows it.
std::string PublicId(const std::string& scoped);

// The same for texts that users choose freely, as request ids; empty stays empty.
std::string ScopedText(const std::string& tenant, const std::string& text);

// Under which key a tenant's result is kept, of a task with the key that its content gives
// (TaskKey): the same for the default tenant, another for each other one.
std::string ScopedTaskKey(const std::string& tenant, const std::string& key);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_ACCESS_TENANT_NAMES_H_
