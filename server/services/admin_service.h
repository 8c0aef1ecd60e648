#ifndef ALIGNFLOW_SERVER_SERVICES_ADMIN_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_ADMIN_SERVICE_H_

#include "alignflow/v1/admin.grpc.pb.h"
#include "server/services/service_context.h"
#include "server/workflow/key_ring.h"

namespace alignflow {

// "KEY_ROLE_VIEWER" of Role::kViewer.
v1::KeyRole ToProto(Role role);

// proto/alignflow/v1/admin.proto. Thread-safe.
class AdminService final : public v1::Admin::Service {
 public:
  AdminService(ServiceContext& context, KeyRing& keys) : context_(context), keys_(keys) {}

  grpc::Status CreateKey(grpc::ServerContext* call, const v1::CreateKeyRequest* request,
                         v1::CreateKeyResponse* response) override;
  grpc::Status ListKeys(grpc::ServerContext* call, const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override;
  grpc::Status RevokeKey(grpc::ServerContext* call, const v1::RevokeKeyRequest* request,
                         v1::AccessKey* response) override;
  grpc::Status ListAuditRecords(grpc::ServerContext* call,
                                const v1::ListAuditRecordsRequest* request,
                                v1::ListAuditRecordsResponse* response) override;

 private:
  v1::AccessKey KeyProto(const AccessKey& key) const;

  ServiceContext& context_;
  KeyRing& keys_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_ADMIN_SERVICE_H_
