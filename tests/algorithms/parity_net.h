#pragma once

#include <memory>
#include <string>
#include <vector>

#include "composer/core/algorithm.h"
#include "composer/nn/layer.h"
#include "composer/nn/slot.h"
#include "models/classifier.h"

namespace composer::testing {

/// The tensor called `name` in tests/golden/algorithms/runs.safetensors; in single precision where
/// it is in half.
at::Tensor run_golden(const std::string& name);

/// The net of make_runs.py, with the weights that its runs begin with. Convolutions, batch norms
/// and the pooling are in slots.
class ParityNet final : public Classifier, public SlotOwner {
 public:
  ParityNet();
  at::Tensor logits(const at::Tensor& input) override;

 private:
  Slot<Layer> conv1_;
  Slot<Layer> bn1_;
  Slot<Layer> maxpool_;
  Slot<Layer> conv2_;
  Slot<Layer> bn2_;
  Slot<Layer> fc_;
};

/// Trains it on the batches of make_runs.py, and expects the losses and the evaluations of
/// Composer's run called `name` to 1e-4 relative. `microbatch`: samples; 0 for the whole batch.
void expect_composers_losses(const std::string& name,
                             std::vector<std::unique_ptr<Algorithm>> algorithms,
                             int64_t microbatch = 0);

}  // namespace composer::testing
