#ifndef ALIGNFLOW_CLIENT_VIEW_FOLDER_H_
#define ALIGNFLOW_CLIENT_VIEW_FOLDER_H_

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "client/scan_folder.h"
#include "client/session.h"

// Folders of images cut to their fields of view, and masks put back into whole pictures.
namespace alignflow {

// What a folder of views holds:
//   images/NAME.png  masks/NAME.png (of a dataset)  views.jsonl  contact-sheet.png
// views.jsonl has one line a picture: where its view lies, in pixels of the whole picture, turned
// as its orientation says, and the view's shape within that box as a small PNG (255: within):
//   {"name":"a","width":640,"height":480,"view":[100,20,500,440],"background":0,"shape":"<base64>"}
inline constexpr char kViewsFile[] = "views.jsonl";

struct ViewSummary {
  size_t images = 0;
  size_t whole = 0;  // of them, pictures of which nothing was cut off
  bool masks = false;
};

// Cuts the pictures of a folder, and its masks, to their views at their full size. `size`: the
// views' side in pixels; 0: each its own. FailedPrecondition if `out` holds files already.
// views.jsonl is written last: a folder without it is not finished.
absl::StatusOr<ViewSummary> CutViews(Session& session, const ScannedFolder& scanned,
                                     const std::filesystem::path& out, int size);

// Puts masks of views, such as a model predicts, back into pictures of the whole size, background
// around. `views`: what CutViews wrote. `dir`: masks of any size with the views' names, in it or in
// its folder masks/. Values are kept as they are. Returns how many. NotFound or InvalidArgument
// names the file.
absl::StatusOr<size_t> PutViewsBack(const std::filesystem::path& views,
                                    const std::filesystem::path& dir,
                                    const std::filesystem::path& out);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_VIEW_FOLDER_H_
