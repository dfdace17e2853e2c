#include "composer/core/evaluation_mode.h"

namespace composer {

EvaluationMode::EvaluationMode(torch::nn::Module& model) : modules_(model.modules()) {
  for (const auto& module : modules_) was_training_.push_back(module->is_training());
  model.eval();
}

EvaluationMode::~EvaluationMode() {
  // Parents come before their children, which take over what is set for the parent.
  for (size_t i = 0; i < modules_.size(); ++i) modules_[i]->train(was_training_[i]);
}

}  // namespace composer
