// What is read of a DICOM file, and what is refused before memory is taken for it. The pixels of
// real files are held against pydicom's in tests/e2e/dicom_parity_test.py.
#include "worker/dicom/dicom_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/worker/data/test_images.h"
#include "tests/worker/dicom/dicom_bytes.h"
#include "worker/dicom/dicom_kind.h"
#include "worker/dicom/inflate.h"
#include "worker/dicom/kept_elements.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

// REASON; REMEDY of a file that is not read.
std::string Refusal(const std::string& bytes) {
  const auto dicom = ParseDicom(bytes);
  const absl::Status status = dicom.ok() ? CheckIsPicture(dicom->header) : dicom.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("; ")) << "no remedy";
  return std::string(status.message());
}

std::string Deflated(const std::string& bytes) {
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(DicomHeaderTest, WhatThePictureNeedsIsRead) {
  DicomBytes file(Ramp(6, 4, CV_16S), 3);
  file.Text(0x00280034, "IS", "2\\1").Text(0x00281052, "DS", "-1024").Text(0x00281053, "DS", "0.5");
  file.Text(0x00281050, "DS", "40\\400 ").Text(0x00281051, "DS", "80\\1500");
  file.Text(0x00281056, "CS", "LINEAR_EXACT").Text(0x00280301, "CS", "YES");
  file.Value(0x60023000, "OW", "12").Value(0x00280120, "SS", LittleEndian(0xf830, 2));
  const std::string bytes = file.File();
  const auto dicom = ParseDicom(bytes);
  ASSERT_TRUE(dicom.ok()) << dicom.status();
  const DicomHeader& header = dicom->header;
  EXPECT_EQ(header.rows, 2);
  EXPECT_EQ(header.columns, 4);
  EXPECT_EQ(header.frames, 3);
  EXPECT_TRUE(header.is_signed);
  EXPECT_EQ(header.grey.slope, 0.5);
  EXPECT_EQ(header.grey.intercept, -1024);
  EXPECT_EQ(header.grey.window, (GreyWindow{40, 80, WindowFunction::kLinearExact}));
  EXPECT_EQ(header.padding, -2000);
  EXPECT_TRUE(header.burned_in_annotation);
  EXPECT_TRUE(header.overlays);
  EXPECT_EQ(SquareSize(header), std::pair(4, 4));
  EXPECT_TRUE(CheckIsPicture(header).ok());
}

TEST(DicomHeaderTest, AFileIsKnownByItsContentAndADicomNameIsCutOff) {
  const TestFolder folder;
  folder.Write("IM000001", DicomBytes(Ramp(2, 2)).File());
  folder.Write("notes", "DICM is a word");
  EXPECT_TRUE(LooksLikeDicom(folder.path() / "IM000001"));
  EXPECT_FALSE(LooksLikeDicom(folder.path() / "notes"));
  EXPECT_EQ(DicomStem("a/IM000001.DCM"), "IM000001");
  EXPECT_EQ(DicomStem("a/1.2.840.113619.2.55"), "1.2.840.113619.2.55");
}

TEST(DicomHeaderTest, AHeaderIsReadFromTheStartOfALongFile) {
  const TestFolder folder;
  folder.Write("long.dcm", DicomBytes(Ramp(1024, 1024)).File());
  const auto header = ReadDicomHeader(folder.path() / "long.dcm");
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->pixels(), 1024 * 1024);
}

