#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/run.pb.h"

namespace composer {

/// The weights that a config gives a model to start from: its `weights` or `init_from`.
///
/// Some are of the model as it was built, such as those of a library; others of what the run's
/// algorithms make of it at init, such as those that a run with squeeze_excite leaves. Their names
/// tell which: they are loaded before init, and where more of them are the model's after it, again.
class InitialWeights {
 public:
  /// InvalidArgument where a config gives both.
  static absl::Status check(const config::Run& run);

  explicit InitialWeights(const config::Run& run) : run_(run) {}

  /// Before init. With `may_change`, which says that algorithms act at init, weights that do not
  /// fit are left to load_changed. Errors carry the field that they are about (see base/status.h).
  absl::Status load(torch::nn::Module& model, bool may_change);

  /// After init. The error is of the one of both models that more of the names fit.
  absl::Status load_changed(torch::nn::Module& model) const;

 private:
  absl::Status copy_to(torch::nn::Module& model) const;

  config::Run run_;
  // Of the tensors that are to be loaded, as the model calls them.
  std::vector<std::string> names_;
  // What the first load came to.
  size_t fitting_ = 0;
  absl::Status first_;
};

}  // namespace composer
