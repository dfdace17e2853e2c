#include "composer/cli/summary.h"

#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "composer/base/json_text.h"
#include "composer/base/version.h"
#include "composer/core/precisions.h"
#include "composer/loggers/progress_text.h"

namespace composer {
namespace {

std::string counted(int64_t count, absl::string_view noun) {
  return absl::StrCat(with_commas(count), " ", noun, count == 1 ? "" : "s");
}

void append_metrics(std::string& json, const std::map<std::string, MetricValues>& results) {
  for (const auto& [label, values] : results) {
    for (const auto& [name, value] : values) {
      if (json.back() != '{') json.push_back(',');
      append_json_string(json, absl::StrCat("metrics/", label, "/", name));
      json.push_back(':');
      append_json_number(json, value);
    }
  }
}

}  // namespace

std::string with_commas(int64_t value) {
  std::string digits = absl::StrCat(value);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(at, ",");
  return digits;
}

std::vector<std::string> start_summary(const Trainer& trainer, absl::string_view model_name) {
  const State& state = trainer.state();
  int64_t parameters = 0;
  for (const auto& optimizer : state.optimizers) {
    for (const ParameterGroup& group : optimizer->groups()) {
      for (const NamedParameter& parameter : group.parameters) {
        parameters += parameter.tensor.numel();
      }
    }
  }
  return {absl::StrCat("composer ", kVersion, ", LibTorch ", TORCH_VERSION, ", ",
                       state.device.str(), ", ", counted(at::get_num_threads(), "thread"), ", ",
                       precision_name(state.precision)),
          absl::StrCat("model ", model_name, ", ", counted(parameters, "trained parameter"))};
}

std::vector<std::string> end_summary(const Trainer& trainer) {
  const State& state = trainer.state();
  const Timestamp& now = state.timestamp;
  const double seconds = absl::ToDoubleSeconds(now.total_wct);
  std::vector<std::string> lines;
  std::string line =
      absl::StrCat("trained ", counted(now.epoch, "epoch"), ", ", with_commas(now.batch),
                   now.batch == 1 ? " batch" : " batches", ", ", counted(now.sample, "sample"),
                   " in ", format_duration(seconds));
  if (seconds > 0) {
    absl::StrAppend(&line, " (", format_count(static_cast<double>(now.sample) / seconds),
                    " samples/s)");
  }
  if (state.skipped.batches > 0) {
    absl::StrAppend(&line, ", ", with_commas(state.skipped.batches), " of the batches left out");
  }
  lines.push_back(std::move(line));
  for (const auto& [label, values] : state.eval_metrics) {
    lines.push_back(absl::StrCat(
        label, ": ", absl::StrJoin(values, ", ", [](std::string* out, const auto& metric) {
          absl::StrAppend(out, metric.first, " ", format_metric(metric.second));
        })));
  }
  return lines;
}

std::vector<std::string> timing_summary(const Trainer& trainer) {
  // In the order of the algorithms in the config, not of their addresses.
  std::vector<std::string> lines;
  for (const auto& algorithm : trainer.state().algorithms) {
    for (const auto& [key, timing] : trainer.engine().timings()) {
      if (key.first != algorithm.get()) continue;
      lines.push_back(absl::StrFormat("%s at %s: %d times, %.3f s", algorithm->name(),
                                      event_name(key.second), timing.runs,
                                      absl::ToDoubleSeconds(timing.total)));
    }
  }
  return lines;
}

std::string result_json(const State& state, absl::string_view run_dir) {
  std::string json = "{";
  if (!run_dir.empty()) {
    json += "\"run_dir\":";
    append_json_string(json, run_dir);
    json += ",";
  }
  const Timestamp& now = state.timestamp;
  absl::StrAppend(&json, "\"epoch\":", now.epoch, ",\"batch\":", now.batch,
                  ",\"sample\":", now.sample);
  append_metrics(json, state.eval_metrics);
  return json + "}";
}

std::string metrics_json(const std::map<std::string, MetricValues>& results) {
  std::string json = "{";
  append_metrics(json, results);
  return json + "}";
}

}  // namespace composer