TEST(DicomHeaderTest, TheFileIsRefusedWhereverItIsCut) {
  const std::string bytes = DicomBytes(Ramp(4, 4)).File();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseDicom(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  EXPECT_TRUE(ParseDicom(bytes).ok());
}

TEST(DicomHeaderTest, HostileSizesAreRefusedBeforeAnythingIsDecoded) {
  const cv::Mat pixels = Ramp(4, 4);
  EXPECT_THAT(Refusal(DicomBytes(pixels).Short(0x00280010, 50000).Short(0x00280011, 50000).File()),
              HasSubstr("50000x50000 pixels, and 64 megapixels are the most"));
  EXPECT_THAT(Refusal(DicomBytes(pixels).Text(0x00280008, "IS", "1000000000").File()),
              HasSubstr("1000000000 frames, and 1,000,000 are the most"));
  EXPECT_THAT(Refusal(DicomBytes(pixels).Text(0x00280008, "IS", "900000").File()),
              HasSubstr("its pixels have 32 bytes, and 28800000 are needed"));
  EXPECT_THAT(Refusal(DicomBytes(pixels).Short(0x00280100, 64).File()), HasSubstr("64 bits"));
  EXPECT_THAT(Refusal(DicomBytes(pixels).Short(0x00280101, 17).File()), HasSubstr("do not fit"));
  EXPECT_THAT(Refusal(DicomBytes(pixels).Short(0x00280010, 0).File()), HasSubstr("how large"));
  EXPECT_THAT(Refusal(DicomBytes(pixels).Text(0x00280034, "IS", "1\\100000").File()),
              HasSubstr("times as high as wide"));
}

TEST(DicomHeaderTest, SequencesWithoutAnEndAreNotFollowedForEver) {
  std::string nested;
  for (int i = 0; i < 200000; ++i) {
    nested += LittleEndian(0x11400008, 4) + "SQ" + std::string(2, '\0') + std::string(4, '\xff') +
              LittleEndian(0xe000fffe, 4) + std::string(4, '\xff');
  }
  const std::string bytes = DicomBytes::Meta("1.2.840.10008.1.2.1") + nested;
  EXPECT_THAT(Refusal(bytes), HasSubstr("nested more than 32 deep"));
}

TEST(DicomHeaderTest, DeflatedFilesAreReadAndBombsAreRefused) {
  const std::string meta = DicomBytes::Meta("1.2.840.10008.1.2.1.99");
  const std::string bytes = meta + Deflated(DicomBytes(Ramp(4, 4)).DataSet());
  const auto dicom = ParseDicom(bytes);
  ASSERT_TRUE(dicom.ok()) << dicom.status();
  EXPECT_EQ(dicom->header.rows, 4);
  EXPECT_THAT(Refusal(meta + "no deflated data"), HasSubstr("cannot be unpacked"));
  const std::string bomb = Deflated(std::string(4 << 20, '\0'));
  EXPECT_LT(bomb.size(), size_t{8} << 10);
  EXPECT_EQ(Inflate(bomb, size_t{4} << 20)->size(), size_t{4} << 20);
  EXPECT_THAT(std::string(Inflate(bomb, size_t{1} << 20).status().message()),
              HasSubstr("holds more than 1 MiB"));
}

TEST(DicomHeaderTest, WhatIsNotDecodedIsRefusedByName) {
  const cv::Mat pixels = Ramp(4, 4);
  EXPECT_THAT(Refusal(DicomBytes(pixels).File("1.2.840.10008.1.2.4.102")),
              HasSubstr("MPEG-4 AVC/H.264 high profile (transfer syntax 1.2.840.10008.1.2.4.102)"));
  EXPECT_THAT(Refusal(DicomBytes(pixels).File("1.2.3")), HasSubstr("transfer syntax 1.2.3"));
  EXPECT_THAT(Refusal(DicomBytes().File()), HasSubstr("holds no pixels"));
  EXPECT_THAT(
      Refusal(DicomBytes(pixels).Without(0x7fe00010).Value(0x7fe00008, "OF", "1234").File()),
      HasSubstr("floating-point pixels"));
  EXPECT_THAT(Refusal(DicomBytes(pixels).Text(0x00280004, "CS", "CMYK").File()),
              HasSubstr("the colours 'CMYK'"));
  EXPECT_THAT(
      Refusal(DicomBytes(pixels, 2).Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2").File()),
      AllOf(HasSubstr("a CT volume of 2 frames"), HasSubstr("single-frame files")));
  EXPECT_THAT(
      Refusal(DicomBytes(pixels).Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.66.4").File()),
      HasSubstr("a segmentation"));
  EXPECT_THAT(Refusal("x"), HasSubstr("cut short"));
  EXPECT_THAT(Refusal("no DICOM at all"), HasSubstr("no DICOM file"));
}

TEST(DicomHeaderTest, RulesOfSingleFramesAreTheirs) {
  DicomBytes shared(DicomBytes::Empty{}), second(DicomBytes::Empty{}), window(DicomBytes::Empty{}),
      values(DicomBytes::Empty{});
  values.Text(0x00281052, "DS", "-10").Text(0x00281053, "DS", "2");
  window.Text(0x00281050, "DS", "7").Text(0x00281051, "DS", "9");
  shared.Sequence(0x00289145, values);
  second.Sequence(0x00289132, window);
  DicomBytes file(Ramp(4, 4));
  file.Sequence(0x52009229, shared).Sequence(0x52009230, second);
  const std::string bytes = file.File();
  const auto dicom = ParseDicom(bytes);
  ASSERT_TRUE(dicom.ok()) << dicom.status();
  EXPECT_EQ(dicom->header.GreyOf(0).slope, 2);
  EXPECT_EQ(dicom->header.GreyOf(0).intercept, -10);
  EXPECT_EQ(dicom->header.GreyOf(0).window, (GreyWindow{7, 9, WindowFunction::kLinear}));
}

TEST(KeptElementsTest, TheTableInTheDocsIsWhatIsRead) {
  constexpr char kBegin[] = "<!-- kept: begin -->\n", kEnd[] = "<!-- kept: end -->\n";
  std::string table = "| element | what it is for |\n| --- | --- |\n";
  for (const KeptElement& kept : KeptElements()) {
    absl::StrAppend(&table, "| ", TagText(kept.tag), " ", std::string(kept.name), " | ",
                    std::string(kept.use), " |\n");
  }
  const std::filesystem::path path =
      std::filesystem::path(ALIGNFLOW_TEST_DATA) / "../../docs/security.md";
  std::string text = ReadAll(path);
  const size_t begin = text.find(kBegin) + sizeof(kBegin) - 1, end = text.find(kEnd);
  ASSERT_LE(begin, end) << path << " has lost the marks around the table";
  if (std::getenv("ALIGNFLOW_UPDATE_DOCS") != nullptr) {
    std::ofstream(path, std::ios::binary) << text.replace(begin, end - begin, table);
    return;
  }
  EXPECT_EQ(text.substr(begin, end - begin), table)
      << "to write the table anew: ALIGNFLOW_UPDATE_DOCS=1 build/bin/data_test "
         "--gtest_filter='KeptElementsTest.*'";
}

TEST(KeptElementsTest, NothingThatNamesAPatientIsKept) {
  for (const KeptElement& kept : KeptElements()) {
    const uint32_t group = kept.tag >> 16;
    EXPECT_NE(group, 0x0010u) << TagText(kept.tag);
    EXPECT_EQ(group % 2, 0u) << TagText(kept.tag) << " is private";
  }
  const std::string bytes = DicomBytes(Ramp(2, 2)).Text(0x00100010, "PN", "Doe^Jane").File();
  const auto set = KeptDataSet::Read(std::string_view(bytes).substr(132), {});
  ASSERT_TRUE(set.ok());
  EXPECT_NE(set->Find(0x00280010), nullptr);
  EXPECT_EQ(set->Find(0x00100010), nullptr);
}

}  // namespace
}  // namespace alignflow
