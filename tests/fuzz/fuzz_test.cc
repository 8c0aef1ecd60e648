// Runs each fuzz target a bounded number of times from one seed, so that every run is the same.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/common/temp_folder.h"
#include "tests/worker/data/format_kinds.h"
#include "tests/worker/dicom/dicom_bytes.h"
#include "tests/worker/volumes/nifti_bytes.h"
#include "tests/worker/volumes/slice_bytes.h"

namespace alignflow {
namespace {

void RunTarget(const std::string& target, const std::vector<std::string>& seeds, int runs) {
  const std::filesystem::path program = std::filesystem::path(ALIGNFLOW_BIN_DIR) / target;
  ASSERT_TRUE(std::filesystem::exists(program)) << "build the target " << target;
  const TempFolder folder;
  const std::filesystem::path corpus = folder.path() / "corpus", log = folder.path() / "log";
  std::filesystem::create_directory(corpus);
  for (size_t i = 0; i < seeds.size(); ++i) {
    WriteFile(corpus / ("seed-" + std::to_string(i)), seeds[i]);
  }
  const std::string command =
      "ASAN_OPTIONS=detect_leaks=0 " + program.string() + " -seed=1 -runs=" + std::to_string(runs) +
      " -max_len=4096 -rss_limit_mb=4096 -artifact_prefix=" + folder.path().string() + "/ " +
      corpus.string() + " >" + log.string() + " 2>&1";
  const int status = std::system(command.c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << ReadFile(log);
}

TEST(FuzzTest, NoSafetensorsFileReadsOutsideItsBytes) {
  const std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]}})";
  std::string size(8, '\0');
  size[0] = static_cast<char>(header.size());
  RunTarget("fuzz_safetensors", {size + header + std::string(12, 'x')}, 20000);
}

TEST(FuzzTest, NoSentencePieceModelReadsOutsideItsBytes) {
  // Pieces "<unk>" (unknown), "\u2581a" and "p", and a table of normalization of two units.
  const std::string model = std::string("\x0a\x09\x0a\x05<unk>\x18\x02", 11) +
                            std::string("\x0a\x0b\x0a\x04\xE2\x96\x81\x61\x15\0\0\x80\xBF", 13) +
                            std::string("\x0a\x08\x0a\x01p\x15\0\0\0\xC0", 10) +
                            std::string("\x1a\x10\x12\x0e\x08\0\0\0\0\x04\0\0\x61\0\0\0x\0", 18);
  RunTarget("fuzz_sentence_pieces", {model}, 100000);
}

// A small file of every kind that is read or known.
std::vector<std::string> ImageSeeds() {
  std::vector<std::string> seeds;
  for (const FormatKind& kind : AllFormatKinds()) {
    seeds.push_back(kind.image());
    seeds.push_back(kind.mask());
  }
  return seeds;
}

TEST(FuzzTest, NoImageHeaderReadsOutsideItsBytes) {
  RunTarget("fuzz_image_probe", ImageSeeds(), 50000);
}

TEST(FuzzTest, NoTiffDirectoryReadsOutsideItsBytes) {
  std::vector<std::string> seeds;
  for (const FormatKind& kind : TiffKinds()) seeds.push_back(kind.image().substr(4));
  RunTarget("fuzz_tiff_probe", seeds, 50000);
}

TEST(FuzzTest, NoImageIsDecodedIntoAnythingButAPictureOrARefusal) {
  RunTarget("fuzz_decode_image", ImageSeeds(), 10000);
}

TEST(FuzzTest, NoMaskIsDecodedIntoAnythingButValuesOrARefusal) {
  RunTarget("fuzz_decode_mask", ImageSeeds(), 10000);
}

TEST(FuzzTest, NoNiftiFileIsAnythingButNumbersOrARefusal) {
  NiftiBytes by_quaternion(3, 4, 5), scaled(2, 2, 2), real(2, 2, 2);
  by_quaternion.Set(254, int16_t{0}).Set(252, int16_t{1}).Set(256, 0.5F);
  scaled.Set(112, 0.5F).Set(116, -10.0F);
  real.Set(70, int16_t{16});
  const std::string header = NiftiBytes(3, 4, 5).bytes().substr(0, 352);
  RunTarget("fuzz_nifti",
            {NiftiBytes(3, 4, 5).bytes(), by_quaternion.bytes(), scaled.bytes(),
             real.bytes() + std::string(16, '\0'), header},
            20000);
}

