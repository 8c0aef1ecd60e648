#include "server/services/admin_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/audit_chain.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/access/listener.h"
#include "server/catalog/audit.h"
#include "server/catalog/keys.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

constexpr v1::KeyRole kKeyRoles[] = {v1::KEY_ROLE_VIEWER, v1::KEY_ROLE_OPERATOR, v1::KEY_ROLE_ADMIN,
                                     v1::KEY_ROLE_WORKER};

absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

absl::StatusOr<Role> FromProto(v1::KeyRole role) {
  for (const Role known : kRoles) {
    if (ToProto(known) == role) return known;
  }
  return absl::InvalidArgumentError("role: give one that admin.proto names");
}

// Where the page after begins: the sequence or number of the last one that was sent.
absl::StatusOr<int64_t> ParseAfter(const std::string& token) {
  int64_t after = 0;
  if (token.empty() || (absl::SimpleAtoi(token, &after) && after >= 0)) return after;
  return absl::InvalidArgumentError(
      "page_token: give the next_page_token of the answer before, or none");
}

void FillIn(const AuditRecord& record, v1::AuditRecord& sent) {
  sent.set_sequence(record.sequence);
  *sent.mutable_time() = ToTimestamp(record.time);
  sent.set_tenant(record.tenant);
  sent.set_key_id(record.key_id);
  sent.set_peer(record.peer);
  sent.set_method(record.method);
  sent.set_resource(record.resource);
  sent.set_outcome(record.outcome);
  sent.set_count(record.count);
  sent.set_hash(record.hash);
}

}  // namespace

v1::KeyRole ToProto(Role role) { return kKeyRoles[static_cast<size_t>(role)]; }

v1::AccessKey AdminService::KeyProto(const AccessKey& key) const {
  v1::AccessKey sent;
  sent.set_name(absl::StrCat("keys/", key.id));
  sent.set_display_name(key.name);
  sent.set_role(ToProto(key.role));
  sent.set_tenant(absl::StrCat("tenants/", key.tenant));
  const bool revoked = key.revoke_time != absl::InfiniteFuture();
  sent.set_state(revoked                  ? v1::KEY_STATE_REVOKED
                 : key.Holds(SteadyNow()) ? v1::KEY_STATE_HOLDS
                                          : v1::KEY_STATE_EXPIRED);
  *sent.mutable_create_time() = ToTimestamp(key.create_time);
  if (key.expire_time != absl::InfiniteFuture()) {
    *sent.mutable_expire_time() = ToTimestamp(key.expire_time);
  }
  if (revoked) *sent.mutable_revoke_time() = ToTimestamp(key.revoke_time);
  const ServerSecrets secrets = context_.access.secrets();
  sent.set_old_secret(secrets.Find(key.secret) != &secrets.current());
  return sent;
}

grpc::Status AdminService::CreateKey(grpc::ServerContext* call, const v1::CreateKeyRequest* request,
                                     v1::CreateKeyResponse* response) {
  absl::Status named = CheckKeyName(request->display_name(), "display_name");
  if (!named.ok()) return ToGrpcStatus(named);
  const absl::StatusOr<Role> role = FromProto(request->role());
  if (!role.ok()) return ToGrpcStatus(role.status());
  KeyRing::NewKey wanted{.name = request->display_name(),
                         .role = *role,
                         .tenant = CallerOf(*call, context_.access).tenant};
  if (!request->tenant().empty()) {
    absl::StatusOr<std::string> tenant = ParseName(request->tenant(), "tenants", "tenant");
    if (!tenant.ok()) return ToGrpcStatus(tenant.status());
    wanted.tenant = *std::move(tenant);
  }
  const absl::Time now = SteadyNow();
  if (request->has_expire_time()) {
    wanted.expires = FromTimestamp(request->expire_time());
    if (wanted.expires <= now) {
      return ToGrpcStatus(absl::InvalidArgumentError("expire_time: give one that is to come"));
    }
  }
  const absl::StatusOr<NewAccessKey> made = keys_.Create(wanted, now);
  if (!made.ok()) return ToGrpcStatus(made.status());
  *response->mutable_key() = KeyProto(made->key);
  response->set_text(made->text);
  return grpc::Status::OK;
}

grpc::Status AdminService::ListKeys(grpc::ServerContext*, const v1::ListKeysRequest* request,
                                    v1::ListKeysResponse* response) {
  const absl::StatusOr<Page> page = ParsePage(request->page_size(), "");
  if (!page.ok()) return ToGrpcStatus(page.status());
  const absl::StatusOr<int64_t> after = ParseAfter(request->page_token());
  if (!after.ok()) return ToGrpcStatus(after.status());
  std::vector<AccessKey> keys;
  absl::Status status = context_.catalog.Read([&](Sql& sql) {
    keys = alignflow::ListKeys(sql);
    return absl::OkStatus();
  });
  if (!status.ok()) return ToGrpcStatus(status);
  const auto all = static_cast<int64_t>(keys.size());
  const int64_t end = std::min(all, std::min(*after, all) + page->size);
  for (int64_t i = *after; i < end; ++i) *response->add_keys() = KeyProto(keys[i]);
  if (end < all) response->set_next_page_token(absl::StrCat(end));
  return grpc::Status::OK;
}

grpc::Status AdminService::RevokeKey(grpc::ServerContext*, const v1::RevokeKeyRequest* request,
                                     v1::AccessKey* response) {
  const absl::StatusOr<std::string> id = ParseName(request->name(), "keys", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  const absl::StatusOr<AccessKey> key = keys_.Revoke(*id, SteadyNow());
  if (!key.ok()) return ToGrpcStatus(key.status());
  *response = KeyProto(*key);
  return grpc::Status::OK;
}

grpc::Status AdminService::ListAuditRecords(grpc::ServerContext*,
                                            const v1::ListAuditRecordsRequest* request,
                                            v1::ListAuditRecordsResponse* response) {
  const absl::StatusOr<Page> page = ParsePage(request->page_size(), "");
  if (!page.ok()) return ToGrpcStatus(page.status());
  const absl::StatusOr<int64_t> after = ParseAfter(request->page_token());
  if (!after.ok()) return ToGrpcStatus(after.status());
  AuditQuery query{.after = *after, .limit = page->size};
  if (request->has_since()) query.since = FromTimestamp(request->since());
  const AuditSecrets secrets = context_.access.secrets().all();
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) {
    const AuditEnds ends = AuditEndsOf(sql);
    const std::vector<AuditRecord> records = alignflow::ListAuditRecords(sql, query);
    for (const AuditRecord& record : records) FillIn(record, *response->add_records());
    if (static_cast<int>(records.size()) == page->size) {
      response->set_next_page_token(absl::StrCat(records.back().sequence));
    }
    response->set_previous_hash(
        AuditHashOf(sql, records.empty() ? ends.last : records.front().sequence - 1));
    response->set_first_sequence(ends.first);
    response->set_last_sequence(ends.last);
    response->set_last_hash(ends.last_hash);
    response->set_sealed(IsSealed(sql, secrets));
    return absl::OkStatus();
  }));
}

}  // namespace alignflow
