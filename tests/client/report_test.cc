#include <gtest/gtest.h>

#include "client/report_data.h"
#include "client/report_page.h"
#include "common/settings/settings.h"
#include "tests/client/fake_coordinator.h"

namespace alignflow {
namespace {

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// What the page's script reads.
Json DataOf(const std::string& page) {
  const std::string begin = R"(<script type="application/json" id="data">)";
  const size_t at = page.find(begin) + begin.size();
  return Json::parse(page.substr(at, page.find("</script>", at) - at));
}

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    v1::Job& job = coordinator_.jobs.job;
    job.set_state(v1::JOB_STATE_SUCCEEDED);
    job.mutable_spec()->set_source("datasets/src");
    job.mutable_spec()->set_target("datasets/gone");
    job.mutable_spec()->set_preset("unet-64");
    job.mutable_spec()->set_pairs(3);
    (*job.mutable_spec()->mutable_settings())["generate.mix"] = "recoloured:1";
    job.mutable_spec()->add_references()->set_stem("ref-1");
    job.set_pairs_ready(3);
    coordinator_.datasets.dataset.set_name("datasets/src");
    coordinator_.datasets.dataset.set_digest(std::string(64, 'd'));
    v1::Report& report = coordinator_.jobs.report;
    report.set_job(FakeJobs::kName);
    report.add_figures()->set_name("fid");
    for (const char* name :
         {"samples.json", "embedding.json", "fit-curve.json", "align-curve.json"}) {
      Add(name, ReadFile(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "report" / name));
    }
  }

  void Add(const std::string& name, const std::string& bytes) {
    v1::Artifact* artifact = coordinator_.jobs.report.add_artifacts();
    artifact->set_name(name);
    artifact->mutable_blob()->set_sha256(coordinator_.blobs.Put(bytes));
  }

  FakeCoordinator::Outcome Report() {
    return coordinator_.Run({"report", "j1", "-o", file_, "--json"});
  }

  FakeCoordinator coordinator_;
  TempFolder folder_;
  const std::string file_ = folder_.path() / "report.html";
};

TEST_F(ReportTest, PageHoldsEverythingThatTheJobHas) {
  const auto outcome = Report();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const std::string page = ReadFile(file_);
  const Json data = DataOf(page);
  EXPECT_EQ(data["job"]["name"], FakeJobs::kName);
  EXPECT_EQ(data["samples"].size(), 3u);
  EXPECT_EQ(data["made_of"].get<std::string>().find("3 pairs: 3 recoloured"), 0u);
  EXPECT_GT(data["embedding"].size(), 100u);
  ASSERT_EQ(data["curves"].size(), 2u);
  EXPECT_EQ(data["curves"][1]["name"], "align");
  EXPECT_EQ(data["source"]["digest"], std::string(64, 'd'));
  EXPECT_TRUE(data["target"].is_null()) << "a deleted dataset is no reason to go without a report";
  EXPECT_TRUE(data["report"]["figures"][0]["value"].is_null());
  EXPECT_EQ(Count(page, "{{"), 0u) << "every place of the template is filled";
}

