#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <string>
#include <vector>

#include "composer/core/model.h"
#include "composer/trainer/trainer.h"

namespace composer::testing {

/// The tensor called `name` in tests/golden/algorithms/weight_runs.txt.
at::Tensor weight_run(const std::string& name);

/// The net of make_weight_runs.py, with the weights that its runs begin with.
class RunNet final : public ComposerModel {
 public:
  RunNet();
  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;

 private:
  torch::nn::Linear fc1_{nullptr};
  torch::nn::BatchNorm1d bn_{nullptr};
  torch::nn::Linear fc2_{nullptr};
};

/// What make_weight_runs.py writes down of a run.
struct RunLosses {
  /// One for each forward pass of training.
  std::vector<float> losses;
  /// After each batch.
  std::vector<float> evaluations;
};

/// The run of make_weight_runs.py: its net, batches, optimizer and duration.
TrainerOptions run_options(std::vector<std::unique_ptr<Algorithm>> algorithms,
                           RunLosses* recorded = nullptr);

/// Trains it, and expects Composer's losses of the run called `name` to 1e-4 relative. Returns the
/// trainer.
std::unique_ptr<Trainer> expect_composers_run(const std::string& name,
                                              std::vector<std::unique_ptr<Algorithm>> algorithms);

/// Expects that `tensors`, by name, are those of the golden run "sam/final", say.
void expect_near_run(const StateDict& tensors, const std::string& run);

/// The model's parameters and buffers.
StateDict weights_of(const Trainer& trainer);

template <typename... Algorithms>
std::vector<std::unique_ptr<Algorithm>> list_of(std::unique_ptr<Algorithms>... algorithms) {
  std::vector<std::unique_ptr<Algorithm>> list;
  (list.push_back(std::move(algorithms)), ...);
  return list;
}

}  // namespace composer::testing
