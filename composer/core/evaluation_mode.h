#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <vector>

namespace composer {

/// A model in evaluation mode while this lives; then every module has its own mode back, those that
/// were frozen in evaluation mode included.
class EvaluationMode {
 public:
  explicit EvaluationMode(torch::nn::Module& model);
  ~EvaluationMode();

  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  std::vector<std::shared_ptr<torch::nn::Module>> modules_;
  std::vector<bool> was_training_;
};

}  // namespace composer
