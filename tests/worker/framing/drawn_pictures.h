#ifndef ALIGNFLOW_TESTS_WORKER_FRAMING_DRAWN_PICTURES_H_
#define ALIGNFLOW_TESTS_WORKER_FRAMING_DRAWN_PICTURES_H_

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

// Pictures whose fields of view are known, because they were drawn.
namespace alignflow {

struct DrawnPicture {
  std::string name;
  cv::Mat image;  // BGR
  cv::Mat view;   // uint8, 255 within the field of view
};

// Uneven tissue of about that colour.
inline cv::Mat DrawTissue(cv::Size size, const cv::Scalar& bgr, uint64_t seed) {
  cv::RNG random(seed);
  cv::Mat coarse(size.height / 24 + 2, size.width / 24 + 2, CV_32FC3);
  random.fill(coarse, cv::RNG::NORMAL, cv::Scalar::all(0), cv::Scalar::all(18));
  cv::Mat tissue;
  cv::resize(coarse, tissue, size, 0, 0, cv::INTER_CUBIC);
  cv::Mat grain(size, CV_32FC3);
  random.fill(grain, cv::RNG::NORMAL, cv::Scalar::all(0), cv::Scalar::all(4));
  tissue += grain;
  tissue += bgr;
  cv::Mat bytes;
  tissue.convertTo(bytes, CV_8UC3);
  return bytes;
}

inline cv::Mat OctagonView(cv::Size size, const cv::Rect& box, int corner) {
  cv::Mat view(size, CV_8U, cv::Scalar(0));
  const int l = box.x, t = box.y, r = box.x + box.width - 1, b = box.y + box.height - 1;
  const std::vector<cv::Point> points{{l + corner, t}, {r - corner, t}, {r, t + corner},
                                      {r, b - corner}, {r - corner, b}, {l + corner, b},
                                      {l, b - corner}, {l, t + corner}};
  cv::fillConvexPoly(view, points, cv::Scalar(255));
  return view;
}

inline cv::Mat InView(const cv::Mat& tissue, const cv::Mat& view, const cv::Scalar& around) {
  cv::Mat picture(tissue.size(), CV_8UC3, around);
  tissue.copyTo(picture, view);
  return picture;
}

inline const cv::Scalar kMucosa(70, 90, 160);

// Endoscopy: an octagon, off-centre, with black around it, writing, and a green box in the corner.
inline DrawnPicture DrawEndoscopy(uint64_t seed, const std::string& word = "NAME 1970") {
  const cv::Size size(640, 480);
  const cv::Mat view = OctagonView(size, {190, 20, 430, 440}, 60);
  cv::Mat picture = InView(DrawTissue(size, kMucosa, seed), view, cv::Scalar::all(6));
  cv::rectangle(picture, {10, 340, 150, 120}, {60, 170, 40}, cv::FILLED);
  cv::putText(picture, word, {12, 60}, cv::FONT_HERSHEY_SIMPLEX, 0.8, {230, 230, 230}, 2);
  return {"endoscopy", picture, view};
}

inline std::vector<DrawnPicture> DrawnPictures() {
  std::vector<DrawnPicture> pictures;
  pictures.push_back(DrawEndoscopy(1));
  {  // a green box that covers a corner of the view
    const cv::Size size(512, 512);
    cv::Mat view = OctagonView(size, {40, 30, 450, 450}, 40);
    cv::Mat picture = InView(DrawTissue(size, kMucosa, 2), view, cv::Scalar::all(3));
    const cv::Rect box(40, 380, 130, 120);
    cv::rectangle(picture, box, {70, 180, 60}, cv::FILLED);
    cv::rectangle(view, box, cv::Scalar(0), cv::FILLED);
    pictures.push_back({"a box over the view", picture, view});
  }
  {  // a black box over the view's lower left, as black as the border
    const cv::Size size(400, 400);
    cv::Mat view = OctagonView(size, {0, 0, 400, 400}, 80);
    cv::Mat picture = InView(DrawTissue(size, kMucosa, 9), view, cv::Scalar::all(2));
    const cv::Rect box(0, 270, 130, 130);
    cv::rectangle(picture, box, cv::Scalar::all(2), cv::FILLED);
    cv::rectangle(view, box, cv::Scalar(0), cv::FILLED);
    pictures.push_back({"a black box over the view", picture, view});
  }
  {  // a second, smaller picture beside the view
    const cv::Size size(720, 400);
    cv::Mat view = OctagonView(size, {280, 10, 420, 380}, 30);
    cv::Mat both = view.clone();
    cv::rectangle(both, {20, 220, 180, 150}, cv::Scalar(255), cv::FILLED);
    pictures.push_back(
        {"a second picture", InView(DrawTissue(size, kMucosa, 3), both, cv::Scalar::all(0)), view});
  }
  {  // fundus: a disc
    const cv::Size size(600, 500);
    cv::Mat view(size, CV_8U, cv::Scalar(0));
    cv::circle(view, {300, 250}, 240, cv::Scalar(255), cv::FILLED);
    pictures.push_back(
        {"fundus", InView(DrawTissue(size, {40, 80, 190}, 4), view, {2, 0, 4}), view});
  }
  {  // ultrasound: a fan of grey speckle on black, writing and a bar of greys
    const cv::Size size(640, 480);
    cv::Mat view(size, CV_8U, cv::Scalar(0));
    cv::ellipse(view, {320, 10}, {440, 440}, 0, 55, 125, cv::Scalar(255), cv::FILLED);
    cv::Mat speckle = DrawTissue(size, cv::Scalar::all(95), 5), grey;
    cv::cvtColor(speckle, grey, cv::COLOR_BGR2GRAY);
    cv::cvtColor(grey, speckle, cv::COLOR_GRAY2BGR);
    cv::Mat picture = InView(speckle, view, cv::Scalar::all(0));
    cv::putText(picture, "MI 1.2", {10, 40}, cv::FONT_HERSHEY_SIMPLEX, 0.7, {255, 255, 255}, 2);
    for (int y = 0; y < 200; ++y) {
      cv::line(picture, {610, 100 + y}, {622, 100 + y}, cv::Scalar::all(255 - y));
    }
    pictures.push_back({"ultrasound", picture, view});
  }
  {  // tomography: a body in air
    const cv::Size size(512, 512);
    cv::Mat view(size, CV_8U, cv::Scalar(0));
    cv::ellipse(view, {256, 270}, {220, 160}, 0, 0, 360, cv::Scalar(255), cv::FILLED);
    cv::Mat tissue = DrawTissue(size, cv::Scalar::all(120), 6), grey;
    cv::cvtColor(tissue, grey, cv::COLOR_BGR2GRAY);
    cv::ellipse(grey, {180, 260}, {60, 80}, 0, 0, 360, cv::Scalar(8), cv::FILLED);  // a lung
    cv::cvtColor(grey, tissue, cv::COLOR_GRAY2BGR);
    pictures.push_back({"tomography", InView(tissue, view, cv::Scalar::all(0)), view});
  }
  {  // a scan on white paper
    const cv::Size size(500, 400);
    cv::Mat view(size, CV_8U, cv::Scalar(0));
    cv::rectangle(view, {60, 40, 380, 300}, cv::Scalar(255), cv::FILLED);
    pictures.push_back(
        {"a white border", InView(DrawTissue(size, kMucosa, 7), view, cv::Scalar::all(250)), view});
  }
  {  // nothing but view
    const cv::Size size(320, 256);
    pictures.push_back(
        {"whole", DrawTissue(size, kMucosa, 8), cv::Mat(size, CV_8U, cv::Scalar(255))});
  }
  return pictures;
}

inline double IntersectionOverUnion(const cv::Mat& a, const cv::Mat& b) {
  return static_cast<double>(cv::countNonZero(a & b)) / cv::countNonZero(a | b);
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_FRAMING_DRAWN_PICTURES_H_
