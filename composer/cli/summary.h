#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "composer/trainer/trainer.h"

namespace composer {

/// "1,234,567".
std::string with_commas(int64_t value);

/// What is about to run, in lines: versions, device, threads, precision, trained parameters.
std::vector<std::string> start_summary(const Trainer& trainer, absl::string_view model_name);

/// What a run did, in lines: how far it came, how fast, the last values of the evaluators.
std::vector<std::string> end_summary(const Trainer& trainer);

/// Where the time went, in lines: each algorithm and event.
std::vector<std::string> timing_summary(const Trainer& trainer);

/// One JSON object: how far training came and the last values of the evaluators, by the names in
/// metrics.jsonl. `run_dir` comes first when it is not empty.
std::string result_json(const State& state, absl::string_view run_dir);

/// One JSON object of evaluation results.
std::string metrics_json(const std::map<std::string, MetricValues>& results);

}  // namespace composer
