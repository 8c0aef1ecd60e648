#ifndef ALIGNFLOW_SERVER_CATALOG_KEYS_H_
#define ALIGNFLOW_SERVER_CATALOG_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/access/access_keys.h"
#include "server/catalog/catalog.h"

// Access keys. Rows are never deleted: who has had a key can be told later. Within
// Catalog::Transact and CatalogReader::Read only.
namespace alignflow {

void InsertKey(WritingSql& sql, const AccessKey& key);
// The oldest first.
std::vector<AccessKey> ListKeys(Sql& sql);
// False: there is no such key, or it was revoked before.
bool RevokeKey(WritingSql& sql, const std::string& id, absl::Time now);
// Keys from before there were several server secrets are under the one with this id.
void NameSecretOfKeys(WritingSql& sql, const std::string& secret);
// Revokes those that hold and were made under another secret, and returns them.
std::vector<AccessKey> RevokeKeysNotUnder(WritingSql& sql, const std::string& secret,
                                          absl::Time now);
// Rises with each of these changes, whichever process makes it; 0: there was none.
int64_t LastKeyChange(Sql& sql);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_KEYS_H_
