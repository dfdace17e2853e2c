#include "algorithms/alibi.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/embedding.h>

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/nn/learnt_positions.h"
#include "composer/nn/self_attention.h"
#include "composer/nn/surgery.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

std::vector<double> slopes(int64_t num_heads) {
  int64_t power = 1;
  while (2 * power <= num_heads) power *= 2;
  std::vector<double> slopes;
  for (int64_t i = 1; i <= power; ++i) {
    slopes.push_back(std::exp2(-8.0 * static_cast<double>(i) / static_cast<double>(power)));
  }
  for (int64_t i = 1; static_cast<int64_t>(slopes.size()) < num_heads; i += 2) {
    slopes.push_back(std::exp2(-4.0 * static_cast<double>(i) / static_cast<double>(power)));
  }
  return slopes;
}

// Zero for every position, and never anything else.
class NoPositions final : public torch::nn::EmbeddingImpl, public Layer {
 public:
  explicit NoPositions(const at::Tensor& weight)
      : EmbeddingImpl(torch::nn::EmbeddingOptions(weight.size(0), weight.size(1))._weight(weight)) {
    this->weight.set_requires_grad(false);
  }

  at::Tensor forward(const at::Tensor& input) override { return EmbeddingImpl::forward(input); }
};

void forget_positions(torch::nn::Module& model, int64_t max_sequence_length,
                      absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  std::map<const torch::nn::Module*, LearntPositions*> learnt;
  for (const auto& module : model.modules()) {
    auto* const positions = dynamic_cast<LearntPositions*>(module.get());
    if (positions == nullptr) continue;
    const torch::nn::Module* const embedding = positions->position_embedding().module().get();
    if (dynamic_cast<const NoPositions*>(embedding) == nullptr) learnt[embedding] = positions;
  }
  const LayerRule rule = {
      .replacement = [&](const std::shared_ptr<torch::nn::Module>& layer,
                         const std::string& name) -> std::shared_ptr<torch::nn::Module> {
        if (learnt.count(layer.get()) == 0) return nullptr;
        const auto* const embedding = dynamic_cast<const torch::nn::EmbeddingImpl*>(layer.get());
        TORCH_CHECK_NOT_IMPLEMENTED(embedding != nullptr, "Alibi cannot take the place of \"", name,
                                    "\", a ", layer_type(*layer), " and no Embedding");
        return std::make_shared<NoPositions>(
            at::zeros({max_sequence_length, embedding->weight.size(1)}, at::kFloat));
      },
      .is_done =
          [](const torch::nn::Module& layer) {
            return dynamic_cast<const NoPositions*>(&layer) != nullptr;
          }};
  const std::vector<LayerReplacement> replaced = replace_layers(model, {rule}, optimizers);
  for (const auto& [layer, positions] : learnt) positions->set_max_positions(max_sequence_length);
  if (!replaced.empty()) report_surgery("Alibi", "position embeddings", false, replaced);
}

std::vector<SelfAttention*> attentions(torch::nn::Module& model) {
  std::vector<SelfAttention*> result;
  for (const auto& module : model.modules()) {
    if (auto* const found = dynamic_cast<SelfAttention*>(module.get())) result.push_back(found);
  }
  return result;
}

bool has_linear_biases(torch::nn::Module& model) {
  for (const SelfAttention* attention : attentions(model)) {
    if (attention->linear_biases() != nullptr) return true;
  }
  return false;
}

// Lengths are of some thousand tokens: what is this near to a whole number is one.
constexpr double kRounding = 1e-6;

int64_t scaled_length(const at::Tensor& tokens, double scaling) {
  const double wanted = static_cast<double>(tokens.size(1)) * scaling;
  const auto length = static_cast<int64_t>(std::llround(wanted));
  TORCH_CHECK_VALUE(length >= 1 && std::abs(wanted - static_cast<double>(length)) < kRounding,
                    "sequences of ", tokens.size(1), " tokens cannot become ", wanted,
                    " tokens long: choose a train_sequence_length_scaling, now ", scaling,
                    ", that gives whole lengths, or batches of other lengths");
  TORCH_CHECK_VALUE(tokens.numel() % length == 0, tokens.size(0), " sequences of ", tokens.size(1),
                    " tokens cannot be cut into sequences of ", length,
                    ": choose another train_sequence_length_scaling than ", scaling,
                    ", or batches of another size");
  return length;
}

}  // namespace

