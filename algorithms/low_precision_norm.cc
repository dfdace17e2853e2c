#include "algorithms/low_precision_norm.h"

#include <ATen/autocast_mode.h>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/precisions.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {

at::Tensor to_autocast_dtype(const at::Tensor& tensor) {
  if (!tensor.defined() || !at::autocast::is_autocast_enabled(tensor.device().type())) {
    return tensor;
  }
  return tensor.to(at::autocast::get_autocast_dtype(tensor.device().type()));
}

LowPrecisionNorm::LowPrecisionNorm(Event apply_at, bool must_match)
    : apply_at_(apply_at), must_match_(must_match) {
  if (apply_at != Event::kInit && apply_at != Event::kBeforeLoad && apply_at != Event::kAfterLoad) {
    throw_if_error(field_error(
        "apply_at",
        absl::StrCat("must be init, before_load or after_load, not ", event_name(apply_at))));
  }
}

AlgorithmTraits LowPrecisionNorm::traits() const {
  return {.events = {apply_at_},
          .order = AlgorithmTraits::Order::kLast,
          .paper = "MosaicML, 2022, docs.mosaicml.com, method card Low Precision LayerNorm"};
}

bool LowPrecisionNorm::match(Event event, const State& state) const { return event == apply_at_; }

void LowPrecisionNorm::apply(Event event, State& state, Logger& logger) {
  if (state.precision != Precision::kAmpBf16 && state.precision != Precision::kAmpFp16) {
    LOG(WARNING) << name() << " has no effect: it applies to the precisions amp_bf16 and amp_fp16, "
                 << "and the run's is " << precision_name(state.precision);
    return;
  }
  report_surgery(name(), layers(), must_match_, replace(*state.model, state.optimizers));
}

Event event_of_apply_at(int apply_at) {
  if (apply_at == config::BEFORE_LOAD) return Event::kBeforeLoad;
  return apply_at == config::AFTER_LOAD ? Event::kAfterLoad : Event::kInit;
}

}  // namespace composer