// A fragment of pixels behind a data set without any.
std::string Encapsulated(const DicomBytes& file, const std::string& syntax, std::string frame) {
  if (frame.size() % 2 != 0) frame += '\0';
  return DicomBytes(file).Without(0x7fe00010).File(syntax) + LittleEndian(0x00107fe0, 4) + "OB" +
         std::string(2, '\0') + std::string(4, '\xff') + LittleEndian(0xe000fffe, 4) +
         LittleEndian(0, 4) + LittleEndian(0xe000fffe, 4) + LittleEndian(frame.size(), 4) + frame +
         LittleEndian(0xe0ddfffe, 4) + LittleEndian(0, 4);
}

TEST(FuzzTest, NoDicomFileIsAnythingButFramesOrARefusal) {
  const cv::Mat grey = Clutter(12, 8, CV_8U), colours = Clutter(12, 8);
  const cv::Mat large = cv::Mat(64, 64, CV_8UC3, cv::Scalar(1, 2, 3));  // for OpenCV's encoder
  DicomBytes windowed(Ramp(8, 8, CV_16S)), palette(grey), item{DicomBytes::Empty{}};
  windowed.Text(0x00281052, "DS", "-1024").Text(0x00281053, "DS", "2.5");
  windowed.Text(0x00281050, "DS", "40").Text(0x00281051, "DS", "400");
  item.Value(0x00283002, "US", LittleEndian(2, 2) + LittleEndian(0, 2) + LittleEndian(16, 2));
  item.Value(0x00283006, "OW", "abcd");
  palette.Text(0x00280004, "CS", "PALETTE COLOR").Sequence(0x00283010, item);
  for (uint32_t channel = 0; channel < 3; ++channel) {
    palette.Value(0x00281101 + channel, "US",
                  LittleEndian(4, 2) + LittleEndian(0, 2) + LittleEndian(16, 2));
    palette.Value(0x00281201 + channel, "OW", "abcdefgh");
  }
  // One segment: a run of 96 zeros.
  const std::string rle = LittleEndian(1, 4) + LittleEndian(64, 4) + std::string(56, '\0') +
                          "\xa1" + std::string(1, '\0');
  RunTarget("fuzz_dicom",
            {windowed.File(), palette.File(), DicomBytes(Ramp(8, 8), 2).File("1.2.840.10008.1.2.2"),
             DicomBytes(grey).File("1.2.840.10008.1.2"),
             Encapsulated(DicomBytes(grey), "1.2.840.10008.1.2.4.50", Encode(".jpg", grey)),
             Encapsulated(DicomBytes(colours), "1.2.840.10008.1.2.4.50", Encode(".jpg", colours)),
             Encapsulated(DicomBytes(large), "1.2.840.10008.1.2.4.90", Encode(".jp2", large)),
             Encapsulated(DicomBytes(grey), "1.2.840.10008.1.2.5", rle)},
            10000);
}

TEST(FuzzTest, NoNrrdFileIsAnythingButNumbersOrARefusal) {
  const std::string start = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nendian: big\n";
  const std::string geometry =
      "space: left-posterior-superior\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
      "space origin: (0,0,0)\nkinds: domain domain domain\nSegment0_Name:=a\n";
  RunTarget("fuzz_nrrd",
            {start + geometry + "encoding: raw\n\n" + std::string(16, 'x'),
             start + "spacings: 1 1 1\nspace units: \"mm\" \"mm\" \"mm\"\nencoding: raw\n\n" +
                 std::string(16, 'x'),
             start + geometry + "encoding: gzip\n\n\x1f\x8b\x08"},
            5000);
}

TEST(FuzzTest, NoDicomFileOfSeveralFramesIsAnythingButNumbersOrARefusal) {
  const std::string bits =
      "010000000000"
      "000000000001";
  RunTarget("fuzz_dicom_volume",
            {FramesBytes({2, 0, 1}).File(), FramesBytes({0, 1}).File("1.2.840.10008.1.2"),
             SliceBytes(0).File(), SegmentationBytes({2, 0}, bits).File(),
             SegmentationBytes({1}, bits.substr(12), "FRACTIONAL").File()},
            5000);
}

