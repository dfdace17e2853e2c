#include "composer/cli/replay_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "composer/base/json_number.h"

namespace composer {
namespace {

using Json = nlohmann::ordered_json;

// Of a list of samples, in lines for people.
constexpr size_t kShown = 8;

std::string shape_text(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// "[32, 16] float, 2 nan, others -1.5 to 3"
std::string describe(const TensorSummary& tensor) {
  std::string text = absl::StrCat(shape_text(tensor.shape), " ", tensor.dtype);
  if (tensor.nans > 0) absl::StrAppend(&text, ", ", tensor.nans, " nan");
  if (tensor.infinities > 0) absl::StrAppend(&text, ", ", tensor.infinities, " inf");
  if (tensor.finite_values > 0) {
    absl::StrAppend(&text, tensor.finite() ? ", " : ", the others ",
                    absl::StrFormat("%.6g to %.6g", tensor.min, tensor.max));
  }
  return text;
}

const char* kind_of(const BadValue& value) { return value.nan ? "NaN" : "infinity"; }

void append(std::vector<std::string>& lines, const BadValue& value, bool led_to_it) {
  if (value.op.empty()) {
    const TensorSummary& tensor = value.inputs.front();
    lines.push_back(absl::StrCat(
        led_to_it ? "it comes from " : "", tensor.name,
        led_to_it ? ", which held it from the start: " : " is not finite from the start: ",
        describe(tensor)));
    return;
  }
  std::string line =
      absl::StrCat(led_to_it ? "it comes from " : "", "the first ", kind_of(value),
                   led_to_it ? ", which " : " ", "arises in ", value.op, ", in the ", value.phase);
  if (!value.backward_node.empty()) absl::StrAppend(&line, " (", value.backward_node, ")");
  if (!value.callers.empty()) {
    absl::StrAppend(&line, ", called by ", absl::StrJoin(value.callers, " > "));
  }
  lines.push_back(std::move(line));
  for (size_t i = 0; i < value.inputs.size(); ++i) {
    const TensorSummary& input = value.inputs[i];
    lines.push_back(absl::StrCat("  input ", i, ": ", input.name.empty() ? "" : input.name + " ",
                                 describe(input)));
  }
}

bool knows_samples(const SavedStep& step) {
  return step.indices.has_value() &&
         static_cast<int64_t>(step.indices->size()) == step.data.num_samples();
}

// REQUIRES: knows_samples.
std::vector<int64_t> dataset_samples(const SavedStep& step, const ReplayReport& report) {
  std::vector<int64_t> samples;
  for (const int64_t row : report.bad_samples) samples.push_back((*step.indices)[row]);
  return samples;
}

// "nan"; "nan (ce nan, l2 3)" for a sum of terms.
std::string loss_text(const ReplayReport& report) {
  double total = 0;
  std::vector<std::string> terms;
  for (const auto& [name, value] : report.loss) {
    if (name == "total") return absl::StrCat(value);
    total += value;
    terms.push_back(absl::StrCat(name, " ", value));
  }
  return absl::StrCat(total, " (", absl::StrJoin(terms, ", "), ")");
}

std::string join_some(const std::vector<int64_t>& numbers) {
  std::string text = absl::StrJoin(absl::MakeConstSpan(numbers).subspan(0, kShown), ", ");
  if (numbers.size() > kShown) absl::StrAppend(&text, ", ... (", numbers.size(), " in all)");
  return text;
}

Json json_of(const BadValue& value) {
  Json json;
  json["value"] = value.nan ? "nan" : "inf";
  json["operator"] = value.op.empty() ? Json(nullptr) : Json(value.op);
  json["called_by"] = value.callers;
  json["phase"] = value.phase;
  json["backward_node"] = value.backward_node.empty() ? Json(nullptr) : Json(value.backward_node);
  json["inputs"] = Json::array();
  for (const TensorSummary& input : value.inputs) {
    Json& entry = json["inputs"].emplace_back();
    entry["name"] = input.name.empty() ? Json(nullptr) : Json(input.name);
    entry["dtype"] = input.dtype;
    entry["shape"] = input.shape;
    entry["min"] = input.finite_values > 0 ? Json(input.min) : Json(nullptr);
    entry["max"] = input.finite_values > 0 ? Json(input.max) : Json(nullptr);
    entry["nan"] = input.nans;
    entry["inf"] = input.infinities;
  }
  return json;
}

}  // namespace

std::vector<std::string> replay_lines(const SavedStep& step, const ReplayReport& report) {
  std::vector<std::string> lines = {
      absl::StrCat("batch ", step.batch, " (epoch ", step.epoch, ") was bad: ", step.reason)};
  std::string again = "taken again";
  if (!report.loss.empty()) absl::StrAppend(&again, ", the loss is ", loss_text(report));
  if (!report.parameters.empty()) {
    absl::StrAppend(&again, ", and ", report.parameters.size(),
                    report.parameters.size() == 1 ? " gradient is" : " gradients are",
                    " not finite: that of ", report.parameters.front(),
                    report.parameters.size() == 1 ? "" : ", ...");
  }
  lines.push_back(std::move(again));
  if (!report.reproduced) {
    lines.push_back(absl::StrFormat(
        "every number is finite this time (gradient norm %.6g): it is not reproduced",
        report.grad_norm));
  }
  if (!report.error.empty()) lines.push_back("the step ended early: " + report.error);
  for (size_t i = report.origin.size(); i-- > 0;) {
    append(lines, report.origin[i], /*led_to_it=*/i + 1 < report.origin.size());
  }
  if (report.reproduced && report.origin.empty()) {
    lines.push_back("no operator was seen to make it: it comes from code that uses none");
  }
  if (!report.bad_samples.empty()) {
    lines.push_back(
        knows_samples(step)
            ? absl::StrCat("samples of the dataset whose \"", report.bad_input,
                           "\" is not finite: ", join_some(dataset_samples(step, report)))
            : absl::StrCat("samples of the batch whose \"", report.bad_input,
                           "\" is not finite: ", join_some(report.bad_samples)));
  }
  if (!report.anomaly.empty()) lines.push_back("anomaly mode: " + report.anomaly);
  return lines;
}

std::string replay_json(absl::string_view folder, const SavedStep& step,
                        const ReplayReport& report) {
  Json json;
  json["dir"] = std::string(folder);
  json["epoch"] = step.epoch;
  json["batch"] = step.batch;
  json["reason"] = step.reason;
  json["reproduced"] = report.reproduced;
  json["loss"] = Json::object();
  for (const auto& [name, value] : report.loss) json["loss"][name] = json_number(value);
  json["grad_norm"] = report.parameters.empty() ? json_number(report.grad_norm) : Json(nullptr);
  json["parameters"] = report.parameters;
  json["found"] = report.origin.empty() ? Json(nullptr) : json_of(report.origin.back());
  json["led_to_it"] = Json::array();
  for (size_t i = 0; i + 1 < report.origin.size(); ++i) {
    json["led_to_it"].push_back(json_of(report.origin[i]));
  }
  json["bad_samples"] = report.bad_samples;
  json["bad_indices"] = knows_samples(step) ? Json(dataset_samples(step, report)) : Json(nullptr);
  json["anomaly"] = report.anomaly.empty() ? Json(nullptr) : Json(report.anomaly);
  json["error"] = report.error.empty() ? Json(nullptr) : Json(report.error);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace composer
