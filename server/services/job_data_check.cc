#include "server/services/job_data_check.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/data/groups.h"
#include "common/settings/canonical_text.h"
#include "common/settings/least_numbers.h"
#include "common/settings/settings.h"
#include "server/scheduler/job_shape.h"
#include "server/scheduler/plan.h"
#include "server/services/item_facts.h"
#include "server/services/job_images.h"

namespace alignflow {
namespace {

constexpr size_t kMostGroupsNamed = 10;

class DataCheck {
 public:
  DataCheck(ServiceContext& context, const v1::AlignSpec& spec, JobRecord& job)
      : context_(context),
        job_(job),
        shape_(ShapeOf(job.kind, job.settings,
                       {.references = spec.references_size() > 0,
                        .target = !job.target.empty(),
                        .masks = !job.masks.empty()},
                       job.pairs)),
        references_(ImagesOfReferences(spec)) {}

  absl::Status Run() {
    absl::Status status = Read();
    if (status.ok()) status = CheckRepeats();
    // Those that a model was aligned to were looked at then.
    if (status.ok() && job_.kind == JobKind::kAlign) status = CheckReferences();
    if (status.ok()) status = CheckTarget();
    if (status.ok()) status = CheckMasks();
    if (status.ok()) status = CheckClasses();
    if (status.ok()) status = CheckNumbers();
    return status;
  }

 private:
  bool evaluates() const { return shape_.evaluation_runs > 0; }

  absl::Status Read() {
    absl::StatusOr<ImagesOfJob> source =
        ImagesOfDataset(context_, "--source", job_.source, job_.source_digest);
    if (!source.ok()) return source.status();
    source_ = *std::move(source);
    if (!job_.masks.empty()) {
      absl::StatusOr<ImagesOfJob> masks =
          ImagesOfDataset(context_, "--masks", job_.masks, job_.masks_digest);
      if (!masks.ok()) return masks.status();
      masks_ = *std::move(masks);
    }
    if (job_.target.empty()) return absl::OkStatus();
    absl::StatusOr<ImagesOfJob> target =
        ImagesOfDataset(context_, "--target", job_.target, job_.target_digest);
    if (!target.ok()) return target.status();
    target_ = *std::move(target);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> NamesOf(const std::vector<SameMember>& same, ImagesOfJob& of,
                                      ImagesOfJob& in) {
    for (ImagesOfJob* images : {&of, &in}) {
      if (absl::Status status = FillInNames(context_, *images); !status.ok()) return status;
    }
    return Named(same, of.members, in.members);
  }

  absl::Status CheckRepeats() {
    for (const ImagesOfJob* images : {&source_, &target_}) {
      const int64_t repeated =
          static_cast<int64_t>(images->members.size()) - DistinctFiles(*images);
      if (repeated == 0) continue;
      job_.warnings.push_back(absl::StrCat(images->what, ": ", repeated,
                                           repeated == 1 ? " image is" : " images are",
                                           " in it twice; figures count them once"));
    }
    const std::vector<SameMember> alike = FindRepeated(references_.members);
    if (alike.empty()) return absl::OkStatus();
    job_.warnings.push_back(absl::StrCat("--references: ", alike.size(), " of the ",
                                         references_.members.size(), " images look like another (",
                                         Named(alike, references_.members, references_.members),
                                         "): they tell little more than one would"));
    return absl::OkStatus();
  }

  absl::Status CheckReferences() {
    const std::vector<SameMember> same = SameOf(references_, source_);
    if (same.empty()) return absl::OkStatus();
    absl::StatusOr<std::string> names = NamesOf(same, references_, source_);
    if (!names.ok()) return names.status();
    const std::string what =
        absl::StrCat("--references: ", same.size(), " of the ", references_.members.size(),
                     " images are in ", source_.what, " as well (", *names, ")");
    if (2 * same.size() > references_.members.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, "; give images of the other domain, which the source does not hold"));
    }
    job_.warnings.push_back(absl::StrCat(what, ": they show the source's look; remove them"));
    return absl::OkStatus();
  }