at::Tensor alibi_slopes(int64_t num_heads) {
  TORCH_CHECK_VALUE(num_heads >= 1, "attention has at least one head, not ", num_heads);
  return at::tensor(slopes(num_heads), at::kFloat);
}

int64_t apply_alibi(torch::nn::Module& model, int64_t max_sequence_length,
                    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  std::vector<SelfAttention*> plain;
  for (SelfAttention* attention : attentions(model)) {
    if (attention->linear_biases() == nullptr) plain.push_back(attention);
  }
  if (plain.empty()) return 0;
  forget_positions(model, max_sequence_length, optimizers);
  std::map<std::pair<int64_t, bool>, std::shared_ptr<LinearBiases>> biases;
  for (SelfAttention* attention : plain) {
    auto& shared = biases[{attention->num_heads(), attention->is_causal()}];
    if (shared == nullptr) {
      shared = std::make_shared<LinearBiases>(alibi_slopes(attention->num_heads()));
    }
    attention->set_linear_biases(shared);
  }
  return static_cast<int64_t>(plain.size());
}

Batch scale_sequence_length(const Batch& batch, double scaling) {
  if (scaling == 1) return batch;
  const at::Tensor* const tokens = batch.find("input_ids");
  TORCH_CHECK_VALUE(tokens != nullptr && tokens->dim() == 2,
                    "expected a batch with input_ids, [sequences, tokens]");
  const int64_t length = scaled_length(*tokens, scaling);
  Batch result;
  for (const auto& [name, tensor] : batch) {
    if (tensor.dim() == 0) {
      result.set(name, tensor);
      continue;
    }
    TORCH_CHECK_VALUE(
        tensor.dim() >= 2 && tensor.size(0) == tokens->size(0) && tensor.size(1) == tokens->size(1),
        "\"", name, "\" of shape ", tensor.sizes(), " cannot be cut as input_ids of shape ",
        tokens->sizes(),
        " are: set train_sequence_length_scaling to 1, which leaves batches as they "
        "are");
    std::vector<int64_t> sizes = tensor.sizes().vec();
    sizes[0] = tokens->numel() / length;
    sizes[1] = length;
    result.set(name, tensor.reshape(sizes));
  }
  return result;
}

absl::StatusOr<std::unique_ptr<Algorithm>> Alibi::create(const Config& config) {
  return try_make<Alibi>(
      AlibiOptions{.max_sequence_length = config.max_sequence_length(),
                   .train_sequence_length_scaling = config.train_sequence_length_scaling()},
      config.must_match());
}

Alibi::Alibi(AlibiOptions options, bool must_match) : options_(options), must_match_(must_match) {
  if (options_.max_sequence_length < 1) {
    throw_if_error(field_error("max_sequence_length", absl::StrCat("must be at least 1, not ",
                                                                   options_.max_sequence_length)));
  }
  const double scaling = options_.train_sequence_length_scaling;
  if (!(scaling > 0 && std::isfinite(scaling))) {
    throw_if_error(field_error("train_sequence_length_scaling",
                               absl::StrCat("must be a number above 0, not ", scaling)));
  }
}

AlgorithmTraits Alibi::traits() const {
  AlgorithmTraits traits{.events = {Event::kInit}, .paper = "Press et al., 2021, arXiv:2108.12409"};
  if (options_.train_sequence_length_scaling != 1) traits.events.push_back(Event::kAfterDataloader);
  return traits;
}

bool Alibi::match(Event event, const State& state) const {
  if (event == Event::kInit) return true;
  return event == Event::kAfterDataloader && applied_ &&
         options_.train_sequence_length_scaling != 1;
}

void Alibi::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kInit) return change_model(state);
  state.batch = scale_sequence_length(state.batch, options_.train_sequence_length_scaling);
}

void Alibi::change_model(State& state) {
  const int64_t changed = apply_alibi(*state.model, options_.max_sequence_length, state.optimizers);
  applied_ = has_linear_biases(*state.model);
  if (changed > 0) {
    LOG(INFO) << name() << " gave " << changed << " attention layers linear biases";
    return;
  }
  const std::string problem = absl::StrCat(
      name(), " has no effect: the model has no attention layers that it has not changed already");
  TORCH_CHECK_VALUE(!must_match_, problem, " (composer/nn/self_attention.h)");
  LOG(WARNING) << problem;
}

COMPOSER_REGISTER(Algorithm, Alibi);

}  // namespace composer
