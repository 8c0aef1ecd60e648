#include "server/catalog/keys.h"

#include <utility>

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

// 0 stands for never.
int64_t EndColumn(absl::Time time) {
  return time == absl::InfiniteFuture() ? int64_t{0} : ToColumn(time);
}
absl::Time EndOf(int64_t column) { return column == 0 ? absl::InfiniteFuture() : TimeOf(column); }

}  // namespace

void InsertKey(WritingSql& writing, const AccessKey& key) {
  Sql& sql = writing;
  const std::string role(RoleName(key.role));
  const int64_t created = ToColumn(key.create_time), expires = EndColumn(key.expire_time),
                revoked = EndColumn(key.revoke_time), change = LastKeyChange(sql) + 1;
  sql << "INSERT INTO access_keys (id, name, role, tenant, digest, secret, create_time, "
         "expire_time, revoke_time, change) VALUES (:id, :name, :role, :tenant, :digest, :secret, "
         ":created, :expires, :revoked, :change)",
      soci::use(key.id), soci::use(key.name), soci::use(role), soci::use(key.tenant),
      soci::use(key.digest), soci::use(key.secret), soci::use(created), soci::use(expires),
      soci::use(revoked), soci::use(change);
}

std::vector<AccessKey> ListKeys(Sql& sql) {
  AccessKey row;
  std::string role;
  int64_t created = 0, expires = 0, revoked = 0;
  soci::statement select =
      (sql.prepare << "SELECT id, name, role, tenant, digest, secret, create_time, expire_time, "
                      "revoke_time FROM access_keys ORDER BY create_time, id",
       soci::into(row.id), soci::into(row.name), soci::into(role), soci::into(row.tenant),
       soci::into(row.digest), soci::into(row.secret), soci::into(created), soci::into(expires),
       soci::into(revoked));
  select.execute();
  std::vector<AccessKey> keys;
  while (select.fetch()) {
    const std::optional<Role> known = RoleOfName(role);
    if (!known) continue;  // a later version's: it opens nothing here
    row.role = *known;
    row.create_time = TimeOf(created);
    row.expire_time = EndOf(expires);
    row.revoke_time = EndOf(revoked);
    keys.push_back(row);
  }
  return keys;
}

bool RevokeKey(WritingSql& writing, const std::string& id, absl::Time now) {
  Sql& sql = writing;
  const int64_t time = ToColumn(now), change = LastKeyChange(sql) + 1;
  soci::statement update =
      (sql.prepare << "UPDATE access_keys SET revoke_time = :now, change = :change WHERE id = :id "
                      "AND revoke_time = 0",
       soci::use(time), soci::use(change), soci::use(id));
  update.execute(true);
  return update.get_affected_rows() > 0;
}

void NameSecretOfKeys(WritingSql& writing, const std::string& secret) {
  Sql& sql = writing;
  sql << "UPDATE access_keys SET secret = :secret WHERE secret = ''", soci::use(secret);
}

std::vector<AccessKey> RevokeKeysNotUnder(WritingSql& sql, const std::string& secret,
                                          absl::Time now) {
  std::vector<AccessKey> revoked;
  for (AccessKey& key : ListKeys(sql)) {
    if (key.secret == secret || !key.Holds(now)) continue;
    if (RevokeKey(sql, key.id, now)) revoked.push_back(std::move(key));
  }
  return revoked;
}

int64_t LastKeyChange(Sql& sql) {
  int64_t change = 0;
  sql << "SELECT COALESCE(MAX(change), 0) FROM access_keys", soci::into(change);
  return change;
}

}  // namespace alignflow
