#ifndef ALIGNFLOW_SERVER_SERVICES_TENANTS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_TENANTS_SERVICE_H_

#include "alignflow/v1/tenants.grpc.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/tenants.proto. Thread-safe.
class TenantsService final : public v1::Tenants::Service {
 public:
  explicit TenantsService(ServiceContext& context) : context_(context) {}

  grpc::Status CreateTenant(grpc::ServerContext* call, const v1::CreateTenantRequest* request,
                            v1::Tenant* response) override;
  grpc::Status ListTenants(grpc::ServerContext* call, const v1::ListTenantsRequest* request,
                           v1::ListTenantsResponse* response) override;
  grpc::Status UpdateTenant(grpc::ServerContext* call, const v1::UpdateTenantRequest* request,
                            v1::Tenant* response) override;
  grpc::Status DeleteTenant(grpc::ServerContext* call, const v1::DeleteTenantRequest* request,
                            v1::DeleteTenantResponse* response) override;
  grpc::Status GetQuota(grpc::ServerContext* call, const v1::GetQuotaRequest* request,
                        v1::Quota* response) override;

 private:
  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_TENANTS_SERVICE_H_