TEST_F(ReportTest, PageAsksNothingOfTheNetwork) {
  ASSERT_EQ(Report().exit, 0);
  const std::string page = ReadFile(file_);
  EXPECT_EQ(Count(page, "http"), Count(page, "http-equiv") + Count(page, "http://www.w3.org/2000"));
  EXPECT_EQ(Count(page, "@import"), 0u);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST_F(ReportTest, TextOfUsersCannotLeaveItsPlace) {
  const std::string hostile = "</script><script>alert(1)</script><!--{{script}}";
  coordinator_.jobs.job.mutable_spec()->mutable_references(0)->set_stem(hostile);
  (*coordinator_.jobs.job.mutable_spec()->mutable_settings())["prompt"] = "a 'b' \"<b>\" $(rm)";
  Add("samples.json", Json::array({{{"pair", 1}, {"mask_origin", hostile}}}).dump());
  ASSERT_EQ(Report().exit, 0);
  const std::string page = ReadFile(file_);
  EXPECT_EQ(Count(page, "</script"), 2u) << "the template's own";
  EXPECT_EQ(Count(page, "alert(1)</"), 0u);
  EXPECT_EQ(Count(page, "<!--"), 0u);
  const Json data = DataOf(page);
  EXPECT_EQ(data["job"]["spec"]["references"][0]["stem"], hostile);
  EXPECT_EQ(data["samples"][0]["mask_origin"], hostile);
}

TEST(ReportPage, JobNameIsEscapedInTheHead) {
  const std::string page = ReportPage({{"job", {{"name", "<i>\"&'"}}}});
  EXPECT_NE(page.find("<title>AlignFlow report: &lt;i&gt;&quot;&amp;&#39;</title>"),
            std::string::npos);
}

TEST_F(ReportTest, JobWithoutFiguresHasNoReportAndLeavesNoFile) {
  coordinator_.jobs.report.Clear();
  const auto outcome = Report();
  EXPECT_EQ(outcome.json()["error"]["code"], "FAILED_PRECONDITION");
  EXPECT_EQ(CountFiles(folder_.path()), 0);
}

TEST_F(ReportTest, FailedJobIsNotToBeWaitedFor) {
  coordinator_.jobs.report.Clear();
  coordinator_.jobs.job.set_state(v1::JOB_STATE_FAILED);
  coordinator_.jobs.job.set_error("no memory");
  const auto outcome = Report();
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_NE(outcome.err.find("job j1 failed without figures, so it has no report: no memory"),
            std::string::npos)
      << outcome.err;
}

TEST_F(ReportTest, DamagedDocumentIsNamed) {
  Add("embedding.json", "[{");
  const auto outcome = Report();
  EXPECT_EQ(outcome.json()["error"]["code"], "DATA_LOSS");
  EXPECT_NE(outcome.err.find("embedding.json"), std::string::npos);
}

TEST_F(ReportTest, OneFileOfTheReportIsWrittenAsItIs) {
  Add("scores.json", "{\"dice\": {}}\n");
  const auto outcome =
      coordinator_.Run({"report", "j1", "--file", "scores.json", "-o", file_, "--json"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(ReadFile(file_), "{\"dice\": {}}\n");
  const auto unknown = coordinator_.Run({"report", "j1", "--file", "score.json", "-o", file_});
  EXPECT_EQ(unknown.exit, kExitFailure);
  EXPECT_NE(unknown.err.find("has no score.json; it has samples.json, embedding.json"),
            std::string::npos)
      << unknown.err;
}

TEST(CommandOf, NamesWhatDiffersFromThePresetAndQuotesForAShell) {
  v1::AlignSpec spec;
  spec.set_source("datasets/src");
  spec.set_pairs(7);
  spec.set_preset("sd3.5-medium");
  const SettingMap defaults = PresetDefaults("sd3.5-medium").value();
  spec.mutable_settings()->insert(defaults.begin(), defaults.end());
  EXPECT_EQ(CommandOf(spec),
            "afctl align --source datasets/src --references REFERENCES_FOLDER --pairs 7 --preset "
            "sd3.5-medium");
  (*spec.mutable_settings())["prompt"] = "a patient's $(polyp)";
  (*spec.mutable_settings())["seed"] = "5";
  spec.set_target("datasets/t");
  EXPECT_EQ(CommandOf(spec),
            "afctl align --source datasets/src --references REFERENCES_FOLDER --target datasets/t "
            "--pairs 7 --preset sd3.5-medium --set 'prompt=a patient'\\''s $(polyp)' --set seed=5");
}

TEST(CommandOf, OfAnImportedModelNamesTheFilesThatOnlyTheUserHas) {
  v1::AlignSpec spec;
  spec.set_source("datasets/src");
  spec.set_preset("motfm");
  spec.set_kind(v1::JOB_KIND_FIT);
  spec.set_model("blobs/" + std::string(64, 'a'));
  (*spec.mutable_settings())["size"] = "128";
  EXPECT_EQ(CommandOf(spec),
            "afctl model import --motfm CONFIG.yaml WEIGHTS.safetensors --source datasets/src "
            "--size 128");
}

TEST(CommandOf, OfJobsWithAModelNamesWhatTheirCommandsTake) {
  v1::AlignSpec spec;
  spec.set_source("datasets/src");
  spec.set_preset("unet-64");
  const SettingMap defaults = PresetDefaults("unet-64").value();
  spec.mutable_settings()->insert(defaults.begin(), defaults.end());
  (*spec.mutable_settings())["fit.iterations"] = "12";
  spec.set_kind(v1::JOB_KIND_FIT);
  EXPECT_EQ(CommandOf(spec),
            "afctl fit --source datasets/src --preset unet-64 --set fit.iterations=12");
  spec.set_kind(v1::JOB_KIND_GENERATE);
  spec.set_model("models/m");
  spec.set_masks("datasets/others");
  spec.set_pairs(7);
  (*spec.mutable_settings())["method"] = "controlnet-fm";
  (*spec.mutable_settings())["generate.steps"] = "3";
  EXPECT_EQ(CommandOf(spec),
            "afctl generate --model models/m --masks datasets/others --pairs 7 --set "
            "generate.steps=3");
}

}  // namespace
}  // namespace alignflow
