#include "algorithms/channels_last.h"

#include "composer/base/logging.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/nn/memory_format.h"
#include "proto/algorithm.pb.h"

namespace composer {

int apply_channels_last(torch::nn::Module& model) {
  int changed = 0;
  const auto lay_out = [&](std::vector<at::Tensor> tensors) {
    for (at::Tensor& tensor : tensors) {
      if (tensor.dim() != 4) continue;
      tensor.set_data(in_memory_format(tensor.detach(), at::MemoryFormat::ChannelsLast));
      ++changed;
    }
  };
  lay_out(model.parameters());
  lay_out(model.buffers());
  return changed;
}

absl::StatusOr<std::unique_ptr<Algorithm>> ChannelsLast::create(const Config& config) {
  return std::make_unique<ChannelsLast>();
}

AlgorithmTraits ChannelsLast::traits() const {
  return {.events = {Event::kInit},
          .paper = "PyTorch, docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html"};
}

bool ChannelsLast::match(Event event, const State& state) const { return event == Event::kInit; }

void ChannelsLast::apply(Event event, State& state, Logger& logger) {
  const int changed = apply_channels_last(*state.model);
  LOG_IF(WARNING, changed == 0) << "ChannelsLast changes nothing: the model has no weights of four "
                                   "dimensions, as 2d convolutions have";
}

COMPOSER_REGISTER(Algorithm, ChannelsLast);

}  // namespace composer
