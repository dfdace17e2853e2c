#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/run.pb.h"

namespace composer {

/// Copies the weights that `config` describes into a model. One line of the log says how many, and
/// which names of the file and of the model were passed over; what `strict: false` lets pass is a
/// warning. A checkpoint's folder is verified first.
///
/// Errors carry the field they are about, "path" or "rename[0].pattern" (see base/status.h), and
/// the model is unchanged. Weights of which the model has none are one, strict or not.
absl::Status init_from(torch::nn::Module& model, const config::InitFrom& config);

/// The names under which it looks for its tensors in a model.
absl::StatusOr<std::vector<std::string>> init_from_names(const config::InitFrom& config);

}  // namespace composer
