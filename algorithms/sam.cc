#include "algorithms/sam.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/optim/gradients.h"
#include "proto/algorithm.pb.h"

namespace composer {

void climb(at::TensorList parameters, at::TensorList gradients, double rho, double epsilon) {
  if (parameters.empty()) return;
  const at::NoGradGuard no_grad;
  const at::Tensor scale = rho / (global_norm(gradients) + epsilon);
  at::_foreach_add_(parameters, at::_foreach_mul(gradients, scale));
}

// The weights at the peak, and back on destruction.
class SamOptimizer::Climb {
 public:
  explicit Climb(SamOptimizer& optimizer) : optimizer_(optimizer) {
    auto [parameters, gradients] = gradients_of(absl::MakeConstSpan(&optimizer.base_, 1));
    const at::NoGradGuard no_grad;
    for (const at::Tensor& parameter : parameters) {
      weights_.push_back(parameter.detach().clone());
    }
    parameters_ = std::move(parameters);
    climb(parameters_, gradients, optimizer.rho_, optimizer.epsilon_);
    optimizer_.at_peak_ = true;
  }
  ~Climb() {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].copy_(weights_[i]);
    optimizer_.at_peak_ = false;
  }

  Climb(const Climb&) = delete;
  Climb& operator=(const Climb&) = delete;

 private:
  SamOptimizer& optimizer_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> weights_;
};

SamOptimizer::SamOptimizer(std::unique_ptr<Optimizer> base, double rho, double epsilon)
    : base_(std::move(base)), rho_(rho), epsilon_(epsilon) {
  TORCH_CHECK_VALUE(!base_->evaluates_loss_repeatedly(),
                    "SAM cannot work with an optimizer that evaluates the loss repeatedly itself, "
                    "such as LBFGS");
}

at::Tensor SamOptimizer::step(const LossClosure& closure) {
  at::Tensor loss = closure();
  if (!loss.defined() || found_inf_on_host()) return loss;
  if (climbs_) {
    const Climb peak(*this);
    if (!closure().defined()) return {};
  }
  update();
  return loss;
}

void SamOptimizer::update_parameters() {
  base_->set_found_inf(found_inf());
  base_->update();
}

absl::StatusOr<std::unique_ptr<Algorithm>> Sam::create(const Config& config) {
  return try_make<Sam>(
      SamOptions{.rho = config.rho(), .epsilon = config.epsilon(), .interval = config.interval()});
}

Sam::Sam(SamOptions options) : options_(options) {
  const auto check = [](bool right, const char* field, const char* message) {
    if (!right) throw_if_error(field_error(field, message));
  };
  check(options.rho >= 0, "rho", "must not be negative");
  check(options.epsilon > 0, "epsilon", "must be above 0");
  check(options.interval >= 1, "interval", "must be at least 1");
}

AlgorithmTraits Sam::traits() const {
  return {.events = {Event::kAfterLoad, Event::kBatchStart, Event::kAfterTrainBatch},
          .paper = "Foret et al., 2020, arXiv:2010.01412"};
}

bool Sam::match(Event event, const State& state) const {
  return event == Event::kAfterLoad || event == Event::kBatchStart ||
         event == Event::kAfterTrainBatch;
}

void Sam::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kAfterLoad) return wrap(state);
  if (event == Event::kAfterTrainBatch) return keep_loss(state);
  optimizer_->set_climbs((state.timestamp.batch + 1) % options_.interval == 0);
}

void Sam::wrap(State& state) {
  if (state.optimizers.size() != 1) {
    throw_if_error(absl::FailedPreconditionError(
        absl::StrCat("SAM computes the loss twice for an optimizer, so there must be one; there "
                     "are ",
                     state.optimizers.size())));
  }
  // Loading a checkpoint is one more load.
  if (state.optimizers.front().get() == optimizer_) return;
  auto optimizer = std::make_unique<SamOptimizer>(std::move(state.optimizers.front()), options_.rho,
                                                  options_.epsilon);
  optimizer_ = optimizer.get();
  state.optimizers.front() = std::move(optimizer);
}

void Sam::keep_loss(State& state) {
  if (optimizer_->is_at_peak()) {
    state.loss = std::exchange(loss_, {});
  } else {
    loss_ = state.loss;
  }
}

COMPOSER_REGISTER(Algorithm, Sam);

}  // namespace composer
