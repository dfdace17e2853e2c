#include "composer/callbacks/nan_monitor.h"

#include <ATen/ops/item.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/exceptions.h"
#include "composer/base/interval.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"

namespace composer {

absl::StatusOr<std::unique_ptr<NaNMonitor>> NaNMonitor::create(const Config& config) {
  const absl::StatusOr<Time> interval = Time::parse(config.interval());
  if (!interval.ok()) return in_field("interval", interval.status());
  if (interval->unit() != TimeUnit::kBatch) {
    return field_error("interval", absl::StrCat("is ", interval->to_string(),
                                                "; it must be in batches, such as \"10ba\""));
  }
  return std::make_unique<NaNMonitor>(*interval);
}

void NaNMonitor::after_train_batch(State& state, Logger& logger) {
  const Timestamp& before = state.timestamp;
  if (!crosses(interval_, before, before.next_batch(0))) return;
  const at::Tensor total = state.loss.total();
  if (!total.defined() || std::isfinite(total.item<double>())) return;

  std::vector<std::string> values;
  for (const auto& [name, term] : state.loss.terms()) {
    values.push_back(absl::StrCat(name, " ", Loss(term).total().item<double>()));
  }
  throw StatusError(diverged_error(
      absl::StrCat("the training loss is not finite: ", absl::StrJoin(values, ", "))));
}

COMPOSER_REGISTER(Callback, NaNMonitor);

}  // namespace composer
