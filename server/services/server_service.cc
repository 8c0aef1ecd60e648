#include "server/services/server_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "common/version.h"
#include "server/access/listener.h"
#include "server/catalog/tenants.h"
#include "server/services/admin_service.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

v1::ServerState ToProto(ServingState state) {
  switch (state) {
    case ServingState::kServing:
      return v1::SERVER_STATE_SERVING;
    case ServingState::kDraining:
      return v1::SERVER_STATE_DRAINING;
    case ServingState::kNoCatalog:
      return v1::SERVER_STATE_NO_CATALOG;
    case ServingState::kDiskLow:
      return v1::SERVER_STATE_DISK_LOW;
    case ServingState::kBlobsDown:
      return v1::SERVER_STATE_BLOBS_DOWN;
  }
  return v1::SERVER_STATE_UNSPECIFIED;
}

// Where a page of a look begins.
struct SpacePage {
  int64_t look = 0;
  int first = 0;
};

std::string TokenOf(const SpacePage& page) { return absl::StrCat(page.look, "-", page.first); }

absl::StatusOr<SpacePage> ParseToken(const std::string& token) {
  SpacePage page;
  const std::vector<std::string> numbers = absl::StrSplit(token, '-');
  if (numbers.size() == 2 && absl::SimpleAtoi(numbers[0], &page.look) &&
      absl::SimpleAtoi(numbers[1], &page.first) && page.first >= 0) {
    return page;
  }
  return absl::InvalidArgumentError(
      "page_token: give the next_page_token of the answer before, or none");
}

// The totals, and up to `size` uses from the page's first on.
void FillIn(const SpaceLook& look, int first, int size, v1::ListSpaceUsesResponse& response) {
  const auto& uses = look.response.uses();
  const int end = std::min(first + size, uses.size());
  for (int i = first; i < end; ++i) *response.add_uses() = uses[i];
  if (end < uses.size()) {
    response.set_next_page_token(TokenOf({.look = look.number, .first = end}));
  }
  *response.mutable_look_time() = look.response.look_time();
  response.set_bytes(look.response.bytes());
  response.set_blobs(look.response.blobs());
  response.set_shared_bytes(look.response.shared_bytes());
  response.set_shared_blobs(look.response.shared_blobs());
}

}  // namespace

grpc::Status ServerService::GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                                          v1::ServerInfo* response) {
  response->set_version(std::string(Version()));
  response->set_result_version(kResultVersion);
  response->set_state(ToProto(context_.serving.state()));
  response->set_free_disk_bytes(context_.serving.free_disk());
  response->set_disk_reserve_bytes(context_.serving.disk_reserve());
  *response->mutable_time() = ToTimestamp(absl::Now());
  if (const absl::Time end = context_.serving.certificate_end(); end != absl::InfiniteFuture()) {
    *response->mutable_certificate_end_time() = ToTimestamp(end);
  }
  return grpc::Status::OK;
}

grpc::Status ServerService::GetCaller(grpc::ServerContext* call, const v1::GetCallerRequest*,
                                      v1::CallerInfo* response) {
  const Caller caller = CallerOf(*call, context_.access);
  response->set_tenant(absl::StrCat("tenants/", caller.tenant));
  if (caller.open()) return grpc::Status::OK;
  response->set_role(ToProto(caller.role));
  const std::optional<AccessKey> key = context_.access.Find(caller.key_id);
  if (!key) return grpc::Status::OK;
  response->set_key(absl::StrCat("keys/", key->id));
  response->set_display_name(key->name);
  if (key->expire_time != absl::InfiniteFuture()) {
    *response->mutable_expire_time() = ToTimestamp(key->expire_time);
  }
  return grpc::Status::OK;
}

SpaceLooks& ServerService::LooksOf(const std::string& tenant) {
  absl::MutexLock lock(&mutex_);
  return looks_[tenant];
}

grpc::Status ServerService::ListSpaceUses(grpc::ServerContext* call,
                                          const v1::ListSpaceUsesRequest* request,
                                          v1::ListSpaceUsesResponse* response) {
  const absl::StatusOr<Page> size = ParsePage(request->page_size(), "");
  if (!size.ok()) return ToGrpcStatus(size.status());
  const std::string tenant = CallerOf(*call, context_.access).tenant;
  SpaceLooks& looks = LooksOf(tenant);
  SpacePage page;
  std::shared_ptr<const SpaceLook> look;
  if (request->page_token().empty()) {
    const CallPlace place(context_.calls.limits(), CallKind::kSpace, ClientOf(*call));
    if (!place.status().ok()) return ToGrpcStatus(place.status());
    const auto cancelled = [&] { return call->IsCancelled() || context_.calls.closing(); };
    bool several = false;
    absl::Status status = context_.catalog.Read([&](Sql& sql) {
      several = HasSeveralTenants(sql);
      return absl::OkStatus();
    });
    if (!status.ok()) return ToGrpcStatus(status);
    absl::StatusOr<std::shared_ptr<const SpaceLook>> made = looks.Make(
        [&] {
          return LookAtSpace(context_.catalog, context_.blobs, several ? tenant : "", cancelled);
        },
        cancelled);
    if (!made.ok()) return ToGrpcStatus(made.status());
    look = *std::move(made);
  } else {
    const absl::StatusOr<SpacePage> parsed = ParseToken(request->page_token());
    if (!parsed.ok()) return ToGrpcStatus(parsed.status());
    page = *parsed;
    look = looks.Find(page.look);
    if (look == nullptr) {
      return ToGrpcStatus(absl::FailedPreconditionError(
          "page_token: the space has been looked at anew since; begin with the first page"));
    }
  }
  FillIn(*look, page.first, size->size, *response);
  response->set_catalog_bytes(context_.state.CatalogBytes());
  response->set_free_disk_bytes(context_.serving.free_disk());
  response->set_disk_reserve_bytes(context_.serving.disk_reserve());
  return grpc::Status::OK;
}

}  // namespace alignflow
