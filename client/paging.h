#ifndef ALIGNFLOW_CLIENT_PAGING_H_
#define ALIGNFLOW_CLIENT_PAGING_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "client/call.h"

namespace alignflow {

// The resources of a list method, page after page, in its order: all, or the first `limit`:
//   ListAll<v1::Job>(stub, &Stub::ListJobs, v1::ListJobsRequest(),
//                    [](v1::ListJobsResponse& page) { return page.mutable_jobs(); })
// DataLoss if the server gives the same page token twice, as such a list would never end.
template <typename Resource, typename Stub, typename Request, typename Response, typename Items>
absl::StatusOr<std::vector<Resource>> ListAll(
    Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    Request request, Items items, size_t limit = SIZE_MAX) {
  std::vector<Resource> all;
  constexpr size_t kPage = 1000;
  request.set_page_size(static_cast<int>(std::min(kPage, limit)));
  while (true) {
    auto page = Call(stub, method, request);
    if (!page.ok()) return page.status();
    for (Resource& resource : *items(*page)) all.push_back(std::move(resource));
    if (all.size() >= limit) all.resize(limit);
    if (page->next_page_token().empty() || all.size() == limit) return all;
    if (page->next_page_token() == request.page_token()) {
      return absl::DataLossError("the server repeats a page of its list: report this as a bug");
    }
    request.set_page_token(page->next_page_token());
  }
}

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PAGING_H_
