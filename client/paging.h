#ifndef ALIGNFLOW_CLIENT_PAGING_H_
#define ALIGNFLOW_CLIENT_PAGING_H_

#include <string>
#include <vector>

#include "client/call.h"

namespace alignflow {

// All resources of a list method, page after page, in its order:
//   ListAll<v1::Job>(stub, &Stub::ListJobs, v1::ListJobsRequest(),
//                    [](v1::ListJobsResponse& page) { return page.mutable_jobs(); })
// DataLoss if the server gives the same page token twice, as such a list would never end.
template <typename Resource, typename Stub, typename Request, typename Response, typename Items>
absl::StatusOr<std::vector<Resource>> ListAll(
    Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    Request request, Items items) {
  std::vector<Resource> all;
  request.set_page_size(1000);
  while (true) {
    auto page = Call(stub, method, request);
    if (!page.ok()) return page.status();
    for (Resource& resource : *items(*page)) all.push_back(std::move(resource));
    if (page->next_page_token().empty()) return all;
    if (page->next_page_token() == request.page_token()) {
      return absl::DataLossError("the server repeats a page of its list: report this as a bug");
    }
    request.set_page_token(page->next_page_token());
  }
}

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PAGING_H_