  absl::Status CheckTarget() {
    if (job_.target.empty()) return absl::OkStatus();
    if (absl::Status status = FillInNames(context_, target_); !status.ok()) return status;
    std::set<size_t> rows;
    std::vector<std::string> texts;
    for (ImagesOfJob* others : {&source_, &references_}) {
      const std::vector<SameMember> same = SameOf(target_, *others);
      if (others == &references_) WarnOfGroups();
      const std::set<size_t> grouped =
          others == &references_ ? RowsOfLearnedGroups(target_.members, GroupsOfReferences(), same)
                                 : std::set<size_t>();
      if (!same.empty()) {
        absl::StatusOr<std::string> names = NamesOf(same, target_, *others);
        if (!names.ok()) return names.status();
        texts.push_back(absl::StrCat(same.size(), " in ", others->what, " (", *names, ")"));
      }
      if (!grouped.empty()) texts.push_back(GroupsText(grouped));
      for (const SameMember& one : same) rows.insert(one.row);
      rows.insert(grouped.begin(), grouped.end());
    }
    CountGroups(rows);
    left_in_target_ = DistinctFiles(target_) - static_cast<int64_t>(rows.size());
    if (rows.empty()) return absl::OkStatus();
    const std::string what =
        absl::StrCat(target_.what, ": ", rows.size(), " of the ", target_.members.size(),
                     " images are no held-out ones: ", absl::StrJoin(texts, ", "));
    if (2 * rows.size() > target_.members.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          what,
          "; push a target of other images, take them out of the references, or go without "
          "--target"));
    }
    job_.warnings.push_back(absl::StrCat(what, "; figures leave them out"));
    return absl::OkStatus();
  }

  std::set<std::string> GroupsOfReferences() const {
    std::set<std::string> groups;
    for (const SetMember& reference : references_.members) groups.insert(reference.group);
    return groups;
  }

  // Given names of groups and those that file names tell do not mean the same.
  void WarnOfGroups() {
    // Of references that the catalog knows, it knows no groups: the worker reads them.
    const bool known = job_.kind == JobKind::kAlign;
    if (!known || target_.groups_given == references_.groups_given) return;
    const bool target = target_.groups_given;
    job_.warnings.push_back(absl::StrCat(
        "groups are given for ", target ? target_.what : references_.what, ", but not for ",
        target ? references_.what : target_.what,
        ": target images of a reference's patient or sequence may not be known as such; put a "
        "groups.csv into both folders"));
  }

  // "26 of the groups seq05, seq15, of which there are references".
  std::string GroupsText(const std::set<size_t>& rows) const {
    std::set<std::string> names;
    for (const size_t row : rows) names.insert(target_.members[row].group);
    const size_t count = names.size();
    while (names.size() > kMostGroupsNamed) names.erase(std::prev(names.end()));
    const std::string more =
        count > names.size() ? absl::StrCat(" and ", count - names.size()) : "";
    return absl::StrCat(rows.size(), " of the same ", count == 1 ? "group as" : "groups as",
                        " references (", absl::StrJoin(names, ", "), more,
                        more.empty() ? "" : " more", ")");
  }

  // How many groups the target has beside the rows that are left out.
  void CountGroups(const std::set<size_t>& left_out) {
    std::set<std::string_view> groups;
    for (size_t row = 0; row < target_.members.size(); ++row) {
      if (left_out.contains(row)) continue;
      const std::string& group = target_.members[row].group;
      groups_in_target_ += group.empty() || groups.insert(group).second ? 1 : 0;
    }
  }

  absl::Status CheckMasks() {
    absl::StatusOr<int> size = ImageSizeOf(job_.preset, job_.settings);
    if (!size.ok()) return size.status();
    for (const ImagesOfJob* images : {&source_, &target_, &masks_}) {
      if (!images->masks || (images == &target_ && !evaluates())) continue;
      const auto& sizes = PresetSizes(DimsOfPreset(job_.preset));
      absl::Status status = CheckStructures(*images->masks, *size, sizes, images->what);
      if (!status.ok()) return status;
      const StructureLoss loss = LossAt(*images->masks, *size, sizes);
      if (loss.loss != Loss::kNone) {
        job_.warnings.push_back(absl::StrCat(images->what, ": ", loss.text));
      }
    }
    return CheckEvaluatedMasks();
  }

  // Where segmentation models work at a size of their own.
  absl::Status CheckEvaluatedMasks() {
    int size = 0;
    if (!absl::SimpleAtoi(job_.settings.at("evaluate.size"), &size) || size == 0 || !evaluates()) {
      return absl::OkStatus();
    }
    for (const ImagesOfJob* images : {&source_, &target_}) {
      if (!images->masks) continue;
      // The remedy is a setting, not another preset, so none is offered.
      const StructureLoss loss = LossAt(*images->masks, size, {});
      if (loss.loss == Loss::kNone) continue;
      const std::string text =
          absl::StrCat("setting evaluate.size: of ", images->what, " ", loss.text);
      if (loss.loss == Loss::kMost) {
        return absl::InvalidArgumentError(
            absl::StrCat(text, ", most of all; give a larger one, or 0 for the model's own"));
      }
      job_.warnings.push_back(text);
    }
    return absl::OkStatus();
  }

  absl::Status CheckClasses() {
    const std::string& condition = job_.settings.at("fit.condition");
    if (condition != "masks" && !shape_.from_model && !shape_.transfers) {
      if (absl::Status status = FillInNames(context_, source_); !status.ok()) return status;
      if (source_.classes.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "setting fit.condition: ", condition, " asks for the classes of images, but ",
            source_.what,
            " has none; push it with a classes.csv beside its images, or leave it at masks"));
      }
    }
    const absl::StatusOr<std::vector<std::string>> asked =
        ParseNames(job_.settings.at("pairs.classes"));
    if (!asked.ok() || asked->empty()) return asked.status();
    ImagesOfJob& origins = masks_.what.empty() ? source_ : masks_;
    if (absl::Status status = FillInNames(context_, origins); !status.ok()) return status;
    for (const std::string& name : *asked) {
      if (origins.classes.contains(name)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "setting pairs.classes: no image of ", origins.what, " is of class '", name, "'; ",
          origins.classes.empty()
              ? "push it with a classes.csv beside its images"
              : absl::StrCat("its classes are ", absl::StrJoin(origins.classes, ", "))));
    }
    return absl::OkStatus();
  }

  absl::Status CheckNumbers() {
    Quantities known{{Quantity::kSourceImages, DistinctFiles(source_)}};
    if (shape_.has_references) known[Quantity::kReferences] = DistinctFiles(references_);
    if (source_.masks) known[Quantity::kSourceStructures] = source_.masks->with_structures;
    if (!job_.target.empty()) known[Quantity::kTargetImages] = left_in_target_;
    if (target_.masks) known[Quantity::kTargetStructures] = target_.masks->with_structures;
    const PlanInput plan{.source_digest = job_.source_digest,
                         .references_digest = job_.references_digest,
                         .target_digest = job_.target_digest,
                         .pairs = job_.pairs,
                         .preset = job_.preset,
                         .settings = job_.settings,
                         .kind = job_.kind,
                         .masks_digest = job_.masks_digest};
    for (const std::string& stage : Stages(plan)) {
      if (IsOfModel(plan, stage)) continue;  // they are there
      absl::Status status = CheckLeastNumbers(KindOf(stage), known);
      if (!status.ok()) return status;
    }
    if (evaluates()) WarnOfEvidence(known);
    const int64_t trained_on = std::ssize(shape_.evaluated_shards) * kShardPairs;
    if (evaluates() && trained_on < job_.pairs) {
      job_.warnings.push_back(absl::StrCat("segmentation models are trained on ", trained_on,
                                           " of the ", job_.pairs,
                                           " pairs, spread evenly over them"));
    }
    return absl::OkStatus();
  }

  std::string KindOf(const std::string& stage) const {
    if (stage == "compare") return "generate";
    if (stage == "baseline") return "evaluate";
    return stage == "generate" && shape_.transfers ? "transfer" : stage;
  }

  // What is to be trained for a verdict that can't be given.
  void WarnOfEvidence(Quantities known) {
    known[Quantity::kRuns] = shape_.evaluation_runs;
    known.try_emplace(Quantity::kTargetStructures, left_in_target_);
    known[Quantity::kTargetStructures] =
        std::min(known[Quantity::kTargetStructures], left_in_target_);
    known[Quantity::kTargetGroups] =
        std::min(known[Quantity::kTargetStructures], groups_in_target_);
    int64_t steps = 0;
    if (absl::SimpleAtoi(job_.settings.at("evaluate.iterations"), &steps)) {
      known[Quantity::kRunSteps] = steps;
    }
    const std::vector<std::string> missing = MissingEvidence("downstream", known);
    if (missing.empty()) return;
    job_.warnings.push_back(
        absl::StrCat("the verdict on the downstream task will be `not measured`: ",
                     absl::StrJoin(missing, "; ")));
  }

  ServiceContext& context_;
  JobRecord& job_;
  JobShape shape_;
  ImagesOfJob source_, references_, target_, masks_;
  int64_t left_in_target_ = 0, groups_in_target_ = 0;
};

}  // namespace

absl::Status CheckJobData(ServiceContext& context, const v1::AlignSpec& spec, JobRecord& job) {
  for (const v1::ReferenceImage& reference : spec.references()) {
    const auto known = FingerprintText(reference.fingerprint(),
                                       absl::StrCat("spec.references '", reference.stem(), "'"));
    if (!known.ok()) return known.status();
  }
  return DataCheck(context, spec, job).Run();
}

}  // namespace alignflow