TEST(FuzzTest, NoManifestIsReadThatIsNotWrittenTheSameWay) {
  const std::string item = R"({"height":64,"image":")" + std::string(64, 'a') + R"(","mask":")" +
                           std::string(64, 'b') + R"(","name":"000001","width":64})";
  RunTarget("fuzz_manifest",
            {R"({"background":0,"items":[)" + item +
                 R"(],"kind":"dataset","labels":[{"name":"polyp","value":255}],"sample_bits":12})",
             R"({"background":0,"background_colour":"#000000","items":[)" + item +
                 R"(],"kind":"dataset","labels":[{"colour":"#ff0000","name":"polyp","value":1}]})"},
            50000);
}

TEST(FuzzTest, NoLabelTableIsReadThatItsTextDoesNotGiveBack) {
  RunTarget("fuzz_label_table",
            {"polyp=255", "cup=0,disc=128,background=255", "polyp=#ff0000,background=#000000"},
            100000);
}

TEST(FuzzTest, NoDocumentOfAWorkerIsKeptThatIsNotWhole) {
  const std::string digest(64, 'a');
  const std::string pair =
      R"(,"image":")" + digest + R"(","mask":")" + digest + R"(","record":{}})";
  RunTarget(
      "fuzz_result_documents",
      {R"({"pair":1)" + pair + "\n" + R"({"pair":2,"left_out":"mask agreement","record":{}})",
       R"({"pair":1,"mask":")" + digest + R"(","record":{}})" + "\n" + R"({"pair":2,"mask":")" +
           digest + R"(","record":{"seed":1}})",
       R"([{"name":"mmd","subject":"stage 2","value":0.5,"low":0.4,"high":0.6,"better":"lower",)"
       R"("unit":"","note":"","sample_count":2}])",
       R"([{"name":"alignment","verdict":"good","reason":"closer"}])"},
      50000);
}

TEST(FuzzTest, NoPageTokenOrNameIsReadThatItsTextDoesNotGiveBack) {
  RunTarget("fuzz_requests", {"9223372036854775807", "-1", "0017", "jobs/0123abcd", "jobs/"},
            100000);
}

TEST(FuzzTest, EveryModelConfigIsReadOrRefused) {
  RunTarget("fuzz_model_config",
            {R"({"_class_name": "SD3Transformer2DModel", "num_layers": 2, "attention_head_dim": 8,)"
             R"( "num_attention_heads": 2, "caption_projection_dim": 16, "qk_norm": "rms_norm",)"
             R"( "dual_attention_layers": [0], "out_channels": null, "size": {"height": 4}})"},
            20000);
}

TEST(FuzzTest, EveryTokenizerJsonIsReadOrRefused) {
  const std::string clip =
      R"({"version":"1.0","truncation":null,"padding":{"direction":"Right"},"added_tokens":[{"id":6,)"
      R"("content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":true}],)"
      R"("normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":)"
      R"({"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]},"pre_tokenizer":{"type":"Sequence",)"
      R"("pretokenizers":[{"type":"Split","pattern":{"Regex":"'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|)"
      R"([\\p{N}]|[^\\s\\p{L}\\p{N}]+"},"behavior":"Removed","invert":true},{"type":"ByteLevel",)"
      R"("add_prefix_space":false}]},"post_processor":{"type":"RobertaProcessing","sep":)"
      R"(["<|endoftext|>",1],"cls":["<|startoftext|>",0]},"model":{"end_of_word_suffix":"</w>",)"
      R"("vocab":{"<|startoftext|>":0,"<|endoftext|>":1,"p":2,"o</w>":3,"po</w>":5},)"
      R"("merges":["p o</w>"]}})";
  RunTarget("fuzz_tokenizer_json", {clip}, 3000);
  const std::string t5 =
      R"({"version":"1.0","added_tokens":[{"id":5,"content":"<extra_id_0>","normalized":true}],)"
      R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Precompiled",)"
      R"("precompiled_charsmap":"CAAAAAAEAABhAAAAeAA="},{"type":"Strip","strip_left":false},)"
      R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]},"pre_tokenizer":)"
      R"({"type":"Metaspace","replacement":"\u2581","prepend_scheme":"always"},"post_processor":)"
      R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"SpecialToken":)"
      R"({"id":"</s>"}}],"special_tokens":{"</s>":{"ids":[1],"tokens":["</s>"]}}},"model":)"
      R"({"type":"Unigram","unk_id":2,"vocab":[["<pad>",0],["</s>",0],["<unk>",0],["\u2581a",-1],)"
      R"(["p",-2]]}})";
  RunTarget("fuzz_tokenizer_json", {t5}, 3000);
}

}  // namespace
}  // namespace alignflow
