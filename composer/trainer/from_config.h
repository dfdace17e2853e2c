#pragma once

#include "absl/status/statusor.h"
#include "composer/core/registries.h"
#include "composer/trainer/trainer.h"
#include "proto/run.pb.h"

namespace composer {

/// The options that a config describes: everything is built, with the model's weights drawn from
/// the config's seed or read from its `weights` or `init_from`. `threads` is resolved to a number.
///
/// Errors carry the path of the field that they are about, "train.batch_size" (see base/status.h).
/// Without `train`, `optimizer` or `max_duration` the trainer can evaluate and predict only.
absl::StatusOr<TrainerOptions> build_trainer_options(const config::Run& run,
                                                     const RunContext& context);

/// The loader of `composer predict`: the config's `predict`, or its first evaluator's data.
absl::StatusOr<std::shared_ptr<DataLoader>> build_predict_loader(const config::Run& run);

}  // namespace composer
